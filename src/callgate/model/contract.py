"""What for: contracts and tasks."""

from callgate.model.base import Fact
from callgate.model.terms import Breadth, Effect, TaskState, Tier


class Retry(Fact, frozen=True):
    """Retry policy of the gate itself; only calls of idempotent tools that were not sent are retried."""

    attempts: int = 1
    """Attempts in all, 1 to 5."""
    backoff_ms: int = 200


class Scope(Fact, frozen=True):
    """What a contract says of one integration."""

    integration: str
    tools: tuple[str, ...] = ("*",)
    """Tool names, or ``*``."""
    max_tier: Tier | None = None
    """Narrows the contract's own highest tier; None: the contract's."""
    targets: tuple[str, ...] = ()
    """Target patterns ``kind:id`` with ``*``; empty: whatever the domains allow."""
    breadth: Breadth | None = None
    """How far searches in this integration reach; None: as the contract says."""


class Contract(Fact, frozen=True):
    """Immutable, content-hashed statement of what work may touch (DESIGN section 5).

    ``id`` is ``c-`` and 32 hex characters of SHA-256 over the canonical form of every other field.
    """

    id: str
    name: str
    objective: str
    team: str
    owner: str
    """Account subject of the owner."""
    scopes: tuple[Scope, ...]
    max_tier: Tier
    domains: tuple[str, ...]
    initiators: tuple[str, ...] = ("*",)
    runtimes: tuple[str, ...] = ("*",)
    prohibited: tuple[str, ...] = ()
    """Target patterns ``kind:id`` that may never be touched: deny, never suspendable."""
    outside: Effect = Effect.HOLD
    """Verdict for a domain, target or tool outside: HOLD (default) or DENY."""
    breadth: Breadth = Breadth.TARGETS
    irreversible: bool = False
    everyday: bool = False
    """A team's standing rules: no task needed."""
    assistant_may_open: bool = False
    max_seconds: int = 0
    """Longest life of a task; 0: 8 hours. Not used by an everyday contract."""
    max_calls: int = 0
    """Calls in one task; 0: no cap."""
    call_timeout_ms: int = 60_000
    retry: Retry = Retry()
    parameters: tuple[str, ...] = ()
    """Names of the template's parameters; a contract with parameters is a template and cannot be used itself."""
    parent: str = ""
    """Id of the template or contract it was made from."""


class Task(Fact, frozen=True):
    """One open instance of a contract."""

    id: str
    contract: str
    initiator: str
    """Subject of the initiator."""
    issuer: str
    runtime: str
    """Runtime id, or ``*`` for any runtime of the initiator."""
    title: str
    opened_ms: int
    deadline_ms: int
    state: TaskState = TaskState.OPEN
    parent: str = ""
    """Task it narrows."""
    closed_ms: int = 0
    version: int = 0
