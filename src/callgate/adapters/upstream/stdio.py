"""An MCP server over stdio (MCP 2025-11-25, basic/transports): one child, one handshake by the gate, many requests."""

import asyncio
import itertools
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from callgate.adapters.upstream import wire
from callgate.adapters.upstream.confine import DEFAULT_PATH, plan
from callgate.adapters.upstream.discovery import Probe, discover_bridged
from callgate.adapters.upstream.listening import LIST_CHANGED, StdioListening
from callgate.adapters.upstream.program import program_of
from callgate.adapters.upstream.supervise import Supervisor
from callgate.adapters.upstream.waiting import WaitingMessages
from callgate.core.jsonrpc import parse_upstream
from callgate.core.loglevels import severity
from callgate.core.message import Message
from callgate.flow.ports import Clock, Discovered, Opened, Outbound, Permitted, Wish, always
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.tool import Integration

CANCEL_SECONDS = 2.0
START_MS = 30_000


class StdioUpstream:
    """``on_changed`` is called when the server says that its tools changed, and when it ended and is started again."""

    def __init__(
        self,
        integration: Integration,
        resolve: Callable[[str], str],
        clock: Clock,
        log: logging.Logger,
        *,
        folder: Path,
        hidden: tuple[Path, ...] = (),
        most: int = wire.MAX_MESSAGE,
    ) -> None:
        self.integration = integration
        self.on_changed: Callable[[], None] | None = None
        self.dropped = 0
        """Lines that were no message, or belonged to no request."""
        self._numbers = itertools.count(1)
        self._pending: dict[int, StdioExchange] = {}
        self._progress: dict[str | int, StdioExchange] = {}
        self._opened: Opened | None = None
        self._listening: dict[StdioListening, None] = {}
        self._cwd = integration.cwd or str(folder / integration.name)
        self._level: int | None = None
        """Severity of the most verbose log level that anybody asked this child for; None: nobody did."""
        self._supervisor = Supervisor(
            integration.name,
            lambda: plan(integration, resolve, folder=folder, hidden=hidden),
            on_line=self._on_line,
            on_up=self._handshake,
            on_down=self._on_down,
            clock=clock,
            log=log,
            most=most,
        )

    @property
    def state(self) -> str:
        """``unconfined`` stands for ``ready`` when the child runs without confinement."""
        state = self._supervisor.state
        return "unconfined" if state == "ready" and not self.integration.confined else state

    def limit(self, most: int) -> None:
        """Bytes of one message from now on."""
        self._supervisor.limit(most)

    @property
    def stderr_tail(self) -> bytes:
        return self._supervisor.stderr_tail

    @property
    def active(self) -> int:
        return len(self._pending)

    async def open(self, request: Outbound, permitted: Permitted = always) -> "StdioExchange":
        return StdioExchange(self, request, next(self._numbers), permitted)

    async def initialize(self, params: bytes, protocol: str) -> Opened:  # noqa: ARG002 - there is one session
        """The one session there is; what the client offers does not reach the server."""
        await self._ready(START_MS)
        if self._opened is None:
            raise wire.fault("not_sent")
        return self._opened

    async def end(self, session: str) -> None:
        """The session is the gate's own."""

    async def listen(self, wish: Wish) -> StdioListening:  # noqa: ARG002 - a child announces everything to everybody
        made = StdioListening(self._listening)
        self._listening[made] = None
        return made

    async def discover(self) -> Discovered:
        opened = await self.initialize(b"", "")
        found = await discover_bridged(Probe(open=self.open, initialize=self.initialize, end=self.end), opened)
        path = self.integration.environment.get("PATH") or os.environ.get("PATH", DEFAULT_PATH)
        program = await asyncio.to_thread(program_of, self.integration.command, path, self._cwd)
        return msgspec.structs.replace(found, program=program)

    async def close(self) -> None:
        await self._supervisor.close()

    async def retire(self, grace_seconds: float) -> None:
        """Close as soon as nothing is under way, at the latest after ``grace_seconds``."""
        pending = [exchange.ended for exchange in self._pending.values()]
        if pending:
            await asyncio.wait([asyncio.ensure_future(event.wait()) for event in pending], timeout=grace_seconds)
        await self.close()

    # What an exchange needs.

    async def _ready(self, milliseconds: float) -> None:
        try:
            async with asyncio.timeout(milliseconds / 1000):
                await self._supervisor.ready()
        except TimeoutError as fault:
            raise wire.fault("not_sent") from fault

    async def ready(self) -> None:
        await self._supervisor.ready()

    def begin(self, exchange: "StdioExchange", line: bytes) -> None:
        """Send a request. UpstreamError: nothing was sent."""
        self._supervisor.send(line)
        self._pending[exchange.number] = exchange
        if exchange.token is not None:
            self._progress[exchange.token] = exchange

    def forget(self, exchange: "StdioExchange") -> None:
        self._pending.pop(exchange.number, None)
        if exchange.token is not None and self._progress.get(exchange.token) is exchange:
            del self._progress[exchange.token]

    def tell(self, line: bytes) -> None:
        """Send what has no answer; quiet when the server is gone."""
        try:
            self._supervisor.send(line)
        except UpstreamError:
            return

    def want(self, level: str) -> None:
        """Log messages of this level are wanted by one of those who share the child."""
        rank = severity(level)
        if rank is not None and (self._level is None or rank < self._level):
            self._level = rank
            params = msgspec.json.encode({"level": level})
            self.tell(wire.encode_request(next(self._numbers), "logging/setLevel", params))

    # The server's side.

    async def _handshake(self) -> None:
        request = Outbound("initialize", wire.INITIALIZE, deadline_ms=START_MS)
        result = b""
        async for message in StdioExchange(self, request, next(self._numbers), starting=True):
            if message.error:
                raise wire.fault("initialize_failed")
            result = message.result
        version = wire.agreed_version(result)
        self._opened = Opened(session="", protocol=version, result=result)
        self._level = None
        self._supervisor.send(wire.encode_notification("notifications/initialized", b""))

    def _on_down(self) -> None:
        for exchange in list(self._pending.values()):
            exchange.fail(wire.unknown("the server ended"))
        self._pending.clear()
        self._progress.clear()
        if self.on_changed is not None and self._supervisor.state != "down":
            # The next child is another process: who knows what it is.
            self.on_changed()

    def _on_line(self, line: bytes | None, skipped: int | None) -> None:
        if line is None:
            exchange = self._pending.get(skipped) if skipped is not None else None
            if exchange is None:
                self.dropped += 1
            else:
                exchange.fail(wire.fault("too_large"))
            return
        if not line.strip():
            return
        try:
            message = parse_upstream(line)
        except UpstreamError:
            self.dropped += 1
            return
        if message.is_response:
            self._on_response(message)
        elif message.id is not None:
            self._on_request(message)
        else:
            self._on_notification(message)

    def _on_response(self, message: Message) -> None:
        exchange = self._pending.get(message.id) if isinstance(message.id, int) else None
        if exchange is None:
            self.dropped += 1
            return
        self.forget(exchange)
        exchange.put(message)

    def _on_request(self, message: Message) -> None:
        """Over stdio a server's request belongs to no exchange: sampling, roots and elicitation are refused."""
        number = msgspec.json.encode(message.id)
        if message.method == "ping":
            self.tell(b'{"jsonrpc":"2.0","id":%s,"result":{}}' % number)
            return
        self.dropped += 1
        self.tell(b'{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}' % number)

    def _on_notification(self, message: Message) -> None:
        if message.method == "notifications/progress":
            token = _token(message.params)
            exchange = self._progress.get(token) if token is not None else None
            if exchange is not None:
                exchange.put(message)
                return
        elif message.method == "notifications/message":
            # A child that is shared does not say whose call a message is about: with one under way it is that one's.
            if len(self._pending) == 1:
                next(iter(self._pending.values())).put(message)
                return
        elif message.method in LIST_CHANGED or message.method == "notifications/resources/updated":
            if message.method in LIST_CHANGED and self.on_changed is not None:
                self.on_changed()
            for listening in self._listening:
                listening.put(message)
            return
        self.dropped += 1


class StdioExchange:
    """Iterate it in one task; ``cancel`` may come from another."""

    def __init__(
        self,
        upstream: StdioUpstream,
        request: Outbound,
        number: int,
        permitted: Permitted = always,
        *,
        starting: bool = False,
    ) -> None:
        self.number = number
        self.ended = asyncio.Event()
        self._upstream = upstream
        self._request = request
        self._permitted = permitted
        self._starting = starting
        """This is the gate's own initialize: the child runs and is not ready yet."""
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + request.deadline_ms / 1000
        self.token: str | int | None = None
        self._queue = WaitingMessages()
        self._failure: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timeout: asyncio.Timeout | None = None
        self._sent = False
        self._cancelled = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self.ended.is_set():
            raise StopAsyncIteration
        try:
            async with asyncio.timeout_at(self._deadline) as self._timeout:
                if not self._sent:
                    await self._send()
                message = await self._next()
        except TimeoutError as fault:
            self._finish()
            raise self._late() from fault
        except BaseException:
            self._finish()
            raise
        finally:
            self._timeout = None
        if message.is_response:
            self._finish()
        return message

    async def _send(self) -> None:
        if self._cancelled:
            raise wire.fault("not_sent")
        if not self._starting:
            await self._upstream.ready()
        params = self._request.params
        self.token = wire.progress_token(params)
        line = wire.encode_request(self.number, self._request.method, params)
        if b"\n" in line or b"\r" in line:
            line = msgspec.json.format(line, indent=-1)
        # Asked after the wait for the child: much may have been stopped meanwhile.
        if not self._permitted():
            raise wire.fault("stopped")
        if self._request.log_level:
            self._upstream.want(self._request.log_level)
        self._upstream.begin(self, line)
        self._sent = True

    async def _next(self) -> Message:
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._queue.take()

    def _late(self) -> UpstreamError:
        if not self._sent:
            return wire.fault("not_sent")
        if self._cancelled:
            return wire.unknown("the call was cancelled")
        self._upstream.tell(wire.encode_cancelled(self.number))
        return wire.unknown("its time is over")

    def _finish(self) -> None:
        self.ended.set()
        self._upstream.forget(self)

    def put(self, message: Message) -> None:
        self._queue.put(message)
        self._wake()

    def fail(self, failure: UpstreamError | OutcomeUnknown) -> None:
        self._failure = self._failure or failure
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def answer(self, message: bytes) -> None:  # noqa: ARG002 - the port's signature
        """Never called for: over stdio no request of a server belongs to an exchange."""
        raise wire.fault("closed")

    async def cancel(self) -> None:
        if self.ended.is_set() or self._cancelled:
            return
        self._cancelled = True
        self._deadline = min(self._deadline, self._loop.time() + (CANCEL_SECONDS if self._sent else 0))
        if self._timeout is not None:
            self._timeout.reschedule(self._deadline)
        if self._sent:
            self._upstream.tell(wire.encode_cancelled(self.number))


class _Progress(msgspec.Struct):
    progressToken: str | int  # noqa: N815


def _token(params: bytes) -> str | int | None:
    try:
        return msgspec.json.decode(params, type=_Progress).progressToken
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
