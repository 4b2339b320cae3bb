"""One gate per home."""

import os
import subprocess
import sys

import pytest

from callgate.adapters.store.lock import HomeLock
from callgate.model.errors import ConfigError

HOLD = """
import sys
from pathlib import Path
from callgate.adapters.store.lock import HomeLock
HomeLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_gate_is_told_who_holds_the_home(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"pid {holder.pid}") as caught:
            HomeLock(path).acquire()
        assert caught.value.file == str(path)
        holder.kill()
        holder.wait(10)
        with HomeLock(path):
            assert path.read_text() == f"{os.getpid()}\n"
            assert path.stat().st_mode & 0o777 == 0o600
    finally:
        holder.kill()
        holder.communicate()


def test_it_is_released_and_taken_again(tmp_path):
    path = tmp_path / "lock"
    first, second = HomeLock(path), HomeLock(path)
    first.acquire()
    first.acquire()
    with pytest.raises(ConfigError, match=f"pid {os.getpid()}"):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_child_does_not_keep_it(tmp_path):
    path = tmp_path / "lock"
    lock = HomeLock(path)
    lock.acquire()
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, close_fds=False
    )
    try:
        lock.release()
        with HomeLock(path):
            pass
    finally:
        child.communicate()


def test_a_place_that_cannot_be_locked_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be locked"):
        HomeLock(tmp_path / "no" / "lock").acquire()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="cannot be locked"):
        HomeLock(tmp_path / "link").acquire()
