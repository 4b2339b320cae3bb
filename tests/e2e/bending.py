"""A gate in a process of its own whose clock, disk and limits a test bends while it runs."""

import http.client
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.harness import META, MODERN, ROOT, Gate
from tests.e2e.rules import everyday, produce
from tests.waiting import until

BOUND_S = 20.0
REPOSITORY = "/srv/app"
HANDSHAKE = "2025-11-25"
JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class BentGate(Gate):
    """See bent_gate.py. ``integrations``: names that the rules let through."""

    def __init__(
        self, folder: Path, *, integrations: tuple[str, ...] = ("git",), call_timeout_ms: int = 60_000
    ) -> None:
        super().__init__(folder)
        self.bent = folder / "bent"
        self.bent.mkdir()
        (self.bent / "clock").write_bytes(bytes(8))
        (self.bent / "disk").write_text("")
        (self.bent / "limits").write_text("")
        self.program = [sys.executable, "-m", "tests.e2e.bent_gate", str(self.bent)]
        self.environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
        produce(self, [name for name in integrations if name not in ("git", "filesystem")])
        self.contracts["everyday.toml"] = everyday(integrations, more=f"call_timeout_ms = {call_timeout_ms}")

    def set_limit(self, place: str, value: object) -> None:
        """Before the start: ``module NAME``."""
        with (self.bent / "limits").open("a") as file:
            file.write(f"{place} {json.dumps(value)}\n")

    def move_clock(self, milliseconds: int) -> None:
        """The wall clock is this much off from now on."""
        with (self.bent / "clock").open("r+b") as file:
            file.write(milliseconds.to_bytes(8, "little", signed=True))

    def disk(self, order: str = "") -> None:
        """``fail COMMIT ledger.db`` and the like; empty: all is well."""
        waits = self.bent / "waits"
        waits.unlink(missing_ok=True)
        fresh = self.bent / "disk.new"
        fresh.write_text(order)
        fresh.replace(self.bent / "disk")

    def until_it_waits(self) -> None:
        self.until((self.bent / "waits").exists)

    def until(self, true: Callable[[], Any], every_s: float = 0.005, most_s: float = BOUND_S) -> Any:
        return until(true, most_s, every_s)

    def room(self, size: int | None) -> None:
        """Bytes to which any file of the gate may grow; None: no limit."""
        assert self.process is not None
        most = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    # What is asked again and again.

    def branch(self, name: str, *, token: str, integration: str = "git", **more: Any) -> dict[str, Any]:
        """The result of one call that changes something."""
        arguments = {"repo_path": REPOSITORY, "branch_name": name}
        return self.call("git_create_branch", arguments, token=token, integration=integration, **more).result

    def life(self, call: str) -> list[dict[str, Any]]:
        """Bodies of a call's events, oldest first."""
        return [event["event"]["data"]["body"] for event in self.events() if event["call"] == call]

    def doubts(self) -> set[str]:
        return {doubt["call"] for doubt in self.get("status")["doubts"]}

    def health(self) -> tuple[int, dict[str, str]]:
        """Status of /readyz, and what each check says."""
        found = self.send(b"", method="GET", path="/readyz")
        return found.status, {check["name"]: check["state"] for check in json.loads(found.body)["checks"]}


class RawClient:
    """One connection of one era, that can be left."""

    def __init__(self, gate: BentGate, era: str) -> None:
        self._gate = gate
        self._headers = {**JSON, "Authorization": f"Bearer {gate.bearer}", "MCP-Protocol-Version": era}
        self._modern = era == MODERN
        if not self._modern:
            hello = {"protocolVersion": era, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
            link = self.send(1, "initialize", hello)
            reply = link.getresponse()
            reply.read()
            self._headers["Mcp-Session-Id"] = reply.getheader("mcp-session-id")
            link.close()

    def send(self, number: int | None, method: str, params: dict) -> http.client.HTTPConnection:
        """The request has left; leaving is closing what this gives."""
        link = http.client.HTTPConnection("127.0.0.1", self._gate.port, timeout=30)
        more = {"Mcp-Method": method, "Mcp-Name": params.get("name", "")} if self._modern else {}
        if self._modern:
            params = {**params, "_meta": META}
        message = {"jsonrpc": "2.0", "method": method, "params": params, **({} if number is None else {"id": number})}
        link.request("POST", "/mcp/git", json.dumps(message), {**self._headers, **more})
        return link

    def listen(self) -> http.client.HTTPConnection:
        """A standing stream was asked for."""
        if self._modern:
            return self.send(5, "subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        link = http.client.HTTPConnection("127.0.0.1", self._gate.port, timeout=30)
        link.request("GET", "/mcp/git", headers={**self._headers, "Accept": "text/event-stream"})
        return link

    def call(self, tool: str, number: int = 7, **arguments: str) -> http.client.HTTPConnection:
        return self.send(number, "tools/call", {"name": tool, "arguments": {"repo_path": REPOSITORY, **arguments}})

    def commit(self, repository: str) -> http.client.HTTPConnection:
        """Waits for people; each repository once, since a no sticks."""
        return self.call("git_commit", repo_path=repository, message="Wait")

    def branch(self, name: str, number: int = 7) -> http.client.HTTPConnection:
        return self.call("git_create_branch", number, branch_name=name)

    def cancel(self, number: int) -> int:
        link = self.send(None, "notifications/cancelled", {"requestId": number})
        status = link.getresponse().status
        link.close()
        return status


def call_of(result: dict[str, Any]) -> str:
    """The call's id, whether it was served or not."""
    return result.get("_meta", {}).get("io.callgate/call") or result.get("structuredContent", {}).get("call_id", "")


def told(result: dict[str, Any]) -> tuple[str, ...]:
    """(status, code) of what the gate says itself; ("served", "") of an answer of the target."""
    facts = result.get("structuredContent", {})
    return (facts["status"], *facts.get("codes", ())) if "status" in facts else ("served", "")


@contextmanager
def bent_gate_in(
    folder: Path,
    *,
    limits: dict[str, object] | None = None,
    prepare: Callable[[BentGate], None] = lambda gate: None,
    **more: Any,
) -> Iterator[BentGate]:
    gate = BentGate(folder, **more)
    prepare(gate)
    for place, value in (limits or {}).items():
        gate.set_limit(place, value)
    try:
        gate.init()
        gate.start()
        yield gate
    finally:
        gate.kill()
