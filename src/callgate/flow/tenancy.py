"""Everything the flows of one tenant share: handles, live state, and the one way to write."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from callgate.catalog.catalogue import Catalogue
from callgate.core.ledger.seal import Sealer
from callgate.flow.live import Live
from callgate.flow.ports import Clock, Entropy, Store, Upstreams
from callgate.flow.watch import Observer
from callgate.model.errors import IntegrityError, StoreError
from callgate.model.event import EventBody, NewEvent, PrincipalRef
from callgate.model.identity import Principal
from callgate.model.store import Committed, Conflict, NameRow, Unit
from callgate.model.terms import Profile

KNOWN_NAMES = 100_000
"""Pseudonyms remembered as stored, so that a name row is written once per process."""


@dataclass
class Tenancy:
    """Built by app.py, one per tenant."""

    tenant: str
    store: Store
    live: Live
    sealer: Sealer
    clock: Clock
    entropy: Entropy
    upstreams: Upstreams
    catalogue: Catalogue
    profile: Profile
    log: Callable[[str, dict[str, object]], None]
    """Structured log: an event name and fields without values of calls."""

    def __post_init__(self) -> None:
        self._named: set[str] = set()
        self.known_callers: dict[tuple[str, str], tuple[Principal, PrincipalRef]] = {}
        """Pseudonyms by (credential, integration), as long as their names are known to be stored."""
        self.unsettled: set[str] = set()
        """Calls whose opening or closing could not be written, or of which nobody knows whether it was."""
        self.looks: dict[str, asyncio.Task[None]] = {}
        """By integration: its definitions are being listed again."""
        self.changed: list[Callable[[str], None]] = []
        """Told the name of an integration when what clients are shown of it may read otherwise now."""
        self.observer = Observer(self.tenant, self.clock, self.live)

    def new_id(self, prefix: str) -> str:
        """Time-ordered id: prefix, 12 hex digits of milliseconds, 14 random ones."""
        return f"{prefix}-{self.clock.now_ms():012x}{self.entropy.bytes(7).hex()}"

    def event(
        self, body: EventBody, *, call: str = "", who: PrincipalRef | None = None, same_host: bool = False
    ) -> NewEvent:
        now = self.clock.now_ms()
        made = f"ev-{now:012x}{self.entropy.bytes(7).hex()}"
        return NewEvent(id=made, at_ms=now, body=body, call=call, principal=who, same_host=same_host)

    async def write(self, unit: Unit) -> Committed | Conflict:
        """Commit, then mirror what was committed. The only way flows write."""
        try:
            outcome = await self.store.commit(unit)
        except (StoreError, IntegrityError) as fault:
            self.observer.store_failed(fault.code)
            self.forget_names()
            self.unsettled.update(unit.closed, (call.call_id for call in unit.opened))
            raise
        if isinstance(outcome, Committed):
            self.observer.store_fault = ""
            if unit.changes:
                self.live.apply(unit.changes)
                self.observer.changed(unit.events)
        else:
            self.observer.conflicts += 1
            if unit.names:
                self.forget_names()
        return outcome

    def forget_names(self) -> None:
        """Their rows may not be stored: the next use of each writes it again."""
        self._named.clear()
        self.known_callers.clear()

    def name(self, kind: str, value: str, names: list[NameRow]) -> str:
        """The pseudonym of a value; adds the sealed row that resolves it the first time it is seen."""
        pseudonym = self.sealer.pseudonym(kind, value)
        if pseudonym not in self._named:
            if len(self._named) >= KNOWN_NAMES:
                self.forget_names()
            self._named.add(pseudonym)
            sealed = self.sealer.seal_name(pseudonym, value.encode(), self.entropy.bytes(12))
            names.append(NameRow(pseudonym=pseudonym, kind=kind, data=sealed))
        return pseudonym
