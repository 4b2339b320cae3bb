"""A standing stream of a server over HTTP: the GET stream of a session (2025-11-25, streamable HTTP, "Listening for
Messages from the Server"), or ``subscriptions/listen`` (2026-07-28).
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from callgate.adapters.upstream import wire
from callgate.adapters.upstream.http_client import HttpClient
from callgate.adapters.upstream.http_connection import HttpRequest, HttpResponse
from callgate.adapters.upstream.http_exchange import HttpExchange
from callgate.adapters.upstream.portions import pieces
from callgate.adapters.upstream.sse import SseParser, SseTooLarge
from callgate.adapters.upstream.waiting import WaitingMessages
from callgate.core.message import Message
from callgate.flow.ports import Outbound, Wish
from callgate.model.errors import UpstreamError

MAX_EVENT = 1 << 20
"""Bytes of one notification."""
HEAD_SECONDS = 15.0
PAUSE_S = 0.01
"""After each piece of what came, and for each PORTION of it: nothing a server says here is urgent, and it may talk
without end.
"""
PORTION = 1 << 16
LISTEN = "subscriptions/listen"
LIST_CHANGED = frozenset(f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources"))
_LISTS = {"tools": "toolsListChanged", "prompts": "promptsListChanged", "resources": "resourcesListChanged"}
_ACCEPT = b"Accept: text/event-stream\r\n"


class StandingChannel(Protocol):
    """What a standing stream needs of its upstream."""

    dropped: int
    streaming: dict[tuple[str, int], HttpExchange]

    def connected(self) -> HttpClient: ...
    def head(self, method: bytes, lines: bytes, length: int = 0) -> bytes: ...
    def headers(self, protocol: str, session: str) -> bytes: ...
    def stateless_headers(self, request: Outbound) -> bytes: ...
    async def tell(self, body: bytes, protocol: str, session: str) -> None: ...
    def list_changed(self) -> None: ...


class HttpListening:
    """Iterate it in one task; it ends when the server ends it or the connection breaks. Nothing is taken up again:
    what it announces is looked up anew.
    """

    def __init__(self, channel: StandingChannel, wish: Wish, number: int) -> None:
        self._channel = channel
        self._wish = wish
        self._number = number
        self._response: HttpResponse | None = None

    async def open(self) -> None:
        """UpstreamError ``not_found``: the server has no such stream; ``session_gone``: or no such session."""
        client = self._channel.connected()
        try:
            response = await client.send(self._request(), standing=True)
        except OSError as fault:
            raise wire.fault("not_sent") from fault
        kind = response.text(b"content-type").partition(";")[0].strip().lower()
        if response.status != 200 or kind != "text/event-stream":
            response.close()
            if response.status == 404 and self._wish.session:
                raise wire.fault("session_gone")
            raise wire.fault(_FAULTS.get(response.status, "not_found" if response.status < 500 else "not_sent"))
        self._response = response

    def _request(self) -> HttpRequest:
        wish = self._wish
        if wish.protocol != wire.STATELESS:
            lines = self._channel.headers(wish.protocol, wish.session)
            return HttpRequest(self._channel.head(b"GET", lines))
        wanted: dict[str, object] = {_LISTS[kind]: True for kind in wish.lists}
        if wish.uris:
            wanted["resourceSubscriptions"] = wish.uris
        params = wire.with_stateless_meta(msgspec.json.encode({"notifications": wanted}))
        body = wire.encode_request(self._number, LISTEN, params)
        lines = self._channel.stateless_headers(Outbound(method=LISTEN, params=params, protocol=wire.STATELESS))
        return HttpRequest(self._channel.head(b"POST", lines, len(body)), body)

    async def __aiter__(self) -> AsyncIterator[Message]:
        parser = SseParser(MAX_EVENT)
        try:
            while self._response is not None and (chunk := await self._response.chunk()):
                for piece in pieces(chunk):
                    for event in parser.feed(piece):
                        message = self._parsed(event.data)
                        if message is not None and message.is_response:
                            return
                        if message is not None:
                            yield self._told(message)
                    await asyncio.sleep(PAUSE_S * (1 + len(piece) // PORTION))
        except (OSError, SseTooLarge):
            return
        finally:
            await self.close()

    def _told(self, message: Message) -> Message:
        if message.method in LIST_CHANGED:
            self._channel.list_changed()
        return message

    def _parsed(self, data: bytes) -> Message | None:
        """None: nothing for who listens. A response is the end of this stream (2026-07-28), the answer to an open
        request of the same session, which takes it, or dropped.
        """
        if not data:
            return None
        message = wire.parsed(data)
        if message is None:
            self._channel.dropped += 1
            return None
        if not message.is_response or (self._wish.protocol == wire.STATELESS and message.id == self._number):
            return message
        waiting = None
        if self._wish.protocol != wire.STATELESS and isinstance(message.id, int):
            waiting = self._channel.streaming.get((self._wish.session, message.id))
        if waiting is None:
            self._channel.dropped += 1
        else:
            waiting.came(message)
        return None

    async def refuse(self, message: Message) -> None:
        """Tell the server that nobody answers this request; quiet when it cannot be told."""
        member = b'"result":{}' if message.method == "ping" else _REFUSED
        body = b'{"jsonrpc":"2.0","id":%b,%b}' % (msgspec.json.encode(message.id), member)
        if self._wish.protocol != wire.STATELESS:
            try:
                await self._channel.tell(body, self._wish.protocol, self._wish.session)
            except UpstreamError:
                return

    async def close(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()


_REFUSED = b'"error":{"code":-32601,"message":"This gate passes requests on only inside a call."}'
_FAULTS = {401: "unauthorized", 403: "forbidden", 429: "rate_limited"}


class StdioListening:
    """What a shared child announces, for one listener. The oldest go first when it does not take them."""

    def __init__(self, all_of_them: dict["StdioListening", None]) -> None:
        """It leaves ``all_of_them`` when it is closed."""
        self._all = all_of_them
        self._queue = WaitingMessages()
        self._came = asyncio.Event()
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[Message]:
        while not self._closed:
            if self._queue:
                yield self._queue.take()
                continue
            self._came.clear()
            await self._came.wait()

    def put(self, message: Message) -> None:
        self._queue.put(message)
        self._came.set()

    async def refuse(self, message: Message) -> None:
        """Requests of a child are answered where they come in."""

    async def close(self) -> None:
        self._closed = True
        self._came.set()
        self._all.pop(self, None)
