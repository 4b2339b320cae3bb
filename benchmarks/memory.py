"""Resident memory of a gate under minutes of load, and with thousands of idle sessions.

    python -m benchmarks.memory [--minutes 10] [--sessions 2000] [--seconds S]

Load: 16 calls in flight, resident memory sampled; the slope is a straight line through the samples of the last two
thirds, when caches are full. ``--seconds`` instead of ``--minutes`` is for a short try. Sessions: each client
initializes on a connection of its own and keeps it, idle; then each asks for its standing stream (GET).
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time

from benchmarks.gate import make
from benchmarks.machine import command, line
from benchmarks.running import EXPECT as TEXT
from benchmarks.running import HANDSHAKE, HERE, Bench, call, cpu_us, free_port, options, progress, resident_mib, session
from benchmarks.tables import Table

MANY = 16
AT_ONCE = 50


def slope(samples: list[tuple[float, float]]) -> float:
    """Least squares, in y for each x."""
    mean_x, mean_y = (sum(values) / len(samples) for values in zip(*samples, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def under_load(bench: Bench, pid: int, port: int, headers: dict, seconds: float) -> list[tuple[float, float]]:
    """(seconds since the start, MiB), about 120 of them; the load's figures go to stdout."""
    body = json.dumps(call(), separators=(",", ":"))
    asked = {"port": port, "path": "/mcp/bench", "headers": headers, "body": body, "many": MANY}
    asked |= {"seconds": seconds, "expect": TEXT, "grace": 10}
    load = ["taskset", "-c", str(bench.other), sys.executable, str(HERE / "load.py"), json.dumps(asked)]
    before, begun = cpu_us(pid), time.perf_counter()
    samples = [(0.0, resident_mib(pid))]
    with subprocess.Popen(load, stdout=subprocess.PIPE, text=True) as one:
        while one.poll() is None:
            time.sleep(max(0.02, seconds / 120))
            samples.append((time.perf_counter() - begun, resident_mib(pid)))
            if len(samples) % 12 == 0:
                progress(f"memory: {samples[-1][0]:.0f} s, {samples[-1][1]:.1f} MiB")
        found = json.loads(one.stdout.read())
    if found["failed"]:
        raise SystemExit(f"{found['failed']} calls failed")
    late = samples[len(samples) // 3 :]
    rise, calls = slope(late), found["calls"]
    per_call = rise * found["seconds"] / calls * 1e6
    print(
        f"load: {calls} calls in {found['seconds']:.0f} s ({found['rate']:.0f}/s, {(cpu_us(pid) - before) / calls:.0f} "
        f"us CPU), resident {samples[0][1]:.1f} MiB before, {samples[-1][1]:.1f} after, "
        f"{max(mib for _, mib in samples):.1f} at most\n"
        f"slope of the last two thirds: {rise * 3600:+.1f} MiB an hour, {per_call:+.2f} MiB a million calls\n",
        flush=True,
    )
    return samples


class Client:
    """One idle session: a connection, its session id, perhaps a standing stream."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token, self._session = port, token, ""
        self.streaming = False

    async def _ask(self, method: str, body: bytes) -> tuple[int, dict[str, str]]:
        head = [
            f"{method} /mcp/bench HTTP/1.1",
            f"host: 127.0.0.1:{self._port}",
            f"authorization: Bearer {self._token}",
            "accept: application/json, text/event-stream" if method == "POST" else "accept: text/event-stream",
            *([f"mcp-session-id: {self._session}"] if self._session else []),
            *([f"mcp-protocol-version: {HANDSHAKE}"] if self._session or not body else []),
            *(["content-type: application/json", f"content-length: {len(body)}"] if body else []),
        ]
        self._writer.write(("\r\n".join(head) + "\r\n\r\n").encode() + body)
        lines = (await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 60)).decode().split("\r\n")
        fields = dict(one.lower().split(": ", 1) for one in lines[1:] if ": " in one)
        session = next((one[16:] for one in lines if one.lower().startswith("mcp-session-id: ")), "")
        self._session = session or self._session
        await self._reader.readexactly(int(fields.get("content-length", 0)))
        return int(lines[0].split()[1]), fields

    async def begin(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        params = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
        first = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        status, _ = await self._ask("POST", json.dumps(first).encode())
        assert status == 200, status
        await self._ask("POST", b'{"jsonrpc":"2.0","method":"notifications/initialized"}')

    async def stream(self) -> None:
        if not self.open:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        status, fields = await self._ask("GET", b"")
        self.streaming = status == 200 and "event-stream" in fields.get("content-type", "")

    @property
    def open(self) -> bool:
        return not self._reader.at_eof()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def with_sessions(pid: int, port: int, token: str, count: int) -> list[dict]:
    table = Table(**{"idle sessions": "<26", "count": "6.0f", "open": "6.0f", "MiB": "8.1f", "KiB each": "8.2f"})
    start = resident_mib(pid)

    def row(what: str, done: int, still: int) -> None:
        mib = resident_mib(pid)
        each = (mib - start) * 1024 / done if done else None
        table.add({"idle sessions": what, "count": done, "open": still, "MiB": mib, "KiB each": each})

    async def in_turns(acts) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(act) -> None:
            async with gate:
                await act()

        await asyncio.gather(*(one(act) for act in acts))

    row("none", 0, 0)
    clients = [Client(port, token) for _ in range(count)]
    await in_turns(client.begin for client in clients)
    row("initialized, connected", count, sum(client.open for client in clients))
    await in_turns(client.stream for client in clients)
    streaming = sum(client.streaming for client in clients)
    row("asked for a GET stream", count, streaming)
    await in_turns(client.close for client in clients)
    await asyncio.sleep(0.5)
    row("all gone", count, 0)
    return table.rows


def main() -> None:
    parser = options(__doc__, seconds=0)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--sessions", type=int, default=2_000)
    asked = parser.parse_args()
    print(line(command(), asked.folder), end="\n\n", flush=True)
    with Bench(asked) as bench:
        _, upstream = bench.upstream()
        home, port = bench.folder / "gate", free_port()
        token = make(home, upstream, port)
        one, _ = bench.gate(home, port)
        headers = session(port, "/mcp/bench", {"authorization": f"Bearer {token}"})
        samples = under_load(bench, one.pid, port, headers, asked.seconds or asked.minutes * 60)
        bench.processes.stop(one)
        progress(f"memory: {asked.sessions} sessions")
        one, _ = bench.gate(home, port)
        session(port, "/mcp/bench", {"authorization": f"Bearer {token}"})
        rows = asyncio.run(with_sessions(one.pid, port, token, asked.sessions))
        bench.keep("memory", [{"samples": samples}, *rows])


if __name__ == "__main__":
    main()
