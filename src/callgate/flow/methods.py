"""Governed methods on the wire: the params that go to the server, made of what was judged, and what may come back."""

from typing import Any, Literal

import msgspec

from callgate.core.message import Message
from callgate.model.answer import ToolResult
from callgate.model.call import (
    COMPLETE,
    EVER_GOVERNED,
    PROMPTS_GET,
    RESOURCES_LIST,
    RESOURCES_READ,
    SUBSCRIBE,
    TOOLS_CALL,
    UNSUBSCRIBE,
)
from callgate.model.terms import Outcome

MODERN = "2026-07-28"
LOG_LEVEL = "io.modelcontextprotocol/logLevel"
_encode = msgspec.json.encode
_result = msgspec.json.Decoder(ToolResult)
_NAMED_BY = {RESOURCES_READ: "uri", PROMPTS_GET: "name"}


def params_of(method: str, tool: str, arguments: bytes, meta: bytes) -> bytes:
    """JSON of a request's params. ``arguments``: the judged JSON object; ``meta``: members of ``_meta``, or nothing."""
    if method == TOOLS_CALL:
        extra = b',"_meta":{' + meta + b"}" if meta else b""
        return b'{"name":' + _encode(tool) + b',"arguments":' + arguments + extra + b"}"
    if not meta:
        return arguments
    return arguments[:-1] + (b"" if arguments == b"{}" else b",") + b'"_meta":{' + meta + b"}}"


def meta_of(token: str, traceparent: str, log_level: str, protocol: str) -> bytes:
    """Members of ``_meta`` that the gate itself sets; each is left out when it is empty."""
    if not (token or traceparent or log_level):
        return b""
    members = {"progressToken": token, "traceparent": traceparent}
    if protocol == MODERN:
        members[LOG_LEVEL] = log_level
    return _encode({key: value for key, value in members.items() if value})[1:-1]


def name_of(method: str, tool: str, arguments: dict[str, Any]) -> str:
    """``Mcp-Name`` (MCP 2026-07-28, streamable HTTP); empty: the method has none."""
    if method == TOOLS_CALL:
        return tool
    named = arguments.get(_NAMED_BY.get(method, ""))
    return named if isinstance(named, str) else ""


def method_of(tool: str) -> str:
    """Of a call that was judged under this name: no tool of a server is ever used under the name of a method."""
    return tool if tool in EVER_GOVERNED else TOOLS_CALL


def pending_next(tool: str) -> str:
    """What the author of a held call is told to do."""
    frozen = "The call is frozen exactly as it is and runs once after approval. "
    if tool in EVER_GOVERNED:
        return frozen + "After it, ask for the same once more, or call callgate_await_approval with this approval_id."
    return frozen + (
        "Call callgate_await_approval with this approval_id, or go on with other work; do not repeat or vary the call."
    )


class _Contents(msgspec.Struct):
    uri: str
    text: str | None = None
    blob: str | None = None


class _Message(msgspec.Struct):
    role: Literal["user", "assistant"]
    content: dict[str, msgspec.Raw]


class _Completion(msgspec.Struct):
    values: list[str]
    total: int | None = None
    hasMore: bool | None = None  # noqa: N815 - the wire's names


class _Listed(msgspec.Struct):
    uri: str
    name: str


class _Complete(msgspec.Struct):
    resultType: str = ""  # noqa: N815


class _ReadResult(_Complete, kw_only=True):
    contents: list[_Contents]


class _PromptResult(_Complete, kw_only=True):
    messages: list[_Message]
    description: str | None = None


class _CompleteResult(_Complete, kw_only=True):
    completion: _Completion


class _ListResult(_Complete, kw_only=True):
    resources: list[_Listed]
    nextCursor: str | None = None  # noqa: N815


_shapes: dict[str, msgspec.json.Decoder[Any]] = {
    RESOURCES_READ: msgspec.json.Decoder(_ReadResult),
    PROMPTS_GET: msgspec.json.Decoder(_PromptResult),
    COMPLETE: msgspec.json.Decoder(_CompleteResult),
    RESOURCES_LIST: msgspec.json.Decoder(_ListResult),
    SUBSCRIBE: msgspec.json.Decoder(_Complete),
    UNSUBSCRIBE: msgspec.json.Decoder(_Complete),
}
_kind = msgspec.json.Decoder(_Complete)


def outcome_of(method: str, response: Message) -> tuple[Outcome, str]:
    """(how it ended, why it may not be delivered)."""
    if response.error:
        return Outcome.PROTOCOL_ERROR, ""
    if method != TOOLS_CALL:
        return _outcome_of_method(method, response.result)
    try:
        result = _result.decode(response.result)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Outcome.PROTOCOL_ERROR, "The server's answer is not a tool result."
    if result.resultType not in ("", "complete"):
        return Outcome.PROTOCOL_ERROR, ASKED
    return (Outcome.TOOL_ERROR if result.isError else Outcome.OK), ""


def _outcome_of_method(method: str, result: bytes) -> tuple[Outcome, str]:
    try:
        if _kind.decode(result).resultType not in ("", "complete"):
            return Outcome.PROTOCOL_ERROR, ASKED
        _shapes[method].decode(result)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Outcome.PROTOCOL_ERROR, f"The server's answer is not what {method} returns."
    return Outcome.OK, ""


ASKED = "The server asked for further input, which is off at this gate."
AWAY = "The server sent the person to an address, which is off at this gate."
