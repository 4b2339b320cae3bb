"""Searches: over everything the account can see, unless a qualifier narrows them. Each hit says where it lies."""

from callgate_practice import queries
from callgate_practice.github import shapes, state
from callgate_practice.github.state import ME, SITE
from callgate_practice.github.tools import READ, TOOLS, found, only
from callgate_practice.queries import Query
from callgate_practice.reply import JSON, json_text
from callgate_practice.world import World

PLACES = ("repo", "org", "user", "owner")
PEOPLE = ("author", "assignee", "involves")
KEYS = frozenset(
    (*PLACES, *PEOPLE, "is", "state", "label", "type", "in", "language", "path", "filename", "extension", "draft")
)
PAGED = " order=asc|desc page:number perPage:number"
SORTED = (
    " sort=comments|reactions|reactions-+1|reactions--1|reactions-smile|reactions-thinking_face|reactions-heart"
    "|reactions-tada|interactions|created|updated"
)


def _lies_in(query: Query, repo: str) -> bool:
    """Qualifiers of places are alternatives; a negated one excludes."""
    owner = repo.partition("/")[0]
    wanted, allowed = False, False
    for key, value, negated in query.keys:
        if key not in PLACES:
            continue
        here = value.lower() == (repo if key == "repo" else owner).lower()
        if negated and here:
            return False
        wanted = wanted or not negated
        allowed = allowed or (here and not negated)
    return allowed or not wanted


def _narrowed(given: JSON) -> Query:
    """The separate arguments count as a qualifier."""
    text = given["query"]
    if given.get("owner") and given.get("repo"):
        text += f" repo:{given['owner']}/{given['repo']}"
    return queries.parse(text, KEYS)


def _state_of(item: JSON) -> set[str]:
    found = {item["state"], "pr" if item.get("pull") else "issue"}
    if item.get("pull"):
        found |= {"merged"} if item["merged"] else {"unmerged"}
        found |= {"draft"} if item["draft"] else set()
    return found


def _matches(item: JSON, query: Query, *, private: bool) -> bool:
    people = {"author": [item["user"]], "assignee": item["assignees"], "involves": [item["user"], *item["assignees"]]}
    traits = _state_of(item) | {"private" if private else "public"}
    for key, value, negated in query.keys:
        named = ME if value == "@me" else value
        fits = {
            "is": value in traits,
            "type": value in traits,
            "state": value == item["state"],
            "draft": value == str(item.get("draft", False)).lower(),
            "label": value in item["labels"],
        }.get(key, named in people[key] if key in people else not negated)
        if fits == negated:
            return False
    return query.says(f"{item['title']} {item['body']}")


def _issues(world: World, given: JSON, *, pulls: bool) -> JSON:
    query = _narrowed(given)
    private = {one["full_name"]: one["private"] for one in world.every("repository")}
    rows = [one for one in world.every("issue") if bool(one.get("pull")) is pulls and _lies_in(query, one["repo"])]
    kept = [one for one in rows if _matches(one, query, private=private[one["repo"]])]
    return json_text(found([only(shapes.issue(one), given) for one in kept], given))


@TOOLS.tool("search_issues", "Find issues.", "query* owner repo fields:strings" + SORTED + PAGED, READ)
def search_issues(world: World, given: JSON) -> JSON:
    return _issues(world, given, pulls=False)


@TOOLS.tool("search_pull_requests", "Find pull requests.", "query* owner repo fields:strings" + SORTED + PAGED, READ)
def search_pull_requests(world: World, given: JSON) -> JSON:
    return _issues(world, given, pulls=True)


@TOOLS.tool("search_code", "Find files by what they hold.", "query* sort fields:strings" + PAGED, READ)
def search_code(world: World, given: JSON) -> JSON:
    query = queries.parse(given["query"], KEYS)
    hits: list[JSON] = []
    for home in world.every("repository"):
        repo = home["full_name"]
        tip = state.commit_of(world, repo, "") if _lies_in(query, repo) else None
        for path, sha in sorted(tip["tree"].items() if tip else ()):
            content = state.content_of(world, repo, sha)
            if query.says(f"{path} {content}") and _named(query, path):
                hit = {"name": path.rpartition("/")[2], "path": path, "sha": sha}
                hits.append(only({**hit, "repository": shapes.repository(home)}, given))
    return json_text(found(hits, given))


def _named(query: Query, path: str) -> bool:
    return (
        all(queries.contains(path, value) for value in query.values("path"))
        and all(path.endswith(value) for value in query.values("filename"))
        and all(path.endswith(f".{value}") for value in query.values("extension"))
    )


@TOOLS.tool(
    "search_repositories",
    "Find repositories.",
    "query* minimal_output:boolean sort=stars|forks|help-wanted-issues|updated" + PAGED,
    READ,
)
def search_repositories(world: World, given: JSON) -> JSON:
    query = queries.parse(given["query"], KEYS)
    hits = [
        shapes.repository(one)
        for one in world.every("repository")
        if _lies_in(query, one["full_name"])
        and query.says(f"{one['full_name']} {one['description']}")
        and all(value == ("private" if one["private"] else "public") for value in query.values("is"))
    ]
    return json_text(found(hits, given))


@TOOLS.tool("search_users", "Find people.", "query* sort=followers|repositories|joined" + PAGED, READ)
def search_users(world: World, given: JSON) -> JSON:
    query = queries.parse(given["query"], KEYS)
    rows = [one for one in world.every("account", type="User") if query.says(one["login"])]
    return json_text(found([{**one, "profile_url": f"{SITE}/{one['login']}"} for one in rows], given))
