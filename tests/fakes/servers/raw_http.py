"""An HTTP server that answers with exactly the bytes a test gives it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Script = Callable[["Heard", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """One request as it came in."""

    line: str
    headers: dict[str, str]
    body: bytes
    number: int

    @property
    def id(self) -> int:
        import json

        return json.loads(self.body)["id"]


@dataclass
class RawServer:
    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"


async def read_request(reader: asyncio.StreamReader, number: int) -> Heard | None:
    line = (await reader.readline()).decode("latin-1").strip()
    if not line:
        return None
    headers = {}
    while header := (await reader.readline()).decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(line, headers, body, number)


@asynccontextmanager
async def raw_server(script: Script):
    """``script`` answers each request; it may close the writer."""
    server = RawServer()
    writers = []

    async def serve(reader, writer):
        server.connections += 1
        writers.append(writer)
        try:
            while (heard := await read_request(reader, len(server.heard) + 1)) is not None:
                server.heard.append(heard)
                await script(heard, writer)
                if writer.is_closing():
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()
        await listener.wait_closed()


def reply(status: str, body: bytes = b"", kind: str = "application/json", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def result(number: object, text: str = "ok") -> bytes:
    import json

    return json.dumps(
        {"jsonrpc": "2.0", "id": number, "result": {"content": [{"type": "text", "text": text}]}}
    ).encode()


def stream(*headers: str) -> bytes:
    """Head of a chunked stream of events."""
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"
