"""Changes the settings of a running gate: all of them, or none and the reason."""

import asyncio
import logging
import socket

import msgspec

from callgate.adapters.home.config import load_config
from callgate.adapters.home.place import Home
from callgate.adapters.telemetry.log import configure
from callgate.app.build import Built
from callgate.app.operators import report_calls
from callgate.app.web import WebServer, bind, front_config
from callgate.core.settings import changed_keys, check_live
from callgate.flow.gatehouse import Gatehouse
from callgate.flow.views.gate import ConfigView, ReloadView
from callgate.model.config import Config, LoadedConfig
from callgate.model.errors import ConfigError, IntegrityError, StoreError
from callgate.model.event import ConfigReloaded
from callgate.model.store import Unit

_log = logging.getLogger("callgate.gate")


class Settings:
    """Where the settings of one process come from: the file, and what the command line said instead."""

    def __init__(self, home: Home, host: str | None, port: int | None) -> None:
        self.file = home.config
        self._host = host
        self._port = port

    def read(self) -> LoadedConfig:
        """Raises ConfigError."""
        found = load_config(self.file)
        listen = found.config.listen
        if self._host is not None:
            listen = msgspec.structs.replace(listen, host=self._host)
        if self._port is not None:
            listen = msgspec.structs.replace(listen, port=self._port)
        return msgspec.structs.replace(found, config=msgspec.structs.replace(found.config, listen=listen))


def with_port(config: Config, port: int) -> Config:
    return msgspec.structs.replace(config, listen=msgspec.structs.replace(config.listen, port=port))


class Reloader:
    """Implements ``flow.desk.Operations``. ``settled`` before the first use."""

    def __init__(self, settings: Settings, asked: LoadedConfig, live: Config, *, same_host: bool) -> None:
        """``asked``: what was read at start; ``live``: the same with the port that was really taken."""
        self._settings = settings
        self._asked = asked
        self._live = live
        self._same_host = same_host
        self._turn = asyncio.Lock()
        self._server: WebServer | None = None
        self._gatehouse: Gatehouse | None = None
        self._built: tuple[Built, ...] = ()

    def settle(self, server: WebServer, gatehouse: Gatehouse, built: tuple[Built, ...]) -> None:
        """What changes hands when settings do. ``built``: the first is the tenant of the gate's own accounts."""
        self._server, self._gatehouse, self._built = server, gatehouse, built

    @property
    def digest(self) -> str:
        """SHA-256 of the file that is live, hex."""
        return self._asked.digest

    def config(self) -> ConfigView:
        digest = self._asked.digest
        try:
            found = self._settings.read()
        except ConfigError as fault:
            return ConfigView(digest=digest, state="unusable", problem=str(fault))
        if found.digest == digest:
            return ConfigView(digest=digest)
        keys = changed_keys(self._asked.config, found.config)
        try:
            self._judged(found)
        except ConfigError as fault:
            return ConfigView(digest=digest, state="differs", keys=keys, problem=f"{fault} {fault.hint}".strip())
        return ConfigView(digest=digest, state="differs", keys=keys)

    async def reload(self, by: str) -> ReloadView:
        """ConfigError, StoreError, IntegrityError: nothing was changed."""
        async with self._turn:
            found = self._settings.read()
            keys, config = self._judged(found)
            if not keys:
                self._asked = found
                return self._said(())
            link = self._bound(config) if config.listen != self._live.listen else None
            try:
                if link is not None:
                    config = with_port(config, link.getsockname()[1])
                await self._record(found, keys, by)
            except BaseException:
                if link is not None:
                    link.close()
                raise
            await self._change(found, config, link)
            return self._said(keys)

    def _judged(self, found: LoadedConfig) -> tuple[tuple[str, ...], Config]:
        """(changed keys, how it would run). A port that was left to the system stays the one it gave."""
        config = found.config
        if config.listen == self._asked.config.listen:
            config = msgspec.structs.replace(config, listen=self._live.listen)
        return check_live(self._live, config, str(self._settings.file)), config

    def _bound(self, config: Config) -> socket.socket:
        listen, live = config.listen, self._live.listen
        try:
            return bind(listen.host, listen.port)
        except ConfigError as fault:
            hint = "Nothing was changed."
            if listen.port == live.port:
                hint += f" The gate itself holds {live.host}:{live.port}: restart it, or choose another port too."
            raise ConfigError(fault.message, file=str(self._settings.file), key=fault.key, hint=hint) from fault

    async def _record(self, found: LoadedConfig, keys: tuple[str, ...], by: str) -> None:
        """In the ledger of the first tenant, or nothing changes; the others are told as far as they can be."""
        body = ConfigReloaded(before=self._asked.digest, after=found.digest, keys=keys, by=by)
        for place, built in enumerate(self._built):
            tenancy = built.house.tenancy
            try:
                await tenancy.write(Unit(events=(tenancy.event(body, same_host=self._same_host),)))
            except (StoreError, IntegrityError) as fault:
                if place == 0:
                    raise
                _log.error("reload_not_recorded", extra={"tenant": tenancy.tenant, "code": fault.code})

    async def _change(self, found: LoadedConfig, config: Config, link: socket.socket | None) -> None:
        assert self._server is not None
        assert self._gatehouse is not None
        self._asked, self._live = found, config
        configure(config.log)
        report_calls(config.log, [built.house.tenancy for built in self._built])
        self._gatehouse.limit(config.limits.calls)
        for built in self._built:
            built.pool.limit(config.limits.results_bytes, config.limits.result_bytes)
        front = front_config(config, same_host=self._same_host)
        self._server.front.configure(front)
        self._server.pages.admit(front.hosts)
        if link is not None:
            await self._server.move(link)

    def _said(self, keys: tuple[str, ...]) -> ReloadView:
        listen = self._live.listen
        return ReloadView(digest=self._asked.digest, keys=keys, listening=f"{listen.host}:{listen.port}")
