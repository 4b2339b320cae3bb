"""A bare MCP server over HTTP (handshake and modern), as fast as uvicorn allows: what every path ends at."""

import sys

import msgspec
import uvicorn

ANSWER = msgspec.json.encode({"content": [{"type": "text", "text": "x" * 440}], "isError": False})[:-1]
TOOL = {
    "name": "look",
    "description": "Looks.",
    "inputSchema": {
        "type": "object",
        "properties": {"path": {"type": "string"}, "note": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["path"],
        "additionalProperties": False,
    },
}
INFO = {"name": "bare", "version": "1"}


class _Message(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")


decode = msgspec.json.Decoder(_Message).decode


def answer(message: _Message) -> bytes:
    modern = b"2026-07-28" in bytes(message.params)[:400]
    head = b'{"jsonrpc":"2.0","id":' + msgspec.json.encode(message.id) + b',"result":'
    if message.method == "tools/call":
        return head + ANSWER + (b',"resultType":"complete"}}' if modern else b"}}")
    if message.method == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": INFO}
    elif message.method == "server/discover":
        result = {
            "resultType": "complete",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
            "serverInfo": INFO,
        }
    elif message.method == "tools/list":
        result = {"tools": [TOOL], "resultType": "complete", "ttlMs": 1000, "cacheScope": "public"}
    else:
        result = {}
    return head + msgspec.json.encode(result) + b"}"


async def app(scope, receive, send):
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    if scope["method"] != "POST":
        await send({"type": "http.response.start", "status": 405, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    message = decode(body)
    data = answer(message) if message.id is not None else b""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": 200 if data else 202, "headers": headers})
    await send({"type": "http.response.body", "body": data})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        log_level="error",
        access_log=False,
    )
