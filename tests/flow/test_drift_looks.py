"""When a server is looked at: after a new start, a word of its own, a confirmation; and looks that fail or never end."""

import asyncio
from types import SimpleNamespace

import pytest

from callgate.app.build import ChangedNames
from callgate.app.serving import _changed, _drift
from callgate.flow import drift
from callgate.flow.drift import MOST_LOOKS, looked_at
from callgate.model.answer import Failed, Pending, Served
from callgate.model.errors import StoreError, UpstreamError
from tests.fakes.house import open_house, run
from tests.fakes.upstream import tool_of
from tests.flow.test_drift import confirm, look, plain, retyped, tool


def test_after_a_server_was_started_anew_it_is_looked_at_before_the_next_call():
    async def check():
        house = await open_house()
        order = []
        really, answer = house.upstream.discover, house.upstream.answer

        async def listed():
            order.append("listed")
            return await really()

        def answered(request):
            order.append(tool_of(request))
            return answer(request)

        house.upstream.discover, house.upstream.answer = listed, answered
        house.live.unsettle("git")
        assert all(isinstance(one, Served) for one in await asyncio.gather(house.status(), house.call("git_log")))
        assert order[0] == "listed"
        assert sorted(order) == ["git_log", "git_status", "listed"]
        assert house.live.unseen == {}
        retyped(house)
        house.live.unsettle("git")
        assert isinstance(await house.status(), Pending)
        assert house.sent("git_status") == [{"repo_path": "/srv/app"}]

    run(check())


def test_a_server_that_is_started_anew_while_a_call_waits_for_it_is_looked_at_first():
    async def check():
        for change in (None, retyped):
            house = await open_house()
            house.upstream.starting = asyncio.Event()
            call = asyncio.create_task(house.status())
            while not house.upstream.exchanges:
                await asyncio.sleep(0)
            house.live.unsettle("git")
            if change is not None:
                change(house)
            house.upstream.starting.set()
            answer = await call
            if change is None:
                assert isinstance(answer, Served)
                assert len(house.sent("git_status")) == 1
            else:
                assert isinstance(answer, Failed), answer
                assert answer.code == "stopped"
                assert house.sent("git_status") == []
                assert isinstance(await house.status(), Pending)

    run(check())


def test_a_server_that_goes_on_saying_that_it_changed_is_sent_nothing():
    async def check():
        house = await open_house()
        looks = 0
        really = house.upstream.discover

        async def listed():
            nonlocal looks
            looks += 1
            house.live.unsettle("git")
            return await really()

        house.upstream.discover = listed
        house.live.unsettle("git")
        answer = await house.status()
        assert isinstance(answer, Failed)
        assert answer.code == "definitions_unseen"
        assert house.sent() == []
        assert looks <= MOST_LOOKS + 2
        (ended,) = await house.events("finished")
        assert ended.outcome == "not_sent"

    run(check())


def test_a_server_that_cannot_be_looked_at_is_sent_nothing():
    async def check():
        house = await open_house()

        async def away():
            raise UpstreamError("away", code="not_sent")

        really, house.upstream.discover = house.upstream.discover, away
        house.live.unsettle("git")
        answer = await house.status()
        assert isinstance(answer, Failed)
        assert answer.code == "definitions_unseen"
        assert house.sent() == []
        house.upstream.discover = really
        assert isinstance(await house.status(), Served)

    run(check())


def test_an_approved_call_waits_for_the_look_too():
    async def check():
        for change in (None, _gone_commit):
            house = await open_house()
            held = await house.commit()
            house.live.unsettle("git")
            if change is not None:
                change(house)
            await house.approve(held.hold)
            assert len(house.sent("git_commit")) == (change is None)

    run(check())


def _gone_commit(house):
    house.upstream.tools.remove(tool(house, "git_commit"))


def test_what_was_compared_before_a_confirmation_holds_nothing_after_it():
    async def check():
        house = await open_house()
        really, waits = house.upstream.discover, asyncio.Event()
        retyped(house)

        async def slow():
            found = await really()
            await waits.wait()
            return found

        house.upstream.discover = slow
        old = asyncio.create_task(look(house))
        await asyncio.sleep(0)
        house.upstream.discover = really
        await confirm(house)
        waits.set()
        await old
        assert isinstance(await house.call("git_log"), Served)
        assert house.live.connected["git"].drift.held == frozenset()

    run(check())


def test_drift_that_cannot_be_recorded_holds_all_the_same():
    async def check():
        house = await open_house()
        retyped(house)
        house.store.fail_from_now(0)
        with pytest.raises(StoreError):
            await look(house)
        assert isinstance(await house.status(), Pending)

    run(check())


def test_a_look_that_began_before_the_change_is_followed_by_another():
    async def check():
        house = await open_house()
        really, waits = house.upstream.discover, asyncio.Event()

        async def slow():
            found = await really()
            house.upstream.discover = really
            await waits.wait()
            return found

        house.upstream.discover = slow
        old = asyncio.create_task(looked_at(house.rooms.tenancy, "git"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        retyped(house)
        house.live.unsettle("git")
        call = asyncio.create_task(house.status())
        await asyncio.sleep(0)
        waits.set()
        assert isinstance(await call, Pending)
        await old
        assert house.live.unseen == {}

    run(check())


def test_a_server_that_says_something_else_all_the_time_fills_no_ledger():
    async def check():
        house = await open_house()
        for number in range(drift.MOST_AN_HOUR * 2):
            tool(house, "git_status")["inputSchema"]["properties"]["repo_path"]["type"] = f"t{number}"
            house.upstream.tools[1]["description"] = f"Other words {number}."
            house.upstream.tools[2:] = [*house.upstream.tools[2:], {"name": f"new_{number}", "inputSchema": {}}]
            await look(house)
        assert len(await house.events("drift_seen")) == drift.MOST_AN_HOUR
        assert isinstance(await house.status(), Pending)
        house.clock.forward(drift.HOUR_MS)
        for _ in range(2):
            await look(house)
        seen = await house.events("drift_seen")
        assert len(seen) == drift.MOST_AN_HOUR + 1
        assert len(seen[-1].new) == drift.MOST_AN_HOUR * 2

    run(check())


def test_a_server_whose_look_never_ends_keeps_no_other_from_being_looked_at(monkeypatch):
    monkeypatch.setattr(drift.looked_at, "__defaults__", (0.05,))

    async def check():
        house = await open_house()
        other = await plain(house)
        hangs, really, looked = asyncio.Event(), other.discover, []

        async def hanging():
            await hangs.wait()
            return await really()

        async def noted():
            looked.append("notes")
            return await really()

        house.upstream.discover, other.discover = hanging, noted
        built = SimpleNamespace(house=house.rooms, drift=ChangedNames())
        async with asyncio.timeout(20):
            await _drift(built)
            assert looked == ["notes"]
            for name in ("git", "notes"):
                built.drift.put(name)
                await _changed(built)
            assert looked == ["notes"] * 2
        hangs.set()
        await house.rooms.tenancy.looks["git"]

    run(check())
