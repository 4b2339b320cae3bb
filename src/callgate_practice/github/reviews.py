"""Reviews of pull requests: pending ones are seen by their author alone, submitted ones count."""

from callgate_practice.github import state
from callgate_practice.github.pulls import NAMED, pull
from callgate_practice.github.state import ME
from callgate_practice.github.tools import GONE, ONE, TOOLS, WRITE
from callgate_practice.reply import JSON, ToolFailure, json_text, text
from callgate_practice.world import World

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
EVENT = "=APPROVE|REQUEST_CHANGES|COMMENT"


def _pending(world: World, item: JSON) -> JSON:
    found = world.every("review", repo=item["repo"], number=item["number"], user=ME, state="PENDING")
    if not found:
        raise ToolFailure("No pending review found for the viewer")
    return found[0]


def _create(world: World, given: JSON) -> JSON:
    """Without an event it stays pending. The answer names no review."""
    item = pull(world, given, "create review", "POST")
    mine = world.every("review", repo=item["repo"], number=item["number"], user=ME, state="PENDING")
    if mine and "event" not in given:
        raise ToolFailure("User can only have one pending review per pull request")
    key = f"PRR_{world.token('review', 12)}"
    made: JSON = {
        "id": key,
        "repo": item["repo"],
        "number": item["number"],
        "user": ME,
        "state": STATES.get(given.get("event", ""), "PENDING"),
        "body": given.get("body", ""),
        "commit_id": given.get("commitID") or item["head_sha"],
        "comments": [],
    }
    world.put("review", key, made)
    pending = made["state"] == "PENDING"
    return text("pending pull request created" if pending else "pull request review submitted successfully")


def _submit(world: World, given: JSON) -> JSON:
    held = _pending(world, pull(world, given, "submit review", "POST"))
    if given.get("event") not in STATES:
        raise ToolFailure("missing required parameter: event")
    world.put("review", held["id"], {**held, "state": STATES[given["event"]], "body": given.get("body", held["body"])})
    return text("pending pull request review successfully submitted")


def _delete(world: World, given: JSON) -> JSON:
    world.drop("review", _pending(world, pull(world, given, "delete review", "DELETE"))["id"])
    return text("pending pull request review successfully deleted")


def _resolve(world: World, given: JSON, *, resolved: bool) -> JSON:
    for held in world.every("review"):
        for one in held["comments"]:
            if one["thread_id"] == given.get("threadId"):
                one["resolved"] = resolved
                world.put("review", held["id"], held)
                return text(f"review thread {'' if resolved else 'un'}resolved successfully")
    raise ToolFailure("Could not resolve to a node with that thread id")


@TOOLS.tool(
    "pull_request_review_write",
    "Begin, submit or delete a review, or settle a thread; without an event a new one is pending.",
    "method*=create|submit_pending|delete_pending|resolve_thread|unresolve_thread "
    + NAMED
    + f" event{EVENT} body commitID threadId",
    WRITE,
)
def pull_request_review_write(world: World, given: JSON) -> JSON:
    method = given["method"]
    if method.endswith("_thread"):
        return _resolve(world, given, resolved=method == "resolve_thread")
    return {"create": _create, "submit_pending": _submit, "delete_pending": _delete}[method](world, given)


@TOOLS.tool("create_pull_request_review", "Begin or give a review.", NAMED + f" event{EVENT} body commitID", ONE)
def create_pull_request_review(world: World, given: JSON) -> JSON:
    return _create(world, given)


@TOOLS.tool("submit_pending_pull_request_review", "Submit one's pending review.", NAMED + f" event*{EVENT} body", ONE)
def submit_pending_pull_request_review(world: World, given: JSON) -> JSON:
    return _submit(world, given)


@TOOLS.tool("delete_pending_pull_request_review", "Throw one's pending review away.", NAMED, GONE)
def delete_pending_pull_request_review(world: World, given: JSON) -> JSON:
    return _delete(world, given)


@TOOLS.tool(
    "add_comment_to_pending_review",
    "Comment on a line, in one's pending review.",
    NAMED + " path* body* subjectType*=FILE|LINE line:number side=LEFT|RIGHT startLine:number startSide=LEFT|RIGHT",
    WRITE,
)
def add_comment_to_pending_review(world: World, given: JSON) -> JSON:
    held = _pending(world, pull(world, given, "comment", "POST"))
    place: JSON = {name: given[name] for name in ("path", "body", "line", "side") if name in given}
    number = 9000 + world.count("comment")
    more: JSON = {"id": number, "thread_id": f"PRRT_{world.token('thread', 12)}", "resolved": False, "user": ME}
    held["comments"].append({**place, **more})
    world.put("review", held["id"], held)
    return text("pull request review comment successfully added to pending review")


@TOOLS.tool(
    "add_reply_to_pull_request_comment",
    "Answer a comment of a review.",
    "owner* repo* commentId*:number pullNumber:number body reaction=+1|-1|laugh|confused|heart|hooray|rocket|eyes",
    WRITE,
)
def add_reply_to_pull_request_comment(world: World, given: JSON) -> JSON:
    for held in world.every("review", repo=state.name_of(given)):
        for one in held["comments"]:
            if one["id"] == int(given["commentId"]):
                number = 9000 + world.count("comment")
                reply = {"id": number, "body": given.get("body", ""), "user": ME, "in_reply_to": one["id"]}
                held["comments"].append({**reply, "thread_id": one["thread_id"], "resolved": False})
                world.put("review", held["id"], held)
                url = f"{state.SITE}/{held['repo']}/pull/{held['number']}#discussion_r{number}"
                return json_text(state.minimal(number, url))
    raise ToolFailure("failed to create reply: 404 Not Found []")
