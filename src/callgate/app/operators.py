"""What operators watch: health pages, metrics, one log line per call, traces; built once, settled when the gate serves."""

import asyncio
import importlib
import logging
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from callgate import __version__
from callgate.adapters.home.place import Home
from callgate.adapters.identity.keyring import Keyring
from callgate.adapters.telemetry.metrics import MetricsText, Sources
from callgate.adapters.telemetry.pages import OperatorPages
from callgate.adapters.telemetry.relay import RelayTracer
from callgate.app.system import SystemClock, SystemEntropy
from callgate.app.web import QuietServer, WebServer, bind, plain_http
from callgate.core.settings import host_and_port
from callgate.core.tally import Counts
from callgate.flow.gatehouse import Gatehouse
from callgate.flow.house import Rooms
from callgate.flow.ports import Tracer
from callgate.flow.readiness import Readiness
from callgate.flow.tenancy import Tenancy
from callgate.model.config import Config, Log
from callgate.model.errors import ConfigError

KEYS_EVERY_US = 5_000_000
_log = logging.getLogger("callgate.calls")


class Operators:
    """``settle`` when the port's server is made, ``start`` before it serves, ``stop`` at the very end: until then a
    listener of its own says that the gate lives and is not ready.
    """

    def __init__(self, home: Home, config: Config, houses: Sequence[Rooms], gatehouse: Gatehouse) -> None:
        self._config = config
        self._tenancies = tenancies = [house.tenancy for house in houses]
        self._server: WebServer | None = None
        self._listener: QuietServer | None = None
        self._link: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._provider: Any = None
        """OpenTelemetry's, when spans are made."""
        self.readiness = Readiness(
            tenancies,
            SystemClock(),
            closing=lambda: gatehouse.closing,
            keys=_readable_keys(home, config),
            free=lambda: shutil.disk_usage(home.data).free,
        )
        sources = Sources(__version__, houses, gatehouse, self._refused, self._open_now)
        self.metrics = MetricsText(sources)

    def settle(self, server: WebServer) -> None:
        self._server = server
        report_calls(self._config.log, self._tenancies)

    def bind(self) -> None:
        """ConfigError: the metrics' address cannot be taken."""
        if self._config.metrics.listen:
            host, port = host_and_port(self._config.metrics.listen)
            try:
                self._link = bind(host, port)
            except ConfigError as fault:
                raise ConfigError(fault.message, key="metrics.listen", hint="Choose another port.") from fault

    def trace(self) -> None:
        """ConfigError: spans are wanted and the extra is not installed."""
        config = self._config.telemetry
        tracer: Tracer | None = RelayTracer(frozenset(config.relay_to)) if config.relay_to else None
        if config.otlp_endpoint:
            try:
                tracing = importlib.import_module("callgate.adapters.telemetry.tracing")
            except ModuleNotFoundError as fault:
                raise ConfigError(
                    "Spans need a package that is not installed.",
                    key="telemetry.otlp_endpoint",
                    hint="pip install 'callgate[otel]'",
                ) from fault
            self._provider = tracing.provider_of(config, __version__)
            tracer = tracing.SpanTracer(self._provider, __version__)
        for tenancy in self._tenancies:
            tenancy.observer.tracer = tracer

    async def start(self) -> None:
        if self._link is None:
            return
        host, port = self._link.getsockname()[:2]
        pages = OperatorPages(self.readiness, _names(host, port), self.metrics)
        self._listener = QuietServer(plain_http(pages))
        self._task = asyncio.create_task(self._listener.serve(sockets=[self._link]))

    async def stop(self) -> None:
        if self._provider is not None:
            # What is left is sent, for as long as the exporter tries.
            await asyncio.to_thread(self._provider.shutdown)
        if self._listener is not None and self._task is not None:
            self._listener.should_exit = True
            await self._task
        elif self._link is not None:
            self._link.close()

    def _refused(self) -> Counts:
        return self._server.front.refused if self._server is not None else Counts()

    def _open_now(self) -> Mapping[str, int]:
        server = self._server
        if server is None:
            return {}
        return {
            "http_requests_in_flight": server.front.under_way,
            "http_streams_open": server.front.streaming,
            "http_connections_open": len(server.server_state.connections),
        }


def report_calls(config: Log, tenancies: Sequence[Tenancy]) -> None:
    """One line per call from now on, or none."""
    for tenancy in tenancies:
        tenancy.observer.report = _reported if config.calls else None


def _names(host: str, port: int) -> set[str]:
    shown = f"[{host}]" if ":" in host else host
    return {f"{name}:{port}" for name in (shown, "localhost", "127.0.0.1", "[::1]")}


def _readable_keys(home: Home, config: Config) -> Callable[[], bool]:
    """Whether a start would find the keys; looked at every 5 s."""
    clock, entropy = SystemClock(), SystemEntropy()
    seen = [-KEYS_EVERY_US, True]

    def readable() -> bool:
        if clock.monotonic_us() - seen[0] >= KEYS_EVERY_US:
            try:
                Keyring.open(home.keys, config.tenants, entropy, create=False)
                seen[1] = True
            except ConfigError:
                seen[1] = False
            seen[0] = clock.monotonic_us()
        return bool(seen[1])

    return readable


def _reported(fields: dict[str, object]) -> None:
    _log.info("call", extra=fields)
