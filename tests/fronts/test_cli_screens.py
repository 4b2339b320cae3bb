"""What stands on a terminal: nothing from elsewhere can draw on it, and it reads at 80 columns without colour."""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.cli import screens
from callgate.cli.text import safe, safe_json, safe_lines
from callgate.flow.admin import Ballot
from callgate.flow.views.holds import ArgumentView
from tests.fakes.admin import PASSPHRASE, FakeAdmin
from tests.fakes.local_gate import local_gate
from tests.fakes.shown import DETAIL, DIGEST, HOLD, NOW
from tests.fronts.cli_help import run

CALLGATE = Path(sys.executable).parent / "callgate"
TRICKS = "a\x1b[2Jb\x9b31mc\rd\be\u202ef\u2066g\u200bh\u2028i\ufeffj\x00k\x7fl\nm"


def test_tricks_are_shown() -> None:
    text = safe(TRICKS)
    assert text == (
        "a\\u001b[2Jb\\u009b31mc\\u000dd\\u0008e\\u202ef\\u2066g\\u200bh\\u2028i\\ufeffj\\u0000k\\u007fl\\u000am"
    )
    assert safe_lines("a\n\x1bb") == "a\n\\u001bb"
    assert safe("half \ud800") == "half \\ud800"
    assert safe("\U000e0041") == "\\udb40\\udc41"
    assert safe("Zoë 日本 [red]x[/red] 👍") == "Zoë 日本 [red]x[/red] 👍"


@given(st.text())
def test_safe_text_has_no_control(text: str) -> None:
    import unicodedata

    shown = safe(text)
    assert all(unicodedata.category(character) not in {"Cc", "Zl", "Zp"} for character in shown)
    assert not any(unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF"} for character in shown)
    assert safe(shown) == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_safe_json_is_the_same_value(value: object) -> None:
    try:
        raw = msgspec.json.encode(value)
    except UnicodeEncodeError:
        return
    shown = safe_json(msgspec.json.format(raw, indent=2).decode())
    assert json.loads(shown) == value
    assert not any("\x7f" <= character <= "\x9f" or character == "\u202e" for character in shown)


def _tricky() -> FakeAdmin:
    admin = FakeAdmin()
    hold = msgspec.structs.replace(HOLD, sentence=f"Commit {TRICKS}", why=(TRICKS,), asked_by=TRICKS)
    detail = msgspec.structs.replace(
        DETAIL,
        hold=hold,
        undo=TRICKS,
        arguments=(
            ArgumentView(path=TRICKS, value=TRICKS),
            ArgumentView(path="markup", value="[bold]x[/bold] :smile:"),
        ),
        targets=(TRICKS,),
        actor=TRICKS,
        task_title=TRICKS,
    )

    async def show(_: str, __: str) -> object:
        return detail

    admin.hold = show  # type: ignore[assignment,method-assign]
    admin.hold_list = (hold,)
    return admin


def test_a_call_cannot_draw_on_the_approvers_screen(tmp_path: Path) -> None:
    with local_gate(tmp_path, _tricky()):
        for words in (("holds", "show", "hold-1"), ("holds", "list"), ("holds", "show", "hold-1", "--json")):
            shown = run(*words, "--home", tmp_path).stdout
            assert not set("\x1b\x9b\r\b\u202e\u2066\u200b\u2028\ufeff\x00\x7f") & set(shown)
        assert "[bold]x[/bold] :smile:" in run("holds", "show", "hold-1", "--home", tmp_path).stdout


class Terminal:
    """A command on a pseudo-terminal of its own."""

    def __init__(self, words: tuple[str, ...], env: dict[str, str], columns: int) -> None:
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 30, columns, 0, 0))
            os.execve(CALLGATE, ["callgate", *words], {"PATH": os.environ["PATH"], "TERM": "xterm", **env})
        self.limit = time.monotonic() + 30

    def until(self, text: str) -> str:
        """All that was seen when ``text`` came."""
        while text not in self.seen:
            if not self._more():
                raise AssertionError(f"{text!r} never came: {self.seen!r}")
        return self.seen

    def _more(self) -> bool:
        ready, _, _ = select.select([self.fd], [], [], max(0.0, self.limit - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.fd, 65_536)
        except OSError:
            return False
        self.seen += data.decode().replace("\r\n", "\n")
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> tuple[int, str]:
        while self._more():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.seen


@contextmanager
def terminal(*words: str, columns: int = 80, **env: str) -> Iterator[Terminal]:
    made = Terminal(words, env, columns)
    try:
        yield made
    finally:
        try:
            os.kill(made.pid, 9)
            os.waitpid(made.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("holds", "list"),
        ("holds", "show", "hold-1"),
        ("contract", "list"),
        ("tools",),
        ("explain", "ev-0"),
    ],
    ids=" ".join,
)
def test_eighty_columns_without_colour(tmp_path: Path, words: tuple[str, ...]) -> None:
    with local_gate(tmp_path), terminal(*words, CALLGATE_HOME=str(tmp_path), NO_COLOR="1") as shown:
        code, seen = shown.end()
    assert code == 0, seen
    plain = seen.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert "\x1b[3" not in plain
    assert max(len(line) for line in plain.splitlines()) <= 80


def test_colour_where_there_is_one(tmp_path: Path) -> None:
    with local_gate(tmp_path), terminal("doctor", CALLGATE_HOME=str(tmp_path)) as shown:
        code, seen = shown.end()
    assert code == 1
    assert "\x1b[31mfail" in seen


def test_the_passphrase_is_typed_unseen_after_the_hold_is_shown(tmp_path: Path) -> None:
    with local_gate(tmp_path) as admin:
        with terminal("holds", "approve", "hold-1", CALLGATE_HOME=str(tmp_path)) as shown:
            seen = shown.until("Passphrase of ana: ")
            assert seen.index("Commit to /srv/app") < seen.index("Passphrase of ana: ")
            assert DIGEST in seen.replace("\n", "")
            shown.type(f"{PASSPHRASE}\n")
            code, seen = shown.end()
        assert code == 3
        assert PASSPHRASE not in seen
        assert admin.acts[-1] == ("approve_hold", "ana", "hold-1", Ballot(digest=DIGEST))


def test_a_new_passphrase_is_typed_twice(tmp_path: Path) -> None:
    with local_gate(tmp_path) as admin:
        with terminal("accounts", "passphrase", "ana", CALLGATE_HOME=str(tmp_path)) as shown:
            shown.until("Passphrase of ana: ")
            shown.type(f"{PASSPHRASE}\n")
            shown.until("New passphrase of ana: ")
            shown.type("one thing\n")
            shown.until("The same again: ")
            shown.type("another thing\n")
            code, seen = shown.end()
        assert (code, admin.acts) == (2, [])
        assert "The two passphrases differ." in seen


def test_confirming_on_the_terminal(tmp_path: Path) -> None:
    with local_gate(tmp_path) as admin:
        with terminal("add", "git", "--stdio", "mcp-server-git", CALLGATE_HOME=str(tmp_path)) as shown:
            shown.until("Passphrase of ana: ")
            shown.type(f"{PASSPHRASE}\n")
            shown.until("[y/N]")
            shown.type("y\n")
            assert shown.end()[0] == 0
        assert [act[0] for act in admin.acts] == ["look_at_integration", "connect_integration"]


def test_without_a_terminal_stdin_is_not_taken_for_one(tmp_path: Path) -> None:
    import subprocess

    with local_gate(tmp_path) as admin:
        done = subprocess.run(
            [CALLGATE, "resume", "halt-1", "--home", tmp_path],
            input=f"{PASSPHRASE}\n",
            env={"PATH": os.environ["PATH"], "CALLGATE_PASSPHRASE": PASSPHRASE},
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            "callgate: There is no terminal to type the passphrase on. Hand it over with --passphrase-fd.\n"
        )
        assert admin.tries == []


def test_passphrase_on_a_descriptor(tmp_path: Path) -> None:
    from tests.fronts.cli_help import typed

    with local_gate(tmp_path) as admin:
        for lines, code in (((PASSPHRASE,), 0), (("x" * 1025,), 2), ((PASSPHRASE + "\r",), 0)):
            with typed(*lines) as fd:
                assert run("resume", "halt-1", "--home", tmp_path, "--passphrase-fd", fd).exit_code == code
        assert run("resume", "halt-1", "--home", tmp_path, "--passphrase-fd", 4095).exit_code == 2
        reader, writer = os.pipe()
        os.write(writer, b"\xff\n")
        os.close(writer)
        assert run("resume", "halt-1", "--home", tmp_path, "--passphrase-fd", reader).exit_code == 2
        os.close(reader)
        assert len(admin.acts) == 2


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(-5, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (3_725_000, "1 h 2 min"), (90_061_000, "1 d 1 h")],
)
def test_spans(milliseconds: int, said: str) -> None:
    assert screens.span(milliseconds) == said


def test_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert screens.moment(NOW, NOW / 1000 + 60) == "15:06:40"
        assert screens.moment(NOW, NOW / 1000 + 86_400) == "2025-06-15 15:06"
        assert screens.moment(0) == ""
        assert screens.until(NOW + 60_000, NOW / 1000) == "15:07:40, in 1 min"
        assert screens.until(NOW, NOW / 1000) == "15:06:40, over"
    finally:
        monkeypatch.undo()
        time.tzset()
