"""Whether the gate can do its work now: each thing it needs, by name, and what to do when it is missing."""

import asyncio
from collections.abc import Callable, Sequence

from callgate.flow.ports import Clock
from callgate.flow.rows import put
from callgate.flow.tenancy import Tenancy
from callgate.flow.views.gate import CheckView
from callgate.model.errors import IntegrityError, StoreError
from callgate.model.record import Setting
from callgate.model.store import Unit

LOOK_EVERY_US = 1_000_000
PROBE_S = 2.0
STALLED_US = 5_000_000
"""A batch that takes longer than this is not coming back soon."""
LOW_BYTES = 16 << 20
PROBE = "probe"
"""Name of the setting that is written to see whether the store takes anything again."""


class Readiness:
    """Looks at most once a second, whoever asks how often. One tenant that cannot be served is a warning, all are a no."""

    def __init__(
        self,
        tenancies: Sequence[Tenancy],
        clock: Clock,
        *,
        closing: Callable[[], bool],
        keys: Callable[[], bool],
        free: Callable[[], int],
    ) -> None:
        """``keys``: all key files can be read; ``free``: bytes left where the ledger grows."""
        self._tenancies = tenancies
        self._clock = clock
        self._closing = closing
        self._keys = keys
        self._free = free
        self._looked_us = -LOOK_EVERY_US
        self._found: tuple[CheckView, ...] = ()
        self._turn = asyncio.Lock()

    async def look(self) -> tuple[CheckView, ...]:
        """Checks ``draining``, ``ledger``, ``store``, ``disk``, ``policy``, ``keys``. No text names a person or a path."""
        async with self._turn:
            if self._clock.monotonic_us() - self._looked_us >= LOOK_EVERY_US:
                self._found = (await self._store(), *self._memory())
                self._looked_us = self._clock.monotonic_us()
        return (self._draining(), *self._found)

    def _draining(self) -> CheckView:
        if self._closing():
            return _check("draining", "fail", "The gate is stopping and takes no new calls.", "Send calls elsewhere.")
        return _check("draining", "ok", "The gate takes calls.")

    async def _store(self) -> CheckView:
        states = [await self._writable(tenancy) for tenancy in self._tenancies]
        return self._folded(
            "store",
            states,
            "What is written becomes durable.",
            "The store takes nothing, so no call is executed.",
            "Look at disk and permissions of the home's data folder: callgate doctor",
        )

    async def _writable(self, tenancy: Tenancy) -> bool:
        try:
            if tenancy.store.figures().busy_us > STALLED_US:
                return False
            if not tenancy.observer.store_fault:
                return True
            # Something failed and nothing was written since: only a write can tell.
            async with asyncio.timeout(PROBE_S):
                await tenancy.store.commit(Unit(changes=(put(PROBE, Setting(name=PROBE, value=""), expect=None),)))
        except (StoreError, IntegrityError, TimeoutError):
            return False
        tenancy.observer.store_fault = ""
        return True

    def _memory(self) -> tuple[CheckView, ...]:
        ledgers = [not _broken(tenancy) for tenancy in self._tenancies]
        bundles = [tenancy.live.bundle is not None and tenancy.live.rules is not None for tenancy in self._tenancies]
        room = self._free() >= LOW_BYTES
        keys = self._keys()
        return (
            self._folded(
                "ledger",
                ledgers,
                "The ledger agrees with itself.",
                "The ledger does not verify, so nothing is written and no call is executed.",
                "See what was changed: callgate ledger verify",
            ),
            _check("disk", "ok", "There is room where the ledger grows.")
            if room
            else _check("disk", "fail", "The disk where the ledger grows is full.", "Make room."),
            self._folded(
                "policy", bundles, "A policy bundle is live.", "No policy bundle is live.", "callgate policy status"
            ),
            _check("keys", "ok", "The gate's keys can be read.")
            if keys
            else _check(
                "keys",
                "fail",
                "A key file is missing or cannot be read; the gate would not start again.",
                "Put the keys back from a backup: callgate doctor",
            ),
        )

    def _folded(self, name: str, good: Sequence[bool], fine: str, bad: str, todo: str) -> CheckView:
        failing = good.count(False)
        if not failing:
            return _check(name, "ok", fine)
        if failing == len(good):
            return _check(name, "fail", bad, todo)
        return _check(name, "warn", f"{failing} of {len(good)} tenants: {bad}", todo)


def ready(checks: Sequence[CheckView]) -> bool:
    return all(check.state != "fail" for check in checks)


def _broken(tenancy: Tenancy) -> bool:
    try:
        return bool(tenancy.store.figures().broken)
    except StoreError:
        return False


def _check(code: str, state: str, text: str, todo: str = "") -> CheckView:
    return CheckView(code=code, state=state, text=text, todo=todo)
