"""Runs a gate: builds everything, serves, drains and closes."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import uvloop

from callgate import __version__
from callgate.adapters.home.place import VARIABLE, Home, check, locate
from callgate.adapters.http.api import build_api
from callgate.adapters.http.peer import LocalApi
from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.keyring import Keyring
from callgate.adapters.identity.tokens import TokenVerifier, company_issuers, own_issuer, reserved_prefixes
from callgate.adapters.store.lock import HomeLock
from callgate.adapters.telemetry.log import WINDOW_S, configure, flush_repeats
from callgate.adapters.upstream.confine import harden_self
from callgate.app.banner import banner
from callgate.app.build import Built, build_tenant, issuer_of, socket_of
from callgate.app.desk import administration
from callgate.app.notify import Notifier
from callgate.app.operators import Operators
from callgate.app.reload import Reloader, Settings, with_port
from callgate.app.system import SystemClock, SystemEntropy, has_terminal, say, settle_descriptors
from callgate.app.web import WebServer, bind, bound_connections, web_server
from callgate.core.identity import Runtimes
from callgate.core.rounds import RoundSealer
from callgate.core.sessions import SessionSealer
from callgate.flow.connect import reconnect
from callgate.flow.drift import looked_at
from callgate.flow.gatehouse import Gatehouse
from callgate.flow.recover import recover, resume_holds, settle
from callgate.flow.rows import put
from callgate.model.config import Config
from callgate.model.errors import CallgateError, ConfigError, IntegrityError, StoreError
from callgate.model.event import GateStarted, GateStopped
from callgate.model.record import Setting
from callgate.model.store import Unit

DRAIN_S = 30.0
"""How long calls under way may go on after SIGTERM."""
STOP_S = 5.0
"""How long they take to end once they are not waited for any more."""
DRIFT_EVERY_S = 300
STARTED = "started"
"""Name of the setting that says that this log has seen a start."""
DRIFT_AT_MOST_EVERY_S = 2.0
_log = logging.getLogger("callgate.gate")


def serve(home: Path, *, host: str | None = None, port: int | None = None) -> int:
    """Run until SIGINT or SIGTERM. Returns the exit code: 0, or 2 when the gate cannot start (said on stderr)."""
    bound_connections(settle_descriptors())
    try:
        return uvloop.run(_serve(Home(home), host, port))
    except ConfigError as fault:
        print(f"callgate: {fault}" + (f" {fault.hint}" if fault.hint else ""), file=sys.stderr)
    except IntegrityError as fault:
        print(
            f"callgate: {fault.message.removesuffix('.')}. See what was changed with: callgate ledger verify",
            file=sys.stderr,
        )
    except CallgateError as fault:
        print(f"callgate: {fault.message}", file=sys.stderr)
    return 2


async def _serve(home: Home, host: str | None, port: int | None) -> int:
    check(home)
    settings = Settings(home, host, port)
    asked = settings.read()
    config = asked.config
    configure(config.log)
    harden_self()
    lock = HomeLock(home.lock)
    lock.acquire()
    try:
        link = bind(config.listen.host, config.listen.port)
        config = with_port(config, link.getsockname()[1])
        reloader = Reloader(settings, asked, config, same_host=same_host(config))
        gate = await RunningGate.build(home, config, reloader)
        try:
            return await gate.run(link)
        finally:
            await gate.close()
    finally:
        lock.release()


class RunningGate:
    """Everything that runs, and the order in which it stops."""

    def __init__(
        self,
        home: Home,
        config: Config,
        built: dict[str, Built],
        gatehouse: Gatehouse,
        verifier: TokenVerifier,
        issuers: dict[str, TokenIssuer],
        reloader: Reloader,
    ) -> None:
        self._home = home
        self._config = config
        self._built = built
        self._gatehouse = gatehouse
        self._verifier = verifier
        self._issuers = issuers
        self._reloader = reloader
        self._notifier = Notifier(os.environ.pop("NOTIFY_SOCKET", ""))
        self._operators = Operators(home, config, [one.house for one in built.values()], gatehouse)
        self._admins = {
            tenant: administration(
                home,
                config,
                one,
                issuers[tenant],
                same_host=same_host(config),
                operations=reloader,
                metrics=self._operators.metrics.render if tenant == config.tenants[0] else None,
            )
            for tenant, one in built.items()
        }
        self._apis = [
            LocalApi(build_api(admin), socket_of(home, config, tenant)) for tenant, admin in self._admins.items()
        ]
        if config.local.peers:
            first = build_api(self._admins[config.tenants[0]])
            self._apis.append(LocalApi(first, Path(config.local.path), peers=frozenset(config.local.peers)))
        self._loops: list[asyncio.Task[None]] = []
        self._hurry = asyncio.Event()
        """Asked to stop a second time."""
        self._acts: set[asyncio.Task[None]] = set()
        """Reloads asked for by signal."""
        self._started: set[str] = set()
        """Tenants whose ledger says that the gate runs."""

    @classmethod
    async def build(cls, home: Home, config: Config, reloader: Reloader) -> "RunningGate":
        clock, entropy = SystemClock(), SystemEntropy()
        keys = Keyring.open(home.keys, config.tenants, entropy, create=False)
        built = {tenant: await build_tenant(home, config, keys, tenant) for tenant in config.tenants}
        issuers = {
            tenant: TokenIssuer(
                issuer_of(config, tenant), config.resource, keys.issuer, entropy, previous=keys.issuer_previous
            )
            for tenant in config.tenants
        }
        own = [
            own_issuer(one.issuer, tenant, config.resource, one.keys, reserved_prefixes(config, tenant))
            for tenant, one in issuers.items()
        ]
        verifier = TokenVerifier((*own, *company_issuers(config, home.root)), _runtimes_of(built), clock)
        gatehouse = Gatehouse(
            {tenant: one.house for tenant, one in built.items()},
            verifier,
            SessionSealer(keys.session),
            clock,
            entropy,
            same_host=same_host(config),
            rounds=RoundSealer(keys.session),
            calls=config.limits.calls,
        )
        return cls(home, config, built, gatehouse, verifier, issuers, reloader)

    async def run(self, link: socket.socket) -> int:
        self._operators.bind()
        self._operators.trace()
        for built in self._built.values():
            await self._start(built)
        server = web_server(
            self._config, self._gatehouse, self._issuers, self._operators.readiness, same_host=same_host(self._config)
        )
        self._operators.settle(server)
        loop = asyncio.get_running_loop()
        self._reloader.settle(server, self._gatehouse, tuple(self._built.values()))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, server)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # With a terminal it says that the terminal is gone; without one it is an operator's.
            act = partial(self._stop, server) if has_terminal() else self._reload
            loop.add_signal_handler(signal.SIGHUP, act)
        for api in self._apis:
            await api.start()
        # Loops of their own, so that a tenant whose store fails stops nothing of another.
        for tenant, built in self._built.items():
            self._every("tick", 1.0, partial(self._tick, tenant))
            self._every("minute", 60.0, built.house.runner.flush)
            built.house.tenancy.changed.append(partial(_attend, built))
            self._every("drift", DRIFT_EVERY_S, partial(_drift, built), at_once=True)
            self._every("changed", DRIFT_AT_MOST_EVERY_S, partial(_changed, built))
        self._every("keys", 1.0, self._verifier.run, at_once=True)
        self._every("log", WINDOW_S, _count_repeats)
        await self._operators.start()
        _settle_memory()
        say(self._banner())
        self._notifier.say("READY=1")
        await server.serve(sockets=[link])
        return 0

    async def close(self) -> None:
        """Let what runs end, then say so in the ledger and close the stores."""
        self._gatehouse.closing = True
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for api in self._apis:
            await api.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._idle()
        for built in self._built.values():
            house = built.house
            try:
                await house.runner.flush()
                if house.tenancy.tenant in self._started:
                    await house.tenancy.write(Unit(events=(house.tenancy.event(GateStopped(reason="asked to stop")),)))
            except (StoreError, IntegrityError) as fault:
                # A store that takes nothing any more keeps nothing else from closing.
                _log.error("stop_not_recorded", extra={"tenant": house.tenancy.tenant, "code": fault.code})
            await house.sessions.close()
            await built.house.listeners.close()
            await built.pool.close()
            await built.store.close()
        await self._operators.stop()

    def _banner(self) -> str:
        command = Path(sys.prefix) / "bin" / "callgate"
        usual = locate({name: value for name, value in os.environ.items() if name != VARIABLE})
        tenancy = self._built[self._config.tenants[0]].house.tenancy
        elsewhere = usual.root != self._home.root
        state = Path(os.environ.get("XDG_STATE_HOME", ""))
        helpers = (state if state.is_absolute() else Path.home() / ".local" / "state") / "callgate" / "helpers"
        return banner(
            self._home.root, self._config, tenancy, command=str(command), helpers=str(helpers), elsewhere=elsewhere
        )

    def _reload(self) -> None:
        async def attempt() -> None:
            try:
                said = await self._reloader.reload("signal")
                _log.info("config_reloaded", extra={"keys": ", ".join(said.keys), "listening": said.listening})
            except CallgateError as fault:
                problem = " ".join(part for part in (str(fault), fault.hint) if part)
                _log.error("config_not_reloaded", extra={"problem": problem})

        task = asyncio.create_task(attempt())
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    def _stop(self, server: WebServer) -> None:
        if self._gatehouse.closing:
            self._hurry.set()
            return
        self._gatehouse.closing = True
        self._notifier.say("STOPPING=1")
        self._loops.append(asyncio.create_task(self._drain(server)))

    async def _drain(self, server: WebServer) -> None:
        """The port stays open while calls end, so that whoever asks hears that the gate lives and is not ready. What has
        not ended in time is given up: its target is told, its outcome recorded, its caller answered.
        """
        for built in self._built.values():
            built.house.holds.stop()
        idle, hurry = asyncio.create_task(self._idle()), asyncio.create_task(self._hurried())
        await asyncio.wait((idle, hurry), timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
        for built in self._built.values():
            built.house.redeemer.stop()
        if not idle.done():
            await asyncio.gather(*(built.house.executor.stop() for built in self._built.values()))
            await asyncio.wait((idle,), timeout=STOP_S)
        for task in (idle, hurry):
            task.cancel()
        server.should_exit = True

    async def _hurried(self) -> None:
        await self._hurry.wait()

    async def _idle(self) -> None:
        """Until nothing is under way."""
        for built in self._built.values():
            await built.house.runner.drain()
            await built.house.redeemer.drain()

    async def _start(self, built: Built) -> None:
        tenancy = built.house.tenancy
        lost = await recover(tenancy)
        reconnect(tenancy)
        for name in tenancy.live.pins:
            tenancy.live.unsettle(name)
        bundle = tenancy.live.bundle
        assert bundle is not None
        first = STARTED not in tenancy.live.settings
        started = GateStarted(
            version=__version__,
            profile=bundle.profile.value,
            bundle=bundle.digest,
            same_host=same_host(self._config),
            first=first,
            recovered_unknown=lost,
            config=self._reloader.digest,
        )
        event = tenancy.event(started, same_host=same_host(self._config))
        mark = (put(STARTED, Setting(name=STARTED, value=__version__), expect=0),) if first else ()
        await tenancy.write(Unit(events=(event,), changes=mark))
        self._started.add(tenancy.tenant)
        await resume_holds(tenancy, built.house.holds, built.house.redeemer)

    def _every(self, what: str, seconds: float, act: Callable[[], Awaitable[None]], *, at_once: bool = False) -> None:
        async def loop() -> None:
            if not at_once:
                await asyncio.sleep(seconds)
            while True:
                try:
                    await act()
                except CallgateError as fault:
                    _log.warning("background_failed", extra={"what": what, "code": fault.code})
                except Exception as fault:  # noqa: BLE001 - a worker loop outlives what it stumbles over
                    _log.error("background_failed", extra={"what": what, "code": type(fault).__name__})
                await asyncio.sleep(seconds)

        self._loops.append(asyncio.create_task(loop()))

    async def _tick(self, tenant: str) -> None:
        house = self._built[tenant].house
        await settle(house.tenancy)
        await house.holds.expire()
        house.redeemer.sweep()
        house.sessions.sweep()
        await self._admins[tenant].close_overdue()


async def _count_repeats() -> None:
    flush_repeats(time.time())


async def _drift(built: Built) -> None:
    """A look that takes long goes on by itself: no server keeps others from being looked at."""
    for name in tuple(built.house.tenancy.live.integrations):
        await looked_at(built.house.tenancy, name)
    built.house.listeners.attend()


def _attend(built: Built, _name: str) -> None:
    built.house.listeners.attend()


async def _changed(built: Built) -> None:
    """A server said that its tools changed: look, at most once in a while."""
    name = await built.drift.get()
    await looked_at(built.house.tenancy, name)


def same_host(config: Config) -> bool:
    """Assistants may run as the gate's own user, unless people reach the socket as users of their own."""
    return not config.local.peers


def _runtimes_of(built: dict[str, Built]) -> Callable[[str], Runtimes]:
    made: dict[str, tuple[str, Runtimes]] = {}

    def runtimes(tenant: str) -> Runtimes:
        bundle = built[tenant].house.tenancy.live.bundle
        assert bundle is not None
        known = made.get(tenant)
        if known is None or known[0] != bundle.digest:
            known = made[tenant] = (bundle.digest, Runtimes(bundle.runtimes))
        return known[1]

    return runtimes


def _settle_memory() -> None:
    """What was built at start lives as long as the process: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
