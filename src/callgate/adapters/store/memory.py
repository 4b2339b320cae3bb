"""The store port in dictionaries: the same judgement, tree, checkpoints and refusals as SQLite, durable for nobody."""

import asyncio
from collections.abc import Callable, Sequence

from callgate.adapters.store.batch import Batch, RowKey, Used, is_over
from callgate.adapters.store.notary import Notary
from callgate.core.ledger.tree import Frontier
from callgate.core.tally import SIZES, Spread
from callgate.flow.ports import Clock, StoreFigures
from callgate.model.errors import CallgateError, StoreError
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


class MemoryStore:
    """Implements ``flow.ports.Store``. Without ``sign`` there are no checkpoints."""

    def __init__(
        self,
        tenant: str,
        *,
        clock: Clock,
        sign: Callable[[bytes], bytes] | None = None,
        origin: str = "",
        public_key: bytes = b"",
        writer: str = "memory",
    ) -> None:
        self.tenant = tenant
        self._clock = clock
        self._writer = writer
        self._notary = None if sign is None else Notary(origin, sign, public_key, 0)
        self._closed = False
        self._rows: dict[RowKey, Row] = {}
        self._counters: dict[str, Used] = {}
        self._open: dict[str, OpenCall] = {}
        self._sealed: dict[str, list[SealedRow]] = {}
        self._keys: dict[str, bytes] = {}
        self._names: dict[str, bytes] = {}
        self._leaves: list[Leaf] = []
        self._by_event: dict[str, Leaf] = {}
        self._tiles: dict[tuple[int, int], bytes] = {}
        self._checkpoints: list[CheckpointRow] = []
        self._frontier = Frontier()
        self._seq = 0
        self._at_ms = 0
        self._batches, self._commits = Spread(SIZES), Spread()

    def used(self, counter: str) -> Used | None:
        return self._counters.get(counter)

    def version(self, kind: Kind, key: str) -> int:
        row = self._rows.get((kind, key))
        return 0 if row is None else row.version

    async def commit(self, unit: Unit) -> Committed | Conflict:
        if self._closed:
            raise StoreError("the store is closed", code="store_closed")
        batch = Batch(
            self,
            tenant=self.tenant,
            writer=self._writer,
            size=self._frontier.size,
            seq=self._seq,
            now_ms=self._clock.now_ms(),
        )
        try:
            conflict = batch.add(unit)
        except (TypeError, ValueError, OverflowError, CallgateError) as fault:
            raise StoreError(f"this cannot be stored ({type(fault).__name__})", code="bad_unit") from fault
        ids = {leaf[1] for leaf in batch.leaves}
        if len(ids) < len(batch.leaves) or not ids.isdisjoint(self._by_event):
            raise StoreError("this cannot be stored (an event id is taken)", code="bad_unit")
        if conflict is None:
            self._take(batch)
            self._sign_if_due()
        # Another task gets its turn here, as it does with every other store.
        await asyncio.sleep(0)
        return Committed(size=batch.size) if conflict is None else conflict

    async def get(self, kind: Kind, key: str) -> Row | None:
        return self._rows.get((kind, key))

    async def list(
        self, kind: Kind, *, state: str = "", ref: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Row]:
        found = [
            row
            for row in self._rows.values()
            if row.kind is kind and row.key > after and state in ("", row.state) and ref in ("", row.ref)
        ]
        return sorted(found, key=lambda row: row.key.encode())[:limit]

    async def open_calls(self) -> Sequence[OpenCall]:
        return [self._open[call_id] for call_id in sorted(self._open)]

    async def counter(self, name: str) -> int:
        known = self._counters.get(name)
        return 0 if known is None or is_over(known, self._clock.now_ms()) else known[0]

    async def sealed(self, owner: str) -> Sequence[SealedRow]:
        return list(self._sealed.get(owner, ()))

    async def key(self, owner: str) -> bytes | None:
        return self._keys.get(owner)

    async def name(self, pseudonym: str) -> bytes | None:
        return self._names.get(pseudonym)

    async def leaves(self, start: int, limit: int) -> Sequence[Leaf]:
        return self._leaves[start : start + limit]

    async def leaves_of(self, call: str) -> Sequence[Leaf]:
        return [leaf for leaf in self._leaves if call and leaf.call == call]

    async def leaf(self, event: str) -> Leaf | None:
        return self._by_event.get(event)

    async def head(self) -> Head:
        return Head(size=self._frontier.size, root=self._frontier.root(), at_ms=self._at_ms)

    async def frontier(self) -> Frontier:
        """The tree behind ``head``, with the hashes that fill no tile yet."""
        return self._frontier

    async def tile(self, level: int, index: int) -> bytes | None:
        return self._tiles.get((level, index))

    async def checkpoint(self) -> CheckpointRow | None:
        self._sign_if_due()
        return self._checkpoints[-1] if self._checkpoints else None

    async def checkpoints(self, *, limit: int = 100_000) -> Sequence[CheckpointRow]:
        self._sign_if_due()
        return self._checkpoints[:limit]

    @property
    def fault(self) -> str:
        """Why nothing is written any more; always empty."""
        return ""

    def figures(self) -> StoreFigures:
        newest = self._checkpoints[-1] if self._checkpoints else None
        return StoreFigures(
            events=self._frontier.size,
            unsigned=self._frontier.size - (newest.size if newest else 0),
            checkpoint_ms=newest.at_ms if newest else 0,
            waiting=0,
            busy_us=0,
            bytes=sum(len(leaf.data) for leaf in self._leaves),
            broken="",
            batches=self._batches,
            commits=self._commits,
        )

    async def close(self) -> None:
        self._closed = True
        if self._notary is not None and self._frontier.size > self._notary.signed:
            self._sign(self._notary)

    def _take(self, batch: Batch) -> None:
        self._counters.update(batch.counters)
        for key, row in batch.rows.items():
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        for call_id, call in batch.calls.items():
            if call is None:
                self._open.pop(call_id, None)
            else:
                self._open[call_id] = call
        for sealed in batch.sealed:
            self._sealed.setdefault(sealed.owner, []).append(sealed)
        self._keys.update((key.owner, key.wrapped) for key in batch.keys)
        for name in batch.names:
            self._names.setdefault(name.pseudonym, name.data)
        if batch.leaves:
            self._extend(batch)

    def _extend(self, batch: Batch) -> None:
        self._frontier, tiles = self._frontier.append(batch.hashes)
        self._tiles.update(((tile.level, tile.index), tile.hashes) for tile in tiles)
        leaves = [Leaf(*leaf) for leaf in batch.leaves]
        self._leaves += leaves
        self._by_event.update((leaf.id, leaf) for leaf in leaves)
        self._seq, self._at_ms = batch.seq, batch.now_ms

    def _sign_if_due(self) -> None:
        """Without a thread a checkpoint falls due when somebody looks."""
        if self._notary is not None and self._notary.due(self._frontier.size, self._clock.monotonic_us()):
            self._sign(self._notary)

    def _sign(self, notary: Notary) -> None:
        size = self._frontier.size
        self._checkpoints.append(notary.note(size, self._frontier.root(), self._clock.now_ms()))
        notary.done(size)
