"""``callgate adopt`` killed (-9) against a real gate, at each kind of act: taken back, or finished, by the next one."""

import json
import signal
import subprocess
import sys

import pytest

from tests.e2e.harness import PASSPHRASE, effects_in, gate_in
from tests.e2e.test_adopt import ACT, TOKEN, looked, written

pytestmark = pytest.mark.e2e
KILLED = """\
import os, signal, sys
event, part, number = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])

def hook(name, args):
    global number
    if name == event and part in b" ".join(one if isinstance(one, bytes) else str(one).encode() for one in args):
        number -= 1
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
from callgate.cli.main import main
sys.argv[:] = ["callgate", *sys.argv[4:]]
sys.exit(main())
"""
"""The command, which kills itself right before its act of that kind: an audit event with these bytes in its arguments."""
SEND = "http.client.send"
PLACES = {
    "connected_and_not_noted": ("os.rename", ".record.json.new", 3),
    "between_two_connections": (SEND, "POST /v1/integrations ", 2),
    "rules_written": (SEND, "POST /v1/policy/propose ", 1),
    "rules_proposed": (SEND, "POST /v1/policy/approve ", 1),
    "before_the_first_file": ("os.rename", ".callgate .claude.json", 1),
    "between_two_files": ("os.rename", ".callgate mcp.json", 1),
}
LIVE = frozenset({"before_the_first_file", "between_two_files"})
"""The stages are approved by then."""


def killed(gate, place, *words):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, PLACES[place]), *words],
        env=gate.environment,
        input=PASSPHRASE + "\n",
        capture_output=True,
        text=True,
        timeout=45,
        cwd=gate.folder,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, (place, done.stdout, done.stderr)


def folders(path):
    return sorted(str(one) for one in path.rglob("*") if one.is_dir())


def names(gate):
    return [row["name"] for row in gate.get("integrations")["integrations"]]


def secrets(gate):
    return sorted(path.name for path in (gate.home / "secrets").rglob("*") if path.is_file())


@pytest.mark.parametrize("place", PLACES)
def test_killed_then_taken_back_and_killed_then_finished(tmp_path, place):
    with effects_in(tmp_path, "both") as server, gate_in(tmp_path) as gate:
        home = tmp_path / "m/home/ana"
        entry = {"type": "http", "url": server.url}
        claude = {"mcpServers": {"one": {**entry, "headers": {"X-Key": TOKEN}}}}
        cursor = {"mcpServers": {"two": {**entry, "headers": {"X-Other": TOKEN}}}}
        files = {
            "claude": written(home / ".claude.json", json.dumps(claude, indent=2), 0o640),
            "cursor": written(home / ".cursor/mcp.json", json.dumps(cursor)),
        }
        before, were = looked(files), folders(tmp_path / "m")
        rules = (gate.home / "policies/rules.toml").read_bytes()
        gate.add("theirs", url=server.url, allow_private=True)
        words = ("adopt", "--root", str(tmp_path / "m"), *ACT, "--json")

        def taken_back():
            undone = gate.command("adopt", "--undo", *ACT, stdin=PASSPHRASE)
            assert undone.returncode == 0, undone.stdout + undone.stderr
            assert looked(files) == before
            assert folders(tmp_path / "m") == were
            assert names(gate) == ["theirs"]
            assert secrets(gate) == []

        killed(gate, place, *words)
        taken_back()
        waits = [one["name"] for one in gate.get("policy")["files"] if one["state"] != "live"]
        assert waits == []
        if place not in LIVE:
            assert (gate.home / "policies/rules.toml").read_bytes() == rules

        killed(gate, place, *words)
        if place == "between_two_files":
            half = looked(files)
            shown = gate.command(*words[:3], "--dry-run")
            assert f"Changed already: {files['claude']}" in shown.stdout.replace("\n    ", " "), shown.stdout
            assert f"Not changed so far: {files['cursor']}" in shown.stdout.replace("\n    ", " "), shown.stdout
            assert "Finish it with callgate adopt, or take it back with: callgate adopt --undo 2" in shown.stdout
            assert looked(files) == half
            words = tuple(word for word in words if word != "--json")
        done = gate.command(*words, stdin=PASSPHRASE)
        assert ("Finished: 2" in done.stdout) == (place == "between_two_files"), done.stdout
        assert done.returncode == 0, done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
        rows = {row["name"]: row["stage"] for row in gate.get("integrations")["integrations"]}
        assert rows == {"theirs": "read", "one": "observe", "two": "observe"}
        assert secrets(gate) == ["header-x-key", "header-x-other"]
        for file in files.values():
            assert TOKEN not in file.read_text()
            assert "callgate" in file.read_text()
        assert "callgate_await_approval" in (home / ".claude/settings.json").read_text()

        taken_back()
