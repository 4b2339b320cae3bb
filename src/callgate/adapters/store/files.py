"""The two database files of a tenant: made private, opened with the settings that durability needs, recognised later."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from callgate.adapters.store import schema
from callgate.model.errors import ConfigError, IntegrityError

Connect = Callable[[Path], sqlite3.Connection]
PREFILL = 8 * 1024 * 1024
"""Bytes of log written ahead, a quarter of it for the keys. Overwriting takes half the time of appending: the file system has no size to record."""
_MODES = "See that the gate's user owns the folder and may write there, and that its disk is not read-only or full."
_DAMAGED = "Look at the disk; then restore the home from a backup into a new folder: callgate restore FILE"
_GONE = "Put the file back, or restore the home from a backup into a new folder: callgate restore FILE"
BUSY_S = 2.0
"""How long a statement waits for a lock. Nobody else writes while the gate holds its home."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a database that exists; transactions are ours to begin and end.

    ``synchronous=FULL`` makes a commit wait for the disk. WAL frames are moved into the database by ``WalSweeper``,
    never inside somebody's commit, so the automatic checkpoint is off.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_S,
        cached_statements=256,
    )
    try:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    except UnicodeDecodeError as fault:
        # SQLite's message quotes a schema that is no text.
        connection.close()
        raise sqlite3.DatabaseError("malformed database schema") from fault
    return connection


class StoreFiles:
    """``ledger.db`` and ``keys.db`` in a folder that only its owner can enter."""

    def __init__(self, folder: Path, prefill: int = PREFILL) -> None:
        self.ledger = folder / "ledger.db"
        self.keys = folder / "keys.db"
        self._folder = folder
        self._prefill = prefill
        # Asked after every batch, so plain text: a Path is turned into text with each call.
        self._names = (str(self.ledger), str(self.keys))
        self._identity = (0, 0, 0, 0)

    def prepare(
        self, meta: dict[str, str], connect: Connect, *, create: bool
    ) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        """Make what is missing, check what is there; (ledger, keys). ConfigError says what is wrong with which file."""
        if not create and not self.ledger.exists():
            raise ConfigError("There is no ledger here.", file=str(self.ledger))
        try:
            self._make_private()
        except OSError as error:
            raise ConfigError(f"It cannot be used: {error.strerror}.", file=str(error.filename), hint=_MODES) from error
        with contextlib.ExitStack() as undo:
            keys = undo.enter_context(contextlib.closing(self._attempt(self.keys, connect)))
            ledger = undo.enter_context(contextlib.closing(self._attempt(self.ledger, connect)))
            self._fill(ledger, keys, meta)
            undo.pop_all()
        self._identity = self._stat()
        return ledger, keys

    def bytes(self) -> int:
        """What both databases and their logs take on disk."""
        total = 0
        for name in self._names:
            for place in (name, f"{name}-wal"):
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(place).st_size  # noqa: PTH116 - names are kept as text, see above
        return total

    def unchanged(self) -> bool:
        """The paths still name the files that were prepared."""
        try:
            return self._stat() == self._identity
        except FileNotFoundError:
            return False

    def require_unchanged(self) -> None:
        if not self.unchanged():
            raise IntegrityError("the store's files were removed or replaced while the gate was running")

    def _stat(self) -> tuple[int, int, int, int]:
        ledger, keys = map(os.stat, self._names)
        return (ledger.st_dev, ledger.st_ino, keys.st_dev, keys.st_ino)

    def _make_private(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        for path in (self.keys, self.ledger):
            # SQLite gives its -wal and -shm files the mode of the database.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            path.chmod(0o600)
            _prefill(path.with_name(f"{path.name}-wal"), self._prefill // (4 if path is self.keys else 1))
        # A new name is only durable when its folder is.
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _attempt(self, path: Path, connect: Connect) -> sqlite3.Connection:
        try:
            return connect(path)
        except sqlite3.Error as error:
            raise ConfigError(f"It cannot be opened as a database: {error}.", file=str(path), hint=_DAMAGED) from error

    def _fill(self, ledger: sqlite3.Connection, keys: sqlite3.Connection, meta: dict[str, str]) -> None:
        try:
            keys_new, ledger_new = schema.is_new(keys), schema.is_new(ledger)
            if keys_new and not ledger_new:
                raise ConfigError(
                    "The key database is missing or empty beside a ledger.", file=str(self.keys), hint=_GONE
                )
            if keys_new:
                schema.create(keys, schema.KEYS, meta)
            schema.check(keys, meta, str(self.keys))
            if ledger_new:
                if keys.execute("SELECT 1 FROM keys UNION ALL SELECT 1 FROM names LIMIT 1").fetchone() is not None:
                    raise ConfigError(
                        "The ledger is missing or empty beside used keys.", file=str(self.ledger), hint=_GONE
                    )
                schema.create(ledger, schema.LEDGER, meta)
            schema.check(ledger, meta, str(self.ledger))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise ConfigError(
                f"It cannot be read as a store: {error}.", file=str(self._folder), hint=_DAMAGED
            ) from error


def _prefill(log: Path, size: int) -> None:
    """Zeros where SQLite is to write its log. A log without the magic number is an empty one (SQLite's file format,
    section 4.1), so this changes nothing but speed; one that is there already is left alone.
    """
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return
    try:
        with contextlib.suppress(OSError):
            block = bytes(1024 * 1024)
            for _ in range(size // len(block)):
                os.write(descriptor, block)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
