"""Closed vocabularies. Each word is defined in the glossary of docs/design.md."""

import enum


class Tier(enum.IntEnum):
    """What a tool can do, at worst: look, prepare, or change things."""

    READ = 1
    DRAFT = 2
    EXECUTE = 3


TIERS = {tier.name.lower(): tier for tier in Tier}
"""By the words that people and files use."""


class Effect(enum.IntEnum):
    """Outcome of a finding or decision; the larger one is the stricter one."""

    ALLOW = 0
    DRAFT = 1
    HOLD = 2
    DENY = 3


class Stage(enum.StrEnum):
    """How far a team is on an integration. ``READ`` runs reads only. ``OBSERVE`` runs everything but what stops for
    good, and records what it would have done; it ends by itself (core/observe.py).
    """

    OBSERVE = "observe"
    READ = "read"
    PRODUCTION = "production"


class Profile(enum.StrEnum):
    """Named set of rules on quorum and separation of duties."""

    SOLO = "solo"
    TEAM = "team"


class RuntimeKind(enum.StrEnum):
    """How an assistant runtime works: is a person beside it or not."""

    ATTENDED = "attended"
    UNATTENDED = "unattended"
    SUBAGENT = "subagent"
    SERVICE = "service"


class Role(enum.StrEnum):
    """Who owns what: policy and exceptions, runtime and caps, contracts, attestations."""

    SECURITY = "security"
    PLATFORM = "platform"
    APP_TEAM = "app-team"
    AUDIT = "audit"


class Ask(enum.StrEnum):
    """Kind of question a hold asks (who can answer it follows from the kind)."""

    MEANT = "meant"
    """Did you mean this? Answered by the initiator, with presence."""
    DOMAIN = "domain"
    """May this team? Answered by the owner of the domain."""
    ACCEPTABLE = "acceptable"
    """Is this acceptable? Answered by another person (separation of duties)."""


class CallState(enum.StrEnum):
    """Life of a call; the legal steps are the table in core/call_state.py."""

    PROPOSED = "proposed"
    HELD = "held"
    STARTED = "started"
    UNKNOWN = "unknown"
    JOINED = "joined"
    """It was not executed: an equal earlier call answers for it."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    VOID = "void"
    FINISHED = "finished"


class Outcome(enum.StrEnum):
    """How a finished call ended, as seen in the target's answer."""

    OK = "ok"
    TOOL_ERROR = "tool_error"
    PROTOCOL_ERROR = "protocol_error"
    NOT_SENT = "not_sent"
    TOO_LARGE = "too_large"
    INPUT_REQUIRED = "input_required"
    """The target wants something answered before it gives a result (2026-07-28)."""


class HoldState(enum.StrEnum):
    """State of a hold; changes only by compare-and-set."""

    OPEN = "open"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    VOID = "void"
    EXECUTING = "executing"
    EXECUTED = "executed"


class TaskState(enum.StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class HaltScope(enum.StrEnum):
    """What a kill switch stops."""

    TENANT = "tenant"
    INTEGRATION = "integration"
    TOOL = "tool"
    INITIATOR = "initiator"
    RUNTIME = "runtime"
    TASK = "task"


class Breadth(enum.StrEnum):
    """How far a search may reach under a contract."""

    TARGETS = "targets"
    """Only searches that name an allowed target."""
    GLOBAL = "global"
    """Searches without a target are allowed."""


class LogDepth(enum.StrEnum):
    """How much of a call is kept, sealed, beside its events."""

    METADATA = "metadata"
    ARGUMENTS = "arguments"
    FULL = "full"
