"""A server that floods: it gets no more of the gate than a turn among others."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream import listening
from callgate.adapters.upstream.lines import Lines
from callgate.adapters.upstream.listening import MAX_EVENT, PORTION
from callgate.adapters.upstream.sse import MAX_LINES, SseParser
from callgate.adapters.upstream.stdio import StdioUpstream
from callgate.flow.ports import Wish
from callgate.model.tool import Integration
from tests.fakes.servers.raw_http import END, chunk, result, stream
from tests.ports.against_http import LOG, VERSION, against, answered, call, outcome, refused
from tests.ports.test_upstream import MachineClock

AT_ONCE = 4096
"""Lines that may be taken in one turn of the loop."""
EMPTY = (b":\n", b"\n", b"\r", b"data\n\n", b"data: x\n\n", b'data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n')


class Turns:
    """How many lines were fed in each turn of the loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = 0
        self._now = 0
        feed = SseParser.feed

        def counted(parser: SseParser, data: bytes) -> Any:
            self._now += data.count(b"\n") + data.count(b"\r")
            self.most = max(self.most, self._now)
            return feed(parser, data)

        monkeypatch.setattr(SseParser, "feed", counted)

    async def watch(self) -> None:
        while True:
            self._now = 0
            await asyncio.sleep(0)


@pytest.mark.parametrize("line", EMPTY)
def test_a_flood_in_an_answer_leaves_the_loop_to_others(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    flood = chunk(line * (200_000 // len(line)))

    async def body() -> None:
        turns = Turns(monkeypatch)
        watching = asyncio.create_task(turns.watch())
        async with against(
            answered(lambda number: stream() + flood + chunk(b"\n\ndata: " + result(number, "right") + b"\n\n") + END)
        ) as (_, upstream):
            assert "right" in await outcome(upstream)
        watching.cancel()
        assert turns.most <= AT_ONCE

    asyncio.run(body())


def test_an_answer_has_so_many_lines_and_no_more() -> None:
    async def body() -> None:
        flood = chunk(b":\n" * (MAX_LINES // 2 + 1))
        async with against(
            answered(lambda number: stream() + flood * 2 + chunk(b"data: " + result(number, "x") + b"\n\n"))
        ) as (
            _,
            upstream,
        ):
            assert await outcome(upstream) == refused("too_large")

    asyncio.run(body())


@pytest.mark.parametrize("line", EMPTY[:2])
def test_a_flood_on_a_standing_stream_leaves_the_loop_to_others(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    last = b'data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n'

    async def serve(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(stream() + chunk(line * 20_000) + chunk(b"\n\n" + last))
        await writer.drain()

    async def body() -> None:
        turns = Turns(monkeypatch)
        watching = asyncio.create_task(turns.watch())
        async with against(serve) as (_, upstream):
            listening = await upstream.listen(Wish(session="s", protocol=VERSION))
            async for message in listening:
                assert message.method == "notifications/tools/list_changed"
                break
            await listening.close()
        watching.cancel()
        assert turns.most <= AT_ONCE

    asyncio.run(body())


def test_a_standing_stream_of_long_messages_gets_a_part_of_the_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PAUSE_S", 0.005)
    text = b'data: {"jsonrpc":"2.0","method":"notifications/x","params":{"x":"%b"}}\n\n' % (b"x" * (MAX_EVENT // 2))

    async def serve(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(stream() + chunk(text) * 20 + END)
        await writer.drain()

    async def body() -> None:
        async with against(serve) as (_, upstream):
            began = time.perf_counter()
            async with asyncio.timeout(30):
                found = [one async for one in await upstream.listen(Wish(session="s", protocol=VERSION))]
            assert len(found) == 20
            assert time.perf_counter() - began > 10 * MAX_EVENT // PORTION * 0.005

    asyncio.run(body())


FLOODING = """
import json, os, sys
line = sys.argv[1].encode().decode("unicode_escape").encode()
for text in sys.stdin:
    said = json.loads(text)
    info = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
    if said["method"] == "tools/call":
        os.write(1, line * (400_000 // len(line)))
    if "id" in said:
        answer = {"jsonrpc": "2.0", "id": said["id"], "result": info}
        os.write(1, json.dumps(answer).encode() + b"\\n")
    if said["method"] == "tools/call" and len(sys.argv) > 2:
        sys.exit()
"""


@pytest.mark.parametrize("line", ["\\n", "{}\\n", '{"jsonrpc":"2.0","method":"notifications/x"}\\n'])
@pytest.mark.parametrize("more", [(), ("exit",)])
def test_a_child_that_floods_leaves_the_loop_to_others(
    line: str, more: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    now = 0
    feed = Lines.feed

    def counted(lines: Lines, data: bytes) -> Any:
        nonlocal most, now
        now += data.count(b"\n")
        most = max(most, now)
        return feed(lines, data)

    async def watch() -> None:
        nonlocal now
        while True:
            now = 0
            await asyncio.sleep(0)

    monkeypatch.setattr(Lines, "feed", counted)

    async def body() -> None:
        command = (sys.executable, "-c", FLOODING, line, *more)
        flooding = Integration(name="x", actor="a", command=command, confined=False)
        upstream = StdioUpstream(flooding, resolve, MachineClock(), LOG, folder=tmp_path)
        watching = asyncio.create_task(watch())
        last = None
        async for message in await upstream.open(call(protocol="")):
            last = message
        assert last is not None
        assert b"serverInfo" in last.result
        watching.cancel()
        await upstream.close()
        assert most <= AT_ONCE

    asyncio.run(body())
