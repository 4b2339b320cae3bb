"""What a refused call may leave on the disk."""

import pytest

from callgate.flow.explain import context_of
from callgate.model.answer import Pending, Refused
from tests.fakes.house import open_house, run


@pytest.mark.parametrize(("size", "kept"), [(1_000, True), (100_000, False)])
def test_large_arguments_of_refused_calls_are_not_kept(size, kept):
    async def check():
        house = await open_house()
        answer = await house.call("no_such_tool", {"text": "x" * size})
        assert isinstance(answer, Refused)
        context = await context_of(house.rooms.tenancy, answer.call_id, answer.decision_id)
        assert context is not None
        assert (context.call is not None) is kept
        assert context.principal.initiator.subject == "ana"
        assert await house.gatehouse.explain(house.credential(), answer.decision_id) is not None
        (row,) = await house.store.sealed(answer.call_id)
        assert kept or len(row.data) < 10_000

    run(check())


def test_large_arguments_of_waiting_calls_are_kept():
    async def check():
        house = await open_house()
        answer = await house.commit("x" * 100_000)
        assert isinstance(answer, Pending)
        context = await context_of(house.rooms.tenancy, answer.call_id, answer.decision_id)
        assert context is not None and context.call is not None

    run(check())
