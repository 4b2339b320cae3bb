"""What one governed call costs in the store: two units (decided with key, sealed context, counters; finished).

    python benchmarks/store.py [--calls 20000] [--folder DIR] [--callers 1 16 64] [--busy-us 0] [--profile]

Prints calls per second, CPU per call of the whole process (user and system), and the time of one call (median, 99th percentile).
With ``--busy-us`` the loop's thread has other work, as it has in a gate: so much pure Python between the two units of a
call. The CPU printed is without it.
The raw line is the same number of fdatasyncs of 4 KiB without a store, to judge the disk of the moment.
"""

import argparse
import asyncio
import cProfile
import math
import os
import pstats
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.adapters.store.sqlite import SqliteStore, open_sqlite
from callgate.model.event import Decided, Finished, NewEvent, PrincipalRef
from callgate.model.event_refs import FindingRef
from callgate.model.store import KeyRow, OpenCall, Reserve, SealedRow, Unit

KEY = Ed25519PrivateKey.generate()


class Clock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1000


CLOCK = Clock()


def units(number: int) -> tuple[Unit, Unit]:
    now = CLOCK.now_ms()
    name = f"{now:012x}{os.urandom(7).hex()}"
    call = f"call-{name}"
    who = PrincipalRef("p-" + "1" * 32, "codex", "attended", "p-" + "2" * 32, credential="3" * 32)
    findings = tuple(FindingRef("policy", f"code_{i}", "allow") for i in range(3))
    decided = NewEvent(
        f"ev-a{name}", now,
        Decided("allow", "execute", "git", "git_commit", "ab" * 32, "c-" + "1" * 32, "task-1", findings, (),
                ("log:metadata",), 10, "cd" * 32, ("t-" + "2" * 32,), ("code",), "ef" * 32, "01" * 32, "metadata"),
        call, who,
    )  # fmt: skip
    before = Unit(
        events=(decided,),
        guards=(Reserve(f"rate:{number % 10}:{now // 60000}", 1, 0, now + 120_000), Reserve("calls:task-1", 1, 0)),
        opened=(OpenCall(call, "e" * 32, "git", "git_commit", "task-1", now),),
        sealed=(SealedRow(call, decided.id, "context", os.urandom(1024)),),
        keys=(KeyRow(call, os.urandom(60)),),
    )
    finished = NewEvent(f"ev-b{name}", now, Finished("ok", 1234, "23" * 32, 510), call)
    return before, Unit(events=(finished,), closed=(call,))


def turns(busy_us: float) -> int:
    """Rounds of ``spin`` that take so many microseconds of CPU, measured at their quickest."""
    count = 20_000
    quickest = math.inf
    for _ in range(20):
        start = time.perf_counter()
        spin(count)
        quickest = min(quickest, time.perf_counter() - start)
    return round(busy_us * count / (quickest * 1e6))


def spin(rounds: int) -> None:
    for _ in range(rounds):
        pass


async def drive(store: SqliteStore, callers: int, calls: int, rounds: int) -> tuple[float, float, list[float]]:
    left = [units(number) for number in range(calls)]
    times: list[float] = []
    busy = 0.0

    async def caller() -> None:
        nonlocal busy
        while left:
            before, after = left.pop()
            start = time.perf_counter()
            await store.commit(before)
            begun = time.thread_time()
            spin(rounds)
            busy += time.thread_time() - begun
            await store.commit(after)
            times.append(time.perf_counter() - start)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return time.perf_counter() - wall, time.process_time() - cpu - busy, times


def raw(folder: Path, count: int = 300) -> float:
    """Microseconds of one fdatasync of 4 KiB."""
    descriptor = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY, 0o600)
    block, times = b"r" * 4096, []
    for _ in range(count):
        start = time.perf_counter()
        os.write(descriptor, block)
        os.fdatasync(descriptor)
        times.append(time.perf_counter() - start)
    os.close(descriptor)
    return statistics.median(times) * 1e6


async def main(folder: Path, calls: int, among: Sequence[int], busy_us: float) -> None:
    print(f"raw fdatasync 4 KiB: {raw(folder):.0f} us")
    store = open_sqlite(
        folder / "store", "acme", sign=KEY.sign, origin="bench/acme", public_key=KEY.public_key().public_bytes_raw(),
        clock=CLOCK,
    )  # fmt: skip
    rounds = turns(busy_us)
    await drive(store, 16, 500, rounds)
    for callers in among:
        count = calls // 10 if callers == 1 else calls * min(callers, 64) // 64
        wall, cpu, times = await drive(store, callers, count, rounds)
        times.sort()
        p50, p99 = times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3
        print(
            f"{callers:3} callers: {count / wall:8.0f} calls/s  {cpu / count * 1e6:6.1f} us CPU  "
            f"p50 {p50:6.2f} ms  p99 {p99:6.2f} ms"
        )
    size = (await store.head()).size
    await store.close()
    print(f"events {size}, resident {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--busy-us", type=float, default=0)
    parser.add_argument("--profile", action="store_true", help="profile the loop's thread")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        work = main(Path(made), asked.calls, asked.callers, asked.busy_us)
        if asked.profile:
            profile = cProfile.Profile()
            profile.runcall(uvloop.run, work)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        else:
            uvloop.run(work)
