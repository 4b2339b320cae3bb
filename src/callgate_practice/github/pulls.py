"""Pull requests: open, change, merge, read."""

from callgate_practice.github import shapes, state
from callgate_practice.github.repos import repository
from callgate_practice.github.state import link, name_of
from callgate_practice.github.tools import READ, TOOLS, WRITE, invalid, not_found, only, paged
from callgate_practice.reply import JSON, json_text
from callgate_practice.world import World

NAMED = "owner* repo* pullNumber*:number"


def pull(world: World, given: JSON, what: str = "get pull request", verb: str = "GET") -> JSON:
    found = world.get("issue", f"{name_of(given)}#{int(given['pullNumber'])}")
    if found is None or not found.get("pull"):
        raise not_found(what, verb, f"/repos/{name_of(given)}/pulls/{int(given['pullNumber'])}")
    return found


@TOOLS.tool(
    "list_pull_requests",
    "Pull requests of one repository.",
    "owner* repo* state=open|closed|all head base sort=created|updated|popularity|long-running direction=asc|desc"
    " fields:strings page:number perPage:number",
    READ,
)
def list_pull_requests(world: World, given: JSON) -> JSON:
    repository(world, given, "list pull requests")
    wanted = given.get("state", "open")
    rows = world.every("issue", repo=name_of(given), pull=True)
    rows = [one for one in rows if wanted in ("all", one["state"]) and given.get("base", one["base"]) == one["base"]]
    rows = [one for one in rows if str(given.get("head", one["head"])).rpartition(":")[2] == one["head"]]
    return json_text([only(shapes.pull(one), given) for one in paged(rows, given)])


@TOOLS.tool(
    "pull_request_read",
    "One pull request, its files, commits, reviews or comments.",
    "method*=get|get_diff|get_status|get_files|get_commits|get_review_comments|get_reviews|get_comments|get_check_runs "
    + NAMED
    + " page:number perPage:number after",
    READ,
)
def pull_request_read(world: World, given: JSON) -> JSON:
    item, method = pull(world, given), given["method"]
    if method in ("get_files", "get_diff"):
        return json_text(_files(world, item))
    if method == "get_commits":
        base = state.branch(world, item["repo"], item["base"])
        known = {one["sha"] for one in state.history(world, item["repo"], base["sha"])} if base else set()
        rows = state.history(world, item["repo"], item["head_sha"])
        return json_text([shapes.commit(one) for one in rows if one["sha"] not in known])
    if method in ("get_reviews", "get_review_comments"):
        return json_text(_reviews(world, item, comments=method == "get_review_comments"))
    if method == "get_comments":
        rows = world.every("comment", repo=item["repo"], number=item["number"])
        return json_text([shapes.comment(row, f"{link(item)}#issuecomment-{row['id']}") for row in rows])
    if method in ("get_status", "get_check_runs"):
        return json_text({"state": "success", "sha": item["head_sha"], "total_count": 0, "statuses": []})
    return json_text(shapes.pull(item))


def _reviews(world: World, item: JSON, *, comments: bool) -> list[JSON]:
    rows = world.every("review", repo=item["repo"], number=item["number"])
    if comments:
        return [one for row in rows if row["state"] != "PENDING" for one in row["comments"]]
    return [{name: row[name] for name in ("id", "state", "body", "user", "commit_id")} for row in rows]


def _files(world: World, item: JSON) -> list[JSON]:
    base = state.commit_of(world, item["repo"], item["base"])
    head = state.commit_of(world, item["repo"], item["head_sha"])
    before, after = base["tree"] if base else {}, head["tree"] if head else {}
    return [
        {"filename": path, "status": "modified" if path in before else "added", "sha": sha}
        for path, sha in sorted(after.items())
        if before.get(path) != sha
    ]


@TOOLS.tool(
    "create_pull_request",
    "Open a pull request.",
    "owner* repo* title* head* base* body draft:boolean maintainer_can_modify:boolean reviewers:strings",
    WRITE,
)
def create_pull_request(world: World, given: JSON) -> JSON:
    repository(world, given, "create pull request", "POST")
    repo, path = name_of(given), f"/repos/{name_of(given)}/pulls"
    head, base = given["head"].rpartition(":")[2], given["base"]
    for field, name in (("head", head), ("base", base)):
        if state.branch(world, repo, name) is None:
            raise invalid("create pull request", "POST", path, f"PullRequest.{field} invalid")
    if world.every("issue", repo=repo, pull=True, head=head, base=base, state="open"):
        raise invalid(
            "create pull request", "POST", path, f"A pull request already exists for {given['owner']}:{head}."
        )
    fields = {"body": given.get("body", ""), "draft": given.get("draft", False)}
    made = state.add_pull(
        world, repo, given["title"], head, base, **fields, requested_reviewers=given.get("reviewers", [])
    )
    return json_text(state.minimal(made["id"], link(made)))


@TOOLS.tool(
    "update_pull_request",
    "Change a pull request: its words, its state, its reviewers.",
    NAMED + " title body state=open|closed draft:boolean base maintainer_can_modify:boolean reviewers:strings",
    WRITE,
)
def update_pull_request(world: World, given: JSON) -> JSON:
    item = pull(world, given, "update pull request", "PATCH")
    if item["merged"] and given.get("state") == "open":
        raise invalid("update pull request", "PATCH", f"/repos/{item['repo']}/pulls/{item['number']}", "it is merged")
    item |= {name: given[name] for name in ("title", "body", "state", "draft", "base") if name in given}
    if "reviewers" in given:
        item["requested_reviewers"] = given["reviewers"]
    state.touch(world, item)
    return json_text(state.minimal(item["id"], link(item)))


@TOOLS.tool(
    "merge_pull_request",
    "Merge a pull request into its base.",
    NAMED + " commit_title commit_message merge_method=merge|squash|rebase",
    WRITE,
)
def merge_pull_request(world: World, given: JSON) -> JSON:
    item = pull(world, given, "merge pull request", "PUT")
    path = f"/repos/{item['repo']}/pulls/{item['number']}/merge"
    if item["state"] != "open" or item["draft"]:
        raise invalid("merge pull request", "PUT", path, "Pull Request is not mergeable", "405 Method Not Allowed")
    base, head = (state.commit_of(world, item["repo"], item[name]) for name in ("base", "head_sha"))
    if base is None or head is None:
        raise not_found("merge pull request", "PUT", path)
    tree = {**base["tree"], **head["tree"]}
    method = given.get("merge_method", "merge")
    parents = [base["sha"], head["sha"]] if method == "merge" else [base["sha"]]
    message = given.get("commit_title") or f"Merge pull request #{item['number']} from {item['head']}"
    made = state.record(world, item["repo"], item["base"], message, tree, parents)
    merged = {"state": "closed", "merged": True, "merge_commit_sha": made["sha"], "merged_at": world.now()}
    state.touch(world, {**item, **merged})
    return json_text({"sha": made["sha"], "merged": True, "message": "Pull Request successfully merged"})
