"""Between the permission and the first byte: whatever is stopped meanwhile is not sent."""

import asyncio

import pytest

from callgate.model.answer import Failed, Pending, Served
from callgate.model.errors import UpstreamError
from callgate.model.terms import HaltScope, HoldState
from tests.fakes.house import TASK_RULES, open_house, run
from tests.flow.test_run import peer

RETRYING = "call_timeout_ms = 60000\n[retry]\nattempts = 5\nbackoff_ms = 20"


async def halt(house, task):
    await house.halt(HaltScope.TENANT)


async def revoke(house, task):
    await house.admin.revoke_token(house.credential().id, peer())


async def close(house, task):
    await house.admin.close_task(house.presence(), task)


async def expire(house, task):
    house.clock.ms += 90_000_000


async def overdue(house, task):
    house.clock.ms += 61_000


STOPS = [halt, revoke, close, expire, overdue]


@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("tool", ["git_status", "git_create_branch"])
def test_what_is_stopped_while_a_server_starts_is_not_sent(stop, tool):
    async def check():
        house = await open_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
        house.upstream.starting = asyncio.Event()
        arguments = {"branch_name": "x"} if tool == "git_create_branch" else {}
        calling = asyncio.create_task(house.call(tool, arguments, named_tasks=(task,)))
        while not house.upstream.sent:
            await asyncio.sleep(0)
        await stop(house, task)
        house.upstream.starting.set()
        answer = await calling
        assert isinstance(answer, Failed), answer
        assert (answer.code, answer.unknown) == ("stopped", False)
        assert house.sent() == []
        assert (await house.events("finished"))[-1].outcome == "not_sent"
        assert not house.live.open_calls

    run(check())


@pytest.mark.parametrize("stop", [halt, revoke, expire, overdue])
def test_an_approved_call_that_is_stopped_while_a_server_starts_is_not_sent(stop):
    async def check():
        house = await open_house()
        pending = await house.commit()
        assert isinstance(pending, Pending)

        async def wait_for_the_server(unit):
            if unit.opened and house.upstream.starting is None:
                house.upstream.starting = asyncio.Event()

        house.store.after = wait_for_the_server
        await house.vote(pending.hold)
        while not house.sent("git_commit"):
            await asyncio.sleep(0)
        await stop(house, "")
        house.upstream.starting.set()
        await house.settle()
        assert house.sent("git_commit") == []
        assert (await house.events("finished"))[-1].outcome == "not_sent"
        assert (await house.hold(pending.hold)).state is HoldState.EXECUTED

    run(check())


def test_retries_end_with_the_time_of_the_call():
    async def check():
        house = await open_house()
        more = RETRYING.replace("60000", "30000")
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more=more)))
        left = []

        def answer(request):
            left.append(request.deadline_ms)
            house.clock.ms += 10_000
            return UpstreamError("no", code="not_sent")

        house.upstream.answer = answer
        answer = await house.status(named_tasks=(task,))
        assert isinstance(answer, Failed), answer
        assert left == [30_000, 20_000, 10_000]

    run(check())


def test_a_login_that_ends_between_two_attempts_sends_no_more():
    async def check():
        house = await open_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more=RETRYING)))
        credential = house.credential(expires_ms=house.clock.ms + 5_000)
        tried = []

        def answer(request):
            tried.append(request)
            house.clock.ms += 6_000
            return UpstreamError("no", code="not_sent")

        house.upstream.answer = answer
        answer = await house.status(named_tasks=(task,), credential=credential)
        assert isinstance(answer, Failed), answer
        assert answer.code == "stopped"
        assert len(tried) == 1

    run(check())


def test_what_is_not_stopped_is_sent():
    async def check():
        house = await open_house()
        house.upstream.starting = asyncio.Event()
        calling = asyncio.create_task(house.status())
        while not house.upstream.sent:
            await asyncio.sleep(0)
        await house.halt(HaltScope.RUNTIME, "claude-code")
        house.upstream.starting.set()
        assert isinstance(await calling, Served)
        assert len(house.sent("git_status")) == 1

    run(check())
