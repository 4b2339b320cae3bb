"""2026-07-28: stateless requests, headers against the body, cancel by leaving."""

import asyncio
from typing import Any

import pytest

from callgate.adapters.mcp.app import McpFront
from callgate.model.answer import Served
from tests.fakes.asgi import ask, send
from tests.fakes.serving import FakeServing, listing, served, text_result, tool
from tests.fronts.mcp import MODERN, ask_modern, begin, call, modern, request, routing, run, sentinel


def test_a_start_like_claude_code_makes_it() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        found = await ask_modern(front, request("server/discover", id_="discover-1"))
        assert found.status == 200
        assert found.result["supportedVersions"] == ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]
        assert found.result["capabilities"] == {"tools": {"listChanged": True}}
        assert found.result["instructions"] == "Use with care."
        wish = modern(request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, "listen-1"))
        listen = send(front, wish, headers=routing(wish))
        await listen.until(lambda: bool(listen.events))
        assert listen.events[0]["method"] == "notifications/subscriptions/acknowledged"
        tools = await ask_modern(front, request("tools/list"))
        assert [tool["name"] for tool in tools.result["tools"]][-3:] == [
            "callgate_await_approval",
            "callgate_explain",
            "callgate_open_task",
        ]
        for seen in (found, tools):
            assert seen.result["resultType"] == "complete"
            assert seen.result["ttlMs"] == 60_000
            assert seen.result["cacheScope"] == "private"
            assert seen.result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "mcp-git"
            assert "mcp-session-id" not in seen.headers
        meta = {"claudecode/toolUseId": "toolu_1", "progressToken": "p"}
        seen = await ask_modern(front, call(**meta))
        assert seen.result["resultType"] == "complete"
        assert seen.result["_meta"]["io.modelcontextprotocol/serverInfo"]["version"] == "1.2.3"
        asked = serving.requests[0]
        assert (asked.protocol, asked.session, asked.progress) == (MODERN, "", True)
        assert asked.claims.tool_use == "toolu_1"
        assert (asked.claims.client, asked.claims.client_version) == ("claude-code", "2.1.330")
        listen.leave()
        await listen.wait()

    run(test)


MISMATCHES: list[dict[str, str | None]] = [
    {"mcp-protocol-version": None},
    {"mcp-protocol-version": "2025-11-25"},
    {"mcp-protocol-version": "2026-07-29"},
    {"mcp-method": None},
    {"mcp-method": "tools/list"},
    {"mcp-method": "TOOLS/CALL"},
    {"mcp-name": None},
    {"mcp-name": "git_commit"},
    {"mcp-name": "git_\tstatus"},
    {"mcp-name": " \t"},
    {"mcp-name": "=?base64?!!!?="},
    {"mcp-name": sentinel("git_commit")},
    {"mcp-name": sentinel("git_status").replace("?=", "=?=")},
]


@pytest.mark.parametrize("headers", MISMATCHES)
def test_headers_must_say_what_the_body_says(headers: dict[str, str | None]) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, call(), headers=headers)
        assert (seen.status, seen.error["code"]) == (400, -32020)
        assert seen.json["id"] == 1
        assert not serving.requests

    run(test)


@pytest.mark.parametrize("headers", [{"mcp-name": "git_status \t"}, {"mcp-method": "  tools/call"}])
def test_blanks_around_a_header_value_are_no_part_of_it(headers: dict[str, str | None]) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, call(), headers=headers)
        assert seen.result["resultType"] == "complete"
        assert len(serving.requests) == 1

    run(test)


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
def test_a_routing_header_comes_once(name: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        value = routing(call())[name]
        assert value is not None
        seen = await ask_modern(front, call(), extra=[(name.encode(), value.encode())])
        assert (seen.status, seen.error["code"]) == (400, -32020)

    run(test)


def test_header_checks_come_before_every_other_refusal() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        for message in (
            request("resources/read", {"uri": "file:///a"}),
            request("nothing/such"),
            call("callgate_nothing"),
            request("tools/call", {"name": "x", "arguments": []}),
        ):
            seen = await ask_modern(front, message, headers={"mcp-method": "ping"})
            assert seen.error["code"] == -32020
        wrong_name = await ask_modern(front, request("resources/read", {"uri": "file:///a"}), headers={"mcp-name": "b"})
        assert wrong_name.error["code"] == -32020

    run(test)


@pytest.mark.parametrize("name", ["Grüße", "a b", " padded ", "=?base64?x?="])
def test_a_name_may_come_encoded(name: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        assert (await ask_modern(front, call(name), headers={"mcp-name": sentinel(name)})).status == 200
        assert serving.requests[0].tool == name

    run(test)


REGION = listing(
    tools=(tool("query"),),
    headers=(("query", (("Mcp-Param-Region", "region"), ("Mcp-Param-Limit", "page.limit"), ("Mcp-Param-Dry", "dry"))),),
)


@pytest.mark.parametrize(
    ("arguments", "headers", "fits"),
    [
        ({}, {}, True),
        ({"region": None}, {}, True),
        ({"region": "eu"}, {"mcp-param-region": "eu"}, True),
        ({"region": "Zürich"}, {"mcp-param-region": sentinel("Zürich")}, True),
        ({"region": ""}, {"mcp-param-region": ""}, True),
        ({"page": {"limit": 42}, "dry": True}, {"mcp-param-limit": "42", "mcp-param-dry": "true"}, True),
        ({"page": {"limit": 42}}, {"mcp-param-limit": "42.0"}, True),
        ({"region": "eu"}, {"mcp-param-region": "us"}, False),
        ({"region": "eu"}, {}, False),
        ({}, {"mcp-param-region": "eu"}, False),
        ({"region": None}, {"mcp-param-region": "null"}, False),
        ({"region": ["eu"]}, {"mcp-param-region": "eu"}, False),
        ({"page": {"limit": 42}}, {"mcp-param-limit": "42.5"}, False),
        ({"page": {"limit": 42}}, {"mcp-param-limit": "4e1"}, False),
        ({"page": "x"}, {"mcp-param-limit": "42"}, False),
        ({"dry": True}, {"mcp-param-dry": "True"}, False),
        ({"dry": True}, {"mcp-param-dry": "1"}, False),
        ({"region": "eu"}, {"mcp-param-region": "=?base64?x?="}, False),
    ],
)
def test_mirrored_arguments(arguments: dict[str, Any], headers: dict[str, str | None], fits: bool) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, call("query", arguments), headers=headers)
        if fits:
            assert seen.status == 200
        else:
            assert (seen.status, seen.error["code"]) == (400, -32020)
        assert bool(serving.requests) is fits

    run(test, REGION)


def test_a_mirrored_argument_comes_once_and_unknown_ones_are_ignored() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        twice = await ask_modern(
            front,
            call("query", {"region": "eu"}),
            headers={"mcp-param-region": "us"},
            extra=[(b"mcp-param-region", b"eu")],
        )
        assert twice.error["code"] == -32020
        assert (await ask_modern(front, call("query", {}), headers={"mcp-param-other": "x"})).status == 200

    run(test, REGION)


@pytest.mark.parametrize(
    "meta",
    [
        {"io.modelcontextprotocol/protocolVersion": MODERN},
        {"io.modelcontextprotocol/protocolVersion": 7, "io.modelcontextprotocol/clientCapabilities": {}},
        {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": []},
        {},
    ],
)
def test_metadata_is_required(meta: dict[str, Any]) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        message = call()
        message["params"]["_meta"] = meta
        seen = await ask(front, message, headers=routing(message))
        assert (seen.status, seen.error["code"]) == (400, -32602)

    run(test)


def test_unsupported_versions_name_the_supported_ones() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        for version in ("1900-01-01", "2025-11-25", "2027-01-01"):
            message = modern(call(), version)
            seen = await ask(front, message, headers=routing(message, version))
            assert (seen.status, seen.error["code"]) == (400, -32022)
            assert seen.error["data"]["supported"][0] == MODERN
            assert seen.error["data"]["requested"] == version
        bare = await ask(front, call(), headers={"mcp-protocol-version": "2027-01-01"})
        assert (bare.status, bare.error["code"]) == (400, -32022)

    run(test)


def test_an_integration_of_the_handshake_makes_clients_fall_back() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        for message in (request("server/discover"), call(), request("tools/list")):
            seen = await ask_modern(front, message)
            assert seen.status == 400
            assert seen.error["code"] not in (-32020, -32021, -32022)
            assert seen.error["data"] == {"reason": "handshake_only"}
        assert not serving.requests
        assert (await ask(front, call(), headers=await begin(front))).status == 200

    run(test, listing(bridged=False, eras=("2025-11-25", "2025-06-18")))


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/list", "nothing/such"])
def test_other_methods_are_404(method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, request(method))
        assert (seen.status, seen.error["code"]) == (404, -32601)
        assert seen.error["data"]["reason"] in ("not_governed", "not_offered", "unknown_method")

    run(test)


def test_notifications_are_taken_and_dropped() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        assert (await ask(front, note, headers={"mcp-protocol-version": MODERN})).status == 202
        assert (await ask(front, note, headers={"mcp-protocol-version": "2027-01-01"})).status == 400

    run(test)


def test_a_session_id_means_nothing_here() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, call(), headers={"mcp-session-id": "anything"})
        assert seen.status == 200
        assert serving.requests[0].session == ""

    run(test)


def test_leaving_cancels() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def waiting(asked: object, relay: object) -> Served:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return served()

        serving.script = waiting
        message = modern(call())
        running = send(front, message, headers=routing(message))
        await begun.wait()
        running.leave()
        async with asyncio.timeout(5):
            await cancelled.wait()
        await running.wait()
        assert not running.status
        assert len(asyncio.all_tasks()) == 1

    run(test, look_ms=5)


def test_a_result_keeps_its_type_and_its_own_server() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        theirs = {"io.modelcontextprotocol/serverInfo": {"name": "theirs"}, "x": 1}
        result = text_result(resultType="complete", _meta=theirs)

        async def answer(asked: object, relay: object) -> Served:
            return served(result)

        serving.script = answer
        seen = await ask_modern(front, call())
        assert seen.body.count(b"resultType") == 1
        assert seen.result["_meta"]["io.modelcontextprotocol/serverInfo"] == {"name": "theirs"}
        assert seen.result["_meta"]["x"] == 1
        assert seen.result["_meta"]["io.callgate/call"] == "call-1"

    run(test)
