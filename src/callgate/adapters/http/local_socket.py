"""The Unix socket in a home: made and reached by addresses short enough for the kernel. Standard library only."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from callgate.model.errors import ConfigError

OWN = 0o600
SHARED = 0o666
"""For a socket that serves further users: the kernel asks for write permission, the gate asks who it is."""


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """A name for ``path`` within the 108 bytes of ``sun_path``, by way of its open folder."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect(path: Path, timeout: float) -> socket.socket:
    """OSError as ``connect(2)`` gives it; FileNotFoundError and ConnectionRefusedError: nobody listens."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(timeout)
        with _address(path) as address:
            link.connect(address)
    except OSError:
        link.close()
        raise
    return link


def bind(path: Path, mode: int = OWN) -> socket.socket:
    """A bound socket of this mode; a folder that is missing is made 0700; a dead gate's socket is replaced.

    ConfigError when a live gate listens there, or the place is taken by something else.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear(path)
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(link.fileno(), mode)
        with _address(path) as address:
            link.bind(address)
        path.chmod(mode)
    except OSError as fault:
        link.close()
        raise ConfigError(f"The local socket cannot be made: {fault.strerror}.", file=str(path)) from fault
    return link


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError("Something else stands where the local socket belongs.", file=str(path), hint="Move it away.")
    try:
        connect(path, 2.0).close()
    except ConnectionRefusedError:
        with suppress(FileNotFoundError):
            path.unlink()
    except OSError as fault:
        raise ConfigError(f"The local socket cannot be reached: {fault.strerror}.", file=str(path)) from fault
    else:
        raise ConfigError("Another gate runs on this home.", file=str(path), hint="Stop it first.")
