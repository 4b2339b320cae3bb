"""Standing streams, where a server or a client means ill."""

import asyncio

import pytest

from callgate.flow.denials import PER_WINDOW
from callgate.flow.listening import FIRST_PAUSE_S
from callgate.flow.ports import Wish
from callgate.model.bundle import PolicyFile
from callgate.model.call import SUBSCRIBE
from callgate.model.terms import HaltScope
from tests.fakes.house import open_house, run
from tests.flow.test_listening import SESSION, SHARED, Ear, listening_house, note, standing
from tests.flow.test_methods import ALL, confirm, library

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.flow.listening.QUIET_S", 0.01)
    monkeypatch.setattr("callgate.flow.listening.FIRST_PAUSE_S", FIRST_PAUSE_S / 100)


def test_without_sessions_nobody_hears_log_messages() -> None:
    """A server that gives no session has one stream for all: what it logs may be about anybody's call."""

    async def check() -> None:
        house = await listening_house()
        nobody = Wish(session="", protocol="2025-11-25")
        ana, ben = Ear(level=0), Ear(level=0)
        house.rooms.listeners.add(ana.listener, nobody)
        house.rooms.listeners.add(ben.listener, nobody)
        (await standing(house)).say(note("message", level="error", data="of Ana's call"), note("tools/list_changed"))
        assert [one.kind for one in await ana.until(1)] == ["tools"]
        assert [one.kind for one in await ben.until(1)] == ["tools"]
        await house.rooms.listeners.close()

    run(check())


@pytest.mark.parametrize("wish", [SESSION, SHARED])
def test_a_server_that_is_slow_once_is_asked_again(wish: Wish) -> None:
    async def check() -> None:
        house = await listening_house()
        listen, slow = house.upstream.listen, [True]

        async def late(wished: Wish):  # type: ignore[no-untyped-def]
            if slow.pop() if slow else False:
                raise TimeoutError
            return await listen(wished)

        house.upstream.listen = late  # type: ignore[method-assign]
        ear = Ear()
        house.rooms.listeners.add(ear.listener, wish)
        (await standing(house)).say(note("tools/list_changed"))
        await ear.until(1)
        await house.rooms.listeners.close()

    run(check())


def test_subscriptions_that_are_denied_are_counted_like_calls() -> None:
    """One request can name 256 resources: it must not fill the ledger."""

    async def check() -> None:
        house = await open_house()
        for number in range(PER_WINDOW + 40):
            asked = house.request(SUBSCRIBE, method=SUBSCRIBE, arguments={"uri": f"file:///{number}"})
            assert not await house.gatehouse.may_subscribe(asked)
        assert len(await house.events("decided")) == PER_WINDOW
        await house.rooms.runner.flush()
        (counted,) = await house.events("denials_counted")
        assert counted.count == 40

    run(check())


NO_MORE = '@id("no") @reason("No.") @owner("security") @effect("deny") forbid (principal, action, resource);'


@pytest.mark.parametrize("change", ["deny", "halt", "another"])
def test_what_was_subscribed_to_is_told_as_long_as_it_may_be_read(change: str) -> None:
    async def check() -> None:
        house = await library()
        house.upstream.offers = (*ALL, "resources.subscribe")
        house.upstream.no_stream = None
        await confirm(house)
        ear = Ear(uris=("file:///srv/a", "file:///etc/b", "file:///end"))
        leave = house.gatehouse.listen(house.credential(), ear.listener, SESSION)
        stream = await standing(house)
        told = [note("resources/updated", uri=uri) for uri in ("file:///etc/b", "file:///srv/a", "file:///end")]

        async def heard() -> list[str]:
            """What of the three is told now; the last one is a mark that the others were seen."""
            ear.heard.clear()
            marked, may = asyncio.Event(), ear.listener.may
            ear.listener.may = lambda uri: (marked.set(), False)[1] if uri == "file:///end" else may(uri)
            stream.say(*told)
            await marked.wait()
            ear.listener.may = may
            return [one.uri for one in ear.heard if one.kind == "updated"]

        assert await heard() == ["file:///srv/a"]
        bundle = house.live.bundle
        assert bundle is not None
        if change == "halt":
            await house.halt(HaltScope.INTEGRATION, "git")
        elif change == "another":
            await house.waiting(grace_ms=1)
        else:
            policy = PolicyFile(name="no.cedar", text=NO_MORE)
            await house.use_bundle(policies=(*bundle.policies, policy))
        assert await heard() == (["file:///srv/a"] if change == "another" else [])
        leave()
        await house.rooms.listeners.close()

    run(check())
