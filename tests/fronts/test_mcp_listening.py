"""Standing streams to clients, in both eras."""

import asyncio
from typing import Any

import pytest

from callgate.adapters.mcp.app import McpFront
from callgate.adapters.mcp.listening import LOOK_S
from callgate.flow.announcing import Heard, Listener
from callgate.flow.ports import Opened, Relay, Wish
from callgate.model.answer import Answer, Refused, Request
from tests.fakes.asgi import Exchanged, ask, send
from tests.fakes.serving import FakeServing, listing, served
from tests.fronts.mcp import MODERN, ask_modern, begin, modern, request, routing, run

OFFERS = ("tools", "tools.listChanged", "resources", "resources.subscribe", "resources.listChanged", "logging")
HTTP = listing(bridged=False, eras=("2026-07-28", "2025-11-25"), offers=OFFERS)
LOCAL = listing(offers=OFFERS)
STREAM = {"accept": "text/event-stream"}


async def session_of(front: McpFront, serving: FakeServing, **more: Any) -> dict[str, str | None]:
    serving.upstream = Opened("up-1", "2025-11-25", b"{}")
    return await begin(front, "2025-11-25", **more)


async def listening(front: McpFront, serving: FakeServing, session: Any, **more: Any) -> tuple[Exchanged, Listener]:
    known = len(serving.listening)
    seen = send(front, method="GET", headers={**session, **STREAM}, **more)
    await seen.until(lambda: len(serving.listening) > known and bool(seen.body))
    return seen, serving.listening[-1][0]


def test_a_session_has_a_standing_stream_that_announces() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        seen, listener = await listening(front, serving, session)
        assert (seen.status, seen.headers["content-type"]) == (200, "text/event-stream")
        assert seen.body == b": listening\n\n"
        assert serving.listening[0][1] == Wish(session="up-1", protocol="2025-11-25")
        listener.send(Heard("tools"))
        listener.send(Heard("updated", uri="file:///srv/a"))
        listener.send(Heard("message", params=b'{"level":"info","data":1}'))
        await seen.until(lambda: len(seen.events) == 3)
        assert seen.events == [
            {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
            {"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": "file:///srv/a"}},
            {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": 1}},
        ]
        assert b"id:" not in seen.body
        seen.leave()
        await seen.wait()
        assert not serving.listening

    run(test, HTTP, look_ms=5)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"accept": "application/json"}, 406),
        ({"mcp-session-id": None}, 400),
        ({"mcp-session-id": "made-up"}, 404),
        ({"accept": "text/event-stream;q=0"}, 406),
    ],
)
def test_a_get_that_is_no_standing_stream(headers: Any, status: int) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        seen = await ask(front, method="GET", headers={**session, **STREAM, **headers})
        assert seen.status == status
        assert not serving.listening

    run(test, HTTP)


def test_one_standing_stream_per_session_and_a_foreign_one_opens_none() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        seen, _ = await listening(front, serving, session)
        assert (await ask(front, method="GET", headers={**session, **STREAM})).status == 409
        foreign = await ask(front, method="GET", headers={**session, **STREAM}, token="ben")
        assert foreign.status == 404
        seen.leave()
        await seen.wait()
        again, _ = await listening(front, serving, {**session, "last-event-id": "7"})
        again.leave()
        await again.wait()

    run(test, HTTP, look_ms=5)


def test_standing_streams_are_bounded_and_no_requests_under_way() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        streams = []
        for number in range(3):
            serving.upstream = Opened(f"up-{number}", "2025-11-25", b"{}")
            session = await begin(front, "2025-11-25")
            if number < 2:
                streams.append((await listening(front, serving, session))[0])
        assert front.under_way == 0
        full = await ask(front, method="GET", headers={**session, **STREAM})
        assert (full.status, full.error["data"]) == (429, {"reason": "busy"})
        modern_one = await ask_modern(front, request("subscriptions/listen", {"notifications": {}}))
        assert modern_one.status == 429
        for stream in streams:
            stream.leave()
            await stream.wait()
        assert front.under_way == 0

    run(test, HTTP, look_ms=5, standing_per_credential=2)


def test_a_stream_ends_when_it_may_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.adapters.mcp.listening.LOOK_S", LOOK_S / 100)

    async def test(front: McpFront, serving: FakeServing) -> None:
        old, _ = await listening(front, serving, await session_of(front, serving))
        message = modern(request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, 7))
        new = send(front, message, headers=routing(message))
        await new.until(lambda: bool(new.events))
        serving.may_go_on = False
        await old.wait()
        await new.wait()
        assert old.complete
        assert not old.events
        assert new.events[-1]["result"] == {
            "resultType": "complete",
            "_meta": {"io.modelcontextprotocol/subscriptionId": 7},
        }
        assert not serving.listening

    run(test, HTTP)


def test_the_end_of_a_session_ends_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.adapters.mcp.listening.LOOK_S", LOOK_S / 100)

    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        seen, _ = await listening(front, serving, session)
        assert (await ask(front, method="DELETE", headers=session)).status == 204
        await seen.wait()
        assert seen.complete

    run(test, HTTP)


def test_a_client_that_takes_nothing_is_let_go() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        seen = send(front, method="GET", headers={**session, **STREAM}, stuck=True)
        async with asyncio.timeout(10):
            while not serving.listening:
                await asyncio.sleep(0)
        listener = serving.listening[0][0]
        for number in range(1_000):
            listener.send(Heard("updated", uri=f"file:///srv/{number}"))
        async with asyncio.timeout(10):
            while serving.listening:
                await asyncio.sleep(0)
        assert seen.task is not None
        seen.task.cancel()

    run(test, HTTP)


def test_a_subscription_is_a_governed_call_and_then_heard() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        seen, listener = await listening(front, serving, session)
        serving.script = subscribes
        for uri, code in (("file:///srv/a", None), ("file:///secret", 403)):
            reply = await ask(front, request("resources/subscribe", {"uri": uri}), headers=session)
            assert reply.json.get("error", {}).get("code") == code
        assert listener.uris == {"file:///srv/a"}
        assert [(one.method, one.session) for one in serving.requests] == [("resources/subscribe", "up-1")] * 2
        gone = await ask(front, request("resources/unsubscribe", {"uri": "file:///srv/a"}), headers=session)
        assert gone.status == 200
        assert not listener.uris
        assert serving.requests[-1].method == "resources/unsubscribe"
        seen.leave()
        await seen.wait()

    run(test, HTTP, look_ms=5)


async def subscribes(request: Request, relay: Relay) -> Answer:
    if "secret" in request.arguments["uri"]:
        return Refused("call-1", "dec-1", (), "No.")
    return served(b"{}", method=request.method)


def test_subscriptions_of_a_session_are_bounded() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        serving.script = subscribes
        for number in range(257):
            asked = request("resources/subscribe", {"uri": f"file:///srv/{number}"})
            reply = await ask(front, asked, headers=session)
            assert ("error" in reply.json) is (number == 256)
        assert len(serving.requests) == 256

    run(test, HTTP)


def test_a_local_server_is_not_told_of_the_end() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front, "2025-11-25")
        seen, listener = await listening(front, serving, session)
        assert serving.listening[0][1] == Wish()
        serving.script = subscribes
        await ask(front, request("resources/subscribe", {"uri": "file:///srv/a"}), headers=session)
        assert listener.uris == {"file:///srv/a"}
        await ask(front, request("resources/unsubscribe", {"uri": "file:///srv/a"}), headers=session)
        assert [one.method for one in serving.requests] == ["resources/subscribe"]
        assert not listener.uris
        seen.leave()
        await seen.wait()

    run(test, LOCAL, look_ms=5)


def test_2026_07_28_listens_to_what_may_be_heard() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        wished = {
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourcesListChanged": False,
            "resourceSubscriptions": ["file:///srv/a", "file:///secret", "file:///srv/a"],
            "taskIds": ["t"],
        }
        message = modern(request("subscriptions/listen", {"notifications": wished}, "l-1"))
        seen = send(front, message, headers=routing(message))
        await seen.until(lambda: bool(serving.listening) and bool(seen.events))
        meta = {"io.modelcontextprotocol/subscriptionId": "l-1"}
        honoured = {"toolsListChanged": True, "resourceSubscriptions": ["file:///srv/a"]}
        assert seen.events == [
            {
                "jsonrpc": "2.0",
                "method": "notifications/subscriptions/acknowledged",
                "params": {"notifications": honoured, "_meta": meta},
            }
        ]
        listener, wish = serving.listening[0]
        assert (listener.lists, listener.uris) == (frozenset({"tools"}), {"file:///srv/a"})
        assert wish is not None
        assert (wish.protocol, wish.uris) == (MODERN, ("file:///srv/a",))
        listener.send(Heard("tools"))
        await seen.until(lambda: len(seen.events) == 2)
        assert seen.events[1]["params"] == {"_meta": meta}
        assert [one.tool for one in serving.requests] == ["resources/subscribe"] * 2
        seen.leave()
        await seen.wait()
        assert not serving.listening

    run(test, HTTP, look_ms=5)


@pytest.mark.parametrize(
    "params", [{}, {"notifications": []}, {"notifications": {"resourceSubscriptions": ["x"] * 257}}]
)
def test_wishes_of_another_shape(params: Any) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, request("subscriptions/listen", params))
        assert (seen.status, seen.error["code"]) == (400, -32602)
        assert not serving.listening

    run(test, HTTP)


@pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
def test_2026_07_28_subscribes_by_listening_alone(method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask_modern(front, request(method, {"uri": "file:///srv/a"}))
        assert (seen.status, seen.error["code"]) == (404, -32601)

    run(test, HTTP)


def test_2_000_idle_streams_cost_little() -> None:
    """A bound on tasks: each stream has the server's own, and the one that sees its client leave."""

    async def test(front: McpFront, serving: FakeServing) -> None:
        before = len(asyncio.all_tasks())
        streams = []
        for number in range(2_000):
            message = modern(request("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, number))
            streams.append(send(front, message, headers=routing(message)))
        for stream in streams:
            await stream.until(lambda stream=stream: bool(stream.events))  # type: ignore[misc]
        assert len(asyncio.all_tasks()) - before <= 2 * len(streams)
        assert front.under_way == 0
        for listener, _ in list(serving.listening):
            listener.send(Heard("tools"))
        for stream in streams:
            await stream.until(lambda stream=stream: len(stream.events) == 2)  # type: ignore[misc]
            stream.task.cancel()

    run(test, HTTP, per_credential=4_000, standing_per_credential=4_000)


def test_what_waits_for_a_client_is_bounded_by_its_size() -> None:
    """Several hundred streams of one login, a server that logs much, and nobody who takes it."""

    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await session_of(front, serving)
        seen = send(front, method="GET", headers={**session, **STREAM}, stuck=True)
        while not serving.listening:
            await asyncio.sleep(0)
        listener = serving.listening[-1][0]
        for _ in range(20):
            listener.send(Heard(kind="message", params=b'{"level":"error","data":"%b"}' % (b"x" * 60_000)))
        await asyncio.sleep(0)
        # Let go: it looks everything up anew when it comes back.
        async with asyncio.timeout(10):
            while serving.listening:
                await asyncio.sleep(0)
        seen.leave()

    run(test, HTTP)


def test_a_subscription_that_is_refused_takes_nobodys_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.adapters.mcp.handshake._KEPT", 1)

    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = subscribes
        mine, other = await session_of(front, serving), await session_of(front, serving, token="ben")
        reply = await ask(front, request("resources/subscribe", {"uri": "file:///mine"}), headers=mine)
        assert "error" not in reply.json
        for number in range(3):
            asked = request("resources/subscribe", {"uri": f"file:///secret/{number}"})
            refused = await ask(front, asked, headers=other, token="ben")
            assert "error" in refused.json
        seen, listener = await listening(front, serving, mine)
        assert listener.uris == {"file:///mine"}
        seen.leave()
        await seen.wait()

    run(test, HTTP)
