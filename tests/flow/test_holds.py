"""Frozen calls: asked, answered, run exactly once, or ended (DESIGN section 9)."""

import asyncio

import msgspec
import pytest

from callgate.flow.admin import Peer
from callgate.flow.rows import put
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import PolicyFile
from callgate.model.drift import Drift
from callgate.model.errors import InputError
from callgate.model.store import Unit
from callgate.model.terms import Ask, HaltScope, HoldState
from tests.fakes.house import TASK_RULES, open_house, run


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
        ended = await house.hold(pending.hold)
        assert (ended.state, ended.ended) == (HoldState.VOID, "task_closed")
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
