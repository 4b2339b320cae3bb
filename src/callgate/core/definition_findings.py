"""What in a server's definitions a person should look at before a model reads it.

Nothing here decides: a finding lowers no tier and allows nothing, and its absence proves nothing. Words are looked for
as they read: without case, invisible characters, and tricks of width or spacing.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from callgate.core.methods import TEMPLATES_LIST
from callgate.core.toolbox import quarantined
from callgate.core.visible import fold, is_visible, scripts
from callgate.model.call import PROMPTS_GET
from callgate.model.drift import DefinitionFinding
from callgate.model.inventory import Severity
from callgate.model.tool import IntegrationPin

MOST_FINDINGS = 200
LONG = 4_000
"""Characters of one text from which on nobody reads it to its end."""
MOST_TEXT = 1 << 20
"""Characters of a server that are looked through: that takes less than a second."""
_SCANNED = 64 * 1024
_AROUND = 60
_MAX_NODES = 20_000
_LOW, _MEDIUM, _HIGH = Severity.LOW, Severity.MEDIUM, Severity.HIGH


class DefinitionFindingKind(NamedTuple):
    severity: Severity
    says: str


KINDS = {
    "hidden_instruction": DefinitionFindingKind(
        _HIGH, "It tells the model to set other instructions aside, or to keep something from the person."
    ),
    "model_markup": DefinitionFindingKind(_HIGH, "It has marks by which text poses as the system's, or as urgent."),
    "wants_conversation": DefinitionFindingKind(
        _HIGH, "It asks the model to hand over the conversation or its own instructions."
    ),
    "invisible_text": DefinitionFindingKind(
        _HIGH, "It has characters that nobody sees and a model reads, or that turn the order of text."
    ),
    "names_secrets": DefinitionFindingKind(_MEDIUM, "It names places where secrets are kept."),
    "encoded_text": DefinitionFindingKind(_MEDIUM, "It has a long encoded text."),
    "hidden_comment": DefinitionFindingKind(_MEDIUM, "It has a comment that is not shown where text is drawn."),
    "long_text": DefinitionFindingKind(_LOW, "It is so long that nobody reads it to its end."),
    "too_much_text": DefinitionFindingKind(_HIGH, "From here on there is more text than is looked through."),
    "directs_model": DefinitionFindingKind(_LOW, "It tells the model which calls to make, beyond its own use."),
    "name_reserved": DefinitionFindingKind(_HIGH, "Its name is the gate's own or the protocol's; it is kept away."),
    "name_unreadable": DefinitionFindingKind(
        _HIGH, "Its name is too long, or has a character that cannot be seen; it is kept away."
    ),
    "name_look_alike": DefinitionFindingKind(
        _HIGH, "Its name can be taken for another's of this server; it is kept away."
    ),
    "name_like_another": DefinitionFindingKind(
        _HIGH, "Its name looks like that of another tool of this server, in other letters."
    ),
    "name_like_elsewhere": DefinitionFindingKind(
        _MEDIUM, "Its name looks like that of a tool of another integration, and is not the same."
    ),
    "name_unusual": DefinitionFindingKind(_LOW, "Its name has letters that are not ASCII."),
}
"""By code."""
_KEEP_FROM = r"tell(?:ing)?|inform(?:ing)?|mention(?:ing)?|reveal(?:ing)?|notify(?:ing)?|alert(?:ing)?|disclos(?:e|ing)|show(?:ing)?|let"
_PLACES = (
    (
        "hidden_instruction",
        (
            r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,30}"
            r"\b(?:previous|prior|above|earlier|preceding|other|all|any|system|safety)\b.{0,20}"
            r"\b(?:instructions?|rules?|prompts?|messages?|guidelines?|polic(?:y|ies)|restrictions?)\b"
        ),
    ),
    (
        "hidden_instruction",
        (
            r"\b(?:do not|don't|dont|never|must not|without|avoid|refrain from)\b.{0,20}"
            rf"\b(?:{_KEEP_FROM})\b.{{0,30}}"
            r"\b(?:user|users|human|person|customer|operator|anyone|anybody)\b"
        ),
    ),
    (
        "hidden_instruction",
        (
            r"\bwithout (?:the |their )?(?:users?'?s? |human'?s? |person'?s? )?(?:knowing|knowledge|noticing|awareness)\b"
            r"|\b(?:secretly|covertly|surreptitiously)\b"
        ),
    ),
    (
        "hidden_instruction",
        (
            r"\b(?:you are now|pretend (?:to be|that you)|new instructions? (?:are|is|follow)"
            r"|act as (?:if|though|a|an) (?:you|root|admin|system))\b"
        ),
    ),
    (
        "model_markup",
        (
            r"</?(?:important|system|secret|instructions?|admin|critical|override|assistant|user|human|hidden|sys|priority"
            r"|urgent)\b[^<>]{0,80}>|\[/?(?:inst|system|important|hidden)\]|<\|[a-z_ ]{2,30}\|>|<<sys>>|^#{2,} ?system\b"
        ),
    ),
    (
        "wants_conversation",
        (
            r"\b(?:pass|include|send|provide|copy|put|attach|append|summari[sz]e|forward)\b.{0,40}"
            r"\b(?:entire|full|whole|complete|all|current)\b.{0,30}"
            r"\b(?:conversation|chat history|chat log|message history|context window|dialog(?:ue)?|transcript)\b"
            r"|\b(?:your|the) system prompt\b"
        ),
    ),
    (
        "names_secrets",
        (
            r"(?:~|\$home|/home/\w+|/root)/\.(?:ssh|aws|gnupg|netrc|kube|docker)\b|\bid[ _](?:rsa|ed25519|ecdsa)\b"
            r"|/etc/(?:shadow|passwd)\b|\.aws/credentials\b|\.cursor/mcp\.json|\bclaude desktop config\.json"
            r"|(?<![\w.])\.env files?\b"
        ),
    ),
    ("hidden_comment", r"<!--"),
    (
        "directs_model",
        (
            r"\b(?:you must|you should always|always|must be) (?:first )?(?:call|called|use|used|invoke|invoked|run)\b.{0,40}"
            r"\b(?:first|before|prior to|instead of|whenever|every time|after every)\b"
            r"|\bbefore (?:using|calling|invoking|running) (?:any|any other|other|another|all) tools?\b"
            r"|\binstead of (?:the|any) other tools?\b"
        ),
    ),
)
"""Of text as it reads; low dashes are blanks there."""
_PATTERNS = tuple((code, re.compile(pattern, re.MULTILINE)) for code, pattern in _PLACES)
_ENCODED = re.compile(r"(?<![\w/.:%-])(?:[A-Za-z0-9+/_-]{120,}={0,2}|(?:[0-9a-fA-F]{2}){48,})(?![\w])")
_SPACE, _BREAK = re.compile(r"[^\S\n]+"), re.compile(r"[\r\n]+(?!#)")
_SKIPPED = frozenset(("icons", "$schema", "$id", "$ref", "pattern", "format", "type"))
"""Members whose text no model acts on."""
_OF_EMOJI = frozenset("\ufe0f\u200d")
_LIKE = str.maketrans(
    {
        **dict(zip("асеорхуіјѕԁһӏԛԝɡαοντρικυ", "aceopxyijsdhlqwgaovtpiku", strict=True)),
        "0": "o",
        "1": "l",
        "|": "l",
        "ı": "i",
        "ł": "l",
        "ø": "o",
    }
)
"""Small letters of other scripts, and digits, to the Latin letters that they look like."""


def looked_through(
    pin: IntegrationPin, elsewhere: Mapping[str, frozenset[str]] | None = None
) -> tuple[DefinitionFinding, ...]:
    """At most 200, the worst first, each (code, key, field) once. ``elsewhere``: names of other integrations' tools by ``likeness``."""
    found: dict[tuple[str, str, str], DefinitionFinding] = {}
    for one in (*_names(pin, elsewhere or {}), *_of_texts(pin)):
        found.setdefault((one.code, one.key, one.field), one)
    return tuple(sorted(found.values(), key=lambda one: -one.severity)[:MOST_FINDINGS])


def likeness(name: str) -> str:
    """Equal for names that a reader could take for one: as ``fold``, and letters of other scripts as they look."""
    return fold(name).translate(_LIKE)


def _noted(code: str, key: str, field: str, excerpt: str = "") -> DefinitionFinding:
    kind = KINDS[code]
    return DefinitionFinding(code=code, severity=kind.severity, key=key, field=field, says=kind.says, excerpt=excerpt)


def _names(pin: IntegrationPin, elsewhere: Mapping[str, frozenset[str]]) -> Iterator[DefinitionFinding]:
    tools = [tool.name for tool in pin.tools]
    prompts = [prompt.name for prompt in pin.prompts]
    away = quarantined(tools)
    for name, reason in away.items():
        yield _noted(f"name_{reason}", name, "name", name)
    for name, reason in quarantined(prompts, blanks=True).items():
        yield _noted(f"name_{reason}", f"{PROMPTS_GET} {name}", "name", name)
    alike: dict[str, set[str]] = {}
    for name in tools:
        alike.setdefault(likeness(name), set()).add(name)
    for like, names in alike.items():
        others = elsewhere.get(like, frozenset()) - names
        usable = names - away.keys()
        for name in usable:
            if len(usable) > 1:
                yield _noted("name_like_another", name, "name", name)
            elif others and name not in elsewhere.get(like, ()):
                yield _noted("name_like_elsewhere", name, "name", name)
            if not name.isascii() and len(scripts(name)) == 1:
                yield _noted("name_unusual", name, "name", name)


def _of_texts(pin: IntegrationPin) -> Iterator[DefinitionFinding]:
    left = MOST_TEXT
    for key, field, text in _texts(pin):
        left -= len(text)
        if left < 0:
            yield _noted("too_much_text", key, field, text[:_AROUND])
            return
        yield from _of_text(text, key, field)


def _texts(pin: IntegrationPin) -> Iterator[tuple[str, str, str]]:
    """(key, field, text) of everything a model could read."""
    yield "", "instructions", pin.instructions
    named = [(tool.name, tool.definition) for tool in pin.tools]
    named += [(f"{PROMPTS_GET} {prompt.name}", prompt.definition) for prompt in pin.prompts]
    named += [(f"{TEMPLATES_LIST} {template.name}", template.definition) for template in pin.templates]
    for key, definition in named:
        try:
            value = msgspec.json.decode(definition)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        for field, text in _strings(value):
            yield key, field, text


def _strings(value: Any) -> Iterator[tuple[str, str]]:
    """(path, text) of every text a model could read, names of members among them."""
    waiting: list[tuple[str, Any]] = [("", value)]
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        path, here = waiting.pop()
        if isinstance(here, str):
            yield path, here
        elif isinstance(here, list):
            waiting += [(f"{path}[{number}]", item) for number, item in reversed(list(enumerate(here)))]
        elif isinstance(here, dict):
            for name, item in reversed(here.items()):
                where = f"{path}.{name}" if path else name
                if name not in _SKIPPED or not isinstance(item, str | list):
                    waiting.append((where, item))
                yield f"{where} (name)", name


def _of_text(text: str, key: str, field: str) -> Iterator[DefinitionFinding]:
    if len(text) > LONG:
        yield _noted("long_text", key, field, text[:_AROUND])
    scanned = text[:_SCANNED]
    unseen = _unseen(scanned)
    if unseen >= 0:
        yield _noted("invisible_text", key, field, scanned[max(0, unseen - _AROUND // 2) : unseen + _AROUND // 2])
    encoded = next((one for one in _ENCODED.finditer(scanned) if _is_encoded(one[0])), None)
    if encoded is not None:
        yield _noted("encoded_text", key, field, encoded[0][:_AROUND])
    if len(scanned) < 8:
        return
    read = _as_read(scanned)
    for code, pattern in _PATTERNS:
        hit = pattern.search(read)
        if hit is not None:
            yield _noted(code, key, field, read[max(0, hit.start() - 10) : hit.start() + _AROUND])


def _as_read(text: str) -> str:
    """Sentences go on over line breaks; a break is kept where a heading could stand."""
    seen = text if text.isascii() else "".join(char for char in text if is_visible(char) or char.isspace())
    plain = unicodedata.normalize("NFKC", seen).casefold().replace("\u2019", "'").replace("_", " ")
    return _SPACE.sub(" ", _BREAK.sub(" ", plain))


def _unseen(text: str) -> int:
    """Where the first character stands that cannot be seen; -1: nowhere. One that shapes an emoji is seen in it."""
    if text.isascii() and not any(char < " " and char not in "\n\r\t" for char in text):
        return -1
    for at, char in enumerate(text):
        if is_visible(char) or char in "\n\r\t":
            continue
        if char not in _OF_EMOJI or not at or not _shaped(text[at - 1]):
            return at
    return -1


def _shaped(before: str) -> bool:
    return before in "#*0123456789\ufe0f" or unicodedata.category(before) in ("So", "Sk")


def _is_encoded(text: str) -> bool:
    """Long words and paths have one case and few digits."""
    if all(char in "0123456789abcdefABCDEF" for char in text):
        return True
    kinds = sum(any(test(char) for char in text) for test in (str.isupper, str.islower, str.isdigit))
    return kinds == 3 and text.count("-") + text.count("_") + text.count("/") < len(text) // 12
