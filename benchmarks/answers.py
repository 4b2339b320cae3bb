"""Answers as JSON and as SSE, with the upstream over HTTP and over stdio.

    python -m benchmarks.answers [--seconds 4] [--many 1,16,64]

A call with a progress token is answered by the upstream with one progress notification and its result; the gate then
answers SSE too. The stdio upstream stands on the other core, like the one over HTTP.
"""

import sys
from pathlib import Path

from benchmarks.gate import make
from benchmarks.machine import command, line
from benchmarks.running import Bench, among, call, free_port, options, progress, session
from benchmarks.tables import LOAD, Table, load_row

NOTED = "notifications/progress"


def load(bench: Bench, table: Table, upstream: str, pid: int, port: int, path: str, headers: dict) -> None:
    for answer in ("JSON", "SSE"):
        message = call(notified=answer == "SSE")
        at = (pid, port, path, headers)
        bench.warm_up(*at, many=4, seconds=0.5, message=message, expect=NOTED if answer == "SSE" else "jsonrpc")
        for many in among(bench.asked):
            found = bench.measure(*at, many, bench.asked.seconds, message=message)
            row = {"upstream": upstream, "answer": answer, "in flight": many, **load_row(found)}
            table.add(row, p90=found["p90"], calls=found["calls"], failed=found["failed"])


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--only", default="direct,HTTP,stdio", help="upstreams")
    asked = parser.parse_args()
    only = asked.only.split(",")
    print(line(command(), asked.folder), end="\n\n", flush=True)
    table = Table(**{"upstream": "<12", "answer": "<6", "in flight": "9.0f"}, **LOAD)
    with Bench(asked) as bench:
        bare, upstream = bench.upstream()
        if "direct" in only:
            load(bench, table, "direct", bare.pid, upstream, "/mcp", {})
        child = (sys.executable, str(Path(__file__).with_name("upstream.py")), "stdio", str(bench.other))
        for kind, program in (("HTTP", ()), ("stdio", child)):
            if kind not in only:
                continue
            progress(f"answers: {kind}")
            home, port = bench.folder / kind, free_port()
            token = make(home, upstream, port, command=program)
            one, _ = bench.gate(home, port)
            headers = session(port, "/mcp/bench", {"authorization": f"Bearer {token}"})
            load(bench, table, f"gate, {kind}", one.pid, port, "/mcp/bench", headers)
            bench.processes.stop(one)
        bench.keep("answers", table.rows)


if __name__ == "__main__":
    main()
