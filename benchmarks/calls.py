"""Calls per second and added latency, side by side: direct, a plain hop, the SDK's proxy, Callgate warm, 90 % and cold.

    python -m benchmarks.calls [--seconds 4] [--only direct,warm] [--many 1,16,64] [--cores 0,1]

The path under test is pinned to one core, load client and upstream share the other. Each line is one run of
``--seconds`` after a warm-up; ratios are taken inside this one run. Raw figures go to benchmarks/raw/.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.upstream import TOOL

HERE = Path(__file__).parent
CALL = {
    "jsonrpc": "2.0",
    "id": 10_000_000,
    "method": "tools/call",
    "params": {"name": TOOL["name"], "arguments": {"path": "/srv/app/README.md", "note": "n" * 230, "count": 3}},
}
MANY = (1, 16, 64)


def free_port() -> int:
    import socket

    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return link.getsockname()[1]


class Processes:
    def __init__(self) -> None:
        self.running: list[subprocess.Popen] = []

    def start(self, core: int, *arguments: str, environ=None) -> subprocess.Popen:
        command = ["taskset", "-c", str(core), sys.executable, *arguments]
        one = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sys.stderr, env=environ)
        self.running.append(one)
        return one

    def stop(self, one: subprocess.Popen) -> None:
        one.terminate()
        try:
            one.wait(20)
        except subprocess.TimeoutExpired:
            one.kill()
        self.running.remove(one)

    def stop_all(self) -> None:
        for one in self.running[:]:
            self.stop(one)


def wait_for(port: int, limit: float = 30) -> float:
    started = time.perf_counter()
    while time.perf_counter() - started < limit:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
        except urllib.error.HTTPError:
            return time.perf_counter() - started
        except OSError:
            time.sleep(0.02)
        else:
            return time.perf_counter() - started
    raise SystemExit(f"nothing answers on {port}")


def cpu_us(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(core: int, pid: int, port: int, path: str, headers: dict, many: int, seconds: float) -> dict:
    asked = {
        "port": port,
        "path": path,
        "headers": headers,
        "body": json.dumps(CALL, separators=(",", ":")),
        "many": many,
        "seconds": seconds,
    }
    before = cpu_us(pid)
    done = subprocess.run(
        ["taskset", "-c", str(core), sys.executable, str(HERE / "load.py"), json.dumps(asked)],
        capture_output=True,
        text=True,
    )
    if done.returncode or not done.stdout:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout)
    found["cpu_us"] = (cpu_us(pid) - before) / max(1, found["calls"])
    if found["failed"]:
        raise SystemExit(f"{found['failed']} calls failed: {done.stderr[:2000]}")
    return found


def session(port: int, path: str, headers: dict) -> dict:
    """Initialize by hand; returns the headers of later requests."""
    body = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "bench", "version": "1"},
        },
    }
    base = {**headers, "content-type": "application/json", "accept": "application/json, text/event-stream"}
    answer = urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), base)
    )
    found = {**headers, "mcp-protocol-version": "2025-11-25"}
    if answer.headers.get("mcp-session-id"):
        found["mcp-session-id"] = answer.headers["mcp-session-id"]
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(note).encode(), {**base, **found})
    )
    return found


def paths(processes: Processes, core: int, upstream: int, folder: Path):
    """(name, start) pairs; start returns (process, port, path, headers, facts)."""

    def hop():
        port = free_port()
        one = processes.start(core, "-m", "benchmarks.hop", str(port), str(upstream))
        return one, port, "/mcp", {}, {"ready_s": wait_for(port)}

    def sdk():
        port = free_port()
        one = processes.start(core, "-m", "benchmarks.sdk_proxy", str(port), str(upstream))
        ready = wait_for(port)
        return one, port, "/mcp", session(port, "/mcp", {}), {"ready_s": ready}

    def gate(mode: str):
        def start():
            from benchmarks.gate import make

            home, port = folder / mode, free_port()
            token = make(home, upstream, port)
            one = processes.start(core, "-m", "benchmarks.gate", str(home), str(port), mode)
            ready = wait_for(port)
            headers = session(port, "/mcp/bench", {"authorization": f"Bearer {token}"})
            return one, port, "/mcp/bench", headers, {"ready_s": ready, "idle_mib": resident_mib(one.pid)}

        return start

    return {"hop": hop, "sdk": sdk, "warm": gate("warm"), "90": gate("90"), "cold": gate("cold")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="direct,hop,sdk,warm,90,cold")
    parser.add_argument("--many", default=",".join(map(str, MANY)))
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--warm", type=float, default=1.0, help="seconds before each path")
    parser.add_argument("--raw", type=Path, default=HERE / "raw", help="folder for the raw figures")
    asked = parser.parse_args()
    tested, other = (int(core) for core in asked.cores.split(","))
    folder, processes = Path(tempfile.mkdtemp(prefix="callgate-bench-")), Processes()
    rows, direct = [], {}
    try:
        upstream = free_port()
        bare = processes.start(other, "-m", "benchmarks.upstream", str(upstream))
        wait_for(upstream)
        known = paths(processes, tested, upstream, folder)
        print(
            f"{'path':8}{'in flight':>10}{'calls/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'added p50':>11}{'CPU us':>8}  notes"
        )
        for name in asked.only.split(","):
            if name == "direct":
                one, port, path, headers, facts = bare, upstream, "/mcp", {}, {}
            else:
                one, port, path, headers, facts = known[name]()
            measure(other, one.pid, port, path, headers, 16, asked.warm)
            for many in map(int, asked.many.split(",")):
                found = measure(other, one.pid, port, path, headers, many, asked.seconds)
                if name == "direct":
                    direct[many] = found["p50"]
                added = found["p50"] - direct.get(many, 0)
                notes = "  ".join(f"{key} {value:.2f}" for key, value in facts.items()) if many == MANY[0] else ""
                print(
                    f"{name:8}{many:10}{found['rate']:10.0f}{found['p50']:9.2f}{found['p99']:9.2f}{added:11.2f}{found['cpu_us']:8.0f}  {notes}",
                    flush=True,
                )
                rows.append({"path": name, "many": many, "added_p50": added, **found, **facts})
            if name != "direct":
                rows[-1]["loaded_mib"] = resident_mib(one.pid)
                processes.stop(one)
    finally:
        processes.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    asked.raw.mkdir(exist_ok=True)
    (asked.raw / "calls.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
