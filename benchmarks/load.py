"""A closed-loop load client: one request in flight per connection. Prints calls, seconds, p50/p90/p99 in ms as JSON.

Reads answers of known length and chunked ones. Every answer must be 200 and hold ``expect``; a connection that the
server ends, and a call without an answer ``grace`` seconds after the end, count as failed.
"""

import asyncio
import json
import sys
import time

import uvloop

MARK = b"10000000"
"""In place of what is different in each request (its id, its progress token); as long as what replaces it."""


class Connection(asyncio.Protocol):
    ids = 10_000_000

    def __init__(self, request: bytes, expect: bytes, done: asyncio.Future, until: float, times: list[float]) -> None:
        self.request, self.expect, self.done, self.until, self.times = request, expect, done, until, times
        self.buffer = bytearray()
        self.end = -1
        """Where the answer ends; -1: its head is not here yet; 0: it is chunked."""
        self.waiting = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.fire()

    def fire(self) -> None:
        self.waiting = True
        self.started = time.perf_counter()
        Connection.ids += 1
        self.transport.write(self.request.replace(MARK, b"%d" % Connection.ids))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.end < 0 and not self.headed():
            return
        if len(self.buffer) < self.end or (not self.end and not self.buffer.endswith(b"0\r\n\r\n")):
            return
        now = time.perf_counter()
        self.waiting = False
        if not self.buffer.startswith(b"HTTP/1.1 200") or self.expect not in self.buffer:
            self.fail(bytes(self.buffer))
            return
        self.times.append(now - self.started)
        self.buffer.clear()
        self.end = -1
        if now < self.until:
            self.fire()
        else:
            self.transport.close()

    def headed(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self.buffer[:end]).lower()
        mark = head.find(b"content-length:")
        if mark >= 0:
            self.end = end + 4 + int(head[mark + 15 :].split(b"\r\n", 1)[0])
        else:
            self.end = 0 if b"transfer-encoding: chunked" in head else end + 4
        return True

    def fail(self, why: bytes) -> None:
        sys.stderr.write(why[:2000].decode(errors="replace") + "\n")
        if not self.done.done():
            self.done.set_result(1)
        self.transport.close()

    def connection_lost(self, _) -> None:
        if self.waiting:
            self.fail(b"The server ended a connection before its answer.")
        elif not self.done.done():
            self.done.set_result(0)


async def run(asked: dict) -> dict:
    port, body = asked["port"], asked["body"].encode()
    lines = [
        f"POST {asked['path']} HTTP/1.1",
        f"host: 127.0.0.1:{port}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        *(f"{name}: {value}" for name, value in asked["headers"].items()),
        f"content-length: {len(body)}",
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
    loop = asyncio.get_running_loop()
    times: list[float] = []
    started = time.perf_counter()
    until = started + asked["seconds"]
    waits = []
    for _ in range(asked["many"]):
        done = loop.create_future()
        waits.append(done)
        make = lambda done=done: Connection(request, asked["expect"].encode(), done, until, times)
        await loop.create_connection(make, "127.0.0.1", port)
    ended, missing = await asyncio.wait(waits, timeout=asked["seconds"] + asked["grace"])
    took = time.perf_counter() - started
    failed = sum(one.result() for one in ended) + len(missing)
    times.sort()
    at = lambda share: round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 3) if times else 0.0
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
    print(json.dumps(uvloop.run(run(json.loads(sys.argv[1])))))
