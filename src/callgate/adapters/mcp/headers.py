"""Headers of 2026-07-28 against the body (MCP 2026-07-28, streamable HTTP, Request Metadata and Server Validation)."""

import base64
import binascii
import re
from typing import Any

from callgate.adapters.mcp.http import HeaderFields
from callgate.adapters.mcp.parse import ClientMessage

VERSION = b"mcp-protocol-version"
METHOD = b"mcp-method"
NAME = b"mcp-name"
PARAM_PREFIX = b"mcp-param-"

_routing = frozenset((VERSION, METHOD, NAME))
_named_by = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_sentinel = re.compile(r"=\?base64\?(.*)\?=\Z")
_decimal = re.compile(r"(-?[0-9]{1,32})(?:\.0+)?\Z")

ParamHeaders = tuple[tuple[bytes, tuple[str, ...]], ...]
"""(lower-case header, argument path) of one tool."""


def decode_value(value: str) -> str | None:
    """A header value as the body has it; None when its base64 form is broken or not the one an encoder makes."""
    match = _sentinel.match(value)
    if match is None:
        return value
    try:
        raw = base64.b64decode(match[1], validate=True)
        return raw.decode("utf-8") if base64.b64encode(raw).decode("ascii") == match[1] else None
    except (binascii.Error, ValueError):
        return None


def routing_mismatch(fields: HeaderFields, message: ClientMessage, version: object) -> str:
    """What is wrong with MCP-Protocol-Version, Mcp-Method and Mcp-Name; empty when they say what the body says."""
    if fields.twice(_routing):
        return "A routing header came twice."
    if fields.text(VERSION) != version or version is None:
        return "MCP-Protocol-Version must equal the protocol version in _meta."
    if fields.text(METHOD) != message.method:
        return "Mcp-Method must equal the method of the body."
    source = _named_by.get(message.method)
    if source is None:
        return ""
    named = fields.text(NAME)
    value = message.params.get(source)
    if isinstance(value, str) and (named is None or (named != value and decode_value(named) != value)):
        return f"Mcp-Name must equal params.{source} of the body."
    return ""


def parameter_mismatch(fields: HeaderFields, declared: ParamHeaders, arguments: dict[str, Any]) -> str:
    """What is wrong with the ``Mcp-Param-*`` headers that the tool's pinned schema declares; empty when nothing is."""
    for name, path in declared:
        shown = name.decode("ascii")
        if name in fields.repeated:
            return f"{shown} came twice."
        value = _at(arguments, path)
        rendered = _rendered(value)
        if rendered is None:
            if fields.get(name) is not None:
                return f"{shown} came, and the argument it mirrors did not."
            continue
        sent = fields.text(name)
        decoded = sent if sent is None else decode_value(sent)
        if decoded is None:
            # An empty value is no visible ASCII, and still the honest form of an empty string.
            if rendered == "" and fields.get(name) == b"":
                continue
            return f"{shown} is missing or malformed."
        if decoded != rendered and not _same_integer(value, decoded):
            return f"{shown} must equal the argument it mirrors."
    return ""


def _at(arguments: dict[str, Any], path: tuple[str, ...]) -> object:
    node: object = arguments
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _rendered(value: object) -> str | None:
    """The header form of a string, integer or boolean; None for what has none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else None


def _same_integer(value: object, decoded: str) -> bool:
    """Integers compare as numbers: ``42.0`` is ``42`` (Server Validation, note)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return False
    match = _decimal.match(decoded)
    return match is not None and int(match[1]) == int(value)
