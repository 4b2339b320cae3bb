"""Files of the home that the gate writes: whole or not at all, private, never through a link."""

import os
import stat

import pytest

from callgate.adapters.home.files import FolderFiles
from callgate.model.errors import ConfigError


def test_what_was_written_is_read_and_private(tmp_path):
    files = FolderFiles(tmp_path)
    assert files.folder("integrations") == {}
    files.write("integrations/notes.toml", b"a = 1\n")
    files.write("integrations/notes.toml", b"a = 2\n")
    files.write("integrations/other/deep.toml", b"")
    assert files.folder("integrations") == {"notes.toml": b"a = 2\n"}
    path = tmp_path / "integrations" / "notes.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir() if one.is_file()] == ["notes.toml"]
    files.remove("integrations/notes.toml")
    files.remove("integrations/notes.toml")
    assert files.folder("integrations") == {}


def test_a_link_is_neither_followed_nor_replaced(tmp_path):
    files, other = FolderFiles(tmp_path), tmp_path / "other"
    other.write_bytes(b"mine")
    (tmp_path / "integrations").mkdir()
    (tmp_path / "integrations" / "notes.toml").symlink_to(other)
    with pytest.raises(ConfigError, match="a link"):
        files.write("integrations/notes.toml", b"x")
    assert other.read_bytes() == b"mine"
    assert files.folder("integrations") == {}


def test_what_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    files = FolderFiles(tmp_path)
    files.write("contracts/a.toml", b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        files.write("contracts/a.toml", b"new")
    assert files.folder("contracts") == {"a.toml": b"old"}
    assert [one.name for one in (tmp_path / "contracts").iterdir()] == ["a.toml"]


def test_a_file_that_is_too_large_is_a_fault(tmp_path):
    files = FolderFiles(tmp_path)
    files.write("contracts/a.toml", bytes(1 << 20))
    assert len(files.folder("contracts")["a.toml"]) == 1 << 20
    files.write("contracts/a.toml", bytes((1 << 20) + 1))
    with pytest.raises(ConfigError, match="over 1 MiB"):
        files.folder("contracts")
