"""Where the CPU of one warm call goes inside the gate's process.

    python -m benchmarks.stages [--seconds 4] [--many 1,16,64] [--functions 15] [--compare]

Found by sampling (sampler.py, stage_names.py); the product is not changed and runs as it does elsewhere. A stage's
figure is its share of the loop's thread, so it rests on a few hundred samples a second: tenths are noise. With
``--compare`` the last lines say what the same load costs without the sampler.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.gate import make
from benchmarks.machine import command, line
from benchmarks.running import Bench, among, free_port, options, progress, session, wait_for
from benchmarks.sampler import SAID, Sampler
from benchmarks.stage_names import ORDER, OTHERS, WRITER
from benchmarks.tables import Table
from callgate.app import serving

THREAD = "callgate-writer"


class Sampled:
    """A gate with a sampler: ask, and it starts over; ask again, and it tells."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def ask(self) -> dict:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for said in self._process.stdout:
            if said.startswith(SAID):
                return json.loads(said.removeprefix(SAID))
        raise SystemExit("the gate with the sampler ended")


def shares(told: dict, calls: int) -> dict[str, float]:
    """Microseconds per call and stage. What the loop's thread used is split as its samples are."""
    threads, own = told["threads"], told["own"]
    sampled = sum(own.values()) or 1.0
    found = {stage: used / sampled * threads["loop"] / calls * 1e6 for stage, used in own.items()}
    found[WRITER] = threads.get(THREAD, 0.0) / calls * 1e6
    found[OTHERS] = threads["process"] / calls * 1e6 - threads["loop"] / calls * 1e6 - found[WRITER]
    return found


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--compare", action="store_true", help="the same load without the sampler too")
    parser.add_argument("--functions", type=int, default=15, help="how many of the hottest functions to print")
    asked = parser.parse_args()
    print(line(command(), asked.folder), end="\n\n", flush=True)
    rows: list[dict] = []
    missing: list[str] = []
    with Bench(asked) as bench:
        _, upstream = bench.upstream()
        home, port = bench.folder / "gate", free_port()
        known = {"authorization": f"Bearer {make(home, upstream, port)}"}
        piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        one = bench.processes.start(bench.tested, "-m", "benchmarks.stages", "gate", str(home), str(port), **piped)
        wait_for(port, one)
        sampled, at = Sampled(one), (one.pid, port, "/mcp/bench", session(port, "/mcp/bench", known))
        bench.warm_up(*at)
        for many in among(asked):
            progress(f"stages: {many} in flight")
            missing = sampled.ask()["missing"]
            found = bench.measure(*at, many, asked.seconds)
            told = sampled.ask()
            stages = shares(told, found["calls"])
            rows.append({"many": many, "calls": found["calls"], "stages": stages, "functions": told["functions"]})
        bench.processes.stop(one)
        show(rows)
        hottest(rows[-1], asked.functions)
        for name in missing:
            print(f"not found, so counted elsewhere: {name}")
        for row in rows:
            row["missing"] = missing
        if asked.compare:
            compare(bench, home, port, known, rows)
        bench.keep("stages", rows)


def compare(bench: Bench, home: Path, port: int, known: dict, rows: list[dict]) -> None:
    """What the sampler itself costs."""
    one, _ = bench.gate(home, port)
    at = (one.pid, port, "/mcp/bench", session(port, "/mcp/bench", known))
    bench.warm_up(*at)
    for row in rows:
        row["plain_us"] = plain = bench.measure(*at, row["many"], bench.asked.seconds)["cpu_us"]
        sampled = sum(row["stages"].values())
        print(f"{row['many']} in flight: {plain:.0f} us a call without the sampler, {sampled:.0f} us with it")


def show(rows: list[dict]) -> None:
    columns = {f"us at {row['many']}": "8.1f" for row in rows} | {f"% at {row['many']}": "7.1f" for row in rows}
    table = Table(stage="<29", **columns)
    for stage in ORDER:
        line_ = {"stage": stage}
        for row in rows:
            us = row["stages"].get(stage, 0.0)
            line_ |= {f"us at {row['many']}": us, f"% at {row['many']}": us / sum(row["stages"].values()) * 100}
        table.add(line_)
    table.add({"stage": "all"} | {f"us at {row['many']}": sum(row["stages"].values()) for row in rows})


def hottest(row: dict, count: int) -> None:
    """What ran when the loop's thread was sampled; C functions count for the function that called them."""
    all_ = sum(row["functions"].values()) or 1.0
    print(f"\n% of the loop's thread at {row['many']} in flight, by function")
    for name, used in sorted(row["functions"].items(), key=lambda one: -one[1])[:count]:
        print(f"{used / all_ * 100:6.1f}  {name}")
    print()


if __name__ == "__main__":
    if sys.argv[1:2] == ["gate"]:
        Sampler().install()
        sys.exit(serving.serve(Path(sys.argv[2]), port=int(sys.argv[3])))
    main()
