"""What operators and their machines ask over HTTP: /livez, /readyz and, on a listener of its own, /metrics.

Without a token, so nothing here says who did what; the Host header is checked (DNS rebinding).
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec

from callgate.adapters.telemetry.metrics import CONTENT_TYPE, MetricsText
from callgate.flow.readiness import Readiness, ready

Message = MutableMapping[str, Any]
LIVE = "/livez"
READY = "/readyz"
METRICS = "/metrics"
_JSON = b"application/json"
_ALIVE = b'{"status":"alive"}'
_NOT_FOUND = b'{"error":"not_found"}'
_METHOD = b'{"error":"method_not_allowed"}'
_HOST = b'{"error":"unknown_host"}'


class OperatorPages:
    """An ASGI application. ``metrics`` None: there is no such page here."""

    def __init__(self, readiness: Readiness, hosts: Iterable[str], metrics: MetricsText | None = None) -> None:
        """``hosts``: values of the Host header that are taken."""
        self._readiness = readiness
        self._metrics = metrics
        self._hosts = frozenset(host.lower().encode() for host in hosts)

    def admit(self, hosts: Iterable[str]) -> None:
        """Take these from now on."""
        self._hosts = frozenset(host.lower().encode() for host in hosts)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],  # noqa: ARG002 - ASGI's
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        status, body, kind = await self._page(scope)
        headers = [
            (b"content-type", kind),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _page(self, scope: MutableMapping[str, Any]) -> tuple[int, bytes, bytes]:
        named = [value.lower() for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1 or named[0] not in self._hosts:
            return 421, _HOST, _JSON
        path = scope["path"]
        if path not in (LIVE, READY) and (path != METRICS or self._metrics is None):
            return 404, _NOT_FOUND, _JSON
        if scope["method"] not in ("GET", "HEAD"):
            return 405, _METHOD, _JSON
        if path == METRICS and self._metrics is not None:
            return 200, await self._metrics.render(), CONTENT_TYPE
        return (200, _ALIVE, _JSON) if path == LIVE else await self._ready()

    async def _ready(self) -> tuple[int, bytes, bytes]:
        checks = await self._readiness.look()
        good = ready(checks)
        told = [
            {"name": one.code, "state": one.state, "text": one.text, **({"todo": one.todo} if one.todo else {})}
            for one in checks
        ]
        body = msgspec.json.encode({"status": "ready" if good else "not_ready", "checks": told})
        return (200 if good else 503), body, _JSON
