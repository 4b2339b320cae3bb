"""Moves write-ahead logs into their databases beside the writer, so that no commit waits for it."""

import contextlib
import sqlite3
import threading
from pathlib import Path

from callgate.adapters.store.files import Connect

SWEEP_PAGES = 1_500
"""Pages written between two sweeps, as estimated."""
BATCH_PAGES, UNIT_PAGES = 10, 2
"""What a batch writes, and each unit of it (measured: 12 pages alone, 38 for 16 calls, 98 for 64)."""
LONG_FRAMES = 3_000
"""Pages from which the log is long: the writer then moves the last ones itself, so that it starts over."""


class WalSweeper:
    """One thread with a connection of its own per file. A failed sweep is tried again with the next nudge.

    The connections are open from the start: the last one to close takes the log's index with it, and on a full disk
    no other can be made, so that nothing could be read once the writer has let go of the files.
    """

    def __init__(self, paths: tuple[Path, ...], connect: Connect) -> None:
        self._connect = connect
        self._connections: dict[Path, sqlite3.Connection | None] = {path: self._held(path) for path in paths}
        self._nudged = threading.Event()
        self._stopping = False
        self._pages = 0
        self.long = False
        """A log stayed long because writing went on during the sweep."""
        self._thread = threading.Thread(target=self._run, name="callgate-wal", daemon=True)
        self._thread.start()

    def wrote(self, units: int) -> None:
        """Called by the writer after each batch."""
        self._pages += BATCH_PAGES + UNIT_PAGES * units
        if self._pages >= SWEEP_PAGES:
            self._pages = 0
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

    def _held(self, path: Path) -> sqlite3.Connection | None:
        try:
            return self._connect(path)
        except sqlite3.Error:
            return None

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
