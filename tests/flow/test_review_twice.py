"""A call that may have happened goes on being in doubt, whatever an equal one did since."""

from callgate.model.answer import Failed, Pending, Served
from callgate.model.errors import OutcomeUnknown
from tests.fakes.house import git_answers, open_house, run


def test_an_equal_call_in_doubt_is_asked_about_every_time():
    async def check():
        house = await open_house()
        house.upstream.answer = lambda request: OutcomeUnknown("lost")
        first = await house.branch()
        assert isinstance(first, Failed) and first.unknown
        house.upstream.answer = git_answers
        second = await house.branch()
        assert isinstance(second, Pending), second
        await house.approve(second.hold)
        assert isinstance(await house.rooms.holds.collect(second.hold), Served)
        assert house.doubts() == {first.call_id}
        third = await house.branch()
        assert isinstance(third, Pending), third
        assert len(house.sent("git_create_branch")) == 2
        await house.deny(third.hold)
        await house.crash()
        assert house.doubts() == {first.call_id}

    run(check())


def test_two_equal_calls_in_doubt_are_both_known():
    async def check():
        house = await open_house()
        house.upstream.answer = lambda request: OutcomeUnknown("lost")
        first = await house.branch()
        second = await house.branch()
        assert isinstance(second, Pending), second
        await house.approve(second.hold)
        await house.rooms.holds.collect(second.hold)
        assert house.doubts() == {first.call_id, second.call_id}
        assert isinstance(await house.branch(), Pending)

    run(check())
