"""Tools for one thing of a pull request or an issue each, and bringing a branch up to date."""

from callgate_practice.github import state
from callgate_practice.github.issues import NAMED as ISSUE
from callgate_practice.github.issues import issue
from callgate_practice.github.pulls import NAMED, pull
from callgate_practice.github.state import link
from callgate_practice.github.tools import ONE, TOOLS, WRITE, invalid
from callgate_practice.reply import JSON, json_text
from callgate_practice.world import World


def _update(world: World, given: JSON, **fields: object) -> JSON:
    item = pull(world, given, "update pull request", "PATCH")
    state.touch(world, {**item, **fields})
    return json_text(state.minimal(item["id"], link(item)))


@TOOLS.tool("update_pull_request_title", "Rename a pull request.", NAMED + " title*", ONE)
def update_pull_request_title(world: World, given: JSON) -> JSON:
    return _update(world, given, title=given["title"])


@TOOLS.tool("update_pull_request_body", "Write a pull request's text.", NAMED + " body*", ONE)
def update_pull_request_body(world: World, given: JSON) -> JSON:
    return _update(world, given, body=given["body"])


@TOOLS.tool("update_pull_request_state", "Close or reopen a pull request.", NAMED + " state*=open|closed", ONE)
def update_pull_request_state(world: World, given: JSON) -> JSON:
    item = pull(world, given)
    if item["merged"]:
        path = f"/repos/{item['repo']}/pulls/{item['number']}"
        raise invalid("update pull request", "PATCH", path, "it is merged")
    return _update(world, given, state=given["state"])


@TOOLS.tool("update_pull_request_draft_state", "Make a draft ready, or a draft again.", NAMED + " draft*:boolean", ONE)
def update_pull_request_draft_state(world: World, given: JSON) -> JSON:
    return _update(world, given, draft=given["draft"])


@TOOLS.tool("request_pull_request_reviewers", "Ask people for a review.", NAMED + " reviewers*:strings", ONE)
def request_pull_request_reviewers(world: World, given: JSON) -> JSON:
    asked = pull(world, given)["requested_reviewers"]
    return _update(world, given, requested_reviewers=[*asked, *(one for one in given["reviewers"] if one not in asked)])


@TOOLS.tool("update_pull_request_branch", "Merge the base into the branch.", NAMED + " expectedHeadSha", WRITE)
def update_pull_request_branch(world: World, given: JSON) -> JSON:
    item = pull(world, given, "update pull request branch", "PUT")
    path = f"/repos/{item['repo']}/pulls/{item['number']}/update-branch"
    if given.get("expectedHeadSha", item["head_sha"]) != item["head_sha"]:
        raise invalid("update pull request branch", "PUT", path, "expected head sha didn't match current head ref.")
    base, head = (state.commit_of(world, item["repo"], item[name]) for name in ("base", "head_sha"))
    if base is None or head is None:
        raise invalid("update pull request branch", "PUT", path, "a branch is gone")
    message = f"Merge branch '{item['base']}' into {item['head']}"
    parents = [head["sha"], base["sha"]]
    made = state.record(world, item["repo"], item["head"], message, {**base["tree"], **head["tree"]}, parents)
    state.touch(world, {**item, "head_sha": made["sha"]})
    return json_text({"message": "Updating pull request branch.", "url": link(item)})


@TOOLS.tool("update_issue_labels", "Set an issue's labels.", ISSUE + " labels*:list", ONE)
def update_issue_labels(world: World, given: JSON) -> JSON:
    item = issue(world, given, "update issue", "PATCH")
    names = [one["name"] if isinstance(one, dict) else str(one) for one in given["labels"]]
    state.touch(world, {**item, "labels": names})
    return json_text(state.minimal(item["id"], link(item)))
