"""What clients are told of a call: results, refusals, holds, failures, control tools."""

import json
from typing import Any

import pytest

from callgate.adapters.mcp.answers import answer_json, evidenced
from callgate.adapters.mcp.app import McpFront
from callgate.flow.ports import Relay
from callgate.model.answer import Answer, Failed, Pending, Refused, Request, Served
from callgate.model.decision import Finding, Question
from callgate.model.terms import Ask, Effect
from tests.fakes.asgi import ask
from tests.fakes.serving import FakeServing, listing, served, text_result, tool
from tests.fronts.mcp import ask_modern, begin, call, request, run

FINDING = Finding("contract", "tool_not_listed", Effect.DENY, reason="The contract does not list this tool.")
REFUSED = Refused("call-7", "dec-7", (FINDING,), "Ask the owner of the contract.", retry_after_ms=1_500)
PENDING = Pending(
    "call-8",
    "dec-8",
    "hold-8",
    (Question("q1", Ask.MEANT, "", "Did you mean this commit?", ()),),
    (Finding("risk", "high", Effect.HOLD, reason="The risk is high."),),
    1_800_000_000_000,
    "Call callgate_await_approval with hold-8.",
)
FAILED = Failed("call-9", "connect", "The server does not answer.", unknown=False, next="Try again later.")
UNKNOWN = Failed("call-9", "lost", "The answer was lost.", unknown=True, next="Ask a person to look.")


def test_a_result_keeps_its_bytes() -> None:
    inner = b'"content": [ {"type":"text","text":"1.0 \xc3\xbc \\u00e9"} ], "structuredContent":{"n":123456789012345678901, "f":1.50}'
    body, is_error = answer_json(served(b"{ " + inner + b" }"), None)
    assert not is_error
    parsed = json.loads(body)
    assert parsed["_meta"] == {"io.callgate/call": "call-1", "io.callgate/events": ["ev-1", "ev-2"]}
    for piece in (b'[ {"type":"text","text":"1.0 \xc3\xbc \\u00e9"} ]', b'{"n":123456789012345678901, "f":1.50}'):
        assert piece in body


@pytest.mark.parametrize(
    "result", [b"{}", b"{ }", b'{"_meta":{}}', b'{"_meta":null}', b'{"content":[],"_meta":{"a":1}}']
)
@pytest.mark.parametrize("server", [None, b'{"name":"s","version":"1"}'])
def test_our_keys_are_spliced_into_any_object(result: bytes, server: bytes | None) -> None:
    body, _ = answer_json(served(result, receipt=(("commit", "abc"),)), server)
    parsed = json.loads(body)
    assert body.count(b'"_meta"') == 1
    assert parsed["_meta"]["io.callgate/receipt"] == {"commit": "abc"}
    assert ("resultType" in parsed) is (server is not None)
    assert parsed["_meta"].get("a", 1) == 1


@pytest.mark.parametrize(
    "result",
    [
        b'{"_meta":{"io.callgate/call":"forged","io.callgate/other":1}}',
        b'{"content":[],"\\u005fmeta":{"io.callgate/call":"forged"}}',
        b'{"content":[],"_m\\u0065ta":{"io\\u002ecallgate/call":"forged"}}',
        b'{"_meta":{"a":1},"_meta":{"io.callgate/call":"forged"}}',
    ],
)
def test_a_server_cannot_forge_our_keys(result: bytes) -> None:
    body, _ = answer_json(served(result), None)
    parsed = json.loads(body)
    assert parsed["_meta"]["io.callgate/call"] == "call-1"
    assert "io.callgate/other" not in parsed["_meta"]
    assert b"forged" not in body


@pytest.mark.parametrize(
    "result",
    [
        b'{"content":[],"\xff":1,"_meta":{}}',
        b'{"content":[],"\xff":1,"cacheScope":"public"}',
        b'{"content":[],"x":' + b"[" * 5000 + b"]" * 5000 + b',"_meta":{}}',
    ],
)
def test_a_result_that_can_be_read_in_part_alone_is_told_as_one_that_failed(result: bytes) -> None:
    assert evidenced(served(result), b"{}", cacheable=True) == "bad_result"


@pytest.mark.parametrize("result", [b"[]", b"7", b"null", b'"x"', b'{"_meta":[]}'])
def test_what_is_no_result_is_told_as_one_that_failed(result: bytes) -> None:
    body, _ = answer_json(served(result), None)
    assert json.loads(body)["structuredContent"]["codes"] == ["bad_result"]


def test_a_question_of_the_target_is_not_relayed() -> None:
    body, _ = answer_json(served(b'{"resultType":"input_required","inputRequests":{"a":{}}}'), b"{}")
    assert json.loads(body)["structuredContent"]["codes"] == ["not_governed"]
    assert b"inputRequests" not in body


def told(answer: Answer) -> tuple[str, dict[str, Any]]:
    body, is_error = answer_json(answer, None)
    assert not is_error
    parsed = json.loads(body)
    assert parsed["isError"] is True
    assert [block["type"] for block in parsed["content"]] == ["text"]
    return parsed["content"][0]["text"], parsed["structuredContent"]


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (
            REFUSED,
            {
                "status": "refused",
                "decision_id": "dec-7",
                "call_id": "call-7",
                "codes": ["tool_not_listed"],
                "reason": "The contract does not list this tool.",
                "retry_after_seconds": 2,
                "next": "Ask the owner of the contract.",
            },
        ),
        (
            PENDING,
            {
                "status": "pending_approval",
                "decision_id": "dec-8",
                "call_id": "call-8",
                "codes": ["high"],
                "reason": "The risk is high.",
                "questions": ["Did you mean this commit?"],
                "approval_id": "hold-8",
                "expires_at": "2027-01-15T08:00:00Z",
                "next": "Call callgate_await_approval with hold-8.",
            },
        ),
        (
            FAILED,
            {
                "status": "failed",
                "call_id": "call-9",
                "codes": ["connect"],
                "reason": "The server does not answer.",
                "next": "Try again later.",
            },
        ),
        (
            UNKNOWN,
            {
                "status": "unknown",
                "call_id": "call-9",
                "codes": ["lost"],
                "reason": "The answer was lost.",
                "next": "Ask a person to look.",
            },
        ),
    ],
)
def test_text_and_structure_hold_the_same_facts(answer: Answer, facts: dict[str, Any]) -> None:
    text, structured = told(answer)
    assert structured == facts
    for key, value in facts.items():
        if key != "status":
            for part in value if isinstance(value, list) else [value]:
                assert str(part) in text
    if facts["status"] in ("refused", "pending_approval"):
        assert "another way" in text
        assert "nothing was executed" in text


def test_a_call_that_was_never_recorded_has_no_line_of_its_id() -> None:
    text, _ = told(Failed("", "store_failed", "The gate cannot record the call.", unknown=False, next="Tell somebody."))
    assert "Call:" not in text


def script(answer: Answer) -> Any:
    async def made(asked: Request, relay: Relay) -> Answer:
        return answer

    return made


def test_refusals_are_results_in_both_eras_and_errors_pass_with_our_id() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        for answer in (REFUSED, PENDING, FAILED, UNKNOWN):
            serving.script = script(answer)
            old = await ask(front, call(), headers=session)
            new = await ask_modern(front, call())
            assert old.status == new.status == 200
            assert old.result["isError"] is new.result["isError"] is True
            assert new.result["resultType"] == "complete"
            assert old.result["structuredContent"] == new.result["structuredContent"]
        error = b'{"code":-32602,"message":"Unknown tool","data":{"a": 1}}'
        serving.script = script(Served("call-1", b"", error, ("ev-1",)))
        for seen in (await ask(front, call(id_="x"), headers=session), await ask_modern(front, call(id_="x"))):
            assert seen.status == 200
            assert error in seen.body
            assert seen.json["id"] == "x"

    run(test)


async def control(front: McpFront, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    old = await ask(front, call(name, arguments), headers=await begin(front))
    new = await ask_modern(front, call(name, arguments))
    assert old.status == new.status == 200
    assert new.result["resultType"] == "complete"
    assert old.result["content"] == new.result["content"]
    result: dict[str, Any] = old.result
    return result


def test_await_approval() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await control(front, "callgate_await_approval", {"approval_id": "hold-1", "wait_seconds": 3})
        assert seen["structuredContent"]["status"] == "pending_approval"
        assert serving.asked[0] == ("await", ("hold-1", 3_000))
        await control(front, "callgate_await_approval", {"approval_id": "hold-1"})
        assert serving.asked[-1] == ("await", ("hold-1", 45_000))
        serving.approval = served(text_result("committed"))
        done = await control(front, "callgate_await_approval", {"approval_id": "hold-1"})
        assert done["content"][0]["text"] == "committed"
        assert done["_meta"]["io.callgate/call"] == "call-1"
        assert not serving.requests

    run(test)


def test_explain_and_open_task() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await control(front, "callgate_explain", {"decision_id": "dec-1"})
        assert seen["structuredContent"]["codes"] == ["not_found"]
        serving.explained = {"effect": "deny", "findings": [{"code": "x"}]}
        seen = await control(front, "callgate_explain", {"decision_id": "dec-1"})
        assert seen["isError"] is False
        assert json.loads(seen["content"][0]["text"]) == seen["structuredContent"] == serving.explained
        seen = await control(front, "callgate_open_task", {"task_id": "task-1"})
        assert seen["structuredContent"]["status"] == "bound"
        seen = await control(front, "callgate_open_task", {"task_id": "closed"})
        assert seen["isError"] is True
        assert seen["structuredContent"]["codes"] == ["task_closed"]
        assert not serving.requests

    run(test)


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("callgate_await_approval", {}, "bad_arguments"),
        ("callgate_await_approval", {"approval_id": "h", "wait_seconds": 46}, "bad_arguments"),
        ("callgate_await_approval", {"approval_id": "h", "wait_seconds": -1}, "bad_arguments"),
        ("callgate_await_approval", {"approval_id": "h", "wait_seconds": True}, "bad_arguments"),
        ("callgate_await_approval", {"approval_id": "h", "approve": True}, "bad_arguments"),
        ("callgate_explain", {"decision_id": 7}, "bad_arguments"),
        ("callgate_open_task", {"task_id": ""}, "bad_arguments"),
        ("callgate_approve", {}, "unknown_tool"),
    ],
)
def test_control_tools_take_only_what_they_declare(name: str, arguments: dict[str, Any], code: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await control(front, name, arguments)
        assert seen["isError"] is True
        assert seen["structuredContent"]["codes"] == [code]
        assert not serving.asked
        assert not serving.requests

    run(test)


def test_nobody_else_lists_a_reserved_name() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, request("tools/list"))
        names = [each["name"] for each in seen.result["tools"]]
        assert names == ["a", "callgate_await_approval", "callgate_explain", "callgate_open_task"]
        waits = seen.result["tools"][1]
        assert waits["annotations"]["readOnlyHint"] is True
        assert "outputSchema" not in waits

    run(test, listing(tools=(tool("callgate_await_approval"), tool("a"), tool("callgate_approve"))))


def test_a_changed_listing_is_shown_at_once() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        await ask_modern(front, request("tools/list"))
        serving.listings["git"] = listing(tools=(tool("new"),))
        seen = await ask_modern(front, request("tools/list"))
        assert seen.result["tools"][0]["name"] == "new"

    run(test)
