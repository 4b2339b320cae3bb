"""The embedded store: one writing thread, readers beside it (DESIGN section 7 and 14)."""

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from callgate.adapters.store.batch import is_over
from callgate.adapters.store.disk import Disk
from callgate.adapters.store.files import PREFILL, Connect, StoreFiles, connect
from callgate.adapters.store.notary import Notary
from callgate.adapters.store.wal import WalSweeper
from callgate.adapters.store.writer import Writer
from callgate.core.ledger.tree import EMPTY_ROOT, Frontier
from callgate.flow.ports import Clock, StoreFigures
from callgate.model.errors import ConfigError, IntegrityError, StoreError
from callgate.model.store import (
    CheckpointRow,
    Committed,
    Conflict,
    Head,
    Kind,
    Leaf,
    OpenCall,
    Row,
    SealedRow,
    Unit,
)

INLINE = 1_000
"""Leaves read on the loop's own thread; more go to a worker."""

# Bytes whatever somebody else put there, NULL among it: a verifier wants to see it, not to stumble over its type.
_BYTES = "coalesce(CAST(data AS BLOB), x''), coalesce(CAST(hash AS BLOB), zeroblob(32))"
_LEAF = f"SELECT leaf, id, call, kind, at_ms, {_BYTES} FROM events"  # noqa: S608 - no values
_CHECKPOINT = "SELECT size, at_ms, note FROM checkpoints"

T = TypeVar("T")

_open_call = msgspec.json.Decoder(OpenCall)


class Reader:
    """One connection that only reads, opened on first use and again after a fault. For one thread at a time."""

    def __init__(self, path: Path, connect: Connect) -> None:
        self._path = path
        self._connect = connect
        self._connection: sqlite3.Connection | None = None

    def all(self, query: str, arguments: Sequence[object] = ()) -> list[Any]:
        """Every row: a half-read statement would keep the log from being started over. StoreError."""
        try:
            if self._connection is None:
                self._connection = self._connect(self._path)
                self._connection.execute("PRAGMA query_only=ON")
            return self._connection.execute(query, arguments).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as fault:
            self.close()
            # What Python's module finds itself has no code of SQLite's.
            name = getattr(fault, "sqlite_errorname", type(fault).__name__)
            raise StoreError(f"the store could not be read ({name})") from fault

    def first(self, query: str, arguments: Sequence[object] = ()) -> Any:
        rows = self.all(query, arguments)
        return rows[0] if rows else None

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


class SqliteStore:
    """Implements ``flow.ports.Store``. Point reads run on the loop's thread (microseconds), longer ones on a worker."""

    def __init__(self, tenant: str, files: StoreFiles, connect: Connect, writer: Writer, clock: Clock) -> None:
        self.tenant = tenant
        self._writer = writer
        self._clock = clock
        self._ledger = Reader(files.ledger, connect)
        self._keys = Reader(files.keys, connect)
        self._long = Reader(files.ledger, connect)
        self._files = files
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="callgate-reader")

    async def commit(self, unit: Unit) -> Committed | Conflict:
        """See the port. StoreError ``store_unknown``: the disk failed and cannot be asked; the unit may be durable."""
        future: asyncio.Future[Committed | Conflict] = asyncio.get_running_loop().create_future()
        self._writer.submit(unit, future)
        return await future

    async def get(self, kind: Kind, key: str) -> Row | None:
        query = "SELECT kind, key, version, body, state, ref, at_ms FROM rows WHERE kind = ? AND key = ?"
        found = self._ledger.first(query, (kind.value, key))
        return None if found is None else _row(found)

    async def list(
        self, kind: Kind, *, state: str = "", ref: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Row]:
        query = "SELECT kind, key, version, body, state, ref, at_ms FROM rows WHERE kind = ? AND key > ?"
        arguments: list[object] = [kind.value, after]
        if state:
            query += " AND state = ? AND state <> ''"
            arguments.append(state)
        if ref:
            query += " AND ref = ? AND ref <> ''"
            arguments.append(ref)
        arguments.append(limit)
        return await self._later(_row, f"{query} ORDER BY key LIMIT ?", arguments)

    async def open_calls(self) -> Sequence[OpenCall]:
        query = "SELECT body FROM open_calls ORDER BY call_id"
        return await self._later(lambda found: _open_call.decode(found[0]), query)

    async def counter(self, name: str) -> int:
        found = self._ledger.first("SELECT used, expires_ms FROM counters WHERE name = ?", (name,))
        return 0 if found is None or is_over(found, self._clock.now_ms()) else int(found[0])

    async def sealed(self, owner: str) -> Sequence[SealedRow]:
        query = "SELECT owner, event, field, data FROM sealed WHERE owner = ? ORDER BY rowid"
        return [SealedRow(*found) for found in self._ledger.all(query, (owner,))]

    async def key(self, owner: str) -> bytes | None:
        # The newest counts: what waits in the outbox before what has moved.
        waiting = "SELECT data FROM outbox WHERE what = 'key' AND name = ? ORDER BY rowid DESC LIMIT 1"
        moved = "SELECT wrapped FROM keys WHERE owner = ?"
        found = self._ledger.first(waiting, (owner,)) or self._keys.first(moved, (owner,))
        return None if found is None else bytes(found[0])

    async def name(self, pseudonym: str) -> bytes | None:
        # The first counts. Looked up again at the end, since it may have moved in between.
        waiting = "SELECT data FROM outbox WHERE what = 'name' AND name = ? ORDER BY rowid LIMIT 1"
        moved = "SELECT data FROM names WHERE pseudonym = ?"
        found = (
            self._keys.first(moved, (pseudonym,))
            or self._ledger.first(waiting, (pseudonym,))
            or self._keys.first(moved, (pseudonym,))
        )
        return None if found is None else bytes(found[0])

    async def leaves(self, start: int, limit: int) -> Sequence[Leaf]:
        query, arguments = f"{_LEAF} WHERE leaf >= ? ORDER BY leaf LIMIT ?", (start, limit)
        if limit > INLINE:
            return await self._later(_leaf, query, arguments)
        return [_leaf(found) for found in self._ledger.all(query, arguments)]

    async def leaves_of(self, call: str) -> Sequence[Leaf]:
        query = f"{_LEAF} WHERE call = ? AND call <> '' ORDER BY leaf"
        return [_leaf(found) for found in self._ledger.all(query, (call,))]

    async def leaf(self, event: str) -> Leaf | None:
        found = self._ledger.first(f"{_LEAF} WHERE id = ?", (event,))
        return None if found is None else _leaf(found)

    async def head(self) -> Head:
        found = self._ledger.first("SELECT size, root, at_ms FROM head")
        return Head(size=0, root=EMPTY_ROOT, at_ms=0) if found is None else Head(*found)

    async def frontier(self) -> Frontier:
        """The tree behind ``head``, with the hashes that fill no tile yet. IntegrityError when the ledger has none."""
        if self._writer.broken:
            raise IntegrityError(self._writer.broken)
        return self._writer.tail.frontier

    async def tile(self, level: int, index: int) -> bytes | None:
        found = self._ledger.first("SELECT hashes FROM tiles WHERE level = ? AND position = ?", (level, index))
        return None if found is None else bytes(found[0])

    async def checkpoint(self) -> CheckpointRow | None:
        found = self._ledger.first(f"{_CHECKPOINT} ORDER BY size DESC LIMIT 1")
        return None if found is None else CheckpointRow(*found)

    async def checkpoints(self, *, limit: int = 100_000) -> Sequence[CheckpointRow]:
        return await self._later(lambda found: CheckpointRow(*found), f"{_CHECKPOINT} ORDER BY size LIMIT ?", (limit,))

    def figures(self) -> StoreFigures:
        """StoreError when the store cannot be read."""
        writer = self._writer
        size, since = writer.tail.frontier.size, writer.busy_since_us
        found = self._ledger.first("SELECT at_ms FROM checkpoints ORDER BY size DESC LIMIT 1")
        return StoreFigures(
            events=size,
            unsigned=max(0, size - writer.signed),
            checkpoint_ms=0 if found is None else found[0],
            waiting=writer.waiting,
            busy_us=self._clock.monotonic_us() - since if since else 0,
            bytes=self._files.bytes(),
            broken=writer.broken,
            batches=writer.batches,
            commits=writer.commits,
        )

    @property
    def fault(self) -> str:
        """Why nothing is written any more; empty: all is well. Reads go on, so that people can look."""
        return self._writer.broken

    async def close(self) -> None:
        """Write what waits, sign the last leaves, close. Twice is once."""
        self._writer.stop()
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._worker.shutdown)
        for reader in (self._ledger, self._keys, self._long):
            reader.close()

    async def _later(self, make: Callable[[Any], T], query: str, arguments: Sequence[object] = ()) -> Sequence[T]:
        def read() -> list[T]:
            return [make(found) for found in self._long.all(query, arguments)]

        return await asyncio.get_running_loop().run_in_executor(self._worker, read)


def _row(found: Sequence[Any]) -> Row:
    return Row(Kind(found[0]), *found[1:])


def _leaf(found: Sequence[Any]) -> Leaf:
    return Leaf(*found)


def open_sqlite(
    folder: Path,
    tenant: str,
    *,
    sign: Callable[[bytes], bytes],
    origin: str,
    public_key: bytes,
    clock: Clock,
    writer: str = "",
    create: bool = True,
    connect: Connect = connect,
    prefill: int = PREFILL,
) -> SqliteStore:
    """The store in ``folder``, made when it is not there (unless ``create`` is false).

    ``writer`` is the id of this process start in events; random when empty. ConfigError: the files are not a store
    that this version can use for this tenant and log. A ledger that contradicts itself opens for reading;
    ``fault`` says why, and every commit raises IntegrityError.
    """
    files = StoreFiles(folder, prefill)
    connections = files.prepare({"tenant": tenant, "origin": origin}, connect, create=create)
    disk = Disk(files, connect)
    broken, signed = "", 0
    try:
        signed = disk.start(*connections)
    except IntegrityError as fault:
        broken = fault.message
        disk.drop()
    except (sqlite3.Error, OSError) as fault:
        disk.drop()
        raise ConfigError(
            f"The store cannot be opened: {fault}.", file=str(folder), hint="Look at space and permissions there."
        ) from fault
    notary = Notary(origin, sign, public_key, signed)
    sweeper = WalSweeper((files.ledger, files.keys), connect)
    thread = Writer(disk, sweeper, notary, clock, tenant=tenant, writer=writer or secrets.token_hex(8))
    thread.broken = broken
    thread.start()
    return SqliteStore(tenant, files, connect, thread, clock)
