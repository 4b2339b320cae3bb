"""Keeps one child process running: start, watch, restart with backoff, end with its whole process group."""

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from callgate.adapters.upstream import wire
from callgate.adapters.upstream.confine import Launch
from callgate.adapters.upstream.lines import Lines
from callgate.adapters.upstream.portions import FEW_LINES, lines_in, pieces
from callgate.flow.ports import Clock
from callgate.model.errors import ConfigError, UpstreamError

FIRST_BACKOFF, LAST_BACKOFF = 0.2, 30.0
STABLE_US = 60_000_000
"""A child that lived this long starts over with the first backoff."""
START_SECONDS = 30.0
QUIET_END_SECONDS, TERM_SECONDS = 2.0, 2.0
SILENT_SECONDS = 1.0
BREATH_SECONDS = 0.001
"""Between pieces of what a child says in very many lines."""
REST_SECONDS = 0.5
"""For what a child that ended has said in very many lines."""
STDERR_BYTES = 64 * 1024
MAX_UNSENT = 32 * 1024 * 1024
"""Bytes a child may leave unread before the gate sends it nothing more."""
PATIENCE = 2
"""Failed starts in a row after which requests are refused at once while restarts go on."""


class LastBytes:
    """The last bytes of a stream."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        self._data += data[-self._limit :]
        if len(self._data) > self._limit:
            del self._data[: len(self._data) - self._limit]

    def read(self) -> bytes:
        return bytes(self._data)


class Child(asyncio.SubprocessProtocol):
    """Pipes of one running child."""

    def __init__(self, on_line: Callable[[bytes | None, int | None], None], errors: LastBytes, most: int) -> None:
        self._on_line = on_line
        self._lines = Lines(most)
        self._errors = errors
        self._came: deque[bytes] = deque()
        """Pieces that wait for their turn; nothing is read meanwhile."""
        self._stdin: asyncio.WriteTransport | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self._ending = False
        self.pid = 0
        self.exited = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._stdin = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))
        self.pid = self._transport.get_pid()

    def limit(self, most: int) -> None:
        self._lines.limit = most

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self._errors.add(data)
            return
        if not self._came and lines_in(data) <= FEW_LINES:
            self._feed(data)
            return
        waits = bool(self._came)
        self._came.extend(pieces(data))
        if not waits:
            self._read(on=False)
            self._more()

    def _more(self) -> None:
        """A piece of what came; others first, before the next: the child decides how much there is to read."""
        if self._came:
            self._feed(self._came.popleft())
        if self._came:
            asyncio.get_running_loop().call_later(BREATH_SECONDS, self._more)
        else:
            self._read(on=True)

    def _read(self, *, on: bool) -> None:
        output = self._transport.get_pipe_transport(1) if self._transport is not None else None
        if output is not None and not output.is_closing():
            pipe = cast(asyncio.ReadTransport, output)
            (pipe.resume_reading if on else pipe.pause_reading)()

    def _feed(self, piece: bytes) -> None:
        for line in self._lines.feed(piece):
            self._on_line(line, self._lines.skipped_id)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if fd == 1 or (fd == 0 and not self._ending):
            # A server that closed its output can answer nothing any more, and one that closed its input can be asked
            # nothing; mostly it is about to end.
            asyncio.get_running_loop().call_later(SILENT_SECONDS, self._end_silent)

    def _end_silent(self) -> None:
        if not self.exited.is_set():
            self.signal_group(signal.SIGKILL)

    def process_exited(self) -> None:
        if self._came:
            # The rest of what it said, which may hold answers, stands in the pipe.
            self._read(on=True)
            asyncio.get_running_loop().call_later(REST_SECONDS, self.exited.set)
        else:
            self.exited.set()

    @property
    def unsent(self) -> int:
        return self._stdin.get_write_buffer_size() if self._stdin is not None else 0

    @property
    def writable(self) -> bool:
        return self._stdin is not None and not self._stdin.is_closing() and not self.exited.is_set()

    def write(self, line: bytes) -> None:
        if self._stdin is not None:
            self._stdin.write(line)

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def end(self) -> None:
        """Close its input, then ask, then force; what is left of its process group goes with it."""
        self._ending = True
        if self._stdin is not None:
            self._stdin.close()
        for number, seconds in ((signal.SIGTERM, QUIET_END_SECONDS), (signal.SIGKILL, TERM_SECONDS)):
            if await self._exits_within(seconds):
                break
            self.signal_group(number)
        await self._exits_within(TERM_SECONDS)
        self.signal_group(signal.SIGKILL)
        if self._transport is not None:
            self._transport.close()

    async def _exits_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.exited.wait()
        except TimeoutError:
            return False
        return True


class Supervisor:
    """Starts on first need and keeps the child up until ``close``.

    ``plan`` says how to start it (ConfigError: it cannot be); ``on_up`` makes it ready to work; ``on_down`` is told
    when it is gone.
    """

    def __init__(
        self,
        name: str,
        plan: Callable[[], Launch],
        *,
        on_line: Callable[[bytes | None, int | None], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
        clock: Clock,
        log: logging.Logger,
        most: int = wire.MAX_MESSAGE,
    ) -> None:
        """``most``: bytes of one message of the child."""
        self._name = name
        self._most = most
        self._plan = plan
        self._on_line = on_line
        self._on_up = on_up
        self._on_down = on_down
        self._clock = clock
        self._log = log
        self._errors = LastBytes(STDERR_BYTES)
        self._child: Child | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._failures = 0
        self._why: UpstreamError | None = None
        self.state = "down"
        self.starts = 0

    def limit(self, most: int) -> None:
        """Bytes of one message from now on, of the running child too."""
        self._most = most
        if self._child is not None:
            self._child.limit(most)

    @property
    def stderr_tail(self) -> bytes:
        """The last 64 KiB the server wrote to stderr, over restarts; may hold anything, for the operator's eyes."""
        return self._errors.read()

    async def ready(self) -> None:
        """Wait until the child works. UpstreamError when it is closed, cannot start, or failed to twice in a row."""
        asked = False
        while self.state != "ready":
            if self._stop.is_set():
                raise wire.fault("closed")
            idle = self._task is None or self._task.done()
            if self._why is not None and self._failures >= PATIENCE and (asked or not idle):
                raise self._why
            if idle:
                asked = True
                self._failures, self._why = 0, None
                self._task = asyncio.get_running_loop().create_task(self._run())
            await self._changed.wait()

    def send(self, line: bytes) -> None:
        """Hand one message to the child. UpstreamError: nothing was sent."""
        child = self._child
        if child is None or not child.writable:
            raise wire.fault("not_sent")
        if child.unsent > MAX_UNSENT:
            raise wire.fault("busy")
        child.write(line + b"\n")

    async def close(self) -> None:
        self._stop.set()
        self._set("down")
        if self._task is not None:
            await self._task

    def _set(self, state: str) -> None:
        self.state = state
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        backoff = FIRST_BACKOFF
        while not self._stop.is_set():
            self._set("starting")
            began = self._clock.monotonic_us()
            try:
                await self._live()
            except ConfigError as fault:
                # Trying again changes nothing; the next request asks again.
                self._failures, self._why = (
                    PATIENCE,
                    UpstreamError(f"The server cannot start. {fault}", code="not_sent", hint=fault.hint),
                )
                break
            except (UpstreamError, OSError, TimeoutError) as fault:
                self._failures += 1
                self._why = UpstreamError("The server does not start; nothing was sent.", code="not_sent")
                said = {"integration": self._name, "code": type(fault).__name__}
                self._log.warning("Integration %s did not start: %s", self._name, type(fault).__name__, extra=said)
            if self._clock.monotonic_us() - began >= STABLE_US:
                backoff = FIRST_BACKOFF
            if self._stop.is_set():
                break
            self._set("backoff" if self._failures < PATIENCE else "down")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff):
                    await self._stop.wait()
            backoff = min(LAST_BACKOFF, backoff * 2)
        self._set("down")

    async def _live(self) -> None:
        """One life of the child, from start to end."""
        child = await self._spawn()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._first_of(child, self._on_up())
            self._failures, self._why = 0, None
            self._set("ready")
            await self._first_of(child, self._stopped())
            if not self._stop.is_set():
                said = {"integration": self._name}
                self._log.warning("Integration %s ended by itself and is started again.", self._name, extra=said)
        finally:
            self._child = None
            self._set("down" if self._stop.is_set() else "backoff")
            self._on_down()
            await child.end()

    async def _stopped(self) -> None:
        await self._stop.wait()

    async def _first_of(self, child: Child, work: Awaitable[None]) -> None:
        """Wait for the work, for the child's end or for close; UpstreamError when the work is cut short."""
        tasks = [asyncio.ensure_future(work), asyncio.ensure_future(child.exited.wait())]
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((*tasks, stop), return_when=asyncio.FIRST_COMPLETED)
            if tasks[0].done():
                tasks[0].result()
            elif self.state == "starting":
                raise wire.fault("not_sent")
        finally:
            for task in (*tasks, stop):
                task.cancel()
            await asyncio.gather(*tasks, stop, return_exceptions=True)

    async def _spawn(self) -> Child:
        launch = self._plan()
        self.starts += 1
        handle = os.memfd_create("callgate-launch", os.MFD_CLOEXEC)
        try:
            os.write(handle, launch.spec)
            os.lseek(handle, 0, os.SEEK_SET)
            _, child = await asyncio.get_running_loop().subprocess_exec(
                lambda: Child(self._on_line, self._errors, self._most),
                *launch.argv(handle),
                env=launch.environment,
                pass_fds=(handle,),
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(handle)
        self._child = child
        return child
