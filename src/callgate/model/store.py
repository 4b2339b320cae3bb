"""What crosses the store port (DESIGN section 7 and 14). A handle belongs to one tenant: nothing here names one."""

import enum

from callgate.model.base import Fact
from callgate.model.event import NewEvent


class Kind(enum.StrEnum):
    """Kinds of rows. The struct of each stands in flow/rows.py."""

    ACCOUNT = "account"
    INTEGRATION = "integration"
    PIN = "pin"
    CONTRACT = "contract"
    CONSENT = "consent"
    TASK = "task"
    BINDING = "binding"
    HOLD = "hold"
    DENIAL = "denial"
    HALT = "halt"
    REVOCATION = "revocation"
    BUNDLE = "bundle"
    PROPOSAL = "proposal"
    SETTING = "setting"
    RULING = "ruling"


class Row(Fact, frozen=True):
    """One stored noun. ``body`` is its msgspec JSON. ``state`` and ``ref`` are indexed, for listing."""

    kind: Kind
    key: str
    version: int
    """1 after the first write, then +1 with each."""
    body: bytes
    state: str = ""
    ref: str = ""
    at_ms: int = 0
    """Time-order of listings and, where it has one, the row's expiry or deadline."""


class Put(Fact, frozen=True):
    """Write a row. ``expect``: the version that must be there now; 0: no row; None: whatever."""

    kind: Kind
    key: str
    body: bytes
    expect: int | None = None
    state: str = ""
    ref: str = ""
    at_ms: int = 0


class Delete(Fact, frozen=True):
    kind: Kind
    key: str
    expect: int | None = None


class Expect(Fact, frozen=True):
    """Guard: the row has exactly this version (0: there is no such row)."""

    kind: Kind
    key: str
    version: int


class Reserve(Fact, frozen=True):
    """Guard and change at once: ``used + amount <= limit``, then ``used += amount``. Limit 0: no cap."""

    counter: str
    amount: int
    limit: int
    expires_ms: int = 0
    """When the counter may be forgotten; 0: never."""


class Release(Fact, frozen=True):
    """Give back a reservation."""

    counter: str
    amount: int


class OpenCall(Fact, frozen=True):
    """A call whose execution was decided and whose outcome is not yet recorded, or is unknown."""

    call_id: str
    equal: str
    """Keyed tag of (principal, task, integration, tool, body)."""
    integration: str
    tool: str
    task: str
    at_ms: int
    unknown: bool = False
    hold: str = ""
    idempotent: bool = False


class SealedRow(Fact, frozen=True):
    """Ciphertext (nonce first) of one field of one event, beside the ledger."""

    owner: str
    """Call id (or event id when there is no call) whose key seals it."""
    event: str
    field: str
    data: bytes


class KeyRow(Fact, frozen=True):
    """A wrapped random key, in the key database. Deleting it erases what it seals."""

    owner: str
    wrapped: bytes


class NameRow(Fact, frozen=True):
    """What a pseudonym stands for, sealed; in the key database, erasable."""

    pseudonym: str
    kind: str
    data: bytes


class Unit(Fact, frozen=True):
    """The store's one write: all of it or nothing, durable when it returns."""

    events: tuple[NewEvent, ...] = ()
    guards: tuple[Expect | Reserve, ...] = ()
    changes: tuple[Put | Delete | Release, ...] = ()
    opened: tuple[OpenCall, ...] = ()
    """Inserted, or replaced when the call is there already (started -> unknown)."""
    closed: tuple[str, ...] = ()
    sealed: tuple[SealedRow, ...] = ()
    keys: tuple[KeyRow, ...] = ()
    names: tuple[NameRow, ...] = ()


class Committed(Fact, frozen=True):
    size: int
    """Tree size after the batch that holds the unit."""


class Conflict(Fact, frozen=True):
    """The first guard that did not hold; nothing of the unit was written."""

    which: str
    """``counter:<name>`` or ``<kind>:<key>``."""
    found: int
    """Version found, or counter's value."""


class Leaf(Fact, frozen=True):
    """An event as the ledger stores it."""

    index: int
    id: str
    call: str
    kind: str
    at_ms: int
    data: bytes
    hash: bytes = b""
    """Its leaf hash as it was stored beside it: what tells an edit of the newest events, which no tile covers yet."""


class Head(Fact, frozen=True):
    size: int
    root: bytes
    at_ms: int


class CheckpointRow(Fact, frozen=True):
    """A signed note (C2SP tlog-checkpoint)."""

    size: int
    at_ms: int
    note: str
