"""From a server's address to a first governed call: three commands, under a minute, and a no leaves nothing."""

import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import PASSPHRASE, ROOT, SERVERS, START_S, Gate, gate_in
from tests.e2e.practice_stand import PracticePlace, served

LIMIT_S = 60.0
PASSED = ("--passphrase-fd", "0")
TRACKER = f"{sys.executable} {SERVERS / 'tracker.py'}"


@contextmanager
def notes() -> Iterator[str]:
    """URL of a server that no manifest knows."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.servers.notes_http"], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    try:
        assert server.stdout is not None
        assert select.select([server.stdout], [], [], START_S)[0]
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/mcp"
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


class Newcomer:
    """Counts what has to be typed."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.commands = 0
        self.began = time.monotonic()

    def types(self, *words: str, answers: str = PASSPHRASE) -> subprocess.CompletedProcess[str]:
        self.commands += 1
        return self.gate.command(*words, stdin=answers)

    def done(self) -> None:
        assert self.commands <= 3
        assert time.monotonic() - self.began < LIMIT_S


def test_from_a_url_to_a_first_governed_call(tmp_path: Path) -> None:
    with gate_in(tmp_path) as gate, notes() as url:
        ana = Newcomer(gate)
        added = ana.types("add", "notes", "--url", url, "--allow-private", *PASSED, answers=f"{PASSPHRASE}\ny")
        assert added.returncode == 0, added.stderr
        assert "3 tools: 2 change things, 1 only looks." in added.stdout
        assert ana.types("login", *PASSED).returncode == 0
        called = ana.types("call", "notes", "list_notes")
        assert (called.returncode, called.stdout.strip()) == (0, "plans, minutes")
        ana.done()
        kinds = [one["kind"] for one in gate.get("events", limit=1000)["events"]]
        assert kinds[-2:] == ["decided", "finished"]
        refused = gate.command("call", "notes", "delete_note", '{"name": "plans"}')
        assert refused.returncode == 1
        assert "read_stage" in refused.stdout


def test_from_a_local_command_to_a_first_governed_call(tmp_path: Path) -> None:
    with gate_in(tmp_path) as gate:
        ana = Newcomer(gate)
        words = ("add", "tracker", "--stdio", TRACKER, "--readable", str(SERVERS))
        added = ana.types(*words, *PASSED, answers=f"{PASSPHRASE}\ny")
        assert added.returncode == 0, added.stderr
        called = ana.types("call", "tracker", "list_notes", *PASSED)
        assert called.returncode == 0, called.stdout + called.stderr
        assert "web plan" in called.stdout
        ana.done()


def test_with_a_manifest_what_it_aims_at_gets_a_domain_by_the_same_yes(tmp_path: Path) -> None:
    place = PracticePlace(tmp_path, "github")
    with gate_in(tmp_path) as gate, served({"github": place}):
        ana = Newcomer(gate)
        words = ("add", "github", "--url", place.url, "--allow-private", "--manifest", "github/official")
        added = ana.types(*words, *PASSED, answers=f"{PASSPHRASE}\ny")
        assert added.returncode == 0, added.stderr
        assert "A new domain github, owned by ana" in added.stdout
        called = ana.types("call", "github", "list_branches", '{"owner": "acme", "repo": "web"}', *PASSED)
        assert "no_domain" not in called.stdout
        ana.done()
        decided = [one for one in gate.get("events", limit=1000)["events"] if one["kind"] == "decided"]
        assert decided[-1]["effect"] == "allow"
        assert all(one["state"] == "live" for one in gate.get("policy")["files"])
        assert gate.stop() == 0
        gate.start()
        again = gate.command("call", "github", "list_branches", '{"owner": "acme", "repo": "web"}')
        assert again.returncode == called.returncode


def test_searches_of_all_that_an_account_sees_are_refused_until_somebody_lets_them(tmp_path: Path) -> None:
    """The refusal names the one command, and after it the same search runs, also in a gate that was started anew."""
    place = PracticePlace(tmp_path, "github")
    search = ("call", "github", "search_issues", '{"query": "checkout"}')
    with gate_in(tmp_path) as gate, served({"github": place}):
        words = ("add", "github", "--url", place.url, "--allow-private", "--manifest", "github/official")
        added = gate.command(*words, *PASSED, stdin=f"{PASSPHRASE}\ny")
        assert added.returncode == 0, added.stderr
        shown = " ".join(added.stdout.split())
        assert "tools can search all that the account sees" in shown
        assert "A search that names no place is refused" in shown
        assert "--breadth global" in shown
        assert gate.command("login", *PASSED, stdin=PASSPHRASE).returncode == 0
        refused = gate.command(*search)
        assert refused.returncode == 1
        told = " ".join((refused.stdout + refused.stderr).split())
        step = ("contract", "breadth", "github", "global")
        assert f"callgate {' '.join(step)}" in told
        done = gate.command(*step, *PASSED, stdin=PASSPHRASE)
        assert done.returncode == 0, done.stderr
        assert "let searches in github go through all that the account sees" in " ".join(done.stdout.split())
        assert gate.command(*search).returncode == 0
        assert gate.stop() == 0
        gate.start()
        assert gate.command(*search).returncode == 0
        assert 'breadth = "global"' in (gate.home / "contracts" / "everyday.toml").read_text()
        narrowed = gate.command("contract", "breadth", "github", "targets", "--json", *PASSED, stdin=PASSPHRASE)
        assert json.loads(narrowed.stdout)["waits_for"] == []
        assert gate.command(*search).returncode == 1
        assert gate.stop() == 0
        gate.start()
        assert gate.command(*search).returncode == 1


def test_searches_of_everything_go_from_the_start_where_add_was_told_so(tmp_path: Path) -> None:
    place = PracticePlace(tmp_path, "github")
    with gate_in(tmp_path) as gate, served({"github": place}):
        words = ("add", "github", "--url", place.url, "--allow-private", "--manifest", "github/official")
        wide = ("--breadth", "global", "--yes", "--json")
        added = json.loads(gate.command(*words, *wide, *PASSED, stdin=PASSPHRASE).stdout)
        rules = added["found"]["rules"]
        assert rules["breadth"] == "global"
        assert {one["without_place"] for one in rules["searches"]} == {"everything"}
        assert added["added"]["rules"] == ["The rules everyday name it now."]
        called = gate.command("call", "github", "search_issues", '{"query": "checkout"}', *PASSED, stdin=PASSPHRASE)
        assert called.returncode == 0, called.stdout + called.stderr


@pytest.mark.parametrize("answer", ["n", ""])
def test_a_no_leaves_nothing_behind(tmp_path: Path, answer: str) -> None:
    with gate_in(tmp_path) as gate:
        files = {path: path.read_bytes() for path in gate.home.rglob("*.toml")}
        events = len(gate.get("events", limit=1000)["events"])
        words = ("add", "tracker", "--stdio", TRACKER, "--readable", str(SERVERS))
        done = gate.command(*words, *PASSED, stdin=f"{PASSPHRASE}\n{answer}")
        assert done.returncode == 1
        assert "list_notes" in done.stdout
        assert {path: path.read_bytes() for path in gate.home.rglob("*.toml")} == files
        assert len(gate.get("events", limit=1000)["events"]) == events
        assert gate.get("integrations")["integrations"] == []
        assert not (gate.home / "children" / "main" / "tracker").exists()
        assert gate.process is not None
        tasks = Path(f"/proc/{gate.process.pid}/task").iterdir()
        assert "".join((task / "children").read_text() for task in tasks).split() == []


def test_a_person_puts_a_tier_right_and_it_counts_at_once_and_after_a_restart(tmp_path: Path) -> None:
    with gate_in(tmp_path) as gate, notes() as url:
        added = gate.command("add", "notes", "--url", url, "--allow-private", "--yes", *PASSED, stdin=PASSPHRASE)
        assert added.returncode == 0, added.stderr
        assert gate.command("login", *PASSED, stdin=PASSPHRASE).returncode == 0
        assert gate.command("call", "notes", "frobnicate_notes").returncode == 1
        words = ("tools", "classify", "notes", "frobnicate_notes", "--tier", "read", "--reason", "It only counts")
        assert gate.command(*words, *PASSED, stdin=PASSPHRASE).returncode == 0
        assert gate.command("call", "notes", "frobnicate_notes").stdout.strip() == "counted"
        assert "ana (It only counts); otherwise execute" in gate.command("tools", "notes").stdout
        path = gate.home / "integrations" / "notes.toml"
        text = path.read_text()
        assert 'reason = "It only counts"' in text
        at = text.index('[tools."list_notes"]')
        path.write_text(text[:at] + text[at:].replace('tier = "read"', 'tier = "execute"\nreason = "Slow"', 1))
        gate.stop()
        gate.start()
        assert gate.command("call", "notes", "frobnicate_notes").returncode == 0
        assert gate.command("call", "notes", "list_notes").returncode == 0
        done = gate.command("integrations", "apply", "notes", "--yes", *PASSED, stdin=PASSPHRASE)
        assert done.returncode == 0, done.stderr
        assert gate.command("call", "notes", "list_notes").returncode == 1
        told = [one["summary"] for one in gate.get("events", limit=1000)["events"] if one["kind"] == "tool_classified"]
        assert told == [
            "ana lowered notes/frobnicate_notes to read, alone: It only counts",
            "ana raised notes/list_notes to execute, alone: Slow",
        ]


def test_data_says_the_same_as_the_screen(tmp_path: Path) -> None:
    with gate_in(tmp_path) as gate, notes() as url:
        words = ("add", "notes", "--url", url, "--allow-private", *PASSED)
        looked = gate.command(*words, "--json", stdin=PASSPHRASE)
        assert looked.returncode == 1
        found = json.loads(looked.stdout)
        assert found["added"] is None
        added = json.loads(gate.command(*words, "--json", "--yes", stdin=PASSPHRASE).stdout)
        assert added["found"] == found["found"]
        assert added["added"]["integration"]["tools"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--stdio", f"{sys.executable} -c 'import nosuchmodule'"), "No module named 'nosuchmodule'"),
        (("--stdio", "no-such-program"), "no-such-program is not there"),
        (("--url", "http://127.0.0.1:9/mcp", "--allow-private"), "nothing listens there"),
        (("--url", "http://127.0.0.1:9/mcp"), "--allow-private"),
    ],
)
def test_what_goes_wrong_is_said_with_what_to_do(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    with gate_in(tmp_path) as gate:
        done = gate.command("add", "x", *words, "--yes", *PASSED, stdin=PASSPHRASE)
        assert done.returncode == 2
        assert said in done.stderr
        assert gate.get("integrations")["integrations"] == []
