"""Standing streams, where a server or a client means ill."""

import pytest

from callgate.flow.denials import PER_WINDOW
from callgate.flow.listening import FIRST_PAUSE_S
from callgate.flow.ports import Wish
from callgate.model.call import SUBSCRIBE
from tests.fakes.house import open_house, run
from tests.flow.test_listening import SESSION, SHARED, Ear, listening_house, note, standing

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
