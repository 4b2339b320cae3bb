"""Calls at once: never more than a manifest says, in the order they came, and none waits beyond its deadline."""

import asyncio

import pytest

from callgate.flow.lanes import Lanes
from callgate.model.errors import UpstreamError
from tests.fakes.stores import StillClock


class Waiting:
    integration = "x"

    def __init__(self, deadline_ms: int) -> None:
        self.deadline_ms = deadline_ms


def test_never_more_at_once_and_first_come_first_served():
    async def check():
        clock = StillClock()
        lanes, inside, most, order = Lanes(clock), 0, 0, []

        async def one(number):
            nonlocal inside, most
            async with lanes.lent(Waiting(clock.ms + 60_000), (("tool", 2), ("", 3))):
                inside += 1
                most = max(most, inside)
                order.append(number)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(one(number) for number in range(10)))
        assert (most, order) == (2, list(range(10)))
        async with asyncio.timeout(1), lanes.lent(Waiting(clock.ms + 1000), (("tool", 2), ("", 3))):
            pass

    asyncio.run(check())


def test_who_waits_too_long_or_leaves_takes_no_place():
    async def check():
        clock = StillClock()
        lanes = Lanes(clock)
        async with lanes.lent(Waiting(clock.ms + 60_000), (("", 1),)):
            with pytest.raises(UpstreamError) as caught:
                async with lanes.lent(Waiting(clock.ms + 10), (("tool", 1), ("", 1))):
                    pass
            assert caught.value.code == "busy"

            async def leaving():
                async with lanes.lent(Waiting(clock.ms + 60_000), (("", 1),)):
                    raise AssertionError("there is no place")

            task = asyncio.ensure_future(leaving())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(1), lanes.lent(Waiting(clock.ms + 1000), (("tool", 1), ("", 1))):
            pass

    asyncio.run(check())
