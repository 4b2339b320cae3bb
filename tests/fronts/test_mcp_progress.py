"""Calls with progress: when an answer becomes a stream, how it is bounded, kept alive and given up."""

import asyncio
import json
from typing import Any

from callgate.adapters.mcp.app import McpFront
from callgate.flow.ports import Relay
from callgate.model.answer import Answer, Request
from tests.fakes.asgi import Exchanged, send
from tests.fakes.serving import FakeServing, served
from tests.fronts.mcp import ask_modern, begin, call, modern, routing, run


class Stepwise:
    """Relays what it is given, then answers when told."""

    def __init__(self, *said: bytes) -> None:
        self.said = said
        self.begun = asyncio.Event()
        self.release = asyncio.Event()

    async def __call__(self, asked: Request, relay: Relay) -> Answer:
        for each in self.said:
            relay(each)
        self.begun.set()
        await self.release.wait()
        return served()


def progress(value: float, **more: Any) -> bytes:
    params = {"progressToken": "upstream-own", "progress": value, **more}
    return json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).encode()


async def streamed(front: McpFront, serving: FakeServing, script: Stepwise, **meta: Any) -> Exchanged:
    serving.script = script
    message = modern(call(**meta))
    running = send(front, message, headers=routing(message))
    await script.begun.wait()
    if meta:
        await running.until(lambda: bool(running.body))
    script.release.set()
    return await running.wait()


def test_progress_makes_a_stream_under_the_clients_token() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        steps = Stepwise(
            progress(1, total=4, message="a\nb"),
            progress(1),
            progress(0.5),
            b'{"progressToken":"own","progress":2.5}',
            b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}',
            b'{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}',
            b"nonsense",
            progress(3, message="m" * 5_000),
        )
        seen = await streamed(front, serving, steps, progressToken=0)
        assert seen.headers["content-type"] == "text/event-stream"
        assert seen.headers["x-accel-buffering"] == "no"
        *notes, last = seen.events
        assert [note["params"] for note in notes] == [
            {"progressToken": 0, "progress": 1, "total": 4, "message": "a\nb"},
            {"progressToken": 0, "progress": 2.5},
            {"progressToken": 0, "progress": 3, "message": "m" * 1_000},
        ]
        assert {note["method"] for note in notes} == {"notifications/progress"}
        assert last["id"] == 1
        assert last["result"]["content"][0]["text"] == "ok"

    run(test)


def test_without_a_token_progress_is_dropped() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await streamed(front, serving, Stepwise(progress(1)))
        assert seen.headers["content-type"] == "application/json"

    run(test)


def test_a_flood_of_progress_is_bounded() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        seen = await streamed(front, serving, Stepwise(*(progress(n) for n in range(1, 10_000))), progressToken="t")
        assert 1 < len(seen.events) <= 66

    run(test)


def test_a_silent_call_is_kept_alive() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        serving.script = script = Stepwise()
        running = send(front, call(), headers=await begin(front))
        await running.until(lambda: running.body.count(b": keep-alive\n\n") >= 2)
        script.release.set()
        await running.wait()
        assert [event["id"] for event in running.events] == [1]
        assert len(asyncio.all_tasks()) == 1

    run(test, look_ms=5, keep_alive_ms=10)


def test_a_fault_after_the_stream_began_ends_it_with_an_error() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        async def broken(asked: Request, relay: Relay) -> Answer:
            relay(progress(1))
            await asyncio.sleep(0)
            raise RuntimeError("secret")

        serving.script = broken
        seen = await ask_modern(front, call(progressToken=1))
        assert seen.complete
        assert seen.events[-1]["error"]["code"] == -32603
        assert seen.events[-1]["id"] == 1
        assert b"secret" not in seen.body

    run(test)


def test_a_result_with_line_breaks_is_one_event() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        async def answer(asked: Request, relay: Relay) -> Answer:
            relay(progress(1))
            return served(b'{\r\n "content": [\n{"type":"text","text":"a\\nb"}]\r}')

        serving.script = answer
        seen = await ask_modern(front, call(progressToken=1))
        assert seen.events[-1]["result"]["content"][0]["text"] == "a\nb"

    run(test)


def test_a_client_that_takes_nothing_is_given_up() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        async def answer(asked: Request, relay: Relay) -> Answer:
            relay(progress(1))
            return served()

        serving.script = answer
        message = modern(call(progressToken=1))
        running = send(front, message, headers=routing(message), stuck=True)
        await running.wait()
        assert not running.complete
        assert len(asyncio.all_tasks()) == 1

    run(test, look_ms=5, send_ms=20)
