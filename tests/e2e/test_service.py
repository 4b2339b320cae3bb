"""The gate as a service: the unit is one that systemd takes, and under what it allows everything works for two users."""

import json
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from callgate.adapters.home.unit import ServicePlan, unit_text
from callgate.adapters.upstream import confine_exec
from callgate.app.notify import Notifier
from callgate.app.service import changeable
from callgate.model.errors import ConfigError
from tests.e2e.harness import CALLGATE, PASSPHRASE, ROOT, SERVERS, free_port

pytestmark = pytest.mark.e2e
GATE, ANA = 54_331, 54_332
PYTHON = "/usr/bin/python3"
HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
PLAN = ServicePlan(user="callgate", home="/var/lib/callgate/home", program=str(CALLGATE))
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def command(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **more)


@needs_systemd
@pytest.mark.parametrize(
    "plan",
    [PLAN, ServicePlan(user="gate", home="/srv/g/home", program=str(CALLGATE), writable=("/srv/work",), no_jit=True)],
)
def test_systemd_takes_the_unit_and_finds_it_hard(tmp_path, plan):
    unit = tmp_path / f"{plan.user}.service"
    unit.write_text(unit_text(plan))
    found = command("systemd-analyze", "verify", str(unit))
    assert (found.returncode, found.stderr) == (0, ""), found.stderr
    hard = command("systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", str(unit))
    assert hard.returncode == 0, hard.stdout[-300:]


def test_what_others_can_change_is_not_run_as_the_gate(tmp_path):
    mine, program = os.geteuid(), tmp_path / "bin" / "callgate"
    program.parent.mkdir(mode=0o755)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    link = tmp_path / "link"
    link.symlink_to(program)
    assert changeable(program, mine) is None
    assert changeable(link, mine) is None
    for path in (program, program.parent):
        mode = path.stat().st_mode
        for more in (0o020, 0o002):
            path.chmod(mode | more)
            assert changeable(program, mine) == path
            assert changeable(link, mine) == path
        path.chmod(mode)
    assert changeable(program, mine + 1) is not None or mine == 0
    if mine == 0:
        os.chown(program, 4242, -1)
        assert changeable(link, mine) == program


def test_print_needs_nothing(tmp_path):
    said = command(str(CALLGATE), "service", "install", "--print", "--path", "/home/ana/work", "--no-jit")
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert f"ExecStart={CALLGATE} serve --home /var/lib/callgate/home" in lines
    assert {"User=callgate", "Type=notify", "ReadWritePaths=/home/ana/work", "ProtectHome=read-only"} <= set(lines)
    assert {"MemoryDenyWriteExecute=yes", "LimitCORE=0", "KillMode=mixed", "NoNewPrivileges=yes"} <= set(lines)


@pytest.mark.parametrize("words", [("install", "--account", "ana"), ("uninstall",)])
def test_without_systemd_it_says_so(words):
    if Path("/run/systemd/system").is_dir():
        pytest.skip("systemd runs this machine")
    said = command(str(CALLGATE), "service", *words)
    assert said.returncode == 2
    assert "systemd does not run this machine" in said.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "root"},
        {"user": "-x"},
        {"home": "/var/lib/callgate"},
        {"home": "/home"},
        {"home": "/var/lib/callgate/home\nUser=root"},
        {"home": "/run/callgate/home"},
        {"home": "/var/lib/x/../y/home"},
        {"writable": ("/srv/a b",)},
        {"writable": ("/srv/%h",)},
        {"program": "callgate"},
    ],
)
def test_nothing_strange_reaches_a_unit(wrong):
    fields = {name: getattr(PLAN, name) for name in PLAN.__struct_fields__} | wrong
    with pytest.raises(ConfigError):
        unit_text(ServicePlan(**fields))


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_hears(tmp_path, abstract):
    address = f"@callgate-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{address[1:]}" if abstract else address)
        manager.settimeout(10)
        assert Notifier(address).say("READY=1", "STATUS=x")
        assert manager.recv(100) == b"READY=1\nSTATUS=x"
    assert not Notifier(address).say("READY=1")
    assert not Notifier("").say("READY=1")


# What the unit allows, without systemd.


@pytest.fixture(scope="module")
def machine():
    """A folder that all users reach, a Python of theirs, and the numbers of the unit's system calls."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as two users")
    if platform.machine() != "x86_64" or not HEADER.exists() or shutil.which("systemd-analyze") is None:
        pytest.skip("the unit's list of system calls cannot be read here")
    if not confine_exec.landlock_abi():
        pytest.skip("this kernel has no Landlock")
    if command(PYTHON, "-c", "import sys, venv; assert sys.version_info[:2] == (3, 11)").returncode != 0:
        pytest.skip("no interpreter of this version for all users")
    with tempfile.TemporaryDirectory(prefix="callgate-service-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "calls").write_text("\n".join(map(str, sorted(allowed()))))
        _program(folder)
        for user, own in ((GATE, "state"), (GATE, "run"), (ANA, "ana")):
            (folder / own).mkdir()
            os.chown(folder / own, user, user)
        shutil.copy(SERVERS / "stdio_app.py", folder / "server.py")
        shutil.copy(ROOT / "tests" / "fakes" / "unit_jail.py", folder / "jail.py")
        for file in ("server.py", "jail.py", "calls"):
            (folder / file).chmod(0o644)
        if jailed(folder, GATE, folder / "venv/bin/callgate", "--version").returncode != 0:
            pytest.skip("other users cannot read the packages")
        yield folder


def _program(folder):
    command(PYTHON, "-m", "venv", "--without-pip", str(folder / "venv"))
    packages = next(path for path in sys.path if path.endswith("site-packages") and (Path(path) / "msgspec").exists())
    place = folder / "venv/lib/python3.11/site-packages/callgate-test.pth"
    place.write_text(f"{packages}\n{ROOT / 'src'}\n")
    program = folder / "venv/bin/callgate"
    program.write_text(f"#!{folder}/venv/bin/python\nfrom callgate.cli.main import main\nmain()\n")
    for path in (program, *(folder / "venv").rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or path == program else 0o644))
    (folder / "venv").chmod(0o755)


def allowed():
    """Numbers of what SystemCallFilter= of the unit lists, groups resolved by this machine's systemd."""
    numbers = {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", HEADER.read_text())}
    numbers |= {"landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446}
    words = [
        word for line in re.findall(r"^SystemCallFilter=(.*)$", unit_text(PLAN), re.MULTILINE) for word in line.split()
    ]
    found, seen = set(), set()
    while words:
        word = words.pop()
        if word.startswith("@") and word not in seen:
            seen.add(word)
            lines = command("systemd-analyze", "syscall-filter", word).stdout.splitlines()[1:]
            words += [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        elif word in numbers:
            found.add(numbers[word])
    assert len(found) > 250
    return found


def jailed(folder, uid, *words, stdin="", **environment):
    return command(
        *(sys.executable, str(folder / "jail.py"), str(uid), str(folder / "calls"), *map(str, words)),
        input=stdin,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder / ("state" if uid == GATE else "ana")), **environment},
        cwd="/",
    )


def test_a_hostile_server_finds_nothing_under_the_unit(machine):
    place = machine / "hunt"
    place.mkdir()
    os.chown(place, GATE, GATE)
    packages = (machine / "venv/lib/python3.11/site-packages/callgate-test.pth").read_text().split()
    done = jailed(
        *(machine, GATE, PYTHON, ROOT / "tests/e2e/hunted_gate.py", place, "confined"),
        PYTHONPATH=":".join(packages),
        GATE_TOKEN="PLANTED-gate",
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert [name for name, what in report["found"].items() if what == "GOT"] == []
    assert report["state"] == "ready"


def test_two_users_and_the_service(machine):
    program, home, way = machine / "venv/bin/callgate", machine / "state/home", machine / "run/gate.sock"
    init = ("init", "--home", home, "--account", "ana", "--passphrase-fd", "0", "--peer", ANA, "--socket", way)
    made = jailed(machine, GATE, program, *init, stdin=f"{PASSPHRASE}\n")
    assert made.returncode == 0, made.stderr
    port = free_port()
    config = home / "config.toml"
    config.write_text(config.read_text().replace("port = 8700", f"port = {port}"))
    notes = machine / "run/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, (machine / "log").open("wb") as log:
        manager.bind(str(notes))
        notes.chmod(0o666)
        manager.settimeout(40)
        gate = subprocess.Popen(
            [sys.executable, machine / "jail.py", str(GATE), machine / "calls", program, "serve", "--home", home],
            env={"PATH": "/usr/bin:/bin", "HOME": str(machine / "state"), "NOTIFY_SOCKET": str(notes)},
            stdout=log,
            stderr=log,
            cwd="/",
        )
        try:
            assert manager.recv(100) == b"READY=1", (machine / "log").read_text()
            ana_works(machine, program, home, way)
            gate.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert gate.wait(40) == 0
        finally:
            if gate.poll() is None:
                gate.kill()
                gate.wait(20)


def ana_works(machine, program, home, way):
    here = {"CALLGATE_SOCKET": str(way)}
    acting = ("--account", "ana", "--passphrase-fd", "0")
    server = f"{machine}/venv/bin/python {machine}/server.py"
    add = ("add", "git", "--stdio", server, "--actor", "local", "--readable", machine / "server.py", "--yes")
    added = jailed(machine, ANA, program, *add, *acting, stdin=f"{PASSPHRASE}\n" * 3, **here)
    assert added.returncode == 0, added.stdout + added.stderr
    assert "unconfined" not in jailed(machine, ANA, program, "status", **here).stdout
    login = jailed(machine, ANA, program, "login", *acting, stdin=f"{PASSPHRASE}\n", **here)
    assert login.returncode == 0, login.stderr
    called = jailed(machine, ANA, program, "call", "git", "add", '{"a": 20, "b": 22}', **here)
    assert called.returncode == 3, called
    (hold,) = set(re.findall(r"hold-[0-9a-z]{26}", called.stdout))
    shown = json.loads(jailed(machine, ANA, program, "holds", "show", hold, "--json", **here).stdout)
    approve = ("holds", "approve", hold, "--digest", shown["digest"])
    approved = jailed(machine, ANA, program, *approve, *acting, stdin=f"{PASSPHRASE}\n", **here)
    assert approved.returncode == 0, approved.stderr
    waited = json.dumps({"approval_id": hold, "wait_seconds": 20})
    answer = jailed(machine, ANA, program, "call", "git", "callgate_await_approval", waited, **here)
    assert (answer.returncode, answer.stdout.split()[0]) == (0, "42"), answer
    checks = jailed(machine, ANA, program, "doctor", "--json", **here).stdout
    user = next(check for check in json.loads(checks)["checks"] if check["code"] == "user")
    assert user["state"] == "ok", user
    # The home is not hers, whatever she tries from her own user.
    assert jailed(machine, ANA, "/usr/bin/ls", home).returncode != 0
    assert jailed(machine, ANA, program, "status", "--home", home).returncode == 2
    refused = jailed(machine, ANA, program, "reload", **here)
    assert refused.returncode == 1 and "own operating-system user's" in refused.stderr
    stranger = jailed(machine, 54_333, program, "status", **here)
    assert stranger.returncode == 2 and "its own user and root only" in stranger.stderr
