"""Key files: made whole, read only when nobody else can."""

import os
import pickle

import pytest

from callgate.adapters.identity.keyring import Keyring, read_key, write_key
from callgate.model.errors import ConfigError
from tests.fakes.identity import SeededEntropy

FILES = [
    "gate/issuer.key",
    "gate/session.key",
    *(f"tenants/main/{one}.key" for one in ("ledger", "correlation", "pseudonym", "kek")),
]


@pytest.fixture
def folder(tmp_path):
    Keyring.open(tmp_path / "keys", ["main"], SeededEntropy())
    return tmp_path / "keys"


def again(folder, *, tenants=("main",), create=True, seed="later"):
    return Keyring.open(folder, tenants, SeededEntropy(seed), create=create)


def problem(act):
    with pytest.raises(ConfigError) as caught:
        act()
    return str(caught.value)


def values(keyring, tenant="main"):
    keys = keyring.tenant(tenant)
    return [keyring.issuer, keyring.session, keys.ledger, keys.correlation, keys.pseudonym, keys.kek]


def test_new_keys_are_private_distinct_and_kept(tmp_path):
    before = os.umask(0)
    try:
        first = again(tmp_path / "keys", tenants=("main", "side"), seed="first")
    finally:
        os.umask(before)
    every = values(first) + values(first, "side")[2:]
    assert len(set(every)) == len(every)
    assert {len(one) for one in every} == {32}
    paths = list((tmp_path / "keys").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert not [path for path in paths if path.name.startswith(".")]
    second = again(tmp_path / "keys", tenants=("main", "side"))
    assert values(second) + values(second, "side")[2:] == every


def test_another_tenant_later_changes_nothing(folder):
    before = values(again(folder))
    both = again(folder, tenants=("main", "side"))
    assert values(both) == before
    assert not set(values(both)[2:]) & set(values(both, "side")[2:])
    with pytest.raises(KeyError):
        both.tenant("none")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("bits", [0o640, 0o604, 0o666, 0o610, 0o700 | 0o007])
def test_looser_modes_are_refused(folder, name, bits):
    (folder / name).chmod(bits)
    text = problem(lambda: again(folder))
    assert "chmod 600" in text
    assert name in text


@pytest.mark.parametrize("name", ["", "gate", "tenants", "tenants/main"])
def test_looser_folders_are_refused(folder, name):
    (folder / name).chmod(0o711)
    assert "chmod 700" in problem(lambda: again(folder))


@pytest.mark.parametrize("data", [b"", b"x" * 31, b"x" * 33, b"x" * 10_000])
def test_a_wrong_length_is_refused(folder, data):
    (folder / FILES[2]).write_bytes(data)
    assert "exactly 32" in problem(lambda: again(folder))


@pytest.mark.parametrize("name", FILES)
def test_a_lost_key_is_never_replaced(folder, name):
    (folder / name).unlink()
    assert "restore it from a backup" in problem(lambda: again(folder))
    assert not (folder / name).exists()


def test_links_are_not_followed(folder, tmp_path):
    path = folder / FILES[0]
    path.rename(tmp_path / "moved.key")
    path.symlink_to(tmp_path / "moved.key")
    assert "links are not followed" in problem(lambda: again(folder))
    path.unlink()
    os.link(tmp_path / "moved.key", path)
    assert "one name" in problem(lambda: again(folder))


def test_a_linked_folder_is_refused(folder, tmp_path):
    (folder / "gate").rename(tmp_path / "gate")
    (folder / "gate").symlink_to(tmp_path / "gate")
    assert "not a file or a link" in problem(lambda: again(folder))


def test_a_dangling_link_is_not_taken_for_nothing(folder, tmp_path):
    (folder / "tenants" / "side").symlink_to(tmp_path / "nowhere")
    assert "not a file or a link" in problem(lambda: again(folder, tenants=("main", "side")))
    assert not (tmp_path / "nowhere").exists()


def test_pipes_and_folders_are_no_keys(folder):
    path = folder / FILES[0]
    path.unlink()
    os.mkfifo(path, 0o600)
    assert "plain file" in problem(lambda: again(folder))
    path.unlink()
    path.mkdir(mode=0o700)
    assert "plain file" in problem(lambda: again(folder))


def test_another_owner_is_refused(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert "another user" in problem(lambda: again(folder))


def test_without_create_nothing_is_made(tmp_path, folder):
    assert "missing" in problem(lambda: again(tmp_path / "none", create=False))
    assert not (tmp_path / "none").exists()
    assert "missing" in problem(lambda: again(folder, tenants=("side",), create=False))
    assert values(again(folder, create=False))


def test_a_crash_while_making_leaves_all_or_nothing(tmp_path, monkeypatch):
    class Stopped(BaseException):
        pass

    real = os.fsync
    for stop_at in range(1, 12):
        folder = tmp_path / f"keys-{stop_at}"
        calls = []

        def fsync(descriptor, calls=calls, stop_at=stop_at):
            calls.append(descriptor)
            if len(calls) == stop_at:
                raise Stopped
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        stopped = False
        try:
            again(folder, seed="first")
        except Stopped:
            stopped = True
        monkeypatch.setattr(os, "fsync", real)
        assert stopped == (stop_at <= 10)
        there = [(folder / name).exists() for name in FILES]
        assert there[:2] in ([True, True], [False, False])
        assert there[2:] in ([True] * 4, [False] * 4)
        assert len(set(values(again(folder)))) == 6


def test_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in problem(lambda: again(tmp_path / "keys"))


def test_a_retired_issuer_key_is_read(folder):
    write_key(folder / "gate" / "issuer.previous.key", b"p" * 32)
    assert again(folder).issuer_previous == (b"p" * 32,)
    (folder / "gate" / "issuer.previous.key").chmod(0o644)
    assert "chmod 600" in problem(lambda: again(folder))


def test_a_key_is_never_overwritten(folder):
    with pytest.raises(FileExistsError):
        write_key(folder / FILES[0], b"x" * 32)
    assert read_key(folder / FILES[0]) != b"x" * 32


def test_nothing_shows_the_keys(folder):
    keyring = again(folder)
    for thing in (keyring, keyring.tenant("main")):
        assert not any(repr(one)[2:-1] in f"{thing!r} {thing}" or one.hex() in repr(thing) for one in values(keyring))
    assert "__dict__" not in dir(keyring)
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(keyring, 0)
