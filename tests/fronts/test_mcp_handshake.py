"""2025-03-26 to 2025-11-25: sessions, as Codex speaks them."""

import asyncio
import json
from typing import Any

import pytest

from callgate import __version__
from callgate.adapters.mcp.app import McpFront
from callgate.flow.ports import Opened
from callgate.model.answer import Served
from callgate.model.errors import UpstreamError
from tests.fakes.asgi import ask, send
from tests.fakes.serving import FakeServing, listing, served
from tests.fronts.mcp import begin, call, initialize, request, run


def test_a_session_like_codex_has_one() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        hello = await ask(front, request("initialize", initialize(), id_=0))
        assert hello.result == {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "mcp-git", "version": "1.2.3"},
            "instructions": "Use with care.",
        }
        session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
        ready = await ask(front, {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
        assert (ready.status, ready.body) == (202, b"")
        tools = await ask(front, request("tools/list"), headers=session)
        assert [tool["name"] for tool in tools.result["tools"]] == [
            "git_status",
            "git_commit",
            "callgate_await_approval",
            "callgate_explain",
            "callgate_open_task",
        ]
        assert set(tools.result) == {"tools"}
        meta = {"callId": "call_1", "progressToken": 4, "threadId": "t", "x-codex-turn-metadata": {"model": "m"}}
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        seen = await ask(front, call(**meta), headers={**session, "traceparent": trace})
        assert seen.headers["content-type"] == "application/json"
        assert "resultType" not in seen.result
        asked = serving.requests[0]
        assert (asked.tool, asked.integration, asked.protocol, asked.progress) == (
            "git_status",
            "git",
            "2025-06-18",
            True,
        )
        assert asked.session == ""
        assert asked.claims.tool_use == "call_1"
        assert (asked.claims.client, asked.claims.client_version) == ("codex-mcp-client", "0.169.0")
        assert asked.claims.traceparent == trace
        assert (await ask(front, request("ping"), headers=session)).result == {}
        assert (await ask(front, method="DELETE", headers=session)).status == 204
        assert (await ask(front, request("ping"), headers=session)).status == 404
        assert (await ask(front, method="DELETE", headers=session)).status == 404

    run(test)


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("2025-03-26", "2025-03-26"),
        ("2025-11-25", "2025-11-25"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("zzz", "2025-11-25"),
    ],
)
def test_versions_are_negotiated(wanted: str, given: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, request("initialize", initialize(wanted)))
        assert seen.result["protocolVersion"] == given

    run(test)


@pytest.mark.parametrize("params", [{}, {"protocolVersion": 7}, {"protocolVersion": "2025-06-18", "clientInfo": []}])
def test_initialize_needs_its_parameters(params: dict[str, Any]) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, request("initialize", params))
        assert (seen.status, seen.error["code"]) == (400, -32602)

    run(test)


def test_nothing_a_client_says_of_itself_reaches_a_server() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        words = {"name": "what no rule let out", "version": "1", "title": "more", "websiteUrl": "https://a.example"}
        seen = await ask(front, request("initialize", {**initialize(), "clientInfo": words}))
        assert seen.status == 200
        params, _ = serving.opened[0]
        said = json.loads(params)["clientInfo"]
        assert said == {"name": "codex", "version": __version__}

    run(test, listing(bridged=False))


def test_a_session_is_needed_and_belongs_to_its_principal() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        none = await ask(front, call(), headers={"mcp-protocol-version": "2025-06-18"})
        assert (none.status, none.error["data"]["reason"]) == (400, "no_session")
        foreign = await ask(front, call(), headers=session, token="ben")
        assert (foreign.status, foreign.error["data"]["reason"]) == (404, "unknown_session")
        made_up = await ask(front, call(), headers={"mcp-session-id": "made-up"})
        assert made_up.status == 404
        assert (await ask(front, method="DELETE")).status == 400
        assert not serving.requests

    run(test)


def test_version_header_of_later_requests() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        for version in ("2024-11-05", "2030-01-01", "x"):
            seen = await ask(front, call(), headers={**session, "mcp-protocol-version": version})
            assert (seen.status, seen.error["code"]) == (400, -32022)
        without = await ask(front, call(), headers={**session, "mcp-protocol-version": None})
        assert without.status == 200
        assert serving.requests[0].protocol == "2025-06-18"

    run(test)


def test_an_http_upstream_has_the_session() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.upstream = Opened("up-9", "2025-06-18", b'{"capabilities":{"resources":{},"logging":{}}}')
        hello = await ask(front, request("initialize", initialize("2025-11-25")))
        assert hello.result["protocolVersion"] == "2025-06-18"
        assert hello.result["capabilities"] == {"tools": {"listChanged": True}}
        params, protocol = serving.opened[0]
        assert protocol == "2025-11-25"
        assert b"elicitation" not in params
        assert json.loads(params)["clientInfo"]["name"] == "codex"
        session = {"mcp-session-id": hello.headers["mcp-session-id"]}
        await ask(front, call(), headers=session)
        assert serving.requests[0].session == "up-9"
        await ask(front, method="DELETE", headers=session)
        assert serving.ended == ["up-9"]

    run(test, listing(bridged=False, eras=("2025-06-18",)))


def test_an_upstream_that_does_not_open_a_session_is_an_error_in_words() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.upstream_fault = UpstreamError("The server does not answer.", code="connect")
        seen = await ask(front, request("initialize", initialize()))
        assert (seen.status, seen.error["code"]) == (200, -32603)
        assert seen.error["message"] == "The server does not answer."
        serving.upstream_fault = None
        serving.upstream = Opened("up", "2024-11-05", b"{}")
        seen = await ask(front, request("initialize", initialize()))
        assert seen.error["data"] == {"reason": "upstream_version"}

    run(test, listing(bridged=False, eras=("2025-06-18",)))


def test_an_integration_without_handshake_says_what_it_offers() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, request("initialize", initialize()))
        assert (seen.status, seen.error["code"]) == (400, -32022)
        assert seen.error["data"] == {"supported": ["2026-07-28"], "requested": "2025-06-18"}

    run(test, listing(bridged=False, eras=("2026-07-28",)))


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("resources/list", "not_offered"),
        ("resources/read", "not_offered"),
        ("prompts/get", "not_offered"),
        ("completion/complete", "not_offered"),
        ("logging/setLevel", "not_offered"),
        ("prompts/list", "not_offered"),
        ("resources/templates/list", "not_offered"),
        ("resources/subscribe", "not_offered"),
        ("tasks/get", "not_governed"),
        ("sampling/createMessage", "not_governed"),
        ("nothing/such", "unknown_method"),
    ],
)
def test_what_is_not_governed_is_refused_with_a_reason(method: str, reason: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        seen = await ask(front, request(method), headers=session)
        assert (seen.status, seen.error["code"]) == (200, -32601)
        assert seen.error["data"] == {"reason": reason}
        assert not serving.requests

    run(test)


def test_the_list_has_one_page() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        seen = await ask(front, request("tools/list", {"cursor": "x"}), headers=session)
        assert seen.error["code"] == -32602

    run(test)


class Waiting:
    """A call that answers when it is told to."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = False

    async def __call__(self, asked: object, relay: object) -> Served:
        self.begun.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return served()


def test_cancelled_by_notification_ends_without_a_response() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = waiting = Waiting()
        session = await begin(front)
        other = await begin(front)
        running = send(front, call(id_=7), headers=session)
        await waiting.begun.wait()
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7, "reason": "x"}}
        wrong: list[Any] = ["7", 8, True, None, [], {}]
        for target in wrong:
            await ask(front, {**cancel, "params": {"requestId": target}}, headers=session)
        await ask(front, cancel, headers=other)
        assert not waiting.cancelled
        assert (await ask(front, cancel, headers=session)).status == 202
        await running.wait()
        assert waiting.cancelled
        assert running.headers["content-type"] == "text/event-stream"
        assert running.complete
        assert running.body == b""

    run(test)


def test_cancel_reaches_even_a_call_that_answers_all_the_same() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        begun = asyncio.Event()

        async def stubborn(asked: object, relay: object) -> Served:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
            return served()

        serving.script = stubborn
        session = await begin(front)
        running = send(front, call(id_="a"), headers=session)
        await begun.wait()
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "a"}}
        await ask(front, cancel, headers=session)
        await running.wait()
        assert running.body == b""

    run(test)


def test_an_id_runs_once_at_a_time_per_session() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = waiting = Waiting()
        session, other = await begin(front), await begin(front)
        first = send(front, call(id_=7), headers=session)
        await waiting.begun.wait()
        again = await ask(front, call(id_=7), headers=session)
        assert (again.status, again.error["data"]["reason"]) == (400, "duplicate_id")
        elsewhere = send(front, call(id_=7), headers=other)
        waiting.release.set()
        assert (await first.wait()).status == 200
        assert (await elsewhere.wait()).status == 200
        assert len(serving.requests) == 2
        assert (await ask(front, call(id_=7), headers=session)).status == 200

    run(test)


def test_leaving_is_no_cancel() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = waiting = Waiting()
        session = await begin(front)
        running = send(front, call(), headers=session)
        await running.until(lambda: b"keep-alive" in running.body)
        running.leave()
        looked = running.body.count(b"keep-alive")
        await running.until(lambda: running.body.count(b"keep-alive") > looked + 2)
        assert not waiting.cancelled
        waiting.release.set()
        await running.wait()

    run(test, look_ms=5, keep_alive_ms=5)


def test_ending_a_session_cancels_what_runs_in_it() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = waiting = Waiting()
        session = await begin(front)
        running = send(front, call(), headers=session)
        await waiting.begun.wait()
        assert (await ask(front, method="DELETE", headers=session)).status == 204
        await running.wait()
        assert waiting.cancelled

    run(test)


def test_tasks_are_named_by_header_and_url() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        await ask(front, call(), headers={**session, "callgate-task": "task-1"})
        await ask(front, call(), headers=session, path="/mcp/git/t/task-2")
        await ask(front, call(), headers={**session, "callgate-task": "task-3"}, path="/mcp/git/t/task-3")
        await ask(front, call(), headers={**session, "callgate-task": "task-4"}, path="/mcp/git/t/task-5")
        named = [asked.named_tasks for asked in serving.requests]
        assert named == [("task-1",), ("task-2",), ("task-3",), ("task-5", "task-4")]

    run(test)
