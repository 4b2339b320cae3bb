"""``callgate tools``: what changes things first, whole names, and a person's word on one of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from callgate.flow.admin import ToolRuling
from callgate.flow.views.integrations import ToolView
from tests.fakes.admin import PASSPHRASE, FakeAdmin
from tests.fakes.local_gate import local_gate
from tests.fakes.shown import TOOLS
from tests.fronts.cli_help import run, typed
from tests.fronts.test_cli_screens import terminal

LONG = "workspace_automation_rules_bulk_replace_and_publish_everywhere"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("CALLGATE_HOME", raising=False)
    return tmp_path


def by_rules(name: str, tier: str, **more: object) -> ToolView:
    made = ToolView(
        integration="notes",
        tool=name,
        tier=tier,
        say="",
        manifest="",
        pinned=True,
        confidence="medium",
        reasons=("Its name begins with a word that nobody here knows, so the stricter one of two signals was taken.",),
        decided_by="rules",
        own_tier=tier,
    )
    return msgspec.structs.replace(made, **more)


def test_what_changes_things_stands_first_with_counts_and_reasons(home: Path) -> None:
    admin = FakeAdmin()
    admin.tool_list = (
        by_rules("page_get", "read"),
        by_rules("page_put", "execute", irreversible=True),
        by_rules("page_draft", "draft", decided_by="person", own_tier="execute", ruled_by="ana", ruled_reason="seen"),
        by_rules("page_old", "execute", ruling_void=True, ruled_by="ben"),
        *TOOLS,
    )
    with local_gate(home, admin):
        shown = run("tools", "--home", home).stdout
    order = ["Changes things (3)", "page_put", "Drafts (1)", "page_draft", "Only looks (2)", "page_get", "git_status"]
    assert [shown.index(word) for word in order] == sorted(shown.index(word) for word in order)
    assert "rules, confidence medium: Its name begins" in shown
    assert "ana (seen); otherwise execute" in shown
    assert "What ben said of it counts no more" in shown
    assert "manifest git: Commit to {repo_path}" in shown
    assert "perhaps not" in shown


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("names", [("page_get", "page_put_many_at_once"), (LONG, "page_get")])
def test_no_name_is_broken_on_a_terminal(tmp_path: Path, columns: int, names: tuple[str, ...]) -> None:
    admin = FakeAdmin()
    admin.tool_list = tuple(by_rules(name, "execute") for name in names)
    env = {"CALLGATE_HOME": str(tmp_path), "NO_COLOR": "1"}
    with local_gate(tmp_path, admin), terminal("tools", columns=columns, **env) as shown:
        code, seen = shown.end()
    assert code == 0, seen
    lines = seen.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert max(map(len, lines)) <= columns
    for name in names:
        assert any(name in line for line in lines), seen
    assert "\x1b[3" not in seen


def test_without_a_word_it_lists_and_a_listed_integration_may_have_any_name(home: Path) -> None:
    with local_gate(home):
        whole = run("tools", "--json", "--home", home).stdout
        assert whole == run("tools", "list", "--json", "--home", home).stdout
        assert json.loads(run("tools", "list", "classify", "--json", "--home", home).stdout) == {"tools": []}
        assert run("--home", home, "tools", "git").exit_code == 0
    assert "classify" in run("tools", "--help").stdout


def test_classifying_says_what_counts_from_now_on(home: Path) -> None:
    words = ("tools", "classify", "git", "git_commit", "--tier", "draft", "--reason", "It stays here")
    with local_gate(home) as admin:
        with typed(PASSPHRASE) as fd:
            done = run(*words, "--home", home, "--passphrase-fd", fd)
        assert done.exit_code == 0, done.stderr
        assert "git/git_commit counts as draft from now on; its own tier is execute." in done.stdout
        wanted = ToolRuling(integration="git", tool="git_commit", tier="draft", reason="It stays here")
        assert admin.acts == [("classify_tool", "ana", wanted)]
        with typed(PASSPHRASE) as fd:
            run(*words, "--despite-schema", "--json", "--home", home, "--passphrase-fd", fd)
        assert admin.acts[-1] == ("classify_tool", "ana", msgspec.structs.replace(wanted, despite=True))
        assert run(*words[:-2], "--home", home).exit_code == 2
