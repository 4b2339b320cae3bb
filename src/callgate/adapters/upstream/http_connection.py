"""One connection of the HTTP/1.1 client (RFC 9112): one request at a time, its response as it comes.

Parsing is llhttp's (httptools).
"""

import asyncio
from collections import deque
from typing import Protocol, cast

import httptools

from callgate.adapters.upstream.http_faults import HttpFault, Stopped
from callgate.flow.ports import Permitted, always

HEAD_BYTES = 64 << 10
MOST_FIELDS = 256
MOST_INTERIM = 8
HELD_BYTES = 1 << 20
"""A body is not read further while so much of it waits to be taken."""
JOINED_BYTES = 64 << 10


class Keeper(Protocol):
    """Whom a connection tells what became of it."""

    def left(self, connection: "HttpConnection") -> None: ...
    def lost(self, connection: "HttpConnection") -> None: ...


class HttpRequest:
    """``head`` ends with an empty line. ``started`` turns true right before the first byte can leave; right before
    that ``permitted`` is asked.
    """

    __slots__ = ("_permitted", "body", "head", "started", "stopped")

    def __init__(self, head: bytes, body: bytes = b"", permitted: Permitted = always) -> None:
        self.head = head
        self.body = body
        self._permitted = permitted
        self.started = False
        self.stopped = False

    def start(self) -> None:
        """Raises Stopped when it is no longer permitted."""
        if not self._permitted():
            self.stopped = True
            raise Stopped
        self.started = True


class HttpResponse:
    """One response. Read it with ``chunk`` or ``body`` in one task; always end with ``release`` or ``close``."""

    __slots__ = ("_chunks", "_connection", "_fault", "_held", "_timer", "_waiter", "complete", "fields", "status")

    def __init__(self, connection: "HttpConnection") -> None:
        self._connection: HttpConnection | None = connection
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._fault: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.status = 0
        """0 until the head is there."""
        self.fields: dict[bytes, bytes] = {}
        """By lower-case name; of a repeated field the first."""
        self.complete = False

    def text(self, name: bytes) -> str:
        return self.fields.get(name, b"").decode("latin-1")

    @property
    def length(self) -> int | None:
        """Content-Length; None: not said."""
        said = self.fields.get(b"content-length")
        return None if said is None else int(said)

    @property
    def closed(self) -> bool:
        return self._connection is None

    def until(self, deadline: float) -> None:
        """TimeoutError for whoever waits at ``deadline`` (loop time); the connection ends with it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._late)

    def _late(self) -> None:
        self.fail(TimeoutError())
        self.close()

    async def head(self) -> None:
        while not self.status:
            await self._more()

    async def chunk(self) -> bytes:
        """What has come of the body; empty at its end."""
        while not self._chunks:
            if self.complete:
                return b""
            await self._more()
        found = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        if self._connection is not None:
            self._connection.resume()
        return found

    async def body(self) -> bytes:
        """All of it. The caller bounds it by ``length`` first."""
        parts = [await self.chunk()]
        while not self.complete or self._chunks:
            parts.append(await self.chunk())
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _more(self) -> None:
        """Until something came."""
        if self._fault is not None:
            raise self._fault
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # From the connection.

    def take(self, data: bytes) -> bool:
        """False: enough is held for now."""
        self._chunks.append(data)
        self._held += len(data)
        return self._held < HELD_BYTES

    def fail(self, fault: Exception) -> None:
        if self._fault is None and not self.complete:
            self._fault = fault
        self.wake()

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # The end.

    def release(self) -> None:
        """Keep the connection when the response was read to its end, else close it."""
        self._leave(keep=self.complete)

    def close(self) -> None:
        self._leave(keep=False)

    def _leave(self, *, keep: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.leave(keep=keep)


class HttpConnection(asyncio.Protocol):
    """One connection: one request at a time, no pipelining."""

    def __init__(self, keeper: Keeper, *, standing: bool) -> None:
        self._keeper = keeper
        self.standing = standing
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._response: HttpResponse | None = None
        self._fields: dict[bytes, bytes] = {}
        self._framing = 0
        """Bytes since the head began or since the last of the body: of the head, of trailers."""
        self._interim = 0
        self._paused = False
        self._reusable = True
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        return self._reusable and self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._reusable = False
        response = self._response
        if response is not None:
            until_close = b"content-length" not in response.fields and b"transfer-encoding" not in response.fields
            if exc is None and response.status and until_close:
                response.complete = True
                response.wake()
            else:
                response.fail(HttpFault())
        self._keeper.lost(self)

    def ask(self, request: HttpRequest) -> HttpResponse:
        """Write the request. Stopped when it is no longer permitted, HttpFault when the connection is gone: nothing
        was written.
        """
        if self._transport is None or self._response is not None or not self.usable:
            raise HttpFault
        try:
            request.start()
        except BaseException:
            self._keeper.left(self)
            raise
        response = self._response = HttpResponse(self)
        self._fields, self._framing, self._interim = {}, 0, 0
        if len(request.body) <= JOINED_BYTES:
            self._transport.write(request.head + request.body)
        else:
            self._transport.writelines((request.head, request.body))
        return response

    def leave(self, *, keep: bool) -> None:
        """The response is done with."""
        self._response = None
        if keep and self.usable and not self.standing:
            self._keeper.left(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Drop what is not written yet, too."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """For a connection that is idle."""
        self._reusable = False
        if self._transport is not None:
            self._transport.close()

    def resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:
            self.abort()
            return
        self._framing += len(data)
        try:
            self._parser.feed_data(data)
            if self._framing > HEAD_BYTES and not response.complete:
                raise HttpFault
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, HttpFault) as fault:
            self._reusable = False
            response.fail(fault if isinstance(fault, OSError) else HttpFault())
            if self._transport is not None:
                self._transport.abort()
            return
        response.wake()

    # llhttp's callbacks. A fault raised in one comes out of feed_data as HttpParserCallbackError.

    def on_message_begin(self) -> None:
        if self._response is None or self._response.complete:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self._fields) >= MOST_FIELDS:
            raise HttpFault
        self._fields.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        response, status = self._response, self._parser.get_status_code()
        if response is None or response.complete or status < 200:
            return
        coding = self._fields.get(b"transfer-encoding")
        if coding is not None and coding.strip().lower() != b"chunked":
            raise HttpFault
        response.fields = self._fields
        response.status = status
        self._fields = {}

    def on_body(self, body: bytes) -> None:
        self._framing = 0
        response = self._response
        if response is None or response.complete or not response.status:
            return
        if not response.take(body) and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        response = self._response
        if response is None or response.complete:
            return
        if not response.status:
            self._interim += 1
            self._fields = {}
            if self._parser.get_status_code() == 101 or self._interim > MOST_INTERIM:
                raise HttpFault
            return
        response.complete = True
        if not self._parser.should_keep_alive():
            self._reusable = False
