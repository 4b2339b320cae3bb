"""Replacing a client's file below a root: no link is followed, nothing is lost when it changed meanwhile, and whoever
reads it finds the old one or the new one, whole.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
MAX_BYTES = 1 << 20
_CODES = {errno.ELOOP: "linked", errno.ENOTDIR: "linked", errno.EMLINK: "linked"}
_NEW_MODE = 0o600
_NEW_FOLDER = 0o700


class CannotRewrite(Exception):
    """``code`` of core.adopt.codes or core.inventory.codes. The file is as it was."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OnDisk(NamedTuple):
    """``data`` None: there is no such file."""

    data: bytes | None
    mode: int = _NEW_MODE
    uid: int = -1
    gid: int = -1


def read_whole(root: str, place: str) -> OnDisk:
    """Raises CannotRewrite for what is no plain file of one name that may be changed."""
    try:
        with _folder_of(root, place) as (folder, name):
            return _read(folder, name)
    except FileNotFoundError:
        return OnDisk(None)
    except OSError as fault:
        raise CannotRewrite(_CODES.get(fault.errno or 0, "unreadable")) from None


def replace(root: str, place: str, before: bytes | None, after: OnDisk) -> None:
    """``before``: what must stand there until now; None: nothing. Raises CannotRewrite."""
    assert after.data is not None
    try:
        with _folder_of(root, place, make=before is None) as (folder, name):
            _replace(folder, name, before, after)
    except OSError as fault:
        raise CannotRewrite(_CODES.get(fault.errno or 0, "not_writable")) from None


def remove(root: str, place: str, before: bytes) -> None:
    """Take a file away that was made here; its folder stays. Raises CannotRewrite."""
    try:
        with _folder_of(root, place) as (folder, name):
            if _read(folder, name).data != before:
                raise CannotRewrite("changed")
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)
    except OSError as fault:
        raise CannotRewrite(_CODES.get(fault.errno or 0, "not_writable")) from None


def remove_folder(root: str, place: str) -> bool:
    """The folder of ``place``, which was made here: only an empty one goes. False: there is something in it, or none."""
    try:
        with _folder_of(root, place.rpartition("/")[0]) as (folder, name):
            os.rmdir(name, dir_fd=folder)
            os.fsync(folder)
    except (OSError, CannotRewrite):
        return False
    return True


def sweep(root: str, place: str) -> None:
    """Takes away what a killed ``replace`` of this file left beside it. One that cannot be taken away stays."""
    with suppress(OSError, CannotRewrite), _folder_of(root, place) as (folder, name):
        for found in os.listdir(folder):  # noqa: PTH208 - a descriptor
            if found.startswith(f".{name[:200]}.") and re.fullmatch(r"\d+\.callgate", found[len(name[:200]) + 2 :]):
                os.unlink(found, dir_fd=folder)


def _read(folder: int, name: str) -> OnDisk:
    try:
        handle = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return OnDisk(None)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise CannotRewrite("not_a_file")
        if status.st_nlink > 1:
            raise CannotRewrite("linked")
        if status.st_size > MAX_BYTES:
            raise CannotRewrite("file_too_large")
        if not status.st_mode & stat.S_IWUSR:
            raise CannotRewrite("read_only")
        data = b""
        while len(data) <= MAX_BYTES and (more := os.read(handle, MAX_BYTES + 1 - len(data))):
            data += more
    finally:
        os.close(handle)
    if len(data) > MAX_BYTES:
        raise CannotRewrite("file_too_large")
    return OnDisk(data, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _replace(folder: int, name: str, before: bytes | None, after: OnDisk) -> None:
    assert after.data is not None
    fresh = f".{name[:200]}.{os.getpid()}.callgate"
    handle = os.open(fresh, _NEW, _NEW_MODE, dir_fd=folder)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor, opened against its folder
            file.write(after.data)
            file.flush()
            if after.uid >= 0 and (after.uid, after.gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, after.uid, after.gid)
            os.fchmod(handle, after.mode)
            os.fsync(handle)
        if _read(folder, name).data != before:
            raise CannotRewrite("changed")
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(fresh, dir_fd=folder)
        raise
    os.fsync(folder)


@contextmanager
def _folder_of(root: str, place: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """``make``: the last folder may be missing; it is made for its owner alone."""
    *parts, name = [part for part in place.split("/") if part]
    if ".." in parts or name in ("..", "."):
        raise CannotRewrite("linked")
    current = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for number, part in enumerate(parts):
            if make and number == len(parts) - 1:
                with suppress(FileExistsError):
                    os.mkdir(part, _NEW_FOLDER, dir_fd=current)
                    os.fsync(current)
            following = os.open(part, _FOLDER, dir_fd=current)
            os.close(current)
            current = following
        yield current, name
    finally:
        os.close(current)
