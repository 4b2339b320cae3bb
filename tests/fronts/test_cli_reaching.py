"""Logins, homes and gates that a command finds or does not."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from callgate.adapters.home.place import Home
from callgate.flow.admin import TokenRequest
from tests.fakes.admin import PASSPHRASE
from tests.fakes.local_gate import local_gate
from tests.fronts.cli_help import FakeGate, run


def test_login_keeps_tokens_and_logout_forgets(gate: FakeGate) -> None:
    words = ("login", "--runtime", "codex", "--runtime", "claude-code", "--integration", "git", "--hours", "2")
    result = gate.run(*words, passphrase=PASSPHRASE)
    assert result.exit_code == 0, result.stderr
    assert "head.body.sign" not in result.output
    assert gate.admin.acts == [
        ("issue_token", "ana", TokenRequest(runtime=name, integrations=("git",), hours=2))
        for name in ("codex", "claude-code")
    ]
    folder = gate.home / "state" / "callgate" / "tokens"
    assert sorted(path.name for path in folder.iterdir()) == ["claude-code.json", "codex.json"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert run("token", "--runtime", "codex").stdout == "head.body.sign\n"
    assert json.loads(run("token", "--runtime", "codex", "--headers").stdout) == {
        "Authorization": "Bearer head.body.sign"
    }
    assert gate.run("logout", "--runtime", "codex").exit_code == 0
    assert gate.admin.acts[-1] == ("revoke_token", "c" * 32)
    result = run("token", "--runtime", "codex")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "callgate login --runtime codex" in result.stderr
    helper = subprocess.run(
        [folder.parent / "helpers" / "codex"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (helper.returncode, helper.stdout) == (1, "")
    assert "callgate login --runtime codex" in helper.stderr


def test_a_runtimes_name_cannot_leave_its_folder(gate: FakeGate) -> None:
    for name in ("../codex", "", ".hidden", "a/b", "UPPER", "x" * 65, "codex\n"):
        assert gate.run("login", "--runtime", name, passphrase=PASSPHRASE).exit_code == 2
    assert gate.admin.acts == []


def test_home_before_the_command(gate: FakeGate) -> None:
    assert run("--home", gate.home, "holds", "list").exit_code == 0
    assert run("--home", gate.home / "none", "holds", "list", "--home", gate.home).exit_code == 0
    assert run("holds", "list", env={"CALLGATE_HOME": str(gate.home)}).exit_code == 0


def test_no_gate(tmp_path: Path) -> None:
    expected = f"callgate: No gate is running on {tmp_path}. Start it with: callgate serve\n"
    result = run("status", "--home", tmp_path)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", expected)
    Home(tmp_path).run.mkdir()
    assert run("status", "--home", tmp_path).stderr == expected
    with local_gate(tmp_path):
        pass
    assert run("status", "--home", tmp_path).stderr == expected


def test_a_gate_of_another_version(gate: FakeGate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def status() -> Any:
        return {"other": 1}

    monkeypatch.setattr(gate.admin, "status", status)
    result = gate.run("status")
    assert result.exit_code == 2
    assert "Use the callgate command that belongs to the running gate." in result.stderr


def test_reload(gate: FakeGate) -> None:
    said = gate.run("reload")
    assert said.exit_code == 0
    assert said.stdout == "Changed: limits.calls. Listening on 127.0.0.1:8700\n"
    assert list(json.loads(gate.run("reload", "--json").stdout)) == ["digest", "keys", "listening"]
    assert [name for name, *_ in gate.admin.acts] == ["reload", "reload"]


def test_who_has_no_gate_finds_the_services(gate: FakeGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.cli.client.SERVICE", Home(gate.home).socket)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    assert run("status").exit_code == 0
    monkeypatch.setenv("CALLGATE_HOME", str(tmp_path / "mine"))
    assert "No gate is running" in run("status").stderr
    monkeypatch.delenv("CALLGATE_HOME")
    own = tmp_path / "none" / "callgate"
    own.mkdir(parents=True)
    (own / "config.toml").touch()
    assert "No gate is running" in run("status").stderr
