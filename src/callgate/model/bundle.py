"""The policy bundle: everything that changes a verdict, under one digest (DESIGN section 4)."""

from callgate.model.base import Fact
from callgate.model.identity import Runtime
from callgate.model.terms import Ask, LogDepth, Profile, Role, RuntimeKind, Tier


class PolicyFile(Fact, frozen=True):
    name: str
    text: str
    """Cedar."""


class Domain(Fact, frozen=True):
    """A data area with an owner."""

    name: str
    title: str
    owner: str
    """Account subject."""
    targets: tuple[str, ...]
    """Patterns ``kind:id`` with ``*``; the longest matching pattern wins."""


class RiskTable(Fact, frozen=True):
    """Points per circumstance, added and capped at 100."""

    irreversible: int = 40
    admin: int = 40
    money: int = 40
    unattended: int = 10
    no_manifest: int = 20
    many_targets: int = 20
    many_from: int = 5
    """Number of targets that counts as many."""
    hold_from: int = 60
    """Risk from which the call is held for another person."""


class Duty(Fact, frozen=True):
    """What a tier owes. A tier without a row is denied."""

    tier: Tier
    approval: Ask | None
    """Question asked for a call of this tier that has no tested way back; None: no question."""
    log_depth: LogDepth
    state_pin: bool = True


class Rates(Fact, frozen=True):
    """Calls per minute; 0: no limit."""

    initiator: int = 600
    kinds: tuple[tuple[RuntimeKind, int], ...] = ()


class Waiting(Fact, frozen=True):
    """How holds behave."""

    expires_ms: int = 8 * 3_600_000
    grace_ms: int = 0
    """How long a held call waits in line before it is answered ``pending``."""
    max_open: int = 20
    """Open holds of one task (or everyday contract and initiator)."""
    quorum: int = 1
    denial_sticks_ms: int = 24 * 3_600_000


class RoleBinding(Fact, frozen=True):
    role: Role
    subjects: tuple[str, ...]


class Observing(Fact, frozen=True):
    """An integration at stage observe, who answers for that, and how long it lasts."""

    name: str
    """Of the integration."""
    until: str
    """Last day, ISO 8601, in UTC."""
    owner: str
    """Account subject."""


class Bundle(Fact, frozen=True):
    """``digest`` is SHA-256 hex over the canonical form of every other field."""

    digest: str
    profile: Profile
    policies: tuple[PolicyFile, ...]
    domains: tuple[Domain, ...]
    duties: tuple[Duty, ...]
    risk: RiskTable
    rates: Rates
    waiting: Waiting
    roles: tuple[RoleBinding, ...]
    runtimes: tuple[Runtime, ...]
    stages: tuple[tuple[str, str], ...]
    """(integration or ``*``, stage); an integration without a row is at stage ``read``."""
    manifests: tuple[tuple[str, str], ...]
    """(manifest name, digest) in use."""
    observing: tuple[Observing, ...] = ()
    """One for each integration at stage ``observe``; by name."""
