"""Bad JSON-RPC: each mistake has its own clear answer, in both eras, and reaches nothing."""

import json
from typing import Any

import pytest

from callgate.adapters.mcp.app import McpFront
from tests.fakes.asgi import Exchanged, ask
from tests.fakes.serving import FakeServing
from tests.fronts.mcp import begin, call, modern, request, routing, run

DEEP = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":' + b"[" * 65 + b"]" * 65 + b"}}"
BAD = [
    (b"", -32700, "not_json"),
    (b"{", -32700, "not_json"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":NaN}}', -32700, "not_json"),
    (b"\xff\xfe", -32700, "not_utf8"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":"\\ud800"}}', -32700, "surrogate"),
    (b"[]", -32600, "not_object"),
    (json.dumps([call(), call()]).encode(), -32600, "not_object"),
    (b"1", -32600, "not_object"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}', -32600, "duplicate_key"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1,"A":2}}', -32600, "duplicate_key"),
    (DEEP, -32600, "too_deep"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + b"9" * 65 + b"}}", -32600, "number"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1e999}}', -32600, "number"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":0.1000000000000000055511151231257827}}', -32600, "number"),
    (b'{"id":1,"method":"x"}', -32600, "shape"),
    (b'{"jsonrpc":"1.0","id":1,"method":"x"}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":null,"method":"x"}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":true,"method":"x"}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"x"}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":99999999999999999999,"method":"x"}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":[],"method":"x"}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":1}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","extra":1}', -32600, "shape"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', -32602, "shape"),
    (b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":7}}', -32602, "shape"),
]


def refused(seen: Exchanged, code: int, reason: str, serving: FakeServing) -> None:
    assert seen.status == 400, seen.body
    assert seen.json["jsonrpc"] == "2.0"
    assert "id" in seen.json
    assert seen.error["code"] == code
    assert seen.error["data"]["reason"] == reason
    assert seen.error["message"].endswith((".", "string"))
    assert not serving.requests


@pytest.mark.parametrize(("body", "code", "reason"), BAD)
def test_bad_bodies_in_both_eras(body: bytes, code: int, reason: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        for headers in (session, routing({"method": "tools/call"})):
            refused(await ask(front, body, headers=headers), code, reason, serving)

    run(test)


def test_a_large_bad_body_is_refused_too() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        refused(await ask(front, b"[" * 200_000), -32600, "too_deep", serving)

    run(test)


CALLS: list[tuple[dict[str, Any], str]] = [
    ({"arguments": {}}, "shape"),
    ({"name": 7}, "shape"),
    ({"name": "git_status", "arguments": []}, "shape"),
    ({"name": "git_status", "arguments": "x"}, "shape"),
    ({"name": "git_status", "_meta": {"progressToken": {}}}, "shape"),
    ({"name": "git_status", "_meta": {"progressToken": True}}, "shape"),
]


@pytest.mark.parametrize(("params", "reason"), CALLS)
def test_bad_parameters_of_a_call_in_both_eras(params: dict[str, Any], reason: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        message = request("tools/call", params)
        session = await begin(front)
        refused(await ask(front, message, headers=session), -32602, reason, serving)
        full = modern(message)
        refused(await ask(front, full, headers=routing(full)), -32602, reason, serving)

    run(test)


def test_a_wish_for_a_task_goes_nowhere() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        params = {"name": "git_status", "arguments": {"path": "."}, "task": {"ttl": 1}}
        assert (await ask(front, request("tools/call", params), headers=await begin(front))).status == 200
        assert serving.requests[0].arguments == {"path": "."}

    run(test)


def test_no_arguments_are_empty_arguments() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        await ask(front, request("tools/call", {"name": "git_status"}), headers=session)
        assert serving.requests[0].arguments == {}

    run(test)


@pytest.mark.parametrize("id_", ["", "a" * 256, 0, -5, 2**53 - 1, "null", 'quote"\\'])
def test_ids_come_back_as_they_were(id_: object) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        seen = await ask(front, call(id_=id_), headers=session)
        assert seen.json["id"] == id_
        assert type(seen.json["id"]) is type(id_)

    run(test)


def test_arguments_arrive_as_they_were_sent() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        given = {"n": 123456789012345678901234567890, "f": 0.1, "u": "Grüße 世界", "list": [None, True, {"a": []}]}
        await ask(front, call(arguments=given), headers=session)
        assert serving.requests[0].arguments == given

    run(test)
