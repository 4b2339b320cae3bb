"""tools/list at 50, 500 and 1,500 tools in both eras: its size and time, beside the `mcp` SDK's own server.

    python -m benchmarks.lists [--seconds 4] [--tools 50,500,1500] [--many 1,16]

Tools are of about 480 bytes. In the handshake era the gate asks the upstream and puts its pins into the answer; in
2026-07-28 it answers from its pins. The gate's lists hold its annotations and its control tools too.
"""

import subprocess
from collections.abc import Iterator

from benchmarks.gate import make
from benchmarks.machine import command, line
from benchmarks.running import (
    HANDSHAKE,
    ID,
    MODERN,
    Bench,
    among,
    free_port,
    modern,
    modern_headers,
    options,
    post,
    progress,
    session,
    wait_for,
)
from benchmarks.tables import LOAD, Table, load_row

LIST = {"jsonrpc": "2.0", "id": ID, "method": "tools/list"}
Server = tuple[str, subprocess.Popen, int, str, dict]
"""(name, process, port, path, headers)."""


def servers(bench: Bench, tools: int) -> Iterator[Server]:
    port = free_port()
    one = bench.processes.start(bench.tested, "-m", "benchmarks.sdk_server", str(port), str(tools))
    wait_for(port, one)
    yield "SDK server", one, port, "/mcp", {}
    bench.processes.stop(one)
    _, upstream = bench.upstream(tools)
    home, port = bench.folder / f"tools-{tools}", free_port()
    token = make(home, upstream, port, tools=tools)
    one, _ = bench.gate(home, port)
    yield "gate", one, port, "/mcp/bench", {"authorization": f"Bearer {token}"}
    bench.processes.stop(one)


def main() -> None:
    parser = options(__doc__, many="1,16")
    parser.add_argument("--tools", default="50,500,1500")
    asked = parser.parse_args()
    print(line(command(), asked.folder), end="\n\n", flush=True)
    table = Table(**{"tools": "6.0f", "server": "<10", "era": "<10", "KiB": "7.0f", "in flight": "9.0f"}, **LOAD)
    with Bench(asked) as bench:
        for tools in map(int, asked.tools.split(",")):
            last = f'"look_{tools - 1:04}"' if tools > 1 else '"look"'
            for name, one, port, path, known in servers(bench, tools):
                for era in (HANDSHAKE, MODERN):
                    progress(f"lists: {tools} {name} {era}")
                    message = LIST if era == HANDSHAKE else modern(LIST)
                    headers = session(port, path, known) if era == HANDSHAKE else {**known, **modern_headers(LIST)}
                    size = len(post(port, path, headers, message)[1])
                    at = (one.pid, port, path, headers)
                    bench.warm_up(*at, many=1, seconds=0.5, message=message, expect=last)
                    for many in among(asked):
                        found = bench.measure(*at, many, asked.seconds, message=message, expect=last)
                        row = {"tools": tools, "server": name, "era": era, "KiB": size / 1024, "in flight": many}
                        table.add({**row, **load_row(found)}, bytes=size, calls=found["calls"])
        bench.keep("lists", table.rows)


if __name__ == "__main__":
    main()
