"""How a hold ends without a yes, and what an approval meets when it comes to run."""

import asyncio

import msgspec
import pytest

from callgate.flow.admin import Ballot
from callgate.model.answer import Pending, Refused, Served
from callgate.model.bundle import Rates
from callgate.model.errors import InputError
from callgate.model.terms import HaltScope, HoldState
from tests.fakes.house import TASK_RULES, codes, open_house, run
from tests.flow.test_holds import commits, held, outcome


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


def test_who_says_no_is_told_what_it_stands_for_and_how_long():
    async def check():
        house = await open_house()
        pending = await held(house)
        digest = (await house.admin.hold(pending.hold, "ana")).digest
        said = await house.admin.deny_hold(house.presence(), pending.hold, Ballot(digest=digest, reason="not_meant"))
        assert said.next.endswith("on the same targets under everyday rules for 24 h, however it is called.")

    run(check())


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
