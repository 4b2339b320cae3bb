"""What the gate writes to a server: JSON-RPC 2.0 envelopes and MCP header values, of both eras.

Handshake eras: https://modelcontextprotocol.io/specification/2025-11-25/basic. Stateless era: 2026-07-28, same place.
"""

import base64
import re

import msgspec

import callgate
from callgate.core.jsonrpc import parse_upstream
from callgate.core.message import Message
from callgate.model.errors import OutcomeUnknown, UpstreamError

HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Newest first."""
STATELESS = "2026-07-28"
MAX_MESSAGE = 10 * 1024 * 1024
"""Bytes of one message, either way."""

CLIENT = {"name": "callgate", "version": callgate.__version__}
INITIALIZE = msgspec.json.encode({"protocolVersion": HANDSHAKE[0], "capabilities": {}, "clientInfo": CLIENT})

_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
_META: dict[str, object] = {
    "io.modelcontextprotocol/protocolVersion": STATELESS,
    _CAPABILITIES: {},
    "io.modelcontextprotocol/clientInfo": CLIENT,
}
_META_MEMBER = b'"_meta":' + msgspec.json.encode(_META)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SENTINEL = re.compile(r"=\?base64\?.*\?=", re.DOTALL)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN = re.compile(r"[\x20-\x7e]*")


def encode_request(number: int, method: str, params: bytes) -> bytes:
    """``params``: JSON object or empty."""
    return b'{"jsonrpc":"2.0","id":%d,"method":%s,"params":%s}' % (
        number,
        msgspec.json.encode(method),
        params or b"{}",
    )


def encode_notification(method: str, params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","method":%s,"params":%s}' % (msgspec.json.encode(method), params or b"{}")


def encode_cancelled(number: int) -> bytes:
    return encode_notification("notifications/cancelled", b'{"requestId":%d}' % number)


class _Initialized(msgspec.Struct):
    protocolVersion: str  # noqa: N815 - the wire's name


def agreed_version(result: bytes) -> str:
    """Of an InitializeResult. UpstreamError ``initialize_failed`` when it is none that the gate speaks."""
    try:
        version = msgspec.json.decode(result, type=_Initialized).protocolVersion
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as why:
        raise fault("initialize_failed") from why
    if version not in HANDSHAKE:
        raise fault("initialize_failed")
    return version


def with_stateless_meta(params: bytes, capabilities: bytes = b"") -> bytes:
    """Add the members that every 2026-07-28 request carries in ``params._meta``; what stands there stays.

    ``capabilities``: JSON of what the client behind the gate can be asked; empty: nothing.
    """
    said, member = _META, _META_MEMBER
    if capabilities:
        said = {**_META, _CAPABILITIES: msgspec.Raw(capabilities)}
        member = b'"_meta":' + msgspec.json.encode(said)
    if not params or params == b"{}":
        return b"{" + member + b"}"
    if b'"_meta"' not in params and params.startswith(b'{"'):
        return b"{" + member + b"," + params[1:]
    members = _object.decode(params)
    meta = _object.decode(members.get("_meta", msgspec.Raw(b"{}")))
    merged = {**meta, **{key: msgspec.Raw(msgspec.json.encode(value)) for key, value in said.items()}}
    return msgspec.json.encode({**members, "_meta": merged})


def progress_token(params: bytes) -> str | int | None:
    """``params._meta.progressToken``."""
    if b'"progressToken"' not in params:
        return None
    meta = _object.decode(params).get("_meta")
    token = _object.decode(meta).get("progressToken") if meta is not None else None
    return None if token is None else msgspec.json.decode(token, type=str | int)


def header_value(text: str) -> str:
    """As it is, or ``=?base64?…?=`` when it would not survive an HTTP field or would look like one that is coded."""
    if _PLAIN.fullmatch(text) and text == text.strip() and not _SENTINEL.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode(errors='replace')).decode()}?="


def is_token(text: str) -> bool:
    """A header name (RFC 9110 section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def bad_session(session: str) -> bool:
    """Session ids are visible ASCII (MCP transports); anything else could break out of a header."""
    return len(session) > 1024 or any(not 0x21 <= ord(character) <= 0x7E for character in session)


def parsed(raw: bytes) -> Message | None:
    """None: it is no JSON-RPC message."""
    try:
        return parse_upstream(raw)
    except UpstreamError:
        return None


def fault(code: str) -> UpstreamError:
    """An UpstreamError with the sentence of its code."""
    return UpstreamError(SENTENCES[code], code=code)


def unknown(why: str) -> OutcomeUnknown:
    """``why`` ends the sentence and holds nothing of the call."""
    return OutcomeUnknown(f"The request was sent and no usable answer was seen: {why}.")


SENTENCES = {
    "not_sent": "The server could not be reached; nothing was sent.",
    "busy": "The server takes no more requests at the moment; nothing was sent.",
    "closed": "The integration is closed; nothing was sent.",
    "stopped": "What permitted the call changed before it was sent.",
    "address_refused": "The server's address may not be used; nothing was sent.",
    "credential": "The gate has no usable credential for this server; nothing was sent.",
    "redirect": "The server answered with a redirect, which is never followed.",
    "too_large": "The server's answer is too large and was not delivered.",
    "unauthorized": "The server refused the gate's credential.",
    "forbidden": "The server refused this request.",
    "session_gone": "The server does not know this session any more.",
    "not_found": "The server knows no such address.",
    "rate_limited": "The server takes no more requests for now.",
    "rejected": "The server refused the request.",
    "initialize_failed": "The server could not be initialized.",
    "bad_listing": "A list of the server cannot be used: too long, or no list.",
}
