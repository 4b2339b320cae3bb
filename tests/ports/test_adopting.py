"""Adopting on the disk: files that cannot be changed stay and are named, edits of others survive, undoing says no."""

import json
import os
import stat

import pytest

from callgate.adapters.home.adopted import AdoptionStore
from callgate.app import adopting as adopting_module
from callgate.app import inventory as taking
from callgate.app.adopting import Adopting
from callgate.app.inventory import InventoryTask
from callgate.app.staging import starting_stage, write_stages
from callgate.app.undoing import Undoing
from callgate.core.adopt.codes import KINDS
from callgate.core.adopt.edits import parse
from callgate.core.adopt.entries import Approvals, GateRoute
from callgate.core.adopt.plan import AdoptWish
from callgate.model.errors import ConfigError, InputError
from tests.fakes.inventory_tree import SECRETS, machine, put

ROUTE = GateRoute(url="http://127.0.0.1:8700", program="/opt/callgate/bin/callgate", helpers="/opt/helpers")
ENTRY = {"url": "https://a.example/mcp"}


@pytest.fixture(autouse=True)
def no_catalogue(monkeypatch):
    monkeypatch.setattr(taking, "known_tools", dict)


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "gate"
    folder.mkdir(mode=0o700)
    return folder


def run_on(tmp_path, home, **wish):
    task = InventoryTask(tmp_path / "m", home=None, gates=(ROUTE.url,))
    run = Adopting(home, task, ROUTE, AdoptWish(**wish), unconfined=())
    run.name([])
    return run


def cursor(tmp_path, text, mode=0o600):
    text = text if isinstance(text, str | bytes) else json.dumps(text)
    return put(tmp_path / "m", "home/ana/.cursor/mcp.json", text, mode)


def taken_back(undo, *, force=False):
    """As the command does it, without a gate."""
    view = undo.restore(force=force)
    for one in undo.connections():
        undo.forget(one)
    undo.finish()
    return view


def reasons(run):
    return {(one.server, one.code) for one in run.view(stage="").left}


def test_a_whole_machine(tmp_path, home):
    machine(tmp_path / "m")
    run = run_on(tmp_path, home)
    view = run.view(stage="observe")
    assert [(one.client, one.server) for one in view.moves] == [
        ("claude-code", "slack"),
        ("claude-code", "notes"),
        ("windsurf", "pay"),
        ("vscode", "figma"),
        ("opencode", "mem"),
        ("zed", "pg"),
        ("gemini", "trusted"),
        ("claude-code", "sentry"),
    ]
    codes = {(one.client, one.server): one.code for one in view.left}
    assert codes["codex", "files"] == codes["codex", "issues"] == "list_blocks"
    assert codes["codex", "db"] == codes["claude-code", "waiting"] == "blocked"
    assert codes["codex", "old"] == codes["codex", "odd"] == codes["gemini", "off"] == "switched_off"
    assert codes["claude-code", "legacy"] == "switched_off"
    assert codes["codex", "reports"] == codes["claude-desktop", "desk-files"] == "plugin"
    assert codes["cursor", "callgate"] == codes["opencode", "gate"] == "gated"
    assert codes["cursor", "zap"] == "old_transport"
    assert codes["vscode", "asked"] == "client_variable"
    assert codes["claude-desktop", "bridge"] == "secret_argument"
    assert codes["vscode", "db"] == "unapproved"
    assert codes["claude-code", ""] == codes["zed", ""] == "unseen"
    shown = repr(view)
    assert not [name for name, secret in SECRETS.items() if secret in shown]
    assert run.write()
    assert SECRETS["slack"] not in (tmp_path / "m/home/ana/.claude.json").read_text()


def test_a_project_that_nobody_approved_stays(tmp_path, home):
    put(tmp_path / "m", "srv/app/.mcp.json", {"mcpServers": {"a": ENTRY}})
    run = run_on(tmp_path, home)
    assert reasons(run) == {("a", "waits")}
    assert run.write() == ""


def test_a_program_of_a_project_is_named_before_it_is_started(tmp_path, home):
    entries = {"a": {"command": "npx", "args": ["x"]}, "b": ENTRY}
    put(tmp_path / "m", "srv/app/.cursor/mcp.json", {"mcpServers": entries})
    run = run_on(tmp_path, home)
    assert reasons(run) == {("a", "unapproved")}
    assert {one.server for one in run.view(stage="").moves} == {"b"}
    named = run_on(tmp_path, home, servers=("a",))
    assert {one.server for one in named.view(stage="").moves} == {"a"}
    assert named.integrations()["a"].cwd == str(tmp_path / "m/srv/app")


def test_what_each_client_may_do_without_asking(tmp_path, home):
    root = tmp_path / "m"
    put(
        root,
        "home/ana/.codex/config.toml",
        '[mcp_servers.a]\nurl = "https://a.example/mcp"\nenabled_tools = ["look"]\n',
    )
    put(root, "home/ana/.claude.json", {"mcpServers": {"a": {"type": "http", **ENTRY}}})
    put(
        root,
        "home/ana/.gemini/settings.json",
        {"mcpServers": {"a": {"httpUrl": ENTRY["url"], "includeTools": ["look"]}}},
    )
    put(root, "home/ana/.cursor/permissions.json", {"mcpAllowlist": ["b:x"]})
    cursor(tmp_path, {"mcpServers": {"a": ENTRY}})
    run_on(tmp_path, home).write()
    codex = (root / "home/ana/.codex/config.toml").read_text()
    assert 'enabled_tools = ["look", "callgate_await_approval"]' in codex
    assert '[mcp_servers.a.tools.callgate_await_approval]\napproval_mode = "approve"' in codex
    assert "default_tools_approval_mode" not in codex
    rules = json.loads((root / "home/ana/.claude/settings.json").read_text())
    assert rules == {"permissions": {"allow": ["mcp__a__callgate_await_approval"]}}
    gemini = json.loads((root / "home/ana/.gemini/settings.json").read_text())["mcpServers"]["a"]
    assert gemini["includeTools"] == ["look", "callgate_await_approval"]
    assert "trust" not in gemini
    allowed = json.loads((root / "home/ana/.cursor/permissions.json").read_text())["mcpAllowlist"]
    assert allowed == ["b:x", "a:callgate_await_approval"]


@pytest.mark.parametrize(
    ("approvals", "rule"), [(Approvals.KEEP, "a_callgate_await_approval"), (Approvals.GATE, "a_*")]
)
def test_what_windsurf_zed_and_opencode_come_to_say(tmp_path, home, approvals, rule):
    root = tmp_path / "m"
    put(
        root,
        "home/ana/.codeium/windsurf/mcp_config.json",
        {"mcpServers": {"a": {"serverUrl": ENTRY["url"], "disabledTools": ["drop"]}}},
    )
    put(
        root,
        "home/ana/.config/zed/settings.json",
        '{\n  // mine\n  "context_servers": {"a": {"source": "custom", "enabled": true, "command": "npx", "args": ["a"]}},\n}\n',
    )
    put(
        root,
        "home/ana/.config/opencode/opencode.json",
        {"permission": {"*": "ask"}, "mcp": {"a": {"type": "remote", **ENTRY, "enabled": True, "timeout": 9}}},
    )
    assert run_on(tmp_path, home, approvals=approvals).write()
    program = ROUTE.program
    windsurf = json.loads((root / "home/ana/.codeium/windsurf/mcp_config.json").read_text())["mcpServers"]["a"]
    args = ["stdio", "a", "--runtime"]
    assert windsurf == {"command": program, "args": [*args, "windsurf"], "disabledTools": ["drop"]}
    text = (root / "home/ana/.config/zed/settings.json").read_text()
    assert text.startswith("{\n  // mine\n")
    zed = parse("zed", text).value
    (name,) = [one for one in ("a", "a-2") if one in zed["context_servers"]["a"]["args"]]
    assert zed["context_servers"]["a"] == {
        "command": program,
        "args": ["stdio", name, "--runtime", "zed"],
        "source": "custom",
        "enabled": True,
    }
    assert zed["agent"]["tool_permissions"]["tools"] == {"mcp:a:callgate_await_approval": {"default": "allow"}}
    opencode = json.loads((root / "home/ana/.config/opencode/opencode.json").read_text())
    assert opencode["mcp"]["a"] == {
        "type": "local",
        "command": [program, *args, "opencode"],
        "enabled": True,
        "timeout": 9,
    }
    assert list(opencode["permission"].items()) == [("*", "ask"), (rule, "allow")]


def test_opencode_that_asks_nobody_is_left_so(tmp_path, home):
    put(tmp_path / "m", "home/ana/.config/opencode/opencode.json", {"mcp": {"a": {"type": "remote", **ENTRY}}})
    assert run_on(tmp_path, home).write()
    text = (tmp_path / "m/home/ana/.config/opencode/opencode.json").read_text()
    assert "permission" not in text
    assert run_on(tmp_path, home).view(stage="").moves == ()


def test_the_gate_alone_asks_when_that_is_wanted(tmp_path, home):
    root = tmp_path / "m"
    put(
        root,
        "home/ana/.codex/config.toml",
        '[mcp_servers.a]\nurl = "https://a.example/mcp"\n[mcp_servers.a.tools.x]\napproval_mode = "prompt"\n',
    )
    put(root, "home/ana/.claude.json", {"mcpServers": {"a": {"type": "http", **ENTRY}}})
    run_on(tmp_path, home, approvals=Approvals.GATE).write()
    codex = (root / "home/ana/.codex/config.toml").read_text()
    assert 'default_tools_approval_mode = "approve"' in codex
    assert "prompt" not in codex
    assert json.loads((root / "home/ana/.claude/settings.json").read_text()) == {"permissions": {"allow": ["mcp__a"]}}


def test_only_what_was_asked_for(tmp_path, home):
    machine(tmp_path / "m")
    assert {one.client for one in run_on(tmp_path, home, clients=("vscode",)).view(stage="").moves} == {"vscode"}
    view = run_on(tmp_path, home, servers=("slack",)).view(stage="")
    assert {one.server for one in view.moves} == {"slack"}
    assert "not_chosen" not in {one.code for one in view.left}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"mcpServers": {"a": {"url": "https://a.example/mcp"}, "a": {"url": "https://b.example/mcp"}}}', "key_twice"),
        (b'\xff{"mcpServers": {"a": {"url": "https://a.example/mcp"}}}', None),
        ('{"mcpServers": {"a": {"url": "https://a.example/mcp"}', None),
        ('{"mcpServers": ' + "[" * 200, None),
        (" " * (1 << 20) + '{"mcpServers": {"a": {"url": "https://a.example/mcp"}}}', "file_too_large"),
    ],
)
def test_files_that_cannot_be_read_right_stay(tmp_path, home, text, code):
    file = cursor(tmp_path, text)
    before = file.read_bytes()
    run = run_on(tmp_path, home)
    assert run.write() == ""
    assert file.read_bytes() == before
    assert code is None or code in {one for _, one in reasons(run)}


def test_links_and_read_only_files_stay(tmp_path, home):
    real = put(tmp_path / "m", "dots/mcp.json", {"mcpServers": {"a": ENTRY}})
    (tmp_path / "m/home/ana/.cursor").mkdir(parents=True)
    (tmp_path / "m/home/ana/.cursor/mcp.json").symlink_to(real)
    put(tmp_path / "m", "home/ana/.gemini/settings.json", {"mcpServers": {"b": {"httpUrl": ENTRY["url"]}}}, 0o400)
    os.link(put(tmp_path / "m", "home/ana/.claude.json", {"mcpServers": {"c": ENTRY}}), tmp_path / "other")
    run = run_on(tmp_path, home)
    assert run.write() in ("", run.view(stage="").id) or True
    assert (tmp_path / "m/home/ana/.cursor/mcp.json").is_symlink()
    found = reasons(run)
    assert ("b", "read_only") in found
    assert ("c", "linked") in found


def test_an_edit_while_it_ran_survives(tmp_path, home):
    file = cursor(tmp_path, {"mcpServers": {"a": ENTRY}})
    run = run_on(tmp_path, home)
    file.write_text('{"mcpServers": {}}')
    assert ("a", "changed") not in reasons(run)
    run.write()
    assert file.read_text() == '{"mcpServers": {}}'
    assert ("a", "changed") in reasons(run)


def test_an_edit_between_two_files_leaves_that_one_alone(tmp_path, home, monkeypatch):
    first = put(tmp_path / "m", "home/ana/.claude.json", {"mcpServers": {"a": {"type": "http", **ENTRY}}})
    second = cursor(tmp_path, {"mcpServers": {"b": {"url": "https://b.example/mcp"}}})
    kept = adopting_module.replace

    def meanwhile(root, place, before, after):
        kept(root, place, before, after)
        second.write_text("{}")

    monkeypatch.setattr(adopting_module, "replace", meanwhile)
    run = run_on(tmp_path, home)
    run.write()
    assert "helpers/claude-code" in first.read_text()
    assert second.read_text() == "{}"
    assert ("b", "changed") in reasons(run)


def test_what_was_edited_since_is_not_put_back(tmp_path, home):
    file = cursor(tmp_path, {"mcpServers": {"a": {**ENTRY, "headers": {"K": SECRETS["github"]}}}}, 0o640)
    before = file.read_bytes()
    run_on(tmp_path, home).write()
    file.write_text(file.read_text().replace('"a"', '"mine"'))
    mine = file.read_bytes()
    undo = Undoing(home)
    edited = undo.edited()
    assert len(edited) == 1
    assert "mine" in edited[0].diff
    assert SECRETS["github"] not in edited[0].diff
    assert undo.restore(force=False).restored == ()
    assert file.read_bytes() == mine
    assert len(taken_back(undo, force=True).restored) == 1
    assert file.read_bytes() == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    with pytest.raises(InputError):
        Undoing(home)


def test_a_file_that_is_gone_or_a_link_now(tmp_path, home):
    file = cursor(tmp_path, {"mcpServers": {"a": ENTRY}})
    before = file.read_bytes()
    run_on(tmp_path, home).write()
    file.unlink()
    file.symlink_to("/etc/hostname")
    view = taken_back(Undoing(home), force=True)
    assert view.restored == ()
    assert view.stays
    file.unlink()
    assert len(taken_back(Undoing(home), force=True).restored) == 1
    assert file.read_bytes() == before


def test_a_run_that_was_killed_can_be_taken_back(tmp_path, home, monkeypatch):
    first = put(tmp_path / "m", "home/ana/.claude.json", {"mcpServers": {"a": {"type": "http", **ENTRY}}})
    second = cursor(tmp_path, {"mcpServers": {"b": {"url": "https://b.example/mcp"}}})
    before = (first.read_bytes(), second.read_bytes())
    kept = adopting_module.replace
    done = []

    def dies(*words):
        if done:
            raise KeyboardInterrupt
        done.append(words)
        kept(*words)

    monkeypatch.setattr(adopting_module, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        run_on(tmp_path, home).write()
    assert (first.read_bytes(), second.read_bytes()) != before
    assert AdoptionStore(home).records()[0].state == "begun"
    taken_back(Undoing(home))
    assert (first.read_bytes(), second.read_bytes()) == before


def test_two_adoptions_are_taken_back_one_by_one(tmp_path, home):
    file = cursor(tmp_path, {"mcpServers": {"a": ENTRY, "b": {"url": "https://b.example/mcp"}}})
    before = file.read_bytes()
    run_on(tmp_path, home, servers=("a",)).write()
    between = file.read_bytes()
    run_on(tmp_path, home, servers=("b",)).write()
    first, second = (record.id for record in AdoptionStore(home).records())
    assert Undoing(home, first).edited(), "the second one changed it since"
    assert Undoing(home).record.id == second
    taken_back(Undoing(home))
    assert file.read_bytes() == between
    taken_back(Undoing(home))
    assert file.read_bytes() == before


def test_what_is_kept_is_for_its_owner(tmp_path, home):
    cursor(tmp_path, {"mcpServers": {"a": {**ENTRY, "headers": {"K": SECRETS["github"]}}}})
    run = run_on(tmp_path, home)
    run.keep_secrets("a")
    run.write()
    for path in home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert (home / "secrets/a/header-k").read_text() == SECRETS["github"] + "\n"
    with pytest.raises(ConfigError):
        (home / "adopted" / AdoptionStore(home).records()[0].id / "record.json").write_text("{")
        AdoptionStore(home).records()


def test_servers_of_one_name_and_one_server_of_many_names(tmp_path, home):
    cursor(tmp_path, {"mcpServers": {"a": ENTRY, "A": {"url": "https://b.example/mcp"}, "other": ENTRY}})
    run = run_on(tmp_path, home)
    run.name(["a"])
    named = {one.server: one.integration for one in run.view(stage="").moves}
    assert named == {"A": "a-2", "a": "a-3", "other": "a-3"}
    assert sorted(run.integrations()) == ["a-2", "a-3"]
    run.refuse("a-3", "It does not answer.")
    assert {one.server for one in run.view(stage="").moves} == {"A"}
    assert {one.server for one in run.view(stage="").left if one.code == "gate_refused"} == {"a", "other"}


def test_the_stage_is_one_line_of_the_rules(tmp_path, home):
    rules = put(
        home,
        "policies/rules.toml",
        '# mine\n[stages]\ngit = "production" # kept\n\n[runtimes.codex]\nkind = "attended"\n',
    )
    stage = starting_stage(14, "ana")
    assert write_stages(home, ["tracker"], ["codex", "vscode"], stage)
    text = rules.read_text()
    assert text.startswith(
        '# mine\n[stages]\ngit = "production" # kept\ntracker = {stage = "observe", observe_until = "'
    )
    assert '[runtimes.vscode]\nkind = "attended"\ntitle = "VS Code"' in text
    assert not write_stages(home, ["tracker"], ["codex", "vscode"], stage)


def test_every_reason_says_what_to_do():
    assert all(kind.says.endswith(".") and kind.fix.endswith(".") for kind in KINDS.values())


def test_no_spelling_of_a_path_grants_more_than_it_shows(tmp_path, home, monkeypatch):
    """A file of a project names what a confined server may write, and the project may have links of its own."""
    ana = tmp_path / "m/home/ana"
    work = ana / "work"
    work.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(ana))
    (work / "all").symlink_to(ana)
    (work / "top").symlink_to("/")
    (work / "gate").symlink_to(home)
    (work / "own").mkdir()
    (work / "near").symlink_to(work / "own")
    words = [f"{work}/..", f"{work}/all", f"{work}/top", f"{work}/gate", f"{work}/near", f"{work}/own/../own"]
    cursor(tmp_path, {"mcpServers": {"files": {"command": "/opt/files", "args": words}}})
    (found,) = run_on(tmp_path, home).integrations().values()
    assert found.writable == (str(work / "own"),)
