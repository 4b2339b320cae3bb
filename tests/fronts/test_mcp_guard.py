"""Host, origin, token, content and size: what a stranger meets, and what never reaches Serving."""

import asyncio
import json
import logging

import pytest

from callgate.adapters.mcp.app import McpFront
from callgate.model.errors import StoreError
from tests.fakes.asgi import HOST, ask, send
from tests.fakes.serving import FakeServing
from tests.fronts.mcp import begin, call, config, request, run

HINT = f'resource_metadata="http://{HOST}/.well-known/oauth-protected-resource/mcp/git"'


def untouched(serving: FakeServing) -> None:
    assert not serving.requests
    assert not serving.opened
    assert not serving.asked


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1:8701"}, 421),
        ({"host": None}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/json; charset=latin-1"}, 415),
        ({"content-type": None}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"accept": "application/json"}, 406),
        ({"accept": "text/event-stream, application/json;q=0"}, 406),
        ({"accept": None}, 406),
        ({"content-length": str(5 << 20)}, 413),
        ({"content-length": "9" * 5000}, 413),
        ({"callgate-task": "../x"}, 400),
        ({"x-big": "a" * 40_000}, 431),
    ],
)
def test_a_request_that_is_not_ours_is_refused(headers: dict[str, str | None], status: int) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        assert (await ask(front, call(), headers=headers)).status == status
        untouched(serving)

    run(test)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": f"http://{HOST}"},
        {"accept": "*/*"},
        {"accept": "application/*;q=0.8, text/event-stream"},
        {"content-type": "Application/JSON; charset=UTF-8"},
        {"authorization": "bearer good"},
    ],
)
def test_harmless_variants_pass(headers: dict[str, str | None]) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, request("initialize", {"protocolVersion": "2025-06-18"}), headers=headers)
        assert seen.status == 200

    run(test)


@pytest.mark.parametrize("name", ["host", "authorization", "origin", "content-type", "mcp-session-id"])
def test_a_header_that_may_come_once_comes_once(name: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        made = {"origin": f"http://{HOST}", "mcp-session-id": "x"}
        value = {"host": HOST, "authorization": "Bearer good", "content-type": "application/json", **made}[name]
        seen = await ask(front, call(), headers=made, extra=[(name.encode(), value.encode())])
        assert seen.status == 400
        untouched(serving)

    run(test)


def test_no_token_is_told_where_to_get_one() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, call(), token=None)
        assert seen.status == 401
        assert seen.headers["www-authenticate"] == f'Bearer {HINT}, scope="mcp"'
        untouched(serving)

    run(test)


@pytest.mark.parametrize(
    "value", ["Bearer bad", "Basic Z29vZDp4", "Bearer", "Bearer good, Bearer good", "Bearer " + "a" * 9000]
)
def test_a_bad_token_is_named_bad(value: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, call(), headers={"authorization": value})
        assert seen.status == 401
        assert 'error="invalid_token"' in seen.headers["www-authenticate"]
        assert HINT in seen.headers["www-authenticate"]
        untouched(serving)

    run(test)


def test_a_token_of_another_integration_is_not_enough() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, call(), token="other")
        assert seen.status == 403
        assert 'error="insufficient_scope"' in seen.headers["www-authenticate"]
        untouched(serving)

    run(test)


@pytest.mark.parametrize("query", [b"access_token=good", b"a=1&Access_Token=good", b"%61ccess_token=x"])
def test_a_token_in_the_url_is_refused_even_beside_a_good_one(query: bytes) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        for token in ("good", None):
            seen = await ask(front, call(), query=query, token=token)
            assert seen.status == 400
            assert 'error="invalid_request"' in seen.headers["www-authenticate"]
        untouched(serving)

    run(test)


@pytest.mark.parametrize(
    "path", ["/", "/mcp", "/mcp/", "/mcp/git/", "/mcp/git/t/", "/mcp/%67it", "/mcp/git/t/a/b", "/mcp/.."]
)
def test_other_paths_are_not_found(path: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        assert (await ask(front, call(), path=path)).status == 404
        untouched(serving)

    run(test)


def test_an_unknown_integration_is_seen_only_with_a_token() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        assert (await ask(front, call(), path="/mcp/nothing", token=None)).status == 401
        seen = await ask(front, call(), path="/mcp/nothing")
        assert seen.status == 404
        assert seen.error["data"] == {"reason": "no_integration"}

    run(test)


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "PATCH"])
def test_other_methods_name_what_is_allowed(method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, method=method)
        assert seen.status == 405
        assert seen.headers["allow"] == "POST, GET, DELETE"

    run(test)


def test_resource_metadata() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        for path in ("/mcp/git", "/mcp/git/t/task-1", ""):
            place = f"/.well-known/oauth-protected-resource{path}"
            seen = await ask(front, method="GET", path=place, token=None)
            assert seen.status == 200
            assert seen.json["resource"] == f"http://{HOST}{path}"
            assert seen.json["authorization_servers"] == [f"http://{HOST}"]
            assert seen.json["bearer_methods_supported"] == ["header"]
            assert seen.json["scopes_supported"] == ["mcp"]
        assert (await ask(front, method="GET", path=place, headers={"host": "evil.example"})).status == 421
        assert (await ask(front, method="POST", path=place)).status == 405
        bad = await ask(front, method="GET", path="/.well-known/oauth-protected-resource/mcp/a%20b")
        assert bad.status == 404

    run(test)


def test_a_body_is_measured_while_it_is_read() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, chunks=[b" " * 600, b" " * 600])
        assert seen.status == 413
        assert seen.headers["connection"] == "close"
        assert (await ask(front, b" " * 1025)).status == 413
        untouched(serving)

    run(test, body_bytes=1024)


def test_a_body_in_many_pieces_is_one_body() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front)
        raw = json.dumps(call()).encode()
        seen = await ask(front, chunks=[raw[at : at + 7] for at in range(0, len(raw), 7)], headers=session)
        assert seen.result["content"][0]["text"] == "ok"

    run(test)


def test_a_body_that_never_ends_times_out() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, b'{"jsonrpc"', stall=True)
        assert seen.status == 408
        assert seen.headers["connection"] == "close"
        untouched(serving)

    run(test, body_ms=50)


def test_a_client_that_leaves_before_its_body_ended_calls_nothing() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = send(front, b'{"jsonrpc"', stall=True)
        seen.leave()
        await seen.wait()
        assert not seen.status
        untouched(serving)

    run(test)


def test_one_credential_has_only_so_many_requests_under_way() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        slow = [send(front, b"", stall=True) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        seen = await ask(front, call())
        assert seen.status == 429
        assert seen.headers["retry-after"] == "1"
        assert seen.error["data"] == {"reason": "busy"}
        assert (await ask(front, request("ping"), token="ben")).status == 400
        for each in slow:
            each.leave()
            await each.wait()
        assert (await ask(front, request("initialize", {"protocolVersion": "2025-06-18"}))).status == 200

    run(test, per_credential=2)


def test_a_fault_of_ours_tells_an_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        async def broken(asked: object, relay: object) -> None:
            raise StoreError("disk on fire with secret-value")

        serving.script = broken  # type: ignore[assignment]
        session = await begin(front)
        seen = await ask(front, call(arguments={"a": "secret-value"}), headers=session)
        assert seen.status == 500
        assert seen.error["code"] == -32603
        assert seen.error["message"].startswith("internal error, id ")
        mark = seen.error["message"].rpartition(" ")[2]
        assert mark in caplog.text
        assert "StoreError" in caplog.text
        assert "secret-value" not in caplog.text
        assert b"secret-value" not in seen.body

    with caplog.at_level(logging.DEBUG):
        run(test)


def test_websockets_are_closed() -> None:
    sent = []

    async def test() -> None:
        async def keep(event: object) -> None:
            sent.append(event)

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        await McpFront(FakeServing(), config())({"type": "websocket"}, receive, keep)

    asyncio.run(test())
    assert sent == [{"type": "websocket.close", "code": 1008}]
