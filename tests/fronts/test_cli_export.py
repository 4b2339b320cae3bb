"""``callgate export`` and ``callgate hook``: what is printed and written, exit codes, what a hook lets through."""

import json
import stat
import tomllib

import pytest

from callgate.cli.token_store import callgate_program
from tests.fakes.local_gate import local_gate
from tests.fronts.cli_help import run

GATE = ("--gate", "http://127.0.0.1:8700")
GIT = (*GATE, "--integration", "git")


def test_it_is_printed():
    result = run("export", "codex", *GIT)
    assert result.exit_code == 0, result.output
    text = result.stdout.partition("\n")[2]
    assert tomllib.loads(text)["mcp_servers"]["git"]["default_tools_approval_mode"] == "approve"
    assert "only managed files" in result.stderr


def test_a_name_that_the_gate_does_not_know_is_no_entry(tmp_path):
    with local_gate(tmp_path):
        strange = run("export", "codex", "--integration", "nope", "--home", tmp_path)
        assert run("export", "codex", "--integration", "git", "--home", tmp_path).exit_code == 0
    assert strange.exit_code == 2
    assert strange.stdout == ""
    assert "It has: git" in strange.stderr


def test_a_gate_is_named_by_its_url():
    result = run("export", "codex", "--gate", "nonsense", "--integration", "git")
    assert result.exit_code == 2
    assert "https://callgate.example" in result.stderr


def test_one_entry_for_everything():
    found = json.loads(run("export", "claude-code", *GATE, "--together", "--managed", "--json").stdout)
    servers = json.loads(found["files"][0]["text"])["mcpServers"]
    assert {name: entry["url"] for name, entry in servers.items()} == {"callgate": "http://127.0.0.1:8700/mcp"}


def test_files_are_written_and_never_over_others(tmp_path):
    result = run("export", "claude-code", *GIT, "--managed", "--output", tmp_path)
    assert result.exit_code == 0, result.output
    file = tmp_path / "etc/claude-code/managed-mcp.json"
    assert stat.S_IMODE(file.stat().st_mode) & 0o022 == 0
    file.write_text("mine")
    again = run("export", "claude-code", *GIT, "--managed", "--output", tmp_path)
    assert again.exit_code == 2
    assert file.read_text() == "mine"


def test_what_is_installed_is_checked(tmp_path):
    (tmp_path / "home/ana").mkdir(parents=True)
    look = ("--installed", "--root", tmp_path, "--home-dir", tmp_path / "home/ana")
    missing = run("export", "claude-code", *GIT, "--managed", *look)
    assert missing.exit_code == 1
    assert "export_missing" in missing.output
    assert run("export", "claude-code", *GIT, "--managed", "--output", tmp_path).exit_code == 0
    result = run("export", "claude-code", *GIT, "--managed", *look)
    assert result.exit_code == 0, result.output
    assert "It leaves only the gate" in result.output
    settings = tmp_path / "etc/claude-code/managed-settings.json"
    settings.write_text(
        settings.read_text().replace('"allowManagedMcpServersOnly": true', '"allowManagedMcpServersOnly": false')
    )
    found = json.loads(run("export", "claude-code", *GIT, "--managed", *look, "--json").stdout)["findings"]
    assert {one["code"] for one in found} == {"export_differs", "allowlist_not_final"}
    differs = next(one for one in found if one["code"] == "export_differs")
    assert (differs["key"], differs["line"]) == ("allowManagedMcpServersOnly", 2)
    assert differs["fix"]


def test_one_file_is_checked(tmp_path):
    run("export", "gemini", *GIT, "--managed", "--output", tmp_path)
    file = tmp_path / "etc/gemini-cli/settings.json"
    assert run("export", "gemini", *GIT, "--managed", "--check", file).exit_code == 0
    file.write_text(file.read_text().replace('"trust": true', '"trust": false'))
    assert run("export", "gemini", *GIT, "--managed", "--check", file).exit_code == 1
    assert run("export", "gemini", *GIT, "--managed", "--desktop", "--check", file).exit_code == 0
    assert run("export", "gemini", *GIT, "--check", tmp_path / "other.json").exit_code == 2
    file.write_text('{"mcpServers": ')
    broken = json.loads(run("export", "gemini", *GIT, "--managed", "--check", file, "--json").stdout)
    assert [one["code"] for one in broken["findings"]] == ["bad_file"]


@pytest.mark.parametrize(
    "words",
    [
        ("vscode", *GIT, "--managed"),
        ("cursor", *GIT, "--token", "helper"),
        ("windsurf", *GIT),
        ("codex", *GIT, "--installed", "--output", "x"),
        ("codex", *GATE),
        ("codex", "--integration", "git"),
    ],
)
def test_what_cannot_be_asked_for(words, tmp_path):
    result = run("export", *words, env={"CALLGATE_HOME": str(tmp_path / "none")})
    assert result.exit_code == 2, result.output


OURS = callgate_program()


@pytest.mark.parametrize(
    ("call", "allowed"),
    [
        ({"url": "http://127.0.0.1:8700/mcp/git", "tool_name": "x"}, True),
        ({"url": "http://localhost:8700/mcp"}, True),
        ({"command": f"{OURS} stdio git --runtime cursor"}, True),
        ({"url": "http://127.0.0.1:8700/mcp/../x"}, False),
        ({"url": "https://mcp.notion.com/mcp"}, False),
        ({"url": "http://127.0.0.1:8700/mcp/git", "command": "npx evil"}, False),
        ({"command": "/tmp/callgate stdio git"}, False),
        ({"command": f"npx evil {OURS} stdio"}, False),
        ({"command": f"{OURS} stdio --endpoint http://evil.example/mcp"}, False),
        ({"command": f"{OURS} call x"}, False),
        ({"command": '"'}, False),
        ({"tool_name": "x", "tool_input": {"url": "http://127.0.0.1:8700/mcp/git"}}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_the_hook_lets_through_what_goes_to_the_gate(call, allowed):
    result = run("hook", "cursor", *GATE, stdin=json.dumps(call))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["permission"] == ("allow" if allowed else "deny")


@pytest.mark.parametrize(
    "text", ["", "{", "nonsense", '{"url": "http://127.0.0.1:8700/mcp"', "[" * 5000, '{"a":"' + "x" * (1 << 20)]
)
def test_the_hook_refuses_what_it_cannot_read(text):
    assert json.loads(run("hook", "cursor", *GATE, stdin=text).stdout)["permission"] == "deny"
