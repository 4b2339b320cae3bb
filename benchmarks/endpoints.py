"""The endpoint of one integration beside the one for all of them, on one gate, the same call.

python -m benchmarks.endpoints [--seconds 4] [--many 1,16,64]
"""

from benchmarks.gate import make
from benchmarks.machine import command, line
from benchmarks.running import Bench, among, call, free_port, options, progress, session
from benchmarks.tables import LOAD, Table, load_row

ENDPOINTS = (("/mcp/bench", "look"), ("/mcp", "bench__look"))
"""(path, the tool's name there)."""


def main() -> None:
    asked = options(__doc__).parse_args()
    print(line(command(), asked.folder), end="\n\n", flush=True)
    table = Table(**{"endpoint": "<12", "in flight": "9.0f"}, **LOAD)
    with Bench(asked) as bench:
        _, upstream = bench.upstream()
        home, port = bench.folder / "gate", free_port()
        token = make(home, upstream, port)
        one, _ = bench.gate(home, port)
        for path, tool in ENDPOINTS:
            progress(f"endpoints: {path}")
            headers = session(port, path, {"authorization": f"Bearer {token}"})
            at = (one.pid, port, path, headers)
            bench.warm_up(*at, message=call(tool))
            for many in among(asked):
                found = bench.measure(*at, many, asked.seconds, message=call(tool))
                table.add({"endpoint": path, "in flight": many, **load_row(found)}, calls=found["calls"])
        bench.keep("endpoints", table.rows)


if __name__ == "__main__":
    main()
