"""Calls per second and added latency, side by side: direct, a plain hop, the SDK's proxy, Callgate warm, 90 % and cold.

    python -m benchmarks.calls [--seconds 4] [--only direct,warm] [--many 1,16,64] [--cores 0,1] [--peers]

The path under test is pinned to one core, load client and upstream share the other. Each line is one run of
``--seconds`` after a warm-up; ratios are taken inside this one run. Raw figures go to benchmarks/raw/.
"""

import argparse

from benchmarks.machine import command, line
from benchmarks.paths import KNOWN, Started, direct
from benchmarks.peers import PEERS, NotStarted
from benchmarks.ratios import ratios
from benchmarks.running import Bench, among, options, progress, resident_mib

OURS = ("direct", *KNOWN)
PEER_GRACE_S = 30
"""How long after the end of a figure a peer may take to answer what is under way."""
HEAD = f"{'path':14}{'in flight':>10}{'calls/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'added p50':>11}{'CPU us':>8}  notes"


def row_of(name: str, many: int, found: dict, direct_p50: float | None) -> dict:
    added = None if direct_p50 is None or not found["calls"] else found["p50"] - direct_p50
    return {"path": name, "many": many, "added_p50": added, **found}


def text_of(row: dict, facts: dict) -> str:
    added = "-" if row["added_p50"] is None else f"{row['added_p50']:.2f}"
    notes = [f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in facts.items()]
    if row["failed"]:
        notes.append(f"{row['failed']} failed")
    rate = f"{row['rate']:.0f}" if row["rate"] >= 100 else f"{row['rate']:.1f}"
    figures = f"{rate:>10}{row['p50']:9.2f}{row['p99']:9.2f}{added:>11}{row['cpu_us']:8.0f}"
    return f"{row['path']:14}{row['many']:10}{figures}  {'  '.join(notes)}".rstrip()


def run(bench: Bench, name: str, started: Started, direct_p50: dict[int, float]) -> list[dict]:
    """One path: a warm-up, then a figure for each number in flight."""
    asked, many_all = bench.asked, among(bench.asked)
    peer = name in PEERS
    at = (started.process.pid, started.port, started.path, started.headers)
    load = {"message": started.message, "may_fail": peer, "grace": PEER_GRACE_S if peer else 10}
    bench.warm_up(*at, many=min(many_all) if peer else 16, **load)
    rows = []
    for many in many_all:
        found = bench.measure(*at, many, asked.seconds, **load)
        if name == "direct":
            direct_p50[many] = found["p50"]
        rows.append(row_of(name, many, found, direct_p50.get(many)))
        if many == many_all[0]:
            rows[-1] |= started.facts
        print(text_of(rows[-1], started.facts if many == many_all[0] else {}), flush=True)
    rows[-1]["loaded_mib"] = resident_mib(started.process.pid)
    return rows


def begin(bench: Bench, name: str, bare: Started) -> Started | None:
    if name == "direct":
        return bare
    progress(f"calls: {name}")
    if name not in PEERS:
        return KNOWN[name](bench, bare.port)
    before = bench.processes.running[:]
    try:
        return PEERS[name](bench, bare.port)
    except NotStarted as why:
        for one in [one for one in bench.processes.running if one not in before]:
            bench.processes.stop(one)
        print(f"{name:14} skipped: {why}", flush=True)
        return None


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--only", default="", help=f"paths, of {','.join([*OURS, *PEERS])}")
    parser.add_argument("--peers", action="store_true", help="with other products, as far as `make peers` was run")
    asked: argparse.Namespace = parser.parse_args()
    names = asked.only.split(",") if asked.only else [*OURS, *(PEERS if asked.peers else ())]
    rows: list[dict] = []
    direct_p50: dict[int, float] = {}
    print(line(command(), asked.folder), end="\n\n", flush=True)
    with Bench(asked) as bench:
        bare = direct(bench, *bench.upstream())
        print(HEAD)
        for name in names:
            started = begin(bench, name, bare)
            if started is None:
                continue
            rows += run(bench, name, started, direct_p50)
            if name != "direct":
                bench.processes.stop(started.process)
        print("\n" + ratios(rows))
        bench.keep("calls", [row for row in rows if row["path"] not in PEERS])
        if asked.peers:
            bench.keep("peers", rows)


if __name__ == "__main__":
    main()
