"""One request over streamable HTTP: sent once, answered by JSON or by a stream of events, never sent again."""

import asyncio
import enum
from collections.abc import Awaitable, Coroutine
from typing import Any, Protocol, Self, TypeVar

import msgspec

from callgate.adapters.upstream import wire
from callgate.adapters.upstream.address import AddressRefused
from callgate.adapters.upstream.budget import Budget
from callgate.adapters.upstream.http_client import HttpClient
from callgate.adapters.upstream.http_connection import HttpRequest, HttpResponse
from callgate.adapters.upstream.http_faults import HttpFault
from callgate.adapters.upstream.sse import SseEvent, SseTooLarge, Stream
from callgate.core.message import STREAM_ENDED, Message
from callgate.flow.ports import Opened, Outbound, Permitted, always
from callgate.model.errors import UpstreamError

CANCEL_SECONDS = 2.0
DRAIN_SECONDS = 0.25
MAX_ERROR_BODY = 64 * 1024
MAX_RESUMES = 8
MAX_RETRY_SECONDS = 5.0
MIN_RETRY_SECONDS = 0.05
SMALL = 64 * 1024
"""Answers up to this size are not counted in the budget."""

JSON, EVENTS = "application/json", "text/event-stream"

T = TypeVar("T")


class Channel(Protocol):
    """What an exchange needs of its upstream."""

    budget: Budget
    dropped: int
    streaming: "dict[tuple[str, int], HttpExchange]"

    def connected(self) -> HttpClient: ...
    def head(self, method: bytes, lines: bytes, length: int = 0) -> bytes: ...
    def headers(self, protocol: str, session: str) -> bytes: ...
    def stateless_headers(self, request: Outbound) -> bytes: ...
    async def own(self) -> Opened: ...
    async def tell(self, body: bytes, protocol: str, session: str) -> None: ...
    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...
    def note(self, status: int, session: str) -> None: ...
    def unreached(self) -> None: ...
    def list_changed(self) -> None: ...
    def entered(self) -> None: ...
    def left(self) -> None: ...


class Phase(enum.Enum):
    NEW = enum.auto()
    STREAM = enum.auto()
    DONE = enum.auto()


class HttpExchange:
    """Iterate it in one task; ``cancel`` and ``answer`` may come from another."""

    def __init__(
        self,
        channel: Channel,
        request: Outbound,
        number: int,
        permitted: Permitted = always,
        *,
        handshake: bool = False,
    ) -> None:
        self._channel = channel
        self._request = request
        self._permitted = permitted
        self._number = number
        self._handshake = handshake
        """This is an initialize: there is no session and no agreed version yet."""
        self._protocol = request.protocol
        self.session = request.session
        self._deadline = asyncio.get_running_loop().time() + request.deadline_ms / 1000
        self._phase = Phase.NEW
        self._timeout: asyncio.Timeout | None = None
        """While there is no response that has the deadline."""
        self._sending: HttpRequest | None = None
        self._response: HttpResponse | None = None
        self._stream: Stream | None = None
        self._elsewhere: Message | None = None
        """The answer, when it came by the session's standing stream."""
        self._cancelled = False
        self._taken = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._phase is Phase.DONE:
            raise StopAsyncIteration
        if self._phase is Phase.NEW:
            self._channel.entered()
        try:
            message = await (self._send() if self._phase is Phase.NEW else self._next_in_stream())
        except OSError as fault:
            if self._elsewhere is not None:
                self._finish()
                return self._elsewhere
            lost = self._lost(fault)
            self._finish()
            raise lost from fault
        except BaseException:
            self._finish()
            raise
        if message.is_response:
            self._finish(answered=True)
        return message

    @property
    def _sent(self) -> bool:
        return self._sending is not None and self._sending.started

    def _lost(self, fault: Exception) -> UpstreamError:
        if self._sending is not None and self._sending.stopped:
            return wire.fault("stopped")
        if not self._sent:
            self._channel.unreached()
            return wire.fault("address_refused" if isinstance(fault, AddressRefused) else "not_sent")
        if self._cancelled:
            return wire.unknown("the call was cancelled")
        if isinstance(fault, TimeoutError):
            self._abandon()
            return wire.unknown("its time is over")
        self._channel.list_changed()
        return wire.unknown("the connection was lost")

    def _abandon(self) -> None:
        """The time is over: tell the server that nobody waits any more."""
        if self._protocol in wire.HANDSHAKE and not self._handshake:
            self._channel.spawn(self._tell_cancelled())

    def _finish(self, *, answered: bool = False) -> None:
        if self._phase is Phase.DONE:
            return
        self._phase = Phase.DONE
        self._channel.left()
        if self._stream is not None:
            self._channel.streaming.pop((self.session, self._number), None)
        if self._taken:
            self._channel.budget.give(self._taken)
            self._taken = 0
        response, self._response = self._response, None
        if response is None or response.closed:
            return
        if response.complete:
            response.release()
        elif answered and self._stream is not None and not self._stream.ready:
            # Released by the task's end, so that a cancel of the task before its first step leaves nothing open.
            self._channel.spawn(self._drain(response)).add_done_callback(lambda _: response.release())
        else:
            response.close()

    async def _drain(self, response: HttpResponse) -> None:
        """A stream commonly ends right after its answer: give it that moment, then the connection is kept."""
        seen = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while seen < SMALL and (chunk := await response.chunk()):
                    seen += len(chunk)
        except OSError:
            pass
        self._channel.dropped += bool(seen)

    # Sending.

    async def _send(self) -> Message:
        request = self._request
        client = self._channel.connected()
        params, lines = request.params, b""
        if not self._handshake:
            if not self._protocol:
                opened = await self._in_time(self._channel.own())
                self._protocol, self.session = opened.protocol, opened.session
            if self._protocol == wire.STATELESS:
                params = wire.with_stateless_meta(params, request.capabilities)
                lines = self._channel.stateless_headers(request)
            else:
                lines = self._channel.headers(self._protocol, self.session)
            if request.traceparent:
                lines += b"Traceparent: %b\r\n" % wire.header_value(request.traceparent).encode("ascii")
        body = wire.encode_request(self._number, request.method, params)
        sending = self._sending = HttpRequest(self._channel.head(b"POST", lines, len(body)), body, self._permitted)
        connection = client.kept()
        if connection is None:
            connection = await self._in_time(client.connection())
        if self._cancelled:
            client.left(connection)
            raise wire.fault("not_sent")
        response = self._response = connection.ask(sending)
        response.until(self._deadline)
        await response.head()
        self._channel.note(response.status, self.session)
        if self._handshake:
            self.session = response.text(b"mcp-session-id")
        return await self._first(response)

    async def _in_time(self, wait: Awaitable[T]) -> T:
        """For waits beside a response, which has the deadline itself."""
        try:
            async with asyncio.timeout_at(self._deadline) as self._timeout:
                return await wait
        finally:
            self._timeout = None

    async def _first(self, response: HttpResponse) -> Message:
        kind = _content_type(response)
        if response.status != 200:
            return await self._refusal(response, kind)
        if response.fields.get(b"content-encoding", b"identity") != b"identity":
            raise wire.unknown("it came compressed, which was not asked for")
        if kind == JSON:
            return self._answer_in(await self._read(response, self._channel.budget.most))
        if kind == EVENTS:
            self._phase = Phase.STREAM
            self._stream = Stream(self._channel.budget.most)
            self._channel.streaming[self.session, self._number] = self
            return await self._next_in_stream()
        raise wire.unknown("it is neither JSON nor a stream of events")

    def _answer_in(self, raw: bytes) -> Message:
        """The one response this request may have."""
        message = wire.parsed(raw)
        if message is None or not message.is_response or message.id != self._number:
            raise wire.unknown("it is not the answer to this request")
        return message

    async def _refusal(self, response: HttpResponse, kind: str) -> Message:
        """Any status but 200. A JSON-RPC error in its body is the answer, whatever the status."""
        status = response.status
        if 300 <= status < 400:
            raise wire.fault("redirect")
        if status == 404 and self.session:
            # Handshake eras: the one meaning of 404 with a session, whatever the body says.
            raise wire.fault("session_gone")
        if kind == JSON and status >= 400:
            message = wire.parsed(await self._read(response, MAX_ERROR_BODY))
            if message is not None and message.error and not message.method:
                if message.id == self._number:
                    return message
                if message.id is None and status < 500:
                    return msgspec.structs.replace(message, id=self._number)
        if status >= 500 or status < 300:
            # A gateway in between answers 502 or 504 when the server may have done the work.
            raise wire.unknown(f"the server answered with status {status}")
        raise wire.fault(_STATUS.get(status, "rejected"))

    async def _read(self, response: HttpResponse, limit: int) -> bytes:
        length = response.length
        if length is not None:
            self._reserve(length, limit)
            return await response.body()
        parts: list[bytes] = []
        size = 0
        while chunk := await response.chunk():
            size += len(chunk)
            self._reserve(size, limit)
            parts.append(chunk)
        return b"".join(parts)

    def _reserve(self, size: int, limit: int) -> None:
        if size > limit:
            raise wire.fault("too_large")
        if size > SMALL and size > self._taken:
            more = size - self._taken
            if not self._channel.budget.take(more):
                raise wire.fault("too_large")
            self._taken += more

    async def _next_in_stream(self) -> Message:
        stream = self._stream
        assert stream is not None
        if stream.ended:
            stream.ended = False
            await self._resume(stream, None)
        while True:
            while stream.ready:
                message = self._relevant(stream.ready.popleft())
                if message is not None:
                    return message
            try:
                await self._more_events(stream)
            except SseTooLarge:
                raise wire.fault("too_large") from None
            if stream.ended:
                return STREAM_ENDED

    async def _more_events(self, stream: Stream) -> None:
        """Read until there are events, or the stream was taken up again."""
        response = self._response
        if stream.more():
            await asyncio.sleep(0)  # others first: a server decides how much there is to read
            return
        try:
            chunk = await response.chunk() if response is not None else b""
        except HttpFault as fault:
            await self._resume(stream, fault)
            return
        if not chunk:
            self._check_resumable(stream, None)
            stream.ended = True
            return
        stream.feed(chunk)
        self._reserve(stream.parser.held, self._channel.budget.most)

    def _relevant(self, event: SseEvent) -> Message | None:
        """A message of this exchange; None for what is dropped."""
        if not event.data:
            return None
        message = wire.parsed(event.data)
        if message is None or (message.is_response and message.id != self._number):
            self._channel.dropped += 1
            return None
        if message.method.endswith("/list_changed"):
            self._channel.list_changed()
        return message

    def _check_resumable(self, stream: Stream, fault: Exception | None) -> str:
        """Id of the last event."""
        last = stream.parser.last_id
        resumable = last and last.isascii() and last.isprintable() and self._protocol in wire.HANDSHAKE
        if not resumable or self._cancelled or stream.resumes >= MAX_RESUMES:
            raise wire.unknown("its stream ended early") from fault
        return last

    async def _resume(self, stream: Stream, fault: Exception | None) -> None:
        """Take up a stream that ended without the answer (2025-11-25, transports, "Resumability")."""
        last = self._check_resumable(stream, fault)
        stream.resumes += 1
        if self._response is not None:
            self._response.release()
            self._response = None
        response = self._response = await self._in_time(self._after(stream.parser.retry_ms / 1000, last))
        response.until(self._deadline)
        if response.status != 200 or _content_type(response) != EVENTS:
            raise wire.unknown("its stream ended early and could not be taken up again")
        stream.parser = stream.parser.renewed()

    async def _after(self, wait: float, last: str) -> HttpResponse:
        """What comes when the stream is asked for again, from its event ``last`` on."""
        await asyncio.sleep(min(max(wait, MIN_RETRY_SECONDS), MAX_RETRY_SECONDS))
        try:
            client = self._channel.connected()
            lines = self._channel.headers(self._protocol, self.session) + b"Last-Event-Id: %b\r\n" % last.encode()
        except UpstreamError as gone:  # "nothing was sent": true of this request alone
            raise wire.unknown("its stream ended early and could not be taken up again") from gone
        return await client.send(HttpRequest(self._channel.head(b"GET", lines)))

    # From another task.

    def came(self, answer: Message) -> None:
        """The answer to this request, by the standing stream of its own session: as good as by this stream."""
        if self._phase is Phase.STREAM and self._elsewhere is None:
            self._elsewhere = answer
            if self._response is not None:
                self._response.until(asyncio.get_running_loop().time())
            elif self._timeout is not None:
                self._timeout.reschedule(asyncio.get_running_loop().time())

    async def answer(self, message: bytes) -> None:
        if self._phase is not Phase.STREAM or self._protocol == wire.STATELESS:
            raise wire.fault("closed")
        await self._channel.tell(message, self._protocol, self.session)

    async def cancel(self) -> None:
        if self._phase is Phase.DONE or self._cancelled:
            return
        self._cancelled = True
        now = asyncio.get_running_loop().time()
        told = self._sent and self._protocol in wire.HANDSHAKE
        # In 2026-07-28 the end of the stream is the cancel: nothing can be waited for.
        self._deadline = min(self._deadline, now + CANCEL_SECONDS if told else now)
        if self._timeout is not None:
            self._timeout.reschedule(self._deadline)
        if self._response is not None and not self._response.closed:
            self._response.until(self._deadline)
        if told:
            await self._tell_cancelled()

    async def _tell_cancelled(self) -> None:
        try:
            await self._channel.tell(wire.encode_cancelled(self._number), self._protocol, self.session)
        except UpstreamError:
            # A server that cannot be told goes on; the outcome stays unknown either way.
            return


_STATUS = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "rate_limited"}


def _content_type(response: HttpResponse) -> str:
    return response.text(b"content-type").partition(";")[0].strip().lower()
