"""Moves write-ahead logs into their databases beside the writer, so that no commit waits for it."""

import contextlib
import sqlite3
import threading
from pathlib import Path

from callgate.adapters.store.files import Connect

SWEEP_WEIGHT = 4_000
"""Rows written between two sweeps, roughly 10 MiB of log under load."""
LONG_FRAMES = 8_192
"""Pages (32 MiB) from which the log is long: the writer then does the last bit itself and starts it over."""


class WalSweeper:
    """One thread with a connection of its own per file. A failed sweep is tried again with the next nudge."""

    def __init__(self, paths: tuple[Path, ...], connect: Connect) -> None:
        self._connect = connect
        self._connections: dict[Path, sqlite3.Connection | None] = dict.fromkeys(paths)
        self._nudged = threading.Event()
        self._stopping = False
        self._weight = 0
        self.long = False
        """A log stayed long because writing went on during the sweep."""
        self._thread = threading.Thread(target=self._run, name="callgate-wal", daemon=True)
        self._thread.start()

    def wrote(self, rows: int) -> None:
        """Called by the writer after each batch."""
        self._weight += rows
        if self._weight >= SWEEP_WEIGHT:
            self._weight = 0
            self._nudged.set()

    def stop(self) -> None:
        self._stopping = True
        self._nudged.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._nudged.wait()
            self._nudged.clear()
            if self._stopping:
                break
            frames = [self._sweep(path) for path in self._connections]
            self.long = max(frames) > LONG_FRAMES
        for connection in self._connections.values():
            if connection is not None:
                connection.close()

    def _sweep(self, path: Path) -> int:
        """Frames in the log after a sweep that neither waits for readers nor stops the writer."""
        connection = self._connections[path]
        try:
            if connection is None:
                connection = self._connections[path] = self._connect(path)
            return int(connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()[0][1])
        except sqlite3.Error:
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
            self._connections[path] = None
            return 0
