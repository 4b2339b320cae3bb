"""From nothing but observing to rules of one's own: a real gate before a practice server with the real tool names."""

import datetime as dt
import tomllib

import pytest

from tests.e2e.harness import PASSPHRASE
from tests.e2e.practice_stand import PracticeStand, practice_stand

pytestmark = pytest.mark.e2e
EVERYDAY = """
name = "everyday"
objective = "Nothing but local repositories."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["local-work"]
[[scopes]]
integration = "git"
"""
DOMAINS = """
[eng-code]
title = "Engineering code"
owner = "ana"
targets = ["github.repository:acme/*"]
"""
WEB = {"owner": "acme", "repo": "web"}
API = {"owner": "acme", "repo": "api"}
SESSION = (
    ("issue_read", WEB | {"method": "get", "issue_number": 1}),
    ("list_issues", WEB),
    ("issue_write", WEB | {"method": "create", "title": "Observed"}),
    ("add_issue_comment", WEB | {"issue_number": 1, "body": "Observed"}),
)
"""What an assistant does in a day."""


def set_stage(stand: PracticeStand, value: str) -> None:
    """As an operator does: the file, a proposal, an approval."""
    file = stand.gate.home / "policies" / "rules.toml"
    stages = tomllib.loads(file.read_text())["stages"]
    lines = [line for line in file.read_text().splitlines() if not line.startswith("github =")]
    assert "github" in stages
    lines.insert(lines.index("[stages]") + 1, f"github = {value}")
    file.write_text("\n".join(lines) + "\n")
    proposal = stand.gate.act("policy", "propose", act={})
    stand.gate.act("policy", "approve", act={"digest": proposal["digest"]})


def effect_of(stand: PracticeStand, tool: str, arguments: dict[str, object]) -> str:
    answer = stand.ask("github", tool, **arguments)
    if not answer.result.get("isError"):
        return "done"
    return "waits" if "approval_id" in answer.facts else "stopped"


def test_a_session_is_observed_learned_and_then_governed(tmp_path):
    until = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=14)).isoformat()
    with practice_stand(tmp_path, contract=EVERYDAY, domains=DOMAINS, names=("github",)) as stand:
        gate = stand.gate
        assert {effect_of(stand, *one) for one in SESSION} == {"stopped"}
        before = stand["github"].state()

        set_stage(stand, f'{{ stage = "observe", observe_until = "{until}", owner = "ana" }}')
        assert {effect_of(stand, *one) for one in SESSION} == {"done"}
        assert len(stand["github"].changes(before)) >= 2
        (row,) = [one for one in gate.ask("integrations", "list")["integrations"] if one["name"] == "github"]
        assert (row["stage"], row["observe_until"], row["observe_owner"]) == ("observe", until, "ana")
        assert "observing" in {one["code"] for one in gate.ask("status")["warnings"]}
        decided = [one["event"]["data"]["body"] for one in gate.events(kind="decided")][-len(SESSION) :]
        assert {(one["effect"], one["observed"]["would"]) for one in decided} == {("allow", "deny")}
        assert 'callgate_observed_total{code="integration_not_listed"' in gate.command("metrics").stdout

        file = tmp_path / "learned.toml"
        done = gate.command("learn", "--since", "1h", "--output", str(file))
        assert done.returncode == 0, done.stderr
        made = tomllib.loads(file.read_text())
        (scope,) = made["scopes"]
        assert scope["targets"] == ["github.repository:acme/web"]
        assert set(scope["tools"]) == {tool for tool, _ in SESSION}
        assert "wait " in file.read_text()
        checked = gate.command("contract", "check", str(file))
        assert checked.returncode == 0, checked.stdout
        added = gate.command("contract", "add", str(file), "--passphrase-fd", "0", stdin=PASSPHRASE)
        assert added.returncode == 0, added.stderr

        set_stage(stand, '"production"')
        would = {one["tool"]: one["effect"] for one in gate.ask("learn", "--since", "1h")["replayed"]}
        now = {tool: effect_of(stand, tool, arguments) for tool, arguments in SESSION}
        words = {"allow": "done", "narrow": "done", "hold": "waits", "deny": "stopped"}
        assert now == {tool: words[effect] for tool, effect in would.items()}
        assert (now["issue_read"], now["list_issues"], now["add_issue_comment"]) == ("done", "done", "waits")
        assert effect_of(stand, "issue_read", API | {"method": "get", "issue_number": 1}) == "waits"
        assert effect_of(stand, "list_branches", WEB) == "waits"
