"""Practice server for Gmail as Google hosts it: structured answers; it labels and drafts, and cannot send."""

from callgate_practice.gmail import mailbox
from callgate_practice.gmail.mailbox import ANA, Letter
from callgate_practice.gmail.populate import populate
from callgate_practice.reply import JSON, ToolFailure, structured
from callgate_practice.toolset import Toolset
from callgate_practice.world import World

TOOLS = Toolset("gmail", "Gmail", populate, catalog=("gmail",))
LOOK, LIST, MAKE = "r+d-i+o-", "r+d-i-o-", "r-d-i-o-"
LABEL, UNLABEL = "r-d-i+o-", "r-d+i+o-"
OBJECT: JSON = {"type": "object"}
FORMAT = "messageFormat=MESSAGE_FORMAT_UNSPECIFIED|MINIMAL|FULL_CONTENT|METADATA_ONLY"
THREADS = "view=THREAD_VIEW_UNSPECIFIED|THREAD_VIEW_METADATA_ONLY|THREAD_VIEW_MINIMAL"
DRAFTS = "view=DRAFT_VIEW_UNSPECIFIED|DRAFT_VIEW_METADATA_ONLY|DRAFT_VIEW_FULL"
SENSITIVE = "labelOption*=LABEL_OPTION_UNSPECIFIED|TRASH|SPAM"
DONE = structured({})
"""All that the labelling tools say."""


def _shown(one: JSON, *, full: bool) -> JSON:
    found = {
        "id": one["id"],
        "sender": one["sender"],
        "subject": one["subject"],
        "toRecipients": one["to"],
        "ccRecipients": one["cc"],
        "bccRecipients": one["bcc"],
        "date": one["date"][:10],
        "labelIds": one["labels"],
        "snippet": one["body"][:80],
        "attachmentIds": [part["id"] for part in one["attachments"]],
    }
    if full:
        parts = [{name: part[name] for name in ("id", "filename", "mimeType")} for part in one["attachments"]]
        found |= {"plaintextBody": one["body"], "htmlBody": one["html"], "attachments": parts}
    return found


def _draft(one: JSON) -> JSON:
    return {
        "id": one["id"],
        "threadId": one["threadId"],
        "subject": one["subject"],
        "toRecipients": one["to"],
        "ccRecipients": one["cc"],
        "bccRecipients": one["bcc"],
        "plaintextBody": one["body"],
        "htmlBody": one["html"],
        "date": one["date"][:10],
    }


def _page(rows: list[JSON], given: JSON, size: int) -> tuple[list[JSON], JSON]:
    """Raises ToolFailure for a token that is none."""
    token = given.get("pageToken") or "0"
    if not token.isdecimal():
        raise ToolFailure("Invalid pageToken")
    start, count = int(token), int(given.get("pageSize") or size)
    more = {"nextPageToken": str(start + count)} if start + count < len(rows) else {}
    return rows[start : start + count], more


@TOOLS.tool(
    "create_draft",
    "Write a draft, or a draft of an answer.",
    "to:strings cc:strings bcc:strings subject body htmlBody replyToMessageId attachments:objects",
    MAKE,
    OBJECT,
)
def create_draft(world: World, given: JSON) -> JSON:
    answered = given.get("replyToMessageId")
    thread = mailbox.message(world, ANA, answered)["threadId"] if answered else ""
    people = {name: tuple(given.get(name, ())) for name in ("to", "cc", "bcc")}
    letter = Letter(
        ANA,
        subject=given.get("subject", ""),
        body=given.get("body", ""),
        html=given.get("htmlBody", ""),
        attachments=tuple(given.get("attachments", ())),
        **people,
    )
    return structured(_draft(mailbox.add_draft(world, ANA, letter, thread)))


@TOOLS.tool("list_drafts", "One's drafts.", f"query pageSize:integer pageToken {DRAFTS}", LIST, OBJECT)
def list_drafts(world: World, given: JSON) -> JSON:
    words = str(given.get("query", "")).lower().split()
    rows = [
        _draft(one)
        for one in world.every("draft", mailbox=ANA)
        if all(word in f"{one['subject']} {one['body']}".lower() for word in words)
    ]
    page, more = _page(rows, given, 20)
    return structured({"drafts": page, **more})


@TOOLS.tool("get_thread", "All messages of a thread.", f"threadId* {FORMAT}", LOOK, OBJECT)
def get_thread(world: World, given: JSON) -> JSON:
    full = given.get("messageFormat", "FULL_CONTENT") == "FULL_CONTENT"
    rows = mailbox.thread(world, ANA, given["threadId"])
    return structured({"id": given["threadId"], "messages": [_shown(one, full=full) for one in rows]})


@TOOLS.tool("get_message", "One message.", f"messageId* {FORMAT}", LOOK, OBJECT)
def get_message(world: World, given: JSON) -> JSON:
    full = given.get("messageFormat", "FULL_CONTENT") == "FULL_CONTENT"
    return structured(_shown(mailbox.message(world, ANA, given["messageId"]), full=full))


@TOOLS.tool(
    "search_threads",
    "Find threads, with Gmail's search words.",
    f"query pageSize:integer pageToken includeTrash:boolean {THREADS}",
    LOOK,
    OBJECT,
)
def search_threads(world: World, given: JSON) -> JSON:
    threads: dict[str, list[JSON]] = {}
    for one in mailbox.search(world, ANA, given.get("query", ""), trash=given.get("includeTrash", False)):
        threads.setdefault(one["threadId"], []).append(_shown(one, full=False))
    page, more = _page([{"id": key, "messages": rows} for key, rows in threads.items()], given, 20)
    return structured({"threads": page, "resultCountEstimate": str(len(threads)), **more})


def _relabel(world: World, rows: list[JSON], add: list[str], remove: list[str]) -> JSON:
    mailbox.known_labels(world, ANA, [*add, *remove])
    for one in rows:
        mailbox.relabel(world, one, add, remove)
    return DONE


def _plain(labels: list[str]) -> list[str]:
    if mailbox.HIDDEN & set(labels):
        raise ToolFailure("TRASH and SPAM need the tool for sensitive labels.")
    return labels


@TOOLS.tool("label_thread", "Put labels on a thread.", "threadId* labelIds*:strings", LABEL, OBJECT)
def label_thread(world: World, given: JSON) -> JSON:
    return _relabel(world, mailbox.thread(world, ANA, given["threadId"]), _plain(given["labelIds"]), [])


@TOOLS.tool("unlabel_thread", "Take labels off a thread.", "threadId* labelIds*:strings", UNLABEL, OBJECT)
def unlabel_thread(world: World, given: JSON) -> JSON:
    return _relabel(world, mailbox.thread(world, ANA, given["threadId"]), [], given["labelIds"])


@TOOLS.tool("label_message", "Put labels on a message.", "messageId* labelIds*:strings", LABEL, OBJECT)
def label_message(world: World, given: JSON) -> JSON:
    return _relabel(world, [mailbox.message(world, ANA, given["messageId"])], _plain(given["labelIds"]), [])


@TOOLS.tool("unlabel_message", "Take labels off a message.", "messageId* labelIds*:strings", UNLABEL, OBJECT)
def unlabel_message(world: World, given: JSON) -> JSON:
    return _relabel(world, [mailbox.message(world, ANA, given["messageId"])], [], given["labelIds"])


def _sensitive(given: JSON) -> list[str]:
    if given["labelOption"] == "LABEL_OPTION_UNSPECIFIED":
        raise ToolFailure("labelOption must be TRASH or SPAM")
    return [given["labelOption"]]


@TOOLS.tool(
    "apply_sensitive_thread_label", "Trash a thread, or call it spam.", f"threadId* {SENSITIVE}", UNLABEL, OBJECT
)
def apply_sensitive_thread_label(world: World, given: JSON) -> JSON:
    return _relabel(world, mailbox.thread(world, ANA, given["threadId"]), _sensitive(given), ["INBOX"])


@TOOLS.tool(
    "apply_sensitive_message_label", "Trash a message, or call it spam.", f"messageId* {SENSITIVE}", UNLABEL, OBJECT
)
def apply_sensitive_message_label(world: World, given: JSON) -> JSON:
    return _relabel(world, [mailbox.message(world, ANA, given["messageId"])], _sensitive(given), ["INBOX"])


def _label(world: World, one: JSON) -> JSON:
    rows = [row for row in world.every("message", mailbox=ANA) if one["id"] in row["labels"]]
    unread = sum("UNREAD" in row["labels"] for row in rows)
    return {"labelId": one["id"], "name": one["name"], "messagesTotal": len(rows), "messagesUnread": unread}


@TOOLS.tool("list_labels", "All labels.", "", LOOK, OBJECT)
def list_labels(world: World, _given: JSON) -> JSON:
    return structured({"labels": [_label(world, one) for one in mailbox.labels(world, ANA)]})


@TOOLS.tool("create_label", "Make a label.", "displayName* color:object autoCreateParentLabels:boolean", MAKE, OBJECT)
def create_label(world: World, given: JSON) -> JSON:
    color = {"color": given["color"]} if "color" in given else {}
    return structured(_label(world, mailbox.add_label(world, ANA, given["displayName"], **color)) | color)
