"""What a server asks back inside a call: off, judged, refused, recorded."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from callgate.flow.asking import MOST_ASKS, MOST_REFUSALS
from callgate.flow.connect import reconnect
from callgate.flow.rows import put
from callgate.model.answer import Served
from callgate.model.bundle import PolicyFile
from callgate.model.errors import UpstreamError
from callgate.model.event import AsksRefused, CallUnknown, Decided, Finished
from callgate.model.inquiry import ASKS, Inquiry
from callgate.model.store import Kind, Unit
from callgate.model.terms import HaltScope
from tests.fakes.asking import ask_back, elicit, roots, sample
from tests.fakes.house import House, open_house, run

WORDS = ("elicitation.form", "sampling", "roots")
Answers = Callable[[Inquiry], dict[str, Any] | None]


async def asking_house(asks: tuple[str, ...] = tuple(ASKS), **more: Any) -> House:
    house = await open_house(**more)
    git = msgspec.structs.replace(house.live.integrations["git"], asks=asks)
    change = put("git", git, expect=house.live.version(Kind.INTEGRATION, "git"))
    await house.rooms.tenancy.write(Unit(changes=(change,)))
    reconnect(house.rooms.tenancy)
    return house


class Client:
    def __init__(self, answer: Answers) -> None:
        self.answer = answer
        self.asked: list[Inquiry] = []

    async def __call__(self, asked: Inquiry) -> dict[str, Any] | None:
        self.asked.append(asked)
        return self.answer(asked)


def ana(asked: Inquiry) -> dict[str, Any]:
    if asked.method == "elicitation/create":
        return {"action": "accept", "content": {"name": "Ana"}}
    if asked.method == "roots/list":
        return {"roots": [{"uri": "file:///srv/app"}]}
    return {"role": "assistant", "content": {"type": "text", "text": "hello"}, "model": "m"}


async def decided(house: House, tool: str) -> list[Any]:
    return [one for one in await house.envelopes("decided") if one.data.body.tool == tool]


async def use_policy(house: House, effect: str, more: str = "") -> None:
    text = (
        f'@id("no-roots")\n@reason("Folders stay here.")\n@owner("security")\n@effect("{effect}")\n{more}'
        'forbid (principal, action, resource == Callgate::Tool::"git/roots/list");\n'
    )
    bundle = house.live.bundle
    assert bundle is not None
    await house.use_bundle(policies=(*bundle.policies, PolicyFile(name="roots.cedar", text=text)))


def test_an_answer_is_judged_as_a_call_derived_from_the_running_one() -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, elicit(), sample(), roots())
        client = Client(ana)
        served = await house.status(asks=WORDS, inquire=client)
        assert isinstance(served, Served)
        assert {one["id"]: one["result"] for one in exchange.answers} == {
            "s-1": {"action": "accept", "content": {"name": "Ana"}},
            "s-2": {"role": "assistant", "content": {"type": "text", "text": "hello"}, "model": "m"},
            "s-3": {"roots": [{"uri": "file:///srv/app"}]},
        }
        for tool in ASKS.values():
            (event,) = await decided(house, tool)
            assert event.data.body.derived_from == served.call_id
            assert (event.data.body.effect, event.data.body.tier) == ("allow", "read")
            assert await house.kinds(event.data.call) == ["Decided", "Finished"]
        for leaf in await house.store.leaves(0, (await house.store.head()).size):
            assert b"Ana" not in leaf.data
        assert not house.live.open_calls
        assert not await house.events("asks_refused")

    run(check())


@pytest.mark.parametrize("words", [(), ("roots",)])
def test_what_was_not_declared_is_refused_and_recorded(words: tuple[str, ...]) -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, elicit())
        client = Client(ana)
        served = await house.status(asks=words, inquire=client)
        assert isinstance(served, Served)
        assert exchange.answers[0]["error"]["code"] == -32601
        assert not client.asked
        (refused,) = await house.events("asks_refused", served.call_id)
        assert refused == AsksRefused(1, ("elicitation/create",), ("not_declared" if words else "off",))
        assert not await decided(house, "elicitation/create")

    run(check())


def test_a_method_that_nobody_knows_leaves_no_words_in_the_ledger() -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, {"id": 1, "method": "hunter2/ana@example.org"}, {"id": 2, "method": "ping"})
        served = await house.status(asks=WORDS, inquire=Client(ana))
        assert isinstance(served, Served)
        assert exchange.answers[0]["error"]["code"] == -32601
        assert exchange.answers[1]["result"] == {}
        (refused,) = await house.events("asks_refused", served.call_id)
        assert refused == AsksRefused(1, ("other",), ("unknown_method",))

    run(check())


def test_a_session_older_than_the_configuration_asks_nothing() -> None:
    async def check() -> None:
        house = await asking_house(("roots",))
        exchange = ask_back(house.upstream, elicit(), roots())
        client = Client(ana)
        await house.status(asks=WORDS, inquire=client)
        assert exchange.answers[0]["error"]["code"] == -32601
        assert [asked.method for asked in client.asked] == ["roots/list"]

    run(check())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"action": "accept", "content": {"name": "Ana", "password": "hunter2"}},
        {"action": "accept", "content": {"name": ["a", "b"]}},
        {"action": "whatever"},
        {"action": "accept", "content": {"name": float("nan")}},
    ],
)
def test_an_answer_that_may_not_leave_is_declined_and_the_call_goes_on(answer: Any) -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, elicit())
        served = await house.status(asks=WORDS, inquire=Client(lambda _: answer))
        assert isinstance(served, Served)
        assert exchange.answers == [{"jsonrpc": "2.0", "id": "s-1", "result": {"action": "decline"}}]
        for event in await decided(house, "elicitation/create"):
            assert event.data.body.effect == "deny"
            assert await house.kinds(event.data.call) == ["Decided"]

    run(check())


def test_an_answer_that_rules_would_hold_is_not_given() -> None:
    async def check() -> None:
        house = await asking_house()
        await use_policy(house, "hold", '@ask("meant")\n')
        exchange = ask_back(house.upstream, roots())
        assert isinstance(await house.status(asks=WORDS, inquire=Client(ana)), Served)
        assert exchange.answers[0]["error"]["code"] == -1
        (event,) = await decided(house, "roots/list")
        assert event.data.body.effect == "deny"
        assert "cannot_wait" in {finding.code for finding in event.data.body.findings}
        assert not await house.holds_in()

    run(check())


def test_a_halt_while_the_client_thinks_keeps_the_answer_here() -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, elicit())

        async def slow(asked: Inquiry) -> dict[str, Any]:
            await house.halt(HaltScope.INTEGRATION, "git")
            return ana(asked)

        await house.status(asks=WORDS, inquire=slow)
        assert exchange.answers == [{"jsonrpc": "2.0", "id": "s-1", "result": {"action": "decline"}}]
        (event,) = await decided(house, "elicitation/create")
        assert event.data.body.effect == "deny"

    run(check())


def test_a_thousand_requests_are_bounded() -> None:
    async def check() -> None:
        house = await asking_house()
        asks = [elicit(number) for number in range(1_000)]
        exchange = ask_back(house.upstream, *asks, wanted=MOST_ASKS + MOST_REFUSALS)
        client = Client(ana)
        served = await house.status(asks=WORDS, inquire=client)
        assert isinstance(served, Served)
        assert len(client.asked) == MOST_ASKS
        assert len(exchange.answers) == MOST_ASKS + MOST_REFUSALS
        (refused,) = await house.events("asks_refused", served.call_id)
        assert (refused.count, refused.codes) == (1_000 - MOST_ASKS, ("too_many",))

    run(check())


def test_the_same_id_twice_is_asked_once() -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, elicit("a"), elicit("a"))
        client = Client(ana)
        served = await house.status(asks=WORDS, inquire=client)
        assert isinstance(served, Served)
        assert len(client.asked) == 1
        assert {next(iter(answer.keys() - {"jsonrpc", "id"})) for answer in exchange.answers} == {"error", "result"}

    run(check())


def test_the_end_of_the_call_ends_the_asking() -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, elicit(), wanted=0)
        ended = asyncio.Event()

        async def never(_: Inquiry) -> dict[str, Any] | None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return None

        served = await house.status(asks=WORDS, inquire=never)
        assert isinstance(served, Served)
        assert not exchange.answers
        assert await decided(house, "elicitation/create") == []

    run(check())


def test_a_server_may_take_its_request_back() -> None:
    async def check() -> None:
        house = await asking_house()
        back = {"method": "notifications/cancelled", "params": {"requestId": "s-1"}}
        exchange = ask_back(house.upstream, elicit(), back, roots(), wanted=1)

        async def client(asked: Inquiry) -> dict[str, Any]:
            if asked.method != "roots/list":
                await asyncio.Event().wait()
            return ana(asked)

        assert isinstance(await house.status(asks=WORDS, inquire=client), Served)
        assert [answer["id"] for answer in exchange.answers] == ["s-3"]

    run(check())


@pytest.mark.parametrize(
    ("code", "kind"),
    [("not_sent", CallUnknown), ("rejected", Finished), ("closed", Finished)],
)
def test_an_answer_that_did_not_arrive_is_recorded_as_what_it_is(code: str, kind: type) -> None:
    async def check() -> None:
        house = await asking_house()
        ask_back(house.upstream, elicit(), fault=UpstreamError("no", code=code))
        assert isinstance(await house.status(asks=WORDS, inquire=Client(ana)), Served)
        (event,) = await decided(house, "elicitation/create")
        last = (await house.events(call=event.data.call))[-1]
        assert isinstance(last, kind)
        assert len(house.live.open_calls) == (kind is CallUnknown)

    run(check())


def test_an_answer_that_cannot_be_recorded_is_not_sent() -> None:
    async def check() -> None:
        house = await asking_house()
        exchange = ask_back(house.upstream, elicit())
        house.store.fail_from_now(1)
        served = await house.status(asks=WORDS, inquire=Client(ana))
        assert isinstance(served, Served)
        assert exchange.answers == [{"jsonrpc": "2.0", "id": "s-1", "result": {"action": "decline"}}]
        assert not await decided(house, "elicitation/create")

    run(check())


def test_answers_count_as_calls_of_the_minute() -> None:
    async def check() -> None:
        house = await asking_house()
        bundle = house.live.bundle
        assert bundle is not None
        await house.use_bundle(rates=msgspec.structs.replace(bundle.rates, initiator=1, kinds=()))
        exchange = ask_back(house.upstream, elicit())
        assert isinstance(await house.status(asks=WORDS, inquire=Client(ana)), Served)
        assert exchange.answers[0]["result"] == {"action": "decline"}
        (event,) = await decided(house, "elicitation/create")
        assert {finding.code for finding in event.data.body.findings} >= {"rate_limited"}

    run(check())


def test_policies_see_an_answer_as_a_tool_of_its_own() -> None:
    async def check() -> None:
        house = await asking_house()
        await use_policy(house, "deny")
        exchange = ask_back(house.upstream, roots(), elicit())
        await house.status(asks=WORDS, inquire=Client(ana))
        told = {answer["id"]: answer for answer in exchange.answers}
        assert told["s-3"]["error"]["code"] == -1
        assert told["s-1"]["result"]["action"] == "accept"

    run(check())


def test_a_decided_answer_of_an_execute_call_is_a_draft() -> None:
    async def check() -> None:
        house = await asking_house()
        ask_back(house.upstream, elicit(), roots())
        served = await house.branch(asks=WORDS, inquire=Client(ana))
        assert isinstance(served, Served)
        tiers = {event.body.tier for event in [one.data for one in await decided(house, "elicitation/create")]}
        assert tiers == {"draft"}
        assert {one.data.body.tier for one in await decided(house, "roots/list")} == {"read"}
        assert all(isinstance(one.data.body, Decided) for one in await decided(house, "roots/list"))

    run(check())
