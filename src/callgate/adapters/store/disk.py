"""The writing side of one tenant's files: one batch is one transaction, and after a fault the disk is asked what is true."""

import contextlib
import sqlite3
from collections.abc import Sequence

import msgspec

from callgate.adapters.store.batch import Batch, RowKey, Used
from callgate.adapters.store.bulk import Bulk
from callgate.adapters.store.files import Connect, StoreFiles
from callgate.adapters.store.outbox import Outbox
from callgate.core.ledger.tree import WIDTH, Frontier, Tile, leaf_hash
from callgate.model.base import Fact
from callgate.model.errors import IntegrityError
from callgate.model.store import CheckpointRow, Kind

CACHE = -8_192
"""KiB of pages (SQLite wants them negative) that the ledger's writing connection may keep."""
CACHED = 50_000
"""Counters, and versions of rows, kept in memory before the cache starts anew."""
FORGET_EVERY_MS = 60_000

_astuple = msgspec.structs.astuple
_json = msgspec.json.encode

_HEAD = "SELECT batch, size, root, writer, seq, at_ms FROM head"
_MOVE_HEAD = "UPDATE head SET batch = ?, size = ?, root = ?, writer = ?, seq = ?, at_ms = ? WHERE batch = ?"
_EVENTS = Bulk("INSERT INTO events VALUES", "(?, ?, ?, ?, ?, ?, ?)")
_SEALED = Bulk("INSERT INTO sealed VALUES", "(?, ?, ?, ?)")
_COUNTERS = Bulk(
    "INSERT INTO counters VALUES",
    "(?, ?, ?)",
    " ON CONFLICT DO UPDATE SET used = excluded.used, expires_ms = excluded.expires_ms",
)
_USED = Bulk("INSERT INTO counters VALUES", "(?, ?, ?)", " ON CONFLICT DO UPDATE SET used = excluded.used")
_FORGET = (
    "DELETE FROM counters WHERE name IN (SELECT name FROM counters WHERE expires_ms > 0 AND expires_ms <= ? LIMIT 1000)"
)
_OPEN = Bulk("INSERT OR REPLACE INTO open_calls VALUES", "(?, ?)")
_CLOSE = Bulk("DELETE FROM open_calls WHERE call_id IN (", "?", ")")
_PUT = "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM rows WHERE kind = ? AND key = ?"
_TILE = "INSERT INTO tiles VALUES (?, ?, ?)"
_LEVEL = "INSERT OR REPLACE INTO frontier VALUES (?, ?)"
_CHECKPOINT = "INSERT INTO checkpoints VALUES (?, ?, ?)"


class Tail(Fact, frozen=True):
    """What the last durable batch left: where the next one goes on."""

    batch: int = 0
    frontier: Frontier = Frontier()
    writer: str = ""
    seq: int = 0
    at_ms: int = 0


class Disk:
    """Two connections, used by the writer's thread alone once it runs. Also the ground that batches are judged on."""

    def __init__(self, files: StoreFiles, connect: Connect) -> None:
        self._files = files
        self._connect = connect
        self._ledger: sqlite3.Connection | None = None
        self._keys: sqlite3.Connection | None = None
        self._counters: dict[str, Used] = {}
        self._versions: dict[RowKey, int] = {}
        self._forgot_ms = 0
        self._outbox = Outbox()
        self._possible: tuple[Tail, ...] = ()
        self.tail = Tail()

    def start(self, ledger: sqlite3.Connection, keys: sqlite3.Connection) -> int:
        """Take over fresh connections; returns the size of the newest checkpoint. Raises as ``reopen``."""
        self._ledger, self._keys = ledger, keys
        self.tail = _load_tail(ledger)
        self._possible = (self.tail,)
        self._outbox.load(ledger)
        return _signed(ledger)

    def reopen(self) -> None:
        """Open both files and go on from their head. IntegrityError when the head contradicts the rest, or is not
        one that this process left; sqlite3.Error and OSError when the files cannot be used now.
        """
        self._files.require_unchanged()
        self._ledger = self._connect(self._files.ledger)
        self._keys = self._connect(self._files.keys)
        tail = _load_tail(self._ledger)
        if tail not in self._possible:
            self.drop()
            raise IntegrityError("the ledger's head is not where this process left it")
        self.tail = tail
        self._possible = (tail,)
        self._outbox.load(self._ledger)

    @property
    def ready(self) -> bool:
        return self._ledger is not None and self._keys is not None

    def used(self, counter: str) -> Used | None:
        known = self._counters.get(counter)
        if known is None:
            query = "SELECT used, expires_ms FROM counters WHERE name = ?"
            known = self._open_ledger().execute(query, (counter,)).fetchone()
        return known

    def version(self, kind: Kind, key: str) -> int:
        known = self._versions.get((kind, key))
        if known is None:
            query = "SELECT version FROM rows WHERE kind = ? AND key = ?"
            row = self._open_ledger().execute(query, (kind.value, key)).fetchone()
            known = self._versions[kind, key] = 0 if row is None else row[0]
        return known

    def write(self, batch: Batch, tail: Tail, tiles: Sequence[Tile], note: CheckpointRow | None) -> None:
        """Make the batch durable, its keys with it. Raises sqlite3.Error and IntegrityError."""
        moved = self._outbox.due(batch.now_ms)
        if moved:
            self._outbox.move(self._keys)
        ledger = self._open_ledger()
        ledger.execute("BEGIN IMMEDIATE")
        if moved:
            self._outbox.clear(ledger)
        added = self._outbox.add(ledger, batch)
        _write_rows(ledger, batch)
        self._write_state(ledger, batch, tiles, note)
        self._move_head(ledger, tail)
        ledger.execute("COMMIT")
        self._files.require_unchanged()
        self._outbox.settle(added, moved=moved, now_ms=batch.now_ms)
        self._wrote(batch, tail)

    def _write_state(
        self, ledger: sqlite3.Connection, batch: Batch, tiles: Sequence[Tile], note: CheckpointRow | None
    ) -> None:
        if batch.counters:
            self._write_counters(ledger, batch)
        if not 0 <= batch.now_ms - self._forgot_ms < FORGET_EVERY_MS:
            ledger.execute(_FORGET, (batch.now_ms,))
        if tiles:
            ledger.executemany(_TILE, map(_astuple, tiles))
        if note is not None:
            ledger.execute(_CHECKPOINT, (note.size, note.at_ms, note.note))

    def _move_head(self, ledger: sqlite3.Connection, tail: Tail) -> None:
        old = self.tail.frontier.levels
        for level, hashes in enumerate(tail.frontier.levels[1:], 1):
            if level >= len(old) or hashes is not old[level]:
                ledger.execute(_LEVEL, (level, hashes))
        frontier = tail.frontier
        head = (tail.batch, frontier.size, frontier.root(), tail.writer, tail.seq, tail.at_ms, self.tail.batch)
        if ledger.execute(_MOVE_HEAD, head).rowcount != 1:
            raise IntegrityError("another process moved the ledger's head")

    def rollback(self) -> None:
        """Undo a batch that the database refused as data; sqlite3.Error when not even that works."""
        for connection in (self._ledger, self._keys):
            if connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")
        self._forget()

    def recover(self, wanted: Tail) -> bool | None:
        """After a fault: open again and see. True: the batch is durable; False: it is not; None: nobody can say
        yet, the files cannot be read now. IntegrityError as ``reopen``.
        """
        before = self.tail
        self.drop()
        self._possible = (before, wanted)
        try:
            self.reopen()
        except (sqlite3.Error, OSError):
            self.drop()
            return None
        return self.tail != before

    def restart_log(self) -> None:
        """Move what is left of the logs, so that the next commits start them over. Waits for nobody."""
        for connection in (self._ledger, self._keys):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def drop(self) -> None:
        """Close whatever is open; an unfinished transaction is rolled back by that."""
        for connection in (self._ledger, self._keys):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
        self._ledger = self._keys = None
        self._forget()

    def close(self) -> None:
        """Leave no key in the ledger and no log behind where that is possible, then close."""
        with contextlib.suppress(sqlite3.Error):
            self._outbox.empty(self._ledger, self._keys)
        for connection in (self._ledger, self._keys):
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.drop()

    def _write_counters(self, ledger: sqlite3.Connection, batch: Batch) -> None:
        """Those whose expiry is as before leave its index alone."""
        same, others = [], []
        for name, (used, expires_ms) in batch.counters.items():
            known = self._counters.get(name)
            if known is not None and known[1] == expires_ms:
                same.append((name, used, expires_ms))
            else:
                others.append((name, used, expires_ms))
        _USED.run(ledger, same)
        _COUNTERS.run(ledger, others)

    def _wrote(self, batch: Batch, tail: Tail) -> None:
        self.tail = tail
        self._possible = (tail,)
        if not 0 <= batch.now_ms - self._forgot_ms < FORGET_EVERY_MS:
            self._forgot_ms = batch.now_ms
            self._forget()
        if len(self._counters) + len(self._versions) > CACHED:
            self._forget()
        self._counters.update(batch.counters)
        for key, row in batch.rows.items():
            self._versions[key] = 0 if row is None else row.version

    def _forget(self) -> None:
        self._counters.clear()
        self._versions.clear()

    def _open_ledger(self) -> sqlite3.Connection:
        if self._ledger is None:
            raise sqlite3.OperationalError("the ledger is not open")
        return self._ledger


def _write_rows(ledger: sqlite3.Connection, batch: Batch) -> None:
    _EVENTS.run(ledger, batch.leaves)
    _SEALED.run(ledger, [_astuple(sealed) for sealed in batch.sealed])
    if batch.calls:
        _OPEN.run(ledger, [(call_id, _json(call)) for call_id, call in batch.calls.items() if call is not None])
        _CLOSE.run(ledger, [(call_id,) for call_id, call in batch.calls.items() if call is None])
    for (kind, key), row in batch.rows.items():
        if row is None:
            ledger.execute(_DELETE, (kind.value, key))
        else:
            ledger.execute(_PUT, (kind.value, key, row.version, row.body, row.state, row.ref, row.at_ms))


def _load_tail(ledger: sqlite3.Connection) -> Tail:
    """The head, checked against the last leaves; reads at most 255 of them, however long the log is."""
    ledger.execute(f"PRAGMA cache_size={CACHE}").fetchall()
    found = ledger.execute(_HEAD).fetchone()
    top = ledger.execute("SELECT max(leaf) FROM events").fetchone()[0]
    if found is None:
        raise IntegrityError("the ledger has no head")
    batch, size, root, writer, seq, at_ms = found
    if size != (0 if top is None else top + 1):
        raise IntegrityError(f"the ledger's head says {size} events, its last one is {top}")
    signed = _signed(ledger)
    if signed > size:
        raise IntegrityError(f"a checkpoint covers {signed} events, the ledger has {size}")
    frontier = _load_frontier(ledger, size)
    if frontier.root() != root:
        raise IntegrityError("the ledger's last events do not match its head")
    return Tail(batch=batch, frontier=frontier, writer=writer, seq=seq, at_ms=at_ms)


def _signed(ledger: sqlite3.Connection) -> int:
    """Size of the newest checkpoint; 0: there is none."""
    found = ledger.execute("SELECT max(size) FROM checkpoints").fetchone()[0]
    return 0 if found is None else int(found)


def _load_frontier(ledger: sqlite3.Connection, size: int) -> Frontier:
    if size == 0:
        return Frontier()
    last = ledger.execute(
        "SELECT coalesce(CAST(data AS BLOB), x'') FROM events WHERE leaf >= ? ORDER BY leaf", (size - size % WIDTH,)
    ).fetchall()
    above = [
        row[0] for row in ledger.execute("SELECT coalesce(CAST(hashes AS BLOB), x'') FROM frontier ORDER BY level")
    ]
    return Frontier.of(size, (b"".join(leaf_hash(row[0]) for row in last), *above))
