"""Files: read, write, push several, delete, find."""

from callgate_practice.github import shapes, state
from callgate_practice.github.repos import repository
from callgate_practice.github.state import name_of
from callgate_practice.github.tools import DELETE, READ, TOOLS, WRITE, invalid, not_found, only
from callgate_practice.reply import JSON, ToolFailure, json_text
from callgate_practice.world import World


def _contents(given: JSON) -> str:
    return f"/repos/{name_of(given)}/contents/{given.get('path', '').strip('/')}"


@TOOLS.tool(
    "get_file_contents",
    "A file, or what lies in a folder.",
    "owner* repo* path ref sha fields:strings",
    READ,
)
def get_file_contents(world: World, given: JSON) -> JSON:
    repo, path = name_of(given), given.get("path", "").strip("/")
    ref = given.get("sha") or given.get("ref", "")
    tip = state.commit_of(world, repo, ref)
    if tip is None:
        raise not_found("get file contents", "GET", _contents(given))
    if path in tip["tree"]:
        return _file(world, repo, path, tip)
    rows = _folder(world, repo, path, tip)
    if not rows:
        raise not_found("get file contents", "GET", _contents(given))
    return json_text([only(row, given) for row in rows])


def _file(world: World, repo: str, path: str, tip: JSON) -> JSON:
    sha = tip["tree"][path]
    said = f"successfully downloaded text file (SHA: {sha})"
    held = {
        "uri": f"repo://{repo}/sha/{tip['sha']}/contents/{path}",
        "mimeType": "text/plain; charset=utf-8",
        "text": state.content_of(world, repo, sha),
    }
    return {"content": [{"type": "text", "text": said}, {"type": "resource", "resource": held}]}


def _folder(world: World, repo: str, path: str, tip: JSON) -> list[JSON]:
    prefix = f"{path}/" if path else ""
    rows: dict[str, JSON] = {}
    for name, sha in sorted(tip["tree"].items()):
        if name.startswith(prefix):
            here, slash, _ = name[len(prefix) :].partition("/")
            if slash:
                rows[here] = {"type": "dir", "name": here, "path": f"{prefix}{here}", "size": 0}
            else:
                rows[here] = shapes.file(repo, name, sha, len(state.content_of(world, repo, sha)), tip["sha"])
    return list(rows.values())


@TOOLS.tool(
    "get_repository_tree",
    "Names of all files.",
    "owner* repo* tree_sha path_filter recursive:boolean",
    READ,
)
def get_repository_tree(world: World, given: JSON) -> JSON:
    tip = state.commit_of(world, name_of(given), given.get("tree_sha", ""))
    if tip is None:
        raise not_found(
            "get repository tree", "GET", f"/repos/{name_of(given)}/git/trees/{given.get('tree_sha', 'main')}"
        )
    prefix = given.get("path_filter", "")
    rows = [{"path": path, "type": "blob", "sha": sha} for path, sha in sorted(tip["tree"].items())]
    kept = [
        row for row in rows if row["path"].startswith(prefix) and (given.get("recursive") or "/" not in row["path"])
    ]
    home = {"owner": given["owner"], "repo": given["repo"]}
    return json_text({"sha": tip["sha"], **home, "recursive": given.get("recursive", False), "tree": kept})


def _tip(world: World, given: JSON, what: str) -> JSON:
    """Of the branch that is written to."""
    repository(world, given, what, "PUT")
    tip = state.branch(world, name_of(given), given["branch"])
    found = tip and state.commit_of(world, name_of(given), tip["sha"])
    if not found:
        raise not_found(what, "GET", f"/repos/{name_of(given)}/git/ref/heads/{given['branch']}")
    return found


def _conflict(given: JSON, held: str, wanted: str) -> ToolFailure:
    why = f"{given['path']} is at {held} but expected {wanted}"
    return invalid("create/update file", "PUT", _contents(given), why, "409 Conflict")


@TOOLS.tool(
    "create_or_update_file",
    "Write one file on a branch; an existing one needs the hash of what it replaces.",
    "owner* repo* path* content* message* branch* sha allow_symlink_write:boolean",
    WRITE,
)
def create_or_update_file(world: World, given: JSON) -> JSON:
    tip = _tip(world, given, "create/update file")
    held = tip["tree"].get(given["path"])
    if held and not given.get("sha"):
        raise invalid("create/update file", "PUT", _contents(given), '"sha" wasn\'t supplied.')
    if given.get("sha", "") not in ("", held):
        raise _conflict(given, held or "nothing", given["sha"])
    made = state.commit(world, name_of(given), given["branch"], given["message"], {given["path"]: given["content"]})
    _follow(world, name_of(given), given["branch"], made["sha"])
    size = len(given["content"].encode())
    content = shapes.file(name_of(given), given["path"], made["tree"][given["path"]], size, given["branch"])
    return json_text({"content": content, "commit": _commit(made)})


def _commit(made: JSON) -> JSON:
    shown = shapes.commit(made)
    return {"sha": made["sha"], "message": made["message"], "html_url": shown["html_url"]}


def _follow(world: World, repo: str, branch: str, sha: str) -> None:
    """Open pulls of the branch show its new head."""
    for pull in world.every("issue", repo=repo, pull=True, head=branch, state="open"):
        state.touch(world, {**pull, "head_sha": sha})


@TOOLS.tool("delete_file", "Delete one file on a branch.", "owner* repo* path* message* branch*", DELETE)
def delete_file(world: World, given: JSON) -> JSON:
    tip = _tip(world, given, "delete file")
    if given["path"] not in tip["tree"]:
        raise not_found("delete file", "DELETE", _contents(given))
    made = state.commit(world, name_of(given), given["branch"], given["message"], {given["path"]: None})
    _follow(world, name_of(given), given["branch"], made["sha"])
    return json_text({"commit": _commit(made), "content": None})


@TOOLS.tool(
    "push_files",
    "Write several files on a branch in one commit.",
    "owner* repo* branch* files*:objects message*",
    WRITE,
)
def push_files(world: World, given: JSON) -> JSON:
    _tip(world, given, "push files")
    changes: dict[str, str | None] = {}
    for one in given["files"]:
        if not isinstance(one.get("path"), str) or not isinstance(one.get("content"), str):
            raise invalid("push files", "POST", _contents(given), "each file must have a path and content")
        changes[one["path"]] = one["content"]
    made = state.commit(world, name_of(given), given["branch"], given["message"], changes)
    _follow(world, name_of(given), given["branch"], made["sha"])
    return json_text(shapes.ref(name_of(given), given["branch"], made["sha"]))
