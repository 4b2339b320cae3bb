"""A hostile stdio server finds none of the gate's secrets, and honest servers work under the same rules."""

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream import confine, confine_exec
from callgate.adapters.upstream.confine import plan
from callgate.adapters.upstream.pool import Pool
from callgate.model.errors import ConfigError
from callgate.model.tool import Integration
from tests.ports.test_upstream import MachineClock, call, fault_of, messages, text_of

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
needs_landlock = pytest.mark.skipif(not confine_exec.landlock_abi(), reason="this kernel has no Landlock")


def hunt(folder: Path, mode: str, python: str = sys.executable, **more) -> dict:
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{packages}", "GATE_TOKEN": "PLANTED-gate"}
    done = subprocess.run(
        [python, str(ROOT / "tests/e2e/hunted_gate.py"), str(folder), mode],
        env=environment,
        cwd=folder,
        capture_output=True,
        timeout=100,
        check=False,
        **more,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def got(report: dict) -> list[str]:
    return [name for name, what in report["found"].items() if what == "GOT"]


@needs_landlock
def test_a_hostile_server_finds_nothing(tmp_path):
    report = hunt(tmp_path, "confined")
    assert got(report) == [], report["found"]
    assert len(report["found"]) > 60
    assert report["kept"] == {"keys/ledger.key": "PLANTED-keys/ledger.key", "store.db": "PLANTED-store.db"}
    assert report["state"] == "ready"


@needs_landlock
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_hostile_server_of_a_plain_user_finds_nothing(tmp_path_factory):
    python = "/usr/bin/python3"
    try:
        subprocess.run([python, "-c", "import sys; assert sys.version_info[:2] == (3, 11)"], check=True, user=NOBODY)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no interpreter of this version for a plain user")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        folder.chmod(0o755)
        os.chown(folder, NOBODY, NOBODY)
        report = hunt(folder, "confined", python, user=NOBODY, group=NOBODY, extra_groups=[])
        assert got(report) == [], report["found"]
        assert len(report["found"]) > 60
    finally:
        shutil.rmtree(folder)


def test_the_same_server_unconfined_finds_a_lot_so_the_hunt_is_real(tmp_path):
    report = hunt(tmp_path, "unconfined")
    assert got(report) == list(report["found"])
    assert len(got(report)) == 7
    assert report["state"] == "unconfined"


def test_hidden_paths_cannot_be_granted(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    link = tmp_path / "link"
    link.symlink_to(home)
    for path in (home, tmp_path, home / "keys", link, Path("/")):
        for key in ("readable", "writable"):
            integration = Integration(name="a", actor="x", command=("true",), **{key: (str(path),)})
            with pytest.raises(ConfigError):
                plan(integration, resolve, folder=home / "servers", hidden=(home,))


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a\0b"])
def test_a_name_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(ConfigError):
        plan(Integration(name=name, actor="x", command=("true",)), resolve, folder=tmp_path)


def test_without_landlock_a_confined_server_does_not_start(tmp_path, monkeypatch):
    old_kernel = tmp_path / "launcher.py"
    old_kernel.write_text(Path(confine.LAUNCHER).read_text().replace("= 444, 445, 446", "= 4444, 445, 446"))
    monkeypatch.setattr(confine, "LAUNCHER", str(old_kernel))

    async def body():
        pool = Pool(resolve, MachineClock(), logging.getLogger(), folder=tmp_path / "servers")
        servers = ROOT / "tests/fakes/servers"
        command = (sys.executable, str(servers / "stdio_app.py"))
        shut = pool.of(Integration(name="a", actor="x", command=command, readable=(str(servers),)))
        assert (await fault_of(shut, call("pid"))).code == "not_sent"
        assert b"Landlock" in shut.stderr_tail
        open_ = pool.of(Integration(name="b", actor="x", command=command, confined=False))
        assert text_of((await messages(open_, call("pid")))[-1]).isdigit()
        assert open_.state == "unconfined"
        await pool.close()

    asyncio.run(body())


def git_server() -> str:
    configured = os.environ.get("CALLGATE_TEST_GIT_SERVER", "")
    made = ROOT / ".venv-git/bin/mcp-server-git"
    return configured or (str(made) if made.exists() else "")


@needs_landlock
@pytest.mark.skipif(not git_server(), reason="no mcp-server-git: set CALLGATE_TEST_GIT_SERVER or run make")
def test_the_real_git_server_works_confined(tmp_path):
    repository, other = tmp_path / "repository", tmp_path / "other"
    for path in (repository, other):
        subprocess.run(["git", "init", "-q", "-b", "main", str(path)], check=True)
        for key, value in (("user.name", "Ana"), ("user.email", "ana@example.com")):
            subprocess.run(["git", "-C", str(path), "config", key, value], check=True)
    (repository / "a.txt").write_text("a")

    async def body():
        pool = Pool(resolve, MachineClock(), logging.getLogger(), folder=tmp_path / "servers")
        git = pool.of(Integration(name="git", actor="local", command=(git_server(),), writable=(str(repository),)))
        found = await git.discover()
        assert len(found.tools) >= 10
        path = str(repository)
        for tool, arguments in (
            ("git_add", {"repo_path": path, "files": ["a.txt"]}),
            ("git_commit", {"repo_path": path, "message": "first"}),
            ("git_log", {"repo_path": path}),
        ):
            answer = (await messages(git, call(tool, arguments)))[-1]
            assert b'"isError":true' not in answer.result, answer.result
        assert b"first" in answer.result
        # A repository that was not given to it is out of sight.
        answer = (await messages(git, call("git_status", {"repo_path": str(other)})))[-1]
        assert b'"isError":true' in answer.result
        await pool.close()

    asyncio.run(body())
    log = subprocess.check_output(["git", "-C", str(repository), "log", "--format=%an %s"], text=True)
    assert log == "Ana first\n"


@needs_landlock
@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_a_node_server_starts_without_proc(tmp_path):
    script = tmp_path / "server.js"
    script.write_text(
        "require('readline').createInterface({input: process.stdin}).on('line', line => {"
        "const m = JSON.parse(line); if (m.id === undefined) return;"
        "const result = m.method === 'initialize'"
        " ? {protocolVersion: '2025-06-18', capabilities: {}, serverInfo: {name: 'n', version: '1'}} : {tools: []};"
        "process.stdout.write(JSON.stringify({result, jsonrpc: '2.0', id: m.id}) + '\\n')})"
    )

    async def body():
        pool = Pool(resolve, MachineClock(), logging.getLogger(), folder=tmp_path / "servers")
        found = await pool.of(
            Integration(name="node", actor="local", command=("node", str(script)), readable=(str(script),))
        ).discover()
        assert (found.name, found.eras) == ("n", ("2025-06-18",))
        await pool.close()

    asyncio.run(body())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_hardened_gate_is_closed_to_other_processes_of_its_user():
    source = ROOT / "src"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    look = """
import os, subprocess, sys
from callgate.adapters.upstream.confine import harden_self
if sys.argv[1] == "hardened":
    harden_self()
print(subprocess.run(["/bin/cat", f"/proc/{os.getpid()}/environ"], capture_output=True).stdout.count(b"PLANTED"))
"""
    found = {}
    for mode in ("plain", "hardened"):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", look, mode],
            env={"PYTHONPATH": f"{source}:{packages}", "TOKEN": "PLANTED"},
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
        if b"ModuleNotFoundError" in done.stderr or b"ImportError" in done.stderr:
            pytest.skip("no interpreter of this version for a plain user")
        found[mode] = done.stdout.strip()
    assert found == {"plain": b"1", "hardened": b"0"}
