"""``callgate add``: everything is shown, one question is asked, and data says the same as the screen."""

import json
from typing import Any

import msgspec
import pytest

from callgate.flow.admin import ToolRuling
from callgate.flow.views.integrations import RulesView
from callgate.model.errors import UpstreamError
from tests.fakes.admin import PASSPHRASE
from tests.fakes.shown import DIGEST, DISCOVERY
from tests.fronts.cli_help import FakeGate
from tests.fronts.test_cli_screens import terminal

RULES = RulesView(
    says=("The rules everyday of the team home get it: assistants may look without a task.",),
    token="c-1 -",
    max_tier="read",
    waits_for=("ben as security",),
)
STDIO = ("add", "git", "--stdio", "mcp-server-git --repository '/srv/my app'", "--writable", "/srv/my app")


@pytest.fixture
def gate(gate: FakeGate) -> FakeGate:
    gate.admin.discovery = msgspec.structs.replace(DISCOVERY, rules=RULES, stage="read")
    return gate


def adding(gate: FakeGate, *words: str, stdin: str | None = None) -> Any:
    return gate.run(*words, passphrase=PASSPHRASE, stdin=stdin)


def acts(gate: FakeGate) -> list[object]:
    return [act[0] for act in gate.admin.acts]


def test_a_no_connects_nothing(gate: FakeGate) -> None:
    result = adding(gate, *STDIO, "--env", "LANG=C", stdin="n\n")
    assert result.exit_code == 1
    assert "git is not connected: nothing was kept." in result.stderr
    assert acts(gate) == ["look_at_integration"]
    sent = gate.admin.acts[0][2].integration
    assert sent.command == ("mcp-server-git", "--repository", "/srv/my app")
    assert (sent.environment, sent.writable, sent.confined, sent.actor) == (
        {"LANG": "C"},
        ("/srv/my app",),
        True,
        "local",
    )


def test_all_is_shown_before_the_one_question(gate: FakeGate) -> None:
    shown = adding(gate, *STDIO, stdin="n\n").stdout
    for words in (
        "Changes things (1)",
        "git_commit",
        "Only looks (1)",
        "2 tools: 1 changes things, 1 only looks.",
        "assistants may look without a task",
        "They wait for the consent of ben as security.",
    ):
        assert words in shown


def test_a_yes_connects_exactly_what_was_shown(gate: FakeGate) -> None:
    result = adding(gate, *STDIO, "--everyday", "draft", "--breadth", "global", stdin="y\n")
    assert result.exit_code == 0, result.stderr
    assert acts(gate) == ["look_at_integration", "connect_integration"]
    looked, connected = (act[2] for act in gate.admin.acts)
    assert (looked.everyday, looked.breadth, looked.digest, looked.rules) == ("draft", "global", "", "")
    assert connected == msgspec.structs.replace(looked, digest=DIGEST, rules="c-1 -")
    for words in (
        "git is connected with 2 tools.",
        "everyday name it now",
        "integrations/git.toml",
        "Try it: callgate",
    ):
        assert words in result.stdout
    assert "callgate call git git_status" in result.stdout


def test_data_asks_nothing_and_connects_with_yes_only(gate: FakeGate) -> None:
    result = adding(gate, *STDIO, "--json")
    assert (result.exit_code, acts(gate)) == (1, ["look_at_integration"])
    found = json.loads(result.stdout)
    assert list(found) == ["found", "added"]
    assert found["added"] is None
    assert [tool["tool"] for tool in found["found"]["tools"]] == ["git_commit", "git_status"]
    assert found["found"]["rules"]["token"] == "c-1 -"
    result = adding(gate, *STDIO, "--json", "--yes")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["added"]["file"] == "/srv/home/integrations/git.toml"


@pytest.mark.parametrize("value", ["env:TOKEN", "file:/etc/token", "Bearer env:TOKEN"])
def test_a_header_is_a_reference_with_a_scheme_or_without(gate: FakeGate, value: str) -> None:
    adding(gate, "add", "x", "--url", "https://x.example/mcp", "--header", f"Authorization={value}", "--yes")
    assert gate.admin.acts[0][2].integration.headers == {"Authorization": value}


def test_what_a_server_said_last_stands_below_the_fault(gate: FakeGate) -> None:
    gate.admin.reach_fault = UpstreamError("The server does not start.", code="not_sent", hint="Run it by hand.")
    gate.admin.reach_fault.said = ("Traceback:", "No module named \x1b[31mx")
    result = adding(gate, *STDIO, "--yes")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "callgate: The server does not start. Run it by hand.",
        "What the server said last:",
        "  Traceback:",
        "  No module named \\u001b[31mx",
    ]
    assert result.stdout == ""


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal(gate: FakeGate, columns: int) -> None:
    with terminal(*STDIO, columns=columns, CALLGATE_HOME=str(gate.home)) as shown:
        shown.until("Passphrase of ana: ")
        shown.type(f"{PASSPHRASE}\n")
        seen = shown.until("[y/N]")
        assert "git_commit" in seen
        shown.type("y\n")
        code, seen = shown.end()
    assert code == 0, seen
    assert "git is connected with 2 tools." in seen


def test_what_was_written_into_the_file_counts_after_one_question(gate: FakeGate) -> None:
    gate.admin.file_list = (
        ToolRuling(integration="git", tool="git_commit", tier="draft", reason="Local only"),
        ToolRuling(integration="git", tool="git_status", tier="execute", reason="Slow"),
    )
    assert adding(gate, "integrations", "apply", "git", stdin="n\n").exit_code == 1
    assert gate.admin.acts == []
    result = adding(gate, "integrations", "apply", "git", stdin="y\n")
    assert result.exit_code == 0, result.stderr
    assert [act[2] for act in gate.admin.acts] == list(gate.admin.file_list)
    gate.admin.file_list = (msgspec.structs.replace(gate.admin.file_list[0], reason=" "),)
    result = adding(gate, "integrations", "apply", "git", "--yes")
    assert (result.exit_code, len(gate.admin.acts)) == (2, 2)
    assert "There is no reason for git_commit." in result.stderr
    gate.admin.file_list = ()
    assert "counts already" in adding(gate, "integrations", "apply", "git").stdout
