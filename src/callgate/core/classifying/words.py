"""Names and sentences cut into words, each with its base form. ASCII only: a letter of another script is no word."""

import re
from collections.abc import Iterable, Iterator, Sequence

from callgate.core.classifying.lexicon import CHANGES, FILLERS, LOOKS, LOOKS_OR_NAMES, THINGS
from callgate.model.base import Fact

MAX_TEXT = 4096
"""Characters of one text that are looked at."""
MAX_WORDS = 64

_PARTS = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+|[^\x00-\x7f]+")
_SENTENCE = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|[.!?:;,]|\n")
_VOWELS = frozenset("aeiou")
_TOO_SHORT = 3

_COMPOUNDS: dict[tuple[str, str], str] = {
    **{(first, "request"): "ticket" for first in ("pull", "merge", "change", "review", "service", "access")},
    **{(first, "run"): "job" for first in ("workflow", "test", "pipeline", "check", "task", "build", "flow", "dag")},
    **{("status", other): "report" for other in ("update", "page")},
    ("change", "set"): "revision",
    ("console", "message"): "info",
    ("network", "request"): "info",
    ("browser", "snapshot"): "overview",
    ("page", "snapshot"): "overview",
    ("change", "log"): "history",
    ("push", "notification"): "notification",
    ("release", "note"): "notes",
    ("read", "receipt"): "receipt",
    ("read", "replica"): "replica",
    ("check", "list"): "checklist",
    ("check", "suite"): "job",
    ("work", "item"): "issue",
    ("work", "log"): "worklog",
    ("to", "do"): "todo",
    ("check", "in"): "submit",
    ("check", "out"): "checkout",
    ("log", "in"): "login",
    ("log", "out"): "logout",
    ("sign", "in"): "login",
    ("sign", "out"): "logout",
    ("who", "am"): "whoami",
    ("look", "up"): "lookup",
    ("add", "on"): "addon",
    ("plug", "in"): "plugin",
    ("cherry", "pick"): "merge",
    ("roll", "back"): "rollback",
    ("fail", "over"): "failover",
    ("down", "load"): "download",
    ("up", "load"): "upload",
    ("read", "only"): "readonly",
}
"""Two words that together are one thing, as that thing."""


class Word(Fact, frozen=True):
    """``base``: lower case, singular or infinitive where known. ``plain``: it stood in its base form."""

    text: str
    base: str
    plain: bool


def _forms(verb: str) -> Iterator[str]:
    if verb.endswith("e"):
        yield from (f"{verb}s", f"{verb}d", f"{verb[:-1]}ing")
    elif verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        yield from (f"{verb[:-1]}ies", f"{verb[:-1]}ied", f"{verb}ing")
    else:
        tail = "es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s"
        yield from (f"{verb}{tail}", f"{verb}ed", f"{verb}ing")
        if len(verb) > 2 and verb[-1] not in _VOWELS | set("wxy") and verb[-2] in _VOWELS:
            yield from (f"{verb}{verb[-1]}ed", f"{verb}{verb[-1]}ing")


_IRREGULAR = {
    "sent": "send",
    "written": "write",
    "wrote": "write",
    "made": "make",
    "ran": "run",
    "paid": "pay",
    "sold": "sell",
    "bought": "buy",
    "found": "find",
    "shown": "show",
    "got": "get",
    "undone": "undo",
    "withdrawn": "withdraw",
    "frozen": "freeze",
    "hidden": "hide",
    "read": "read",
    "rebuilt": "rebuild",
    "built": "build",
    "forgotten": "forget",
    "spoken": "call",
    "held": "pause",
    "taken": "capture",
    "chosen": "choose",
    "left": "leave",
    "data": "data",
    "status": "status",
    "statuses": "status",
    "analysis": "analysis",
    "analytics": "analytic",
    "analyses": "analysis",
    "queries": "query",
    "indices": "index",
    "indexes": "index",
    "people": "people",
    "children": "child",
    "logs": "log",
    "docs": "doc",
    "process": "process",
    "processes": "process",
    "address": "address",
    "access": "access",
    "dns": "dns",
    "sms": "sms",
    "cors": "cors",
    "details": "detail",
    "sso": "sso",
    "waf": "waf",
}
_VERBS = LOOKS | LOOKS_OR_NAMES | CHANGES
_DOERS = {f"{verb.removesuffix('e')}{tail}": verb for verb in sorted(LOOKS) for tail in ("er", "or")}
"""``validator``, ``inspector``, ``analyzer``."""
_INFLECTED = _DOERS | {form: verb for verb in sorted(_VERBS) for form in _forms(verb)} | _IRREGULAR


def word(text: str) -> Word:
    """``text`` in lower case."""
    if text in _VERBS:
        return Word(text=text, base=text, plain=True)
    known = _INFLECTED.get(text)
    if known is not None:
        return Word(text=text, base=known, plain=known == text)
    if text.endswith("ies") and len(text) > _TOO_SHORT + 1:
        return Word(text=text, base=f"{text[:-3]}y", plain=False)
    if text.endswith(("sses", "xes", "ches", "shes")):
        return Word(text=text, base=text[:-2], plain=False)
    if text.endswith("s") and not text.endswith(("ss", "us", "is")) and len(text) > _TOO_SHORT:
        return Word(text=text, base=text[:-1], plain=False)
    return Word(text=text, base=text if text in THINGS else _without_prefix(text) or text, plain=True)


def _without_prefix(text: str) -> str:
    """The verb in ``relock`` or ``unsettle``: repeating or reversing a change is a change. Empty: there is none."""
    for prefix in ("re", "un", "de", "dis"):
        rest = text[len(prefix) :]
        if text.startswith(prefix) and len(rest) > _TOO_SHORT and rest in CHANGES:
            return rest
    return ""


def words_of(name: str) -> tuple[Word, ...]:
    """The words of a tool's, an argument's or a value's name: camelCase, snake_case, kebab-case, dots, blanks."""
    cut = [word(part.lower()) for part in _PARTS.findall(name[:MAX_TEXT])[:MAX_WORDS]]
    return _compounded(cut)


def without_prefix(words: Sequence[Word], integration: str) -> tuple[Word, ...]:
    """Words after those that only say whose tool it is. Never empty unless ``words`` is."""
    own = {part.text for part in words_of(integration)}
    start = 0
    while start < len(words) - 1 and (words[start].text in own or (not start and words[start].text in FILLERS)):
        start += 1
    return tuple(words[start:])


def _compounded(cut: Sequence[Word]) -> tuple[Word, ...]:
    found: list[Word] = []
    at = 0
    while at < len(cut):
        pair = _COMPOUNDS.get((cut[at].text, cut[at + 1].base)) if at + 1 < len(cut) else None
        found.append(cut[at] if pair is None else Word(text=cut[at].text, base=pair, plain=cut[at + 1].plain))
        at += 1 if pair is None else 2
    return tuple(found)


def sentences(text: str, most: int) -> Iterator[tuple[Word, ...]]:
    """The first ``most`` sentences or lines of a text that hold words, of its first MAX_TEXT characters."""
    found: list[Word] = []
    for part in _SENTENCE.findall(text[:MAX_TEXT]):
        if part[0].isalpha():
            if len(found) < MAX_WORDS:
                found.append(word(part.lower()))
        elif found and part not in (",", ";"):
            yield tuple(found)
            found, most = [], most - 1
            if not most:
                return
    if found:
        yield tuple(found)


def folded(name: str) -> str:
    """An argument's name as the word lists have it: ``dryRun`` and ``dry-run`` are ``dry_run``."""
    return "_".join(part.lower() for part in _PARTS.findall(name[:MAX_TEXT])[:MAX_WORDS] if part.isascii())


def any_base(words: Iterable[Word], bases: frozenset[str]) -> str:
    """The first word whose base is among ``bases``, as it stood; empty: none."""
    return next((one.text for one in words if one.base in bases), "")
