"""What ``doctor`` says of the user the gate runs as."""

import pwd

import pytest

from callgate.adapters.home.place import Home, prepare
from callgate.app import hygiene


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
