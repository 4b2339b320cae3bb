"""What the enforcement point must also do with a decision."""

from collections.abc import Iterable

from callgate.model.bundle import Duty
from callgate.model.decision import Obligation
from callgate.model.terms import Effect, LogDepth, Tier

STATE_PIN = Obligation(kind="state_pin")
_DEPTHS = {depth: rank for rank, depth in enumerate(LogDepth)}


def log_depths(duties: Iterable[Duty]) -> dict[Tier, LogDepth]:
    """Depth per tier: never less than what a lower tier keeps. A tier without a row has the depth below it."""
    rows = {duty.tier: duty.log_depth for duty in duties}
    deepest = LogDepth.METADATA
    found: dict[Tier, LogDepth] = {}
    for tier in Tier:
        deepest = max(deepest, rows.get(tier, deepest), key=_DEPTHS.__getitem__)
        found[tier] = deepest
    return found


def deeper(one: LogDepth, other: LogDepth) -> LogDepth:
    return max(one, other, key=_DEPTHS.__getitem__)


def obligations(effect: Effect, depth: LogDepth, *, state_pin: bool) -> tuple[Obligation, ...]:
    """``state_pin``: the duty wants one and the tool has reads for it; it is taken when the call is held."""
    if effect is Effect.HOLD and state_pin:
        return (*_LOG[depth], STATE_PIN)
    return _LOG[depth]


_LOG = {depth: (Obligation(kind="log", value=depth.value),) for depth in LogDepth}
