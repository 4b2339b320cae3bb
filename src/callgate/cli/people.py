"""Who acts: the account, and its passphrase from the terminal or a file descriptor; never argv or environment."""

import contextlib
import getpass
import os
import sys
import termios
from typing import NamedTuple

from callgate.cli.outcome import CommandError

_MAX_BYTES = 1024
_TERMINAL = "/dev/tty"


class Person(NamedTuple):
    account: str
    passphrase: str

    def __repr__(self) -> str:
        return f"Person({self.account!r})"


def read_passphrase(prompt: str, fd: int | None) -> str:
    """One line of ``fd``, or typed unseen on the terminal; stdin is not taken for a terminal."""
    return _typed(prompt) if fd is None else _line(fd)


def read_new_passphrase(whose: str, fd: int | None) -> str:
    """As ``read_passphrase``; typed twice on a terminal, never empty."""
    return _chosen(f"New passphrase of {whose}: ", fd)


def read_first_passphrase(whose: str, fd: int | None) -> str | None:
    """As ``read_new_passphrase``; None when one is to be made up: nothing typed, or no terminal and no descriptor."""
    if fd is not None:
        return _chosen("", fd)
    if not has_terminal():
        return None
    return _chosen(f"New passphrase of {whose} (empty: one is made up): ", None, may_skip=True) or None


def has_terminal() -> bool:
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def forget_typed() -> None:
    """What was typed before a question stood on the screen is no answer to it."""
    with contextlib.suppress(termios.error, ValueError):
        if sys.stdin.isatty():
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _chosen(prompt: str, fd: int | None, *, may_skip: bool = False) -> str:
    first = read_passphrase(prompt, fd)
    if may_skip and not first:
        return first
    if fd is None and _typed("The same again: ") != first:
        raise CommandError("The two passphrases differ.", "Try again.")
    if not first:
        raise CommandError("The passphrase is empty.", "Choose one.")
    return first


def _line(fd: int) -> str:
    """Byte by byte, so that a second passphrase on the same descriptor stays there."""
    got = bytearray()
    try:
        while len(got) <= _MAX_BYTES:
            byte = os.read(fd, 1)
            if byte in {b"", b"\n"}:
                return got.decode().removesuffix("\r")
            got += byte
    except OSError as fault:
        raise CommandError(f"The passphrase cannot be read from descriptor {fd}: {fault.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError("The passphrase is not UTF-8.") from None
    raise CommandError("The passphrase is too long.", "At most 1024 bytes.")


def _typed(prompt: str) -> str:
    """Without a terminal this is refused: getpass alone would fall back to stdin, echoing."""
    if not has_terminal():
        raise CommandError("There is no terminal to type the passphrase on.", "Hand it over with --passphrase-fd.")
    with contextlib.suppress(EOFError):
        return getpass.getpass(prompt)
    raise CommandError("No passphrase was typed.")
