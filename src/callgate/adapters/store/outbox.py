"""Keys and names on their way to the key database.

They become durable in the ledger's own transaction, beside the events that need them, and move to ``keys.db`` in bulk
soon after: a batch costs one synced transaction instead of two. Doing a move twice is the same as once.
"""

import sqlite3

from callgate.adapters.store.batch import Batch
from callgate.adapters.store.bulk import Bulk

MOVE_MANY = 512
"""Rows that wait before they move in one transaction."""
MOVE_MS = 500
"""How long they wait while there is traffic."""
_KEYS = Bulk("INSERT OR REPLACE INTO keys VALUES", "(?, ?)")
_NAMES = Bulk("INSERT OR IGNORE INTO names VALUES", "(?, ?, ?)")
_WAIT = Bulk("INSERT INTO outbox VALUES", "(?, ?, ?, ?)")

Waiting = tuple[str, str, str, bytes]
"""(what, name, kind, data)."""


class Outbox:
    """What waits in the ledger, mirrored in memory."""

    def __init__(self) -> None:
        self._rows: list[Waiting] = []
        self._moved_ms = 0

    def load(self, ledger: sqlite3.Connection) -> None:
        # What is deleted here is overwritten: a moved key is erased by erasing it in the key database.
        ledger.execute("PRAGMA secure_delete=ON").fetchall()
        found = ledger.execute("SELECT what, name, kind, data FROM outbox ORDER BY rowid")
        self._rows = [(what, name, kind, bytes(data)) for what, name, kind, data in found]

    def due(self, now_ms: int) -> bool:
        # The clock may have been set back since the last move.
        waited = not 0 <= now_ms - self._moved_ms < MOVE_MS
        return len(self._rows) >= MOVE_MANY or (bool(self._rows) and waited)

    def move(self, keys: sqlite3.Connection | None) -> None:
        """Make everything that waits durable in the key database; it still waits until ``clear``."""
        if keys is None:
            raise sqlite3.OperationalError("the key database is not open")
        keys.execute("BEGIN IMMEDIATE")
        _KEYS.run(keys, [(name, data) for what, name, _, data in self._rows if what == "key"])
        _NAMES.run(keys, [(name, kind, data) for what, name, kind, data in self._rows if what == "name"])
        keys.execute("COMMIT")

    def clear(self, ledger: sqlite3.Connection) -> None:
        """Inside the transaction that follows a move."""
        ledger.execute("DELETE FROM outbox")

    def add(self, ledger: sqlite3.Connection, batch: Batch) -> list[Waiting]:
        """Inside the batch's transaction; returns what to ``settle`` once that is durable."""
        rows = [("key", key.owner, "", key.wrapped) for key in batch.keys]
        rows += [("name", name.pseudonym, name.kind, name.data) for name in batch.names]
        _WAIT.run(ledger, rows)
        return rows

    def settle(self, added: list[Waiting], *, moved: bool, now_ms: int) -> None:
        if moved:
            self._rows, self._moved_ms = [], now_ms
        self._rows += added

    def empty(self, ledger: sqlite3.Connection | None, keys: sqlite3.Connection | None) -> None:
        """At the end: nothing is left waiting. sqlite3.Error: it stays, and moves at the next start."""
        if self._rows and ledger is not None:
            self.move(keys)
            self.clear(ledger)
            self._rows = []
