"""A small HTTP/1.1 client (RFC 9112): the kept connections of one server.

It sends each request once, on one connection, and follows, decodes, retries and stores nothing. docs/adr/0017 says
why it is not a library, and what was measured.
"""

import asyncio
import ssl
from collections import deque
from typing import NamedTuple

from callgate.adapters.upstream.address import checked_addresses
from callgate.adapters.upstream.http_connection import HttpConnection, HttpRequest, HttpResponse
from callgate.adapters.upstream.http_faults import HttpFault

CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 4.0
"""Below the idle time after which common servers close (5 s): a reused connection is one that still stands."""


class Origin(NamedTuple):
    """Where a server is."""

    host: str
    port: int
    tls: bool


class HttpClient:
    """Connections to one origin. At most ``limit`` at a time, beside the standing ones; more requests wait in order."""

    def __init__(self, origin: Origin, *, allow_private: bool, limit: int) -> None:
        self.origin = origin
        self._allow_private = allow_private
        self._limit = limit
        self._all: set[HttpConnection] = set()
        self._idle: list[HttpConnection] = []
        self._counted = 0
        self._waiting: deque[asyncio.Future[HttpConnection | None]] = deque()
        self._tls: ssl.SSLContext | None = None
        self._sweep: asyncio.TimerHandle | None = None

    async def send(self, request: HttpRequest, *, standing: bool = False) -> HttpResponse:
        """The response as soon as its head is there. OSError: see ``request.started`` for whether a byte was sent.

        ``standing``: on a connection of its own that does not count, for streams that stay open.
        """
        connection = self.kept() if not standing else None
        response = (connection or await self.connection(standing=standing)).ask(request)
        try:
            await response.head()
        except BaseException:
            response.close()
            raise
        return response

    def kept(self) -> HttpConnection | None:
        """A connection that is there and free; None: wait for ``connection``."""
        if not self._idle or self._waiting:
            return None
        oldest = asyncio.get_running_loop().time() - KEEP_ALIVE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def connection(self, *, standing: bool = False) -> HttpConnection:
        """A new connection, or the next that gets free. OSError, TimeoutError after ten seconds of connecting."""
        if standing:
            return await self._connect(standing=True)
        if self._counted >= self._limit:
            turn: asyncio.Future[HttpConnection | None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                given = await turn
            except asyncio.CancelledError:
                self._declined(turn)
                raise
            if given is not None:
                return given if given.usable else await self.connection()
        else:
            self._counted += 1
        try:
            return await self._connect(standing=False)
        except BaseException:
            self._vacated()
            raise

    def _declined(self, turn: asyncio.Future[HttpConnection | None]) -> None:
        """Whoever waited has gone; what it was given meanwhile goes to the next."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif not turn.cancelled():
            given = turn.result()
            if given is None:
                self._vacated()
            else:
                self.left(given)

    async def _connect(self, *, standing: bool) -> HttpConnection:
        loop = asyncio.get_running_loop()
        origin = self.origin
        if origin.tls and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        fault: OSError = HttpFault()
        async with asyncio.timeout(CONNECT_SECONDS):
            addresses = await checked_addresses(origin.host, origin.port, allow_private=self._allow_private)
            for left, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
                try:
                    async with asyncio.timeout(CONNECT_SECONDS / 4 if left else None):
                        _, connection = await loop.create_connection(
                            lambda: HttpConnection(self, standing=standing),
                            address,
                            origin.port,
                            ssl=self._tls if origin.tls else None,
                            server_hostname=origin.host if origin.tls else None,
                        )
                except (TimeoutError, OSError) as why:
                    fault = why
                    continue
                if connection.usable:
                    self._all.add(connection)
                    return connection
        raise fault

    def _give(self, connection: HttpConnection | None) -> bool:
        """To whoever waits longest: a connection, or the place of one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False

    def _vacated(self) -> None:
        if not self._give(None):
            self._counted -= 1

    # From connections.

    def left(self, connection: HttpConnection) -> None:
        """The connection is free again."""
        if not connection.usable:
            connection.abort()
        elif not self._give(connection):
            loop = asyncio.get_running_loop()
            connection.idle_since = loop.time()
            self._idle.append(connection)
            if self._sweep is None:
                self._sweep = loop.call_later(KEEP_ALIVE_SECONDS, self._swept)

    def lost(self, connection: HttpConnection) -> None:
        if connection in self._all:
            self._all.discard(connection)
            if connection in self._idle:
                self._idle.remove(connection)
            if not connection.standing:
                self._vacated()

    def _swept(self) -> None:
        self._sweep = None
        loop = asyncio.get_running_loop()
        oldest = loop.time() - KEEP_ALIVE_SECONDS
        kept = [connection for connection in self._idle if connection.usable and connection.idle_since > oldest]
        for connection in self._idle:
            if connection not in kept:
                connection.close()
        self._idle = kept
        if kept:
            self._sweep = loop.call_later(KEEP_ALIVE_SECONDS, self._swept)

    async def close(self) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in self._idle:
            connection.close()
        for connection in self._all.difference(self._idle):
            connection.abort()
        # One turn of the loop: transports close their sockets in it.
        await asyncio.sleep(0)
