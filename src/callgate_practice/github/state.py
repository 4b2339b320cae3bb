"""The state behind GitHub: repositories, branches, commits with whole trees, blobs by their Git hash, issues, pulls."""

import hashlib

from callgate_practice.reply import JSON
from callgate_practice.world import World

API = "https://api.github.com"
SITE = "https://github.com"
ME = "ana"
"""The account that the server acts as."""


def name_of(given: JSON) -> str:
    return f"{given['owner']}/{given['repo']}"


def add_repository(
    world: World, full_name: str, *, private: bool = False, description: str = "", **more: object
) -> JSON:
    owner, _, name = full_name.partition("/")
    body: JSON = {
        "id": 1000 + world.count("repository"),
        "name": name,
        "full_name": full_name,
        "owner": owner,
        "private": private,
        "description": description,
        "default_branch": "main",
        "fork": False,
        "stargazers_count": 0,
        "created_at": world.now(),
        "updated_at": world.now(),
        **more,
    }
    return world.put("repository", full_name, body)


def drop_repository(world: World, full_name: str) -> None:
    """With everything in it."""
    world.drop("repository", full_name)
    for kind, members in world.kinds().items():
        for key, body in members.items():
            if body.get("repo") == full_name:
                world.drop(kind, key)


def branch(world: World, repo: str, name: str) -> JSON | None:
    return world.get("branch", f"{repo}:{name}")


def commit_of(world: World, repo: str, ref: str) -> JSON | None:
    """Of a branch, a full ref or a commit's hash; empty is the default branch."""
    home = world.get("repository", repo)
    if home is None:
        return None
    short = ref.removeprefix("refs/heads/") or home["default_branch"]
    tip = branch(world, repo, short)
    return world.get("commit", f"{repo}@{tip['sha'] if tip else short}")


def blob_sha(content: str) -> str:
    """As Git names it."""
    data = content.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def content_of(world: World, repo: str, sha: str) -> str:
    held = world.get("blob", f"{repo}@{sha}")
    return str(held["content"]) if held else ""


def commit(world: World, repo: str, name: str, message: str, changes: dict[str, str | None], author: str = ME) -> JSON:
    """Moves a branch on by one commit; a change to None deletes. The branch is made when there is none."""
    tip = branch(world, repo, name)
    parent = world.get("commit", f"{repo}@{tip['sha']}") if tip else None
    tree: JSON = dict(parent["tree"]) if parent else {}
    for path, content in changes.items():
        if content is None:
            tree.pop(path, None)
            continue
        sha = blob_sha(content)
        tree[path] = sha
        world.put("blob", f"{repo}@{sha}", {"repo": repo, "content": content})
    return record(world, repo, name, message, tree, [parent["sha"]] if parent else [], author)


def record(world: World, repo: str, name: str, message: str, tree: JSON, parents: list[str], author: str = ME) -> JSON:
    """A commit of this tree, which the branch then points at."""
    sha = world.token("commit", 40)
    body = {
        "repo": repo,
        "sha": sha,
        "message": message,
        "author": author,
        "date": world.now(),
        "parents": parents,
        "tree": tree,
    }
    world.put("commit", f"{repo}@{sha}", body)
    world.put("branch", f"{repo}:{name}", {"repo": repo, "name": name, "sha": sha, "protected": name == "main"})
    return body


def history(world: World, repo: str, sha: str) -> list[JSON]:
    """Newest first, along first parents and then the others, each once."""
    found: dict[str, JSON] = {}
    waiting = [sha]
    while waiting:
        here = world.get("commit", f"{repo}@{waiting.pop(0)}")
        if here is not None and here["sha"] not in found:
            found[here["sha"]] = here
            waiting.extend(here["parents"])
    return sorted(found.values(), key=lambda one: str(one["date"]), reverse=True)


def add_issue(world: World, repo: str, title: str, body: str = "", **more: object) -> JSON:
    number = world.count(f"number {repo}")
    made: JSON = {
        "id": 5000 + world.count("issue"),
        "repo": repo,
        "number": number,
        "title": title,
        "body": body,
        "state": "open",
        "state_reason": None,
        "user": ME,
        "labels": [],
        "assignees": [],
        "created_at": world.now(),
        "updated_at": world.now(),
        **more,
    }
    return world.put("issue", f"{repo}#{number}", made)


def add_pull(world: World, repo: str, title: str, head: str, base: str, **more: object) -> JSON:
    """An issue that also has branches."""
    tip = branch(world, repo, head)
    pull: JSON = {
        "head": head,
        "base": base,
        "head_sha": tip["sha"] if tip else "",
        "draft": False,
        "merged": False,
        "merge_commit_sha": None,
        "requested_reviewers": [],
    }
    return add_issue(world, repo, title, **{**pull, **more, "pull": True})


def add_comment(world: World, repo: str, number: int, body: str, user: str = ME) -> JSON:
    key = 9000 + world.count("comment")
    made = {"id": key, "repo": repo, "number": number, "body": body, "user": user, "created_at": world.now()}
    return world.put("comment", key, made)


def touch(world: World, item: JSON) -> JSON:
    """Writes an issue or a pull that was changed."""
    item["updated_at"] = world.now()
    return world.put("issue", f"{item['repo']}#{item['number']}", item)


def link(item: JSON) -> str:
    return f"{SITE}/{item['repo']}/{'pull' if item.get('pull') else 'issues'}/{item['number']}"


def minimal(key: object, url: str) -> JSON:
    """All that most writing tools answer."""
    return {"id": str(key), "url": url}
