"""What servers announce reaches who listens, once in a while, and nothing else of it goes anywhere."""

import asyncio
from typing import Any

import msgspec
import pytest

from callgate.flow.announcing import LISTS, Heard, Listener
from callgate.flow.listening import FIRST_PAUSE_S, MOST_REFUSALS, OWN, QUIET_S
from callgate.flow.ports import Wish
from callgate.flow.serving import EVERYTHING
from callgate.model.call import SUBSCRIBE
from callgate.model.errors import UpstreamError
from callgate.model.terms import HaltScope
from tests.fakes.house import ALL_ROLES, BOUND_S, House, open_house, run
from tests.fakes.upstream import FakeStanding

SESSION = Wish(session="up-1", protocol="2025-11-25")
SHARED = Wish(protocol="2026-07-28", lists=LISTS)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.flow.listening.QUIET_S", QUIET_S / 100)
    monkeypatch.setattr("callgate.flow.listening.FIRST_PAUSE_S", FIRST_PAUSE_S / 100)


class Ear:
    """A listener, and what it heard."""

    def __init__(
        self, *lists: str, uris: tuple[str, ...] = (), level: int | None = None, integration: str = "git"
    ) -> None:
        self.heard: list[Heard] = []
        self._came = asyncio.Event()
        self.listener = Listener(integration, frozenset(lists or LISTS), set(uris), self._hear, lambda: level)

    def _hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        self._came.set()

    async def until(self, count: int) -> list[Heard]:
        async with asyncio.timeout(BOUND_S):
            while len(self.heard) < count:
                self._came.clear()
                await self._came.wait()
        return self.heard


async def standing(house: House, number: int = 1) -> FakeStanding:
    async with asyncio.timeout(BOUND_S):
        while len(house.upstream.standing) < number:
            await asyncio.sleep(0)
    return house.upstream.standing[number - 1]


async def listening_house() -> House:
    house = await open_house()
    house.upstream.no_stream = None
    async with asyncio.timeout(BOUND_S):
        # Connecting it was announced, to nobody.
        while house.rooms.listeners._quiet:
            await asyncio.sleep(0)
    return house


def over_http(house: House, name: str = "git") -> None:
    connected = house.live.connected[name]
    connected.integration = msgspec.structs.replace(
        connected.integration, command=(), url="https://git.example.com/mcp"
    )


def test_a_confirmed_server_over_http_is_listened_to_whoever_else_does() -> None:
    async def check() -> None:
        house = await listening_house()
        listeners = house.rooms.listeners
        listeners.attend()
        assert not listeners._pumps, "a local server is heard anyway"
        over_http(house)
        listeners.attend()
        listeners.attend()
        stream = await standing(house)
        assert stream.wish == OWN
        ear = Ear()
        listeners.add(ear.listener, SHARED)()
        stream.say(note("tools/list_changed"), note("message", level="error", data="x"))
        stream.say(None)
        assert (await standing(house, 2)).wish == OWN, "opened again when it ended"
        await listeners.close()
        assert all(one.closed for one in house.upstream.standing)

    run(check())


def test_a_server_without_a_stream_is_asked_again_only_when_told_to() -> None:
    async def check() -> None:
        house = await listening_house()
        over_http(house)
        asked = house.upstream.no_stream = UpstreamError("no stream", code="not_found")
        listeners = house.rooms.listeners
        listeners.attend()
        (pump,) = listeners._pumps.values()
        await asyncio.wait((pump,), timeout=BOUND_S)
        assert pump.done() and asked is house.upstream.no_stream
        house.upstream.no_stream = None
        listeners.attend()
        assert (await standing(house)).wish == OWN
        await listeners.close()

    run(check())


def note(method: str, **params: Any) -> dict[str, Any]:
    return {"method": f"notifications/{method}", "params": params}


def test_a_servers_lists_are_announced_and_its_updates_to_who_subscribed() -> None:
    async def check() -> None:
        house = await listening_house()
        listeners = house.rooms.listeners
        mine, other = Ear(uris=("file:///a",)), Ear("tools", uris=("file:///b",))
        leave = listeners.add(mine.listener, SESSION)
        listeners.add(other.listener, msgspec.structs.replace(SESSION, session="up-2"))
        stream = await standing(house)
        assert stream.wish == SESSION
        stream.say(
            note("resources/updated", uri="file:///b"),
            note("resources/updated", uri=7),
            note("prompts/list_changed"),
            note("resources/updated", uri="file:///a"),
            note("tools/list_changed"),
        )
        heard = await mine.until(3)
        assert [(one.kind, one.uri) for one in heard] == [("prompts", ""), ("updated", "file:///a"), ("tools", "")]
        assert [one.kind for one in await other.until(1)] == ["tools"]
        leave()
        leave()
        async with asyncio.timeout(BOUND_S):
            while not stream.closed:
                await asyncio.sleep(0)
        await listeners.close()

    run(check())


def test_a_flood_of_announcements_is_one_and_one_more() -> None:
    async def check() -> None:
        house = await listening_house()
        ear = Ear("tools")
        house.rooms.listeners.add(ear.listener, SHARED)
        stream = await standing(house)
        stream.say(*(note("tools/list_changed") for _ in range(10_000)))
        await ear.until(2)
        await asyncio.sleep(QUIET_S / 25)
        assert len(ear.heard) == 2
        await house.rooms.listeners.close()

    run(check())


def test_lists_alone_share_one_stream() -> None:
    async def check() -> None:
        house = await listening_house()
        ears = [Ear() for _ in range(50)]
        leave = [house.rooms.listeners.add(ear.listener, SHARED) for ear in ears]
        stream = await standing(house)
        stream.say(note("tools/list_changed"))
        for ear in ears:
            await ear.until(1)
        assert len(house.upstream.standing) == 1
        for one in leave:
            one()
        async with asyncio.timeout(BOUND_S):
            while not stream.closed:
                await asyncio.sleep(0)

    run(check())


def test_requests_and_answers_on_a_standing_stream_go_nowhere() -> None:
    async def check() -> None:
        house = await listening_house()
        ear = Ear()
        house.rooms.listeners.add(ear.listener, SESSION)
        stream = await standing(house)
        asked = [{"id": number, "method": "elicitation/create", "params": {}} for number in range(1_000)]
        stream.say(*asked, note("progress", progressToken="x", progress=1), note("tools/list_changed"))
        assert [one.kind for one in await ear.until(1)] == ["tools"]
        assert len(stream.refused) == MOST_REFUSALS
        await house.rooms.listeners.close()

    run(check())


def test_log_messages_by_level_and_by_known_members() -> None:
    async def check() -> None:
        house = await listening_house()
        loud, quiet = Ear(level=4), Ear(level=None)
        house.rooms.listeners.add(loud.listener, SESSION)
        house.rooms.listeners.add(quiet.listener, SESSION)
        stream = await standing(house)
        stream.say(
            note("message", level="debug", data=1),
            note("message", level="shout", data=1),
            note("message", level="error", data={"n": 1}, logger="x", token="secret"),
            note("message", level="error", data="x" * 100_000),
            note("tools/list_changed"),
        )
        heard = await loud.until(2)
        assert msgspec.json.decode(heard[0].params) == {"level": "error", "data": {"n": 1}, "logger": "x"}
        assert [one.kind for one in await quiet.until(1)] == ["tools"]
        await house.rooms.listeners.close()

    run(check())


def test_a_stream_that_ends_is_opened_again_and_one_that_there_is_not_is_not() -> None:
    async def check() -> None:
        house = await listening_house()
        ear = Ear()
        house.rooms.listeners.add(ear.listener, SHARED)
        (await standing(house)).say(note("tools/list_changed"), None)
        await ear.until(1)
        second = await standing(house, 2)
        house.upstream.no_stream = UpstreamError("away", code="not_sent")
        second.say(None)
        await asyncio.sleep(FIRST_PAUSE_S / 50)
        house.upstream.no_stream = None
        await standing(house, 3)
        house.upstream.no_stream = UpstreamError("none", code="not_found")
        house.upstream.standing[2].say(None)
        async with asyncio.timeout(BOUND_S):
            while not house.upstream.standing[2].closed:
                await asyncio.sleep(0)
        await house.rooms.listeners.close()

    run(check())


def test_confirming_other_definitions_is_announced() -> None:
    async def check() -> None:
        house = await open_house()
        ear, everything = Ear(), Ear(integration=EVERYTHING)
        house.rooms.listeners.add(ear.listener, None)
        house.rooms.listeners.add(everything.listener, None)
        house.upstream.tools = house.upstream.tools[:-1]
        found = await house.admin.refresh_integration("git")
        await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "git", found.digest)
        assert [one.kind for one in await ear.until(3)] == list(LISTS)
        assert [one.kind for one in await everything.until(1)] == ["tools"]

    run(check())


def test_who_may_listen() -> None:
    async def check() -> None:
        house = await open_house()
        gate, mine = house.gatehouse, house.credential()
        assert gate.may_listen(mine, "git")
        assert gate.may_listen(mine, EVERYTHING)
        assert not gate.may_listen(mine, "mail")
        assert not gate.may_listen(house.credential(integrations=("mail",)), "git")
        assert not gate.may_listen(house.credential(expires_ms=house.clock.ms), "git")
        halt = await house.halt(HaltScope.INITIATOR, "ana")
        assert halt
        assert not gate.may_listen(mine, "git")
        assert not gate.may_listen(mine, EVERYTHING)
        assert gate.may_listen(house.credential("ben"), EVERYTHING)
        gate.closing = True
        assert not gate.may_listen(house.credential("ben"), "git")

    run(check())


def test_a_subscription_without_a_call_is_judged_and_recorded() -> None:
    async def check() -> None:
        house = await open_house()
        asked = house.request(SUBSCRIBE, method=SUBSCRIBE)
        assert not await house.gatehouse.may_subscribe(asked)
        (event,) = [one for one in await house.envelopes("decided") if one.data.body.tool == SUBSCRIBE]
        assert event.data.body.effect == "deny"
        assert await house.kinds(event.data.call) == ["Decided"]

    run(check())
