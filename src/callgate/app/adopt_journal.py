"""The record of a run that adopts: on the disk before each act that it is of, so that a killed run can be finished or
taken back from wherever it was.
"""

import datetime as dt
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from callgate.adapters.home.adopted import AdoptionStore
from callgate.adapters.inventory.rewrite import OnDisk
from callgate.model.adopt import AdoptRecord, KeptConnection, KeptFile
from callgate.model.errors import ConfigError

SCHEMA = 1
_RULES = "rules"
_ASKED = frozenset({"connecting", "connected"})


def sha256(data: bytes | None) -> str:
    """Hex; empty: there is no such file."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


class AdoptJournal:
    """Of one run; it also knows what earlier ones left. Everything raises ConfigError."""

    def __init__(self, store: AdoptionStore) -> None:
        self._store = store
        self._earlier: list[AdoptRecord] = []
        self._taken: frozenset[str] = frozenset()
        self._record: AdoptRecord | None = None

    def look(self, taken: Sequence[str]) -> None:
        """``taken``: names of integrations that the gate has."""
        self._earlier = self._store.records()
        self._taken = frozenset(taken)

    @contextmanager
    def held(self) -> Iterator[None]:
        """From here nobody else adopts or takes back; nor did anybody since ``look``."""
        with self._store.held():
            if self._store.records() != self._earlier:
                raise ConfigError("Another callgate adopt changed things meanwhile.", hint="Run it again.")
            self._store.tidy()
            yield

    def known(self) -> dict[str, str]:
        """Digest of a connection to its name in the gate, of those that adoptions connected."""
        found = [one for record in self._earlier for one in record.connections if one.state in _ASKED]
        return {one.connection: one.integration for one in found if one.integration in self._taken}

    def stopped(self) -> dict[str, str]:
        """Integrations in the gate to the adoption that connected them and was stopped before it changed a file."""
        planned = [record for record in self._earlier if record.state == "planned"]
        names = [(one.integration, record.id) for record in planned for one in record.connections if _asked(one)]
        return {name: adoption for name, adoption in names if name in self._taken}

    def state_of(self, integration: str) -> str:
        return "connected" if integration in self._taken else "wanted"

    def begin(self, connections: Sequence[KeptConnection]) -> None:
        """Before the first act; nothing after that."""
        if self._record is not None:
            return
        now_ms = time.time_ns() // 1_000_000
        stamp = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).strftime("%Y%m%d-%H%M%S")
        taken = {record.id for record in self._earlier}
        number = next(n for n in range(1, 1_000) if f"{stamp}-{n}" not in taken)
        self._record = AdoptRecord(
            schema=SCHEMA,
            id=f"{stamp}-{number}",
            at_ms=now_ms,
            state="planned",
            connections=tuple(connections),
            files=(),
        )
        self._store.begin(self._record)
        for record in self._earlier:
            if record.state == "planned" and record.rules is not None:
                self._save(rules=record.rules, copies={_RULES: self._store.copy(record.id, record.rules.kept)})

    def mark(self, integration: str, state: str) -> None:
        """``state`` of KeptConnection; empty: it is none of this adoption."""
        if self._record is None:
            return
        rest = [one for one in self._record.connections if one.integration != integration]
        mine = [one for one in self._record.connections if one.integration == integration and state]
        self._save(connections=(*rest, *(msgspec.structs.replace(one, state=state) for one in mine)))

    def rules_wait(self, now: bytes | None) -> bool:
        """``now``, the text of rules.toml, is what a stopped adoption wrote, to the byte."""
        return any(self._wrote(record, now) for record in self._earlier)

    def keep_rules(self, file: str, before: OnDisk, after: bytes) -> None:
        """Before rules.toml is written."""
        written = [record for record in self._earlier if self._wrote(record, before.data)]
        data = before.data or b""
        if written and written[-1].rules is not None:
            data = self._store.copy(written[-1].id, written[-1].rules.kept)
        kept = KeptFile(
            file=file,
            mode=before.mode,
            uid=before.uid,
            gid=before.gid,
            before=sha256(data),
            after=sha256(after),
            kept=_RULES,
        )
        self._save(rules=kept, copies={_RULES: data})

    def _wrote(self, record: AdoptRecord, now: bytes | None) -> bool:
        rules = record.rules
        return record.state == "planned" and rules is not None and rules.after == sha256(now)

    def _made(self) -> bool:
        """The gate was asked to connect something new."""
        found = self._record.connections if self._record is not None else ()
        return any(_asked(one) and one.integration not in self._taken for one in found)

    def files(self, files: Sequence[KeptFile], copies: dict[str, bytes], *, used: frozenset[str]) -> str:
        """Before the first of them is replaced. ``used``: integrations that clients come to use. The adoption's id."""
        assert self._record is not None
        kept = tuple(one for one in self._record.connections if _asked(one) or one.integration in used)
        for one in self._record.connections:
            if one not in kept:
                self._store.drop_secrets(one.integration, one.secrets)
        self._save(state="begun", connections=kept, files=tuple(files), copies=copies)
        self._take_over()
        return self._record.id

    def done(self) -> None:
        self._save(state="done")

    def leave(self) -> None:
        """Nothing came of it: no secret and no record stays. What the gate connected all the same stays known."""
        if self._record is None:
            return
        for one in self._record.connections:
            if one.state == "wanted":
                self._store.drop_secrets(one.integration, one.secrets)
        if self._made():
            self._save(connections=tuple(one for one in self._record.connections if _asked(one)))
        else:
            self._store.drop(self._record.id)
        self._record = None

    def _take_over(self) -> None:
        """What stopped adoptions connected and this one uses is this one's now."""
        assert self._record is not None
        mine = {one.integration for one in self._record.connections}
        for record in self._earlier:
            if record.state != "planned":
                continue
            rest = [one for one in record.connections if one.integration not in mine]
            for one in rest:
                if one.integration not in self._taken:
                    self._store.drop_secrets(one.integration, one.secrets)
            if standing := tuple(one for one in rest if _asked(one) and one.integration in self._taken):
                self._store.save(msgspec.structs.replace(record, connections=standing))
            else:
                self._store.drop(record.id)

    def _save(self, *, copies: dict[str, bytes] | None = None, **changed: object) -> None:
        assert self._record is not None
        self._record = msgspec.structs.replace(self._record, **changed)
        self._store.save(self._record, copies)


def _asked(one: KeptConnection) -> bool:
    return one.state in _ASKED
