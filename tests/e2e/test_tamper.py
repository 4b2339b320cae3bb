"""Whatever is done to the database of a stopped gate is found, and the first bad event is named."""

import contextlib
import hashlib
import shutil
import sqlite3

import pytest

from tests.e2e.harness import Gate, gate_in

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A stopped gate with a ledger of some hundred events."""
    with gate_in(tmp_path_factory.mktemp("grown")) as gate:
        for number in range(8):
            gate.token("codex" if number % 2 else "claude-code")
        for number in range(290):
            gate.api.post("halts", body={"scope": "tenant", "reason": f"number {number}"})
        assert gate.verify()["ok"]
        gate.stop()
        yield gate


@pytest.fixture
def gate(grown, tmp_path):
    """A copy of it that a test may spoil."""
    copy = Gate(tmp_path)
    copy.port = grown.port
    shutil.copytree(grown.home, copy.home, symlinks=True)
    yield copy
    copy.kill()


@contextlib.contextmanager
def database(gate: Gate):
    """Open for writing; with the triggers that forbid it taken away."""
    (path,) = (gate.home / "data").rglob("ledger.db")
    link = sqlite3.connect(path)
    try:
        for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            link.execute(f"DROP TRIGGER {name}")
        yield link
        link.commit()
    finally:
        link.close()


def size_of(gate: Gate) -> int:
    with database(gate) as link:
        return link.execute("SELECT COUNT(*) FROM events").fetchone()[0]


def verified(gate: Gate, *more: str):
    """``ledger verify``, of the running gate or of the home of one that refuses to start."""
    try:
        gate.start()
    except AssertionError:
        done = gate.command("serve")
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1, done.stderr
        assert "callgate ledger verify" in done.stderr
    return gate.command("ledger", "verify", *more)


def test_triggers_keep_the_events_as_they_are(gate):
    (path,) = (gate.home / "data").rglob("ledger.db")
    link = sqlite3.connect(path)
    try:
        for statement in ("UPDATE events SET data = data", "DELETE FROM events WHERE leaf = 3"):
            with pytest.raises(sqlite3.Error):
                link.execute(statement)
    finally:
        link.close()


def test_an_untouched_copy_verifies(gate):
    done = verified(gate)
    assert done.returncode == 0, (done.stdout, done.stderr)


@pytest.mark.parametrize("leaf", [0, 7, 255, 256, 280])
def test_an_edited_event_is_named(gate, leaf):
    with database(gate) as link:
        (data,) = link.execute("SELECT data FROM events WHERE leaf = ?", (leaf,)).fetchone()
        edited = bytes(data).replace(b"2", b"3", 1)
        link.execute("UPDATE events SET data = ? WHERE leaf = ?", (edited, leaf))
    done = verified(gate)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert f"event {leaf} " in done.stdout, done.stdout


@pytest.mark.parametrize("leaf", [256, 280])
def test_an_edit_of_a_newest_event_and_of_its_hash_is_named_to_the_checkpoint(gate, leaf):
    """No tile covers it yet, so then only signed checkpoints tell from where on the events are others."""
    with database(gate) as link:
        (data,) = link.execute("SELECT data FROM events WHERE leaf = ?", (leaf,)).fetchone()
        edited = bytes(data).replace(b"2", b"3", 1)
        changed = (edited, hashlib.sha256(b"\0" + edited).digest(), leaf)
        link.execute("UPDATE events SET data = ?, hash = ? WHERE leaf = ?", changed)
        covered = [size for (size,) in link.execute("SELECT size FROM checkpoints ORDER BY size")]
    before = max(size for size in [0, *covered] if size <= leaf)
    done = verified(gate)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert f"from event {before} on" in done.stdout, done.stdout


@pytest.mark.parametrize("leaf", [0, 7, 255, 256])
def test_a_deleted_event_is_named(gate, leaf):
    with database(gate) as link:
        link.execute("DELETE FROM events WHERE leaf = ?", (leaf,))
    done = verified(gate)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert f"event {leaf} " in done.stdout, done.stdout


@pytest.mark.parametrize("first", [3, 255])
def test_swapped_events_are_named(gate, first):
    with database(gate) as link:
        link.execute("UPDATE events SET leaf = -1 WHERE leaf = ?", (first,))
        link.execute("UPDATE events SET leaf = ? WHERE leaf = ?", (first, first + 1))
        link.execute("UPDATE events SET leaf = ? WHERE leaf = -1", (first + 1,))
    done = verified(gate)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert f"event {first} " in done.stdout, done.stdout


def test_what_was_left_out_of_the_end_is_found(gate):
    """Events, tree and checkpoints cut together: told by the gate itself, or by a checkpoint kept elsewhere."""
    gate.start()
    kept = gate.folder / "kept"
    assert gate.command("ledger", "checkpoint", "--out", str(kept)).returncode == 0
    gate.stop()
    with database(gate) as link:
        last = link.execute("SELECT MAX(leaf) FROM events").fetchone()[0]
        link.execute("DELETE FROM events WHERE leaf > ?", (last - 3,))
    done = verified(gate, "--checkpoint", str(kept))
    assert done.returncode in (1, 2), (done.stdout, done.stderr)
    assert done.stdout + done.stderr


def test_a_restored_old_copy_is_found_with_a_checkpoint_kept_elsewhere(gate):
    old = gate.folder / "old"
    shutil.copytree(gate.home / "data", old)
    gate.start()
    gate.token()
    kept = gate.folder / "kept"
    assert gate.command("ledger", "checkpoint", "--out", str(kept)).returncode == 0
    gate.stop()
    shutil.rmtree(gate.home / "data")
    shutil.copytree(old, gate.home / "data")
    done = verified(gate)
    assert done.returncode == 0, "alone it is consistent, and says that this is all it says"
    assert "internal" in done.stdout
    found = gate.command("ledger", "verify", "--checkpoint", str(kept))
    assert found.returncode == 1, (found.stdout, found.stderr)
    # As many events again as there were: the sizes agree, the history does not.
    for _ in range(4):
        gate.token()
    found = gate.command("ledger", "verify", "--checkpoint", str(kept))
    assert found.returncode == 1, (found.stdout, found.stderr)


def test_another_gates_checkpoint_is_no_proof(gate):
    gate.start()
    kept = gate.folder / "kept"
    gate.command("ledger", "checkpoint", "--out", str(kept))
    text = kept.read_text()
    kept.write_text(text.replace("127.0.0.1", "127.0.0.2", 1))
    done = gate.command("ledger", "verify", "--checkpoint", str(kept))
    assert done.returncode != 0
    kept.write_text("nothing")
    assert gate.command("ledger", "verify", "--checkpoint", str(kept)).returncode != 0


def test_tiles_and_head_are_not_trusted_either(gate):
    with database(gate) as link:
        (hashes,) = link.execute("SELECT hashes FROM tiles WHERE level = 0 AND position = 0").fetchone()
        link.execute("UPDATE tiles SET hashes = ? WHERE level = 0 AND position = 0", (bytes(32) + hashes[32:],))
    done = verified(gate)
    assert done.returncode in (1, 2), (done.stdout, done.stderr)


def test_another_ledger_key_does_not_pass_for_the_old_one(gate):
    (key,) = (gate.home / "keys").rglob("ledger.key")
    key.write_bytes(bytes(range(32)))
    done = verified(gate)
    assert done.returncode in (1, 2), (done.stdout, done.stderr)
