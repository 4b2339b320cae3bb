"""Starting what is measured on a core of its own, and one measurement of it."""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from benchmarks.upstream import TEXT, TOOL

HERE = Path(__file__).parent
ROOT = HERE.parent
ARGUMENTS = {"path": "/srv/app/README.md", "note": "n" * 230, "count": 3}
EXPECT = TEXT[:64]
"""In every answer to a call."""
HANDSHAKE, MODERN = "2025-11-25", "2026-07-28"
ID = 10_000_000
"""The load client puts another number of this length in its place."""


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def call(tool: str = TOOL["name"], *, notified: bool = False, arguments: dict | None = None) -> dict:
    """A tools/call; ``notified``: with a progress token, which the upstream answers with progress before the result."""
    params = {"name": tool, "arguments": ARGUMENTS if arguments is None else arguments}
    if notified:
        params["_meta"] = {"progressToken": ID}
    return {"jsonrpc": "2.0", "id": ID, "method": "tools/call", "params": params}


def modern(message: dict) -> dict:
    """The same message in 2026-07-28."""
    prefix = "io.modelcontextprotocol/"
    meta = {
        f"{prefix}protocolVersion": MODERN,
        f"{prefix}clientInfo": {"name": "bench", "version": "1"},
        f"{prefix}clientCapabilities": {},
    }
    return {**message, "params": {**message.get("params", {}), "_meta": meta}}


def modern_headers(message: dict) -> dict:
    return {"mcp-protocol-version": MODERN, "mcp-method": message["method"]}


def free_port() -> int:
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return link.getsockname()[1]


class Processes:
    """What was started, so that all of it ends."""

    def __init__(self) -> None:
        self.running: list[subprocess.Popen] = []

    def start(self, core: int, *arguments: str, python: str = "", **options) -> subprocess.Popen:
        """``arguments`` of Python, or a whole command when ``python`` is ``-``."""
        program = [] if python == "-" else [python or sys.executable]
        options = {"stdout": subprocess.DEVNULL, "cwd": ROOT, **options}
        one = subprocess.Popen(["taskset", "-c", str(core), *program, *arguments], **options)
        self.running.append(one)
        return one

    def stop(self, one: subprocess.Popen) -> None:
        one.terminate()
        try:
            one.wait(20)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()
        for pipe in (one.stdin, one.stdout):
            if pipe is not None:
                pipe.close()
        self.running.remove(one)

    def stop_all(self) -> None:
        for one in self.running[:]:
            self.stop(one)


class Bench:
    """One run: its folder, its processes, the tested core and the core of everything else."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.tested, self.other = (int(core) for core in asked.cores.split(","))
        self.processes = Processes()
        self.folder = Path()

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="callgate-bench-", dir=self.asked.folder))
        return self

    def __exit__(self, *_) -> None:
        self.processes.stop_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def upstream(self, tools: int = 1) -> tuple[subprocess.Popen, int]:
        port = free_port()
        one = self.processes.start(self.other, "-m", "benchmarks.upstream", str(port), str(tools))
        wait_for(port, one)
        return one, port

    def gate(self, home: Path, port: int, mode: str = "warm") -> tuple[subprocess.Popen, float]:
        """(process, seconds until it is ready)."""
        one = self.processes.start(self.tested, "-m", "benchmarks.gate", str(home), str(port), mode)
        return one, wait_for(port, one)

    def measure(self, pid: int, port: int, path: str, headers: dict, many: int, seconds: float, **options) -> dict:
        return measure(self.other, pid, port, path, headers, many, seconds, **options)

    def warm_up(self, *at, many: int = 16, seconds: float | None = None, **options) -> None:
        """Load whose figures nobody sees; not at all with ``--warm 0``."""
        if self.asked.warm > 0:
            self.measure(*at, many, self.asked.warm if seconds is None else min(seconds, self.asked.warm), **options)

    def keep(self, name: str, rows: Sequence[dict]) -> None:
        self.asked.raw.mkdir(exist_ok=True, parents=True)
        (self.asked.raw / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")


def options(about: str | None, *, seconds: float = 4, many: str = "1,16,64") -> argparse.ArgumentParser:
    """The arguments that every benchmark takes."""
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=seconds, help="of each figure")
    parser.add_argument("--warm", type=float, default=1.0, help="seconds before each path")
    parser.add_argument("--many", default=many, help="calls in flight")
    parser.add_argument("--cores", default=f"{cores[0]},{cores[-1]}", help="tested core, core of all else")
    parser.add_argument("--raw", type=Path, default=HERE / "raw", help="folder for the raw figures")
    parser.add_argument("--folder", type=Path, help="where gates have their homes (default: the temporary folder)")
    return parser


def among(asked: argparse.Namespace) -> list[int]:
    return [int(many) for many in asked.many.split(",")]


def wait_for(port: int, one: subprocess.Popen | None = None, limit: float = 30, path: str = "/") -> float:
    """Seconds until something answers over HTTP."""
    started = time.perf_counter()
    while time.perf_counter() - started < limit:
        if one is not None and one.poll() is not None:
            raise SystemExit(f"{' '.join(map(str, one.args[3:6]))} ended with {one.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1)
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.02)
        else:
            break
    else:
        raise SystemExit(f"nothing answers on {port}")
    return time.perf_counter() - started


def cpu_us(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def measure(
    core: int,
    pid: int,
    port: int,
    path: str,
    headers: dict,
    many: int,
    seconds: float,
    *,
    message: dict | None = None,
    expect: str = EXPECT,
    may_fail: bool = False,
    grace: float = 10,
) -> dict:
    """Load for so many seconds; the figures of ``load.py`` and CPU microseconds per call of the process."""
    body = json.dumps(message or call(), separators=(",", ":"))
    asked = {"port": port, "path": path, "headers": headers, "body": body, "many": many}
    asked |= {"seconds": seconds, "expect": expect, "grace": grace}
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
    if found["failed"] and not may_fail:
        raise SystemExit(f"{found['failed']} calls failed: {done.stderr[:600]}")
    found["said"] = done.stderr[:600] if found["failed"] else ""
    return found


def post(port: int, path: str, headers: dict, message: dict, limit: float = 30) -> tuple[dict, bytes]:
    """(response headers, body) of one message."""
    said = {**headers, "content-type": "application/json", "accept": "application/json, text/event-stream"}
    url = f"http://127.0.0.1:{port}{path}"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(message).encode(), said), timeout=limit) as came:
        return {name.lower(): value for name, value in came.headers.items()}, came.read()


def session(port: int, path: str, headers: dict) -> dict:
    """Initialize by hand; returns the headers of later requests."""
    params = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    came, _ = post(port, path, headers, {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
    found = {**headers, "mcp-protocol-version": HANDSHAKE}
    if "mcp-session-id" in came:
        found["mcp-session-id"] = came["mcp-session-id"]
    post(port, path, found, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    return found
