"""Who: initiator + runtime + actor. All three or no call."""

from callgate.model.base import Fact
from callgate.model.terms import Role, RuntimeKind


class Initiator(Fact, frozen=True):
    """The human. Unique by (tenant, issuer, subject); the tenant follows the issuer, never a claim."""

    tenant: str
    issuer: str
    subject: str
    name: str = ""
    """For people; never in the ledger in clear."""


class Runtime(Fact, frozen=True):
    """A registered assistant runtime (service identity), e.g. ``codex``."""

    id: str
    kind: RuntimeKind = RuntimeKind.ATTENDED
    title: str = ""
    owner: str = ""
    """Accountable person of a service runtime (an account subject)."""
    users: tuple[str, ...] = ("*",)
    """Subjects who may use it; ``*`` is everyone of the tenant."""
    client_ids: tuple[str, ...] = ()
    """``act.sub`` or ``client_id`` / ``azp`` values that mean this runtime (``id`` always does)."""


class Actor(Fact, frozen=True):
    """The account the target sees: a credential of ours, by integration."""

    integration: str
    name: str


class Delegate(Fact, frozen=True):
    """One nested ``act`` of a token (RFC 8693 section 4.1): recorded history, never decided on."""

    subject: str
    issuer: str = ""


class Principal(Fact, frozen=True):
    initiator: Initiator
    runtime: Runtime
    actor: Actor
    chain: tuple[Delegate, ...] = ()
    """Delegation behind the runtime, outermost first, without the runtime itself."""


class Credential(Fact, frozen=True):
    """A verified token of a caller. The token itself is never kept."""

    id: str
    """Hash of (issuer, jti), or of the whole token when it has no jti; 32 hex characters."""
    initiator: Initiator
    runtime: Runtime
    chain: tuple[Delegate, ...]
    issued_ms: int
    expires_ms: int
    task: str = ""
    """The token's task is final; empty: none."""
    integrations: tuple[str, ...] = ()
    """Audience narrowed to these integrations; empty: all."""


class Account(Fact, frozen=True):
    """A local account; its roles stand in the policy bundle. ``verifier`` is the encoded passphrase hash (scrypt), never shown."""

    subject: str
    name: str
    team: str
    verifier: str
    created_ms: int
    disabled: bool = False


class Presence(Fact, frozen=True):
    """Proof that a person was there for one act, made by the gate after it checked the proof."""

    subject: str
    issuer: str
    method: str
    """``passphrase``; later ``browser``, ``passkey``."""
    at_ms: int
    same_host: bool
    """The act came over the local socket from the gate's own operating-system user."""
    roles: tuple[Role, ...] = ()
    team: str = ""
