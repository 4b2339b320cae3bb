"""JSON-RPC bytes that the front writes (https://www.jsonrpc.org/specification; MCP basic/index, Error Codes)."""

from typing import Any

import msgspec

from callgate.adapters.mcp.http import HttpReply

PARSE = -32700
INVALID = -32600
METHOD = -32601
PARAMS = -32602
INTERNAL = -32603
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
BUSY = 429
"""Outside the range that JSON-RPC reserves, as MCP asks of codes of one's own."""

NO_ID = b"null"

encode = msgspec.json.Encoder().encode


def result(id_json: bytes, body: bytes) -> bytes:
    """A response with ``body`` (JSON) as its result."""
    return b"".join((b'{"jsonrpc":"2.0","id":', id_json, b',"result":', body, b"}"))


def error(id_json: bytes, body: bytes) -> bytes:
    """A response with ``body`` (JSON) as its error."""
    return b"".join((b'{"jsonrpc":"2.0","id":', id_json, b',"error":', body, b"}"))


def problem(code: int, message: str, data: dict[str, Any] | None = None) -> bytes:
    """JSON of an error member."""
    return encode({"code": code, "message": message, "data": data} if data else {"code": code, "message": message})


def refuse(
    status: int, code: int, message: str, *, id_json: bytes = NO_ID, data: dict[str, Any] | None = None
) -> HttpReply:
    """An HTTP reply that holds one JSON-RPC error."""
    return HttpReply(status, error(id_json, problem(code, message, data)))
