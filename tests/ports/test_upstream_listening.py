"""Standing streams of servers: what is asked for, what is taken, and how they end."""

import asyncio
import json
from typing import Any

import pytest

from callgate.adapters.upstream.listening import MAX_EVENT
from callgate.adapters.upstream.waiting import MAX_BYTES, MAX_WAITING, WaitingMessages
from callgate.core.message import Message
from callgate.flow.listening import OWN
from callgate.flow.ports import Outbound, Wish
from callgate.model.errors import UpstreamError
from tests.fakes.servers.raw_http import END, chunk, reply, stream
from tests.ports.against_http import against, outcome
from tests.ports.test_upstream import call, messages
from tests.ports.test_upstream_stdio import running

SESSION = Wish(session="s-1", protocol="2025-11-25")
MODERN = Wish(protocol="2026-07-28", lists=("tools", "resources"), uris=("file:///a",))
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


def event(message: Any) -> bytes:
    return chunk(b"data: " + (message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n\n")


async def all_of(listening: Any) -> list[Message]:
    async with asyncio.timeout(10):
        return [message async for message in listening]


def test_the_get_stream_of_a_session() -> None:
    async def script(heard: Any, writer: Any) -> None:
        if heard.line.startswith("GET"):
            writer.write(stream() + event(b"") + event(CHANGED) + event(b"no json") + event(CHANGED))
            writer.write(event({"jsonrpc": "2.0", "id": 9, "result": {}}) + END)

    async def check() -> None:
        async with against(script) as (server, upstream):
            told = []
            upstream.on_changed = lambda: told.append(1)
            found = await all_of(await upstream.listen(SESSION))
            assert [message.method for message in found] == [CHANGED["method"]] * 2
            assert len(told) == 2
            assert upstream.dropped == 2
            (heard,) = server.heard
            assert heard.line == "GET /mcp HTTP/1.1"
            assert (heard.headers["mcp-session-id"], heard.headers["mcp-protocol-version"]) == ("s-1", "2025-11-25")
            assert "last-event-id" not in heard.headers
            assert upstream.active == 0

    asyncio.run(check())


def test_subscriptions_listen_says_what_is_wished_for_and_ends_with_its_answer() -> None:
    async def script(heard: Any, writer: Any) -> None:
        ack = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}}
        foreign = {"jsonrpc": "2.0", "id": heard.id + 1, "result": {}}
        writer.write(stream() + event(ack) + event(foreign) + event(CHANGED))
        writer.write(event({"jsonrpc": "2.0", "id": heard.id, "result": {}}) + event(CHANGED))

    async def check() -> None:
        async with against(script) as (server, upstream):
            found = await all_of(await upstream.listen(MODERN))
            assert [message.method for message in found][1:] == [CHANGED["method"]]
            (heard,) = server.heard
            body = json.loads(heard.body)
            assert body["method"] == heard.headers["mcp-method"] == "subscriptions/listen"
            assert body["params"]["notifications"] == {
                "toolsListChanged": True,
                "resourcesListChanged": True,
                "resourceSubscriptions": ["file:///a"],
            }
            assert body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] == {}

    asyncio.run(check())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (reply("405 Method Not Allowed"), "not_found"),
        (reply("404 Not Found"), "session_gone"),
        (reply("200 OK", b"{}"), "not_found"),
        (reply("302 Found"), "not_found"),
        (reply("401 Unauthorized"), "unauthorized"),
        (reply("429 Too Many"), "rate_limited"),
        (reply("503 Away"), "not_sent"),
        (b"nonsense\r\n\r\n", "not_sent"),
    ],
)
def test_a_server_without_a_standing_stream(answer: bytes, code: str) -> None:
    async def script(heard: Any, writer: Any) -> None:
        writer.write(answer)

    async def check() -> None:
        async with against(script) as (_, upstream):
            with pytest.raises(UpstreamError) as fault:
                await upstream.listen(SESSION)
            assert fault.value.code == code

    asyncio.run(check())


def test_a_forged_session_asks_nothing() -> None:
    async def script(heard: Any, writer: Any) -> None:
        writer.write(stream())

    async def check() -> None:
        async with against(script) as (server, upstream):
            with pytest.raises(UpstreamError):
                await upstream.listen(Wish(session="s\r\nX: 1", protocol="2025-11-25"))
            assert not server.heard

    asyncio.run(check())


@pytest.mark.parametrize("tail", [b"", b"data: half", b"data: " + b"x" * (MAX_EVENT + 10)])
def test_a_stream_that_breaks_off_just_ends(tail: bytes) -> None:
    async def script(heard: Any, writer: Any) -> None:
        writer.write(stream() + event(CHANGED) + (chunk(tail) if tail else b""))
        await writer.drain()
        writer.close()

    async def check() -> None:
        async with against(script) as (_, upstream):
            assert len(await all_of(await upstream.listen(SESSION))) == 1

    asyncio.run(check())


def test_requests_on_it_are_told_no_in_their_session() -> None:
    async def script(heard: Any, writer: Any) -> None:
        if heard.line.startswith("GET"):
            asked = [
                {"jsonrpc": "2.0", "id": "a", "method": "ping"},
                {"jsonrpc": "2.0", "id": 7, "method": "roots/list"},
            ]
            writer.write(stream() + b"".join(map(event, asked)) + END)
        else:
            writer.write(reply("202 Accepted"))

    async def check() -> None:
        async with against(script) as (server, upstream):
            listening = await upstream.listen(SESSION)
            async for message in listening:
                await listening.refuse(message)
            told = [json.loads(heard.body) for heard in server.heard[1:]]
            assert told[0] == {"jsonrpc": "2.0", "id": "a", "result": {}}
            assert (told[1]["id"], told[1]["error"]["code"]) == (7, -32601)
            assert {heard.headers["mcp-session-id"] for heard in server.heard} == {"s-1"}

    asyncio.run(check())


def test_standing_streams_take_no_place_of_calls() -> None:
    async def script(heard: Any, writer: Any) -> None:
        if heard.line.startswith("GET"):
            writer.write(stream())
        else:
            body = json.dumps({"jsonrpc": "2.0", "id": heard.id, "result": {"content": []}})
            writer.write(reply("200 OK", body.encode()))

    async def check() -> None:
        async with against(script, max_concurrency=1) as (server, upstream):
            standing = [await upstream.listen(SESSION) for _ in range(40)]
            assert await outcome(upstream) == '{"content": []}'
            assert server.connections == 41
            for one in standing:
                await one.close()

    asyncio.run(check())


class Sessions:
    """A server that begins sessions and knows the newest ``alive`` of them; its GET streams stay open."""

    def __init__(self, alive: int = 99) -> None:
        self.alive = alive
        self.begun: list[str] = []
        self.modern: list[Any] = []

    async def __call__(self, heard: Any, writer: Any) -> None:
        session = heard.headers.get("mcp-session-id", "")
        if heard.line.startswith("GET"):
            known = session in self.begun[-self.alive :] if self.alive else False
            writer.write(stream() if known else reply("404 Not Found"))
        elif heard.line.startswith("POST") and json.loads(heard.body).get("method") == "initialize":
            self.begun.append(f"s-{len(self.begun)}")
            said = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}
            body = json.dumps({"jsonrpc": "2.0", "id": heard.id, "result": said}).encode()
            writer.write(reply("200 OK", body, "application/json", f"Mcp-Session-Id: {self.begun[-1]}"))
        else:
            writer.write(reply("202 Accepted"))


def streams_of(server: Any) -> list[str]:
    return [heard.headers["mcp-session-id"] for heard in server.heard if heard.line.startswith("GET")]


def test_a_stream_of_the_gates_own_session_and_what_it_may_have_missed() -> None:
    async def check() -> None:
        sessions = Sessions()
        async with against(sessions) as (server, upstream):
            told = []
            upstream.on_changed = lambda: told.append(1)
            await (await upstream.listen(OWN)).close()
            assert not told
            await (await upstream.listen(OWN)).close()
            assert told == [1], "while it was closed nobody could say anything"
            sessions.begun.append("another process")
            sessions.alive = 1
            await (await upstream.listen(OWN)).close()
            assert streams_of(server) == ["s-0", "s-0", "s-0", "s-2"]
            await upstream.close()
            assert [(one.line, one.headers["mcp-session-id"]) for one in server.heard[-1:]] == [
                ("DELETE /mcp HTTP/1.1", "s-2")
            ]

    asyncio.run(check())


def test_a_server_whose_sessions_have_no_stream_is_asked_once() -> None:
    async def check() -> None:
        async with against(Sessions(alive=0)) as (server, upstream):
            for _ in range(3):
                with pytest.raises(UpstreamError) as fault:
                    await upstream.listen(OWN)
                assert fault.value.code == "not_found"
            assert streams_of(server) == ["s-0"]

    asyncio.run(check())


def test_a_server_without_sessions_is_asked_for_its_subscriptions() -> None:
    async def script(heard: Any, writer: Any) -> None:
        if json.loads(heard.body)["method"] == "subscriptions/listen":
            writer.write(stream() + event(CHANGED))
        else:
            writer.write(reply("400 Bad Request"))

    async def check() -> None:
        async with against(script) as (server, upstream):
            listening = await upstream.listen(OWN)
            async for message in listening:
                assert message.method == CHANGED["method"]
                break
            await listening.close()
            assert json.loads(server.heard[-1].body)["params"]["notifications"] == {
                "toolsListChanged": True,
                "promptsListChanged": True,
                "resourcesListChanged": True,
            }

    asyncio.run(check())


def test_a_local_server_announces_to_everybody(tmp_path: Any) -> None:
    async def check() -> None:
        async with running(tmp_path) as upstream:
            told = []
            upstream.on_changed = lambda: told.append(1)
            ears = [await upstream.listen(Wish()) for _ in range(3)]
            gone = await upstream.listen(Wish())
            await gone.close()
            await messages(upstream, call("changed", {}))
            for ear in ears:
                async with asyncio.timeout(10):
                    async for message in ear:
                        assert message.method == CHANGED["method"]
                        await ear.close()
            assert told
            assert not upstream._listening

    asyncio.run(check())


def test_a_listener_that_takes_nothing_keeps_the_newest(tmp_path: Any) -> None:
    async def check() -> None:
        async with running(tmp_path) as upstream:
            ear = await upstream.listen(Wish())
            for number in range(MAX_WAITING * 4):
                ear.put(Message(raw=b"", method=f"m{number}"))
            found = []
            async for message in ear:
                found.append(message.method)
                if len(found) == MAX_WAITING:
                    await ear.close()
            assert found[-1] == f"m{MAX_WAITING * 4 - 1}"

    asyncio.run(check())


def test_what_a_child_says_and_nobody_takes_is_bounded_in_bytes() -> None:
    """A progress message may be as long as an answer; 256 of them are more than the gate's host has."""
    waiting, long = WaitingMessages(), b"x" * (MAX_BYTES // 4)
    for number in range(50):
        waiting.put(Message(raw=long, method=f"m{number}"))
    assert len(waiting) == 4
    answer = Message(raw=b"x" * (2 * MAX_BYTES), id=1)
    waiting.put(answer)
    assert (len(waiting), waiting.take()) == (1, answer)
    for number in range(5):
        waiting.put(Message(raw=long, method=f"n{number}"))
    assert [waiting.take().method for _ in range(len(waiting))] == ["n1", "n2", "n3", "n4"]


def test_a_child_that_floods_a_call_that_nobody_reads_is_bounded_in_bytes(tmp_path: Any) -> None:
    async def check() -> None:
        async with running(tmp_path) as upstream:
            exchange = await upstream.open(Outbound("tools/call", b"{}"))
            for number in range(50):
                exchange.put(Message(raw=b"x" * (MAX_BYTES // 4), method=f"m{number}"))
            assert len(exchange._queue) == 4

    asyncio.run(check())


@pytest.mark.parametrize(
    ("session", "number", "found"),
    [
        ("s-1", 0, '{"content":[]}'),
        ("s-2", 0, ("OutcomeUnknown", "outcome_unknown")),
        ("s-1", 1, ("OutcomeUnknown", "outcome_unknown")),
    ],
)
def test_an_answer_by_the_standing_stream_of_its_session_is_the_answer(session: str, number: int, found: Any) -> None:
    """The call's own stream stays open and says nothing; ``number``: how far off the answer's id is."""
    asked: asyncio.Queue[int] = asyncio.Queue()

    async def script(heard: Any, writer: Any) -> None:
        writer.write(stream())
        if heard.line.startswith("POST"):
            asked.put_nowait(heard.id)
        else:
            answer = {"jsonrpc": "2.0", "id": await asked.get() + number, "result": {"content": []}}
            writer.write(event(answer) + event(answer) + event(CHANGED) + END)

    async def check() -> None:
        async with against(script) as (_, upstream):
            listening = await upstream.listen(Wish(session=session, protocol="2025-11-25"))
            waiting = asyncio.ensure_future(
                outcome(upstream, call("t", session="s-1", protocol="2025-11-25", deadline_ms=600))
            )
            assert [message.method for message in await all_of(listening)] == [CHANGED["method"]]
            seen = await waiting
            assert (seen if isinstance(found, tuple) else seen.replace(" ", "")) == found
            assert not upstream.streaming
            assert upstream.dropped == (0 if isinstance(found, str) else 2)

    asyncio.run(check())
