"""One request to a server over HTTP, whatever comes back: an answer, a refusal or an unknown outcome, and sent once."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from unittest import mock

from callgate.adapters.upstream import http_exchange, wire
from callgate.adapters.upstream.budget import Budget
from callgate.adapters.upstream.http_connection import HttpConnection, HttpRequest, HttpResponse
from callgate.adapters.upstream.http_exchange import HttpExchange
from callgate.core.message import STREAM_ENDED, Message
from callgate.flow.ports import Opened, Outbound
from callgate.model.errors import OutcomeUnknown, UpstreamError
from tests.fuzz.looping import run
from tests.fuzz.pipes import Pipe
from tests.fuzz.taking import Taking, pieces

NUMBER = 1
NOTHING_WAS_SENT = {"not_sent", "busy", "closed", "stopped", "address_refused"}
HASTE = {"MIN_RETRY_SECONDS": 0.0, "MAX_RETRY_SECONDS": 0.0, "DRAIN_SECONDS": 0.0}


class Server:
    """Gives its answers one after the other, each on a connection of its own that then ends. Its own client, too."""

    def __init__(self, answers: list[bytes], cuts: bytes) -> None:
        self._answers = answers
        self._cuts = cuts
        self.asked: list[bytes] = []
        self.open = 0

    def kept(self) -> HttpConnection:
        connection = HttpConnection(self, standing=False)
        pipe = Pipe()
        connection.connection_made(pipe)
        answer = self._answers.pop(0) if self._answers else b""
        parts = pieces(answer, self._cuts)
        loop = asyncio.get_running_loop()
        self.open += 1

        def say() -> None:
            self.asked += [bytes(pipe.written)] if pipe.written else []
            pipe.written.clear()
            if pipe.closed or not parts:
                self.open -= 1
                pipe.closed = True
                connection.connection_lost(None)
                return
            connection.data_received(parts.pop(0))
            loop.call_soon(say)

        loop.call_soon(say)
        return connection

    async def send(self, request: HttpRequest) -> HttpResponse:
        response = self.kept().ask(request)
        try:
            await response.head()
        except BaseException:
            response.close()
            raise
        return response

    def left(self, connection: HttpConnection) -> None:
        """Free again, and not used any more."""

    def lost(self, connection: HttpConnection) -> None:
        """The server ended it."""


class OneChannel:
    """The upstream of one exchange."""

    def __init__(self, server: Server) -> None:
        self.budget = Budget(1 << 20, 1 << 20)
        self.dropped = 0
        self.streaming: dict[tuple[str, int], HttpExchange] = {}
        self._server = server
        self.tasks: list[asyncio.Task[None]] = []
        self.under_way = 0

    def connected(self) -> Server:
        return self._server

    def head(self, method: bytes, lines: bytes, length: int = 0) -> bytes:
        return b"%b /mcp HTTP/1.1\r\nContent-Length: %d\r\n%b\r\n" % (method, length, lines)

    def headers(self, protocol: str, session: str) -> bytes:
        return b"Mcp-Protocol-Version: %b\r\n" % protocol.encode()

    def stateless_headers(self, request: Outbound) -> bytes:
        return b"Mcp-Method: %b\r\n" % request.method.encode()

    def list_changed(self) -> None:
        """Nobody looks at definitions here."""

    async def own(self) -> Opened:
        raise UpstreamError("closed", code="closed")

    async def tell(self, body: bytes, protocol: str, session: str) -> None:
        """Told."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.ensure_future(work))
        return self.tasks[-1]

    def note(self, status: int, session: str) -> None:
        """Noted."""

    def unreached(self) -> None:
        """Noted."""

    def entered(self) -> None:
        self.under_way += 1

    def left(self) -> None:
        self.under_way -= 1


async def exchanged(channel: OneChannel, request: Outbound) -> tuple[list[Message], UpstreamError | None]:
    exchange = HttpExchange(channel, request, NUMBER)  # type: ignore[arg-type]
    found: list[Message] = []
    fault = None
    try:
        async with asyncio.timeout(10):
            async for message in exchange:
                found.append(message)
    except UpstreamError as raised:
        fault = raised
    for _ in range(20):
        await asyncio.sleep(0)
    if channel.tasks:
        await asyncio.wait(channel.tasks)
    return found, fault


def exchange(data: bytes) -> None:
    """Sent once; nothing that was sent is told to be unsent; the answer is the server's and of this request."""
    taking = Taking(data)
    protocol = taking.pick(("2025-11-25", wire.STATELESS, "2025-06-18"))
    session = taking.pick(("", "s-1"))
    cuts = taking.take(taking.number(6))
    answers = [part for part in taking.rest().split(b"\n\xff\n") if part][:12]
    server = Server(list(answers), cuts)
    channel = OneChannel(server)
    request = Outbound("tools/call", b'{"name":"t","arguments":{}}', protocol, session, deadline_ms=5_000)
    with mock.patch.multiple(http_exchange, **HASTE):
        found, fault = run(exchanged(channel, request))
    posts = [one for one in server.asked if one.startswith(b"POST")]
    assert len(posts) == 1
    assert len(server.asked) <= 1 + http_exchange.MAX_RESUMES
    assert not channel.under_way
    assert not channel.streaming
    assert channel.budget.take(1 << 20)
    last = found[-1] if found else None
    if fault is None:
        assert last is not None
        assert last.is_response
        assert last.id == NUMBER
        assert last.result or last.error
    else:
        assert last is None or not last.is_response or last is STREAM_ENDED
        assert isinstance(fault, OutcomeUnknown) or fault.code not in NOTHING_WAS_SENT
    for message in found[:-1]:
        assert message is STREAM_ENDED or not message.is_response
