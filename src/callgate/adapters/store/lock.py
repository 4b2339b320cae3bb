"""One gate per home: an advisory lock held while it runs."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from callgate.model.errors import ConfigError


class HomeLock:
    """``flock`` on a file that names the holder. The kernel drops it with the process, however that ends.

    The descriptor is not inherited, so a child that outlives the gate does not keep the home locked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """ConfigError when another process holds it or the file cannot be opened. Taking it twice is one lock."""
        if self._descriptor is not None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(f"the home cannot be locked: {error.strerror}", file=str(self._path)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise ConfigError(
                f"another gate already runs on this home (pid {holder or 'unknown'}).",
                file=str(self._path),
                hint="Stop it first, or choose another home.",
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise ConfigError(f"the home cannot be locked: {error.strerror}", file=str(self._path)) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Quiet when it is not held. The file stays: removing it would let two gates lock two files."""
        if self._descriptor is not None:
            # A child that is between fork and exec still shares the descriptor: closing alone would not unlock.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
