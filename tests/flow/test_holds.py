"""Frozen calls: asked, answered, run exactly once, or ended (DESIGN section 9)."""

import asyncio

import msgspec
import pytest

from callgate.flow.admin import Peer
from callgate.flow.connect import reconnect
from callgate.flow.rows import put
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import PolicyFile, Rates
from callgate.model.drift import Drift
from callgate.model.errors import InputError, OutcomeUnknown, UpstreamError
from callgate.model.store import Unit
from callgate.model.terms import Ask, HaltScope, HoldState
from tests.fakes.house import git_answers, open_house, run, said
from tests.fakes.upstream import tool_of
from tests.flow.test_run import TASK_RULES, codes


async def held(house, message="Fix it", **more) -> Pending:
    answer = await house.commit(message, **more)
    assert isinstance(answer, Pending), answer
    return answer


async def outcome(house, pending):
    return await house.rooms.holds.answer(pending.hold)


def commits(house):
    return [one["message"] for one in house.sent("git_commit")]


def test_a_held_call_waits_and_runs_once_after_a_yes():
    async def check():
        house = await open_house()
        pending = await held(house)
        assert commits(house) == []
        assert [question.ask for question in pending.questions] == [Ask.MEANT]
        assert await house.kinds(pending.call_id) == ["Decided", "Asked"]
        await house.approve(pending.hold)
        assert commits(house) == ["Fix it"]
        answer = await outcome(house, pending)
        assert isinstance(answer, Served), answer
        assert answer.receipt == (("commit", "ab" * 20),)
        assert await house.kinds(pending.call_id) == ["Decided", "Asked", "Voted", "Decided", "Finished"]
        assert (await house.hold(pending.hold)).state is HoldState.EXECUTED
        assert not await house.store.open_calls()

    run(check())


def test_what_is_executed_is_byte_for_byte_what_was_frozen():
    async def check():
        house = await open_house()
        message = '\u00e9 \U0001f600 \\ " \n'
        pending = await held(house, message)
        decided = (await house.events(call=pending.call_id))[0]
        await house.approve(pending.hold)
        assert commits(house) == [message]
        again = await house.events("decided", pending.call_id)
        assert {body.arguments for body in again} == {decided.arguments}

    run(check())


def test_parallel_votes_and_redemptions_execute_once():
    async def check():
        house = await open_house()
        pending = await held(house)
        results = await asyncio.gather(*(house.vote(pending.hold) for _ in range(10)), return_exceptions=True)
        assert sum(not isinstance(result, Exception) for result in results) == 1
        for _ in range(10):
            house.rooms.redeemer.start(pending.hold)
        await asyncio.gather(*(house.rooms.redeemer.redeem(pending.hold) for _ in range(10)))
        await house.settle()
        assert commits(house) == ["Fix it"]

    run(check())


def test_redemptions_that_start_together_execute_once():
    async def check():
        house = await open_house()
        pending = await held(house)
        house.rooms.voting._approved = lambda hold: None
        await house.vote(pending.hold)
        await asyncio.gather(*(house.rooms.redeemer.redeem(pending.hold) for _ in range(10)))
        assert commits(house) == ["Fix it"]
        assert len([body for body in await house.events("decided", pending.call_id) if body.effect == "allow"]) == 1

    run(check())


@pytest.mark.parametrize("yes_first", [True, False])
def test_a_yes_and_a_no_at_once_have_one_winner(yes_first):
    async def check():
        house = await open_house()
        pending = await held(house)
        votes = [house.vote(pending.hold, yes=yes_first), house.vote(pending.hold, yes=not yes_first)]
        results = await asyncio.gather(*votes, return_exceptions=True)
        await house.settle()
        assert sum(isinstance(result, InputError) for result in results) == 1
        state = (await house.hold(pending.hold)).state
        assert (state, commits(house)) in [(HoldState.EXECUTED, ["Fix it"]), (HoldState.DENIED, [])]

    run(check())


def test_a_yes_that_races_the_expiry_has_one_winner():
    async def check():
        house = await open_house()
        pending = await held(house)
        house.clock.forward(pending.expires_ms - house.clock.ms - 1)
        found = await house.hold(pending.hold)

        async def late(unit):
            house.store.before = None
            house.clock.forward(1)
            await house.rooms.holds.expire()

        house.store.before = late
        with pytest.raises(InputError) as fault:
            await house.vote(pending.hold, digest=found.digest)
        assert fault.value.code == "hold_over"
        await house.settle()
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.EXPIRED
        answer = await outcome(house, pending)
        assert isinstance(answer, Refused)

    run(check())


def test_an_approval_that_comes_to_run_after_its_expiry_does_not_run():
    async def check():
        house = await open_house()
        pending = await held(house)

        async def slow(unit):
            house.store.after = None
            house.clock.forward(pending.expires_ms - house.clock.ms)

        house.store.after = slow
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.EXPIRED

    run(check())


async def _revoke(house):
    await house.admin.revoke_token("cred-ana-codex", Peer(uid=1, pid=1))


async def _disable(house):
    ana = msgspec.structs.replace(house.live.accounts["ana"], disabled=True)
    await house.rooms.tenancy.write(Unit(changes=(put("ana", ana, expect=None),)))


async def _halt_tool(house):
    await house.halt(HaltScope.TOOL, "git/git_commit")


async def _remove(house):
    await house.admin.remove_integration(house.presence(), "git")


async def _read_stage(house):
    await house.use_bundle(stages=())


async def _forbid(house):
    forbid = '@id("no") @reason("No.") @owner("security") @effect("deny") forbid (principal, action, resource);'
    await house.use_bundle(policies=(*house.live.bundle.policies, PolicyFile(name="no.cedar", text=forbid)))


async def _drift(house):
    house.live.connected["git"].drift = Drift(held=frozenset({"git_commit"}))


async def _other_definition(house):
    for tool in house.upstream.tools:
        if tool["name"] == "git_commit":
            tool["description"] = "Something else"
    found = await house.admin.refresh_integration("git")
    await house.admin.confirm_integration(house.presence(), "git", found.digest)


@pytest.mark.parametrize(
    "change", [_revoke, _disable, _halt_tool, _remove, _read_stage, _forbid, _drift, _other_definition]
)
@pytest.mark.parametrize("when", ["before the vote", "right after the vote"])
def test_an_approved_call_is_judged_again(change, when):
    async def check():
        house = await open_house()
        pending = await held(house)
        presence = house.presence()
        digest = (await house.hold(pending.hold)).digest
        sent = len(house.upstream.sent)

        async def meanwhile(unit):
            house.store.after = None
            await change(house)

        if when == "before the vote":
            await change(house)
        else:
            house.store.after = meanwhile
        try:
            await house.rooms.voting.vote(pending.hold, (), yes=True, digest=digest, presence=presence)
        except InputError as fault:
            assert fault.code == "hold_over"
        await house.settle()
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.VOID
        assert isinstance(await outcome(house, pending), Refused)
        assert len(house.upstream.sent) == sent, "what is void sends nothing, not even a read"
        assert not await house.store.open_calls()

    run(check())


def test_closing_the_task_ends_what_waits_under_it():
    async def check():
        house = await open_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
        pending = await held(house, named_tasks=(task,))
        await house.admin.close_task(house.presence(), task)
        assert (await house.hold(pending.hold)).state is HoldState.VOID
        with pytest.raises(InputError):
            await house.vote(pending.hold)
        assert commits(house) == []

    run(check())


def test_a_task_that_closes_while_the_call_is_being_frozen_stops_it_later():
    async def check():
        house = await open_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))

        async def closing(unit):
            house.store.before = None
            await house.admin.close_task(house.presence(), task)

        house.store.before = closing
        pending = await held(house, named_tasks=(task,))
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.VOID

    run(check())


@pytest.mark.parametrize("what", ["halt", "revoke", "close"])
def test_what_changes_between_the_redeeming_commit_and_the_send_stops_it(what):
    async def check():
        house = await open_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
        pending = await held(house, named_tasks=(task,))

        async def meanwhile(unit):
            if not unit.opened:
                return
            house.store.after = None
            if what == "halt":
                await house.halt(HaltScope.INTEGRATION, "git")
            elif what == "revoke":
                await _revoke(house)
            else:
                await house.admin.close_task(house.presence(), task)

        house.store.after = meanwhile
        await house.approve(pending.hold)
        assert commits(house) == []
        finished = (await house.events("finished", pending.call_id))[-1]
        assert finished.outcome == "not_sent"
        answer = await outcome(house, pending)
        assert isinstance(answer, Failed)
        assert not answer.unknown

    run(check())


# The state the approval is bound to.


def test_a_changed_state_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        house.upstream.answer = lambda request: said("something else")
        await house.approve(pending.hold)
        assert commits(house) == []
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "state_changed")

    run(check())


@pytest.mark.parametrize(
    "reply",
    [UpstreamError("no", code="not_sent"), OutcomeUnknown("lost"), b"7", said("no", isError=True), [{"error": {}}]],
)
def test_a_state_that_cannot_be_read_voids_an_approval_and_refuses_a_call(reply):
    async def check():
        house = await open_house()
        pending = await held(house)
        house.upstream.answer = lambda request: reply
        await house.approve(pending.hold)
        assert commits(house) == []
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "state_unreadable")
        answer = await house.commit("Another")
        assert isinstance(answer, Failed), answer
        assert not answer.unknown
        assert await house.kinds(answer.call_id) == ["Decided"]
        assert (await house.events(call=answer.call_id))[0].effect == "deny"
        assert commits(house) == []

    run(check())


# What an approval is bound to.


def test_another_endpoint_under_the_same_name_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        live = house.live
        moved = msgspec.structs.replace(live.integrations["git"], command=("other-server",))
        pin = msgspec.structs.replace(live.pins["git"], origin="elsewhere")
        changes = (put("git", moved, expect=None), put("git", pin, expect=None))
        await house.rooms.tenancy.write(Unit(changes=changes))
        reconnect(house.rooms.tenancy)
        await house.approve(pending.hold)
        assert commits(house) == []
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "call_changed")

    run(check())


def test_another_account_at_the_target_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        other = msgspec.structs.replace(house.live.integrations["git"], actor="somebody")
        await house.rooms.tenancy.write(Unit(changes=(put("git", other, expect=None),)))
        reconnect(house.rooms.tenancy)
        await house.approve(pending.hold)
        assert (await house.hold(pending.hold)).ended == "call_changed"
        assert commits(house) == []

    run(check())


def test_a_changed_bundle_does_not_void_by_itself():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.use_bundle(rates=Rates(initiator=599))
        await house.approve(pending.hold)
        assert commits(house) == ["Fix it"]

    run(check())


async def _other_ask(house):
    duties = tuple(
        msgspec.structs.replace(duty, approval=Ask.ACCEPTABLE) if duty.approval else duty
        for duty in house.live.bundle.duties
    )
    await house.use_bundle(duties=duties)


async def _no_ask(house):
    duties = tuple(msgspec.structs.replace(duty, approval=None) for duty in house.live.bundle.duties)
    await house.use_bundle(duties=duties)


async def _further_finding(house):
    forbid = (
        '@id("wait") @reason("Wait.") @owner("security") @effect("hold") @ask("meant") '
        "forbid (principal, action, resource);"
    )
    await house.use_bundle(policies=(*house.live.bundle.policies, PolicyFile(name="w.cedar", text=forbid)))


@pytest.mark.parametrize("change", [_no_ask, _further_finding])
def test_a_bundle_with_other_findings_voids(change):
    async def check():
        house = await open_house()
        pending = await held(house)
        await change(house)
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.VOID

    run(check())


def test_a_bundle_that_asks_another_person_voids():
    async def check():
        house = await open_house()
        pending = await held(house)
        await _other_ask(house)
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.VOID

    run(check())


# No.


def test_a_no_sticks_to_task_tool_and_target_until_it_is_over():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.deny(pending.hold)
        answer = await outcome(house, pending)
        assert isinstance(answer, Refused)
        again = await house.commit("Said otherwise")
        assert isinstance(again, Refused)
        assert codes(again) == {"denied_before"}
        elsewhere = await house.call("git_commit", {"repo_path": "/srv/other", "message": "Fix it"})
        assert isinstance(elsewhere, Pending)
        assert commits(house) == []
        house.clock.forward(house.live.bundle.waiting.denial_sticks_ms)
        assert isinstance(await house.commit("Later", credential=house.credential()), Pending)

    run(check())


# Expiry, withdrawing, caps.


def test_a_hold_ends_when_nobody_answers():
    async def check():
        house = await open_house()
        pending = await held(house)
        house.clock.forward(pending.expires_ms - house.clock.ms)
        await house.rooms.holds.expire()
        assert (await house.hold(pending.hold)).state is HoldState.EXPIRED
        ended = (await house.events("hold_ended"))[-1]
        assert (ended.state, ended.hold) == ("expired", pending.hold)
        assert isinstance(await held(house, credential=house.credential()), Pending)

    run(check())


def test_open_holds_are_capped_and_the_refusal_is_recorded():
    async def check():
        house = await open_house()
        await house.waiting(max_open=3)
        answers = await asyncio.gather(*(house.commit(f"m{number}") for number in range(8)))
        pending = [answer for answer in answers if isinstance(answer, Pending)]
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert (len(pending), len(refused)) == (3, 5)
        for answer in refused:
            assert answer.decision_id
            (decided,) = await house.events(call=answer.call_id)
            assert decided.effect == "deny"
        await house.deny(pending[0].hold)
        await house.approve(pending[1].hold)
        house.live.denials.clear()
        assert [type(await house.commit(f"n{number}")) for number in range(3)] == [Pending, Pending, Refused]

    run(check())


def test_a_cancel_inside_the_grace_wait_withdraws():
    async def check():
        house = await open_house()
        await house.waiting(grace_ms=60_000)
        task = asyncio.create_task(house.commit())
        while not house.live.holds:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        (hold,) = house.live.holds.values()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await house.rooms.runner.drain()
        assert (await house.hold(hold.id)).state is HoldState.WITHDRAWN
        with pytest.raises(InputError):
            await house.vote(hold.id)
        assert commits(house) == []

    run(check())


def test_a_cancel_after_the_answer_pending_does_not_withdraw():
    async def check():
        house = await open_house()
        pending = await held(house)
        await house.approve(pending.hold)
        assert commits(house) == ["Fix it"]

    run(check())


def test_a_yes_inside_the_grace_wait_is_answered_in_line_and_given_once():
    async def check():
        house = await open_house()
        await house.waiting(grace_ms=20_000)
        task = asyncio.create_task(house.commit())
        while not house.live.holds:
            await asyncio.sleep(0)
        (hold,) = house.live.holds.values()
        await house.approve(hold.id)
        answer = await task
        assert isinstance(answer, Served), answer
        await house.waiting(grace_ms=0)
        assert isinstance(await house.commit(), Pending), "a later equal call is a new one"

    run(check())


# Equal calls.


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


# The author asks.


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


# Counting.


def test_an_approval_counts_in_the_minute_it_runs():
    async def check():
        house = await open_house(rates=Rates(initiator=2))
        pending = [await held(house, f"m{number}") for number in range(4)]
        house.clock.forward(5 * 60_000)
        for one in pending:
            await house.approve(one.hold)
        assert len(commits(house)) == 2
        assert isinstance(await house.status(credential=house.credential()), Refused)

    run(check())


def test_a_login_that_expired_while_people_thought_does_not_void():
    async def check():
        house = await open_house()
        pending = await held(house, credential=house.credential(expires_ms=house.clock.ms + 1000))
        house.clock.forward(3_600_000)

        async def ticking(unit):
            house.clock.forward(50)

        house.store.before = ticking
        house.store.after = ticking
        await house.approve(pending.hold)
        assert commits(house) == ["Fix it"]

    run(check())


def test_a_fault_of_the_store_does_not_strand_an_approval():
    async def check():
        house = await open_house()
        pending = await held(house)
        house.store.fail_from_now(1)
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.APPROVED
        house.rooms.redeemer.sweep()
        await house.settle()
        assert commits(house) == ["Fix it"]
        house.rooms.redeemer.sweep()
        await house.settle()
        assert commits(house) == ["Fix it"]

    run(check())


def test_an_approval_that_nobody_could_start_expires():
    async def check():
        house = await open_house()
        pending = await held(house)
        house.store.fail_from_now(1)
        await house.approve(pending.hold)
        house.clock.forward(pending.expires_ms - house.clock.ms)
        house.rooms.redeemer.sweep()
        await house.settle()
        assert (await house.hold(pending.hold)).state is HoldState.EXPIRED
        assert commits(house) == []

    run(check())


def test_the_targets_of_a_frozen_call_are_looked_at_again():
    async def check():
        house = await open_house()
        pending = await held(house)
        domains = tuple(msgspec.structs.replace(one, targets=("fs.path:*",)) for one in house.live.bundle.domains)
        await house.use_bundle(domains=domains)
        await house.approve(pending.hold)
        assert commits(house) == []
        assert (await house.hold(pending.hold)).state is HoldState.VOID

    run(check())


def test_a_frozen_call_that_was_tampered_with_does_not_run_and_is_not_tried_again_and_again():
    async def check():
        house = await open_house()
        pending = await held(house)
        inner = house.store._inner
        rows = inner._sealed[pending.call_id]
        inner._sealed[pending.call_id] = [
            msgspec.structs.replace(row, data=row.data[:-1] + bytes([row.data[-1] ^ 1]))
            if row.field == "frozen"
            else row
            for row in rows
        ]
        await house.approve(pending.hold)
        for _ in range(3):
            house.rooms.redeemer.sweep()
            await house.settle()
        assert commits(house) == []
        assert [event for event, _ in house.logged].count("redeem_failed") == 1

    run(check())


def test_an_erased_call_is_void():
    async def check():
        house = await open_house()
        pending = await held(house)
        del house.store._inner._keys[pending.call_id]
        await house.approve(pending.hold)
        assert commits(house) == []
        hold = await house.hold(pending.hold)
        assert (hold.state, hold.ended) == (HoldState.VOID, "erased")

    run(check())


@pytest.mark.parametrize(
    ("scope", "what"),
    [
        (HaltScope.TENANT, ""),
        (HaltScope.INTEGRATION, "git"),
        (HaltScope.TOOL, "git/git_commit"),
        (HaltScope.INITIATOR, "ana"),
        (HaltScope.RUNTIME, "codex"),
        (HaltScope.TASK, "task"),
    ],
)
def test_a_halt_voids_what_it_concerns_and_nothing_else(scope, what):
    async def check():
        house = await open_house(people=("ana", "ben"))
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
        mine = await held(house, named_tasks=(task,))
        other = await held(house, credential=house.credential("ben", "claude-code"))
        await house.halt(scope, task if scope is HaltScope.TASK else what)
        assert (await house.hold(mine.hold)).state is HoldState.VOID
        concerned = scope in (HaltScope.TENANT, HaltScope.INTEGRATION, HaltScope.TOOL)
        assert ((await house.hold(other.hold)).state is HoldState.VOID) is concerned
        assert commits(house) == []

    run(check())
