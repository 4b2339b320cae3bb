"""An MCP server over streamable HTTP (MCP 2025-11-25 and 2026-07-28, basic/transports), through one pooled client."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

import callgate
from callgate.adapters.upstream import wire
from callgate.adapters.upstream.address import check_url
from callgate.adapters.upstream.budget import Budget
from callgate.adapters.upstream.credentials import credential_headers
from callgate.adapters.upstream.discovery import Probe, discover
from callgate.adapters.upstream.http_client import HttpClient, Origin
from callgate.adapters.upstream.http_connection import HttpRequest
from callgate.adapters.upstream.http_exchange import HttpExchange
from callgate.adapters.upstream.listening import HEAD_SECONDS, HttpListening
from callgate.flow.ports import Discovered, Opened, Outbound, Permitted, Wish, always
from callgate.model.errors import ConfigError, OutcomeUnknown, UpstreamError
from callgate.model.tool import Integration

SIDE_SECONDS = 2.0
"""For what is told to a server and not waited for: cancelled, session end."""
SPARE_CONNECTIONS = 8
"""Beside max_concurrency, for cancels and session ends."""
MAX_HEADER_SETS = 1024
OWN_DEADLINE_MS = 15_000

_FIXED = (
    b"Content-Type: application/json\r\n"
    b"Accept: application/json, text/event-stream\r\n"
    b"Accept-Encoding: identity\r\n"
    b"User-Agent: callgate/%b\r\n" % callgate.__version__.encode()
)
PARAMETER = "mcp-param-"


class HttpUpstream:
    """One integration over HTTP. Made without touching the network; the client is built on first use."""

    def __init__(
        self, integration: Integration, resolve: Callable[[str], str], log: logging.Logger, budget: Budget
    ) -> None:
        self.integration = integration
        self.budget = budget
        self.log = log
        self.on_changed: Callable[[], None] | None = None
        self.streaming: dict[tuple[str, int], HttpExchange] = {}
        """Exchanges that are answered by a stream, by session and number."""
        self.dropped = 0
        """Messages of the server that belonged to no request."""
        self._resolve = resolve
        self._numbers = itertools.count(1)
        self._client: HttpClient | None = None
        self._target = b""
        """Path and query of the one endpoint."""
        self._common = b""
        """Header lines of every request, the credential among them."""
        self._header_sets: dict[tuple[str, str], bytes] = {}
        self._own: Opened | None = None
        self._own_lock = asyncio.Lock()
        self._listened = False
        """A standing stream of the gate's own session was open once."""
        self._no_stream = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._stale = False
        self._reached = True
        self.active = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def state(self) -> str:
        if self._closed:
            return "down"
        return "ready" if self._reached else "backoff"

    @property
    def stderr_tail(self) -> bytes:
        return b""

    async def open(self, request: Outbound, permitted: Permitted = always) -> HttpExchange:
        return HttpExchange(self, request, next(self._numbers), permitted)

    async def initialize(self, params: bytes, protocol: str) -> Opened:
        """``protocol`` is what ``params`` asks for; the server's answer says what it will be."""
        request = Outbound(method="initialize", params=params, protocol=protocol, deadline_ms=OWN_DEADLINE_MS)
        exchange = HttpExchange(self, request, next(self._numbers), handshake=True)
        result = b""
        async for message in exchange:
            if message.error:
                raise wire.fault("initialize_failed")
            result = message.result
        version = wire.agreed_version(result)
        if wire.bad_session(exchange.session):
            raise wire.fault("initialize_failed")
        opened = Opened(session=exchange.session, protocol=version, result=result)
        await self.tell(wire.encode_notification("notifications/initialized", b""), version, exchange.session)
        return opened

    async def end(self, session: str) -> None:
        if not session or wire.bad_session(session) or self._closed:
            return
        try:
            async with asyncio.timeout(SIDE_SECONDS):
                client = self.connected()
                line = b"Mcp-Session-Id: %b\r\n" % session.encode("ascii")
                (await client.send(HttpRequest(self.head(b"DELETE", line)))).release()
        except (OSError, UpstreamError) as fault:
            self.log.debug("Ending a session of %s failed: %s", self.integration.name, type(fault).__name__)

    async def listen(self, wish: Wish) -> HttpListening:
        """Without a protocol in ``wish``: of the gate's own session, which is begun anew when the server lost it."""
        if wish.protocol:
            return await self._standing(wish)
        stream = await self._own_standing(wish)
        if self._listened:
            # Nothing is said again of what changed since the last one ended.
            self.list_changed()
        self._listened = True
        return stream

    async def _own_standing(self, wish: Wish) -> HttpListening:
        while not self._no_stream:
            known, opened = self._own, await self.own()
            try:
                return await self._standing(
                    msgspec.structs.replace(wish, session=opened.session, protocol=opened.protocol)
                )
            except UpstreamError as fault:
                if fault.code != "session_gone":
                    raise
            # Unknown right after it was begun: it is the address that is not known.
            self._no_stream = opened is not known
            if not self._no_stream:
                self.note(404, opened.session)
        raise wire.fault("not_found")

    async def _standing(self, wish: Wish) -> HttpListening:
        stream = HttpListening(self, wish, next(self._numbers))
        async with asyncio.timeout(HEAD_SECONDS):
            await stream.open()
        return stream

    def list_changed(self) -> None:
        """The server says that one of its lists changed, or may have been started anew."""
        if self.on_changed is not None:
            self.on_changed()

    async def discover(self) -> Discovered:
        return await discover(Probe(open=self.open, initialize=self.initialize, end=self.end))

    async def close(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            await self.end(own.session)
        self._closed = True
        for task in (tasks := list(self._tasks)):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def retire(self, grace_seconds: float) -> None:
        """Close as soon as nothing is under way, at the latest after ``grace_seconds``."""
        try:
            async with asyncio.timeout(grace_seconds):
                await self._idle.wait()
        except TimeoutError:
            pass
        await self.close()

    # What an exchange needs.

    def connected(self) -> HttpClient:
        """UpstreamError ``closed``, ``address_refused`` or ``credential``."""
        if self._closed:
            raise wire.fault("closed")
        if self._client is None:
            private = self.integration.allow_private
            try:
                check_url(self.integration.url, allow_private=private)
            except ConfigError as fault:
                raise wire.fault("address_refused") from fault
            origin, self._target = _origin(self.integration.url)
            self._common = b"Host: %b\r\n" % _host_field(origin) + _FIXED + self._credentials()
            limit = self.integration.max_concurrency + SPARE_CONNECTIONS
            self._client = HttpClient(origin, allow_private=private, limit=limit)
        elif self._stale:
            self._common = b"Host: %b\r\n" % _host_field(self._client.origin) + _FIXED + self._credentials()
        self._stale = False
        return self._client

    def _credentials(self) -> bytes:
        try:
            found = credential_headers(self.integration.headers, self._resolve)
        except ConfigError as fault:
            raise UpstreamError(
                f"{wire.SENTENCES['credential']} {fault}", code="credential", hint=fault.hint
            ) from fault
        return "".join(f"{name}: {value}\r\n" for name, value in found.items()).encode("ascii")

    def head(self, method: bytes, lines: bytes, length: int = 0) -> bytes:
        """A request's head. ``lines``: header lines beside the common ones, each with its line end."""
        return b"%b %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n" % (
            method,
            self._target,
            self._common,
            lines,
            length,
        )

    def headers(self, protocol: str, session: str) -> bytes:
        """Header lines of one session, built once. UpstreamError for a forged session."""
        found = self._header_sets.get((protocol, session))
        if found is not None:
            return found
        if wire.bad_session(session) or (protocol != wire.STATELESS and protocol not in wire.HANDSHAKE):
            raise wire.fault("not_sent")
        found = b"Mcp-Protocol-Version: %b\r\n" % protocol.encode("ascii")
        if session:
            found += b"Mcp-Session-Id: %b\r\n" % session.encode("ascii")
        if len(self._header_sets) >= MAX_HEADER_SETS:
            self._header_sets.clear()
        self._header_sets[protocol, session] = found
        return found

    def stateless_headers(self, request: Outbound) -> bytes:
        """Routing headers of 2026-07-28, from the judged request only."""
        lines = [f"Mcp-Method: {wire.header_value(request.method)}\r\n"]
        if request.name:
            lines.append(f"Mcp-Name: {wire.header_value(request.name)}\r\n")
        for header, value in request.parameters:
            # Anything else could overwrite a credential or a routing header.
            if not header.lower().startswith(PARAMETER) or not wire.is_token(header):
                raise wire.fault("not_sent")
            lines.append(f"{header}: {wire.header_value(value)}\r\n")
        return self.headers(wire.STATELESS, "") + "".join(lines).encode("ascii")

    async def own(self) -> Opened:
        """The gate's own session, for requests that belong to no client. UpstreamError, nothing of the request sent."""
        async with self._own_lock:
            if self._own is None:
                try:
                    self._own = await self.initialize(wire.INITIALIZE, wire.HANDSHAKE[0])
                except OutcomeUnknown as fault:
                    raise wire.fault("not_sent") from fault
                except UpstreamError as fault:
                    if fault.code not in ("initialize_failed", "rejected", "not_found"):
                        raise wire.fault("not_sent") from fault
                    self._own = Opened(session="", protocol=wire.STATELESS, result=b"{}")
            return self._own

    def note(self, status: int, session: str) -> None:
        """Learn from a status that concerns more than one request."""
        self._reached = True
        if status == 404:
            if session:
                # The server forgot it: it may have been started anew.
                self.list_changed()
            if self._own is not None and session == self._own.session:
                self._own = None
        elif status == 401:
            # A credential kept in a file may have been renewed: read it again for the next request.
            self._stale = True

    def unreached(self) -> None:
        if self._reached:
            self.list_changed()
        self._reached = False

    def entered(self) -> None:
        self.active += 1
        self._idle.clear()

    def left(self) -> None:
        self.active -= 1
        if not self.active:
            self._idle.set()

    async def tell(self, body: bytes, protocol: str, session: str) -> None:
        """POST a notification or a response; at most 2 s. UpstreamError when the server did not take it."""
        try:
            async with asyncio.timeout(SIDE_SECONDS):
                client = self.connected()
                head = self.head(b"POST", self.headers(protocol, session), len(body))
                response = await client.send(HttpRequest(head, body))
                response.release()
        except OSError as fault:
            raise wire.fault("not_sent") from fault
        if response.status >= 300:
            raise wire.fault("rejected")

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _origin(url: str) -> tuple[Origin, bytes]:
    """(where, path and query as they stand in a request line)."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    host = (parts.hostname or "").encode("idna").decode("ascii")
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/?%:@!$&'()*+,;=~")
    return Origin(host, parts.port or (443 if tls else 80), tls), target.encode("ascii")


def _host_field(origin: Origin) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return (host if origin.port == (443 if origin.tls else 80) else f"{host}:{origin.port}").encode("ascii")
