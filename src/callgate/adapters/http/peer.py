"""Serves the local API on the Unix socket, to the gate's own user, root and the users it is told of.

uvicorn hands each connection to a protocol object; ours asks the kernel who is at the other end (SO_PEERCRED, unix(7))
before a byte is read and puts the answer in the connection's ASGI state.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callgate.adapters.http.local_socket import OWN, SHARED, bind
from callgate.flow.admin import Peer

_UCRED = struct.Struct("3i")
_DRAIN_SECONDS = 2


def peer_of(transport: asyncio.BaseTransport) -> Peer | None:
    """None for a transport that is no Unix socket."""
    link = transport.get_extra_info("socket")
    if link is None or link.family != socket.AF_UNIX:
        return None
    pid, uid, _ = _UCRED.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(uid=uid, pid=pid)


class PeerProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol that serves known peers only. ``scope["state"]["peer"]`` is the Peer.

    Whoever is served may stop things, and must not be able to stop the gate: a request's head and size and a user's
    connections are bounded, which uvicorn leaves to others.
    """

    HEAD_BYTES: ClassVar[int] = 64 << 10
    MESSAGE_BYTES: ClassVar[int] = 2 << 20
    """Head, body, chunk framing and trailers together."""
    CONNECTIONS: ClassVar[int] = 64
    """Open at once, of one user."""

    opened_s = 0.0
    """When the connection was made, in seconds of the loop's clock."""
    _known = False
    _of: object = None
    """The request that ``_size`` is of."""
    _size = 0

    def serves(self, peer: Peer | None) -> bool:
        further = self.config.peers if isinstance(self.config, _Config) else frozenset()
        return peer is not None and (peer.uid in {0, os.geteuid()} or peer.uid in further)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.opened_s = self.loop.time()
        peer = peer_of(transport)
        self._known = self.serves(peer)
        if self._known:
            self.app_state = {**self.app_state, "peer": peer}
            self._make_room()
        else:
            transport.abort()

    def _make_room(self) -> None:
        """Beyond what one user may have open, close the oldest on which nothing is under way, or this one."""
        uid = self.app_state["peer"].uid
        mine: list[Any] = [one for one in self.connections if _uid(one) == uid and not one.transport.is_closing()]
        if len(mine) > self.CONNECTIONS:
            idle = [one for one in mine if one is not self and (one.cycle is None or one.cycle.response_complete)]
            min(idle, key=lambda one: one.opened_s, default=self).transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._known:
            return
        super().data_received(data)
        if self.scope is not self._of:
            self._of, self._size = self.scope, 0
        self._size += len(data)
        headed = self.scope is not None and "method" in self.scope
        if self._size > (self.MESSAGE_BYTES if headed else self.HEAD_BYTES):
            self.transport.abort()


def _uid(connection: Any) -> int | None:
    """Of a connection that is served."""
    peer = connection.app_state.get("peer")
    return peer.uid if isinstance(peer, Peer) else None


class _Config(uvicorn.Config):
    peers: frozenset[int] = frozenset()


class _Server(uvicorn.Server):
    """uvicorn's server as a part of ours: signals are the composition root's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class LocalApi:
    """The API's server: ``start`` when the home is open, ``stop`` before it closes."""

    def __init__(
        self,
        app: ASGIApp,
        path: Path,
        *,
        peers: frozenset[int] = frozenset(),
        protocol: type[asyncio.Protocol] = PeerProtocol,
    ) -> None:
        """``peers``: user ids served beside the gate's own and root; with any, the socket's mode is 0666."""
        self._path = path
        self._mode = SHARED if peers else OWN
        self._link: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        settings: dict[str, Any] = {"lifespan": "off", "ws": "none", "log_config": None, "access_log": False}
        config = _Config(app, http=protocol, timeout_graceful_shutdown=_DRAIN_SECONDS, server_header=False, **settings)
        config.peers = peers
        self._server = _Server(config)

    async def start(self) -> None:
        """Returns when it listens. ConfigError: the socket's place is taken."""
        self._link = bind(self._path, self._mode)
        self._task = asyncio.create_task(self._server.serve(sockets=[self._link]))
        ready = asyncio.create_task(self._server.ready.wait())
        done, _ = await asyncio.wait({self._task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self._task in done:
            ready.cancel()
            self._task.result()

    async def stop(self) -> None:
        """Ends after the requests under way, at most 2 s, and removes the socket."""
        if self._task is None:
            return
        self._server.should_exit = True
        await self._task
        self._task = None
        self._path.unlink(missing_ok=True)
