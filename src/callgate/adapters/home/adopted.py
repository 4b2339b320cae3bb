"""What adoptions leave in the home: a record with copies of the files they changed, and the secrets they moved.

Everything is for its owner alone: ``adopted/<id>/`` and ``secrets/<integration>/``.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from callgate.adapters.home.files import sync_folder
from callgate.model.adopt import AdoptRecord
from callgate.model.errors import ConfigError

RECORD = "record.json"


class AdoptionStore:
    """Below one home. Raises ConfigError for what the disk refuses."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._adopted = home / "adopted"
        self.secrets = home / "secrets"

    def records(self) -> list[AdoptRecord]:
        """Oldest first."""
        try:
            names = sorted(self._adopted.iterdir()) if self._adopted.is_dir() else []
            return [self._record(folder / RECORD) for folder in names if (folder / RECORD).is_file()]
        except OSError as fault:
            raise self._fault(fault) from fault

    @contextmanager
    def held(self) -> Iterator[None]:
        """One run at a time adopts or takes back; a killed one lets go. Raises ConfigError when another does."""
        self._folder(self._adopted)
        try:
            handle = os.open(self._adopted, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as fault:
            raise self._fault(fault) from fault
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as fault:
                raise ConfigError(
                    "Another callgate adopt works on this home.", file=str(self._home), hint="Wait until it is done."
                ) from fault
            yield
        finally:
            os.close(handle)

    def begin(self, record: AdoptRecord) -> None:
        """Before its first act."""
        self._folder(self._adopted)
        self._folder(self._adopted / record.id, new=True)
        self.save(record)

    def save(self, record: AdoptRecord, copies: dict[str, bytes] | None = None) -> None:
        """The copies are on the disk before the record names them."""
        for name, data in (copies or {}).items():
            self._write(self._adopted / record.id / name, data)
        self._write(self._adopted / record.id / RECORD, msgspec.json.format(msgspec.json.encode(record), indent=1))

    def drop(self, adoption: str) -> None:
        """Nothing of it stands any more. The record goes first: what a kill leaves is a folder that nobody reads."""
        try:
            (self._adopted / adoption / RECORD).unlink(missing_ok=True)
            shutil.rmtree(self._adopted / adoption)
        except FileNotFoundError:
            return
        except OSError as fault:
            raise self._fault(fault) from fault

    def tidy(self) -> None:
        """Folders without a record: a run was killed while it made or dropped one. Only while ``held``."""
        try:
            for folder in self._adopted.iterdir():
                if folder.is_dir() and not folder.is_symlink() and not (folder / RECORD).exists():
                    shutil.rmtree(folder)
        except OSError as fault:
            raise self._fault(fault) from fault

    def copy(self, adoption: str, name: str) -> bytes:
        try:
            return (self._adopted / adoption / name).read_bytes()
        except OSError as fault:
            raise self._fault(fault) from fault

    def keep_secrets(self, integration: str, values: dict[str, str]) -> None:
        """One file each. A newline ends it, which is no part of the value."""
        if not values:
            return
        self._folder(self.secrets)
        self._folder(self.secrets / integration)
        for name, value in values.items():
            self._write(self.secrets / integration / name, f"{value}\n".encode())

    def drop_secrets(self, integration: str, names: Iterable[str]) -> None:
        """These files and no others; its folder when it is empty then."""
        folder = self.secrets / integration
        try:
            for name in names:
                (folder / name).unlink(missing_ok=True)
                _half(folder / name).unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()
        except OSError as fault:
            raise self._fault(fault) from fault

    def _record(self, path: Path) -> AdoptRecord:
        try:
            return msgspec.json.decode(path.read_bytes(), type=AdoptRecord)
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise ConfigError("The record of an adoption cannot be read.", file=str(path)) from fault

    def _folder(self, folder: Path, *, new: bool = False) -> None:
        """``new``: two runs at once do not share one."""
        try:
            made = not folder.is_dir()
            folder.mkdir(mode=0o700, exist_ok=not new)
            self._give(folder)
            if made:
                sync_folder(folder.parent)
        except OSError as fault:
            raise self._fault(fault) from fault

    def _write(self, path: Path, data: bytes) -> None:
        fresh = _half(path)
        try:
            with suppress(FileNotFoundError):
                fresh.unlink()
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
            self._give(fresh)
            fresh.replace(path)
            sync_folder(path.parent)
        except OSError as fault:
            raise self._fault(fault) from fault

    def _give(self, path: Path) -> None:
        """Root writes for whoever owns the home."""
        owner = self._home.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _fault(self, fault: OSError) -> ConfigError:
        return ConfigError(f"The home cannot be used: {fault.strerror}.", file=str(fault.filename or self._home))


def _half(path: Path) -> Path:
    """A file's name until all of it is written."""
    return path.with_name(f".{path.name}.new")
