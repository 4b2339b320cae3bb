"""The ways to the upstream that are compared: a plain hop, the SDK's proxy, Callgate in three states of its memo."""

import subprocess
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.gate import make
from benchmarks.running import Bench, call, free_port, resident_mib, session, wait_for


class Started(NamedTuple):
    process: subprocess.Popen
    port: int
    path: str
    headers: dict
    facts: dict
    message: dict
    """What is sent."""


def direct(bench: Bench, process: subprocess.Popen, upstream: int) -> Started:
    return Started(process, upstream, "/mcp", {}, {}, call())


def hop(bench: Bench, upstream: int) -> Started:
    port = free_port()
    one = bench.processes.start(bench.tested, "-m", "benchmarks.hop", str(port), str(upstream))
    return Started(one, port, "/mcp", {}, {"ready_s": wait_for(port, one)}, call())


def sdk(bench: Bench, upstream: int) -> Started:
    port = free_port()
    one = bench.processes.start(bench.tested, "-m", "benchmarks.sdk_proxy", str(port), str(upstream))
    ready = wait_for(port, one)
    return Started(one, port, "/mcp", session(port, "/mcp", {}), {"ready_s": ready}, call())


def gate(mode: str) -> Callable[[Bench, int], Started]:
    def start(bench: Bench, upstream: int) -> Started:
        home, port = bench.folder / mode, free_port()
        token = make(home, upstream, port)
        one, ready = bench.gate(home, port, mode)
        headers = session(port, "/mcp/bench", {"authorization": f"Bearer {token}"})
        facts = {"ready_s": ready, "idle_mib": resident_mib(one.pid)}
        return Started(one, port, "/mcp/bench", headers, facts, call())

    return start


KNOWN: dict[str, Callable[[Bench, int], Started]] = {
    "hop": hop,
    "sdk": sdk,
    "warm": gate("warm"),
    "90": gate("90"),
    "cold": gate("cold"),
}
