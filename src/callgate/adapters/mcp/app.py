"""The MCP front: streamable HTTP for both protocol eras on one endpoint, as a raw ASGI application.

``/mcp/<integration>`` and ``/mcp``, which is all of the caller's integrations, with ``/t/<task>`` behind where a task
is named, and the metadata of RFC 9728. What a client sends passes
the guard (host, origin, token), is read once and strictly, and reaches Serving as nouns.
"""

import asyncio
import logging
import secrets
import traceback

from callgate.adapters.mcp.asking import OpenAsks
from callgate.adapters.mcp.config import FrontConfig
from callgate.adapters.mcp.desk import CallDesk
from callgate.adapters.mcp.guard import Admitted, Guard
from callgate.adapters.mcp.handshake import HandshakeEra
from callgate.adapters.mcp.http import HttpReply, Receive, Scope, Send
from callgate.adapters.mcp.listening import StandingStreams
from callgate.adapters.mcp.metadata import ResourceMetadata
from callgate.adapters.mcp.modern import ModernEra, is_modern
from callgate.adapters.mcp.parse import ClientAnswer, parse_message
from callgate.adapters.mcp.shown import ShownListings
from callgate.adapters.mcp.stream import ClientStream, Patrol, Stop, StreamPhase
from callgate.adapters.mcp.wire import BUSY, INTERNAL, INVALID, error, problem, refuse
from callgate.core.tally import Counts
from callgate.flow.serving import Serving

_log = logging.getLogger("callgate.front")
_STANDING_LOOK_MS = 1_000
_THREAD_BYTES = 64 << 10
"""A larger body is parsed beside the loop."""


class McpFront:
    def __init__(self, serving: Serving, config: FrontConfig) -> None:
        self._serving = serving
        self._config = config
        self._guard = Guard(serving, config, ResourceMetadata(config))
        self._shown = ShownListings(config.list_ttl_ms)
        hosts = frozenset(host.lower() for host in config.hosts)
        desk = self._desk = CallDesk(serving, same_host=config.same_host, hosts=hosts)
        self._asks = OpenAsks(hosts)
        standing = StandingStreams(serving, self._stands, config.standing_per_credential, config.standing)
        self._modern = ModernEra(serving, desk, standing)
        self._handshake = HandshakeEra(serving, desk, self._asks, standing)
        self._patrol = Patrol(config.look_ms, config.body_ms, config.send_ms, config.keep_alive_ms)
        self._slow_patrol = Patrol(_STANDING_LOOK_MS, config.body_ms, config.send_ms, config.keep_alive_ms)
        """For standing streams."""
        self._busy: dict[str, int] = {}
        """Requests under way by credential."""
        self.refused = Counts()
        """Requests that were refused, by HTTP status."""

    def configure(self, config: FrontConfig) -> None:
        """Addresses and limits from the next request on; requests under way keep what they were admitted with."""
        self._config = config
        self._guard = Guard(self._serving, config, ResourceMetadata(config))
        self._desk.hosts = self._asks.hosts = frozenset(host.lower() for host in config.hosts)
        self._patrol.limit(config.body_ms, config.send_ms)
        self._slow_patrol.limit(config.body_ms, config.send_ms)

    @property
    def under_way(self) -> int:
        """Requests of known callers."""
        return sum(self._busy.values())

    @property
    def streaming(self) -> int:
        """Event streams that have begun."""
        return self._patrol.streaming + self._slow_patrol.streaming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _not_http(scope, send)
            return
        task = asyncio.current_task()
        assert task is not None
        stream = ClientStream(receive, send, task)
        try:
            reply = await self._serve(scope, stream, task)
            if reply is not None:
                if reply.status >= 400:
                    self.refused.add(str(reply.status))
                await reply.send(send)
        except Exception as fault:  # noqa: BLE001 - the front's last resort
            await stream.fail(error(stream.id_json, _noted(fault)))
        finally:
            await stream.close()

    async def _serve(self, scope: Scope, stream: ClientStream, task: asyncio.Task[None]) -> HttpReply | None:
        admitted = self._guard.admit(scope)
        if isinstance(admitted, HttpReply):
            return admitted
        key = admitted.credential.id
        under_way = self._busy.get(key, 0)
        if under_way >= self._config.per_credential:
            said = f"This credential has {under_way} requests under way; more are not taken at one time."
            reply = refuse(429, BUSY, said, data={"reason": "busy"}).closing()
            return HttpReply(429, reply.body, (*reply.headers, (b"retry-after", b"1")))
        self._busy[key] = under_way + 1
        self._patrol.enter(stream)
        try:
            return await self._answer(scope, admitted, stream)
        except asyncio.CancelledError:
            if stream.stopped is None:
                raise
            task.uncancel()
            return await _stopped(stream, stream.stopped)
        finally:
            if stream.standing:
                self._slow_patrol.leave(stream)
            else:
                self._patrol.leave(stream)
                self._free(key)

    def _free(self, key: str) -> None:
        left = self._busy[key] - 1
        if left:
            self._busy[key] = left
        else:
            del self._busy[key]

    def _stands(self, admitted: Admitted, stream: ClientStream) -> None:
        """A standing stream is no request under way any more."""
        self._free(admitted.credential.id)
        self._patrol.leave(stream)
        self._slow_patrol.enter(stream)

    async def _answer(self, scope: Scope, admitted: Admitted, stream: ClientStream) -> HttpReply | None:
        listing = self._serving.listing(admitted.credential, admitted.integration)
        if listing is None:
            return refuse(404, INVALID, "There is no such integration for you.", data={"reason": "no_integration"})
        shown = self._shown.of(listing)
        if scope["method"] == "DELETE":
            return await self._handshake.delete(admitted, shown)
        if scope["method"] == "GET":
            return self._guard.stream_refused(admitted.fields) or await self._handshake.listen(admitted, shown, stream)
        refused = self._guard.body_refused(admitted.fields)
        if refused is not None:
            return refused
        body = await stream.read(self._config.body_bytes)
        if body is None or isinstance(body, HttpReply):
            return body
        message = parse_message(body) if len(body) <= _THREAD_BYTES else await asyncio.to_thread(parse_message, body)
        if isinstance(message, HttpReply):
            return message
        if isinstance(message, ClientAnswer):
            return self._handshake.answered(admitted, message)
        stream.id_json = message.id_json
        if is_modern(admitted.fields, message):
            return await self._modern.post(admitted, shown, stream, message)
        return await self._handshake.post(admitted, shown, stream, message)


async def _stopped(stream: ClientStream, why: Stop) -> HttpReply | None:
    if why is Stop.SLOW and stream.phase is StreamPhase.READING:
        return refuse(408, INVALID, "The body did not come in time.").closing()
    if why is Stop.CANCELLED:
        await stream.end()
    return None


async def _not_http(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})


def _noted(fault: Exception) -> bytes:
    """Log where it happened, never what was handled; the caller gets an id to quote."""
    mark = secrets.token_hex(6)
    frames = traceback.extract_tb(fault.__traceback__)
    where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames[-8:]))
    _log.error("internal error %s: %s at %s", mark, type(fault).__name__, where)
    return problem(INTERNAL, f"internal error, id {mark}")
