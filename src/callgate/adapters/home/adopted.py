"""What adoptions leave in the home: a record with copies of the files they changed, and the secrets they moved.

Everything is for its owner alone: ``adopted/<id>/`` and ``secrets/<integration>/``.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

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

    def begin(self, record: AdoptRecord, copies: dict[str, bytes]) -> None:
        """The copies are on the disk before anything else is."""
        folder = self._adopted / record.id
        self._folder(self._adopted)
        self._folder(folder, new=True)
        for name, data in copies.items():
            self._write(folder / name, data)
        self.save(record)

    def save(self, record: AdoptRecord) -> None:
        self._write(self._adopted / record.id / RECORD, msgspec.json.format(msgspec.json.encode(record), indent=1))

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

    def drop_secrets(self, integration: str) -> None:
        with suppress(FileNotFoundError):
            shutil.rmtree(self.secrets / integration)

    def _record(self, path: Path) -> AdoptRecord:
        try:
            return msgspec.json.decode(path.read_bytes(), type=AdoptRecord)
        except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
            raise ConfigError("The record of an adoption cannot be read.", file=str(path)) from fault

    def _folder(self, folder: Path, *, new: bool = False) -> None:
        """``new``: two runs at once do not share one."""
        try:
            folder.mkdir(mode=0o700, exist_ok=not new)
            self._give(folder)
        except OSError as fault:
            raise self._fault(fault) from fault

    def _write(self, path: Path, data: bytes) -> None:
        fresh = path.with_name(f".{path.name}.new")
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
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as fault:
            raise self._fault(fault) from fault

    def _give(self, path: Path) -> None:
        """Root writes for whoever owns the home."""
        owner = self._home.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _fault(self, fault: OSError) -> ConfigError:
        return ConfigError(f"The home cannot be used: {fault.strerror}.", file=str(fault.filename or self._home))
