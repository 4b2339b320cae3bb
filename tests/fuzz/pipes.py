"""Raw bytes of a connection, both ways: what the HTTP client makes of a server, and what the front makes of a client."""

import asyncio
import contextlib
import http.client
import io
import logging
import re
from typing import Any

import h11
import uvicorn
from uvicorn.server import ServerState

from callgate.adapters.mcp.protocol import GateProtocol
from callgate.adapters.upstream.http_connection import HttpConnection, HttpFault, HttpRequest
from tests.fuzz.looping import run
from tests.fuzz.taking import Taking, pieces

ENDED = (HttpFault, TimeoutError)


class Pipe(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False
        self.paused = False

    def write(self, data: Any) -> None:
        if not self.closed:
            self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 40_000), "sockname": ("127.0.0.1", 8700)}.get(name, default)


class Kept:
    """What the pool is told."""

    def __init__(self) -> None:
        self.free = 0
        self.gone = 0

    def left(self, connection: HttpConnection) -> None:
        self.free += 1

    def lost(self, connection: HttpConnection) -> None:
        self.gone += 1


async def received(parts: list[bytes], *, eager: bool) -> tuple[Any, ...]:
    """(status, fields, body, ended well, kept for another request)."""
    keeper, pipe = Kept(), Pipe()
    connection = HttpConnection(keeper, standing=False)
    connection.connection_made(pipe)
    response = connection.ask(HttpRequest(b"POST / HTTP/1.1\r\n\r\n"))
    body, good = b"", True
    for part in parts:
        if pipe.closed:
            break
        connection.data_received(part)
        assert connection._framing <= (64 << 10) + len(part)
        while eager and response.status and response._chunks:
            body += await response.chunk()
    kept = response.complete and connection.usable
    pipe.closed = True
    connection.connection_lost(None)
    try:
        await response.head()
        while chunk := await response.chunk():
            body += chunk
    except ENDED:
        good = False
    assert not good or response.complete
    if good:
        assert response.length is None or response.length >= 0
    response.release()
    assert response.closed
    assert keeper.gone == 1
    return (response.status, dict(response.fields), body, good, kept) if response.status else (0, {}, b"", False, False)


class _Wire:
    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)
        self.file.close = lambda: None  # type: ignore[method-assign]

    def makefile(self, *_: object) -> io.BytesIO:
        return self.file


def answer_of_server(data: bytes) -> None:
    """The same whatever the cuts; nothing is kept with bytes left over; the standard library reads the same body."""
    taking = Taking(data)
    cuts = taking.take(taking.number(8))
    stream = taking.rest()
    whole = run(received([stream], eager=False))
    for parts in (pieces(stream, cuts), [stream[at : at + 1] for at in range(len(stream))]):
        for eager in (False, True):
            found = run(received(parts, eager=eager))
            assert found == whole, (found, whole)
    status, _, body, good, kept = whole
    if not good or b"HTTP/1.1 1" in stream[: stream.find(b"HTTP", 5)] or stream[9:10] == b"1":
        return
    wire = _Wire(stream)
    other = http.client.HTTPResponse(wire, method="POST")  # type: ignore[arg-type]
    with contextlib.suppress(http.client.HTTPException, ValueError):
        other.begin()
        if other.length is None and not other.chunked and kept:
            raise AssertionError("kept without a length")
        read = other.read()
        assert (other.status, read) == (status, body), (other.status, read, status, body)
        if kept:
            assert not wire.file.read(1), "kept with bytes left over"


BAD = re.compile(rb"HTTP/1.1 4[0-9]{2} ")
SEEN: list[tuple[Any, ...]] = []
QUIET = logging.getLogger("tests.fuzz")
QUIET.setLevel(logging.CRITICAL)


async def application(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if event["type"] != "http.request" or not event["more_body"]:
            break
    ended = event["type"] == "http.request"
    SEEN.append((scope["method"], scope["raw_path"], scope["query_string"], tuple(scope["headers"]), body, ended))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


CONFIG = uvicorn.Config(
    application, http=GateProtocol, ws="none", lifespan="off", log_config=None, access_log=False, date_header=False,
    server_header=False,
)  # fmt: skip
CONFIG.load()


async def heard(parts: list[bytes], turns: int = 0) -> tuple[list[tuple[Any, ...]], bytes]:
    """(requests that reached the application whole, what was answered)."""
    SEEN.clear()
    pipe, state = Pipe(), ServerState()
    protocol = GateProtocol(config=CONFIG, server_state=state, app_state={}, _loop=asyncio.get_running_loop())
    protocol.logger = QUIET
    protocol.connection_made(pipe)
    for part in parts:
        if pipe.closed:
            break
        protocol.data_received(part)
        for _ in range(turns):
            await asyncio.sleep(0)
    for _ in range(30):
        await asyncio.sleep(0)
    pipe.closed = True
    protocol.connection_lost(None)
    for _ in range(50):
        if not state.tasks:
            break
        await asyncio.sleep(0)
    assert not state.tasks
    assert not state.connections
    return [one[:5] for one in SEEN if one[5]], bytes(pipe.written)


def other_reader(stream: bytes) -> tuple[list[tuple[Any, ...]], bool]:
    """(requests as h11 understands them, whether it took everything)."""
    reader = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    found: list[tuple[Any, ...]] = []
    try:
        reader.receive_data(stream)
        while True:
            event = reader.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append((head.method.decode(), bytes(head.target), body))
                reader.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                reader.send(h11.EndOfMessage())
                if reader.our_state is not h11.DONE or reader.their_state is not h11.DONE:
                    return found, True
                reader.start_next_cycle()
            else:
                return found, True
    except h11.ProtocolError:
        return found, False


def requests_of_client(data: bytes) -> None:
    """The same requests whatever the cuts, and where another parser takes the stream, the same as its."""
    taking = Taking(data)
    cuts = taking.take(taking.number(8))
    stream = taking.rest()
    whole, said = run(heard([stream]))
    for parts, turns in ((pieces(stream, cuts), 4), ([stream[at : at + 1] for at in range(len(stream))], 0)):
        found, answered = run(heard(parts, turns))
        if BAD.search(said + answered):
            # What came before something that is no request may or may not be answered before the connection ends.
            least = min(len(found), len(whole))
            assert found[:least] == whole[:least], (found, whole)
        else:
            assert found == whole, (found, whole)
            assert answered == said, (answered, said)
    other, all_of_it = other_reader(stream)
    if all_of_it:
        mine = [(method, path + (b"?" + query if query else b""), body) for method, path, query, _, body in whole]
        for one, two in zip(mine, other, strict=False):
            assert one[2] == two[2], (one, two)
            assert one[0] == two[0], (one, two)
