"""Real MCP clients over loopback HTTP against the front behind uvicorn; only Serving is a fake.

The `mcp` SDK in all its modes, and raw requests in the order in which Codex 0.169 and Claude Code 2.1.330 send them.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from callgate.adapters.mcp.app import McpFront
from callgate.adapters.mcp.config import FrontConfig
from callgate.adapters.mcp.protocol import GateProtocol
from callgate.flow.ports import Relay
from callgate.model.answer import Answer, Refused, Request
from callgate.model.decision import Finding
from callgate.model.terms import Effect
from tests.fakes.serving import FakeServing, listing, served, text_result, tool
from tests.fronts.mcp import MODERN, call, initialize, modern, request, routing

mcp = pytest.importorskip("mcp")
pytestmark = pytest.mark.e2e

Test = Callable[["Gate"], Awaitable[None]]


class Late:
    """uvicorn knows its port only after it bound; the front wants it in its configuration."""

    def __init__(self) -> None:
        self.front: McpFront | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.front is not None
        await self.front(scope, receive, send)


class Gate:
    def __init__(self, port: int, serving: FakeServing) -> None:
        self.port = port
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}/mcp/git"
        self.serving = serving

    async def post(
        self, message: Any, headers: dict[str, str | None], **more: Any
    ) -> tuple[int, dict[str, str], bytes]:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await self.send("POST", body, headers, **more)

    async def send(
        self, method: str, body: bytes, headers: dict[str, str | None], token: str | None = "good"
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own; the whole answer."""
        return parsed(await self.raw(self.written(method, body, headers, token)))

    @contextlib.asynccontextmanager
    async def standing(
        self, method: str, body: bytes, headers: dict[str, str | None], wanted: bytes
    ) -> AsyncIterator[bytes]:
        """A stream that stays open; what came of it until ``wanted`` did."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self.written(method, body, headers, "good"))
        seen = b""
        async with asyncio.timeout(10):
            while wanted not in seen:
                part = await reader.read(65_536)
                assert part, seen
                seen += part
        try:
            yield seen
        finally:
            writer.close()

    def written(self, method: str, body: bytes, headers: dict[str, str | None], token: str | None) -> bytes:
        made = {
            "Host": self.host,
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token}" if token else None,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **headers,
        }
        head = f"{method} /mcp/git HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in made.items() if v is not None)
        return head.encode() + b"\r\n" + body

    async def raw(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                while part := await reader.read(65_536):
                    answer += part
        writer.close()
        return answer


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(status.split()[1]), fields, body


@contextlib.asynccontextmanager
async def gate(serving: FakeServing, **more: Any) -> AsyncIterator[Gate]:
    app = Late()
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=GateProtocol,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.get_running_loop().create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    host = f"127.0.0.1:{port}"
    app.front = McpFront(serving, FrontConfig(base=f"http://{host}", hosts=(host,), **more))
    try:
        yield Gate(port, serving)
    finally:
        server.should_exit = True
        await running


def run(test: Test, *listings: Any, script: Any = None, **more: Any) -> FakeServing:
    serving = FakeServing(*listings, script=script)

    async def bounded() -> None:
        async with asyncio.timeout(60), gate(serving, **more) as opened:
            await test(opened)

    asyncio.run(bounded())
    return serving


@contextlib.asynccontextmanager
async def client(opened: Gate, mode: str) -> AsyncIterator[Any]:
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    async with create_mcp_http_client(headers={"Authorization": "Bearer good"}) as http:
        async with Client(streamable_http_client(opened.url, http_client=http), mode=mode) as connected:
            yield connected


async def scripted(asked: Request, relay: Relay) -> Answer:
    if asked.tool == "git_push":
        finding = Finding("contract", "tool_not_listed", Effect.DENY, reason="The contract does not list this tool.")
        return Refused("call-2", "dec-2", (finding,), "Ask the owner.")
    if asked.progress:
        for step in (1, 2):
            note = {"progressToken": "own", "progress": step, "total": 2}
            relay(json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": note}).encode())
            await asyncio.sleep(0)
    return served(text_result(json.dumps(asked.arguments), structuredContent=asked.arguments))


TOOLS = (tool("git_status", path={"type": "string"}), tool("git_push", path={"type": "string", "x-mcp-header": "Path"}))
GIT = {"tools": TOOLS, "headers": (("git_push", (("Mcp-Param-Path", "path"),)),)}


@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
def test_the_sdk_in_every_mode(mode: str) -> None:
    async def test(opened: Gate) -> None:
        async with client(opened, mode) as connected:
            assert connected.protocol_version == ("2025-11-25" if mode == "legacy" else MODERN)
            tools = (await connected.list_tools()).tools
            assert [each.name for each in tools][:2] == ["git_status", "git_push"]
            assert tools[-1].name == "callgate_open_task"
            seen = []

            async def progressed(value: float, total: float | None, message: str | None) -> None:
                seen.append(value)

            answer = await connected.call_tool("git_status", {"path": "ü"}, progress_callback=progressed)
            assert answer.structured_content == {"path": "ü"}
            assert answer.meta["io.callgate/call"] == "call-1"
            assert seen == [1, 2]
            refused = await connected.call_tool("git_push", {"path": "Zürich"})
            assert refused.is_error
            assert refused.structured_content["status"] == "refused"
            waits = await connected.call_tool("callgate_await_approval", {"approval_id": "hold-1", "wait_seconds": 0})
            assert waits.structured_content["status"] == "pending_approval"
            with pytest.raises(mcp.MCPError) as refusal:
                await connected.list_resources()
            assert refusal.value.error.code == -32601

    serving = run(test, listing(**GIT), script=scripted)
    assert [asked.tool for asked in serving.requests] == ["git_status", "git_push"]
    assert serving.requests[1].arguments == {"path": "Zürich"}


def test_the_sdk_falls_back_where_there_is_only_a_handshake() -> None:
    async def test(opened: Gate) -> None:
        async with client(opened, "auto") as connected:
            assert connected.protocol_version == "2025-06-18"
            answer = await connected.call_tool("git_status", {})
            assert answer.content[0].text == "ok"

    serving = run(test, listing(bridged=False, eras=("2025-11-25", "2025-06-18")))
    assert serving.requests[0].session == "up-1"
    assert serving.ended == ["up-1"]


def test_the_sdk_cancels_in_both_eras() -> None:
    cancelled = []

    async def waits(asked: Request, relay: Relay) -> Answer:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(asked.protocol)
            raise
        return served()

    async def test(opened: Gate) -> None:
        for mode in ("legacy", MODERN):
            async with client(opened, mode) as connected:
                calling = asyncio.get_running_loop().create_task(connected.call_tool("git_status", {}))
                before = len(cancelled)
                while len(opened.serving.requests) == before:
                    await asyncio.sleep(0.01)
                calling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await calling
                while len(cancelled) == before:
                    await asyncio.sleep(0.01)

    run(test, script=waits, look_ms=10)
    assert cancelled == ["2025-11-25", MODERN]


def test_requests_in_the_order_of_codex() -> None:
    async def test(opened: Gate) -> None:
        agent: dict[str, str | None] = {"User-Agent": "codex-mcp-client/0.169.0"}
        status, fields, body = await opened.post(request("initialize", initialize(), 0), agent)
        assert status == 200
        assert json.loads(body)["result"]["protocolVersion"] == "2025-06-18"
        session = {**agent, "Mcp-Session-Id": fields["mcp-session-id"], "MCP-Protocol-Version": "2025-06-18"}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await opened.post(ready, session))[::2] == (202, b"")
        async with opened.standing("GET", b"", {**session, "Accept": "text/event-stream"}, b": listening"):
            status, _, body = await opened.post(request("tools/list", {"_meta": {"progressToken": 0}}), session)
            assert json.loads(body)["result"]["tools"][-1]["name"] == "callgate_open_task"
            meta = {"callId": "call_1", "threadId": "t", "progressToken": 1}
            status, fields, body = await opened.post(call(arguments={"path": "."}, id_=2, **meta), session)
            assert (status, fields["content-type"]) == (200, "text/event-stream")
            assert fields["x-accel-buffering"] == "no"
            assert b'"progressToken":1' in body
        assert (await opened.send("DELETE", b"", session))[0] == 204
        assert (await opened.post(request("ping"), session))[0] == 404

    serving = run(test, script=scripted)
    assert serving.requests[0].claims.tool_use == "call_1"


def test_requests_in_the_order_of_claude_code() -> None:
    async def test(opened: Gate) -> None:
        async def ask(message: dict[str, Any]) -> tuple[int, Any]:
            full = modern(message)
            status, fields, body = await opened.post(full, routing(full))
            assert "mcp-session-id" not in fields
            return status, json.loads(body)

        status, body = await ask(request("server/discover", id_="discover-1"))
        assert (status, body["id"]) == (200, "discover-1")
        assert body["result"]["supportedVersions"][0] == MODERN
        wish = modern(request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}))
        async with opened.standing("POST", json.dumps(wish).encode(), routing(wish), b"subscriptions/acknowledged"):
            status, body = await ask(request("tools/list"))
            assert body["result"]["cacheScope"] == "private"
            status, body = await ask(call(**{"claudecode/toolUseId": "toolu_1"}))
            assert body["result"]["resultType"] == "complete"

    serving = run(test)
    assert serving.requests[0].claims.tool_use == "toolu_1"


def test_no_token_over_the_wire() -> None:
    async def test(opened: Gate) -> None:
        status, fields, _ = await opened.post(call(), {}, token=None)
        assert status == 401
        where = fields["www-authenticate"].partition('resource_metadata="')[2].partition('"')[0]
        path = where.removeprefix(f"http://{opened.host}")
        answer = await opened.raw(f"GET {path} HTTP/1.1\r\nHost: {opened.host}\r\nConnection: close\r\n\r\n".encode())
        assert json.loads(parsed(answer)[2])["resource"] == opened.url
        assert (await opened.post(call(), {"Host": "evil.example"}))[0] == 421

    assert not run(test).requests


def test_headers_without_an_end_are_cut_off() -> None:
    async def test(opened: Gate) -> None:
        head = f"POST /mcp/git HTTP/1.1\r\nHost: {opened.host}\r\n".encode()
        for junk in (b"X-A: " + b"a" * 70_000, b"".join(b"X-%d: a\r\n" % n for n in range(8_000))):
            assert (await opened.raw(head + junk)).startswith(b"HTTP/1.1 431 ")
        whole = head + b"X-A: " + b"a" * 40_000 + b"\r\nConnection: close\r\n\r\n"
        assert (await opened.raw(whole)).startswith(b"HTTP/1.1 431 ")

    assert not run(test).requests


def test_a_connection_that_sends_no_request_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(opened: Gate) -> None:
        for data in (b"", b"POST /mcp/git HTT", f"POST /mcp/git HTTP/1.1\r\nHost: {opened.host}\r\n".encode()):
            assert (await opened.raw(data)).startswith(b"HTTP/1.1 408 ")

    monkeypatch.setattr(GateProtocol, "HEAD_S", 0.2)
    assert not run(test).requests


def test_beyond_the_connections_there_may_be_idle_ones_make_room_and_busy_ones_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(GateProtocol, "CONNECTIONS", 3)
    release = asyncio.Event()

    async def busy(asked: Request, relay: Relay) -> Answer:
        await release.wait()
        return served()

    async def test(opened: Gate) -> None:
        idle = await asyncio.open_connection("127.0.0.1", opened.port)
        message = modern(call())
        working = [asyncio.create_task(opened.post(message, routing(message))) for _ in range(3)]
        async with asyncio.timeout(10):
            assert await idle[0].read() == b"", "it made room"
            while len(opened.serving.requests) < 3:
                await asyncio.sleep(0.01)
        assert (await opened.post(message, routing(message)))[0] == 503
        release.set()
        assert [status for status, _, _ in await asyncio.gather(*working)] == [200] * 3
        assert (await opened.post(message, routing(message)))[0] == 200
        idle[1].close()

    run(test, script=busy)
