"""What ``doctor`` says of the user the gate runs as, and of the disk."""

import pwd
import shutil

import pytest

from callgate.adapters.home.place import Home, prepare
from callgate.app import hygiene
from callgate.flow.readiness import LOW_BYTES


def person(shell):
    return pwd.struct_passwd(("gate", "x", 1000, 1000, "", "/", shell))


@pytest.mark.parametrize(
    ("uid", "peers", "shell", "state", "words"),
    [
        (0, (), "/bin/sh", "warn", "runs as root"),
        (1000, (), "/bin/bash", "warn", "assistants too, can read"),
        (1000, (1001,), "/usr/sbin/nologin", "ok", "user of its own"),
        (1000, (1001,), "/bin/bash", "warn", "can log in"),
        (1000, (1000, 1001), "/bin/bash", "fail", "one of the people"),
    ],
)
def test_the_user_of_the_gate(tmp_path, monkeypatch, uid, peers, shell, state, words):
    home = Home(tmp_path / "h")
    prepare(home)
    monkeypatch.setattr(hygiene.os, "geteuid", lambda: uid)
    monkeypatch.setattr(hygiene.pwd, "getpwuid", lambda _: person(shell))
    (found,) = [check for check in hygiene.hygiene(home, peers=peers) if check[0] == "user"]
    assert (found[1], words in found[2]) == (state, True), found
    assert bool(found[3]) is (state != "ok")


@pytest.mark.parametrize(
    ("free", "state"),
    [(0, "fail"), (LOW_BYTES - 1, "fail"), (LOW_BYTES, "warn"), ((1 << 30) - 1, "warn"), (1 << 30, "ok")],
)
def test_the_disk_of_the_ledger_is_judged_as_readyz_does(tmp_path, monkeypatch, free, state):
    home = Home(tmp_path / "h")
    prepare(home)
    usage = type(shutil.disk_usage("/"))(1 << 40, (1 << 40) - free, free)
    monkeypatch.setattr(hygiene.shutil, "disk_usage", lambda folder: {home.data: usage}[folder])
    (found,) = [check for check in hygiene.hygiene(home, peers=()) if check[0] == "disk"]
    assert (found[1], bool(found[3])) == (state, state != "ok"), found
