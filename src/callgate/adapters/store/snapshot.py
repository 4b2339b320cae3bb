"""A copy of a tenant's two databases as of one moment, while the gate goes on writing."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from callgate.adapters.store import schema
from callgate.adapters.store.files import BUSY_S
from callgate.model.errors import ConfigError
from callgate.model.store import Head

PAGES = 2_048
"""Pages copied in one step."""


class Snapshot:
    """Two read transactions. The ledger's is begun first: a key moves to the key database before it leaves the
    ledger's outbox, so whatever the head needs is in one of the two; keys of later events may be there as well.
    """

    def __init__(self, folder: Path, tenant: str, origin: str) -> None:
        """ConfigError: the files are no store of this tenant and log."""
        self._ledger = _pinned(folder / "ledger.db", {"tenant": tenant, "origin": origin})
        try:
            self._keys = _pinned(folder / "keys.db", {"tenant": tenant, "origin": origin})
        except BaseException:
            self._ledger.close()
            raise

    def head(self) -> Head:
        size, root, at_ms = self._ledger.execute("SELECT size, root, at_ms FROM head").fetchone()
        return Head(size=size, root=bytes(root), at_ms=at_ms)

    def sizes(self) -> tuple[int, int]:
        """Bytes of the two copies: ledger, keys."""
        return _size(self._ledger), _size(self._keys)

    @contextlib.contextmanager
    def ledger(self, scratch: Path, progress: Callable[[int], None]) -> Iterator[BinaryIO]:
        """An open file with the copy. It loses its name ``scratch``, where anything is replaced, before the first page
        is in it. ``progress`` is told bytes. OSError.
        """
        with _copied(self._ledger, scratch, progress) as file:
            yield file

    @contextlib.contextmanager
    def keys(self, scratch: Path, progress: Callable[[int], None]) -> Iterator[BinaryIO]:
        """As ``ledger``."""
        with _copied(self._keys, scratch, progress) as file:
            yield file

    def close(self) -> None:
        for connection in (self._ledger, self._keys):
            with contextlib.suppress(sqlite3.Error):
                connection.close()


def check_database(path: Path) -> None:
    """ConfigError unless every page and index of it is whole."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
        with contextlib.closing(connection):
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as fault:
        raise ConfigError("this database cannot be read.", file=str(path)) from fault
    if found is None or found[0] != "ok":
        raise ConfigError("this database is damaged.", file=str(path))


def _pinned(path: Path, meta: dict[str, str]) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_S
        )
    except sqlite3.Error as fault:
        raise ConfigError("this database cannot be opened.", file=str(path)) from fault
    try:
        connection.execute("PRAGMA query_only=ON").fetchall()
        connection.execute("BEGIN")
        # The first read is what takes the snapshot; it stays until the transaction ends.
        schema.check(connection, meta, str(path))
    except (sqlite3.Error, UnicodeDecodeError) as fault:
        connection.close()
        raise ConfigError("this database cannot be read.", file=str(path)) from fault
    except BaseException:
        connection.close()
        raise
    return connection


def _size(connection: sqlite3.Connection) -> int:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    return int(pages) * int(connection.execute("PRAGMA page_size").fetchone()[0])


@contextlib.contextmanager
def _copied(source: sqlite3.Connection, path: Path, progress: Callable[[int], None]) -> Iterator[BinaryIO]:
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    with path.open("rb") as file:
        try:
            _copy(source, path, progress)
        except sqlite3.Error as fault:
            code = getattr(fault, "sqlite_errorname", type(fault).__name__)
            raise OSError(errno.EIO, f"the disk took no more of a copy ({code})") from fault
        finally:
            path.unlink(missing_ok=True)
        yield file


def _copy(source: sqlite3.Connection, path: Path, progress: Callable[[int], None]) -> None:
    size = int(source.execute("PRAGMA page_size").fetchone()[0])
    done = 0

    def step(_: int, left: int, of: int) -> None:
        nonlocal done
        now = (of - left) * size
        progress(now - done)
        done = now

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            target.execute(f"PRAGMA {pragma}").fetchall()
        # Opened by now. Without a name nothing is left of it, however this process ends.
        path.unlink()
        source.backup(target, pages=PAGES, progress=step, sleep=0)
