"""effects.py over HTTP in a thread of the test, with an answer that is wrong on the wire: a branch name chooses how."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.servers.effects import Server
from tests.fakes.servers.raw_http import END, Heard, chunk, raw_server, reply, result, stream

LIMIT = 10 << 20
"""Bytes of one message that the gate takes."""
DRIP_S = 0.05
Fault = Callable[[int, asyncio.StreamWriter], Awaitable[None]]


def says(*parts: bytes, close: bool = False) -> Fault:
    """``@`` is the id of the request."""

    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part.replace(b"@", b"%d" % number) if len(part) < 10_000 else part)
        await writer.drain()
        if close:
            writer.close()

    return answer


def drips(head: bytes, more: bytes) -> Fault:
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(DRIP_S)

    return answer


def sized(size: int) -> Callable[[int], bytes]:
    """A whole answer of exactly this many bytes."""
    return lambda number: result(number, "x" * (size - len(result(number, ""))))


def answers(make: Callable[[int], list[bytes]]) -> Fault:
    async def answer(number: int, writer: asyncio.StreamWriter) -> None:
        for part in make(number):
            writer.write(part)
        await writer.drain()

    return answer


async def late(number: int, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(LATE_S)
    writer.write(reply("200 OK", result(number, "too late")))
    await writer.drain()


async def never(_: int, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


LATE_S = 3.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
OK = b'{"jsonrpc":"2.0","id":@,"result":{"content":[{"type":"text","text":"first"}],"resultType":"complete"}}'
FAULTS: dict[str, Fault] = {
    "before": says(close=True),
    "status": says(b"HTTP/1.1 2", close=True),
    "body": says(HEAD + b"Content-Length: 500\r\n\r\n" + OK[:30], close=True),
    "events": says(stream(), chunk(b"data: {"), close=True),
    "twice": answers(lambda number: [reply("200 OK", OK.replace(b"@", b"%d" % number))] * 2),
    "echo": answers(
        lambda number: [stream(), *[chunk(b"data: %s\n\n" % OK.replace(b"@", b"%d" % number))] * 2, END],
    ),
    "late": late,
    "foreign": answers(lambda number: [reply("200 OK", result(number + 1000))]),
    "text": says(reply("200 OK", b"no json")),
    "binary": says(b"\x16\x03\x01\x02 this is no HTTP\r\n\r\n", close=True),
    "most": answers(lambda number: [reply("200 OK", sized(LIMIT)(number))]),
    "length": answers(lambda number: [reply("200 OK", sized(LIMIT + 1)(number))]),
    "chunks": answers(
        lambda number: [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk(sized(LIMIT + 1)(number)), END]
    ),
    "event": answers(lambda number: [stream(), chunk(b"data: %s\n\n" % sized(LIMIT + 1)(number)), END]),
    "redirect": says(reply("307 Temporary Redirect", b"", "text/plain", "Location: http://127.0.0.1:1/mcp")),
    "head": drips(b"HTTP/1.1 200 OK\r\n", b"X"),
    "slow": drips(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "drip": drips(stream(), chunk(b":\n")),
    "never": never,
}


class FaultyHttp:
    def __init__(self, records: Path) -> None:
        self.records = records
        self.port = 0
        self._plain = Server(str(records), "both")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def seen(self) -> list[str]:
        """Branches of the requests that arrived."""
        return [json.loads(line)["branch"] for line in self.records.read_text().splitlines()]

    async def script(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        if not heard.line.startswith("POST"):
            writer.write(reply("405 No"))
            return
        message = json.loads(heard.body)
        branch = message.get("params", {}).get("arguments", {}).get("branch_name", "")
        fault = FAULTS.get(branch.partition("-")[0])
        if fault is not None:
            self._plain.record({"branch": branch})
            await fault(message["id"], writer)
            return
        status, said, more = await self._plain.answer(message, heard.headers)
        body = b""
        if said is not None:
            member = said if "error" in said else {"result": said}
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], **member}).encode()
        fields = [f"{name}: {value}" for name, value in more.items()]
        writer.write(reply(f"{status} X", body, "application/json", *fields))
        await writer.drain()


@contextmanager
def faulty_http(folder: Path) -> Iterator[FaultyHttp]:
    target = FaultyHttp(folder / "http.jsonl")
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with raw_server(target.script) as server:
            target.port = server.port
            ready.set()
            await stop.wait()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield target
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
