"""Small rows beside the big nouns: consents, bindings, denials, halts, revocations, proposals."""

from callgate.model.base import Fact
from callgate.model.bundle import Bundle
from callgate.model.inquiry import InputAsked
from callgate.model.terms import HaltScope


class Consent(Fact, frozen=True):
    """An owner's yes to a contract, in one capacity (``domain:<name>`` or ``security``)."""

    contract: str
    capacity: str
    subject: str
    alone: bool
    at_ms: int


class TaskBinding(Fact, frozen=True):
    """A credential narrowed to a task by the control tool."""

    credential: str
    task: str
    at_ms: int


class Denial(Fact, frozen=True):
    """A person's no; it sticks for that task, tool and targets."""

    sticky: str
    hold: str
    until_ms: int


class Halt(Fact, frozen=True):
    """A kill switch that is on. ``what`` is the tool as ``integration/tool``, a subject, an id, or empty."""

    id: str
    scope: HaltScope
    what: str
    reason: str
    by: str
    at_ms: int


class Revocation(Fact, frozen=True):
    """A credential, or every credential of a subject issued before ``at_ms`` (``key`` is ``subject:<s>``)."""

    key: str
    at_ms: int
    by: str


class Proposal(Fact, frozen=True):
    """A bundle waiting for approval."""

    bundle: Bundle
    base: str
    by: str
    at_ms: int


class Setting(Fact, frozen=True):
    """One named value of the tenant, e.g. the digest of the live bundle."""

    name: str
    value: str


class Collected(Fact, frozen=True):
    """What an executed hold sealed for its author."""

    outcome: str
    result: bytes
    error: bytes
    events: tuple[str, ...]
    receipt: tuple[tuple[str, str], ...]
    reason: str = ""
    """When it did not end well: why, for people."""
    unknown: bool = False
    """The effect may have happened."""
    asked: InputAsked | None = None
    """What the target wants answered before there is a result."""
