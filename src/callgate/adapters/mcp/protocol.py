"""uvicorn's HTTP protocol with the limits it lacks: size and time of a request's head, size of a whole request.

ASGI shows an application a request only after its headers ended, so nothing behind it can bound them.
"""

import asyncio
import itertools
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_CANDIDATES = 64


class GateProtocol(HttpToolsProtocol):
    """For ``uvicorn.Config(http=GateProtocol)``. The class attributes are the limits."""

    HEAD_S: ClassVar[float] = 10.0
    """From a request's first byte to the end of its headers, in seconds (looked at once per this time)."""
    HEAD_BYTES: ClassVar[int] = 64 << 10
    MESSAGE_BYTES: ClassVar[int] = 16 << 20
    """Head, body, chunk framing and trailers together."""
    CONNECTIONS: ClassVar[int] = 16_384
    """Open at once, of one server."""
    STANDING: ClassVar[int] = 4_096
    """Of these, standing streams: each may have one to a target beside it."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._of: object = None
        """The request that the two below are about."""
        self._since = self.loop.time()
        self._size = 0
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look = self.loop.call_later(self.HEAD_S, self._late)
        if len(self.connections) > self.CONNECTIONS:
            self._make_room()

    def _make_room(self) -> None:
        """Close one on which nothing is under way, or this one: the store and the targets need descriptors too."""
        idle = (other for other in self.connections if other is not self and _idle(other))
        # Of some, the one whose last request is longest ago: the newest ones are about to send theirs.
        oldest = min(itertools.islice(idle, _CANDIDATES), key=_since, default=None)
        if oldest is not None:
            oldest.transport.close()
        else:
            self._end(b"503 Service Unavailable")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        scope = self.scope
        if scope is not self._of:
            self._of = scope
            self._since = self.loop.time()
            self._size = 0
        self._size += len(data)
        if self._size > self.HEAD_BYTES and not self.transport.is_closing():
            if not self._headed():
                self._end(b"431 Request Header Fields Too Large")
            elif self._size > self.MESSAGE_BYTES:
                self.transport.close()

    def _headed(self) -> bool:
        """The newest request's headers have ended: only then uvicorn knows its method."""
        return self.scope is not None and "method" in self.scope

    def _late(self) -> None:
        if self.transport.is_closing():
            return
        if not self._headed() and self.loop.time() - self._since >= self.HEAD_S * 0.99:
            self._end(b"408 Request Timeout")
            return
        self._look = self.loop.call_later(self.HEAD_S, self._late)

    def _end(self, status: bytes) -> None:
        """Answer by hand, unless an earlier request's answer is under way, and close."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        self.transport.close()


def _since(connection: Any) -> float:
    since: float = connection._since  # noqa: SLF001 - a connection of this class
    return since


def _idle(connection: Any) -> bool:
    cycle = connection.cycle
    return not connection.transport.is_closing() and (cycle is None or cycle.response_complete)
