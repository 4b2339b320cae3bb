"""Opening files below a root by their names, one folder at a time, so that no link and no race leads out of it."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase

from callgate.model.base import Fact

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_MAX_LINKS = 40
_MAX_PARTS = 128


class DiskLimits(Fact, frozen=True):
    file_bytes: int = 1 << 20
    all_bytes: int = 32 << 20
    """Of all files; what is read is kept, and looking through it takes time."""
    files: int = 5_000
    """Read in all."""
    entries: int = 250_000
    """Names in folders looked at in all."""
    depth: int = 8
    """Folders below where a search begins."""
    matches: int = 500
    """Of one pattern."""
    seconds: float = 30.0


class DiskFile(Fact, frozen=True):
    """``problem`` is a finding's code; empty: ``text`` is the file. ``path`` may differ from what was asked for: a link
    was followed.
    """

    path: str
    problem: str = ""
    text: bytes = b""
    mode: int = 0
    uid: int = -1


class _Refused(Exception):
    """``code`` of the finding; ``path`` is where it stopped."""

    def __init__(self, code: str, path: str) -> None:
        super().__init__(code)
        self.code = code
        self.path = path


class LimitReached(Exception):
    """The search ends here."""


class BoundedDisk:
    """Paths go in and come out relative to the root, with ``/`` between names and none in front."""

    def __init__(self, root: str, limits: DiskLimits, clock: Callable[[], float]) -> None:
        """``clock``: monotonic seconds. OSError when the root is no folder that can be read."""
        self.root = os.path.realpath(root)
        self.limits = limits
        self.files = 0
        self.passed_over: dict[str, str] = {}
        """Folders that were not listed whole, and what to say of each beside that."""
        self._entries = 0
        self._bytes = 0
        self._clock = clock
        self._end = clock() + limits.seconds
        self._top = os.open(self.root, _FOLDER)

    def close(self) -> None:
        os.close(self._top)

    def read(self, path: str, *, max_bytes: int = 0) -> DiskFile | None:
        """None: there is no such file. Raises LimitReached."""
        self._tick()
        try:
            with self._parent(path) as (folder, name, real):
                return self._read(folder, name, real, max_bytes or self.limits.file_bytes)
        except FileNotFoundError:
            return None
        except _Refused as refused:
            return DiskFile(path=refused.path, problem=refused.code)
        except OSError as fault:
            return _failed(path, fault)

    def _read(self, folder: int, name: str, real: str, limit: int) -> DiskFile:
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return DiskFile(path=real, problem="not_a_file")
        handle = os.open(name, _FILE, dir_fd=folder)
        with open(handle, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor, opened against its folder
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                return DiskFile(path=real, problem="not_a_file")
            self.files += 1
            if self.files > self.limits.files:
                raise LimitReached
            text = b""
            while len(text) <= limit and (more := file.read(limit + 1 - len(text))):
                text += more
        self._bytes += len(text)
        if self._bytes > self.limits.all_bytes:
            raise LimitReached
        if len(text) > limit:
            return DiskFile(path=real, problem="file_too_large")
        return DiskFile(path=real, text=text, mode=stat.S_IMODE(status.st_mode), uid=status.st_uid)

    def status(self, path: str) -> os.stat_result | None:
        """Of what stands there, links inside the root followed; None: nothing that can be seen."""
        self._tick()
        try:
            with self._parent(path) as (folder, name, _):
                return os.stat(name or ".", dir_fd=folder, follow_symlinks=False)
        except (OSError, _Refused):
            return None

    def names(self, path: str) -> list[tuple[str, bool]]:
        """(name, it is a folder and no link) of everything in a folder, sorted; empty when it cannot be listed.

        Names that are not UTF-8 are left out. What could not be listed for want of a right, or was left out, is noted.
        """
        self._tick()
        try:
            with self._parent(path) as (folder, name, _):
                handle = os.open(
                    name or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
                )
        except PermissionError:
            self.passed_over[path] = ""
            return []
        except (OSError, _Refused):
            return []
        found = []
        try:
            with os.scandir(handle) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._entries > self.limits.entries:
                        raise LimitReached
                    found.append((entry.name, entry.is_dir(follow_symlinks=False)))
        except OSError:
            pass
        finally:
            os.close(handle)
        if not all(_writable_name(name) for name, _ in found):
            self.passed_over[path] = "A name in this folder is not UTF-8."
        return sorted(name for name in found if _writable_name(name[0]))

    def match(self, pattern: str) -> list[str]:
        """Paths that fit, sorted; ``*`` stands for a part of one name."""
        found = [""]
        for part in pattern.split("/"):
            if "*" not in part:
                found = [f"{path}/{part}" if path else part for path in found]
                continue
            found = [
                f"{path}/{name}" if path else name
                for path in found
                for name, _ in self.names(path)
                if fnmatchcase(name, part)
            ][: self.limits.matches]
        return found

    def _tick(self) -> None:
        if self._clock() > self._end:
            raise LimitReached

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str, str]]:
        """The folder that holds it, its name there, and its path without links. The name is no link."""
        todo = [part for part in path.split("/") if part not in ("", ".")]
        done: list[str] = []
        links = 0
        current = os.dup(self._top)
        try:
            while todo:
                if len(todo) + len(done) > _MAX_PARTS:
                    raise _Refused("link_leads_out", path)
                part = todo.pop(0)
                if part == "..":
                    todo, done = self._back(path, done, todo), []
                    current = self._restart(current)
                    continue
                target = self._link(current, part, "/".join([*done, part]))
                if target is not None:
                    links += 1
                    if links > _MAX_LINKS:
                        raise _Refused("link_leads_out", path)
                    todo, absolute = self._spliced(path, target, todo)
                    if absolute:
                        done = []
                        current = self._restart(current)
                    continue
                if not todo:
                    yield current, part, "/".join([*done, part])
                    return
                done.append(part)
                current = self._step(current, part)
            yield current, "", "/".join(done)
        finally:
            os.close(current)

    @staticmethod
    def _back(path: str, done: list[str], todo: list[str]) -> list[str]:
        if not done:
            raise _Refused("link_leads_out", path)
        return [*done[:-1], *todo]

    def _restart(self, current: int) -> int:
        os.close(current)
        return os.dup(self._top)

    @staticmethod
    def _step(current: int, part: str) -> int:
        below = os.open(part, _FOLDER, dir_fd=current)
        os.close(current)
        return below

    @staticmethod
    def _link(folder: int, name: str, path: str) -> str | None:
        try:
            if not stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                return None
            return os.readlink(name, dir_fd=folder)
        except PermissionError:
            raise _Refused("unreadable", path.rpartition("/")[0]) from None

    def _spliced(self, path: str, target: str, todo: list[str]) -> tuple[list[str], bool]:
        """Where a link leads; True: from the root on."""
        absolute = target.startswith("/")
        if absolute:
            inside = self.root.rstrip("/") + "/"
            if not target.startswith(inside):
                raise _Refused("link_leads_out", path)
            target = target[len(inside) :]
        return [*(part for part in target.split("/") if part not in ("", ".")), *todo], absolute


def _failed(path: str, fault: OSError) -> DiskFile | None:
    if fault.errno in (errno.ENOTDIR, errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL):
        return None
    return DiskFile(path=path, problem="link_leads_out" if fault.errno == errno.ELOOP else "unreadable")


def _writable_name(name: str) -> bool:
    """It is UTF-8, so that it can stand in a finding."""
    return name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)
