"""Secret references: ``env:NAME`` and ``file:PATH``. A value never stands in a message, repr or log."""

import os
import stat
from pathlib import Path

from callgate.model.errors import ConfigError

MAX_BYTES = 64 * 1024


def resolve(reference: str) -> str:
    """The value behind a reference, without its final newline. ConfigError names the reference, never the value."""
    scheme, _, rest = reference.partition(":")
    if scheme == "env" and rest:
        return _from_environment(reference, rest)
    if scheme == "file" and rest:
        return _from_file(reference, rest)
    # What stands there may be the secret itself, so it is not repeated.
    raise ConfigError("A secret must be given by reference: env:NAME or file:PATH.")


def _from_environment(reference: str, name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigError(
            f"The secret {reference} is not set.", hint=f"Set {name} in the environment that starts the gate."
        )
    return value


def _from_file(reference: str, path: str) -> str:
    try:
        path = str(Path(path).expanduser())
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError, RuntimeError) as fault:
        raise ConfigError(f"The secret {reference} cannot be read.") from fault
    try:
        data = _read_private(reference, path, handle)
    finally:
        os.close(handle)
    value = _text(data)
    if value is None:
        raise ConfigError(f"The secret {reference} is not UTF-8 text.")
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ConfigError(f"The secret {reference} is empty.")
    return value


def _text(data: bytes) -> str | None:
    """None when it is not UTF-8. An exception with the secret in it must not become the context of another."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _read_private(reference: str, path: str, handle: int) -> bytes:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"The secret {reference} is not a regular file.")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"The secret {reference} can be reached by other users.", hint=f"Run: chmod 600 {path}")
    if found.st_size > MAX_BYTES:
        raise ConfigError(f"The secret {reference} is larger than {MAX_BYTES // 1024} KiB.")
    data = bytearray()
    while len(data) <= MAX_BYTES:
        piece = os.read(handle, MAX_BYTES + 1 - len(data))
        if not piece:
            return bytes(data)
        data += piece
    raise ConfigError(f"The secret {reference} is larger than {MAX_BYTES // 1024} KiB.")
