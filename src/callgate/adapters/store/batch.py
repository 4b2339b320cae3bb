"""A batch: units judged one after the other, each against the effect of those before it, and what they write.

Memory and SQLite share it, so that both mean the same by a guard, a version and a counter.
"""

from collections.abc import Sequence
from typing import Protocol

from callgate.core.ledger.events import encode_event
from callgate.core.ledger.tree import leaf_hash
from callgate.model.event import NewEvent
from callgate.model.store import (
    Conflict,
    Delete,
    Expect,
    KeyRow,
    Kind,
    NameRow,
    OpenCall,
    Put,
    Release,
    Reserve,
    Row,
    SealedRow,
    Unit,
)

Used = tuple[int, int]
"""A counter: used amount, and when it may be forgotten (milliseconds; 0: never)."""
RowKey = tuple[Kind, str]
LeafRow = tuple[int, str, str, str, int, bytes, bytes]
"""The fields of ``model.store.Leaf``."""


class Ground(Protocol):
    """What was durable before the batch."""

    def used(self, counter: str) -> Used | None: ...

    def version(self, kind: Kind, key: str) -> int:
        """0: there is no such row."""


class Batch:
    """Final values by key, so that each row is written once however often the units of the batch change it."""

    def __init__(self, ground: Ground, *, tenant: str, writer: str, size: int, seq: int, now_ms: int) -> None:
        self._ground = ground
        self._tenant = tenant
        self._writer = writer
        self.size = size
        self.seq = seq
        self.now_ms = now_ms
        self.leaves: list[LeafRow] = []
        self.hashes: list[bytes] = []
        self.counters: dict[str, Used] = {}
        self.rows: dict[RowKey, Row | None] = {}
        self.calls: dict[str, OpenCall | None] = {}
        self.sealed: list[SealedRow] = []
        self.keys: list[KeyRow] = []
        self.names: list[NameRow] = []

    def add(self, unit: Unit) -> Conflict | None:
        """Take the unit in whole, or say why not. Whatever an event's encoding raises leaves nothing behind."""
        counters: dict[str, Used] = {}
        if unit.guards or unit.changes:
            conflict = self._judge(unit, counters)
            if conflict is not None:
                return conflict
        if unit.events:
            self._append(unit.events)
        self.counters.update(counters)
        if unit.changes:
            self._change(unit.changes)
        for call in unit.opened:
            self.calls[call.call_id] = call
        for call_id in unit.closed:
            self.calls[call_id] = None
        self.sealed += unit.sealed
        self.keys += unit.keys
        self.names += unit.names
        return None

    @property
    def empty(self) -> bool:
        """Nothing is to be written."""
        return not (self.leaves or self.counters or self.rows or self.calls or self.sealed or self.keys or self.names)

    def _judge(self, unit: Unit, counters: dict[str, Used]) -> Conflict | None:
        """Every guard against the state before the unit; reservations of one counter add up in ``counters``."""
        conflict: Conflict | None = None
        for guard in unit.guards:
            conflict = self._reserve(guard, counters) if isinstance(guard, Reserve) else self._expect(guard)
            if conflict is not None:
                return conflict
        for change in unit.changes:
            if not isinstance(change, Release) and change.expect is not None:
                conflict = self._expect(Expect(kind=change.kind, key=change.key, version=change.expect))
                if conflict is not None:
                    return conflict
        return None

    def _reserve(self, guard: Reserve, counters: dict[str, Used]) -> Conflict | None:
        name = guard.counter
        known = counters.get(name) or self._counter(name)
        used, expires_ms = known or (0, guard.expires_ms)
        if guard.limit and used + guard.amount > guard.limit:
            return Conflict(which=f"counter:{name}", found=used)
        keep_until = max(expires_ms, guard.expires_ms) if expires_ms and guard.expires_ms else 0
        counters[name] = (used + guard.amount, keep_until)
        return None

    def _expect(self, guard: Expect) -> Conflict | None:
        found = self._version(guard.kind, guard.key)
        return None if found == guard.version else Conflict(which=f"{guard.kind.value}:{guard.key}", found=found)

    def _counter(self, name: str) -> Used | None:
        known = self.counters.get(name)
        if known is None:
            known = self._ground.used(name)
        return None if known is None or is_over(known, self.now_ms) else known

    def _version(self, kind: Kind, key: str) -> int:
        if (kind, key) in self.rows:
            row = self.rows[kind, key]
            return 0 if row is None else row.version
        return self._ground.version(kind, key)

    def _append(self, events: Sequence[NewEvent]) -> None:
        index, seq = self.size, self.seq
        leaves, hashes = [], []
        for new in events:
            seq += 1
            data = encode_event(new, self._tenant, self._writer, seq)
            hashes.append(leaf_hash(data))
            kind = str(new.body.__struct_config__.tag)
            leaves.append((index, new.id, new.call, kind, new.at_ms, data, hashes[-1]))
            index += 1
        self.leaves += leaves
        self.hashes += hashes
        self.size, self.seq = index, seq

    def _change(self, changes: Sequence[Put | Delete | Release]) -> None:
        for change in changes:
            if isinstance(change, Put):
                self.rows[change.kind, change.key] = Row(
                    kind=change.kind,
                    key=change.key,
                    version=self._version(change.kind, change.key) + 1,
                    body=change.body,
                    state=change.state,
                    ref=change.ref,
                    at_ms=change.at_ms,
                )
            elif isinstance(change, Delete):
                self.rows[change.kind, change.key] = None
            else:
                known = self._counter(change.counter)
                if known is not None:
                    self.counters[change.counter] = (max(0, known[0] - change.amount), known[1])


def is_over(counter: Used, now_ms: int) -> bool:
    """Its time has passed: it counts as never used."""
    return 0 < counter[1] <= now_ms
