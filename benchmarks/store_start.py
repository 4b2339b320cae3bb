"""How long a store with many events takes to open, to commit its first unit, and to answer point reads.

    python benchmarks/store_start.py [--events 1000000] [--folder DIR]

The events are written by large batches without the writer's thread, then the files are opened as a gate does.
"""

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.adapters.store.batch import Batch
from callgate.adapters.store.disk import Disk, Tail
from callgate.adapters.store.files import StoreFiles, connect
from callgate.adapters.store.sqlite import open_sqlite
from callgate.model.event import Finished, NewEvent
from callgate.model.store import Unit

KEY = Ed25519PrivateKey.generate()
META = {"tenant": "acme", "origin": "bench/acme"}


class Clock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1_000


CLOCK = Clock()


def one(number: int) -> Unit:
    body = Finished("ok", 1234, "23" * 32, 510)
    return Unit(events=(NewEvent(f"ev-{number:026}", 1_800_000_000_000 + number, body, f"call-{number // 2:026}"),))


def build(folder: Path, units: Iterable[Unit], meta: dict[str, str] = META, per_batch: int = 20_000) -> None:
    """Append the units to a store that nobody has open, or to a new one, as a writer of their own."""
    files, units = StoreFiles(folder), iter(units)
    disk = Disk(files, connect)
    disk.start(*files.prepare(meta, connect, create=True))
    writer = f"builder-{disk.tail.frontier.size}"
    while chunk := list(itertools.islice(units, per_batch)):
        last = disk.tail
        seq, now_ms = last.seq if last.writer == writer else 0, max(last.at_ms, CLOCK.now_ms())
        batch = Batch(disk, tenant=meta["tenant"], writer=writer, size=last.frontier.size, seq=seq, now_ms=now_ms)
        for unit in chunk:
            batch.add(unit)
        frontier, tiles = last.frontier.append(batch.hashes)
        disk.write(batch, Tail(last.batch + 1, frontier, writer, batch.seq, now_ms), tiles, None)
        disk.restart_log()
    disk.close()


async def measure(folder: Path, events: int) -> None:
    def lap(what: str) -> None:
        nonlocal start
        now = time.perf_counter()
        print(f"{what:44} {(now - start) * 1e3:9.2f} ms")
        start = time.perf_counter()

    start = time.perf_counter()
    store = open_sqlite(
        folder,
        "acme",
        sign=KEY.sign,
        origin="bench/acme",
        public_key=KEY.public_key().public_bytes_raw(),
        clock=CLOCK,
    )
    lap("open")
    await store.commit(one(events))
    lap("first commit")
    for _ in range(1_000):
        number = int.from_bytes(os.urandom(4), "big") % events
        found = await store.leaf(f"ev-{number:026}")
        assert found is not None
        assert found.index == number
    lap("1,000 events by id")
    for _ in range(1_000):
        assert len(await store.leaves_of(f"call-{number // 2:026}")) == 2
    lap("1,000 times the events of a call")
    assert len(await store.leaves(events // 2, 10_000)) == 10_000
    lap("10,000 leaves")
    for _ in range(200):
        await store.commit(one(events + 1 + _))
    lap("200 commits alone")
    await store.close()
    lap("close")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        begun = time.perf_counter()
        build(Path(made) / "store", map(one, range(asked.events)))
        size = (Path(made) / "store" / "ledger.db").stat().st_size >> 20
        print(f"built {asked.events} events, {size} MiB, in {time.perf_counter() - begun:.0f} s")
        uvloop.run(measure(Path(made) / "store", asked.events))
