"""High risk waits for another person."""

from callgate.model.decision import Finding
from callgate.model.terms import Ask, Effect

GATE = "risk"

_HIGH = (
    Finding(
        gate=GATE,
        code="high_risk",
        effect=Effect.HOLD,
        reason="Taken together, the circumstances of this call are risky.",
        ask=Ask.ACCEPTABLE,
    ),
)


def judge(risk: int, hold_from: int) -> tuple[Finding, ...]:
    return _HIGH if risk >= hold_from else ()
