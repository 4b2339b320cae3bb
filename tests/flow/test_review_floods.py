"""What an assistant that never stops can make the gate do: limits stand before the work, and nothing is free."""

import pytest

from callgate.model.answer import Pending, Refused
from callgate.model.bundle import Rates
from tests.fakes.house import codes, open_house, run


def test_calls_beyond_what_may_wait_read_nothing_from_the_target():
    async def check():
        house = await open_house()
        await house.waiting(max_open=3)
        for number in range(3):
            assert isinstance(await house.commit(f"Message {number}"), Pending)
        reads = len(house.sent())
        assert reads
        for number in range(3, 10):
            answer = await house.commit(f"Message {number}")
            assert isinstance(answer, Refused)
            assert codes(answer) == {"too_many_waiting"}
        assert len(house.sent()) == reads

    run(check())


@pytest.mark.parametrize("limit", [5])
def test_repeating_a_waiting_call_is_rated_like_any_other(limit):
    async def check():
        house = await open_house(rates=Rates(initiator=limit))
        first = await house.commit()
        assert isinstance(first, Pending)
        answers = [await house.commit() for _ in range(limit)]
        assert {one.hold for one in answers} == {first.hold}
        over = [await house.commit() for _ in range(100)]
        assert all(isinstance(one, Refused) and codes(one) == {"rate_limited"} for one in over)
        assert len(await house.events("attached")) == limit
        assert len(await house.events("decided")) < 80
        house.clock.ms += 60_000
        assert isinstance(await house.commit(), Pending)

    run(check())
