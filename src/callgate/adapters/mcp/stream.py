"""The client's side of one POST: body in, JSON or an event stream out (HTML standard, Server-sent events).

JSON when the first thing to send is the last one, an event stream from the first progress or the first long
silence on. A call that is answered at once costs no task, timer or queue of its own: ``Patrol`` looks after all.
"""

import asyncio
import contextlib
import enum
from collections import deque
from collections.abc import AsyncIterator, Callable

import msgspec

from callgate.adapters.mcp.http import JSON_TYPE, HttpReply, Receive, Send
from callgate.adapters.mcp.notices import ClientProgress, LogMessage, Notification
from callgate.adapters.mcp.replay import Replay
from callgate.adapters.mcp.wire import INVALID, NO_ID, encode, refuse
from callgate.core.loglevels import severity

_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_KEEP_ALIVE = b": keep-alive\n\n"
_BEGUN = b": listening\n\n"
_LET_GO = b""
"""In the queue: the client is to come back for what follows."""
_MAX_QUEUED = 64
_MAX_QUEUED_BYTES = 512 << 10
_MAX_TEXT = 1_000
_MAX_LOG = 64 << 10
"""Bytes of one log message; a larger one is dropped."""


class StreamPhase(enum.Enum):
    READING = enum.auto()
    CALLING = enum.auto()
    SENDING = enum.auto()


class Stop(enum.Enum):
    """Why a request was ended from outside."""

    SLOW = enum.auto()
    """The body did not come, or the answer was not taken, in time."""
    GONE = enum.auto()
    """The client closed the stream (2026-07-28: a cancel)."""
    CANCELLED = enum.auto()
    """notifications/cancelled (handshake eras)."""


_notification = msgspec.json.Decoder(Notification)
_progress = msgspec.json.Decoder(ClientProgress)
_log_message = msgspec.json.Decoder(LogMessage)


class ClientStream:
    """One POST under way; used by one task, and by the patrol."""

    __slots__ = (
        "_last",
        "_left",
        "_pump",
        "_queue",
        "_receive",
        "_replay",
        "_send",
        "_started",
        "_task",
        "_token",
        "_watch",
        "began",
        "id_json",
        "logs",
        "moved",
        "phase",
        "quiet",
        "replays",
        "standing",
        "stopped",
        "watched",
    )

    def __init__(self, receive: Receive, send: Send, task: asyncio.Task[None]) -> None:
        self._receive = receive
        self._send = send
        self._task = task
        self._token: int | str | None = None
        self._last = float("-inf")
        self._queue: deque[bytes] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._started = False
        self._replay: Replay | None = None
        self._left = False
        """The client was let go, or has the whole answer."""
        self.replays: Callable[[], Replay | None] | None = None
        """Where events are kept for a client that may come back for them; None: it may not."""
        self.phase = StreamPhase.READING
        self.logs: int | None = None
        """Severity from which on log messages of the call are sent; None: none are."""
        self.id_json = NO_ID
        """Id of the request, once it is known."""
        self.stopped: Stop | None = None
        self.watched = False
        """A disconnect means cancel."""
        self.quiet = False
        """The reply needs headers of its own, so no stream may begin before it."""
        self.standing = False
        self.began = 0.0
        """When the patrol first saw this phase; loop time in seconds."""
        self.moved = 0.0
        """When something was last sent, as far as the patrol knows."""

    async def read(self, limit: int) -> bytes | HttpReply | None:
        """The whole body; HTTP 413 over ``limit`` bytes; None when the client left."""
        event = await self._receive()
        if event["type"] != "http.request":
            return None
        body: bytes = event.get("body", b"")
        if event.get("more_body", False) and len(body) <= limit:
            parts = bytearray(body)
            while event.get("more_body", False) and len(parts) <= limit:
                event = await self._receive()
                if event["type"] != "http.request":
                    return None
                parts += event.get("body", b"")
            body = bytes(parts)
        if len(body) > limit:
            return refuse(413, INVALID, f"The body is larger than {limit} bytes.").closing()
        return body

    def call(self, token: int | str | None, *, watched: bool, quiet: bool = False) -> None:
        """From now on the request is being answered."""
        self.phase = StreamPhase.CALLING
        self.quiet = quiet
        self.began = 0.0
        self._token = token
        self.watched = watched

    def relay(self, notification: bytes) -> None:
        """Take progress of the call for the client, under the client's own token, and log messages that it wants;
        anything else is dropped. Empty: the server let its own client go, so this one may go too.
        """
        if not notification:
            self._let_go()
            return
        if (self._token is None and self.logs is None) or self.phase is not StreamPhase.CALLING:
            return
        try:
            outer = _notification.decode(notification)
            if outer.method == "notifications/message":
                self._log(outer.params)
            if outer.method != "notifications/progress" or self._token is None:
                return
            said = _progress.decode(outer.params or notification)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        if said.progress <= self._last:
            return
        self._last = said.progress
        params: dict[str, int | float | str] = {"progressToken": self._token, "progress": said.progress}
        if said.total is not None:
            params["total"] = said.total
        if said.message is not None:
            params["message"] = said.message[:_MAX_TEXT]
        self._push(_event(encode({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})))

    def _let_go(self) -> None:
        if self.replays is not None and self.phase is StreamPhase.CALLING and not self._left:
            self._push(_LET_GO)

    def _log(self, params: bytes) -> None:
        """Raises like a decoder for what is no log message."""
        if self.logs is None or len(params) > _MAX_LOG:
            return
        said = _log_message.decode(params)
        rank = severity(said.level)
        if rank is None or rank < self.logs:
            return
        kept: dict[str, str | msgspec.Raw] = {"level": said.level, "data": said.data}
        if said.logger is not None:
            kept["logger"] = said.logger[:_MAX_TEXT]
        self._push(_event(encode({"jsonrpc": "2.0", "method": "notifications/message", "params": kept})))

    def say(self, message: bytes) -> bool:
        """Send a message of the server's side of this call; False: it cannot be sent any more, or not now."""
        if self.phase is not StreamPhase.CALLING or self.quiet or self.stopped is not None:
            return False
        return self._push(_event(message))

    def _push(self, frame: bytes) -> bool:
        """False: the client has not taken what came before, and no more is kept for it."""
        if self._queue is None:
            self._queue = deque()
        queue = self._queue
        if queue and (len(queue) >= _MAX_QUEUED or sum(map(len, queue)) + len(frame) > _MAX_QUEUED_BYTES):
            return False
        queue.append(frame)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.get_running_loop().create_task(self._drain(queue))
        return True

    async def _drain(self, queue: deque[bytes]) -> None:
        while queue:
            await self._frame(queue.popleft(), more=True)

    async def _frame(self, frame: bytes, *, more: bool) -> None:
        if not self._started:
            self._started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
            self._replay = self.replays() if self.replays is not None else None
            if self._replay is not None:
                await self._send({"type": "http.response.body", "body": self._replay.opening, "more_body": True})
        if self._replay is not None:
            if frame and frame is not _KEEP_ALIVE:
                frame = self._replay.event(frame)
            elif frame is _LET_GO:
                more = False
        elif frame is _LET_GO and more:
            return
        if not self._left:
            self._left = not more
            await self._send({"type": "http.response.body", "body": frame, "more_body": more})

    async def finish(self, body: bytes, status: int = 200) -> None:
        """Send the response: as JSON, or as the last event of the stream that has begun."""
        self.phase = StreamPhase.SENDING
        self.began = 0.0
        if self._pump is not None:
            await self._pump
        if self._started:
            await self._frame(_event(body), more=False)
            return
        headers = [(b"content-length", b"%d" % len(body)), JSON_TYPE]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def only(self, body: bytes) -> None:
        """Send the response as the one event of a stream."""
        self.phase = StreamPhase.SENDING
        self.began = 0.0
        await self._frame(_event(body), more=False)

    async def end(self) -> None:
        """End without a response: the request was cancelled (MCP 2025-11-25, cancellation)."""
        self.phase = StreamPhase.SENDING
        self.began = 0.0
        if self._pump is not None:
            await self._pump
        await self._frame(b"", more=False)

    async def repeat(self, events: AsyncIterator[bytes]) -> None:
        """The events of another stream until its end, with their ids."""
        self.call(None, watched=True)
        self._push(_BEGUN)
        async for event in events:
            self._push(event)
            assert self._pump is not None
            await self._pump
        await self.end()

    async def fail(self, body: bytes) -> None:
        """HTTP 500, or the last event of a stream that has begun."""
        await self.finish(body, 500)

    def stand(self) -> None:
        """From now on messages are sent as they come, until the client leaves."""
        self.call(None, watched=True)
        self.standing = True
        self._push(_BEGUN)

    def check(self) -> None:
        """CancelledError when the request was ended while its answer came."""
        if self.stopped is not None:
            raise asyncio.CancelledError

    def stop(self, why: Stop) -> None:
        """Cancel the task that serves this request, once."""
        if self.stopped is None:
            self.stopped = why
            self._task.cancel()

    def watch(self) -> None:
        """Begin to look whether the client leaves; servers say it only to somebody who waits for it."""
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._leave())

    async def _leave(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self.phase is StreamPhase.CALLING:
            self.stop(Stop.GONE)

    @property
    def streaming(self) -> bool:
        return self._started

    def ping(self) -> None:
        """Keep proxies and clients from closing a silent stream."""
        self._push(_KEEP_ALIVE)

    async def close(self) -> None:
        """Leave no task behind."""
        if self._replay is not None:
            self._replay.end()
        if self._watch is None and self._pump is None:
            return
        for task in (self._watch, self._pump):
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def _event(body: bytes) -> bytes:
    """One event. JSON as the front and msgspec write it has no line breaks; an upstream's may."""
    if b"\n" in body or b"\r" in body:
        body = body.replace(b"\r", b" ").replace(b"\n", b" ")
    return b"event: message\ndata: %b\n\n" % body


class Patrol:
    """One timer for all requests under way: body and send deadlines, watching for disconnect, keep-alive.

    A request that is done before the next round is never looked at.
    """

    def __init__(self, look_ms: int, body_ms: int, send_ms: int, keep_alive_ms: int) -> None:
        self._every = look_ms / 1000
        self._limits = {StreamPhase.READING: body_ms / 1000, StreamPhase.SENDING: send_ms / 1000}
        self._keep_alive = keep_alive_ms / 1000
        self._streams: dict[ClientStream, None] = {}
        self._armed = False

    def limit(self, body_ms: int, send_ms: int) -> None:
        """For requests under way too."""
        self._limits = {StreamPhase.READING: body_ms / 1000, StreamPhase.SENDING: send_ms / 1000}

    def enter(self, stream: ClientStream) -> None:
        self._streams[stream] = None
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_later(self._every, self._round)

    def leave(self, stream: ClientStream) -> None:
        self._streams.pop(stream, None)

    @property
    def streaming(self) -> int:
        """Streams that have sent their first event."""
        return sum(stream.streaming for stream in self._streams)

    def _round(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for stream in self._streams:
            self._look(stream, now)
        self._armed = bool(self._streams)
        if self._armed:
            loop.call_later(self._every, self._round)

    def _look(self, stream: ClientStream, now: float) -> None:
        if not stream.began:
            stream.began = stream.moved = now
        elif stream.phase is not StreamPhase.CALLING:
            if now - stream.began >= self._limits[stream.phase]:
                stream.stop(Stop.SLOW)
        else:
            if stream.watched:
                stream.watch()
            if now - stream.moved >= self._keep_alive and not stream.quiet:
                stream.moved = now
                stream.ping()
