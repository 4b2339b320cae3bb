"""A bare MCP server (handshake and modern), as fast as uvicorn allows: what every path ends at.

    python -m benchmarks.upstream <port> [tools]     over HTTP
    python -m benchmarks.upstream stdio <core>       over stdin and stdout, on a core of its choice

Answers JSON; a call with a progress token gets one progress notification before its result, over HTTP as SSE.
"""

import contextlib
import os
import sys

import msgspec

TEXT = "x" * 440
ANSWER = msgspec.json.encode({"content": [{"type": "text", "text": TEXT}], "isError": False})[:-1]
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
JSON, SSE = b"application/json", b"text/event-stream"


def many_tools(count: int) -> list[dict]:
    """``look`` and others of about 480 bytes each, as FACTS D has them."""
    about = "Looks at one thing of its kind and says what there is to say about it. " * 2
    schema = {**TOOL["inputSchema"], "properties": {**TOOL["inputSchema"]["properties"]}}
    schema["properties"]["kind"] = {"type": "string", "enum": ["file", "folder", "link"], "description": "What."}
    return [TOOL] + [{"name": f"look_{n:04}", "description": about, "inputSchema": schema} for n in range(1, count)]


TOOLS = [TOOL]


class _Message(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: msgspec.Raw = msgspec.Raw(b"{}")


class _Meta(msgspec.Struct, rename="camel"):
    progress_token: int | str | None = None


class _Params(msgspec.Struct):
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


decode = msgspec.json.Decoder(_Message).decode
params = msgspec.json.Decoder(_Params).decode


def answer(message: _Message) -> bytes:
    modern = b"2026-07-28" in bytes(message.params)
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
        result = {"tools": TOOLS, "resultType": "complete", "ttlMs": 1000, "cacheScope": "public"}
    else:
        result = {}
    return head + msgspec.json.encode(result) + b"}"


def noted(message: _Message) -> bytes:
    """The progress notification that comes before the answer; empty: none was asked for."""
    if message.method != "tools/call" or b"progressToken" not in bytes(message.params):
        return b""
    meta = params(message.params).meta
    if meta is None or meta.progress_token is None:
        return b""
    said = {"progressToken": meta.progress_token, "progress": 1, "total": 2}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "notifications/progress", "params": said})


async def app(scope, receive, send):
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    if scope["method"] != "POST" or not body:
        status = 400 if scope["method"] == "POST" else 405
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    message = decode(body)
    data, before = answer(message) if message.id is not None else b"", noted(message)
    if before:
        data = b"event: message\ndata: " + before + b"\n\nevent: message\ndata: " + data + b"\n\n"
    headers = [(b"content-type", SSE if before else JSON), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": 200 if data else 202, "headers": headers})
    await send({"type": "http.response.body", "body": data})


def over_http(port: int) -> None:
    import uvicorn

    # Longer than any client keeps a connection: who closes first must not decide what a figure is.
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        log_level="error",
        access_log=False,
        timeout_keep_alive=600,
    )


def over_stdio(core: int) -> None:
    """A gate's child starts on the gate's core: it moves away, as an upstream over HTTP stands elsewhere."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {core})
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        message = decode(line)
        if message.id is None:
            continue
        before = noted(message)
        out.write((before + b"\n" if before else b"") + answer(message) + b"\n")
        out.flush()


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        over_stdio(int(sys.argv[2]))
    else:
        TOOLS[:] = many_tools(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
        over_http(int(sys.argv[1]))
