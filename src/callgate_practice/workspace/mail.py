"""Practice server for Gmail through the community's Workspace server: it sends."""

from callgate_practice.gmail import mailbox
from callgate_practice.gmail.mailbox import MAILBOXES, Letter
from callgate_practice.gmail.populate import populate
from callgate_practice.reply import JSON, ToolFailure, wrapped
from callgate_practice.toolset import Toolset
from callgate_practice.workspace.speech import CHANGE, LOOK, MAKE, OUTPUT, account, api_error
from callgate_practice.world import World

TOOLS = Toolset("gmail-workspace", "Gmail (Workspace)", populate, catalog=("google_gmail_workspace",))
WHO = "user_google_email*"
BODY = "body_format=text|html|raw"
WRITTEN = (
    " subject body body_format=plain|html to cc bcc from_name from_email thread_id in_reply_to references"
    " forward_message_id include_forwarded_attachments:boolean attachments:objects include_signature:boolean"
    " direction=auto|ltr|rtl quote_original:boolean reply_all:boolean"
)


def _people(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in (text or "").split(",") if one.strip())


def _headers(one: JSON) -> str:
    rows = (
        ("Message ID", "id"),
        ("Thread ID", "threadId"),
        ("Subject", "subject"),
        ("From", "sender"),
        ("Date", "date"),
    )
    lines = [f"{title}: {one[name]}" for title, name in rows]
    return "\n".join([*lines, f"To: {', '.join(one['to'])}", f"Labels: {', '.join(one['labels'])}"])


def _whole(one: JSON) -> str:
    parts = "".join(f"\nAttachment: {part['filename']} (ID: {part['id']})" for part in one["attachments"])
    return f"{_headers(one)}{parts}\n\n--- BODY ---\n{one['body']}"


@TOOLS.tool(
    "search_gmail_messages",
    "Find messages, with Gmail's search words.",
    f"query* {WHO} page_size:integer page_token include_headers:boolean",
    LOOK,
    OUTPUT,
)
def search_gmail_messages(world: World, given: JSON) -> JSON:
    box = account("search_gmail_messages", given, MAILBOXES)
    rows = mailbox.search(world, box, given["query"])
    start, size = int(given.get("page_token") or 0), int(given.get("page_size", 10))
    page = rows[start : start + size]
    lines = [f"Found {len(page)} messages matching '{given['query']}':"]
    full = given.get("include_headers")
    lines += [_headers(one) if full else f"Message ID: {one['id']}\nThread ID: {one['threadId']}" for one in page]
    if start + size < len(rows):
        lines.append(f"Next page token: {start + size}")
    return wrapped("\n\n".join(lines))


def _message(world: World, tool: str, box: str, key: str) -> JSON:
    try:
        return mailbox.message(world, box, key)
    except ToolFailure as fault:
        raise api_error(tool, 404, str(fault)) from None


@TOOLS.tool(
    "get_gmail_message_content",
    "One message.",
    f"message_id* {WHO} {BODY} full:boolean format=full|metadata include_headers:boolean include_links:boolean",
    LOOK,
    OUTPUT,
)
def get_gmail_message_content(world: World, given: JSON) -> JSON:
    box = account("get_gmail_message_content", given, MAILBOXES)
    one = _message(world, "get_gmail_message_content", box, given["message_id"])
    return wrapped(_headers(one) if given.get("format") == "metadata" else _whole(one))


@TOOLS.tool(
    "get_gmail_messages_content_batch",
    "Several messages.",
    f"message_ids*:strings {WHO} format=full|metadata {BODY} include_links:boolean",
    LOOK,
    OUTPUT,
)
def get_gmail_messages_content_batch(world: World, given: JSON) -> JSON:
    box = account("get_gmail_messages_content_batch", given, MAILBOXES)
    rows = [_message(world, "get_gmail_messages_content_batch", box, key) for key in given["message_ids"]]
    return wrapped(f"Retrieved {len(rows)} messages:\n\n" + "\n\n---\n\n".join(_whole(one) for one in rows))


@TOOLS.tool(
    "get_gmail_thread_content",
    "All messages of a thread.",
    f"thread_id* {WHO} {BODY} include_analysis:boolean include_links:boolean",
    LOOK,
    OUTPUT,
)
def get_gmail_thread_content(world: World, given: JSON) -> JSON:
    box = account("get_gmail_thread_content", given, MAILBOXES)
    rows = world.every("message", mailbox=box, threadId=given["thread_id"])
    if not rows:
        raise api_error("get_gmail_thread_content", 404, "Requested entity was not found.")
    return wrapped(f"Thread ID: {given['thread_id']}\n\n" + "\n\n---\n\n".join(_whole(one) for one in rows))


@TOOLS.tool(
    "get_gmail_threads_content_batch",
    "Several threads.",
    f"thread_ids*:strings {WHO} {BODY} include_links:boolean",
    LOOK,
    OUTPUT,
)
def get_gmail_threads_content_batch(world: World, given: JSON) -> JSON:
    box = account("get_gmail_threads_content_batch", given, MAILBOXES)
    rows = [one for key in given["thread_ids"] for one in world.every("message", mailbox=box, threadId=key)]
    threads = f"Retrieved {len(given['thread_ids'])} threads:\n\n"
    return wrapped(threads + "\n\n---\n\n".join(_whole(one) for one in rows))


@TOOLS.tool(
    "get_gmail_attachment_content",
    "What is attached to a message.",
    f"message_id* attachment_id* {WHO} return_base64:boolean attachment_index:integer",
    "r-d-i-o+",
    OUTPUT,
)
def get_gmail_attachment_content(world: World, given: JSON) -> JSON:
    box = account("get_gmail_attachment_content", given, MAILBOXES)
    one = _message(world, "get_gmail_attachment_content", box, given["message_id"])
    for part in one["attachments"]:
        if part.get("id") == given["attachment_id"]:
            return wrapped(f"Attachment: {part['filename']}\nMIME type: {part['mimeType']}\n\n{part['text']}")
    raise api_error("get_gmail_attachment_content", 404, "Attachment not found.")


def _letter(world: World, tool: str, box: str, given: JSON) -> Letter:
    subject, body, attached = given.get("subject") or "", given.get("body") or "", list(given.get("attachments") or ())
    if given.get("forward_message_id"):
        one = _message(world, tool, box, given["forward_message_id"])
        subject = subject or f"Fwd: {one['subject']}"
        body += f"\n\n---------- Forwarded message ----------\nFrom: {one['sender']}\n\n{one['body']}"
        if given.get("include_forwarded_attachments", True):
            attached += one["attachments"]
    people = (_people(given.get(name, "")) for name in ("to", "cc", "bcc"))
    to, cc, bcc = people
    html = body if given.get("body_format") == "html" else ""
    return Letter(given.get("from_email") or box, to, subject, body, cc, bcc, html, tuple(attached))


def _answered(world: World, box: str, given: JSON, letter: Letter) -> Letter:
    """To everybody in the thread, when the call says so."""
    rows = world.every("message", mailbox=box, threadId=given.get("thread_id"))
    if not (given.get("reply_all") and rows):
        return letter
    last = rows[-1]
    others = {one: None for one in (last["sender"], *last["to"], *last["cc"]) if one != box and one not in letter.to}
    return letter._replace(cc=(*letter.cc, *others))


@TOOLS.tool("send_gmail_message", "Send mail: new, an answer, or forwarded.", WHO + WRITTEN, CHANGE, OUTPUT)
def send_gmail_message(world: World, given: JSON) -> JSON:
    box = account("send_gmail_message", given, MAILBOXES)
    letter = _answered(world, box, given, _letter(world, "send_gmail_message", box, given))
    if not letter.to:
        raise api_error("send_gmail_message", 400, "Recipient address required")
    sent = mailbox.send(world, box, letter, given.get("thread_id") or "")
    more = f" with {len(letter.attachments)} attachment(s)" if letter.attachments else ""
    return wrapped(f"Email sent{more}! Message ID: {sent['id']}")


@TOOLS.tool("draft_gmail_message", "Write a draft; nothing is sent.", WHO + WRITTEN, MAKE, OUTPUT)
def draft_gmail_message(world: World, given: JSON) -> JSON:
    box = account("draft_gmail_message", given, MAILBOXES)
    letter = _answered(world, box, given, _letter(world, "draft_gmail_message", box, given))
    made = mailbox.add_draft(world, box, letter, given.get("thread_id") or "")
    more = f" with {len(letter.attachments)} attachment(s)" if letter.attachments else ""
    return wrapped(f"Draft created{more}! Draft ID: {made['id']}")
