"""What a long ledger costs: calls, start and memory of a gate with 10^5 and 10^6 events already written.

    python -m benchmarks.growth [--seconds 4] [--events 0,100000,1000000] [--many 1,16,64]

One gate's ledger grows from figure to figure. Its events are written through the store in large batches, two for each
call as a gate writes them, with sealed contexts and keys; nothing is sent for them.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gate import make
from benchmarks.machine import command, line
from benchmarks.running import Bench, among, free_port, options, progress, resident_mib, session
from benchmarks.store import units
from benchmarks.store_start import build
from benchmarks.tables import LOAD, Table, load_row
from callgate.model.store import Unit

TENANT = "main"


def pairs(calls: int) -> Iterator[Unit]:
    for number in range(calls):
        yield from units(number)


def grow(home: Path, events: int) -> None:
    origin = (home / "data" / f"{TENANT}.origin").read_text().strip()
    build(home / "data" / TENANT, pairs(events // 2), {"tenant": TENANT, "origin": origin}, per_batch=10_000)


def size_mib(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--events", default="0,100000,1000000")
    asked = parser.parse_args()
    print(line(command(), asked.folder), end="\n\n", flush=True)
    columns = {"events before": "13.0f", "disk MiB": "8.0f", "start s": "7.2f", "idle MiB": "8.1f", "in flight": "9.0f"}
    table = Table(**columns, **LOAD)
    with Bench(asked) as bench:
        _, upstream = bench.upstream()
        home, port = bench.folder / "gate", free_port()
        token = make(home, upstream, port)
        there = 0
        for events in sorted(map(int, asked.events.split(","))):
            progress(f"growth: {events} events")
            begun = time.perf_counter()
            grow(home, events - there)
            there, took = events, time.perf_counter() - begun
            one, ready = bench.gate(home, port)
            headers = session(port, "/mcp/bench", {"authorization": f"Bearer {token}"})
            disk, idle = size_mib(home / "data"), resident_mib(one.pid)
            row = {"events before": events, "disk MiB": disk, "start s": ready, "idle MiB": idle}
            at = (one.pid, port, "/mcp/bench", headers)
            bench.warm_up(*at)
            for many in among(asked):
                found = bench.measure(*at, many, asked.seconds)
                table.add({**row, "in flight": many, **load_row(found)}, calls=found["calls"], build_s=took)
            bench.processes.stop(one)
        bench.keep("growth", table.rows)


if __name__ == "__main__":
    main()
