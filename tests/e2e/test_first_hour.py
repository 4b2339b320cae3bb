"""The first hour of a newcomer with a real gate, the real Git server and the callgate command."""

import concurrent.futures
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.harness import PASSPHRASE, Gate, effects_in, free_port, gate_in

pytestmark = pytest.mark.e2e


def test_the_first_hour(tmp_path):
    with gate_in(tmp_path, git=True) as gate:
        repository = str(tmp_path / "h-scratch")
        assert f"http://{gate.host}/mcp/" in gate.banner
        done = gate.command(
            "login", "--runtime", "codex", "--runtime", "callgate-cli", "--passphrase-fd", "0", stdin=PASSPHRASE
        )
        assert done.returncode == 0, done.stderr
        token = gate.command("token", "--runtime", "codex").stdout.strip()
        headers = json.loads(gate.command("token", "--runtime", "codex", "--headers").stdout)
        assert headers == {"Authorization": f"Bearer {token}"}

        read = gate.command("call", "git", "git_status", json.dumps({"repo_path": repository}))
        assert read.returncode == 0, (read.stdout, read.stderr)
        assert "notes.txt" in read.stdout

        commit = ("call", "git", "git_commit", json.dumps({"repo_path": repository, "message": "first words"}))
        waits = gate.command(*commit)
        assert waits.returncode == 3, (waits.stdout, waits.stderr)
        assert log_of(repository) == ["Begin"]
        (hold,) = gate.ask("holds", "list")["holds"]
        assert "first words" in hold["sentence"]
        shown = gate.ask("holds", "show", hold["id"])
        approved = gate.command(
            "holds", "approve", hold["id"], "--digest", shown["digest"], "--passphrase-fd", "0", stdin=PASSPHRASE
        )
        assert approved.returncode == 0, (approved.stdout, approved.stderr)
        collected = gate.command(*commit)
        assert collected.returncode == 0, (collected.stdout, collected.stderr)
        assert log_of(repository) == ["first words", "Begin"]
        assert gate.command("holds", "approve", hold["id"], "--passphrase-fd", "0", stdin=PASSPHRASE).returncode != 0

        explained = gate.ask("explain", hold["id"])
        assert (explained["tool"], explained["outcome"]) == ("git_commit", "finished: ok")
        kinds = [event["kind"] for event in explained["events"]]
        assert kinds == ["decided", "asked", "voted", "decided", "finished"]
        listed = gate.command("events")
        assert "git_commit" in listed.stdout
        status = gate.ask("status")
        assert (status["open_holds"], status["doubts"]) == (0, [])
        assert gate.command("ledger", "verify").returncode == 0
        before = len(gate.events())

        export_is_verified_elsewhere(gate, tmp_path / "export", tmp_path)
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()

        gate.start()
        kept = gate.events()
        assert len(kept) >= before + 2
        assert [event["kind"] for event in kept].count("gate_started") == 2
        again = gate.command("call", "git", "git_log", json.dumps({"repo_path": repository}))
        assert again.returncode == 0, (again.stdout, again.stderr)
        assert "first words" in again.stdout
        assert gate.verify()["ok"]
        assert gate.stop() == 0


def export_is_verified_elsewhere(gate: Gate, folder: Path, place: Path) -> None:
    kept = place / "kept"
    assert gate.command("ledger", "checkpoint", "--out", str(kept)).returncode == 0
    done = gate.command("ledger", "export", str(folder))
    assert done.returncode == 0, done.stderr
    verified = _verifier(folder, "--checkpoint", str(kept))
    assert verified.returncode == 0, (verified.stdout, verified.stderr)
    events = folder / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"callgate", b"callgatf", 1)
    events.write_bytes(b"".join(lines))
    spoiled = _verifier(folder)
    assert spoiled.returncode == 1, (spoiled.stdout, spoiled.stderr)
    assert "3" in spoiled.stdout + spoiled.stderr


def _verifier(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    key = (folder / "verifier.key").read_text().strip()
    return subprocess.run(
        [sys.executable, "-I", str(folder / "verify_ledger.py"), str(folder), "--key", key, *more],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
        check=False,
    )


def log_of(repository: str) -> list[str]:
    found = subprocess.run(
        ["git", "-C", repository, "log", "--format=%s"], capture_output=True, text=True, timeout=30, check=True
    )
    return found.stdout.splitlines()


# What keeps a gate from starting.


def refused(gate: Gate) -> str:
    done = gate.command("serve")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def home(tmp_path):
    with gate_in(tmp_path, begin=False) as gate:
        yield gate


def test_a_port_in_use(home):
    with socket.create_server(("127.0.0.1", home.port)):
        assert str(home.port) in refused(home)


def test_a_second_gate_on_one_home(home):
    home.start()
    other = home.command("serve", "--port", str(free_port()))
    assert other.returncode == 2
    assert len(other.stderr.strip().splitlines()) == 1
    assert home.get("status")["events"] > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen = 7\n", "listen"),
        ("[listne]\nport = 1\n", "listen"),
        ("[listen]\nport = 70000\n", "port"),
        ("not toml", "TOML"),
        ('profile = "duo"\n', "profile"),
    ],
)
def test_a_broken_config(home, text, said):
    (home.home / "config.toml").write_text(text)
    line = refused(home)
    assert "config.toml" in line
    assert said in line


def test_an_unreadable_home(home):
    home.home.chmod(0o755)
    assert "chmod 700" in refused(home)
    home.home.chmod(0o700)
    (home.home / "keys").chmod(0o770)
    assert "chmod 700" in refused(home)
    (home.home / "keys").chmod(0o700)
    (home.home / "config.toml").unlink()
    assert "callgate init" in refused(home)


def test_no_home_at_all(tmp_path):
    gate = Gate(tmp_path)
    assert "callgate init" in refused(gate)


@pytest.mark.parametrize("name", ["ledger.db", "keys.db"])
def test_a_broken_database(home, name):
    (path,) = list((home.home / "data").rglob(name))
    path.write_bytes(b"not a database at all" * 1000)
    for extra in path.parent.glob(f"{name}-*"):
        extra.unlink()
    assert refused(home)


def test_a_missing_key(home):
    for path in sorted((home.home / "keys").rglob("*.key")):
        data = path.read_bytes()
        path.unlink()
        assert "backup" in refused(home)
        path.write_bytes(data)
        path.chmod(0o600)


def test_lost_keys_of_a_ledger_are_not_replaced(home):
    kept = home.home / "keys"
    shutil.move(kept / "tenants", home.home / "elsewhere")
    made = home.command("init")
    assert made.returncode == 2
    assert "backup" in made.stderr
    assert not (kept / "tenants" / "main").exists()
    shutil.move(home.home / "elsewhere", kept / "tenants")
    assert home.command("init").returncode == 0


def test_files_changed_on_disk_are_pending_and_never_live(home):
    (home.home / "policies" / "rules.toml").write_text("broken")
    home.start()
    status = home.get("status")
    assert status["pending_files"]
    assert home.stop() == 0


def test_a_second_init_keeps_everything(home):
    kept = [path for name in ("keys", "policies", "contracts") for path in home.home.glob(f"{name}/**/*")]
    before = {path: path.read_bytes() for path in (*kept, home.home / "config.toml") if path.is_file()}
    done = home.command("init", "--account", "somebody", "--passphrase-fd", "0", stdin="another passphrase")
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in before} == before
    home.start()
    assert [account["subject"] for account in home.get("accounts")["accounts"]] == ["ana"]
    assert home.stop() == 0


def test_ctrl_c_while_a_call_runs_lets_it_end(tmp_path):
    with effects_in(tmp_path) as effects, gate_in(tmp_path) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        token = gate.token()
        arguments = [{"repo_path": "/srv/app", "branch_name": f"slow-{number}"} for number in range(16)]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            calls = [pool.submit(gate.call, "git_create_branch", one, token=token) for one in arguments]
            while not effects.seen():
                time.sleep(0.005)
            assert gate.process is not None
            gate.process.send_signal(signal.SIGINT)
            assert gate.process.wait(40) == 0
            ended = [call.exception() or call.result().result for call in calls]
        gate.kill()
        gate.start()
        status = gate.get("status")
        assert status["doubts"] == []
        finished = [event["call"] for event in gate.events(kind="finished")]
        for answer in ended:
            if isinstance(answer, dict) and "io.callgate/call" in answer.get("_meta", {}):
                assert answer["_meta"]["io.callgate/call"] in finished
        assert len(effects.seen()) == len(finished)
        assert gate.verify()["ok"]
