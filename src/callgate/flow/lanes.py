"""Calls at once: at most as many as a manifest says, per tool or integration, first come first served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callgate.flow.ports import Clock
from callgate.model.call import Call
from callgate.model.errors import UpstreamError


class Lanes:
    """One lane per (integration, tool) or integration that has a limit; a limit that changed makes a new lane."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lanes: dict[tuple[str, str, int], asyncio.Semaphore] = {}

    @asynccontextmanager
    async def lent(self, call: Call, limits: tuple[tuple[str, int], ...]) -> AsyncIterator[None]:
        """``limits``: (tool or empty, calls at once). Raises UpstreamError ``busy`` when no place came free in time."""
        taken: list[asyncio.Semaphore] = []
        try:
            for tool, limit in limits:
                lane = self._lanes.setdefault((call.integration, tool, limit), asyncio.Semaphore(limit))
                left = max(0, call.deadline_ms - self._clock.now_ms()) / 1000
                try:
                    async with asyncio.timeout(left):
                        await lane.acquire()
                except TimeoutError:
                    raise UpstreamError("Too many calls of this tool run at once.", code="busy") from None
                taken.append(lane)
            yield
        finally:
            for lane in taken:
                lane.release()
