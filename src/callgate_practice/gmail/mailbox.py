"""Two mailboxes: messages with labels, threads, drafts, filters; and what left for other domains."""

from typing import NamedTuple

from callgate_practice import queries
from callgate_practice.queries import Group, Language
from callgate_practice.reply import JSON, ToolFailure
from callgate_practice.world import World

ANA, BEN, TEAM = "ana@acme.example", "ben@acme.example", "team@acme.example"
MAILBOXES = (ANA, TEAM)
SYSTEM = ("INBOX", "SENT", "DRAFT", "TRASH", "SPAM", "UNREAD", "STARRED", "IMPORTANT")
HIDDEN = frozenset({"TRASH", "SPAM"})
LANGUAGE = Language(
    frozenset(
        {"from", "to", "cc", "bcc", "subject", "label", "in", "is", "has", "before", "after", "filename", "rfc822msgid"}
    ),
    tight_or=True,
)
DEEP = frozenset({"trash", "spam", "anywhere"})


class Letter(NamedTuple):
    """What is written, before it lies anywhere."""

    sender: str
    to: tuple[str, ...]
    subject: str
    body: str
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    html: str = ""
    attachments: tuple[JSON, ...] = ()


def store(world: World, mailbox: str, letter: Letter, labels: tuple[str, ...], thread: str = "") -> JSON:
    """One message in one mailbox; a thread of its own without one."""
    key = world.token("message")
    body: JSON = {
        "id": key,
        "mailbox": mailbox,
        "threadId": thread or key,
        "date": world.now(),
        "labels": list(labels),
        **{name: list(value) if isinstance(value, tuple) else value for name, value in letter._asdict().items()},
    }
    return world.put("message", key, body)


def send(world: World, mailbox: str, letter: Letter, thread: str = "") -> JSON:
    """Keeps it among the sent ones and delivers it: here, or out of the house."""
    sent = store(world, mailbox, letter, ("SENT",), thread)
    for address in (*letter.to, *letter.cc, *letter.bcc):
        deliver(world, address, letter, sent["id"])
    return sent


def deliver(world: World, address: str, letter: Letter, source: str) -> None:
    if address not in MAILBOXES:
        row = {"from": letter.sender, "to": address, "subject": letter.subject, "message": source}
        world.put("left the house", world.count("left"), {**row, "domain": address.rpartition("@")[2]})
        return
    here = store(world, address, letter, ("INBOX", "UNREAD"))
    for rule in world.every("filter", mailbox=address):
        if matches(here, queries.parse(_criteria(rule["criteria"]), LANGUAGE)):
            _apply(world, here, rule["action"], letter)


def _criteria(criteria: JSON) -> str:
    pairs = [f"{name}:{criteria[name]}" for name in ("from", "to", "subject") if criteria.get(name)]
    return " ".join([*pairs, str(criteria.get("query", ""))])


def _apply(world: World, here: JSON, action: JSON, letter: Letter) -> None:
    relabel(world, here, action.get("addLabelIds", []), action.get("removeLabelIds", []))
    if action.get("forward"):
        deliver(world, action["forward"], letter, here["id"])


def relabel(world: World, message: JSON, add: list[str], remove: list[str]) -> None:
    message["labels"] = [one for one in message["labels"] if one not in remove]
    message["labels"] += [one for one in add if one not in message["labels"]]
    world.put("message", message["id"], message)


def message(world: World, mailbox: str, key: str) -> JSON:
    found = world.get("message", key)
    if found is None or found["mailbox"] != mailbox:
        raise ToolFailure("Requested entity was not found.")
    return found


def thread(world: World, mailbox: str, key: str) -> list[JSON]:
    found = world.every("message", mailbox=mailbox, threadId=key)
    if not found:
        raise ToolFailure("Requested entity was not found.")
    return found


def labels(world: World, mailbox: str) -> list[JSON]:
    """Those of Gmail itself and one's own."""
    own = world.every("label", mailbox=mailbox)
    return [{"id": name, "name": name, "type": "system"} for name in SYSTEM] + [{**one, "type": "user"} for one in own]


def known_labels(world: World, mailbox: str, wanted: list[str]) -> None:
    known = {one["id"] for one in labels(world, mailbox)}
    unknown = [one for one in wanted if one not in known]
    if unknown:
        raise ToolFailure(f"Invalid label: {unknown[0]}")


def add_label(world: World, mailbox: str, name: str, **more: object) -> JSON:
    if any(one["name"] == name for one in labels(world, mailbox)):
        raise ToolFailure("Label name exists or conflicts")
    key = f"Label_{world.count('label')}"
    return world.put("label", key, {"id": key, "mailbox": mailbox, "name": name, **more})


def search(world: World, mailbox: str, text: str, *, trash: bool = False) -> list[JSON]:
    """Messages, newest first. Trash and spam are looked through when the query says so."""
    query = queries.parse(text, LANGUAGE)
    deep = trash or any(term.key == "in" and term.value.lower() in DEEP for term in queries.terms(query))
    names = {one["name"].lower().replace(" ", "-"): one["id"] for one in labels(world, mailbox)}
    rows = world.every("message", mailbox=mailbox)
    kept = [one for one in rows if (deep or not HIDDEN & set(one["labels"])) and matches(one, query, names)]
    return sorted(kept, key=lambda one: str(one["date"]), reverse=True)


def matches(one: JSON, query: Group, names: dict[str, str] | None = None) -> bool:
    """``names``: labels by the form in which a query writes them."""
    content = f"{one['subject']} {one['body']} {one['sender']}"
    return queries.matches(query, content, lambda key, value: _fits(one, key, value, names or {}), LANGUAGE)


def _fits(one: JSON, key: str, value: str, names: dict[str, str]) -> bool:
    held = one["labels"]
    if key in ("label", "in", "is"):
        if value.lower() in ("anywhere", "read"):
            return value.lower() == "anywhere" or "UNREAD" not in held
        return names.get(value.lower().replace(" ", "-"), value.upper()) in held or value in held
    if key in ("to", "cc", "bcc"):
        return any(queries.contains(address, value) for address in (*one["to"], *one["cc"], *one["bcc"]))
    if key in ("before", "after"):
        day = one["date"][:10]
        return bool(day < value.replace("/", "-")) if key == "before" else bool(day >= value.replace("/", "-"))
    if key == "has":
        return value != "attachment" or bool(one["attachments"])
    if key == "filename":
        return any(queries.contains(part["filename"], value) for part in one["attachments"])
    return queries.contains(str(one[{"from": "sender", "rfc822msgid": "id"}.get(key, key)]), value)


def add_draft(world: World, mailbox: str, letter: Letter, thread: str = "") -> JSON:
    """It lies beside the messages, and leaves only when somebody sends it."""
    key = f"r-{world.token('draft', 12)}"
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in letter._asdict().items()}
    body = {"id": key, "mailbox": mailbox, "threadId": thread or key.removeprefix("r-"), "date": world.now(), **fields}
    return world.put("draft", key, body)
