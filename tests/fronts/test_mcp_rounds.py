"""2026-07-28: answers that come with a call, and what a server wants answered."""

import json
from typing import Any

import pytest

from callgate.adapters.mcp.app import McpFront
from callgate.flow.ports import Relay
from callgate.model.answer import Answer, Refused, Request
from callgate.model.decision import Finding
from callgate.model.inquiry import InputAsked, Inquiry
from callgate.model.terms import Effect
from tests.fakes.asgi import ask
from tests.fakes.serving import FakeServing, listing, served
from tests.fronts.mcp import ask_modern, begin, call, modern, request, routing, run

WANTS = b'{"inputRequests":{"who":{"method":"roots/list","params":{}}},"requestState":"sealed","resultType":"input_required"}'
OPEN = listing(asks=("elicitation", "roots"), bridged=False)


async def wants(request: Request, relay: Relay) -> Answer:
    return served(WANTS, asked=InputAsked(asked={}, state=None))


def test_what_a_server_wants_reaches_the_client_with_our_evidence() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = wants
        seen = await ask_modern(front, call())
        told = seen.result
        assert told["resultType"] == "input_required"
        assert told["inputRequests"] == json.loads(WANTS)["inputRequests"]
        assert told["requestState"] == "sealed"
        assert told["_meta"]["io.callgate/call"] == "call-1"

    run(test, OPEN)


def test_the_answers_reach_serving_as_they_came() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        message = call()
        message["params"] |= {"inputResponses": {"who": {"roots": []}}, "requestState": "sealed"}
        full = modern(message, **{"io.modelcontextprotocol/clientCapabilities": {"roots": {}, "sampling": {}}})
        assert (await ask(front, full, headers=routing(full))).status == 200
        asked = serving.requests[0]
        assert asked.asks == ("roots",)
        assert asked.inquire is None
        assert asked.continued is not None
        assert (asked.continued.answers, asked.continued.sealed) == ({"who": {"roots": []}}, "sealed")
        assert asked.arguments == {"path": "."}
        await ask_modern(front, call())
        assert serving.requests[1].continued is None
        assert serving.requests[1].asks == ()

    run(test, OPEN)


def test_what_is_not_configured_is_not_passed_on() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        full = modern(call(), **{"io.modelcontextprotocol/clientCapabilities": {"roots": {}, "elicitation": {}}})
        await ask(front, full, headers=routing(full))
        assert serving.requests[0].asks == ()

    run(test)


@pytest.mark.parametrize(
    "more", [{"inputResponses": None}, {"inputResponses": [1]}, {"requestState": 7}, {"requestState": "x" * (2 << 20)}]
)
def test_rounds_of_another_shape(more: dict[str, Any]) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        message = call()
        message["params"] |= more
        full = modern(message)
        seen = await ask(front, full, headers=routing(full))
        assert (seen.status, seen.error["code"]) == (400, -32602)
        assert not serving.requests

    run(test, OPEN)


@pytest.mark.parametrize("name", ["inputResponses", "requestState"])
def test_handshake_eras_have_no_rounds(name: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        message = call()
        message["params"][name] = {}
        seen = await ask(front, message, headers=await begin(front))
        assert (seen.status, seen.error["data"]["reason"]) == (400, "not_governed")
        serving.script = wants
        told = await ask(front, call(), headers=await begin(front))
        assert told.result["isError"] is True
        assert not serving.requests[:-1]

    run(test)


@pytest.mark.parametrize("code", ["round_unknown", "round_over", "round_limit", "round_used"])
def test_no_next_round_is_an_error_of_the_protocol(code: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        async def refused(request: Request, relay: Relay) -> Answer:
            return Refused("call-1", "dec-1", (Finding("standing", code, Effect.DENY, reason="No."),), "Call again.")

        serving.script = refused
        seen = await ask_modern(front, call())
        assert (seen.status, seen.error["code"]) == (400, -32602)
        assert seen.error["data"]["codes"] == [code]

    run(test, OPEN)


def test_no_server_sends_a_person_to_the_gate() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        url = {"mode": "url", "message": "x", "url": "http://127.0.0.1:8700/holds"}
        wanted = InputAsked(asked={"a": Inquiry("elicitation/create", url, {})}, state=None)
        error = json.dumps({"code": -32042, "message": "x", "data": {"elicitations": [url]}}).encode()
        for answered in (served(WANTS, asked=wanted), served(b"", error=error)):

            async def leads(request: Request, relay: Relay, answered: Any = answered) -> Answer:
                return answered  # type: ignore[no-any-return]

            serving.script = leads
            seen = await ask_modern(front, call())
            assert b"/holds" not in seen.body
            assert seen.result["structuredContent"]["codes"] == ["not_governed"]

    run(test, OPEN)


def test_a_capability_that_the_server_misses_is_http_400() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        async def missing(request: Request, relay: Relay) -> Answer:
            error = {"code": -32021, "message": "x", "data": {"requiredCapabilities": {"sampling": {}}}}
            return served(result=b"", error=json.dumps(error).encode())

        serving.script = missing
        seen = await ask_modern(front, call())
        assert (seen.status, seen.error["code"]) == (400, -32021)
        told = await ask(front, request("tools/call", {"name": "git_status"}), headers=await begin(front))
        assert (told.status, told.error["code"]) == (200, -32021)

    run(test)
