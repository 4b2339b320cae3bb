"""May it: findings, questions and the decision."""

from callgate.model.base import Fact
from callgate.model.terms import Ask, Effect, LogDepth


class Finding(Fact, frozen=True):
    """Opinion of one gate. Carries paths and codes, never argument values."""

    gate: str
    code: str
    effect: Effect
    path: str = ""
    """JSON path in the arguments, a target's ordinal, or a policy id."""
    reason: str = ""
    """One sentence for people, without values from the call."""
    ask: Ask | None = None
    """For HOLD: the kind of question that discharges it; None cannot be discharged."""
    ask_of: str = ""
    """For DOMAIN: the domain; for ACCEPTABLE: a role or empty for any other person."""
    discharged: bool = False
    """An approval listed this finding; its effect no longer counts."""
    shadow: bool = False
    """Recorded, not enforced."""

    @property
    def key(self) -> str:
        """What an approval lists."""
        return f"{self.gate}/{self.code}/{self.path}"


class Question(Fact, frozen=True):
    """One thing somebody must answer before a held call may run."""

    id: str
    ask: Ask
    ask_of: str
    text: str
    findings: tuple[str, ...]
    """Finding keys that a yes discharges."""
    quorum: int = 1


class Obligation(Fact, frozen=True):
    """What the enforcement point must also do; an unknown ``kind`` means deny."""

    kind: str
    """``log``, ``state_pin``, ``notify``."""
    value: str = ""


class RiskPart(Fact, frozen=True):
    code: str
    points: int


class Observed(Fact, frozen=True):
    """What a call of an integration at stage observe would have met in production."""

    would: Effect
    findings: tuple[str, ...] = ()
    """Keys of the findings that were recorded and not enforced."""


class Decision(Fact, frozen=True):
    effect: Effect
    findings: tuple[Finding, ...]
    questions: tuple[Question, ...]
    obligations: tuple[Obligation, ...]
    risk: int
    """0 to 100."""
    risk_parts: tuple[RiskPart, ...]
    bundle: str
    """Policy bundle digest."""
    log_depth: LogDepth = LogDepth.METADATA
    observed: Observed | None = None
    """None: the integration was not at stage observe."""
