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

_OVER = (
    Finding(
        gate=GATE,
        code="observe_over",
        effect=Effect.DENY,
        reason="The time in which this integration was only observed is over, and this call could change something.",
    ),
)


def judge(tier: Tier, facts: Facts) -> tuple[Finding, ...]:
    """At stage observe nothing is found: what production would do is recorded instead."""
    if tier is Tier.READ or facts.stage is not Stage.READ:
        return ()
    return _OVER if facts.observe_over else _WRITES_WAIT
