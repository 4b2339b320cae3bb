"""``callgate tools diff`` and ``confirm``: what changed is readable, and nothing of it hides."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callgate.cli.drift_screen import MOST, sides
from callgate.flow.views.drift import ChangeView
from callgate.flow.views.integrations import RulesView
from callgate.model.errors import UpstreamError
from tests.fakes.admin import PASSPHRASE
from tests.fakes.local_gate import local_gate
from tests.fakes.shown import DIGEST, DISCOVERY, DRIFT, INTEGRATION, TOOLS
from tests.fronts.cli_help import FakeGate
from tests.fronts.test_cli_screens import terminal

SAME = msgspec.structs.replace(DRIFT, confirmed=True, changes=(), findings=(), warnings=())


def test_a_diff_names_each_change_and_what_becomes_of_it(gate: FakeGate) -> None:
    result = gate.run("tools", "diff", "git")
    assert result.exit_code == 1
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == "git: 1 held, 1 new, 2 noted"
    assert lines.index("The server") < lines.index("git_commit") < lines.index("git_push")
    assert "held inputSchema.properties.message.type: Calls that rest on it wait until it is confirmed." in lines
    assert lines[lines.index("- string") + 1] == "+ array"
    assert "new is new: Nobody is offered it before it is confirmed." in lines
    assert "+ And quick." in lines
    assert any(line.startswith("invisible_text (high): git_commit description: ") for line in lines)
    assert "Also: git_push would count as execute; it counts as execute." in lines
    assert "Confirm it with: callgate tools confirm git" in result.stderr


def test_nothing_of_a_server_hides_or_moves(gate: FakeGate) -> None:
    result = gate.run("tools", "diff", "git")
    assert "\\u{202e}repository" in result.stdout
    assert "\\u{1b}[31mpushes" in result.stdout
    assert not {"\u202e", "\x1b"} & set(result.stdout)


@pytest.mark.parametrize("env", [{}, {"NO_COLOR": "1"}])
def test_colour_only_where_there_is_a_terminal_that_wants_it(tmp_path: Path, env: dict[str, str]) -> None:
    with local_gate(tmp_path), terminal("tools", "diff", "git", CALLGATE_HOME=str(tmp_path), **env) as shown:
        code, seen = shown.end()
    assert code == 1
    assert bool(re.search("\x1b\\[(?:1;)?3[0-9]m", seen)) is (not env), seen
    assert "\u202e" not in seen


def test_without_a_name_all_are_asked_and_one_that_is_away_is_told(gate: FakeGate) -> None:
    other = msgspec.structs.replace(INTEGRATION, name="notes", confirmed_ms=1)
    new = msgspec.structs.replace(INTEGRATION, name="new", confirmed_ms=0)
    gate.admin.integration_list = (msgspec.structs.replace(INTEGRATION, confirmed_ms=1), other, new)
    result = gate.run("tools", "diff", "--json")
    assert [one["integration"] for one in json.loads(result.stdout)["drift"]] == ["git", "notes"]
    assert result.exit_code == 1
    gate.admin.drift = SAME
    assert gate.run("tools", "diff").exit_code == 0

    async def away(name: str) -> Any:
        raise UpstreamError("The server cannot be reached; nothing was sent.", code="not_sent")

    gate.admin.definition_changes = away  # type: ignore[method-assign]
    result = gate.run("tools", "diff")
    assert result.exit_code == 2
    assert "notes: The server cannot be reached" in result.stderr


def test_json_says_all_of_it(gate: FakeGate) -> None:
    result = gate.run("tools", "diff", "git", "--json")
    (found,) = json.loads(result.stdout)["drift"]
    assert list(found) == ["integration", "pinned", "seen", "confirmed", "changes", "findings", "warnings"]
    assert list(found["changes"][0]) == ["name", "field", "kind", "means", "old", "new"]
    assert list(found["findings"][0]) == ["code", "severity", "name", "field", "says", "excerpt"]
    assert result.exit_code == 1


def test_confirming_shows_the_diff_and_asks(gate: FakeGate) -> None:
    result = gate.run("tools", "confirm", "git", stdin="n\n", passphrase=PASSPHRASE)
    assert result.exit_code == 1
    assert "git: 1 held" in result.stdout
    assert [act[0] for act in gate.admin.acts] == ["definition_changes"]
    gate.admin.acts.clear()
    result = gate.run("tools", "confirm", "git", "--yes", passphrase=PASSPHRASE)
    assert result.exit_code == 0, result.stderr
    assert gate.admin.acts == [("definition_changes", "git"), ("confirm_integration", "ana", "git", DIGEST)]


def test_one_tool_alone_is_confirmed(gate: FakeGate) -> None:
    result = gate.run("tools", "confirm", "git", "--tool", "git_commit", "--yes", passphrase=PASSPHRASE)
    assert result.exit_code == 0, result.stderr
    assert gate.admin.acts[1] == ("confirm_integration", "ana", "git", DIGEST, "git_commit")
    assert "git_push" not in result.stdout
    result = gate.run("tools", "confirm", "git", "--tool", "git_status", "--yes", passphrase=PASSPHRASE)
    assert result.exit_code == 2
    assert "git_status did not change. See what did: callgate tools diff git" in result.stderr


def test_what_is_as_it_was_needs_no_word(gate: FakeGate) -> None:
    gate.admin.drift = SAME
    result = gate.run("tools", "confirm", "git", passphrase=PASSPHRASE)
    assert (result.exit_code, gate.admin.tries) == (0, [])
    assert "There is nothing to confirm." in result.stdout
    gate.admin.drift = msgspec.structs.replace(DRIFT, pinned="")
    assert gate.run("tools", "confirm", "git", passphrase=PASSPHRASE).exit_code == 2


def test_what_should_be_looked_at_is_shown_when_adding_and_beside_the_tool(gate: FakeGate) -> None:
    gate.admin.discovery = msgspec.structs.replace(DISCOVERY, rules=RulesView(says=("None.",)), findings=DRIFT.findings)
    shown = gate.run("add", "git", "--stdio", "x", passphrase=PASSPHRASE, stdin="n\n").stdout
    assert "invisible_text (high): git_commit description: " in shown
    gate.admin.tool_list = (msgspec.structs.replace(TOOLS[0], findings=DRIFT.findings),)
    assert "Look at its words: invisible_text (high)" in gate.run("tools", "list").stdout


def test_an_integration_may_be_called_like_a_command(gate: FakeGate) -> None:
    assert gate.run("tools", "list", "diff").exit_code == 0


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "new", (["(nothing)"], ["new"])),
        ("a" * 500 + "x" + "b" * 500, "a" * 500 + "yy" + "b" * 500, None),
        ("one\ntwo", "one\nthree", (["one", "two"], ["one", "three"])),
        ("aa", "aaa", (["aa"], ["aaa"])),
    ],
)
def test_what_is_equal_is_not_shown_twice(old: str, new: str, expected: Any) -> None:
    found = sides(old, new)
    assert found == expected or expected is None
    if expected is None:
        assert all(len(side[0]) < 130 and side[0].startswith("…") and side[0].endswith("…") for side in found)
        assert "x" in found[0][0]
        assert "yy" in found[1][0]


def test_a_long_text_is_cut_and_says_so(gate: FakeGate) -> None:
    long = ChangeView(name="a", field="description", kind="noted", means="", old="", new="word " * MOST)
    gate.admin.drift = msgspec.structs.replace(DRIFT, changes=(long,))
    result = gate.run("tools", "diff", "git")
    assert "characters more; --json shows all)" in result.stdout
    assert len(result.stdout) < 4_000
