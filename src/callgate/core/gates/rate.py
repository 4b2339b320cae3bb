"""Limits that the store found used up. Counter names may name people, so only their kind is said."""

from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Effect

GATE = "rate"

_KINDS = {
    "rate": ("rate_limited", "Too many calls in this minute; wait until the next one."),
    "calls": ("calls_used_up", "This task has used all its calls; ask its owner for a new task."),
    "holds": ("too_many_waiting", "Too many calls already wait for an answer; have those answered first."),
}
_KINDS["round"] = ("round_used", "These answers were sent already; call again without them.")
_OTHER = ("limit_reached", "A limit of this gate is reached.")


def judge(facts: Facts) -> tuple[Finding, ...]:
    if not facts.exhausted:
        return ()
    kinds = sorted({name.partition(":")[0] for name in facts.exhausted})
    said = dict.fromkeys(_KINDS.get(kind, _OTHER) for kind in kinds)
    return tuple(Finding(gate=GATE, code=code, effect=Effect.DENY, reason=reason) for code, reason in said)
