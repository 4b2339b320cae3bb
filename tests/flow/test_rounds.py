"""Rounds of one call: sealed, judged, once, and under one approval."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from callgate.core.rounds import MOST_ROUNDS
from callgate.flow.rounds import LIVE_MS
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.errors import UpstreamError
from callgate.model.inquiry import ASKS, Continued
from callgate.model.terms import HaltScope
from tests.fakes.asking import FORM
from tests.fakes.house import House, run, said
from tests.fakes.upstream import arguments_of, tool_of
from tests.flow.test_asking import asking_house

MODERN = "2026-07-28"
WORDS = ("elicitation.form", "sampling", "roots")
NAME = {"action": "accept", "content": {"name": "Ana"}}
ROOTS = {"roots": [{"uri": "file:///srv/app"}]}
WHO = {"method": "elicitation/create", "params": {"message": "Who?", "requestedSchema": FORM}}


def needs(state: str | None = "s-1", **requests: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"resultType": "input_required", "inputRequests": requests or {"who": WHO}}
    return made if state is None else {**made, "requestState": state}


def params(request: Any) -> dict[str, Any]:
    return dict(msgspec.json.decode(request.params))


def asks_once(request: Any) -> dict[str, Any]:
    """A server that wants a name, and then gives a result. State pins are read without questions."""
    if tool_of(request) not in ("git_status", "git_create_branch", "git_commit") or "inputResponses" in params(request):
        return said(f"done {json.dumps(params(request).get('inputResponses'))}")
    return needs() if request.capabilities else said("no questions")


async def rounds_house(answer: Any = asks_once, asks: tuple[str, ...] = tuple(ASKS), **more: Any) -> House:
    house = await asking_house(asks, **more)
    house.upstream.answer = answer
    return house


def first(words: tuple[str, ...] = WORDS) -> dict[str, Any]:
    return {"asks": words, "protocol": MODERN}


def then(state: str | None, answers: dict[str, Any], words: tuple[str, ...] = WORDS) -> dict[str, Any]:
    return {**first(words), "continued": Continued(answers=answers, sealed=state)}


def asked(answer: Any) -> dict[str, Any]:
    """What the client is told: an InputRequiredResult."""
    assert isinstance(answer, Served), answer
    told = json.loads(answer.result)
    assert told["resultType"] == "input_required", told
    return dict(told)


def codes(answer: Any) -> set[str]:
    assert isinstance(answer, Refused), answer
    return {finding.code for finding in answer.findings}


def test_a_round_is_a_call_derived_from_the_one_before() -> None:
    async def check() -> None:
        house = await rounds_house()
        one = await house.status(**first())
        told = asked(one)
        assert told["inputRequests"] == {"who": WHO}
        assert "s-1" not in told["requestState"]
        two = await house.status(**then(told["requestState"], {"who": NAME, "other": NAME}))
        assert isinstance(two, Served)
        assert isinstance(one, Served)
        assert json.loads(two.result)["content"][0]["text"] == f"done {json.dumps({'who': NAME})}"
        sent = params(house.upstream.sent[-1])
        assert (sent["requestState"], sent["inputResponses"]) == ("s-1", {"who": NAME})
        assert sent["arguments"] == params(house.upstream.sent[-2])["arguments"]
        assert json.loads(house.upstream.sent[-1].capabilities) == {
            "elicitation": {"form": {}},
            "sampling": {},
            "roots": {},
        }
        assert (await house.events("finished", one.call_id))[0].outcome == "input_required"
        (link,) = await house.events("round_linked", two.call_id)
        assert (link.first, link.before, link.number, link.answers) == (one.call_id, one.call_id, 2, 1)
        (decided,) = await house.events("decided", two.call_id)
        assert decided.derived_from == one.call_id
        (child,) = [e for e in await house.envelopes("decided") if e.data.body.tool == "elicitation/create"]
        assert child.data.body.derived_from == two.call_id
        assert await house.kinds(child.data.call) == ["Decided", "Finished"]
        for leaf in await house.store.leaves(0, (await house.store.head()).size):
            assert b"Ana" not in leaf.data
        assert not house.live.open_calls

    run(check())


def test_only_one_next_round_whatever_is_sent_twice() -> None:
    async def check() -> None:
        house = await rounds_house()
        state = asked(await house.status(**first()))["requestState"]
        both = await asyncio.gather(*(house.status(**then(state, {"who": NAME})) for _ in range(2)))
        assert [type(answer) for answer in both] == [Served, Served]
        assert both[0] == both[1]
        assert len(house.upstream.sent) == 2
        late = await house.status(**then(state, {"who": NAME}))
        assert codes(late) == {"round_used"}
        other = await house.status(**then(state, {"who": {"action": "decline"}}))
        assert codes(other) == {"round_used"}
        assert await house.crash() == 0
        assert codes(await house.status(**then(state, {"who": NAME}))) == {"round_used"}
        assert len(house.upstream.sent) == 2

    run(check())


def test_a_state_is_for_its_own_call_alone() -> None:
    async def check() -> None:
        house = await rounds_house()
        state = asked(await house.status(**first()))["requestState"]
        answers = {"who": NAME}
        for wrong in (
            await house.status(**then(state + "x", answers)),
            await house.status(**then("A" + state[1:], answers)),
            await house.status(**then("", answers)),
            await house.status(**then("é" * 40, answers)),
            await house.status(**then(state, answers), credential=house.credential(runtime="claude-code")),
            await house.call("git_status", {"repo_path": "/srv/other"}, **then(state, answers)),
            await house.call("git_log", **then(state, answers)),
        ):
            assert "round_unknown" in codes(wrong)
        house.clock.ms += LIVE_MS
        assert codes(await house.status(**then(state, answers))) == {"round_over"}
        assert len(house.upstream.sent) == 1

    run(check())


def test_a_server_that_never_has_enough_is_stopped() -> None:
    async def check() -> None:
        house = await rounds_house(lambda _: needs())
        answer = await house.status(**first())
        for number in range(2, MOST_ROUNDS + 1):
            answer = await house.status(**then(asked(answer)["requestState"], {"who": NAME}))
            (link,) = await house.events("round_linked", answer.call_id)  # type: ignore[union-attr]
            assert link.number == number
        last = await house.status(**then(asked(answer)["requestState"], {"who": NAME}))
        assert codes(last) == {"round_limit"}
        assert len(house.upstream.sent) == MOST_ROUNDS

    run(check())


@pytest.mark.parametrize(
    ("result", "words", "asks"),
    [
        (needs(), WORDS, ()),
        (needs(), ("roots",), tuple(ASKS)),
        (needs(), WORDS, ("roots",)),
        (needs(x={"method": "tools/call", "params": {}}), WORDS, tuple(ASKS)),
        (needs(x={"method": "elicitation/create", "params": {"message": "x", "mode": "url", "url": "http://x/"}}), WORDS, tuple(ASKS)),
        (needs(**{f"k{n}": WHO for n in range(17)}), WORDS, tuple(ASKS)),
        ({"resultType": "input_required"}, WORDS, tuple(ASKS)),
        ({"resultType": "input_required", "requestState": 7}, WORDS, tuple(ASKS)),
        ({"resultType": "task", "taskId": "t"}, WORDS, tuple(ASKS)),
    ],
)  # fmt: skip
def test_what_a_server_may_not_ask_is_not_passed_on(
    result: dict[str, Any], words: tuple[str, ...], asks: tuple[str, ...]
) -> None:
    async def check() -> None:
        house = await rounds_house(lambda _: result, asks)
        answer = await house.status(**first(words))
        assert isinstance(answer, Failed)
        assert answer.code == "not_governed"
        (finished,) = await house.events("finished", answer.call_id)
        assert finished.outcome == "protocol_error"

    run(check())


def test_an_error_sends_nobody_anywhere_where_it_is_off() -> None:
    async def check() -> None:
        away = {"mode": "url", "message": "x", "url": "https://shop.example/"}
        error = {"error": {"code": -32042, "message": "x", "data": {"elicitations": [away]}}}
        house = await rounds_house(lambda _: [error])
        for words, passes in (((), False), (("elicitation.form",), False), (("elicitation.url",), True)):
            answer = await house.status(**first(words))
            assert isinstance(answer, Served) is passes
            assert passes or (isinstance(answer, Failed) and answer.code == "not_governed")

    run(check())


def test_capabilities_follow_the_client_and_the_configuration() -> None:
    async def check() -> None:
        house = await rounds_house(lambda _: said(), ("roots",))
        await house.status(**first())
        assert json.loads(house.upstream.sent[-1].capabilities) == {"roots": {}}
        await house.status(**first(("sampling",)))
        assert house.upstream.sent[-1].capabilities == b""

    run(check())


def test_an_answer_that_may_not_leave_is_declined_and_the_round_goes_on() -> None:
    async def check() -> None:
        house = await rounds_house()
        state = asked(await house.status(**first()))["requestState"]
        bad = {"action": "accept", "content": {"name": "Ana", "token": "hunter2"}}
        answer = await house.status(**then(state, {"who": bad}))
        assert isinstance(answer, Served)
        assert params(house.upstream.sent[-1])["inputResponses"] == {"who": {"action": "decline"}}

    run(check())


def test_answers_without_a_state_go_by_their_kind() -> None:
    async def check() -> None:
        house = await rounds_house()
        answer = await house.status(**then(None, {"who": NAME, "odd": 12345, "roots": ROOTS}, ("elicitation.form",)))
        assert isinstance(answer, Served)
        assert params(house.upstream.sent[-1])["inputResponses"] == {"who": NAME}
        assert "requestState" not in params(house.upstream.sent[-1])
        assert not await house.events("round_linked")
        again = await house.status(**then(None, {"who": 12345}))
        assert asked(again)["inputRequests"] == {"who": WHO}

    run(check())


def test_a_halt_between_rounds_bites() -> None:
    async def check() -> None:
        house = await rounds_house()
        state = asked(await house.status(**first()))["requestState"]
        await house.halt(HaltScope.INTEGRATION, "git")
        assert "halted" in codes(await house.status(**then(state, {"who": NAME})))
        assert len(house.upstream.sent) == 1

    run(check())


def test_answers_are_recorded_as_their_round_ended() -> None:
    async def check() -> None:
        async def lost(request: Any) -> Any:
            if "inputResponses" in params(request):
                raise UpstreamError("no", code="not_sent")
            return needs()

        house = await rounds_house(lost)
        state = asked(await house.branch(**first()))["requestState"]
        answer = await house.branch(**then(state, {"who": NAME}))
        assert isinstance(answer, Failed)
        (child,) = [e for e in await house.envelopes("decided") if e.data.body.tool == "elicitation/create"]
        assert (await house.events("finished", child.data.call))[0].outcome == "not_sent"

    run(check())


def test_an_answer_that_cannot_be_recorded_keeps_the_round_from_being_sent() -> None:
    async def check() -> None:
        house = await rounds_house()
        state = asked(await house.status(**first()))["requestState"]
        house.store.fail_from_now(1)
        answer = await house.status(**then(state, {"who": NAME}))
        assert isinstance(answer, Failed)
        assert len(house.upstream.sent) == 1

    run(check())


def test_one_approval_covers_all_rounds_of_its_call() -> None:
    async def check() -> None:
        house = await rounds_house()
        held = await house.commit(**first())
        assert isinstance(held, Pending)
        await house.approve(held.hold)
        waiting = await house.gatehouse.await_approval(house.credential(), held.hold, 0, lambda _: None)
        assert isinstance(waiting, Failed)
        assert waiting.code == "input_needed"
        state = asked(await house.commit(**first()))["requestState"]
        assert len([one for one in house.upstream.sent if tool_of(one) == "git_commit"]) == 1
        done = await house.commit(**then(state, {"who": NAME}))
        assert isinstance(done, Served), done
        assert "done" in json.loads(done.result)["content"][0]["text"]
        (link,) = await house.events("round_linked", done.call_id)
        assert (link.hold, link.first) == (held.hold, held.call_id)
        other = await house.commit("Another message", **then(state, {"who": NAME}))
        assert "round_unknown" in codes(other)
        assert codes(await house.commit(**then(state, {"who": NAME}))) >= {"round_used"}
        assert isinstance(await house.commit(**first()), Pending)
        assert [arguments_of(one)["message"] for one in house.upstream.sent if tool_of(one) == "git_commit"] == [
            "Fix it"
        ] * 2

    run(check())


def test_an_approval_does_not_outlive_its_rules() -> None:
    async def check() -> None:
        house = await rounds_house()
        held = await house.commit(**first())
        assert isinstance(held, Pending)
        await house.approve(held.hold)
        state = asked(await house.commit(**first()))["requestState"]
        await house.waiting(grace_ms=1)
        refused = await house.commit(**then(state, {"who": NAME}))
        assert "cannot_wait" in codes(refused)

    run(check())


def test_answers_never_wait_with_a_call() -> None:
    async def check() -> None:
        house = await rounds_house()
        refused = await house.commit(**then(None, {"who": NAME}))
        assert "cannot_wait" in codes(refused)
        assert not await house.holds_in()

    run(check())
