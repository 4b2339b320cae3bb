"""Practice servers behind a running gate: a read goes through, a write waits for a person and then changes the world.

Without manifests, so that the rules of the catalogue decide nothing here.
"""

import json

import pytest

from tests.e2e.harness import PASSPHRASE, ROOT, Gate, gate_in
from tests.e2e.rules import everyday, produce
from tests.practice.running import Kept

pytestmark = pytest.mark.e2e
EVERYDAY = everyday(("github", "slack"))
WEB = {"owner": "acme", "repo": "web"}
ADD = ("--manifest", "none", "--yes", "--passphrase-fd", "0")


def prepared(gate: Gate) -> None:
    produce(gate, ("github", "slack"))
    gate.contracts["everyday.toml"] = EVERYDAY


def test_reads_go_through_and_writes_wait(tmp_path):
    worlds = tmp_path / "worlds"
    worlds.mkdir()
    hub, talk = Kept(worlds, "github"), Kept(worlds, "slack")
    with talk.over_http() as url, gate_in(tmp_path, prepare=prepared) as gate:
        files = ("--readable", str(ROOT / "src"), "--writable", str(worlds))
        added = gate.command("add", "github", "--stdio", hub.command, *files, *ADD, stdin=PASSPHRASE)
        assert added.returncode == 0, added.stderr
        which = ("--allow-private", "--actor", "ana", "--manifest", "slack/hosted")
        added = gate.command("add", "slack", "--url", url, *which, *ADD, stdin=PASSPHRASE)
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
        assert hub.changes() == []
        assert talk.changes() == []

        for (integration, _, _), hold in zip(writes, holds, strict=True):
            gate.approve(hold)
            answer = gate.await_approval(hold, token=token, integration=integration)
            assert "url" in answer.text or "message_link" in answer.text
        assert hub.changes() == [("made", "issue")]
        assert talk.changes() == [("made", "message")]
        assert gate.stop() == 0
