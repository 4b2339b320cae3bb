"""A backup of a running gate, and a home made of it: all of it, or nothing and the reason."""

import concurrent.futures
import http.client
import importlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
from contextlib import contextmanager

import pytest

from callgate.app.restore import restore
from callgate.model.errors import InputError
from tests.e2e.harness import CALLGATE, Gate, effects_in, gate_in
from tests.waiting import until

pytestmark = pytest.mark.e2e
SECRET = "a passphrase of the backup"
HERE = {"repo_path": "/srv/app"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A gate with an account, a login, calls in every state, and a backup with keys of it; later killed."""
    folder = tmp_path_factory.mktemp("world")
    with effects_in(folder) as effects, gate_in(folder) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        gate.effects = effects
        gate.kept = gate.token()
        gate.revoked = gate.act("tokens", act={"runtime": "codex"})
        yield gate


def load(gate, stop, made):
    number = 0
    while not stop.is_set():
        number += 1
        try:
            made.append(gate.call("git_create_branch", {**HERE, "branch_name": f"b-{number}"}, token=gate.kept).result)
        except (OSError, http.client.HTTPException):
            return


def put_back(gate, file, home, *more, passphrase=SECRET):
    return gate.command("restore", str(file), "--home", str(home), "--passphrase-fd", "0", *more, stdin=passphrase)


def checkpoint(text):
    return text.split("Checkpoint:\n")[1]


def test_a_gate_under_load_comes_back_whole(world, tmp_path):
    gate, file, home = world, tmp_path / "backup", tmp_path / "h2"
    held = gate.call("git_commit", {**HERE, "message": "waits"}, token=gate.kept).facts["approval_id"]
    doubted = threading.Thread(target=unanswered, args=(gate,))
    doubted.start()
    until(lambda: any(one.get("branch") == "never-1" for one in gate.effects.seen()))
    stop, made = threading.Event(), []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        flights = [pool.submit(load, gate, stop, made) for _ in range(4)]
        until(lambda: len(made) >= 50)
        before = gate.get("status")["events"]
        done = gate.command("backup", str(file), "--with-keys", "--passphrase-fd", "0", stdin=SECRET)
        assert done.returncode == 0, done.stderr
        at = len(made)
        until(lambda: len(made) >= at + 20)
        stop.set()
        for flight in flights:
            flight.result()
    assert file.stat().st_mode & 0o777 == 0o600 and not list(tmp_path.glob(".*"))
    gate.api.post("tokens", "revoke", body={"credential": gate.revoked["credential"]})
    newer = gate.get("ledger", "checkpoint")
    gate.kill()
    doubted.join(20)

    said = put_back(gate, file, home)
    assert said.returncode == 0, said.stderr
    size = int(said.stdout.split("Tenant main: ")[1].split(" ")[0])
    assert before <= size < newer["size"]
    assert checkpoint(said.stdout) == checkpoint(done.stdout)

    with running(gate, home, tmp_path) as again:
        comes_back(again, gate, held, size, checkpoint(done.stdout), newer)


@contextmanager
def running(gate, home, folder):
    """The restored home, on the address of the first gate, which stops meanwhile."""
    gate.kill()
    again = Gate(folder)
    again.home, again.port = home, gate.port
    again.environment["CALLGATE_HOME"] = str(home)
    again.start()
    try:
        yield again
    finally:
        again.kill()
        gate.start()


def unanswered(gate):
    try:
        gate.call("git_create_branch", {**HERE, "branch_name": "never-1"}, token=gate.kept)
    except (OSError, http.client.HTTPException):
        return


def comes_back(again, gate, held, size, note, newer):
    assert again.verify()["ok"] and again.verify(note)["ok"]
    assert not again.verify(newer["note"])["ok"]  # whoever kept a newer checkpoint sees that this is an older copy
    events = again.events()
    (restored,) = [one for one in events if one["kind"] == "restored"]
    assert restored["index"] == size and restored["event"]["data"]["body"]["size"] == size
    assert [doubt["call"] for doubt in again.get("status")["doubts"]]
    decided = {one["call"] for one in events[:size] if one["kind"] == "decided"}
    for call in decided:
        assert again.get("explain", call)["findings"], "its key is not there"
    assert again.call("git_status", HERE, token=gate.kept).result["content"]
    assert again.token()
    shown = again.get("holds", held)
    assert [one["value"] for one in shown["arguments"] if one["path"] == "message"] == ['"waits"']
    again.approve(held)
    assert "committed" in again.await_approval(held, token=gate.kept).text
    assert again.call("git_status", HERE, token=gate.revoked["token"]).status == 200  # as the page of backups says


def test_logins_can_be_ended(world, tmp_path):
    gate, file, home = world, tmp_path / "backup", tmp_path / "h2"
    assert gate.command("backup", str(file), "--with-keys", "--passphrase-fd", "0", stdin=SECRET).returncode == 0
    assert put_back(gate, file, home, "--end-logins").returncode == 0
    with running(gate, home, tmp_path) as again:
        assert again.call("git_status", HERE, token=gate.kept).status == 401
        assert again.call("git_status", HERE, token=again.token()).status == 200


def test_without_keys_a_restore_needs_the_very_keys(world, tmp_path):
    gate, file, home = world, tmp_path / "backup", tmp_path / "h2"
    keys = gate.home / "keys"
    assert gate.command("backup", str(file)).returncode == 0
    data = file.read_bytes()
    for path in keys.rglob("*.key"):
        assert path.read_bytes() not in data, path
    assert "no keys in it" in put_back(gate, file, home).stderr
    other = tmp_path / "other"
    shutil.copytree(keys, other)
    (other / "tenants" / "main" / "kek.key").write_bytes(os.urandom(32))
    said = put_back(gate, file, home, "--keys", str(other))
    assert said.returncode == 2 and "tenants/main/kek.key" in said.stderr and not home.exists()
    assert put_back(gate, file, home, "--keys", str(keys)).returncode == 0
    assert {path.name for path in home.rglob("*.key")} == {path.name for path in keys.rglob("*.key")}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (home, *home.rglob("*")))


def test_what_stands_in_the_way_is_said(world, tmp_path):
    gate, file = world, tmp_path / "backup"
    assert gate.command("backup", str(file)).returncode == 0
    again = gate.command("backup", str(file))
    assert again.returncode == 2 and "--force" in again.stderr
    assert gate.command("backup", str(file), "--force").returncode == 0
    inside = gate.command("backup", str(gate.home / "b"))
    assert inside.returncode == 2 and "outside the home" in inside.stderr
    keys = ("--keys", str(gate.home / "keys"))
    used = put_back(gate, file, gate.home, *keys)
    assert used.returncode == 2 and "another gate already runs" in used.stderr
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").touch()
    said = put_back(gate, file, full, *keys)
    assert said.returncode == 2 and "not empty" in said.stderr and [one.name for one in full.iterdir()] == ["x"]
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    assert put_back(gate, file, empty, *keys).returncode == 0
    assert not list(tmp_path.glob(".*"))


def test_what_somebody_else_has_put_in_its_place_is_left_as_it_is(world, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".backup.part").hardlink_to(victim)
    refused = world.command("backup", str(tmp_path / "backup"))
    assert refused.returncode == 2 and ".backup.part" in refused.stderr
    assert victim.read_text() == "precious"
    assert not (tmp_path / "backup").exists()


def test_a_wrong_passphrase_and_a_cut_file(world, tmp_path):
    gate, file, home = world, tmp_path / "backup", tmp_path / "h2"
    assert gate.command("backup", str(file), "--with-keys", "--passphrase-fd", "0", stdin=SECRET).returncode == 0
    assert "The passphrase is wrong" in put_back(gate, file, home, passphrase="another passphrase").stderr
    data = file.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(data[: len(data) // 2])
    said = put_back(gate, cut, home)
    assert said.returncode == 2 and "cut off" in said.stderr and len(said.stderr.splitlines()) == 1
    assert not home.exists() and not list(tmp_path.glob(".*"))


def test_a_full_disk_leaves_the_former_backup(world, tmp_path):
    gate, file = world, tmp_path / "backup"
    assert gate.command("backup", str(file)).returncode == 0
    former = file.read_bytes()
    for limit in (40_000, len(former) - 100):
        done = limited(gate, limit, "backup", str(file), "--force")
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, (limit, done.stderr)
        assert "cannot be written" in done.stderr
        assert file.read_bytes() == former and not list(tmp_path.glob(".*"))
    done = limited(
        gate, 40_000, "restore", str(file), "--home", str(tmp_path / "h2"), "--keys", str(gate.home / "keys")
    )
    assert done.returncode == 2 and not (tmp_path / "h2").exists() and not list(tmp_path.glob(".*"))
    assert gate.call("git_status", HERE, token=gate.kept).status == 200


def limited(gate, size, *words):
    return subprocess.run(
        [str(CALLGATE), *words],
        env=gate.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_killed_backup_leaves_nothing_that_counts(world, tmp_path):
    gate, file = world, tmp_path / "backup"
    part = tmp_path / ".backup.part"
    process = subprocess.Popen([str(CALLGATE), "backup", str(file)], env=gate.environment, stdout=subprocess.DEVNULL)
    until(lambda: part.exists() or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert all(left.stat().st_size == 0 for left in tmp_path.glob(".*.copy"))
    assert gate.call("git_status", HERE, token=gate.kept).status == 200
    assert gate.command("backup", str(file), "--force").returncode == 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup"]


def test_what_was_approved_is_not_run_a_second_time(world, tmp_path):
    gate, file = world, tmp_path / "backup"
    gate.call("git_commit", {**HERE, "message": "approved"}, token=gate.kept)
    gate.stop()
    with sqlite3.connect(gate.home / "data" / "main" / "ledger.db") as ledger:
        changed = "UPDATE rows SET state = 'approved', body = CAST(json_set(body, '$.state', 'approved') AS BLOB)"
        assert ledger.execute(f"{changed} WHERE kind = 'hold' AND state = 'open'").rowcount >= 1
    ledger.close()
    try:
        found = gate.ask("backup", str(file))
        assert found["logs"][0]["note"]
        assert found["with_keys"] is False
        said = put_back(gate, file, tmp_path / "h2", "--keys", str(gate.home / "keys"))
        assert said.returncode == 0, said.stderr
        assert "Approved calls that may have run since, and were ended: " in said.stdout
    finally:
        gate.start()
    with running(gate, tmp_path / "h2", tmp_path) as again:
        ended = [one["event"]["data"]["body"] for one in again.events(kind="hold_ended")]
        assert {(one["state"], one["reason"]) for one in ended[-1:]} == {("void", "restored")}
        assert not [one for one in again.get("holds")["holds"] if one["state"] == "approved"]


def test_a_killed_restore_leaves_no_home_and_nothing_after_the_next(world, tmp_path):
    gate, file, home = world, tmp_path / "backup", tmp_path / "h2"
    assert gate.command("backup", str(file)).returncode == 0
    words = ["restore", str(file), "--home", str(home), "--keys", str(gate.home / "keys")]
    process = subprocess.Popen([str(CALLGATE), *words], env=gate.environment, stdout=subprocess.DEVNULL)
    draft = tmp_path / ".h2.restore"
    until(lambda: (draft / "data" / "main").exists() or process.poll() is not None)
    process.send_signal(signal.SIGSTOP)
    second = gate.command(*words)
    assert second.returncode == 2
    assert "Another restore makes this home" in second.stderr
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert not home.exists()
    assert gate.command(*words).returncode == 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["backup", "h2"]


PLANTED = "xoxb-planted-value-of-a-secret"


def private(folder, name):
    """A file as adopting leaves it."""
    path = folder / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(PLANTED)
    path.chmod(0o600)
    return path


@pytest.fixture
def secrets(world):
    """In the home while a test runs."""
    files = [private(world.home, "secrets/tracker/header-x-key"), private(world.home, "adopted/20260101-000000-1/0")]
    for path in files:
        path.parent.chmod(0o700)
    yield files
    shutil.rmtree(world.home / "secrets")
    shutil.rmtree(world.home / "adopted")


def test_secrets_are_in_an_encrypted_backup_and_come_back_for_their_owner_alone(world, secrets, tmp_path):
    gate, file, home = world, tmp_path / "backup", tmp_path / "h2"
    done = gate.command("backup", str(file), "--with-keys", "--passphrase-fd", "0", stdin=SECRET)
    assert done.returncode == 0, done.stderr
    assert "Not in it" not in done.stdout
    assert PLANTED.encode() not in file.read_bytes()
    said = put_back(gate, file, home)
    assert said.returncode == 0, said.stderr
    for path in secrets:
        back = home / path.relative_to(gate.home)
        assert back.read_text() == PLANTED
        assert back.stat().st_mode & 0o777 == 0o600
        assert {one.stat().st_mode & 0o777 for one in (back.parent, back.parent.parent)} == {0o700}


def test_secrets_are_never_in_a_backup_that_is_not_encrypted(world, secrets, tmp_path):
    gate, file, home = world, tmp_path / "backup", tmp_path / "h2"
    done = gate.command("backup", str(file))
    assert done.returncode == 0, done.stderr
    assert "Not in it, as it is not encrypted: secrets, adopted." in done.stdout
    assert PLANTED.encode() not in file.read_bytes()
    assert put_back(gate, file, home, "--keys", str(gate.home / "keys")).returncode == 0
    assert not (home / "secrets").exists() and not (home / "adopted").exists()


def test_a_backup_in_clear_with_secrets_in_it_is_refused(world, secrets, tmp_path, monkeypatch):
    backup_module = importlib.import_module("callgate.app.backup")  # the package has a function of that name
    monkeypatch.setattr(backup_module, "TREES", (*backup_module.TREES, "secrets"))
    file, home = tmp_path / "backup", tmp_path / "h2"
    backup_module.backup(world.home, file, passphrase=None, force=False, progress=lambda _, __: None)
    with pytest.raises(InputError, match="holds secrets and is not encrypted"):
        restore(
            file,
            home,
            passphrase=str,
            keys=world.home / "keys",
            end_logins=False,
            progress=lambda _, __: None,
        )
    assert not home.exists()


def test_a_folder_of_secrets_that_is_a_link_is_named_and_not_followed(world, tmp_path):
    gate, file = world, tmp_path / "backup"
    private(tmp_path, "elsewhere/key")
    (gate.home / "secrets").symlink_to(tmp_path / "elsewhere")
    try:
        done = gate.command("backup", str(file), "--with-keys", "--passphrase-fd", "0", stdin=SECRET)
    finally:
        (gate.home / "secrets").unlink()
    assert done.returncode == 0, done.stderr
    assert "Left out, as it is no plain file: secrets" in done.stdout
