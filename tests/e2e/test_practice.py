"""Practice servers behind a running gate: a read goes through, a write waits for a person and then changes the world.

Without manifests, so that the rules of the catalogue decide nothing here.
"""

import json
import subprocess
from contextlib import contextmanager

import pytest

from tests.e2e.harness import CALLGATE, PASSPHRASE, ROOT, STOP_S, Gate, gate_in

pytestmark = pytest.mark.e2e
EVERYDAY = """
name = "everyday"
objective = "Work with everything here."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["local-work"]
""" + "".join(f'[[scopes]]\nintegration = "{name}"\ntools = ["*"]\n' for name in ("github", "slack"))
WEB = {"owner": "acme", "repo": "web"}
ADD = ("--manifest", "none", "--yes", "--passphrase-fd", "0")


def prepared(gate: Gate) -> None:
    stages = 'github = "production"\nslack = "production"\n'
    gate.files["rules.toml"] = gate.files["rules.toml"].replace("[stages]\n", f"[stages]\n{stages}", 1)
    gate.contracts["everyday.toml"] = EVERYDAY


def practice(*words):
    done = [str(CALLGATE), "practice", *map(str, words)]
    return subprocess.run(done, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


@contextmanager
def slack_over_http(state):
    words = [str(CALLGATE), "practice", "slack", "--http", "0", "--state", str(state)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=STOP_S)


def changes(before, state):
    return [(row["change"], row["kind"]) for row in json.loads(practice("compare", before, state, "--json").stdout)]


def kept(folder, name):
    """A state that is there before the gate starts the server, and a snapshot of it."""
    state, before = folder / name, folder / f"{name}.json"
    practice(name, "--state", state)
    before.write_text(practice("snapshot", state).stdout)
    return state, before


def test_reads_go_through_and_writes_wait(tmp_path):
    worlds = tmp_path / "worlds"
    worlds.mkdir()
    (hub, hub_before), (talk, talk_before) = kept(worlds, "github"), kept(worlds, "slack")
    with slack_over_http(talk) as url, gate_in(tmp_path, prepare=prepared) as gate:
        files = ("--readable", str(ROOT / "src"), "--writable", str(worlds))
        command = f"{CALLGATE} practice github --state {hub}"
        added = gate.command("add", "github", "--stdio", command, *files, *ADD, stdin=PASSPHRASE)
        assert added.returncode == 0, added.stderr
        added = gate.command("add", "slack", "--url", url, "--allow-private", "--actor", "ana", *ADD, stdin=PASSPHRASE)
        assert added.returncode == 0, added.stderr
        assert "2026-07-28" in added.stdout
        token = gate.token()

        def ask(integration, tool, **arguments):
            return gate.call(tool, arguments, token=token, integration=integration)

        read = ask("github", "issue_read", **WEB, method="get", issue_number=1)
        assert json.loads(read.text)["title"] == "Blank page on phones"
        found = ask("slack", "slack_search_channels", query="general")
        general = json.loads(found.text)["results"].partition("(ID: ")[2].partition(")")[0]
        writes = (
            ("github", "create_issue", WEB | {"title": "Through the gate"}),
            ("slack", "slack_send_message", {"channel_id": general, "message": "Through the gate"}),
        )
        holds = [ask(integration, tool, **arguments).facts["approval_id"] for integration, tool, arguments in writes]
        assert changes(hub_before, hub) == []
        assert changes(talk_before, talk) == []

        for (integration, _, _), hold in zip(writes, holds, strict=True):
            gate.approve(hold)
            answer = gate.await_approval(hold, token=token, integration=integration)
            assert "url" in answer.text or "message_link" in answer.text
        assert changes(hub_before, hub) == [("made", "issue")]
        assert changes(talk_before, talk) == [("made", "message")]
        assert gate.stop() == 0
