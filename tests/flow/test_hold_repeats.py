"""Equal calls share a hold, an execution or an answer once; and the author asks what became of a call."""

import asyncio

import pytest

from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import Rates
from callgate.model.errors import InputError, OutcomeUnknown, UpstreamError
from tests.fakes.house import git_answers, open_house, run
from tests.fakes.upstream import tool_of
from tests.flow.test_holds import commits, held, outcome


def test_an_equal_call_attaches_to_what_waits():
    async def check():
        house = await open_house()
        pending = await held(house)
        again = await held(house)
        assert again.hold == pending.hold
        attached = await house.events("attached")
        assert [body.to_call for body in attached] == [pending.call_id]
        other = await held(house, credential=house.credential(runtime="claude-code"))
        assert other.hold != pending.hold

    run(check())


def test_equal_calls_at_once_share_one_hold():
    async def check():
        house = await open_house()
        answers = await asyncio.gather(*(house.commit() for _ in range(10)))
        assert len({answer.hold for answer in answers}) == 1
        assert len(await house.holds_in()) == 1

    run(check())


def test_equal_calls_at_once_run_once_and_all_get_the_answer():
    async def check():
        house = await open_house()
        answers = await asyncio.gather(*(house.branch() for _ in range(10)))
        assert all(isinstance(answer, Served) for answer in answers)
        assert len({answer.call_id for answer in answers}) == 1
        assert len(house.sent()) == 1
        assert len(await house.events("attached")) == 9
        assert isinstance(await house.branch(), Served)
        assert len(house.sent()) == 2

    run(check())


def test_equal_reads_all_run():
    async def check():
        house = await open_house()
        await asyncio.gather(*(house.status() for _ in range(5)))
        assert len(house.sent()) == 5

    run(check())


def test_a_caller_that_may_not_call_does_not_get_the_answer_of_an_equal_call():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.approve(pending.hold)
        narrowed = house.credential(id="cred-2", integrations=("mail",))
        answer = await house.commit(credential=narrowed)
        assert isinstance(answer, Refused), answer

        gone, go = asyncio.Event(), asyncio.Event()

        async def slow(request):
            gone.set()
            await go.wait()
            return git_answers(request)

        house.upstream.answer = slow
        first = asyncio.create_task(house.branch())
        await gone.wait()
        second = await house.branch(credential=narrowed)
        go.set()
        assert isinstance(second, Refused), second
        assert isinstance(await first, Served)

    run(check())


def test_an_executed_call_gives_its_result_to_an_equal_one_once():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.approve(pending.hold)
        answer = await house.commit()
        assert isinstance(answer, Served), answer
        assert answer.call_id == pending.call_id
        assert commits(house) == ["Fix it"]
        new = await held(house)
        assert new.hold != pending.hold
        assert isinstance(await outcome(house, pending), Served), "the author may look again"

    run(check())


def test_a_result_that_nobody_collected_is_not_given_to_a_call_after_its_expiry():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.approve(pending.hold)
        house.clock.forward(pending.expires_ms - house.clock.ms)
        await house.rooms.holds.expire()
        assert isinstance(await house.commit(credential=house.credential()), Pending)

    run(check())


def test_an_equal_call_in_doubt_holds_and_a_yes_runs_it_again():
    async def check():
        house = await open_house(answer=lambda request: OutcomeUnknown("lost"))
        first = await house.branch()
        assert isinstance(first, Failed)
        assert first.unknown
        house.upstream.answer = git_answers
        second = await house.branch()
        assert isinstance(second, Pending), second
        assert len(house.sent()) == 1
        await house.approve(second.hold)
        assert len(house.sent("git_create_branch")) == 2
        assert house.doubts() == {first.call_id}

    run(check())


def test_an_approval_to_repeat_a_call_in_doubt_outlives_a_harmless_change_of_the_bundle():
    async def check():
        house = await open_house(answer=lambda request: OutcomeUnknown("lost"))
        await house.branch()
        house.upstream.answer = git_answers
        second = await house.branch()
        await house.use_bundle(rates=Rates(initiator=599))
        await house.approve(second.hold)
        assert len(house.sent("git_create_branch")) == 2

    run(check())


def test_only_the_author_may_ask_what_became_of_it():
    async def check():
        house = await open_house(people=("ana", "ben"))
        pending = await held(house)
        await house.approve(pending.hold)
        asked = house.gatehouse.await_approval
        for other in (
            house.credential("ben"),
            house.credential(runtime="claude-code"),
            house.credential(task="task-7"),
            house.credential(integrations=("mail",)),
        ):
            with pytest.raises(InputError) as fault:
                await asked(other, pending.hold, 0, lambda _: None)
            assert fault.value.code == "unknown_approval"
        answer = await asked(house.credential(), pending.hold, 0, lambda _: None)
        assert isinstance(answer, Served)

    run(check())


def test_what_was_collected_by_asking_is_not_given_to_a_new_equal_call():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.approve(pending.hold)
        for _ in range(2):
            answer = await house.gatehouse.await_approval(house.credential(), pending.hold, 0, lambda _: None)
            assert isinstance(answer, Served)
        assert isinstance(await house.commit(), Pending)

    run(check())


def test_asking_waits_for_the_outcome():
    async def check():
        house = await open_house()
        pending = await held(house)
        asked = asyncio.create_task(
            house.gatehouse.await_approval(house.credential(), pending.hold, 30_000, lambda _: None)
        )
        await asyncio.sleep(0)
        await house.approve(pending.hold)
        answer = await asked
        assert isinstance(answer, Served), answer
        other = await held(house, "Another")
        asked = asyncio.create_task(
            house.gatehouse.await_approval(house.credential(), other.hold, 30_000, lambda _: None)
        )
        await asyncio.sleep(0)
        await house.deny(other.hold)
        assert isinstance(await asked, Refused)

    run(check())


def test_an_approval_that_ends_in_doubt_says_so():
    async def check():
        house = await open_house()
        pending = await held(house)

        def lost(request):
            return OutcomeUnknown("lost") if tool_of(request) == "git_commit" else git_answers(request)

        house.upstream.answer = lost
        await house.approve(pending.hold)
        answer = await outcome(house, pending)
        assert isinstance(answer, Failed)
        assert answer.unknown
        assert house.doubts() == {pending.call_id}
        assert commits(house) == ["Fix it"]

    run(check())


def test_an_approved_call_that_could_not_be_sent_does_not_say_it_was():
    async def check():
        house = await open_house()
        pending = await held(house)

        def unreachable(request):
            return UpstreamError("No.", code="not_sent") if tool_of(request) == "git_commit" else git_answers(request)

        house.upstream.answer = unreachable
        await house.approve(pending.hold)
        answer = await outcome(house, pending)
        assert isinstance(answer, Failed)
        assert (answer.code, answer.unknown) == ("not_sent", False)
        assert "was sent" not in answer.reason

    run(check())
