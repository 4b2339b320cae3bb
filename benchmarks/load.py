"""A closed-loop load client: one request in flight per connection. Prints calls, seconds, p50/p90/p99 in ms as JSON."""

import asyncio
import json
import sys
import time

import uvloop


class Connection(asyncio.Protocol):
    ids = 10_000_000
    """Every request has an id of its own, of equal length."""

    def __init__(self, request: bytes, done: asyncio.Future, until: float, times: list[float]) -> None:
        self.request, self.done, self.until, self.times = request, done, until, times
        self.buffer = b""
        self.failed = 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.fire()

    def fire(self) -> None:
        self.started = time.perf_counter()
        Connection.ids += 1
        self.transport.write(self.request.replace(b'"id":10000000', b'"id":%d' % Connection.ids))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        mark = self.buffer.lower().find(b"content-length:", 0, head)
        length = int(self.buffer[mark + 15 : self.buffer.find(b"\r\n", mark)]) if mark >= 0 else 0
        if len(self.buffer) < head + 4 + length:
            return
        now = time.perf_counter()
        if not self.buffer.startswith(b"HTTP/1.1 200") or b'"isError":true' in self.buffer:
            self.failed += 1
            sys.stderr.write(self.buffer[:2000].decode(errors="replace") + "\n")
        self.times.append(now - self.started)
        self.buffer = b""
        if now < self.until and self.failed < 3:
            self.fire()
        else:
            self.transport.close()

    def connection_lost(self, _) -> None:
        if not self.done.done():
            self.done.set_result(self.failed)


async def run(port: int, path: str, headers: dict[str, str], body: bytes, many: int, seconds: float) -> dict:
    lines = [
        f"POST {path} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = ("\r\n".join([*lines, f"content-length: {len(body)}"]) + "\r\n\r\n").encode() + body
    loop = asyncio.get_running_loop()
    times: list[float] = []
    until = time.perf_counter() + seconds
    started = time.perf_counter()
    waits = []
    for _ in range(many):
        done = loop.create_future()
        waits.append(done)
        await loop.create_connection(lambda done=done: Connection(request, done, until, times), "127.0.0.1", port)
    failed = sum(await asyncio.gather(*waits))
    took = time.perf_counter() - started
    times.sort()
    at = lambda share: round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 3)
    return {
        "calls": len(times),
        "seconds": took,
        "rate": len(times) / took,
        "failed": failed,
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
    }


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(
        json.dumps(
            uvloop.run(
                run(
                    asked["port"],
                    asked["path"],
                    asked["headers"],
                    asked["body"].encode(),
                    asked["many"],
                    asked["seconds"],
                )
            )
        )
    )
