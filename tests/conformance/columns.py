"""The two things that are tested: the server itself, and the same server behind a real gate with full authentication."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.harness import ROOT, Gate, free_port, gate_in

INTEGRATION = "everything"
ASKS = ["elicitation", "sampling", "roots"]
STOP_S = 20
DOMAIN = f"""
[everything]
title = "The server under test"
owner = "ana"
targets = ["mcp.resource:{INTEGRATION}/*", "mcp.prompt:{INTEGRATION}/*"]
"""
CONTRACT = f"""
name = "everyday"
objective = "Run the conformance suite."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["local-work", "everything"]

[[scopes]]
integration = "{INTEGRATION}"
tools = ["*"]
"""


@contextlib.contextmanager
def _process(*words: str, said: str = "") -> Iterator[int]:
    """A module of these tests in a process of its own; its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{said}\n")
        process.stdin.flush()
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait(STOP_S)
        process.stdin.close()
        process.stdout.close()


@contextlib.contextmanager
def bare() -> Iterator[str]:
    """URL of the server itself."""
    with _process("tests.conformance.everything") as port:
        yield f"http://127.0.0.1:{port}/mcp"


@contextlib.contextmanager
def through_gate(upstream: str, folder: Path) -> Iterator[tuple[str, Gate]]:
    """URL of the shim before a gate with a home in ``folder`` that governs ``upstream``; and that gate."""
    port = free_port()

    def prepare(gate: Gate) -> None:
        gate.config = f'allowed_hosts = ["127.0.0.1:{port}"]\nallowed_origins = ["http://127.0.0.1:{port}"]'
        gate.contracts["everyday.toml"] = CONTRACT
        gate.files = {name: text for name, text in gate.files.items() if not name.startswith("cases/")}
        gate.files["domains.toml"] += DOMAIN
        gate.files["rules.toml"] = _open_rules(gate.files["rules.toml"])
        gate.files["guards.cedar"] = _without(gate.files["guards.cedar"], "unverified-manifest")

    with gate_in(folder, prepare=prepare) as gate:
        gate.add(INTEGRATION, url=upstream, allow_private=True, manifest="none", asks=ASKS)
        with _process("tests.conformance.shim", str(port), str(gate.port), said=gate.token()):
            yield f"http://127.0.0.1:{port}/mcp/{INTEGRATION}", gate


def _open_rules(text: str) -> str:
    """The starter's rules, under which nothing of this integration waits for a person: the suite has none."""
    text = _swapped(text, "[stages]\n", f'[stages]\n{INTEGRATION} = "production"\n')
    text = _swapped(text, "hold_from = 60", "hold_from = 101")
    text = _swapped(text, "initiator = 600", "initiator = 0")
    return _swapped(text, 'ask = "meant"\n', "")


def _swapped(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the starter's rules"
    return text.replace(old, new)


def _without(text: str, policy: str) -> str:
    """Cedar text without the policy of that id."""
    left, count = re.subn(rf'@id\("{policy}"\).*?;\n', "", text, flags=re.DOTALL)
    assert count == 1, policy
    return left
