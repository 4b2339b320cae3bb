"""Issues, their comments and labels."""

from callgate_practice.github import shapes, state
from callgate_practice.github.repos import repository
from callgate_practice.github.state import link, name_of
from callgate_practice.github.tools import DELETE, ONE, READ, TOOLS, WRITE, invalid, not_found, only
from callgate_practice.reply import JSON, ToolFailure, json_text, text
from callgate_practice.world import World

NAMED = "owner* repo* issue_number*:number"


def issue(world: World, given: JSON, what: str = "get issue", verb: str = "GET") -> JSON:
    key = f"{name_of(given)}#{int(given['issue_number'])}"
    found = world.get("issue", key)
    if found is None:
        raise not_found(what, verb, f"/repos/{name_of(given)}/issues/{int(given['issue_number'])}")
    return found


def _comments(world: World, item: JSON) -> list[JSON]:
    rows = world.every("comment", repo=item["repo"], number=item["number"])
    return [shapes.comment(row, f"{link(item)}#issuecomment-{row['id']}") for row in rows]


@TOOLS.tool(
    "list_issues",
    "Issues of one repository.",
    "owner* repo* state=OPEN|CLOSED labels:strings orderBy=CREATED_AT|UPDATED_AT|COMMENTS direction=ASC|DESC since"
    " after fields:strings field_filters:objects perPage:number",
    READ,
)
def list_issues(world: World, given: JSON) -> JSON:
    repository(world, given, "list issues")
    rows = [one for one in world.every("issue", repo=name_of(given)) if not one.get("pull")]
    if "state" in given:
        rows = [one for one in rows if one["state"] == given["state"].lower()]
    rows = [one for one in rows if set(given.get("labels", ())) <= set(one["labels"])]
    start = int(given.get("after") or 0)
    page = rows[start : start + int(given.get("perPage", 30))]
    more = start + len(page) < len(rows)
    shown = [only(shapes.minimal_issue(one, len(_comments(world, one))), given) for one in page]
    info = {"hasNextPage": more, "endCursor": str(start + len(page))}
    return json_text({"issues": shown, "totalCount": len(rows), "pageInfo": info})


@TOOLS.tool(
    "issue_read",
    "One issue, its comments, labels or sub-issues.",
    "method*=get|get_comments|get_sub_issues|get_parent|get_labels " + NAMED + " page:number perPage:number",
    READ,
)
def issue_read(world: World, given: JSON) -> JSON:
    item, method = issue(world, given), given["method"]
    if method == "get_comments":
        return json_text(_comments(world, item))
    if method == "get_labels":
        return json_text({"labels": [{"name": name} for name in item["labels"]], "totalCount": len(item["labels"])})
    if method in ("get_sub_issues", "get_parent"):
        return json_text([] if method == "get_sub_issues" else {"parent": None})
    return json_text(shapes.minimal_issue(item, len(_comments(world, item))))


FIELDS = ("title", "body", "labels", "assignees", "milestone", "state", "state_reason", "type")
WRITTEN = (
    "title body labels:strings assignees:strings milestone:number type:string? state=open|closed"
    " state_reason=completed|not_planned|duplicate duplicate_of:number issue_fields:objects"
)


def _create(world: World, given: JSON) -> JSON:
    repository(world, given, "create issue", "POST")
    if not given.get("title"):
        raise ToolFailure("missing required parameter: title")
    fields = {name: given[name] for name in ("body", "labels", "assignees", "milestone") if name in given}
    made = state.add_issue(world, name_of(given), given["title"], **fields)
    return json_text(state.minimal(made["id"], link(made)))


def _update(world: World, given: JSON, **fields: object) -> JSON:
    item = issue(world, given, "update issue", "PATCH")
    item.update(fields)
    if item["state"] == "open":
        item["state_reason"] = None
    state.touch(world, item)
    return json_text(state.minimal(item["id"], link(item)))


@TOOLS.tool(
    "issue_write",
    "Open an issue or change one.",
    "method*=create|update owner* repo* issue_number:number " + WRITTEN,
    WRITE,
)
def issue_write(world: World, given: JSON) -> JSON:
    if given["method"] == "create":
        return _create(world, given)
    if "issue_number" not in given:
        raise ToolFailure("missing required parameter: issue_number")
    return _update(world, given, **{name: given[name] for name in FIELDS if name in given})


@TOOLS.tool("create_issue", "Open an issue.", "owner* repo* title* body", ONE)
def create_issue(world: World, given: JSON) -> JSON:
    return _create(world, given)


@TOOLS.tool("update_issue_title", "Rename an issue.", NAMED + " title*", ONE)
def update_issue_title(world: World, given: JSON) -> JSON:
    return _update(world, given, title=given["title"])


@TOOLS.tool("update_issue_body", "Write an issue's text.", NAMED + " body*", ONE)
def update_issue_body(world: World, given: JSON) -> JSON:
    return _update(world, given, body=given["body"])


@TOOLS.tool("update_issue_assignees", "Say who works on an issue.", NAMED + " assignees*:strings", ONE)
def update_issue_assignees(world: World, given: JSON) -> JSON:
    return _update(world, given, assignees=given["assignees"])


@TOOLS.tool(
    "update_issue_state",
    "Close or reopen an issue.",
    NAMED + " state*=open|closed state_reason=completed|not_planned|duplicate duplicate_of:number"
    " confidence=LOW|MEDIUM|HIGH is_suggestion:boolean rationale",
    ONE,
)
def update_issue_state(world: World, given: JSON) -> JSON:
    return _update(world, given, state=given["state"], state_reason=given.get("state_reason"))


@TOOLS.tool(
    "add_issue_comment",
    "Comment on an issue or a pull request.",
    NAMED + " body comment_id:integer reaction=+1|-1|laugh|confused|heart|hooray|rocket|eyes",
    WRITE,
)
def add_issue_comment(world: World, given: JSON) -> JSON:
    item = issue(world, given, "create comment", "POST")
    if not given.get("body"):
        raise ToolFailure("missing required parameter: body")
    made = state.add_comment(world, item["repo"], item["number"], given["body"])
    state.touch(world, item)
    return json_text(state.minimal(made["id"], f"{link(item)}#issuecomment-{made['id']}"))


@TOOLS.tool("list_label", "Labels of a repository.", "owner* repo*", READ)
def list_label(world: World, given: JSON) -> JSON:
    rows = world.every("label", repo=name_of(given))
    shown = [{name: row[name] for name in ("name", "color", "description")} for row in rows]
    return json_text({"labels": shown, "totalCount": len(shown)})


@TOOLS.tool(
    "label_write",
    "Make, change or delete a label.",
    "method*=create|update|delete owner* repo* name* new_name color description",
    DELETE,
)
def label_write(world: World, given: JSON) -> JSON:
    repo, name = name_of(given), given["name"]
    repository(world, given, "write label")
    path, held = f"/repos/{repo}/labels/{name}", world.get("label", f"{repo}:{name}")
    if given["method"] == "create":
        if held is not None:
            raise invalid("create label", "POST", path, "already_exists")
        fresh = {"repo": repo, "name": name, "color": given.get("color", "ededed")}
        world.put("label", f"{repo}:{name}", {**fresh, "description": given.get("description", "")})
        return text(f"label '{name}' created successfully")
    if held is None:
        raise not_found("find label", "GET", path)
    world.drop("label", f"{repo}:{name}")
    if given["method"] == "update":
        later = given.get("new_name", name)
        fields: JSON = {key: given[key] for key in ("color", "description") if key in given}
        world.put("label", f"{repo}:{later}", {**held, **fields, "name": later})
    return text(f"label '{name}' {given['method']}d successfully")
