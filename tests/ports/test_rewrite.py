"""Replacing a client's file: whole or not at all, never through a link, never over somebody else's change."""

import os
import stat

import pytest

from callgate.adapters.inventory import rewrite
from callgate.adapters.inventory.rewrite import CannotRewrite, OnDisk, read_whole, remove, replace


def refused(code, act, *words):
    with pytest.raises(CannotRewrite) as caught:
        act(*words)
    assert caught.value.code == code


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_with_its_mode(tmp_path):
    file = tmp_path / "a.json"
    file.write_bytes(b"old")
    file.chmod(0o640)
    found = read_whole(str(tmp_path), "a.json")
    assert (found.data, found.mode) == (b"old", 0o640)
    replace(str(tmp_path), "a.json", b"old", found._replace(data=b"new"))
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert names(tmp_path) == ["a.json"]


def test_what_changed_meanwhile_stays(tmp_path):
    (tmp_path / "a").write_bytes(b"other")
    refused("changed", replace, str(tmp_path), "a", b"old", OnDisk(b"new"))
    refused("changed", replace, str(tmp_path), "a", None, OnDisk(b"new"))
    refused("changed", replace, str(tmp_path), "b", b"old", OnDisk(b"new"))
    refused("changed", remove, str(tmp_path), "a", b"old")
    assert (tmp_path / "a").read_bytes() == b"other"
    assert names(tmp_path) == ["a"]


def test_a_change_just_before_the_last_step_is_seen(tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"old")
    kept = os.fsync

    def meanwhile(handle):
        kept(handle)
        file.write_bytes(b"typed just now")

    monkeypatch.setattr(rewrite.os, "fsync", meanwhile)
    refused("changed", replace, str(tmp_path), "a", b"old", OnDisk(b"new"))
    monkeypatch.undo()
    assert file.read_bytes() == b"typed just now"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("where", ["a", "in/a", "in/deep/a"])
def test_links_are_not_followed(tmp_path, where):
    real = tmp_path / "real/deep"
    real.mkdir(parents=True)
    (real / "a").write_bytes(b"old")
    (real.parent / "a").write_bytes(b"old")
    if where == "a":
        (tmp_path / "a").symlink_to(real / "a")
    else:
        (tmp_path / "in").symlink_to(tmp_path / "real")
    refused("linked", read_whole, str(tmp_path), where)
    refused("linked", replace, str(tmp_path), where, b"old", OnDisk(b"new"))
    refused("linked", remove, str(tmp_path), where, b"old")
    assert (real / "a").read_bytes() == b"old"


def test_a_file_with_two_names_stays(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    refused("linked", read_whole, str(tmp_path), "a")


def test_read_only_large_and_other_kinds(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o444)
    refused("read_only", read_whole, str(tmp_path), "a")
    (tmp_path / "b").write_bytes(b"x" * (rewrite.MAX_BYTES + 1))
    refused("file_too_large", read_whole, str(tmp_path), "b")
    os.mkfifo(tmp_path / "c")
    refused("not_a_file", read_whole, str(tmp_path), "c")
    (tmp_path / "d").mkdir()
    refused("not_a_file", read_whole, str(tmp_path), "d")
    refused("linked", read_whole, str(tmp_path), "../d/a")


def test_a_new_file_and_its_folder(tmp_path):
    assert read_whole(str(tmp_path), "new/a").data is None
    replace(str(tmp_path), "new/a", None, OnDisk(b"x"))
    assert stat.S_IMODE((tmp_path / "new/a").stat().st_mode) == 0o600
    refused("not_writable", replace, str(tmp_path), "not/there/a", None, OnDisk(b"x"))
    remove(str(tmp_path), "new/a", b"x")
    assert names(tmp_path / "new") == []


def test_a_full_disk_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rewrite.os, "fsync", full)
    refused("not_writable", replace, str(tmp_path), "a", b"old", OnDisk(b"new"))
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]
