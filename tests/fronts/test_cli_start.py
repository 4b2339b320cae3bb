"""Help, start-up and the commands that run the gate itself."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from callgate.cli import main as entry
from callgate.cli.index import SECTIONS, app
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.quick import options
from callgate.cli.quick import run as quick
from callgate.cli.token_store import KeptToken, keep, kept
from callgate.flow.views.home import InitReport
from callgate.model.errors import ConfigError
from tests.fronts.cli_help import run, typed

ROOT = Path(__file__).parent.parent.parent
NAMES = [name for _, rows in SECTIONS for name, _, _ in rows]


def _tree() -> list[tuple[str, ...]]:
    index: Any = typer.main.get_command(app)
    found: list[tuple[str, ...]] = []
    for name in NAMES:
        found.append((name,))
        found += [(name, child) for child in getattr(index.get_command(None, name), "commands", ())]
    return found


@pytest.mark.parametrize("words", _tree(), ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    for option in ("--help", "-h"):
        result = run(*words, option)
        assert result.exit_code == 0
        assert result.stdout.startswith("Usage: ")
        assert " ".join(words) in result.stdout


def test_the_issues_commands_are_there() -> None:
    tree = {" ".join(words) for words in _tree()}
    wanted = (
        "init serve add tools login token call events explain halt resume status doctor accounts "
        "contract:check,add,list,show,consent task:open,close,list,show holds:list,show,approve,deny "
        "ledger:verify,checkpoint,proof,export policy:status,test,propose,approve integrations:list,remove,refresh"
    )
    for item in wanted.split():
        name, _, children = item.partition(":")
        assert name in tree
        assert {f"{name} {child}" for child in children.split(",") if child} <= tree


def test_the_index_says_what_the_commands_say() -> None:
    index: Any = typer.main.get_command(app)
    for _, rows in SECTIONS:
        for name, _, summary in rows:
            assert index.get_command(None, name).help.startswith(summary), name


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, "tools/generate_cli.py", "--check"], check=False, cwd=ROOT, timeout=60)
    assert done.returncode == 0, "run python tools/generate_cli.py"


def test_a_typo_is_usage(capsys: pytest.CaptureFixture[str]) -> None:
    result = run("hold", "list")
    assert result.exit_code == 2
    assert "'holds'" in result.stderr
    assert run("holds", "list", "--jsno").exit_code == 2
    assert run().exit_code == 2


def test_version() -> None:
    assert run("--version").stdout.startswith("callgate 0.")


def loaded(*words: str, env: dict[str, str]) -> set[str]:
    """Names of the modules a command has loaded when it ends."""
    program = (
        "import sys; sys.argv[0] = 'callgate'\n"
        "from callgate.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('\\n' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"pydantic", "rich", "starlette", "uvicorn", "aiohttp", "cedarpy", "cryptography", "http.client"}


def test_start_up_is_lean(tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path), "CALLGATE_HOME": str(tmp_path)}
    assert not loaded("--help", env=env) & HEAVY
    assert not loaded("token", "--runtime", "codex", "--headers", env=env) & (HEAVY | {"typer"})
    shown = loaded("status", env=env)
    assert "rich" in shown
    assert not shown & {"starlette", "uvicorn", "aiohttp", "cedarpy", "cryptography"}


def test_serving_loads_no_screens(tmp_path: Path) -> None:
    package = tmp_path / "stub"
    package.mkdir()
    (package / "sitecustomize.py").write_text(
        "import sys, types\n"
        "stub = types.ModuleType('callgate.app')\n"
        "stub.serve = lambda home, host, port: print(home, host, port) or 7\n"
        "sys.modules['callgate.app'] = stub\n"
    )
    env = {"PYTHONPATH": str(package), "CALLGATE_HOME": str(tmp_path)}
    assert not loaded("serve", "--port", "0", env=env) & (HEAVY | {"typer"})


@pytest.fixture
def machinery(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    asked: list[tuple[object, ...]] = []
    stub = ModuleType("callgate.app")

    def serve(home: Path, *, host: str | None, port: int | None) -> int:
        asked.append(("serve", home, host, port))
        if port == 13:
            raise ConfigError("The port is taken.", file="config.toml", key="listen.port", hint="Choose another.")
        return 0

    def init(
        home: Path, *, account: str, passphrase: str | None, profile: str, git_server: str, **more: Any
    ) -> InitReport:
        assert more == {"peers": (), "socket": ""}
        asked.append(("init", home, account, passphrase, profile, git_server))
        made = () if passphrase is None else ("Made it.",)
        return InitReport(
            home=str(home), account=account, profile=profile, endpoint="http://127.0.0.1:8700/mcp", made=made,
            next=("Start it: callgate serve",),
        )  # fmt: skip

    stub.serve = serve  # type: ignore[attr-defined]
    stub.init = init  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "callgate.app", stub)
    monkeypatch.setenv("XDG_DATA_HOME", "/nowhere")
    monkeypatch.delenv("CALLGATE_HOME", raising=False)
    return asked


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["callgate", *words])
    with pytest.raises(SystemExit) as end:
        entry.main()
    return int(end.value.code or 0)


def test_serve_quick_and_slow_are_one(machinery: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(monkeypatch, "serve", "--home", "/h", "--port=1", "--host", "::1") == 0
    assert command(monkeypatch, "--home", "/h", "serve", "--port", "1", "--host", "::1") == 0
    assert command(monkeypatch, "serve") == 0
    assert machinery == [("serve", Path("/h"), "::1", 1)] * 2 + [("serve", Path("/nowhere/callgate"), None, None)]


@pytest.mark.parametrize("words", [("serve", "--port", "13"), ("--home", "/h", "serve", "--port", "13")])
def test_a_config_fault_is_one_line(
    machinery: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert command(monkeypatch, *words) == 2
    assert capsys.readouterr().err == "callgate: config.toml: listen.port: The port is taken. Choose another.\n"


@pytest.mark.parametrize("words", [("--port", "x"), ("--port", "70000"), ("--port", "-1"), ("--port",), ("now",)])
def test_serve_badly(machinery: list[Any], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    assert command(monkeypatch, "serve", *words) == 2
    assert machinery == []


def test_init(machinery: list[Any], tmp_path: Path) -> None:
    with typed("a long passphrase") as fd:
        result = run("init", "--home", tmp_path, "--account", "ana", "--profile", "team", "--passphrase-fd", fd)
    start = f"Start it: callgate serve --home {tmp_path}\n"
    assert (result.exit_code, result.stdout) == (0, f"Made it.\n{start}")
    (tmp_path / "config.toml").touch()
    result = run("init", "--home", tmp_path, "--account", "ana", "--git-server", "mcp-server-git")
    assert (result.exit_code, result.stdout) == (0, f"Everything is there already in {tmp_path}.\n{start}")
    assert run("init", "--home", tmp_path, "--account", "ana", "--if-missing").stdout == ""
    assert machinery[:2] == [
        ("init", tmp_path, "ana", "a long passphrase", "team", ""),
        ("init", tmp_path, "ana", None, "solo", "mcp-server-git"),
    ]


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ([], {}),
        (["--a", "1"], {"--a": "1"}),
        (["--a=1", "--f"], {"--a": "1", "--f": ""}),
        (["--a="], {"--a": ""}),
        (["--a"], None),
        (["--a", "--f"], None),
        (["--a", "1", "--a", "2"], None),
        (["--f=1"], None),
        (["--b", "1"], None),
        (["1"], None),
        (["--help"], None),
    ],
)
def test_the_quick_form(argv: list[str], found: dict[str, str] | None) -> None:
    assert options(argv, frozenset({"--a"}), frozenset({"--f"})) == found


def test_quick_leaves_the_rest_alone() -> None:
    assert quick([]) is None
    assert quick(["status"]) is None
    assert quick(["token", "--help"]) is None


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "callgate" / "tokens"


def _token(**changes: Any) -> KeptToken:
    fields: dict[str, Any] = {
        "runtime": "codex",
        "account": "ana",
        "token": "a.b.c",
        "credential": "c",
        "expires_ms": 4_000_000_000_000,
        "endpoint": "http://127.0.0.1:8700/mcp",
        "home": "/h",
    }
    return KeptToken(**{**fields, **changes})


def test_token_quick_and_slow_are_one(
    tokens: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(_token())
    for words in (["token", "--runtime", "codex"], ["token", "--runtime=codex", "--headers"]):
        assert command(monkeypatch, *words) == 0
        answer = capsys.readouterr()
        assert (answer.out, answer.err) == (run(*words).stdout, "")
    assert answer.out == '{"Authorization": "Bearer a.b.c"}\n'


def test_a_token_that_cannot_be_used(
    tokens: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends_badly() -> str:
        assert command(monkeypatch, "token", "--runtime", "codex") == 1
        answer = capsys.readouterr()
        assert answer.out == ""
        assert "callgate login --runtime codex" in answer.err
        return answer.err

    assert "no token" in ends_badly()
    keep(_token(expires_ms=int(time.time() * 1000) - 1))
    assert "over" in ends_badly()
    path = tokens / "codex.json"
    for text in ("", "{", "[]", "{}", '{"token": 1}', "null", json.dumps({**_token()._asdict(), "expires_ms": "x"})):
        path.write_text(text)
        assert "no token" in ends_badly()
    keep(_token())
    path.chmod(0o640)
    assert "Other users" in ends_badly()
    path.unlink()
    path.mkdir()
    assert "cannot be read" in ends_badly()


def test_keeping_replaces(tokens: Path) -> None:
    keep(_token())
    keep(_token(token="d.e.f"))
    assert kept("codex").token == "d.e.f"
    assert [path.name for path in tokens.iterdir()] == ["codex.json"]
    assert "d.e.f" not in repr(kept("codex"))


def test_keeping_where_it_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "callgate").write_text("in the way")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with pytest.raises(CommandError) as fault:
        keep(_token())
    assert fault.value.exit_code is Exit.USAGE
