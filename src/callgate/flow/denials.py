"""Repeated denials of one credential are counted beyond a limit instead of filling the ledger one by one.

Every call is still judged: an allowed one is never refused because others were.
"""

from callgate.flow.tenancy import Tenancy
from callgate.model.errors import StoreError
from callgate.model.event import DenialsCounted
from callgate.model.store import Unit

WINDOW_MS = 60_000
PER_WINDOW = 60


class DenialLimit:
    """In memory, per credential and window; flushed as one event per credential when a window is over."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._window = 0
        self._recorded: dict[str, int] = {}
        self._beyond: dict[str, int] = {}

    def count(self, credential: str) -> None:
        self._roll()
        self._recorded[credential] = self._recorded.get(credential, 0) + 1

    def over(self, credential: str) -> bool:
        self._roll()
        return self._recorded.get(credential, 0) >= PER_WINDOW

    def beyond(self, credential: str) -> None:
        self._beyond[credential] = self._beyond.get(credential, 0) + 1

    async def flush(self) -> None:
        """Write what was counted. Called by the minute loop and at the end."""
        counted, self._beyond = self._beyond, {}
        if not counted:
            return
        now = self._tenancy.clock.now_ms()
        events = tuple(
            self._tenancy.event(DenialsCounted(credential=credential, count=count, from_ms=now - WINDOW_MS, to_ms=now))
            for credential, count in counted.items()
        )
        try:
            await self._tenancy.write(Unit(events=events))
        except StoreError:
            for credential, count in counted.items():
                self._beyond[credential] = self._beyond.get(credential, 0) + count
            raise

    def _roll(self) -> None:
        window = self._tenancy.clock.now_ms() // WINDOW_MS
        if window != self._window:
            self._window = window
            self._recorded = {}
