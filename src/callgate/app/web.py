"""The TCP side: one ASGI application for assistants, and its server."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator, Mapping

import uvicorn

from callgate.adapters.identity.issuer import JWKS_PATH, TokenIssuer
from callgate.adapters.mcp.app import McpFront
from callgate.adapters.mcp.config import FrontConfig
from callgate.adapters.mcp.http import Receive, Scope, Send
from callgate.adapters.mcp.protocol import GateProtocol
from callgate.adapters.telemetry.pages import LIVE, READY, OperatorPages
from callgate.flow.readiness import Readiness
from callgate.flow.serving import Serving
from callgate.model.config import Config
from callgate.model.errors import ConfigError

BACKLOG = 2048
KEEP_ALIVE_S = 75
KEPT_DESCRIPTORS = 512
"""For the store, the targets and the local API, whatever clients do."""
ANSWERS_S = 5
"""For the last answers to leave, once nothing is under way any more."""
_JSON = (b"content-type", b"application/json")


class WebApp:
    """Routes ``/mcp…`` and the protected-resource metadata to the front; the rest are two static documents."""

    def __init__(self, front: McpFront, pages: OperatorPages, base: str, issuers: Iterable[TokenIssuer]) -> None:
        self._pages = pages
        self.front = front
        self._documents: dict[str, bytes] = {}
        for issuer in issuers:
            # RFC 8414 section 3.1: the issuer's path follows the well-known part.
            path = issuer.issuer.removeprefix(base)
            self._documents[f"/.well-known/oauth-authorization-server{path}"] = issuer.metadata()
            self._documents[JWKS_PATH] = issuer.jwks()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        document = self._documents.get(scope.get("path", "")) if scope["type"] == "http" else None
        if document is None:
            if scope["type"] == "http" and scope["path"] in (LIVE, READY):
                await self._pages(scope, receive, send)
                return
            await self.front(scope, receive, send)
            return
        allowed = scope["method"] in ("GET", "HEAD")
        body = document if allowed else b'{"error":"method_not_allowed"}'
        headers = [_JSON, (b"content-length", str(len(body)).encode()), (b"cache-control", b"max-age=300")]
        await send({"type": "http.response.start", "status": 200 if allowed else 405, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def bound_connections(descriptors: int) -> None:
    """``descriptors``: as many may be open at once."""
    GateProtocol.CONNECTIONS, GateProtocol.STANDING = shares(descriptors)


def shares(descriptors: int) -> tuple[int, int]:
    """(connections of clients, standing streams of targets), so that some are left for everything else."""
    standing = min(GateProtocol.STANDING, descriptors // 8)
    left = max(descriptors - KEPT_DESCRIPTORS - standing, descriptors // 4)
    return min(GateProtocol.CONNECTIONS, left), standing


class QuietServer(uvicorn.Server):
    """uvicorn without signal handling of its own: the composition root has it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer(QuietServer):
    """The gate's own port. Can move to another address."""

    def __init__(self, config: uvicorn.Config, front: McpFront, pages: OperatorPages) -> None:
        super().__init__(config)
        self.front = front
        self.pages = pages

    async def move(self, link: socket.socket) -> None:
        """Take connections on ``link`` alone. Those of before end after the request that is under way."""

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = GateProtocol(
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        fresh = await asyncio.get_running_loop().create_server(protocol, sock=link, backlog=BACKLOG)
        former, self.servers = self.servers, [fresh]
        for server in former:
            server.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()


def front_config(config: Config, *, same_host: bool) -> FrontConfig:
    base = config.resource
    hosts = {base.split("://", 1)[1].split("/", 1)[0], *config.allowed_hosts}
    if config.listen.host in ("127.0.0.1", "::1", "localhost"):
        hosts |= {f"{name}:{config.listen.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    return FrontConfig(
        base=base,
        hosts=tuple(sorted(hosts)),
        origins=config.allowed_origins,
        authorization_servers=(base, *(one.issuer for one in config.issuers)),
        body_bytes=config.limits.body_bytes,
        header_bytes=config.limits.header_bytes,
        body_ms=config.limits.body_seconds * 1000,
        same_host=same_host,
        standing=GateProtocol.STANDING,
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, or ConfigError with what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    link = socket.socket(family, socket.SOCK_STREAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        link.bind((host, port))
        link.listen(BACKLOG)
    except OSError as fault:
        link.close()
        if fault.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"Something else listens on {host}:{port} already.",
                key="listen.port",
                hint="Stop it, or choose another port: callgate serve --port 8701, or make run PORT=8701",
            ) from fault
        raise ConfigError(f"Cannot listen on {host}:{port}: {fault.strerror}.", key="listen") from fault
    return link


def web_server(
    config: Config, serving: Serving, issuers: Mapping[str, TokenIssuer], readiness: Readiness, *, same_host: bool
) -> WebServer:
    settings_of_front = front_config(config, same_host=same_host)
    front = McpFront(serving, settings_of_front)
    pages = OperatorPages(readiness, settings_of_front.hosts)
    app = WebApp(front, pages, config.resource, issuers.values())
    settings = uvicorn.Config(
        app,
        http=GateProtocol,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=ANSWERS_S,
    )
    return WebServer(settings, front, pages)


def plain_http(app: OperatorPages) -> uvicorn.Config:
    """A listener for few, small requests."""
    return uvicorn.Config(
        app,
        http=GateProtocol,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
