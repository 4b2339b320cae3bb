"""How GitHub shows what the state holds."""

from callgate_practice.github.state import API, SITE, link
from callgate_practice.reply import JSON


def repository(body: JSON) -> JSON:
    url = f"{SITE}/{body['full_name']}"
    return {**body, "html_url": url, "owner": {"login": body["owner"]}}


def person(login: str) -> JSON:
    return {"login": login, "profile_url": f"{SITE}/{login}"}


def issue(body: JSON, comments: int = 0) -> JSON:
    """Of the issue tools and of searches: ``repository_url`` says where it lies."""
    shown = {name: body[name] for name in ("id", "number", "title", "body", "state", "state_reason", "created_at")}
    shown |= {
        "updated_at": body["updated_at"],
        "html_url": link(body),
        "user": person(body["user"]),
        "labels": [{"name": name} for name in body["labels"]],
        "assignees": [person(login) for login in body["assignees"]],
        "comments": comments,
        "repository_url": f"{API}/repos/{body['repo']}",
    }
    if body.get("pull"):
        shown |= {"draft": body["draft"], "pull_request": {"html_url": link(body)}}
    return shown


def minimal_issue(body: JSON, comments: int = 0) -> JSON:
    """Of the tools that read issues: labels and people by their names alone."""
    shown = issue(body, comments)
    shown |= {"labels": list(body["labels"]), "assignees": list(body["assignees"])}
    return {name: value for name, value in shown.items() if name != "repository_url"}


def pull(body: JSON) -> JSON:
    home = {"full_name": body["repo"]}
    return {
        **{name: body[name] for name in ("id", "number", "title", "body", "state", "draft", "merged", "created_at")},
        "updated_at": body["updated_at"],
        "html_url": link(body),
        "user": person(body["user"]),
        "head": {"ref": body["head"], "sha": body["head_sha"], "repo": home},
        "base": {"ref": body["base"], "repo": home},
        "requested_reviewers": [person(login) for login in body["requested_reviewers"]],
        "merge_commit_sha": body["merge_commit_sha"],
        **({"merged_at": body["merged_at"]} if body.get("merged_at") else {}),
    }


def commit(body: JSON) -> JSON:
    author = {"name": body["author"], "date": body["date"]}
    return {
        "sha": body["sha"],
        "html_url": f"{SITE}/{body['repo']}/commit/{body['sha']}",
        "commit": {"message": body["message"], "author": author, "committer": author},
        "author": person(body["author"]),
    }


def ref(repo: str, name: str, sha: str) -> JSON:
    where = f"{API}/repos/{repo}/git"
    return {
        "ref": f"refs/heads/{name}",
        "url": f"{where}/refs/heads/{name}",
        "object": {"type": "commit", "sha": sha, "url": f"{where}/commits/{sha}"},
    }


def file(repo: str, path: str, sha: str, size: int, branch: str) -> JSON:
    return {
        "type": "file",
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": size,
        "html_url": f"{SITE}/{repo}/blob/{branch}/{path}",
    }


def comment(body: JSON, url: str) -> JSON:
    return {
        "id": body["id"],
        "body": body["body"],
        "user": person(body["user"]),
        "created_at": body["created_at"],
        "html_url": url,
    }
