"""A cancel before the send executes nothing; after it the call is finished or in doubt."""

import asyncio

import pytest

from callgate.model.answer import Failed
from callgate.model.event import Finished
from tests.fakes.house import git_answers, open_house, run


async def _cancelled(house, when, **more):
    """Start a branch, wait for ``when`` (an Event), cancel it as a client that leaves does."""
    task = asyncio.create_task(house.branch(**more))
    async with asyncio.timeout(10):
        await when.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.rooms.runner.drain()


def test_cancel_before_the_send_executes_nothing():
    async def check():
        house = await open_house()
        deciding, go = asyncio.Event(), asyncio.Event()

        async def slow(unit):
            house.store.before = None
            deciding.set()
            await go.wait()

        house.store.before = slow
        task = asyncio.create_task(house.branch())
        await deciding.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await house.rooms.runner.drain()
        assert house.sent() == []
        bodies = await house.events()
        assert isinstance(bodies[-1], Finished)
        assert bodies[-1].outcome == "not_sent"
        assert not house.live.open_calls

    run(check())


def test_cancel_while_the_exchange_opens_reaches_the_server():
    async def check():
        house = await open_house(answer=lambda request: None)
        opening, go = asyncio.Event(), asyncio.Event()
        really = house.upstream.open

        async def slow(request, *permitted):
            opening.set()
            await go.wait()
            return await really(request, *permitted)

        house.upstream.open = slow
        task = asyncio.create_task(house.branch())
        await opening.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        async with asyncio.timeout(10):
            await house.rooms.runner.drain()
        assert house.sent() == [] or house.upstream.cancelled

    run(check())


def test_cancel_after_the_send_tells_the_server_and_is_in_doubt():
    async def check():
        sent = asyncio.Event()

        async def never(request):
            sent.set()
            await asyncio.Event().wait()

        house = await open_house(answer=never)
        await _cancelled(house, sent)
        assert len(house.upstream.cancelled) == 1
        unknown = (await house.events("unknown"))[-1]
        assert unknown.reason == "cancelled"
        assert len(house.doubts()) == 1

    run(check())


def test_an_answer_in_the_two_seconds_after_a_cancel_is_the_outcome():
    async def check():
        sent = asyncio.Event()
        house = await open_house()

        async def late(request):
            sent.set()
            while not house.upstream.cancelled:
                await asyncio.sleep(0)
            return git_answers(request)

        house.upstream.answer = late
        await _cancelled(house, sent)
        assert (await house.events())[-1].outcome == "ok"
        assert not house.doubts()

    run(check())


def test_a_call_of_a_client_that_left_still_ends_in_the_ledger():
    async def check():
        house = await open_house()
        for _ in range(20):
            task = asyncio.create_task(house.branch())
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await house.rooms.runner.drain()
        calls = [one.data.call for one in await house.envelopes("decided")]
        for call in calls:
            assert (await house.kinds(call))[-1] in ("Finished", "CallUnknown"), call
        assert not [call for call in house.live.open_calls.values() if not call.unknown]

    run(check())


def test_a_closing_gate_lets_nothing_in():
    async def check():
        house = await open_house()
        house.gatehouse.closing = True
        answer = await house.status()
        assert isinstance(answer, Failed)
        assert answer.code == "closing"
        assert house.sent() == []

    run(check())
