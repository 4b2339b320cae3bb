"""Files of the home that the gate writes and people edit: policies, contracts, integrations."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from callgate.model.errors import ConfigError

MAX_FILE = 1 << 20


def read_folder(folder: Path, *suffixes: str) -> dict[str, bytes]:
    """Regular files by name. ConfigError: unreadable or too large."""
    found: dict[str, bytes] = {}
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix in suffixes and path.is_file() and not path.is_symlink():
                if path.stat().st_size > MAX_FILE:
                    raise ConfigError("The file is over 1 MiB.", file=str(path))
                found[path.name] = path.read_bytes()
    except FileNotFoundError:
        return found
    except OSError as fault:
        raise ConfigError(f"It cannot be read: {fault.strerror}.", file=str(fault.filename or folder)) from fault
    return found


def sync_folder(folder: Path) -> None:
    """Make the names in it durable. OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FolderFiles:
    """Below one folder. See flow.ports.HomeFiles."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, name: str) -> Mapping[str, bytes]:
        return read_folder(self._root / name, ".toml")

    def write(self, path: str, data: bytes) -> None:
        target = self._root / path
        half = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if target.is_symlink():
                raise ConfigError("This is a link; the gate writes files of its own alone.", file=str(target))
            handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            half.replace(target)
        except OSError as fault:
            with contextlib.suppress(OSError):
                half.unlink(missing_ok=True)
            raise ConfigError(f"It cannot be written: {fault.strerror}.", file=str(target)) from fault

    def remove(self, path: str) -> None:
        try:
            (self._root / path).unlink(missing_ok=True)
        except OSError as fault:
            raise ConfigError(f"It cannot be removed: {fault.strerror}.", file=str(self._root / path)) from fault
