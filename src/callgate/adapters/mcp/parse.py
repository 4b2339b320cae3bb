"""From body bytes to one JSON-RPC message of a client, read once and strictly."""

import re
from typing import Any

from callgate.adapters.mcp.http import HeaderFields, HttpReply
from callgate.adapters.mcp.wire import INVALID, NO_ID, PARAMS, PARSE, encode, refuse
from callgate.core.jsonrpc import parse_strict
from callgate.model.call import Claims
from callgate.model.errors import MalformedCall

CLIENT_INFO = "io.modelcontextprotocol/clientInfo"
_MAX_ID = 256
_MAX_WORD = 128
_CACHED = 256
_SAFE = 2**53 - 1
ROUND = frozenset(("inputResponses", "requestState"))
"""Params of a call that goes on with another (2026-07-28)."""
BESIDE = ROUND | {"_meta", "task"}
"""Params that are no argument. A server without tasks takes no notice of ``task`` (MCP 2025-11-25, tasks), so it goes
nowhere.
"""
_NOT_JSON = frozenset(("not_utf8", "not_json", "surrogate"))
_members = frozenset(("jsonrpc", "id", "method", "params"))
_trace = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")
_state_member = r"[a-z0-9][a-z0-9_*/@-]{0,255}=[!-+\--<>-~]{1,256}"
_state = re.compile(rf"{_state_member}(?:[ \t]*,[ \t]*{_state_member}){{0,31}}\Z")
_MAX_STATE = 512
_agent = re.compile(rb"([A-Za-z0-9._-]{1,64})/([A-Za-z0-9._+-]{1,32})")


class ClientMessage:
    """A request (``id_json`` is set) or a notification. ``params`` and ``meta`` are empty when absent."""

    __slots__ = ("id", "id_json", "meta", "method", "params")

    def __init__(self, id: int | str | None, method: str, params: dict[str, Any], meta: dict[str, Any]) -> None:  # noqa: A002 - the wire's name
        self.id = id
        self.id_json = NO_ID if id is None else encode(id)
        self.method = method
        self.params = params
        self.meta = meta

    def refuse(self, status: int, code: int, message: str, data: dict[str, Any] | None = None) -> HttpReply:
        return refuse(status, code, message, id_json=self.id_json, data=data)


class ClientAnswer:
    """A response to a request of the gate. ``result`` None: an error, or nothing that can be used."""

    __slots__ = ("id", "result")

    def __init__(self, id: int | str | None, result: object) -> None:  # noqa: A002 - the wire's name
        self.id = id
        self.result = result if isinstance(result, dict) else None


class ToolCall:
    """The parameters of tools/call."""

    __slots__ = ("arguments", "name", "token")

    def __init__(self, name: str, arguments: dict[str, Any], token: int | str | None) -> None:
        self.name = name
        self.arguments = arguments
        self.token = token
        """The client's progress token."""


def parse_message(body: bytes) -> ClientMessage | ClientAnswer | HttpReply:
    """One message; or HTTP 400 with -32700 (no JSON) or -32600, -32602 (not the shape), each with its own sentence."""
    try:
        value = parse_strict(body)
    except MalformedCall as fault:
        code = PARSE if fault.code in _NOT_JSON else INVALID
        return refuse(400, code, fault.message, data={"reason": fault.code})
    id_ = value.get("id")
    if "id" in value and not _is_id(id_):
        return _shape("id must be a string of at most 256 characters or an integer within 2^53 - 1.")
    if value.get("jsonrpc") != "2.0":
        return _shape('jsonrpc must be "2.0".', id_)
    method = value.get("method")
    if method is None and ("result" in value or "error" in value):
        return ClientAnswer(id_, value.get("result"))
    if not isinstance(method, str) or not 0 < len(method) <= 128:
        return _shape("method must be a string.", id_)
    if len(value) > 4 or not value.keys() <= _members:
        return _shape("A request has only jsonrpc, id, method and params.", id_)
    params = value.get("params", {})
    if not isinstance(params, dict):
        return _shape("params must be an object.", id_, code=PARAMS)
    meta = params.get("_meta", {})
    if not isinstance(meta, dict):
        return _shape("params._meta must be an object.", id_, code=PARAMS)
    return ClientMessage(id_, method, params, meta)


def _shape(message: str, id_: int | str | None = None, reason: str = "shape", code: int = INVALID) -> HttpReply:
    return refuse(400, code, message, id_json=NO_ID if id_ is None else encode(id_), data={"reason": reason})


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_ID
    return isinstance(value, int) and not isinstance(value, bool) and -_SAFE <= value <= _SAFE


def parse_tool_call(message: ClientMessage) -> ToolCall | HttpReply:
    """Name, arguments and progress token of tools/call; or HTTP 400 with -32602."""
    params = message.params
    name = params.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 256:
        return message.refuse(400, PARAMS, "params.name must be the name of a tool.", {"reason": "shape"})
    arguments = params.get("arguments")
    if arguments is None:
        arguments = {}
    elif not isinstance(arguments, dict):
        return message.refuse(400, PARAMS, "params.arguments must be an object.", {"reason": "shape"})
    token = _token(message)
    return token if isinstance(token, HttpReply) else ToolCall(name, arguments, token)


def _token(message: ClientMessage) -> int | str | HttpReply | None:
    token = message.meta.get("progressToken")
    if token is not None and not _is_id(token):
        return message.refuse(400, PARAMS, "progressToken must be a string or an integer.", {"reason": "shape"})
    return token


def parse_method_call(message: ClientMessage) -> ToolCall | HttpReply:
    """Params and progress token of another governed method, named like the method; or HTTP 400 with -32602. Whether
    the params are what the method takes is judged with the call.
    """
    arguments = {key: value for key, value in message.params.items() if key not in BESIDE}
    token = _token(message)
    return token if isinstance(token, HttpReply) else ToolCall(message.method, arguments, token)


class ClaimReader:
    """What clients say of themselves: from ``_meta``, else from headers; anything malformed is left out."""

    def __init__(self) -> None:
        self._agents: dict[bytes, tuple[str, str]] = {}

    def read(self, message: ClientMessage, fields: HeaderFields, protocol: str) -> Claims:
        meta = message.meta
        info = meta.get(CLIENT_INFO)
        client = version = ""
        if isinstance(info, dict):
            client, version = _word(info.get("name")), _word(info.get("version"))
        if not client:
            client, version = self._agent(fields.get(b"user-agent") or b"")
        trace, state = _traced(meta, fields)
        return Claims(
            client=client,
            client_version=version,
            tool_use=_word(meta.get("callId")) or _word(meta.get("claudecode/toolUseId")),
            protocol=protocol,
            traceparent=trace,
            tracestate=state,
        )

    def _agent(self, header: bytes) -> tuple[str, str]:
        """Product and version of a User-Agent header (RFC 9110 section 10.1.5)."""
        known = self._agents.get(header)
        if known is None:
            match = _agent.match(header)
            known = (match[1].decode(), match[2].decode()) if match else ("", "")
            if len(self._agents) < _CACHED and len(header) <= _MAX_ID:
                self._agents[header] = known
        return known


def _traced(meta: dict[str, Any], fields: HeaderFields) -> tuple[str, str]:
    """Traceparent and tracestate from ``_meta`` (SEP-414), else from the headers; never one from each."""
    trace, state = meta.get("traceparent"), meta.get("tracestate")
    if not trace:
        trace = fields.text(b"traceparent")
        if trace is None:
            return "", ""
        state = fields.text(b"tracestate")
    if not isinstance(trace, str) or _trace.match(trace) is None:
        return "", ""
    good = isinstance(state, str) and len(state) <= _MAX_STATE and _state.match(state) is not None
    return trace, state if good and isinstance(state, str) else ""


def _word(value: object) -> str:
    """A short printable claim, or nothing."""
    if isinstance(value, str) and len(value) <= _MAX_WORD and value.isascii() and value.isprintable():
        return value
    return ""
