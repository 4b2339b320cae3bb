"""JSON-RPC 2.0 messages (https://www.jsonrpc.org/specification; MCP basic/index).

``parse_strict`` is for what a client sends: one object, read so that no second reader could understand it
differently. ``parse_upstream`` is for what a server sends: only the members the gate routes by are decoded.
"""

import json
from decimal import Decimal
from typing import Any, NoReturn

import msgspec

from callgate.core.message import JsonrpcFields, Message
from callgate.model.errors import MalformedCall, UpstreamError

MAX_DEPTH = 64
_INT64 = 1 << 63


_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_wire = msgspec.json.Decoder(JsonrpcFields)


def parse_upstream(raw: bytes) -> Message:
    """Raises UpstreamError (``bad_message``) when it is not one JSON-RPC 2.0 object."""
    try:
        wire = _wire.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise UpstreamError("The server sent something that is not a JSON-RPC message.", code="bad_message") from fault
    if wire.jsonrpc != "2.0" or (not wire.method and not (wire.result or wire.error)):
        raise UpstreamError("The server sent something that is not a JSON-RPC message.", code="bad_message")
    return Message(
        raw=raw,
        id=wire.id,
        method=wire.method,
        params=bytes(wire.params),
        result=bytes(wire.result),
        error=bytes(wire.error),
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedCall("An object has the same key twice.", code="duplicate_key")
    if len({key.casefold() for key in found}) != len(found):
        raise MalformedCall("An object has two keys that differ only in case.", code="duplicate_key")
    return found


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")) or Decimal(text) != Decimal(repr(value)):
        raise MalformedCall("A number cannot be represented exactly; send it as a string.", code="number")
    return value


def _int(text: str) -> int:
    if len(text) > 64:
        raise MalformedCall("A number has more than 64 digits; send it as a string.", code="number")
    return int(text)


def _constant(_: str) -> NoReturn:
    raise MalformedCall("NaN and Infinity are not JSON.", code="not_json")


_strict = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant)


def depth(text: str) -> int:
    """Deepest nesting of arrays and objects outside strings, without recursion."""
    deepest = level = 0
    inside = False
    skip = False
    for character in text:
        if skip:
            skip = False
        elif inside:
            if character == "\\":
                skip = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            level += 1
            deepest = max(deepest, level)
        elif character in "]}":
            level -= 1
    return deepest


def parse_strict(raw: bytes) -> dict[str, Any]:
    """One JSON object, or MalformedCall with the code of what is wrong:

    ``not_utf8``, ``not_json``, ``not_object`` (arrays included), ``duplicate_key`` (case-fold-equal included),
    ``too_deep`` (over 64), ``surrogate`` (lone), ``number`` (does not round-trip).
    """
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        value = _compact(raw)
        if value is not None:
            return value
    return read_every_way(raw)


def _compact(raw: bytes) -> dict[str, Any] | None:
    """Most clients send compact JSON: bytes that come out of the encoder as they went into the decoder have no
    second reading, apart from keys that differ only in case and very large numbers. None: look closer.
    """
    try:
        value = _decode(raw)
        same = _encode(value) == raw
    except (msgspec.MsgspecError, OverflowError, UnicodeError):
        return None
    return value if same and type(value) is dict and _plain(value) else None


def _plain(node: dict[str, Any] | list[Any]) -> bool:
    """Keys differ in more than case, integers fit 64 bits."""
    values: Any = node
    if type(node) is dict:
        keys = "".join(node)
        if keys != keys.casefold() and len(set(map(str.casefold, node))) != len(node):
            return False
        values = node.values()
    for value in values:
        kind = type(value)
        if kind is dict or kind is list:
            if value and not _plain(value):
                return False
        elif kind is int and not -_INT64 <= value < _INT64:
            return False
    return True


def read_every_way(raw: bytes) -> dict[str, Any]:
    """``parse_strict`` without its short way, for every spelling of JSON."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise MalformedCall("The body is not UTF-8.", code="not_utf8") from fault
    if text.count("{") + text.count("[") > MAX_DEPTH and depth(text) > MAX_DEPTH:
        raise MalformedCall(f"The body nests deeper than {MAX_DEPTH} levels.", code="too_deep")
    try:
        value = _strict.decode(text)
    except (ValueError, RecursionError) as fault:
        raise MalformedCall("The body is not JSON.", code="not_json") from fault
    if not isinstance(value, dict):
        raise MalformedCall("The body must be one JSON-RPC object, not an array or a bare value.", code="not_object")
    if "\\u" in text and _has_surrogate(value):
        raise MalformedCall("A string holds half of a surrogate pair.", code="surrogate")
    return value


def _has_surrogate(value: object) -> bool:
    try:
        msgspec.json.encode(value)
    except UnicodeEncodeError:
        return True
    except OverflowError:
        return _has_surrogate(json.loads(json.dumps(value), parse_int=str))
    return False
