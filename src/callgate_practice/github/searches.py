"""Searches: over everything the account can see, unless a qualifier narrows them. Each hit says where it lies."""

import functools

from callgate_practice import queries
from callgate_practice.github import shapes, state
from callgate_practice.github.state import ME, SITE
from callgate_practice.github.tools import READ, TOOLS, found, only
from callgate_practice.queries import Group, Language
from callgate_practice.reply import JSON, json_text
from callgate_practice.world import World

PLACES = frozenset({"repo", "org", "user", "owner"})
PEOPLE = ("author", "assignee", "involves")
LANGUAGE = Language(
    PLACES | {*PEOPLE, "is", "state", "label", "type", "in", "language", "path", "filename", "extension", "draft"},
    PLACES,
)
PAGED = " order=asc|desc page:number perPage:number"
SORTED = (
    " sort=comments|reactions|reactions-+1|reactions--1|reactions-smile|reactions-thinking_face|reactions-heart"
    "|reactions-tada|interactions|created|updated"
)


def _lies_in(repo: str, key: str, value: str) -> bool:
    return value.lower() == (repo if key == "repo" else repo.partition("/")[0]).lower()


def _narrowed(given: JSON) -> Group:
    """The separate arguments count beside the query, as the server adds them."""
    text = given["query"]
    if given.get("owner") and given.get("repo"):
        text = f"repo:{given['owner']}/{given['repo']} {text}"
    return queries.parse(text, LANGUAGE)


def _state_of(item: JSON) -> set[str]:
    found = {item["state"], "pr" if item.get("pull") else "issue"}
    if item.get("pull"):
        found |= {"merged"} if item["merged"] else {"unmerged"}
        found |= {"draft"} if item["draft"] else set()
    return found


def _fits(item: JSON, private: bool, key: str, value: str) -> bool:
    if key in PLACES:
        return _lies_in(item["repo"], key, value)
    if key in PEOPLE:
        people = {
            "author": [item["user"]],
            "assignee": item["assignees"],
            "involves": [item["user"], *item["assignees"]],
        }
        return (ME if value == "@me" else value) in people[key]
    if key in ("is", "type"):
        return value in _state_of(item) | {"private" if private else "public"}
    if key == "label":
        return value in item["labels"]
    return bool(value == {"state": item["state"], "draft": str(item.get("draft", False)).lower()}.get(key, value))


def _issues(world: World, given: JSON, *, pulls: bool) -> JSON:
    query = _narrowed(given)
    private = {one["full_name"]: one["private"] for one in world.every("repository")}
    kept = []
    for one in world.every("issue"):
        fits = functools.partial(_fits, one, private[one["repo"]])
        if bool(one.get("pull")) is pulls and queries.matches(query, f"{one['title']} {one['body']}", fits, LANGUAGE):
            kept.append(one)
    return json_text(found([only(shapes.issue(one), given) for one in kept], given))


@TOOLS.tool("search_issues", "Find issues.", "query* owner repo fields:strings" + SORTED + PAGED, READ)
def search_issues(world: World, given: JSON) -> JSON:
    return _issues(world, given, pulls=False)


@TOOLS.tool("search_pull_requests", "Find pull requests.", "query* owner repo fields:strings" + SORTED + PAGED, READ)
def search_pull_requests(world: World, given: JSON) -> JSON:
    return _issues(world, given, pulls=True)


@TOOLS.tool("search_code", "Find files by what they hold.", "query* sort fields:strings" + PAGED, READ)
def search_code(world: World, given: JSON) -> JSON:
    query = queries.parse(given["query"], LANGUAGE)
    hits: list[JSON] = []
    for home in world.every("repository"):
        repo = home["full_name"]
        tip = state.commit_of(world, repo, "")
        for path, sha in sorted(tip["tree"].items() if tip else ()):
            fits = functools.partial(_file_fits, repo, path)
            if queries.matches(query, f"{path} {state.content_of(world, repo, sha)}", fits, LANGUAGE):
                hit = {"name": path.rpartition("/")[2], "path": path, "sha": sha}
                hits.append(only({**hit, "repository": shapes.repository(home)}, given))
    return json_text(found(hits, given))


def _file_fits(repo: str, path: str, key: str, value: str) -> bool:
    if key in PLACES:
        return _lies_in(repo, key, value)
    if key == "path":
        return queries.contains(path, value)
    return path.endswith({"filename": value, "extension": f".{value}"}.get(key, ""))


@TOOLS.tool(
    "search_repositories",
    "Find repositories.",
    "query* minimal_output:boolean sort=stars|forks|help-wanted-issues|updated" + PAGED,
    READ,
)
def search_repositories(world: World, given: JSON) -> JSON:
    query = queries.parse(given["query"], LANGUAGE)
    hits = [
        shapes.repository(one)
        for one in world.every("repository")
        if queries.matches(
            query, f"{one['full_name']} {one['description']}", functools.partial(_repository_fits, one), LANGUAGE
        )
    ]
    return json_text(found(hits, given))


def _repository_fits(one: JSON, key: str, value: str) -> bool:
    if key in PLACES:
        return _lies_in(one["full_name"], key, value)
    return key != "is" or value == ("private" if one["private"] else "public")


@TOOLS.tool("search_users", "Find people.", "query* sort=followers|repositories|joined" + PAGED, READ)
def search_users(world: World, given: JSON) -> JSON:
    query = queries.parse(given["query"], LANGUAGE)
    people = world.every("account", type="User")
    rows = [one for one in people if queries.matches(query, one["login"], lambda _key, _value: True, LANGUAGE)]
    return json_text(found([{**one, "profile_url": f"{SITE}/{one['login']}"} for one in rows], given))
