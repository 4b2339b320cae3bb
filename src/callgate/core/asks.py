"""What a server may ask a client inside a call: declared by the client, configured, checked for shape and size.

What is shown to the client is made here from the known members; what may go back is a JSON Schema of the answer, so
that the answer is judged like the arguments of a tool.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from callgate.core.jsonrpc import parse_strict
from callgate.model.errors import MalformedCall
from callgate.model.inquiry import ASKS, ELICIT, ROOTS, SAMPLE, Inquiry

MAX_INQUIRY = 256 << 10
"""Bytes of what a server asks."""
MAX_TEXT = 16_000
"""Characters of an elicitation's message."""
MAX_FIELDS = 64
MAX_MESSAGES = 1_000
MAX_URL = 2_048
_PARTS = {"elicitation": ("form", "url"), "sampling": ("tools",), "roots": ()}
_SHOWN = {
    ELICIT: ("mode", "message", "requestedSchema", "url", "elicitationId"),
    SAMPLE: (
        "messages", "modelPreferences", "systemPrompt", "temperature", "maxTokens", "stopSequences", "metadata",
        "tools", "toolChoice",
    ),
    ROOTS: (),
}  # fmt: skip
"""Members by method. ``includeContext`` is not among them: the context of other servers is not this one's to ask for."""
_AWAY = -32042
_PORTS = {"https": 443, "http": 80}
_LOCAL = frozenset(("localhost", "127.0.0.1", "::1"))
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*|[0-9a-f:.]+")
_PRIMITIVE = {"type": ["string", "number", "boolean", "null", "array"], "items": {"type": "string"}}
_ANY_FORM: dict[str, Any] = {"type": "object", "additionalProperties": _PRIMITIVE}
_ANSWERS: dict[str, dict[str, Any]] = {
    ELICIT: {
        "type": "object",
        "properties": {"action": {"enum": ["accept", "decline", "cancel"]}},
        "required": ["action"],
        "additionalProperties": False,
    },
    SAMPLE: {
        "type": "object",
        "properties": {
            "role": {"enum": ["assistant", "user"]},
            "content": {"type": ["object", "array"]},
            "model": {"type": "string"},
            "stopReason": {"type": "string"},
        },
        "required": ["role", "content", "model"],
        "additionalProperties": False,
    },
    ROOTS: {
        "type": "object",
        "properties": {
            "roots": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"uri": {"type": "string", "pattern": "^file://"}, "name": {"type": "string"}},
                    "required": ["uri"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["roots"],
        "additionalProperties": False,
    },
}


def declared(capabilities: object, allowed: Iterable[str]) -> tuple[str, ...]:
    """Words for what a client says it can be asked and the integration may ask: ``roots``, ``elicitation.form`` …

    ``capabilities``: a client's ClientCapabilities, as it came. An elicitation without a mode means forms.
    """
    if not isinstance(capabilities, dict):
        return ()
    found: list[str] = []
    for kind in allowed:
        said = capabilities.get(kind)
        if kind not in ASKS or not isinstance(said, dict):
            continue
        parts = [f"{kind}.{part}" for part in _PARTS[kind] if isinstance(said.get(part), dict)]
        if kind == "elicitation" and not parts:
            parts = ["elicitation.form"]
        found += parts if kind == "elicitation" else [kind, *parts]
    return tuple(found)


def allowed(words: tuple[str, ...], asks: Iterable[str]) -> tuple[str, ...]:
    """Of what a client declared, what the integration may ask by now."""
    return tuple(word for word in words if word.partition(".")[0] in asks)


def capabilities_of(words: Iterable[str]) -> dict[str, Any]:
    """ClientCapabilities that say these words and nothing else."""
    made: dict[str, Any] = {}
    for word in words:
        kind, _, part = word.partition(".")
        inner = made.setdefault(kind, {})
        if part:
            inner[part] = {}
    return made


def read_inquiry(method: str, params: bytes, words: tuple[str, ...], *, private: bool) -> Inquiry | str:
    """A server's request as an Inquiry, or the code of why it is refused: ``unknown_method``, ``not_declared``,
    ``inquiry_too_large``, ``bad_inquiry``, ``bad_url``. ``private``: the integration may be on this machine.
    """
    if method not in _SHOWN:
        return "unknown_method"
    if len(params) > MAX_INQUIRY:
        return "inquiry_too_large"
    try:
        said = parse_strict(params) if params and params != b"null" else {}
    except MalformedCall:
        return "bad_inquiry"
    return inquiry(method, said, words, private=private)


def inquiry(method: str, said: object, words: tuple[str, ...], *, private: bool) -> Inquiry | str:
    """As ``read_inquiry``, for params that are decoded."""
    if method not in _SHOWN:
        return "unknown_method"
    if not isinstance(said, dict):
        return "bad_inquiry"
    shown = {name: said[name] for name in _SHOWN[method] if said.get(name) is not None}
    if method == ELICIT:
        return _elicitation(shown, words, private=private)
    if method == SAMPLE:
        return _sampling(shown, words)
    return Inquiry(method=ROOTS, params={}, schema=_ANSWERS[ROOTS]) if "roots" in words else "not_declared"


def _elicitation(shown: dict[str, Any], words: tuple[str, ...], *, private: bool) -> Inquiry | str:
    mode = shown.get("mode", "form")
    message = shown.get("message")
    if not isinstance(message, str) or len(message) > MAX_TEXT or mode not in ("form", "url"):
        return "bad_inquiry"
    if f"elicitation.{mode}" not in words:
        return "not_declared"
    if mode == "url":
        shown.pop("requestedSchema", None)
        if not isinstance(shown.get("elicitationId", ""), str):
            return "bad_inquiry"
        # Nothing is filled in here: the person answers at the address, so only the choice goes back.
        return (
            Inquiry(method=ELICIT, params=shown, schema=_ANSWERS[ELICIT])
            if web_address(shown.get("url"), private=private)
            else "bad_url"
        )
    form = _form(shown.get("requestedSchema"))
    if form is None:
        return "bad_inquiry"
    shown.pop("url", None)
    shown.pop("elicitationId", None)
    return Inquiry(method=ELICIT, params=shown, schema=_with_content(form))


def _with_content(form: dict[str, Any]) -> dict[str, Any]:
    answer = _ANSWERS[ELICIT]
    return {**answer, "properties": {**answer["properties"], "content": form}}


def _form(schema: object) -> dict[str, Any] | None:
    """The flat schema of a form (MCP 2025-11-25, elicitation, "Requested Schema"); None: it is none."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    fields, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(fields, dict) or len(fields) > MAX_FIELDS or not isinstance(required, list):
        return None
    if not all(isinstance(field, dict) and _flat(field) for field in fields.values()):
        return None
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


def _flat(field: dict[str, Any]) -> bool:
    """A text, number, boolean, or a choice of texts; nothing that leads elsewhere."""
    if not {"$ref", "$dynamicRef", "properties", "patternProperties", "allOf"}.isdisjoint(field):
        return False
    kind = field.get("type")
    if kind == "array":
        items = field.get("items")
        return isinstance(items, dict) and items.get("type", "string") == "string" and "$ref" not in items
    return kind in ("string", "number", "integer", "boolean")


def _sampling(shown: dict[str, Any], words: tuple[str, ...]) -> Inquiry | str:
    if "sampling" not in words:
        return "not_declared"
    messages, most = shown.get("messages"), shown.get("maxTokens")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return "bad_inquiry"
    if len(messages) > MAX_MESSAGES or not isinstance(most, int) or isinstance(most, bool):
        return "bad_inquiry"
    if ("tools" in shown or "toolChoice" in shown) and "sampling.tools" not in words:
        return "not_declared"
    return Inquiry(method=SAMPLE, params=shown, schema=_ANSWERS[SAMPLE])


def web_address(url: object, *, private: bool) -> bool:
    """https, or http to this machine for an integration that may be there; no user name in it."""
    if not isinstance(url, str) or len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "\\" in url:
        return False
    return parts.scheme == "https" or (private and parts.scheme == "http" and host in _LOCAL)


class _Away(msgspec.Struct):
    elicitations: list[dict[str, Any]] = []


class _ErrorAway(msgspec.Struct):
    data: _Away | None = None


class _ErrorCode(msgspec.Struct):
    code: int | float = 0


_code = msgspec.json.Decoder(_ErrorCode)
_away = msgspec.json.Decoder(_ErrorAway)


def addresses_in(error: bytes) -> tuple[dict[str, Any], ...] | None:
    """Elicitations that an error sends the person to (MCP 2025-11-25, URLElicitationRequiredError); None: it is no
    such error, or cannot be read as one.
    """
    if not error:
        return None
    try:
        # As a number: -32042.0 and -3.2042e4 are the same to a client.
        if _code.decode(error).code != _AWAY:
            return None
        said = _away.decode(error)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ({},)
    return tuple(said.data.elicitations) if said.data is not None else None


def may_lead_away(error: bytes, words: tuple[str, ...], *, private: bool) -> bool:
    """Whether an error may reach the client: it sends the person nowhere, or only where a request might."""
    found = addresses_in(error)
    return not found or all(isinstance(inquiry(ELICIT, said, words, private=private), Inquiry) for said in found)


def leads_to(hosts: frozenset[str], url: object) -> bool:
    """``hosts``: lower-case, with a port where one is written. Whatever cannot be read leads there."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url.lower())
        name, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return True
    if _HOST.fullmatch(name) is None:
        # Browsers resolve escapes and fold characters before they look a name up.
        return True
    written = f"[{name}]" if ":" in name else name
    return written in hosts or f"{written}:{port or _PORTS.get(parts.scheme, 0)}" in hosts


def unasked(method: str) -> Inquiry:
    """For an answer that comes without a question that the gate knows of: judged by its kind's general form."""
    schema = _with_content(_ANY_FORM) if method == ELICIT else _ANSWERS[method]
    return Inquiry(method=method, params={}, schema=schema)


def kind_of_answer(answer: object) -> str:
    """The method that an answer belongs to, by its shape; empty: none."""
    if not isinstance(answer, dict):
        return ""
    marks = (("action", ELICIT), ("role", SAMPLE), ("roots", ROOTS))
    return next((method for name, method in marks if name in answer), "")


def answer_of(asked: Inquiry, answer: dict[str, Any]) -> dict[str, Any]:
    """What would leave: the answer's known members. Everything else of it stays here."""
    names = ("action", "content") if asked.method == ELICIT else tuple(asked.schema["properties"])
    kept = {name: answer[name] for name in names if answer.get(name) is not None}
    if asked.method == ELICIT and kept.get("action") != "accept":
        kept.pop("content", None)
    if asked.method == ROOTS and isinstance(kept.get("roots"), list):
        kept["roots"] = [_root(root) for root in kept["roots"]]
    return kept


def _root(root: object) -> object:
    if not isinstance(root, dict):
        return root
    return {name: root[name] for name in ("uri", "name") if root.get(name) is not None}


def definition_of(asked: Inquiry) -> bytes:
    """The tool object that an answer is judged under."""
    return msgspec.json.encode({"name": asked.method, "inputSchema": asked.schema}, order="sorted")


def declined(method: str) -> bytes:
    """JSON-RPC member(s) that tell a server that its request was not answered: a decline, or an error."""
    if method == ELICIT:
        return b'"result":{"action":"decline"}'
    return b'"error":{"code":-1,"message":"The request was declined."}'
