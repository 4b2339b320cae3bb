"""Holds, votes and what an approval makes true (DESIGN section 9)."""

from callgate.model.base import Fact
from callgate.model.call import Call
from callgate.model.decision import Question
from callgate.model.terms import HoldState


class Vote(Fact, frozen=True):
    """One answer to one question, bound to what the voter was shown."""

    question: str
    """Question.id."""
    yes: bool
    subject: str
    issuer: str
    digest: str
    """Hold.digest as rendered to the voter; a stale one is refused."""
    at_ms: int
    method: str
    """How presence was shown."""
    same_host: bool
    alone: bool
    """Under SOLO: the voter answered what would be another person's question."""
    review_ms: int = 0
    """From the first time this voter was shown the hold to the vote."""


class Hold(Fact, frozen=True):
    """A frozen call waiting. The call's values are sealed; this row holds what listing and voting need."""

    id: str
    """``hold-`` and 26 characters."""
    call_id: str
    decision_id: str
    """Event id of the Decided event that held it."""
    state: HoldState
    digest: str
    """Binds tenant, principal, task, contract, endpoint, tool definition, targets, body, effect, state pin."""
    equal: str
    """Keyed tag of (tenant, principal, task, integration, tool, body): equal calls attach."""
    sticky: str
    """Keyed tag of (task or contract, initiator, tool, targets): a denial sticks to it."""
    questions: tuple[Question, ...]
    votes: tuple[Vote, ...]
    initiator: str
    issuer: str
    runtime: str
    contract: str
    task: str
    integration: str
    tool: str
    bundle: str
    state_pin: str
    """Keyed digest of the state_pin reads; empty: the tool has none."""
    opened_ms: int
    expires_ms: int
    version: int = 0
    ended: str = ""
    """Why it ended, a code."""


class FrozenCall(Fact, frozen=True):
    """What a hold seals: the call, encrypted under the call's key."""

    call: Call
    definition: str
    """ToolPin.digest when it was judged."""
    findings: tuple[str, ...]
    """Keys of the findings that counted, to see after a bundle change whether they are the same."""


class Approval(Fact, frozen=True):
    """A completed set of votes, handed to ``decide`` as a fact. Discharges only what it lists."""

    hold: str
    findings: tuple[str, ...]
    alone: bool
