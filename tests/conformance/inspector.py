"""The Inspector's command line in both eras: what it prints through the gate is what the server itself gives it.

It can send headers, so it speaks to the gate without the shim.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

NAME = "Inspector"
RUN_S = 60
ERAS = {"handshake": ("--protocol-era", "legacy"), "modern": ("--protocol-era", "modern")}
ASKED: dict[str, tuple[str, ...]] = {
    "tools/list": (),
    "tools/call": ("--tool-name", "greet", "--tool-arg", "name=ana"),
    "tools/call, failing": ("--tool-name", "test_error_handling"),
    "resources/list": (),
    "resources/read": ("--uri", "test://static-text"),
    "resources/templates/list": (),
    "prompts/list": (),
    "prompts/get": ("--prompt-name", "test_prompt_with_arguments", "--prompt-args", "arg1=a", "arg2=b"),
}
OURS = ("_meta", "ttlMs", "cacheScope")
"""Members of a result in which the gate speaks for itself."""

Printed = dict[str, tuple[int, Any]]
"""Scenario to exit code and printed result."""


def ask(node: Path, url: str, home: Path, token: str = "") -> Printed:
    """Every method in both eras."""
    found: Printed = {}
    header = ("--header", f"Authorization: Bearer {token}") if token else ()
    program = [
        str(node / "nodejs/bin/node"),
        str(node / "node_modules/.bin/mcp-inspector"),
        "--cli",
        url,
        "--transport",
        "http",
    ]
    for era, chosen in ERAS.items():
        for scenario, more in ASKED.items():
            method = scenario.partition(",")[0]
            done = subprocess.run(
                [*program, *chosen, *header, "--method", method, *more],
                capture_output=True,
                text=True,
                timeout=RUN_S,
                check=False,
                env={"HOME": str(home), "PATH": ""},
            )
            found[f"{scenario} ({era})"] = (done.returncode, _plain(done.stdout) or done.stderr[-500:])
    return found


def _plain(text: str) -> Any:
    """The result without what the gate adds: its marks, its control tools, its own annotations."""
    try:
        result = json.loads(text)
    except json.JSONDecodeError:
        return text
    left = {key: value for key, value in result.items() if key not in OURS}
    if "tools" in left:
        left["tools"] = [
            {key: value for key, value in tool.items() if key != "annotations"}
            for tool in left["tools"]
            if not tool["name"].startswith("callgate_")
        ]
    return left


def checks(printed: Printed, bare: Printed) -> dict[str, list[dict[str, Any]]]:
    """As the suites report them: ended as the bare one did, and printed the same."""
    found = {}
    for scenario, (code, result) in printed.items():
        same = {"ends alike": code == bare[scenario][0], "prints the same": result == bare[scenario][1]}
        if not isinstance(bare[scenario][1], dict):
            same["prints a result"] = False
        found[scenario] = [
            {"id": name, "status": "SUCCESS" if holds else "FAILURE", "errorMessage": "" if holds else str(result)}
            for name, holds in same.items()
        ]
    return found
