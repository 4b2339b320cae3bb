"""Material for store tests: a clock that stands still, a signing key, units with the shape of a governed call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.adapters.store.files import connect as plain_connect
from callgate.adapters.store.sqlite import SqliteStore, open_sqlite
from callgate.model.errors import StoreError
from callgate.model.event import Decided, Finished, NewEvent, TokenRevoked
from callgate.model.store import KeyRow, OpenCall, Reserve, SealedRow, Unit

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()
ORIGIN = "gate.test/acme"


@dataclass
class StillClock:
    """Moves when told."""

    ms: int = 1_800_000_000_000
    us: int = field(default=5_000_000)

    def now_ms(self) -> int:
        return self.ms

    def monotonic_us(self) -> int:
        return self.us

    def forward(self, ms: int) -> None:
        self.ms += ms
        self.us += ms * 1000


def sqlite_store(
    folder: Path, clock: StillClock, *, writer: str = "w1", connect=plain_connect, prefill=0, **more
) -> SqliteStore:
    return open_sqlite(
        folder,
        "acme",
        sign=PRIVATE.sign,
        origin=ORIGIN,
        public_key=PUBLIC,
        clock=clock,
        writer=writer,
        connect=connect,
        prefill=prefill,
        **more,
    )


def event(name: str, call: str = "", at_ms: int = 1_800_000_000_000) -> NewEvent:
    return NewEvent(id=f"ev-{name}", at_ms=at_ms, call=call, body=TokenRevoked(credential=f"c-{name}", by="p-1"))


def decided_unit(name: str, *, limit: int = 0) -> Unit:
    """What one allowed call commits before it goes upstream."""
    call = f"call-{name}"
    body = Decided(
        effect="allow", tier="execute", integration="git", tool="git_commit", pin="ab" * 32, contract="c-" + "1" * 32,
        task="task-1", findings=(), questions=(), obligations=("log:metadata",), risk=10, bundle="cd" * 32,
        targets=("t-" + "2" * 32,), domains=("code",), arguments="ef" * 32, arguments_tag="01" * 32,
        log_depth="metadata",
    )  # fmt: skip
    decided = NewEvent(id=f"ev-a{name}", at_ms=1_800_000_000_000, body=body, call=call)
    return Unit(
        events=(decided,),
        guards=(Reserve("rate:ana", 1, 0, 1_900_000_000_000), Reserve("calls:task-1", 1, limit)),
        opened=(OpenCall(call, "eq" * 16, "git", "git_commit", "task-1", 1_800_000_000_000),),
        sealed=(SealedRow(call, decided.id, "context", b"x" * 1024),),
        keys=(KeyRow(call, b"k" * 60),),
    )


def finished_unit(name: str) -> Unit:
    """What it commits before the answer."""
    call = f"call-{name}"
    body = Finished(outcome="ok", duration_us=1234, result="23" * 32, result_bytes=510)
    return Unit(events=(NewEvent(id=f"ev-b{name}", at_ms=1_800_000_000_000, body=body, call=call),), closed=(call,))


Hook = Callable[[Unit], Awaitable[None]]


class HookedStore:
    """A store whose commits can be watched, delayed and made to fail; the rest is the store behind it."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.units: list[Unit] = []
        """Every unit handed in, also those that failed."""
        self.fail: set[int] = set()
        """Numbers of commits (from 0) that raise and write nothing."""
        self.lose: set[int] = set()
        """Numbers of commits that are written and yet raise: the disk could not be asked."""
        self.before: Hook | None = None
        self.after: Hook | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, unit: Unit) -> Any:
        number = len(self.units)
        self.units.append(unit)
        if self.before is not None:
            await self.before(unit)
        if number in self.fail:
            raise StoreError("the disk is full")
        outcome = await self._inner.commit(unit)
        if self.after is not None:
            await self.after(unit)
        if number in self.lose:
            raise StoreError("the disk does not answer", code="store_unknown")
        return outcome

    def fail_from_now(self, *offsets: int) -> None:
        self.fail = {len(self.units) + offset for offset in offsets}
