"""Stage observe: calls run as before and are recorded with what production would have done (DESIGN section 12).

What keeps a call from running is named by what may be waived, never the other way round: a deny that is not named here
stops, also one that some later gate invents.
"""

import datetime as dt
import re

import msgspec

from callgate.model.decision import Finding, Observed
from callgate.model.terms import Effect

DAY_MS = 86_400_000
MOST_DAYS = 92
"""How far ahead an observe stage may end."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WAIVED = frozenset(
    {
        ("contract", "integration_not_listed"),
        ("contract", "tier_above"),
        ("contract", "outside_contract"),
        ("contract", "target_unknown"),
        ("contract", "no_domain"),
        ("contract", "other_domain"),
        ("duty", "no_duty"),
        ("policy", "policy_deny"),
        ("policy", "no_permit"),
        ("decide", "unanswerable"),
    }
)
"""(gate, code) of denies that are recorded and not enforced. Everything else that denies stands: who asks, the rules
and the task it belongs to, halts, schemas, definitions, what the rules prohibit, limits, a person's no, a check that
could not be made.
"""


_SEARCH = ("retrieval", "global_retrieval")


def stops(finding: Finding, *, prohibits: bool) -> bool:
    """Whether a finding that counts denies at stage observe too. What would only wait never does.

    ``prohibits``: the rules prohibit something; a search over everything would find that too.
    """
    what = (finding.gate, finding.code)
    return finding.effect is Effect.DENY and what not in _WAIVED and (prohibits or what != _SEARCH)


def observed(findings: list[Finding], *, prohibits: bool) -> tuple[list[Finding], Observed]:
    """``findings``: settled, strictest first. Those that do not stop are shadows in the answer, unless one stops: a
    call that is denied anyway is denied as always.
    """
    against = [one for one in findings if _stands(one)]
    would = max((one.effect for one in against), default=Effect.ALLOW)
    if any(stops(one, prohibits=prohibits) for one in against):
        return findings, Observed(would=would)
    kept = [one for one in findings if not _stands(one)]
    shadows = [msgspec.structs.replace(one, shadow=True) for one in against]
    return [*kept, *shadows], Observed(would=would, findings=tuple(dict.fromkeys(one.key for one in against)))


def _stands(finding: Finding) -> bool:
    """It counts, and it counts against the call."""
    return finding.effect is not Effect.ALLOW and not (finding.shadow or finding.discharged)


def ends_ms(until: str) -> int:
    """The moment after the last day, milliseconds since 1970. Raises ValueError when it is no ISO 8601 date."""
    if not _DAY.fullmatch(until):
        raise ValueError("not a date")
    return ((dt.date.fromisoformat(until) - dt.date(1970, 1, 1)).days + 1) * DAY_MS
