"""A scriptable upstream. Passes the behaviour suite of tests/ports/test_upstream.py beside the real ones."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from callgate.core.jsonrpc import parse_upstream
from callgate.core.message import Message
from callgate.flow.ports import Discovered, Opened, Outbound, Permitted, Wish, always
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.tool import Integration

CANCEL_WAIT = 2.0

Said = dict[str, Any] | bytes | Exception | None | list[dict[str, Any]]
"""What ``answer`` may return (or raise):

a dict: the ``result`` member · bytes: its raw JSON · a list: whole messages in order, where ``{"result": ...}`` or
``{"error": ...}`` gets the id of the request · an exception: raised while iterating · None: never answers, so the
deadline or a cancel ends it with OutcomeUnknown.
"""
Answer = Callable[[Outbound], Said | Awaitable[Said]]


def arguments_of(request: Outbound) -> dict[str, Any]:
    return dict(msgspec.json.decode(request.params).get("arguments", {}))


def tool_of(request: Outbound) -> str:
    return str(msgspec.json.decode(request.params).get("name", ""))


def echo(request: Outbound) -> Said:
    """Default answer: the arguments as text and as structured content."""
    found = arguments_of(request)
    text = msgspec.json.encode(found).decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": found, "isError": False}


class FakeExchange:
    def __init__(self, upstream: "FakeUpstream", request: Outbound, number: int, permitted: Permitted = always) -> None:
        self._upstream = upstream
        self._request = request
        self._number = number
        self._permitted = permitted
        self._cancelled = asyncio.Event()
        self.answers: list[bytes] = []

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Message]:
        if self._upstream.starting is not None:
            await self._upstream.starting.wait()
        if not self._permitted():
            self._upstream.sent.remove(self._request)
            raise UpstreamError("What permitted the call changed before it was sent.", code="stopped")
        said = await self._wait()
        if isinstance(said, Exception):
            raise said
        items = said if isinstance(said, list) else [{"result": msgspec.Raw(said) if isinstance(said, bytes) else said}]
        for item in items:
            envelope = {"jsonrpc": "2.0", **item}
            if "method" not in item:
                envelope.setdefault("id", self._number)
            message = parse_upstream(msgspec.json.encode(envelope))
            yield message
            if message.is_response:
                return
        raise OutcomeUnknown("The server's answer ended without a response.")

    async def _wait(self) -> Said:
        async def say() -> Said:
            said = self._upstream.answer(self._request)
            if inspect.isawaitable(said):
                said = await said
            if said is None:
                await asyncio.Event().wait()
            return said

        task = asyncio.ensure_future(say())
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait((task, stop), timeout=self._request.deadline_ms / 1000, return_when="FIRST_COMPLETED")
            if not task.done() and stop.done():
                await asyncio.wait((task,), timeout=CANCEL_WAIT)
            if not task.done():
                raise OutcomeUnknown("No answer was seen in time.")
            return task.result()
        finally:
            stop.cancel()
            task.cancel()

    async def answer(self, message: bytes) -> None:
        self.answers.append(message)

    async def cancel(self) -> None:
        self._upstream.cancelled.append(self._request)
        self._cancelled.set()


class FakeStanding:
    """A standing stream; ``say`` what the server says on it."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.refused: list[Message] = []
        self.closed = False
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue()

    def say(self, *messages: dict[str, Any] | None) -> None:
        """None ends it."""
        for message in messages:
            parsed = message and parse_upstream(msgspec.json.encode({"jsonrpc": "2.0", **message}))
            self._queue.put_nowait(parsed or None)

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self._queue.get()) is not None:
            yield message

    async def refuse(self, message: Message) -> None:
        self.refused.append(message)

    async def close(self) -> None:
        self.closed = True


class FakeUpstream:
    """``sent`` lists every request in order; ``answer`` may be replaced at any time; ``state`` may be set."""

    def __init__(
        self,
        tools: Sequence[dict[str, Any]] = (),
        answer: Answer = echo,
        *,
        integration: Integration | None = None,
        eras: tuple[str, ...] = ("2026-07-28", "2025-11-25", "2025-06-18"),
        instructions: str = "",
        server: tuple[str, str] = ("fake", "1"),
    ) -> None:
        self.integration = integration or Integration(name="fake", actor="local", url="http://127.0.0.1:1/mcp")
        self.tools = list(tools)
        self.answer = answer
        self.eras = eras
        self.instructions = instructions
        self.server = server
        self.state = "ready"
        self.offers: tuple[str, ...] = ("tools",)
        self.prompts: list[dict[str, Any]] = []
        self.templates: list[dict[str, Any]] = []
        self.stderr_tail = b""
        self.sent: list[Outbound] = []
        self.exchanges: list[FakeExchange] = []
        self.cancelled: list[Outbound] = []
        self.opened: list[tuple[bytes, str]] = []
        self.ended: list[str] = []
        self.standing: list[FakeStanding] = []
        """Standing streams that were opened."""
        self.no_stream: UpstreamError | None = UpstreamError("no stream", code="not_found")
        """Raised instead of opening one."""
        self.closed = False
        self.starting: asyncio.Event | None = None
        """Set it to an event to let requests wait before they are sent, as for a child that starts."""

    async def open(self, request: Outbound, permitted: Permitted = always) -> FakeExchange:
        if self.closed:
            raise UpstreamError("The integration is closed.", code="not_sent")
        self.sent.append(request)
        exchange = FakeExchange(self, request, len(self.sent), permitted)
        self.exchanges.append(exchange)
        return exchange

    async def initialize(self, params: bytes, protocol: str) -> Opened:
        self.opened.append((params, protocol))
        version = protocol if protocol in self.eras else self.eras[-1]
        result = {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": self.server[0], "version": self.server[1]},
            "instructions": self.instructions,
        }
        return Opened(session=f"session-{len(self.opened)}", protocol=version, result=msgspec.json.encode(result))

    async def end(self, session: str) -> None:
        self.ended.append(session)

    async def listen(self, wish: Wish) -> "FakeStanding":
        if self.no_stream is not None:
            raise self.no_stream
        made = FakeStanding(wish)
        self.standing.append(made)
        return made

    async def discover(self) -> Discovered:
        return Discovered(
            name=self.server[0],
            version=self.server[1],
            instructions=self.instructions,
            eras=self.eras,
            tools=tuple(msgspec.json.encode(tool) for tool in self.tools),
            offers=self.offers,
            offers_modern=self.offers,
            prompts=tuple(msgspec.json.encode(prompt) for prompt in self.prompts),
            templates=tuple(msgspec.json.encode(template) for template in self.templates),
        )

    async def close(self) -> None:
        self.closed = True


class FakeUpstreams:
    """By integration name; ``made`` may be filled before, else a plain FakeUpstream is made on first use."""

    def __init__(self, **made: FakeUpstream) -> None:
        self.made: dict[str, FakeUpstream] = dict(made)

    def of(self, integration: Integration) -> FakeUpstream:
        found = self.made.setdefault(integration.name, FakeUpstream(integration=integration))
        found.integration = integration
        return found

    async def drop(self, name: str) -> None:
        found = self.made.pop(name, None)
        if found is not None:
            await found.close()

    async def forget(self, name: str) -> None:
        await self.drop(name)

    async def close(self) -> None:
        for name in list(self.made):
            await self.drop(name)
