"""The wall clock is set back under a house: limits hold, what waits goes on waiting, nothing is lost."""

import pytest

from callgate.model.answer import Pending, Refused, Served
from callgate.model.bundle import Rates
from callgate.model.terms import HoldState
from tests.fakes.house import disk_store, open_house, run
from tests.fakes.stores import StillClock

DAY_MS = 86_400_000
MINUTE_MS = 60_000


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_minute_that_comes_again_keeps_what_was_used(kind, tmp_path):
    async def check():
        clock = StillClock()
        store = disk_store(tmp_path / "s", clock) if kind == "disk" else None
        house = await open_house(store, clock=clock, rates=Rates(initiator=3))
        clock.ms += MINUTE_MS - clock.ms % MINUTE_MS
        assert all([isinstance(await house.status(), Served) for _ in range(3)])
        clock.ms += MINUTE_MS
        assert isinstance(await house.status(), Served)
        clock.ms -= MINUTE_MS
        again = await house.status()
        assert isinstance(again, Refused)
        assert {finding.code for finding in again.findings} == {"rate_limited"}
        clock.ms += 2 * MINUTE_MS
        assert isinstance(await house.status(), Served)
        await house.store.close()

    run(check())


def test_what_waits_is_prolonged_and_never_lost():
    async def check():
        house = await open_house()
        pending = await house.commit()
        denied = await house.call("git_commit", {"repo_path": "/srv/other", "message": "No"})
        await house.deny(denied.hold)
        house.clock.ms -= DAY_MS
        await house.rooms.holds.expire()
        assert (await house.hold(pending.hold)).state is HoldState.OPEN
        assert (await house.commit()).hold == pending.hold, "an equal call still finds it"
        refused = await house.call("git_commit", {"repo_path": "/srv/other", "message": "Again"})
        assert isinstance(refused, Refused)
        assert {finding.code for finding in refused.findings} == {"denied_before"}
        await house.approve(pending.hold)
        assert len(house.sent("git_commit")) == 1
        assert await house.crash() == 0

    run(check())


def test_a_call_that_began_before_a_jump_ahead_and_was_not_sent_is_not_sent_after_it():
    """What permitted it is over by the clock that tokens and contracts go by."""

    async def check():
        house = await open_house()

        async def jump(unit):
            house.store.after = None
            house.clock.ms += DAY_MS

        house.store.after = jump
        answer = await house.branch()
        assert not isinstance(answer, Served | Pending)
        assert house.sent() == []
        assert not house.doubts()

    run(check())
