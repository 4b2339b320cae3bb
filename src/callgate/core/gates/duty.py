"""What the tier of a call owes. A tier without a row in the bundle is denied."""

from collections.abc import Mapping

from callgate.model.bundle import Duty
from callgate.model.decision import Finding
from callgate.model.terms import Ask, Effect, Tier
from callgate.model.tool import ToolManifest

GATE = "duty"


def _hold(code: str, reason: str, ask: Ask) -> Finding:
    return Finding(gate=GATE, code=code, effect=Effect.HOLD, reason=reason, ask=ask)


_NO_ROW = (
    Finding(
        gate=GATE, code="no_duty", effect=Effect.DENY, reason="The policies do not say what a call of this kind owes."
    ),
)
_NO_WAY_BACK = {ask: _hold("no_way_back", "This changes something and has no tested way back.", ask) for ask in Ask}
_LOOK = {ask: _hold("tier_asks", "Every call of this kind waits for an answer.", ask) for ask in Ask}
_IRREVERSIBLE = _hold("irreversible", "This cannot be undone.", Ask.ACCEPTABLE)
_ADMIN = _hold("admin", "This changes rights, accounts or configuration.", Ask.ACCEPTABLE)
_MONEY = _hold("money", "This moves money.", Ask.ACCEPTABLE)


def judge(tier: Tier, manifest: ToolManifest | None, duties: Mapping[Tier, Duty]) -> tuple[Finding, ...]:
    """A tool without a manifest has no known way back."""
    duty = duties.get(tier)
    if duty is None:
        return _NO_ROW
    if duty.approval is None and tier is not Tier.EXECUTE:
        return ()
    found = []
    if duty.approval is not None and (manifest is None or not manifest.compensation):
        found.append((_NO_WAY_BACK if tier is Tier.EXECUTE else _LOOK)[duty.approval])
    if tier is Tier.EXECUTE and manifest is not None:
        if manifest.irreversible:
            found.append(_IRREVERSIBLE)
        if manifest.admin:
            found.append(_ADMIN)
        if manifest.money:
            found.append(_MONEY)
    return tuple(found)
