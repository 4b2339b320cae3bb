"""How far the team is on this integration."""

from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Effect, Stage, Tier

GATE = "stage"

_WRITES_WAIT = (
    Finding(
        gate=GATE,
        code="read_stage",
        effect=Effect.DENY,
        reason="This integration is at its read stage: the call was recorded and not executed, because it could change something.",
    ),
)


def judge(tier: Tier, facts: Facts) -> tuple[Finding, ...]:
    if tier is Tier.READ or facts.stage is Stage.PRODUCTION:
        return ()
    return _WRITES_WAIT
