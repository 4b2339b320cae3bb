"""The one thread that writes a tenant's store: whatever waits becomes one batch, one commit, one wake-up of the loop."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence

from callgate.adapters.store.batch import Batch
from callgate.adapters.store.disk import Disk, Tail
from callgate.adapters.store.notary import Notary
from callgate.adapters.store.wal import WalSweeper
from callgate.core.ledger.tree import Frontier, Tile
from callgate.core.tally import SIZES, Spread
from callgate.flow.ports import Clock
from callgate.model.errors import CallgateError, IntegrityError, StoreError
from callgate.model.store import CheckpointRow, Committed, Conflict, Unit

MAX_WAITING = 10_000
MAX_BATCH = 512
"""Units from which a batch takes no more turns of a loop."""
QUIET_TURNS = 3
"""Turns of a loop without a new unit after which a hand-over ends: a request needs about as many until it has one."""
MOST_TURNS = 30
"""Turns that one hand-over may gather from."""

Result = Committed | Conflict | CallgateError
Waiting = tuple[Unit, "asyncio.Future[Committed | Conflict]"]

_BAD_UNIT = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, TypeError, ValueError, OverflowError)
"""What a value that cannot be stored raises: the fault of its unit alone, never of the disk."""
_LEDGER_ROWS = ("events.leaf", "tiles.level", "checkpoints.size")


class Writer:
    """Made on an open Disk. ``submit`` may be called from any loop's thread; everything else runs in the thread."""

    def __init__(
        self, disk: Disk, sweeper: WalSweeper, notary: Notary, clock: Clock, *, tenant: str, writer: str
    ) -> None:
        self._disk = disk
        self._sweeper = sweeper
        self._notary = notary
        self._clock = clock
        self._tenant = tenant
        self._writer = writer
        self._queue: queue.SimpleQueue[list[Waiting] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        # Units of a loop's turns that followed one another without a pause: the thread is woken once for all of them.
        self._gathered: dict[asyncio.AbstractEventLoop, list[Waiting]] = {}
        self._waiting = 0
        self._closed = False
        self.broken = ""
        """Why nothing is written any more; empty: all is well."""
        self.batches = Spread(SIZES)
        """Units per batch."""
        self.commits = Spread()
        """Microseconds per batch."""
        self.busy_since_us = 0
        """When the batch that is being written was taken; 0: none is."""
        self.tail = disk.tail
        """The durable head; never ahead of the disk."""
        self._thread = threading.Thread(target=self._run, name="callgate-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, unit: Unit, future: "asyncio.Future[Committed | Conflict]") -> None:
        """Queue a unit. Cancelling ``future`` does not take it back."""
        if self.broken:
            raise IntegrityError(self.broken)
        loop = future.get_loop()
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed", code="store_closed")
            if self._waiting >= MAX_WAITING:
                raise StoreError("too many writes wait for the disk", code="store_busy", hint="Try again in a moment.")
            self._waiting += 1
            gathered = self._gathered.get(loop)
            if gathered is not None:
                gathered.append((unit, future))
                return
            self._gathered[loop] = [(unit, future)]
        loop.call_soon(self._flush, loop, 0, QUIET_TURNS, MOST_TURNS)

    def _flush(self, loop: asyncio.AbstractEventLoop, seen: int, quiet: int, turns: int) -> None:
        """Hand over what was gathered once some turns brought nothing more: calls that run beside each other then
        share batches, and a lone one waits for a few looks at the sockets.
        """
        with self._lock:
            gathered = self._gathered.get(loop)
            if gathered is None:
                return
            quiet = QUIET_TURNS if len(gathered) > seen else quiet - 1
            if quiet > 0 and turns > 1:
                loop.call_soon(self._flush, loop, len(gathered), quiet, turns - 1)
                return
            del self._gathered[loop]
            self._queue.put(gathered)

    def stop(self) -> None:
        """Take no more units. What waits is written, the last leaves are signed, the files closed: see ``join``."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for gathered in self._gathered.values():
                    self._queue.put(gathered)
                self._gathered.clear()
                self._queue.put(None)

    def join(self) -> None:
        """Block until all of that is done."""
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            waiting, open_ = self._next()
            if waiting:
                self.busy_since_us = began_us = self._clock.monotonic_us()
                results = self._serve([unit for unit, _ in waiting])
                self.busy_since_us = 0
                self.batches.add(len(waiting))
                self.commits.add(self._clock.monotonic_us() - began_us)
                settle(waiting, results)
            elif self._due():
                self._serve([])
                if self._due():
                    self._notary.put_off(self._clock.monotonic_us())
        if self._disk.tail.frontier.size > self._notary.signed:
            self._serve([], sign=True)
        self._sweeper.stop()
        self._disk.close()

    @property
    def waiting(self) -> int:
        """Units that the thread has not taken yet."""
        return self._waiting

    @property
    def signed(self) -> int:
        """Size of the ledger under the newest checkpoint."""
        return self._notary.signed

    def _due(self) -> bool:
        return self._notary.due(self._disk.tail.frontier.size, self._clock.monotonic_us())

    def _next(self) -> tuple[list[Waiting], bool]:
        """What waits, or nothing when a checkpoint falls due first; False when it is time to end."""
        taken: list[Waiting] = []
        try:
            item = self._queue.get(timeout=self._notary.wait_s(self._clock.monotonic_us()))
            while item is not None:
                taken += item
                if len(taken) >= MAX_BATCH:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            item = taken
        with self._lock:
            self._waiting -= len(taken)
        return taken, item is not None

    def _serve(self, units: Sequence[Unit], *, sign: bool = False) -> list[Result]:
        """One outcome per unit, whatever happens; the thread itself never ends by a fault."""
        if self.broken:
            return [IntegrityError(self.broken) for _ in units]
        try:
            return self._attempt(units, sign=sign)
        except IntegrityError as fault:
            self.broken = fault.message
            self._disk.drop()
            return [IntegrityError(self.broken) for _ in units]
        except Exception as fault:  # noqa: BLE001 - the worker loop's last resort: refuse, then ask the disk anew
            self._disk.drop()
            return [StoreError(f"the store failed: {type(fault).__name__}") for _ in units]

    def _attempt(self, units: Sequence[Unit], *, sign: bool) -> list[Result]:
        if not self._disk.ready:
            try:
                self._disk.reopen()
            except (sqlite3.Error, OSError) as fault:
                self._disk.drop()
                return [_failed(fault) for _ in units]
        batch, judged = self._judge(units)
        tail, tiles = self._extend(batch)
        note = self._note(tail.frontier, batch.now_ms, sign=sign)
        if not batch.empty or note is not None:
            try:
                self._disk.write(batch, tail, tiles, note)
            except _BAD_UNIT as fault:
                _check_collision(fault)
                self._disk.rollback()
                return self._one_by_one(units, fault)
            except (sqlite3.Error, OSError) as fault:
                return self._after_fault(units, judged, tail, note, fault)
            self._wrote(tail, note, len(units))
        return _outcomes(judged, tail)

    def _judge(self, units: Sequence[Unit]) -> tuple[Batch, list[Conflict | StoreError | None]]:
        last = self._disk.tail
        batch = Batch(
            self._disk,
            tenant=self._tenant,
            writer=self._writer,
            size=last.frontier.size,
            seq=last.seq if last.writer == self._writer else 0,
            now_ms=self._clock.now_ms(),
        )
        judged: list[Conflict | StoreError | None] = []
        for unit in units:
            try:
                judged.append(batch.add(unit))
            except (*_BAD_UNIT, CallgateError) as fault:
                judged.append(_bad_unit(fault))
        return batch, judged

    def _extend(self, batch: Batch) -> tuple[Tail, tuple[Tile, ...]]:
        last = self._disk.tail
        frontier, tiles = last.frontier.append(batch.hashes) if batch.hashes else (last.frontier, ())
        at_ms = batch.now_ms if batch.hashes else last.at_ms
        tail = Tail(batch=last.batch + 1, frontier=frontier, writer=self._writer, seq=batch.seq, at_ms=at_ms)
        return tail, tiles

    def _note(self, frontier: Frontier, now_ms: int, *, sign: bool) -> CheckpointRow | None:
        if sign or self._notary.due(frontier.size, self._clock.monotonic_us()):
            return self._notary.note(frontier.size, frontier.root(), now_ms)
        return None

    def _wrote(self, tail: Tail, note: CheckpointRow | None, weight: int) -> None:
        self.tail = tail
        if note is not None:
            self._notary.done(note.size)
        self._sweeper.wrote(weight)
        if self._sweeper.long:
            self._sweeper.long = False
            self._disk.restart_log()

    def _one_by_one(self, units: Sequence[Unit], fault: Exception) -> list[Result]:
        """A value of one unit was refused: give each its own transaction, so that it fails alone."""
        if len(units) <= 1:
            return [_bad_unit(fault) for _ in units]
        results: list[Result] = []
        for unit in units:
            results += self._serve([unit])
        return results

    def _after_fault(
        self,
        units: Sequence[Unit],
        judged: Sequence[Conflict | StoreError | None],
        tail: Tail,
        note: CheckpointRow | None,
        fault: Exception,
    ) -> list[Result]:
        """Resolve by what the disk says: the whole batch is there, or nothing of it."""
        durable = self._disk.recover(tail)
        if durable:
            self._wrote(tail, note, len(units))
            return _outcomes(judged, tail)
        code = "store_failed" if durable is False else "store_unknown"
        return [_failed(fault, code) for _ in units]


def _outcomes(judged: Sequence[Conflict | StoreError | None], tail: Tail) -> list[Result]:
    committed = Committed(size=tail.frontier.size)
    return [committed if verdict is None else verdict for verdict in judged]


def _failed(fault: Exception, code: str = "store_failed") -> StoreError:
    """SQLite names the trouble by code; its text may name a file, never a value."""
    name = getattr(fault, "sqlite_errorname", type(fault).__name__)
    hint = "Look at the disk of the gate's home, and at what callgate doctor says."
    return StoreError(f"the store could not write ({name})", code=code, hint=hint)


def _bad_unit(fault: Exception) -> StoreError:
    return StoreError(f"this cannot be stored ({type(fault).__name__})", code="bad_unit")


def _check_collision(fault: Exception) -> None:
    """A row where the ledger is to grow was not put there by us."""
    if isinstance(fault, sqlite3.IntegrityError) and any(name in str(fault) for name in _LEDGER_ROWS):
        raise IntegrityError("the ledger holds rows beyond its head") from fault


def settle(waiting: Sequence[Waiting], results: Sequence[Result]) -> None:
    """Resolve all futures with one wake-up per loop, nearly always one in all."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Committed | Conflict], Result]]] = {}
    for (_, future), result in zip(waiting, results, strict=True):
        by_loop.setdefault(future.get_loop(), []).append((future, result))
    for loop, resolved in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, resolved)
        except RuntimeError:
            # The loop is closed: nobody waits any more, and what was written stays written.
            continue


def _resolve(resolved: Sequence[tuple["asyncio.Future[Committed | Conflict]", Result]]) -> None:
    for future, result in resolved:
        if future.done():
            continue
        if isinstance(result, CallgateError):
            future.set_exception(result)
        else:
            future.set_result(result)
