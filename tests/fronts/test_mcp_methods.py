"""Resources, prompts, completion and logging in both eras: what reaches Serving and what the client is told."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from callgate.adapters.mcp.app import McpFront
from callgate.flow.ports import Relay
from callgate.model.answer import Answer, Request, Served
from callgate.model.call import GOVERNED
from callgate.model.errors import UpstreamError
from tests.fakes.asgi import Exchanged, ask
from tests.fakes.serving import FakeServing, listing, served
from tests.fronts.mcp import ask_modern, begin, call, initialize, modern, request, routing, run
from tests.fronts.test_mcp_answers import FAILED, PENDING, REFUSED, UNKNOWN

ALL = ("tools", "prompts", "resources", "resources.subscribe", "completions", "logging", "experimental")
PROMPT = {"name": "review", "description": "Review it", "arguments": [{"name": "file", "required": True}]}
TEMPLATE = {"name": "page", "uriTemplate": "wiki://{page}"}
SHOWN = {"offers": ALL, "prompts": (PROMPT,), "templates": (TEMPLATE,)}
PARAMS: dict[str, dict[str, Any]] = {
    "resources/list": {"cursor": "page-2"},
    "resources/read": {"uri": "wiki://home page"},
    "prompts/get": {"name": "review", "arguments": {"file": "a.py"}},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "review"},
        "argument": {"name": "file", "value": "a"},
        "context": {"arguments": {"more": "1"}},
    },
}
RESULTS = {
    "resources/list": b'{"resources":[{"uri":"wiki://a","name":"a"}],"nextCursor":"page-3"}',
    "resources/read": b'{"contents":[{"uri":"wiki://a","text":"A \\u00e9"}]}',
    "prompts/get": b'{"messages":[{"role":"user","content":{"type":"text","text":"hi"}}]}',
    "completion/complete": b'{"completion":{"values":["a.py"],"total":1.0}}',
}
ERAS = pytest.mark.parametrize("era", ["handshake", "modern"])
METHODS = pytest.mark.parametrize("method", GOVERNED)


async def asked(front: McpFront, era: str, message: dict[str, Any], session: Any = None, **meta: Any) -> Exchanged:
    if era == "handshake":
        if meta:
            message = {**message, "params": {**message.get("params", {}), "_meta": meta}}
        return await ask(front, message, headers=session or await begin(front))
    full = modern(message, **meta)
    return await ask(front, full, headers=routing(full))


def answering(answer: Answer) -> Any:
    async def script(request: Request, relay: Relay) -> Answer:
        return answer

    return script


@ERAS
@METHODS
def test_a_governed_method_is_a_call_of_its_params(era: str, method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = answering(served(RESULTS[method], method=method))
        seen = await asked(front, era, request(method, PARAMS[method], 7), progressToken="p")
        assert seen.status == 200, seen.body
        (made,) = serving.requests
        assert (made.method, made.tool, made.arguments) == (method, method, PARAMS[method])
        assert made.progress
        body = seen.json["result"]
        assert body["_meta"]["io.callgate/call"] == "call-1"
        assert body["_meta"]["io.callgate/events"] == ["ev-1", "ev-2"]
        assert {key: body[key] for key in json.loads(RESULTS[method])} == json.loads(RESULTS[method])
        assert RESULTS[method][1:-1] in seen.body
        cached = method.startswith("resources") and era == "modern"
        assert (body.get("cacheScope"), body.get("ttlMs")) == (("private", 0) if cached else (None, None))
        assert body.get("resultType") == ("complete" if era == "modern" else None)

    run(test, listing(**SHOWN))


@METHODS
def test_a_servers_scope_is_never_public_and_its_ttl_is_kept(method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        for more in (b'"ttlMs":5000,"cacheScope":"public",', b'"cacheScope":"public","cacheScope":"private",'):
            serving.script = answering(served(b"{" + more + RESULTS[method][1:], method=method))
            seen = await ask_modern(front, request(method, PARAMS[method]))
            if method.startswith("resources"):
                assert seen.json["result"]["cacheScope"] == "private"
                assert b"public" not in seen.body
                assert seen.json["result"]["ttlMs"] == (5000 if b"5000" in more else 0)

    run(test, listing(**SHOWN))


@ERAS
@pytest.mark.parametrize(
    ("answer", "code", "status", "said"),
    [
        (REFUSED, 403, "refused", ["The contract does not list this tool.", "tool_not_listed", "dec-7", "call-7"]),
        (PENDING, 423, "pending_approval", ["hold-8", "Did you mean this commit?", "callgate_await_approval"]),
        (FAILED, 502, "failed", ["The server does not answer.", "connect", "Try again later."]),
        (UNKNOWN, 504, "unknown", ["lost", "Ask a person to look."]),
    ],
)
def test_what_stops_a_method_is_an_error_whose_message_says_all(
    era: str, answer: Answer, code: int, status: str, said: list[str]
) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = answering(answer)
        seen = await asked(front, era, request("resources/read", PARAMS["resources/read"]))
        assert (seen.status, seen.error["code"]) == (200, code)
        assert seen.error["data"]["status"] == status
        for text in said:
            assert text in seen.error["message"]
        assert "result" not in seen.json

    run(test, listing(**SHOWN))


@ERAS
def test_what_can_be_corrected_is_invalid_params(era: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = answering(msgspec.structs.replace(REFUSED, correctable=True))
        seen = await asked(front, era, request("prompts/get", PARAMS["prompts/get"]))
        assert (seen.status, seen.error["code"]) == (400 if era == "modern" else 200, -32602)

    run(test, listing(**SHOWN))


@ERAS
def test_a_servers_own_error_passes_unchanged(era: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        error = b'{"code": -32602, "message":"no such thing", "data":{"uri":"x", "n":1.50}}'
        serving.script = answering(served(b"", error=error, method="resources/read"))
        seen = await asked(front, era, request("resources/read", PARAMS["resources/read"]))
        assert seen.status == (400 if era == "modern" else 200)
        assert error in seen.body

    run(test, listing(**SHOWN))


@ERAS
@pytest.mark.parametrize(
    ("method", "member", "wanted"),
    [("prompts/list", "prompts", [PROMPT]), ("resources/templates/list", "resourceTemplates", [TEMPLATE])],
)
def test_definitions_come_from_what_was_confirmed(era: str, method: str, member: str, wanted: Any) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await asked(front, era, request(method))
        assert seen.json["result"][member] == wanted
        assert ("cacheScope" in seen.json["result"]) is (era == "modern")
        assert seen.json["result"].get("cacheScope", "private") == "private"
        assert not serving.requests
        other = await asked(front, era, request(method, {"cursor": "x"}))
        assert other.error["code"] == -32602

    run(test, listing(**SHOWN))


def test_capabilities_are_what_the_server_offers_and_the_gate_relays() -> None:
    wanted = {"tools": {}, "prompts": {}, "resources": {}, "completions": {}, "logging": {}}

    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, request("initialize", initialize()))
        assert wanted.keys() == seen.json["result"]["capabilities"].keys()
        assert "experimental" not in seen.json["result"]["capabilities"]
        assert (await ask_modern(front, request("server/discover"))).json["result"]["capabilities"].keys() == (
            wanted.keys()
        )

    run(test, listing(**SHOWN))


@ERAS
@pytest.mark.parametrize("method", [*GOVERNED, "prompts/list", "resources/templates/list"])
def test_what_the_server_does_not_offer_is_no_method(era: str, method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await asked(front, era, request(method, PARAMS.get(method)))
        assert (seen.status, seen.error["code"]) == (404 if era == "modern" else 200, -32601)
        assert seen.error["data"] == {"reason": "not_offered"}
        assert not serving.requests

    run(test)


@METHODS
def test_a_wish_for_a_task_goes_nowhere(method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = answering(served(RESULTS[method], method=method))
        await ask(front, request(method, {**PARAMS[method], "task": {}}), headers=await begin(front))
        assert serving.requests[0].arguments == PARAMS[method]

    run(test, listing(**SHOWN))


@METHODS
@pytest.mark.parametrize("name", ["inputResponses", "requestState"])
def test_rounds_are_not_taken_where_nothing_asked(method: str, name: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, request(method, {**PARAMS[method], name: {}}), headers=await begin(front))
        assert seen.error["code"] == -32602
        assert not serving.requests

    run(test, listing(**SHOWN))


LOG = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"%b","logger":"x","data":{"n":1.50}}}'


def logging(*levels: bytes) -> Any:
    async def script(request: Request, relay: Relay) -> Served:
        for level in levels:
            relay(LOG % level)
        return served()

    return script


async def logged(front: McpFront, message: dict[str, Any], headers: Any) -> list[str]:
    seen = await ask(front, message, headers=headers)
    said = seen.events[:-1]
    assert all(one["method"] == "notifications/message" for one in said)
    return [one["params"]["level"] for one in said]


def test_log_messages_of_a_call_reach_the_client_that_wants_them() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = logging(b"debug", b"warning", b"nonsense", b"emergency")
        session = await begin(front)
        assert await logged(front, call(), session) == ["debug", "warning", "emergency"]
        done = await ask(front, request("logging/setLevel", {"level": "warning"}), headers=session)
        assert done.json["result"] == {}
        assert await logged(front, call(), session) == ["warning", "emergency"]
        assert serving.requests[-1].log_level == "warning"
        assert await logged(front, call(), await begin(front)) == ["debug", "warning", "emergency"]
        quiet, loud = modern(call()), modern(call(), **{"io.modelcontextprotocol/logLevel": "error"})
        assert await logged(front, quiet, routing(quiet)) == []
        assert await logged(front, loud, routing(loud)) == ["emergency"]
        wrong = modern(call(), **{"io.modelcontextprotocol/logLevel": "loud"})
        assert (await ask(front, wrong, headers=routing(wrong))).error["code"] == -32602

    run(test, listing(**SHOWN))


def test_a_log_message_is_bounded_and_keeps_only_its_own_members() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        async def script(request: Request, relay: Relay) -> Served:
            relay(b'{"method":"notifications/message","params":{"level":"error","data":"%b"}}' % (b"x" * 70_000))
            relay(b'{"method":"notifications/message","params":{"data":"x"}}')
            relay(b'{"method":"notifications/other","params":{"level":"error","data":"x"}}')
            relay(b'{"method":"notifications/message","params":{"level":"error","data":1,"_meta":{"a":1},"more":2}}')
            return served()

        serving.script = script
        seen = await ask(front, call(), headers=await begin(front))
        (said,) = seen.events[:-1]
        assert said["params"] == {"level": "error", "data": 1}

    run(test, listing(**SHOWN))


def test_the_level_of_an_upstream_session_is_set_there() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        set_ = request("logging/setLevel", {"level": "error"})
        assert (await ask(front, set_, headers=session)).json["result"] == {}
        assert serving.asked == [("level", ("git", "error", "up-1", "2025-06-18"))]
        serving.level_error = b'{"code":-32603,"message":"no"}'
        assert (await ask(front, set_, headers=session)).error == {"code": -32603, "message": "no"}
        serving.upstream_fault = UpstreamError("Nothing answers.", code="not_sent")
        assert (await ask(front, set_, headers=session)).error["data"] == {"reason": "not_sent"}

    run(test, listing(bridged=False, **SHOWN))


@pytest.mark.parametrize("params", [None, {}, {"level": "loud"}, {"level": 1}, {"level": "error", "more": 1}])
def test_a_level_is_one_of_eight(params: Any) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, request("logging/setLevel", params), headers=await begin(front))
        assert seen.error["code"] == -32602

    run(test, listing(**SHOWN))


@ERAS
@METHODS
def test_an_approved_read_is_collected_with_the_control_tool(era: str, method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.approval = served(RESULTS[method], method=method)
        collect = call("callgate_await_approval", {"approval_id": "hold-8"})
        seen = await asked(front, era, collect)
        body = seen.json["result"]
        assert body["structuredContent"] == json.loads(RESULTS[method])
        assert body["isError"] is False
        kind = "resource" if method == "resources/read" else "text"
        assert [one["type"] for one in body["content"]] == [kind]
        assert body["_meta"]["io.callgate/call"] == "call-1"

    run(test, listing(**SHOWN))


def test_a_method_under_way_can_be_cancelled() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        started = asyncio.Event()

        async def script(request: Request, relay: Relay) -> Served:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

        serving.script = script
        session = await begin(front)
        waiting = asyncio.create_task(ask(front, request("resources/read", {"uri": "a:b"}, 5), headers=session))
        await started.wait()
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        assert (await ask(front, note, headers=session)).status == 202
        await waiting

    run(test, listing(**SHOWN))
