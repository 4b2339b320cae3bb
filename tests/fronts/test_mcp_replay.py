"""An answer that comes on another stream is the same answer (MCP 2025-11-25, Resumability and Redelivery)."""

import asyncio
import json
import re
from typing import Any

import pytest

from callgate.adapters.mcp import replay as replays
from callgate.adapters.mcp.app import McpFront
from callgate.adapters.mcp.replay import Replays
from callgate.flow.ports import Relay
from callgate.model.answer import Answer, Request
from tests.fakes.asgi import Exchanged, ask, send
from tests.fakes.serving import FakeServing, served
from tests.fronts.mcp import begin, call, run

NEW, OLD = "2025-11-25", "2025-06-18"


def ids(seen: Exchanged) -> list[str]:
    return re.findall(r"^id: (\S+)$", seen.body.decode(), re.MULTILINE)


def said(seen: Exchanged) -> list[Any]:
    """Messages with an id of their own; the opening has no data."""
    return [json.loads(data) for data in re.findall(r"^data: (\{.*)$", seen.body.decode(), re.MULTILINE)]


class Slow:
    """A call that reports, and answers when it may."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.go = asyncio.Event()
        self.relay: Relay = lambda _: None

    async def __call__(self, request: Request, relay: Relay) -> Answer:
        self.relay = relay
        self.began.set()
        await self.go.wait()
        return served()


def progress(step: int) -> bytes:
    return json.dumps({"progressToken": 1, "progress": step}).encode()


def listen(front: McpFront, session: dict[str, str | None], last: str, **more: Any) -> Exchanged:
    headers = {**session, "accept": "text/event-stream", "last-event-id": last}
    return send(front, method="GET", headers=headers, **more)


async def cut_off(front: McpFront, serving: FakeServing) -> tuple[Slow, dict[str, str | None], Exchanged]:
    """A call whose server has let its client go after one report."""
    session, slow = await begin(front, NEW), Slow()
    serving.script = slow
    seen = send(front, call(progressToken=7), headers=session)
    await slow.began.wait()
    slow.relay(progress(1))
    slow.relay(b"")
    await seen.until(lambda: seen.complete)
    return slow, session, seen


def test_the_client_is_let_go_and_comes_back_for_the_answer() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        slow, session, seen = await cut_off(front, serving)
        assert seen.body.startswith(b"id: "), "the opening has an id, and says when to come back"
        assert b"retry: " in seen.body.split(b"\n\n")[0]
        assert [one["method"] for one in said(seen)] == ["notifications/progress"]
        back = listen(front, session, ids(seen)[-1])
        slow.relay(progress(2))
        await back.until(lambda: b'"progress":2' in back.body)
        slow.go.set()
        await back.wait()
        assert [one.get("method") for one in said(back)] == ["notifications/progress", None]
        assert said(back)[-1]["id"] == 1
        assert said(back)[-1]["result"]["content"][0]["text"] == "ok"
        assert len(serving.requests) == 1, "nothing was called again"

    run(test)


def test_it_may_come_back_from_any_event_and_more_than_once() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        slow, session, seen = await cut_off(front, serving)
        slow.go.set()
        assert seen.task is not None
        await seen.task
        first, last = ids(seen)
        for after, methods in ((first, ["notifications/progress", None]), (last, [None])):
            back = await listen(front, session, after).wait()
            assert [one.get("method") for one in said(back)] == methods

    run(test)


@pytest.mark.parametrize("who", ["another session", "another person"])
def test_it_is_nobody_elses(who: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        slow, session, seen = await cut_off(front, serving)
        slow.go.set()
        assert seen.task is not None
        await seen.task
        token = "good" if who == "another session" else "ben"
        other = await begin(front, NEW, token=token)
        back = listen(front, other, ids(seen)[-1], token=token)
        # An id that is not known in this session begins a standing stream.
        await back.until(lambda: back.status == 200 and bool(back.body))
        assert not said(back)
        back.leave()
        await back.wait()
        stolen = await listen(front, session, ids(seen)[-1], token="ben").wait()
        assert stolen.status == 404

    run(test)


def test_an_ended_session_has_nothing_to_come_back_for() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        slow, session, seen = await cut_off(front, serving)
        slow.go.set()
        assert (await send(front, method="DELETE", headers=session).wait()).status == 204
        assert (await listen(front, session, ids(seen)[-1]).wait()).status == 404

    run(test)


def test_a_cancel_ends_who_waits() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        _, session, seen = await cut_off(front, serving)
        back = listen(front, session, ids(seen)[-1])
        await back.until(lambda: back.status == 200)
        gone = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
        assert (await ask(front, gone, headers=session)).status == 202
        await back.wait()
        assert back.complete
        assert not said(back)

    run(test)


def test_older_clients_are_not_let_go() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session, slow = await begin(front, OLD), Slow()
        serving.script = slow
        seen = send(front, call(progressToken=7), headers=session)
        await slow.began.wait()
        slow.relay(progress(1))
        slow.relay(b"")
        slow.go.set()
        await seen.wait()
        assert not ids(seen)
        assert [one.get("method") for one in said(seen)] == ["notifications/progress", None]

    run(test)


def test_an_answer_at_once_is_plain_and_nothing_is_kept() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await ask(front, call(), headers=await begin(front, NEW))
        assert seen.headers["content-type"] == "application/json"

    run(test)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "MOST_CALLS", 3)
    monkeypatch.setattr(replays, "MOST_BYTES", 1_000)
    monkeypatch.setattr(replays, "MOST_EVENTS", 4)

    async def test() -> None:
        kept = Replays()
        running = [kept.begin("s") for _ in range(3)]
        assert None not in running
        assert kept.begin("s") is None, "calls that run are not forgotten for new ones"
        first = running[0]
        assert first is not None
        for step in range(10):
            first.event(b"data: %d\n\n" % step)
        first.event(b"data: " + b"x" * 2_000 + b"\n\n")
        first.end()
        left = [event async for event in first.after(0)]
        assert [re.findall(rb"data: (\d)", event) for event in left] == [[b"6"], [b"7"], [b"8"], [b"9"]]
        assert kept.begin("s") is not None, "the finished one made room"
        assert kept.find("s", f"{first.mark}-1") is None
        for wrong in ("", "-", f"{running[1].mark}", f"{running[1].mark}-x", f"{running[1].mark}-²"):
            assert kept.find("s", wrong) is None
        assert kept.find("t", f"{running[1].mark}-0") is None

    asyncio.run(test())


def test_nobody_takes_the_room_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "CALLS_OF_ONE", 2)
    monkeypatch.setattr(replays, "BYTES_OF_ONE", 500)

    async def test() -> None:
        kept = Replays()
        mine = kept.begin("mine", "ana")
        assert mine is not None
        mine.event(b"data: 1\n\n")
        mine.end()
        for _ in range(10):
            other = kept.begin("theirs", "ben")
            assert other is not None
            other.event(b"data: " + b"x" * 300 + b"\n\n")
            other.end()
        assert kept.begin("theirs", "ben") is not None
        assert kept.find("mine", f"{mine.mark}-0") is not None
        assert [event async for event in mine.after(0)]
        running = [kept.begin("more", "cleo") for _ in range(3)]
        assert [one is None for one in running] == [False, False, True]
        big = running[0]
        assert big is not None
        big.event(b"data: " + b"x" * 600 + b"\n\n")
        big.end()
        assert not [event async for event in big.after(0)]

    asyncio.run(test())


def test_two_who_come_back_at_once_both_get_the_answer() -> None:
    async def test() -> None:
        replay = Replays().begin("s")
        assert replay is not None
        replay.event(b"data: 1\n\n")
        first = replay.after(0)
        assert b"data: 1" in await anext(first)
        replay.event(b"data: 2\n\n")
        replay.end()
        second = [event async for event in replay.after(0)]
        assert len(second) == 2
        assert [b"data: 2" in event for event in [event async for event in first]] == [True]

    asyncio.run(test())
