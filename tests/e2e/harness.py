"""A real gate in a process of its own over a home in a test's folder, real upstreams, and raw clients.

Every wait is bounded, every process is ended by its id.
"""

import http.client
import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from callgate.cli import client as command_client
from callgate.cli.people import Person
from callgate.policies import starter

ROOT = Path(__file__).resolve().parents[2]
SERVERS = ROOT / "tests" / "fakes" / "servers"
CALLGATE = Path(sys.prefix) / "bin" / "callgate"
PASSPHRASE = "correct horse battery"
MODERN = "2026-07-28"
START_S = 30.0
STOP_S = 40.0
READY = "Ctrl-C"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}


def git_server() -> str:
    """Command of mcp-server-git; skips the test when there is none."""
    chosen = os.environ.get("CALLGATE_TEST_GIT_SERVER", "")
    for found in (chosen, str(ROOT / ".venv-git/bin/mcp-server-git"), "/tmp/gitserver/bin/mcp-server-git"):
        if found and os.access(found, os.X_OK):
            if shutil.which("git") is None:
                pytest.skip("there is no git program")
            return found
    pytest.skip("mcp-server-git is not installed: make .venv-git/.ready, or set CALLGATE_TEST_GIT_SERVER")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as link:
        return int(link.getsockname()[1])


class Answer:
    """Of the MCP front: status, headers, and the JSON-RPC message (of a stream: the last one)."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.messages = _messages(headers.get("content-type", ""), body)

    @property
    def message(self) -> dict[str, Any]:
        return self.messages[-1]

    @property
    def result(self) -> dict[str, Any]:
        assert "result" in self.message, self.message
        return self.message["result"]

    @property
    def facts(self) -> dict[str, Any]:
        """What the gate itself says of a refusal, a wait or a failure."""
        return self.result["structuredContent"]

    @property
    def text(self) -> str:
        return self.result["content"][0]["text"]


def _messages(kind: str, body: bytes) -> list[dict[str, Any]]:
    if kind.startswith("text/event-stream"):
        lines = body.decode().splitlines()
        return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: "]
    return [json.loads(body)] if body.startswith(b"{") else []


class Gate:
    """``start``, ``stop`` and ``kill`` may be repeated; the home stays."""

    def __init__(self, folder: Path, *, profile: str = "solo", account: str = "ana") -> None:
        self.folder = folder
        self.home = folder / "h"
        self.port = free_port()
        self.profile = profile
        self.account = account
        self.stderr = folder / "stderr"
        self.program = [str(CALLGATE)]
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "CALLGATE_HOME": str(self.home),
            "LANG": "C.UTF-8",
        }
        self.files = {name: data.decode() for name, data in starter(account).items()}
        self.contracts: dict[str, str] = {}
        self.config = ""
        self._numbers = itertools.count(1)

    # Its life.

    def init(self, *, git: str = "") -> None:
        self.home.mkdir(mode=0o700)
        self._write("config.toml", f'profile = "{self.profile}"\n{self.config}\n[listen]\nport = {self.port}\n')
        rules = self.files["rules.toml"].replace('profile = "solo"', f'profile = "{self.profile}"', 1)
        self.files["rules.toml"] = rules
        for name, text in self.files.items():
            self._write(f"policies/{name}", text)
        for name, text in self.contracts.items():
            self._write(f"contracts/{name}", text)
        more = ("--git-server", git) if git else ()
        done = self.command(
            "init",
            "--account",
            self.account,
            "--profile",
            self.profile,
            "--passphrase-fd",
            "0",
            *more,
            stdin=PASSPHRASE,
        )
        assert done.returncode == 0, done.stderr

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        for folder in reversed(path.relative_to(self.home).parents):
            (self.home / folder).mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)

    def start(self, **environment: str) -> None:
        self.environment |= environment
        with self.stderr.open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.program, "serve"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self.folder,
                start_new_session=True,
            )
        if not self._ready():
            self.kill()
            raise AssertionError(f"The gate did not start: {self.stderr.read_text()}")

    def _ready(self) -> bool:
        assert self.process is not None and self.process.stdout is not None
        ends, said = time.monotonic() + START_S, b""
        output = self.process.stdout.fileno()
        while READY.encode() not in said:
            left = ends - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                return False
            part = os.read(output, 65_536)
            if not part:
                return False
            said += part
        self.banner = said.decode()
        return True

    def stop(self) -> int:
        """SIGTERM and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        self._forget()
        return code

    def kill(self) -> None:
        """SIGKILL: the gate alone, whatever it does."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait(STOP_S)
            self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    # The command and the local API.

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(CALLGATE), *words],
            env=self.environment,
            input=stdin + "\n",
            capture_output=True,
            text=True,
            timeout=45,
            cwd=self.folder,
            check=False,
        )

    def ask(self, *words: str, passphrase: str = PASSPHRASE) -> Any:
        """A command with ``--json``; must succeed."""
        done = self.command(*words, "--json", stdin=passphrase)
        assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    @property
    def api(self) -> command_client.Gate:
        return command_client.Gate(self.home)

    def get(self, *path: str, **query: object) -> Any:
        return json.loads(self.api.get(*path, **query))

    def act(self, *path: str, act: object, account: str = "", passphrase: str = PASSPHRASE) -> Any:
        return json.loads(self.api.act(*path, by=Person(account or self.account, passphrase), act=act))

    def token(self, runtime: str = "codex", **more: Any) -> str:
        return str(self.act("tokens", act={"runtime": runtime, **more})["token"])

    def add(self, name: str, **integration: Any) -> None:
        """Connect and confirm."""
        wanted = {"integration": {"name": name, "actor": "robot", **integration}, "everyday": "none"}
        found = self.act("integrations", "look", act=wanted)
        self.act("integrations", act={**wanted, "digest": found["digest"]})

    def events(self, **query: object) -> list[dict[str, Any]]:
        """Every event from the first, as stored."""
        found: list[dict[str, Any]] = []
        after = 0
        first = self.get("events", after=0, limit=1000, **query)
        begin = [one for one in self.get("events", limit=1000, **query)["events"] if one["index"] == 0]
        found += begin
        page = first
        while page["events"]:
            found += page["events"]
            after = page["events"][-1]["index"]
            page = self.get("events", after=after, limit=1000, **query)
        return found

    def verify(self, note: str = "") -> dict[str, Any]:
        lines = list(self.api.lines("ledger", "verify", body={"note": note}))
        assert lines[-1]["kind"] == "end", lines[-1]
        return lines[-1]

    def approve(self, hold: str, *, account: str = "", passphrase: str = PASSPHRASE) -> dict[str, Any]:
        shown = self.get("holds", hold)
        return self.act(
            "holds", hold, "approve", act={"digest": shown["digest"]}, account=account, passphrase=passphrase
        )

    def deny(self, hold: str, *, account: str = "", passphrase: str = PASSPHRASE) -> dict[str, Any]:
        shown = self.get("holds", hold)
        return self.act("holds", hold, "deny", act={"digest": shown["digest"]}, account=account, passphrase=passphrase)

    # Clients.

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, integration: str = "git") -> str:
        return f"http://{self.host}/mcp/{integration}"

    def send(
        self,
        body: Any,
        headers: dict[str, str | None] | None = None,
        *,
        token: str | None = None,
        method: str = "POST",
        path: str = "/mcp/git",
        timeout: float = 60,
    ) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {
            "Host": self.host,
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "Authorization": f"Bearer {token}" if token is not None else None,
            **(headers or {}),
        }
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in fields.items():
                if value is not None:
                    link.putheader(name, value)
            if "Content-Length" not in fields:
                link.putheader("Content-Length", str(len(data)))
            link.endheaders(data)
            reply = link.getresponse()
            return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            link.close()

    def modern(self, method: str, params: dict[str, Any], *, token: str, name: str = "", **more: Any) -> Answer:
        """One request of 2026-07-28, as Claude Code sends it."""
        headers: dict[str, str | None] = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if name:
            headers["Mcp-Name"] = name
        meta = {**META, **params.pop("_meta", {})}
        message = {"jsonrpc": "2.0", "id": next(self._numbers), "method": method, "params": {**params, "_meta": meta}}
        return self.send(message, {**headers, **more.pop("headers", {})}, token=token, **more)

    def call(
        self, tool: str, arguments: dict[str, Any], *, token: str, integration: str = "git", **more: Any
    ) -> Answer:
        params = {"name": tool, "arguments": arguments, "_meta": more.pop("meta", {})}
        return self.modern("tools/call", params, token=token, name=tool, path=f"/mcp/{integration}", **more)

    def await_approval(self, hold: str, *, token: str, wait: int = 20, integration: str = "git") -> Answer:
        arguments = {"approval_id": hold, "wait_seconds": wait}
        return self.call("callgate_await_approval", arguments, token=token, integration=integration)


@contextmanager
def gate_in(
    folder: Path,
    *,
    git: bool = False,
    begin: bool = True,
    prepare: Callable[[Gate], None] = lambda gate: None,
    **more: Any,
) -> Iterator[Gate]:
    """An initialised gate, running unless ``begin`` is False; ended whatever happens. ``prepare`` comes before init."""
    gate = Gate(folder, **more)
    prepare(gate)
    try:
        gate.init(git=git_server() if git else "")
        if begin:
            gate.start()
        yield gate
    finally:
        gate.kill()


class Effects:
    """tests/fakes/servers/effects.py in a process of its own; restarts on the same port."""

    def __init__(self, folder: Path, eras: str = "both") -> None:
        self.records = folder / "effects.jsonl"
        self.eras = eras
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVERS / "effects.py"), str(self.records), self.eras, str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def seen(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.records.read_text().splitlines()] if self.records.exists() else []

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_S)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None


@contextmanager
def effects_in(folder: Path, eras: str = "both") -> Iterator[Effects]:
    effects = Effects(folder, eras)
    try:
        yield effects
    finally:
        effects.stop()
