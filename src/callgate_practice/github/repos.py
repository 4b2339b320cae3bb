"""Repositories, branches, commits."""

from callgate_practice.github import shapes, state
from callgate_practice.github.state import ME, SITE, name_of
from callgate_practice.github.tools import DELETE, READ, TOOLS, WRITE, invalid, not_found, only, paged
from callgate_practice.reply import JSON, json_text, text
from callgate_practice.world import World


def repository(world: World, given: JSON, what: str = "get repository", verb: str = "GET") -> JSON:
    found = world.get("repository", name_of(given))
    if found is None:
        raise not_found(what, verb, f"/repos/{name_of(given)}")
    return found


@TOOLS.tool("get_me", "Who the server acts as.", "", READ)
def get_me(world: World, _given: JSON) -> JSON:
    me = world.get("account", ME) or {}
    return json_text({"login": ME, "id": me.get("id"), "profile_url": f"{SITE}/{ME}", "details": {"name": ME}})


@TOOLS.tool(
    "create_repository",
    "Make a repository for oneself or in an organisation.",
    "name* description private:boolean autoInit:boolean organization",
    WRITE,
)
def create_repository(world: World, given: JSON) -> JSON:
    owner = given.get("organization") or ME
    path = f"/orgs/{owner}/repos" if given.get("organization") else "/user/repos"
    if world.get("account", owner) is None:
        raise not_found("create repository", "POST", path)
    full_name = f"{owner}/{given['name']}"
    if world.get("repository", full_name) is not None:
        raise invalid("create repository", "POST", path, "name already exists on this account")
    private, said = given.get("private", True), given.get("description", "")
    made = state.add_repository(world, full_name, private=private, description=said)
    if given.get("autoInit"):
        state.commit(world, full_name, "main", "Initial commit", {"README.md": f"# {given['name']}\n"})
    return json_text(state.minimal(made["id"], f"{SITE}/{full_name}"))


@TOOLS.tool("fork_repository", "Copy a repository to another owner.", "owner* repo* organization", WRITE)
def fork_repository(world: World, given: JSON) -> JSON:
    source = repository(world, given, "fork repository", "POST")
    owner = given.get("organization") or ME
    full_name = f"{owner}/{source['name']}"
    if world.get("repository", full_name) is not None:
        raise invalid(
            "fork repository", "POST", f"/repos/{name_of(given)}/forks", "name already exists on this account"
        )
    made = state.add_repository(
        world, full_name, private=source["private"], description=source["description"], fork=True, parent=name_of(given)
    )
    for kind in ("blob", "commit", "branch"):
        for body in world.every(kind, repo=name_of(given)):
            key = body.get("name") or body.get("sha") or state.blob_sha(str(body.get("content")))
            sign = ":" if kind == "branch" else "@"
            world.put(kind, f"{full_name}{sign}{key}", {**body, "repo": full_name})
    return json_text(state.minimal(made["id"], f"{SITE}/{full_name}"))


@TOOLS.tool("delete_repository", "Delete a repository with all it holds.", "owner* repo*", DELETE)
def delete_repository(world: World, given: JSON) -> JSON:
    repository(world, given, "delete repository", "DELETE")
    state.drop_repository(world, name_of(given))
    return text(f"successfully deleted repository {name_of(given)}")


@TOOLS.tool("list_branches", "Branches of a repository.", "owner* repo* page:number perPage:number", READ)
def list_branches(world: World, given: JSON) -> JSON:
    repository(world, given, "list branches")
    rows = world.every("branch", repo=name_of(given))
    return json_text([{name: row[name] for name in ("name", "sha", "protected")} for row in paged(rows, given)])


@TOOLS.tool("create_branch", "Begin a branch where another one stands.", "owner* repo* branch* from_branch", WRITE)
def create_branch(world: World, given: JSON) -> JSON:
    home, repo, name = repository(world, given), name_of(given), given["branch"]
    start = state.branch(world, repo, given.get("from_branch") or home["default_branch"])
    if start is None:
        raise not_found("get reference", "GET", f"/repos/{repo}/git/ref/heads/{given.get('from_branch', '')}")
    if state.branch(world, repo, name) is not None:
        raise invalid("create branch", "POST", f"/repos/{repo}/git/refs", "Reference already exists")
    world.put("branch", f"{repo}:{name}", {**start, "name": name, "protected": False})
    return json_text(shapes.ref(repo, name, start["sha"]))


@TOOLS.tool(
    "list_commits",
    "Commits of a branch, newest first.",
    "owner* repo* sha author path since until fields:strings page:number perPage:number",
    READ,
)
def list_commits(world: World, given: JSON) -> JSON:
    repository(world, given, "list commits")
    tip = state.commit_of(world, name_of(given), given.get("sha", ""))
    if tip is None:
        raise not_found("list commits", "GET", f"/repos/{name_of(given)}/commits")
    rows = [one for one in state.history(world, name_of(given), tip["sha"]) if _wanted(world, one, given)]
    return json_text([only(shapes.commit(one), given) for one in paged(rows, given)])


def _wanted(world: World, one: JSON, given: JSON) -> bool:
    inside = given.get("since", "") <= one["date"] <= given.get("until", "9")
    return (
        inside and given.get("author", one["author"]) == one["author"] and _touches(world, one, given.get("path", ""))
    )


def _touches(world: World, one: JSON, path: str) -> bool:
    return not path or any(name == path or name.startswith(f"{path}/") for name in changed(world, one))


def changed(world: World, one: JSON) -> list[str]:
    """Paths that differ from the first parent."""
    parent = world.get("commit", f"{one['repo']}@{one['parents'][0]}") if one["parents"] else None
    before, after = parent["tree"] if parent else {}, one["tree"]
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


@TOOLS.tool(
    "get_commit",
    "One commit with the files it changed.",
    "owner* repo* sha* detail=none|stats|full_patch page:number perPage:number",
    READ,
)
def get_commit(world: World, given: JSON) -> JSON:
    found = state.commit_of(world, name_of(given), given["sha"])
    if found is None:
        raise not_found("get commit", "GET", f"/repos/{name_of(given)}/commits/{given['sha']}")
    files = [{"filename": path} for path in changed(world, found)]
    return json_text({**shapes.commit(found), "files": files})
