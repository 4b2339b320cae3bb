"""Handshake eras: what a server asks inside a call reaches its client, and only that client's answer goes back."""

import asyncio
from typing import Any

import pytest

from callgate.adapters.mcp.app import McpFront
from callgate.flow.ports import Opened, Relay
from callgate.model.answer import Answer, Request
from callgate.model.inquiry import Inquiry
from tests.fakes.asgi import Exchanged, ask, send
from tests.fakes.serving import FakeServing, listing, served
from tests.fronts.mcp import MODERN, begin, call, initialize, request, run

ASKED = Inquiry("elicitation/create", {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}}, {})
OPEN = listing(bridged=False, eras=("2025-11-25",), asks=("elicitation",))


class Server:
    """A call that asks once; ``got`` is what came back."""

    def __init__(self, asked: Inquiry = ASKED) -> None:
        self.asked = asked
        self.got: list[dict[str, Any] | None] = []

    async def __call__(self, request: Request, relay: Relay) -> Answer:
        if request.inquire is not None:
            self.got.append(await request.inquire(self.asked))
        return served()


async def asking(front: McpFront, serving: FakeServing, server: Server) -> tuple[dict[str, str | None], Exchanged, Any]:
    """A session, a call in it that asks, and the request as the client sees it."""
    serving.script = server
    serving.upstream = Opened("up-1", "2025-11-25", b"{}")
    session = await begin(front, "2025-11-25")
    seen = send(front, call(), headers=session)
    await seen.until(lambda: bool(seen.events))
    return session, seen, seen.events[0]


def answer(id_: Any, **member: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id_, **member}


def test_a_request_is_shown_under_an_id_of_ours_and_its_answer_comes_back() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        server = Server()
        session, seen, asked = await asking(front, serving, server)
        assert asked["id"].startswith("ask-")
        assert (asked["method"], asked["params"]) == (ASKED.method, ASKED.params)
        reply = await ask(front, answer(asked["id"], result={"action": "decline"}), headers=session)
        assert (reply.status, reply.body) == (202, b"")
        await seen.wait()
        assert seen.events[-1]["result"]["content"][0]["text"] == "ok"
        assert server.got == [{"action": "decline"}]
        again = await ask(front, answer(asked["id"], result={"action": "accept"}), headers=session)
        assert again.status == 202
        assert server.got == [{"action": "decline"}]

    run(test, OPEN)


def test_only_what_is_configured_and_declared_is_offered_to_the_server() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.upstream = Opened("up-1", "2025-11-25", b"{}")
        await ask(front, request("initialize", initialize("2025-11-25")))
        assert b'"capabilities":{"elicitation":{"form":{},"url":{}}}' in serving.opened[-1][0]
        bare = {**initialize("2025-11-25"), "capabilities": {"sampling": {}, "roots": {"listChanged": True}}}
        hello = await ask(front, request("initialize", bare))
        assert b'"capabilities":{}' in serving.opened[-1][0]
        await ask(front, call(), headers={"mcp-session-id": hello.headers["mcp-session-id"]})
        assert serving.requests[-1].inquire is None

    run(test, OPEN)


@pytest.mark.parametrize("listed", [listing(), listing(bridged=False, eras=("2025-11-25",))])
def test_nothing_is_offered_where_it_is_not_configured(listed: Any) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.upstream = Opened("up-1", "2025-11-25", b"{}")
        session = await begin(front, "2025-11-25")
        await ask(front, call(), headers=session)
        assert serving.requests[0].inquire is None
        assert all(b'"capabilities":{}' in params for params, _ in serving.opened)

    run(test, listed)


def test_a_foreign_or_made_up_answer_reaches_nobody() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        server = Server()
        session, seen, asked = await asking(front, serving, server)
        other = await begin(front, "2025-11-25", token="ben")
        mine = {**session}
        for headers, token, id_, status in (
            (other, "ben", asked["id"], 202),
            (session, "ben", asked["id"], 404),
            (mine, "good", "ask-0000000000000000", 202),
            (mine, "good", 1, 202),
            ({}, "good", asked["id"], 400),
        ):
            reply = await ask(front, answer(id_, result={"action": "accept"}), headers=headers, token=token)
            assert reply.status == status
        second = await begin(front, "2025-11-25")
        serving.upstream = Opened("up-2", "2025-11-25", b"{}")
        third = await begin(front, "2025-11-25")
        assert second["mcp-session-id"] == session["mcp-session-id"]
        reply = await ask(front, answer(asked["id"], result={"action": "accept"}), headers=third)
        assert reply.status == 202
        assert not server.got
        await ask(front, answer(asked["id"], error={"code": -1, "message": "no"}), headers=session)
        await seen.wait()
        assert server.got == [None]

    run(test, OPEN)


def test_a_client_that_cancels_is_asked_no_more() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        server = Server()
        session, seen, asked = await asking(front, serving, server)
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        await ask(front, cancel, headers=session)
        await seen.wait()
        assert not server.got
        assert [event for event in seen.events if "result" in event] == []
        late = await ask(front, answer(asked["id"], result={"action": "accept"}), headers=session)
        assert late.status == 202

    run(test, OPEN)


def test_no_server_sends_a_person_to_the_gate() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        url = "http://127.0.0.1:8700/holds/1"
        server = Server(Inquiry("elicitation/create", {"message": "x", "mode": "url", "url": url}, {}))
        serving.script = server
        serving.upstream = Opened("up-1", "2025-11-25", b"{}")
        session = await begin(front, "2025-11-25")
        seen = await ask(front, call(), headers=session)
        assert seen.headers["content-type"] == "application/json"
        assert server.got == [None]

    run(test, OPEN)


def test_many_answers_at_once_each_find_their_own() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        got: dict[str, Any] = {}

        async def script(request: Request, relay: Relay) -> Answer:
            assert request.inquire is not None
            asked = [Inquiry("roots/list", {"n": number}, {}) for number in range(8)]
            for number, answered in enumerate(await asyncio.gather(*map(request.inquire, asked))):
                got[str(number)] = answered
            return served()

        serving.script = script
        serving.upstream = Opened("up-1", "2025-11-25", b"{}")
        session = await begin(front, "2025-11-25")
        seen = send(front, call(), headers=session)
        await seen.until(lambda: len(seen.events) == 8)
        for event in reversed(seen.events):
            await ask(front, answer(event["id"], result={"n": event["params"]["n"]}), headers=session)
        await seen.wait()
        assert got == {str(number): {"n": number} for number in range(8)}

    run(test, OPEN)


@pytest.mark.parametrize("member", [{"result": {"action": "accept"}}, {"error": {"code": 1, "message": "no"}}])
def test_2026_07_28_has_no_answers_of_clients(member: dict[str, Any]) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, answer(1, **member), headers={"mcp-protocol-version": MODERN})
        assert (seen.status, seen.error["data"]) == (400, {"reason": "unexpected_response"})

    run(test)
