"""The machine's clock, randomness and files, behind the ports."""

import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path

from callgate.model.errors import InputError

RANDOM_PAGE = 16 << 10
MOST_DESCRIPTORS = 65_536


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_us(self) -> int:
        return time.monotonic_ns() // 1_000


class SystemEntropy:
    """The kernel's random bytes, fetched a page at a time: each fetch gives the interpreter lock away, and the loop
    would wait for it behind the ledger's writer several times a call. Every byte is handed out once.
    """

    def __init__(self) -> None:
        self._page = b""
        self._at = 0

    def bytes(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._page):
            if size > RANDOM_PAGE:
                return os.urandom(size)
            self._page, self._at, end = os.urandom(RANDOM_PAGE), 0, size
        found = self._page[self._at : end]
        self._at = end
        return found


def write_export(folder: str, files: Mapping[str, bytes]) -> None:
    """Make ``folder`` (or use an empty one) and write files into it, 0600."""
    place = Path(folder)
    if not place.is_absolute():
        raise InputError("The folder must be an absolute path.", code="bad_folder")
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise InputError("The folder is not empty.", code="bad_folder", hint="Name a new one.")
        for name, data in files.items():
            target = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(target, "wb") as file:
                file.write(data)
    except OSError as fault:
        raise InputError(f"The folder cannot be written: {fault.strerror}.", code="bad_folder") from fault


def settle_descriptors() -> int:
    """Open what is missing of the three standard ones, so that no file of ours ever gets their numbers, and allow for
    as many as the system lets us; returns how many.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return most
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def say(text: str) -> None:
    """To standard output, if anybody is there."""
    try:
        print(text, flush=True)
    except OSError:
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, 1)
        os.close(nobody)


def has_terminal() -> bool:
    """This process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
