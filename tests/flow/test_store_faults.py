"""The store fails, or the process dies, at every commit: nothing undecided is sent, nothing unrecorded is answered."""

import asyncio
from contextlib import suppress

import pytest

from callgate.flow.recover import settle
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.errors import InputError, OutcomeUnknown, StoreError
from callgate.model.event import Decided, Finished
from callgate.model.terms import HoldState
from tests.fakes.house import TASK_RULES, disk_store, git_answers, open_house, run
from tests.fakes.stores import StillClock
from tests.fakes.upstream import tool_of
from tests.flow.ledger_rules import EXECUTED, check_rules


async def a_read(house):
    return [await house.status()]


async def a_change(house):
    return [await house.branch()]


async def a_refusal(house):
    return [await house.call("git_nothing")]


async def a_lost_change(house):
    house.upstream.answer = lambda request: OutcomeUnknown("lost")
    return [await house.branch()]


async def an_approval(house):
    answers = [await house.commit()]
    if isinstance(answers[0], Pending):
        with suppress(StoreError, InputError):
            await house.approve(answers[0].hold)
        answers.append(await house.rooms.holds.answer(answers[0].hold))
    return answers


async def a_denial(house):
    answers = [await house.commit()]
    if isinstance(answers[0], Pending):
        with suppress(StoreError, InputError):
            await house.deny(answers[0].hold)
    return answers


async def in_a_task(house):
    task = house.task_for_tests
    return [await house.branch(f"b{number}", named_tasks=(task,)) for number in range(3)]


SCENES = (a_read, a_change, a_refusal, a_lost_change, an_approval, a_denial, in_a_task)
MOST_COMMITS = 8
KINDS = ("decided", "finished", "unknown")


async def prepared(store=None, clock=None):
    house = await open_house(store, clock=clock)
    house.task_for_tests = await house.open_task(await house.add_contract(TASK_RULES.format(more="max_calls = 2")))
    return house


async def _told_truly(house, answers) -> None:
    for answer in answers:
        if isinstance(answer, Served):
            assert isinstance((await house.events(call=answer.call_id))[-1], Finished)
        if isinstance(answer, Failed) and answer.unknown:
            assert answer.call_id in house.doubts()
        if isinstance(answer, Refused) and answer.decision_id:
            assert any(isinstance(body, Decided) for body in await house.events(call=answer.call_id))
    started = {one.data.call for one in await house.envelopes("decided") if one.data.body.effect == "allow"}
    assert {call.call_id for call in house.live.open_calls.values()} <= started


@pytest.mark.parametrize("how", ["fail", "lose"])
@pytest.mark.parametrize("number", range(MOST_COMMITS))
@pytest.mark.parametrize("scene", SCENES)
def test_the_store_fails_at_any_commit(scene, number, how):
    async def check():
        house = await prepared()
        commit = len(house.store.units) + number
        (house.store.fail if how == "fail" else house.store.lose).add(commit)
        answers = await scene(house)
        await house.rooms.runner.drain()
        await house.settle()
        hit = len(house.store.units) > commit
        house.store.fail, house.store.lose = set(), set()
        house.upstream.answer = git_answers
        executed = [one for one in house.upstream.sent if tool_of(one) in EXECUTED]
        decided = [body for body in await house.events("decided") if body.effect == "allow"]
        assert len(executed) <= len(decided)
        await _told_truly(house, answers)
        lost = await house.crash()
        await house.settle()
        await check_rules(house)
        assert lost <= (1 if hit else 0)
        status = await house.admin.status()
        assert {doubt.call for doubt in status.doubts} == house.doubts()
        assert isinstance(await house.status(), Served)

    run(check())


def test_every_scene_commits_within_the_numbers_tried():
    async def check():
        for scene in SCENES:
            house = await prepared()
            before = len(house.store.units)
            await scene(house)
            assert 1 <= len(house.store.units) - before <= MOST_COMMITS

    run(check())


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize(
    ("scene", "kind"),
    [*((scene, "memory") for scene in (a_read, a_change, an_approval, a_denial, in_a_task)), (an_approval, "disk")],
)
def test_the_process_dies_around_any_commit(scene, number, when, kind, tmp_path):
    async def check():
        clock = StillClock()
        folder = tmp_path / "store"
        house = await prepared(disk_store(folder, clock) if kind == "disk" else None, clock)
        last = len(house.store.units) + number
        dead = asyncio.Event()

        async def die(unit):
            if len(house.store.units) > last:
                dead.set()
                await asyncio.Event().wait()

        setattr(house.store, when, die)
        acting = asyncio.create_task(scene(house))
        dying = asyncio.create_task(dead.wait())
        await asyncio.wait((acting, dying), return_when="FIRST_COMPLETED")
        died = dead.is_set()
        for task in (acting, dying):
            task.cancel()
        await asyncio.gather(acting, dying, return_exceptions=True)
        house.store.before = house.store.after = None
        in_flight = {call.call_id for call in await house.store.open_calls() if not call.unknown}
        lost = await house.crash()
        assert lost == len(in_flight)
        assert house.doubts() == {call.call_id for call in await house.store.open_calls()}
        await house.settle()
        await check_rules(house)
        if died:
            assert not await house.holds_in(HoldState.EXECUTING)
        assert isinstance(await house.status(), Served)
        await house.store.close()

    run(check())


def test_an_approval_whose_outcome_is_not_recorded_tells_its_author():
    async def check():
        house = await open_house()
        pending = await house.commit()
        house.store.fail_from_now(2)
        await house.approve(pending.hold)
        assert len(house.sent("git_commit")) == 1
        answer = await house.gatehouse.await_approval(house.credential(), pending.hold, 45_000, lambda _: None)
        assert isinstance(answer, Failed), answer
        assert answer.unknown
        assert house.doubts() == {pending.call_id}
        await house.crash()
        answer = await house.rooms.holds.answer(pending.hold)
        assert isinstance(answer, Failed)
        assert answer.unknown
        assert len(house.sent("git_commit")) == 1

    run(check())


def test_an_approved_hold_runs_after_a_restart():
    async def check():
        house = await open_house()
        pending = await house.commit()
        house.rooms.redeemer.start = lambda hold: None
        house.rooms.voting._approved = lambda hold: None
        await house.vote(pending.hold)
        assert house.sent("git_commit") == []
        await house.crash()
        await house.settle()
        assert len(house.sent("git_commit")) == 1
        await house.crash()
        await house.settle()
        assert len(house.sent("git_commit")) == 1

    run(check())


def test_an_approval_given_while_the_gate_ends_runs_after_the_restart():
    async def check():
        house = await open_house()
        pending = await house.commit()
        house.rooms.redeemer.stop()
        await house.rooms.executor.stop()
        await house.approve(pending.hold)
        house.rooms.redeemer.sweep()
        await house.settle()
        assert (await house.hold(pending.hold)).state is HoldState.APPROVED
        assert house.sent("git_commit") == []
        await house.crash()
        await house.settle()
        assert len(house.sent("git_commit")) == 1

    run(check())


def test_after_a_restart_equal_calls_still_meet_what_waits_and_what_is_in_doubt():
    async def check():
        house = await open_house()
        pending = await house.commit()
        house.upstream.answer = lambda request: OutcomeUnknown("lost")
        assert (await house.branch()).unknown
        house.upstream.answer = git_answers
        await house.crash()
        assert (await house.commit()).hold == pending.hold
        assert isinstance(await house.branch(), Pending)
        assert len(house.sent("git_create_branch")) == 1

    run(check())


def test_replayed_state_is_live_state():
    async def check():
        house = await open_house(people=("ana", "ben"))
        await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
        pending = await house.commit()
        await house.deny((await house.commit("No")).hold)
        await house.approve((await house.call("git_commit", {"repo_path": "/srv/other", "message": "x"})).hold)
        before = {
            name: getattr(house.live, name)
            for name in ("accounts", "tasks", "holds", "equal_holds", "denials", "open_calls", "consents", "settings")
        }
        await house.crash()
        for name, value in before.items():
            assert getattr(house.live, name) == value, name
        assert pending.hold in house.live.holds

    run(check())


@pytest.mark.parametrize("kind", ["memory", "disk"])
@pytest.mark.parametrize("how", ["fail", "lose"])
@pytest.mark.parametrize("number", [0, 1])
def test_what_could_not_be_recorded_is_settled_when_the_store_writes_again(number, how, kind, tmp_path):
    """The ledger learns without a restart how each call ended: sent and in doubt, not sent, or as it is there."""

    async def check():
        clock = StillClock()
        house = await open_house(disk_store(tmp_path / "s", clock) if kind == "disk" else None, clock=clock)
        commit = len(house.store.units) + number
        setattr(house.store, how, {commit})
        answer = await house.branch()
        assert isinstance(answer, Failed)
        assert answer.unknown is (number == 1)
        house.store.fail = set(range(commit, commit + 10))
        await settle(house.rooms.tenancy)
        house.store.fail, house.store.lose = set(), set()
        for _ in range(2):
            await settle(house.rooms.tenancy)
        doubts = house.doubts()
        kinds = {
            (0, "fail"): [],
            (0, "lose"): ["decided", "finished"],
            (1, "fail"): ["decided", "unknown"],
            (1, "lose"): ["decided", "finished"],
        }[number, how]
        leaves = await house.store.leaves(0, (await house.store.head()).size)
        assert [leaf.kind for leaf in leaves if leaf.kind in KINDS] == kinds
        assert doubts == ({answer.call_id} if (number, how) == (1, "fail") else set())
        assert len(house.sent("git_create_branch")) == number
        await check_rules(house)
        assert await house.crash() == 0
        assert house.doubts() == doubts
        await house.store.close()

    run(check())


@pytest.mark.parametrize("how", ["fail", "lose"])
def test_an_approval_whose_outcome_was_not_recorded_is_settled_too(how):
    async def check():
        house = await open_house()
        pending = await house.commit()
        setattr(house.store, how, {len(house.store.units) + 2})
        await house.approve(pending.hold)
        house.store.fail, house.store.lose = set(), set()
        await settle(house.rooms.tenancy)
        found = await house.hold(pending.hold)
        assert (found.state, found.ended) == (HoldState.EXECUTED, "in_doubt" if how == "fail" else "")
        assert house.doubts() == ({pending.call_id} if how == "fail" else set())
        answer = await house.rooms.holds.answer(pending.hold)
        assert isinstance(answer, Failed if how == "fail" else Served)
        assert await house.crash() == 0
        await check_rules(house)

    run(check())
