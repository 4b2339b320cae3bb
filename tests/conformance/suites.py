"""Running the public suite and reading what it found: scenario to checks."""

import collections
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN_S = 300
_folder = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[0-9-]+Z\Z")
COUNTED = ("SUCCESS", "FAILURE", "WARNING", "SKIPPED")
"""Statuses of a check; INFO is what the suite notes on the way."""


@dataclass(frozen=True)
class Suite:
    name: str
    package: str
    options: tuple[str, ...]


SUITES = (
    Suite("0.1.16", "conformance-stable", ("--suite", "all")),
    Suite("0.2 2025-11-25", "conformance-alpha", ("--requirements", "2025-11-25")),
    Suite("0.2 2026-07-28", "conformance-alpha", ("--requirements", "2026-07-28")),
)


@dataclass(frozen=True)
class Outcome:
    """What one scenario found; equal when every check has the same result."""

    checks: tuple[tuple[str, str, int], ...]
    """(check, status, times), sorted."""

    @property
    def passed(self) -> int:
        return sum(times for _, status, times in self.checks if status == "SUCCESS")

    @property
    def total(self) -> int:
        return sum(times for _, status, times in self.checks if status != "SKIPPED")


def outcome(checks: list[dict[str, Any]]) -> Outcome:
    found = collections.Counter((one["id"], one["status"]) for one in checks if one["status"] in COUNTED)
    return Outcome(tuple(sorted((check, status, times) for (check, status), times in found.items())))


def run(node: Path, suite: Suite, url: str, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Scenario to its checks. ``node``: the folder with Node and the packages. AssertionError when nothing ran."""
    program, script = node / "nodejs/bin/node", node / "node_modules" / suite.package / "dist/index.js"
    done = subprocess.run(
        [str(program), str(script), "server", "--url", url, "-o", str(folder), *suite.options],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    found = {}
    for path in sorted(folder.glob("server-*/checks.json")):
        match = _folder.match(path.parent.name)
        assert match is not None, path.parent.name
        found[match["scenario"]] = json.loads(path.read_text())
    assert found, f"The suite {suite.name} ran nothing: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return found
