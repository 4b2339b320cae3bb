"""Calls per second and added latency, side by side: direct, a plain hop, the SDK's proxy, Callgate warm, 90 % and cold.

    python -m benchmarks.calls [--seconds 4] [--only direct,warm] [--many 1,16,64] [--rounds 3] [--cores 0,1] [--peers]

The path under test is pinned to one core, load client and upstream share the other. Each line is ``--seconds`` of load
after a warm-up, or the median of several rounds of that; ratios are taken inside this one run. Raw figures go to
benchmarks/raw/.
"""

import argparse
import statistics

from benchmarks.machine import command, line
from benchmarks.paths import KNOWN, Started, direct
from benchmarks.peers import PEERS, NotStarted
from benchmarks.ratios import ratios
from benchmarks.running import Bench, among, options, progress, resident_mib

OURS = ("direct", *KNOWN)
PEER_GRACE_S = 30
"""How long after the end of a figure a peer may take to answer what is under way."""
HEAD = f"{'path':14}{'in flight':>10}{'calls/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'added p50':>11}{'CPU us':>8}  notes"


def row_of(name: str, many: int, rounds: list[dict], direct_p50: float | None) -> dict:
    """The median of each figure over the rounds."""
    middle = {key: statistics.median(one[key] for one in rounds) for key in ("rate", "p50", "p90", "p99", "cpu_us")}
    total = {key: sum(one[key] for one in rounds) for key in ("calls", "failed", "seconds")}
    added = None if direct_p50 is None or not total["calls"] else middle["p50"] - direct_p50
    rates = [one["rate"] for one in rounds]
    return {"path": name, "many": many, "added_p50": added, **middle, **total, "rates": rates}


def text_of(row: dict, facts: dict) -> str:
    added = "-" if row["added_p50"] is None else f"{row['added_p50']:.2f}"
    notes = [f"{key} {value:.2f}" if isinstance(value, float) else f"{key} {value}" for key, value in facts.items()]
    if len(row["rates"]) > 1:
        notes.insert(0, f"{min(row['rates']):.0f} to {max(row['rates']):.0f}")
    if row["failed"]:
        notes.append(f"{row['failed']} failed")
    rate = f"{row['rate']:.0f}" if row["rate"] >= 100 else f"{row['rate']:.1f}"
    figures = f"{rate:>10}{row['p50']:9.2f}{row['p99']:9.2f}{added:>11}{row['cpu_us']:8.0f}"
    return f"{row['path']:14}{row['many']:10}{figures}  {'  '.join(notes)}".rstrip()


def load(bench: Bench, name: str, started: Started) -> dict[int, dict]:
    """One path, once: a warm-up, then a figure for each number in flight."""
    many_all, peer = among(bench.asked), name in PEERS
    at = (started.process.pid, started.port, started.path, started.headers)
    how = {"message": started.message, "may_fail": peer, "grace": PEER_GRACE_S if peer else 10}
    bench.warm_up(*at, many=min(many_all) if peer else 16, **how)
    return {many: bench.measure(*at, many, bench.asked.seconds, **how) for many in many_all}


def compare(bench: Bench, paths: dict[str, Started], rounds: int, direct_p50: dict[int, float]) -> list[dict]:
    """All paths one after the other, ``rounds`` times over, so that a neighbour's work falls on each of them."""
    found: dict[str, list[dict[int, dict]]] = {name: [] for name in paths}
    for number in range(rounds):
        for name, started in paths.items():
            progress(f"calls: {name}, round {number + 1}")
            found[name].append(load(bench, name, started))
    rows = []
    for name, started in paths.items():
        for many in among(bench.asked):
            row = row_of(name, many, [one[many] for one in found[name]], direct_p50.get(many))
            if name == "direct":
                direct_p50[many], row["added_p50"] = row["p50"], 0.0
            facts = started.facts if many == among(bench.asked)[0] else {}
            print(text_of(row, facts), flush=True)
            rows.append(row | facts)
        rows[-1]["loaded_mib"] = resident_mib(started.process.pid)
    return rows


def begin(bench: Bench, name: str, bare: Started) -> Started | None:
    if name == "direct":
        return bare
    progress(f"calls: {name} starts")
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
    parser.add_argument("--rounds", type=int, default=1, help="all paths so often in turn; medians are printed")
    asked: argparse.Namespace = parser.parse_args()
    names = asked.only.split(",") if asked.only else [*OURS, *(PEERS if asked.peers else ())]
    direct_p50: dict[int, float] = {}
    print(line(command(), asked.folder), end="\n\n", flush=True)
    with Bench(asked) as bench:
        bare = direct(bench, *bench.upstream())
        paths = {name: begin(bench, name, bare) for name in names if name not in PEERS}
        print(HEAD)
        rows = compare(bench, paths, asked.rounds, direct_p50)
        for name, started in paths.items():
            if name != "direct":
                bench.processes.stop(started.process)
        # Idle peers work too, so each is there while it is measured and no longer.
        for name in [name for name in names if name in PEERS]:
            started = begin(bench, name, bare)
            if started is not None:
                rows += compare(bench, {name: started}, 1, direct_p50)
                bench.processes.stop(started.process)
        print("\n" + ratios(rows))
        bench.keep("calls", [row for row in rows if row["path"] not in PEERS])
        if asked.peers:
            bench.keep("peers", rows)


if __name__ == "__main__":
    main()
