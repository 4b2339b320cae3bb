"""SQLite connections that fail on demand, handed to the store in place of its own ``connect``."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path


class Faults:
    """``fail`` the next k statements that start with ``verb`` on ``file``, before or after SQLite has done them."""

    def __init__(self) -> None:
        self._verb = ""
        self._file = ""
        self._left = 0
        self._after = False
        self.hit = 0
        self.refuse_to_open = False
        self.pages = 0
        """A limit for every connection opened from now on, through ``PRAGMA max_page_count``; 0: none."""
        self.limited = ("ledger.db", "keys.db")
        """The files it is for."""
        self.no_sweep = False
        """Moving the write-ahead log into the database fails."""
        self.before_commit: Callable[[], None] | None = None

    def fail(self, verb: str, times: int = 1, *, file: str = "ledger.db", after: bool = False) -> None:
        self._verb, self._file, self._left, self._after = verb, file, times, after

    def run(self, file: str, sql: str, really: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        # Only the writer's thread: readers and the sweeper have faults of their own to worry about.
        if self.no_sweep and sql.startswith("PRAGMA wal_checkpoint"):
            self.hit += 1
            raise sqlite3.OperationalError("disk I/O error")
        if threading.current_thread().name != "callgate-writer":
            return really()
        if sql == "COMMIT" and self.before_commit is not None and file == "ledger.db":
            self.before_commit()
        if self._left and file == self._file and sql.startswith(self._verb):
            self._left -= 1
            self.hit += 1
            if self._after:
                really()
            raise sqlite3.OperationalError("disk I/O error")
        return really()

    def connect(self, path: Path) -> sqlite3.Connection:
        faults = self

        class Connection(sqlite3.Connection):
            def execute(self, sql, *arguments):
                return faults.run(path.name, sql, lambda: super(Connection, self).execute(sql, *arguments))

            def executemany(self, sql, rows):
                return faults.run(path.name, sql, lambda: super(Connection, self).executemany(sql, rows))

        if self.refuse_to_open:
            raise sqlite3.OperationalError("unable to open database file")
        uri = f"{path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=0.05, factory=Connection
        )
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if self.pages and path.name in self.limited:
            connection.execute(f"PRAGMA max_page_count={self.pages}").fetchall()
        return connection
