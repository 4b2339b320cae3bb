"""Kill switches."""

from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Effect

GATE = "halt"


def judge(facts: Facts) -> tuple[Finding, ...]:
    if not facts.halts:
        return ()
    return tuple(
        Finding(
            gate=GATE, code="halted", effect=Effect.DENY, path=halt, reason="Calls like this are halted by an operator."
        )
        for halt in facts.halts
    )
