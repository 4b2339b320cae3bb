"""Calls that wait for an answer, as people are shown it."""

from callgate.model.base import Fact


class QuestionView(Fact, frozen=True):
    id: str
    ask: str
    """``meant``, ``domain`` or ``acceptable``."""
    text: str
    who: tuple[str, ...]
    """Accounts that may answer it."""
    quorum: int
    yes: tuple[str, ...] = ()
    """Accounts that said yes."""
    open: bool = True


class ArgumentView(Fact, frozen=True):
    path: str
    value: str
    """JSON."""
    shown: bool = False
    """The sentence holds it already."""
    sink: bool = False
    """Data can leave through it, or it aims the effect, as the manifest says."""
    sensitive: bool = False
    """What stands in it is sensitive, as the manifest says."""


class HoldView(Fact, frozen=True):
    id: str
    state: str
    sentence: str
    """The call in one sentence, with its values."""
    integration: str
    tool: str
    tier: str
    asked_by: str
    runtime: str
    opened_ms: int
    expires_ms: int
    why: tuple[str, ...]
    waiting_for: tuple[str, ...]
    """Accounts whose answer is missing."""
    task: str = ""
    ended: str = ""


class HoldDetail(Fact, frozen=True):
    """What an approver reads. ``digest`` binds a vote to exactly this."""

    hold: HoldView
    digest: str
    undo: str
    """Can it be undone, one sentence."""
    questions: tuple[QuestionView, ...]
    arguments: tuple[ArgumentView, ...]
    targets: tuple[str, ...]
    actor: str
    contract: str
    """Its name."""
    task_title: str
    risk: int
    call: str
    decision: str
    state_pin: str = ""
    """What of the target's state is bound, one sentence; empty: nothing."""


class VoteView(Fact, frozen=True):
    hold: str
    state: str
    answered: tuple[str, ...]
    """Ids of the questions this act answered."""
    open: tuple[QuestionView, ...]
    alone: bool
    """The same person asked and answered for another (profile ``solo``)."""
    next: str
