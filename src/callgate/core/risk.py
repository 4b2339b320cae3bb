"""Risk: points per circumstance, added up (DESIGN section 4)."""

from callgate.model.bundle import RiskTable
from callgate.model.call import Call
from callgate.model.classification import Classification
from callgate.model.decision import RiskPart
from callgate.model.terms import RuntimeKind
from callgate.model.tool import ToolManifest

HIGHEST = 100


def assess(
    call: Call, manifest: ToolManifest | None, table: RiskTable, said: Classification | None = None
) -> tuple[int, tuple[RiskPart, ...]]:
    """(0 to 100, the parts that made it). Parts of 0 points are left out. ``said``: what rules make of a tool that no
    manifest describes.
    """
    found: list[tuple[str, int]] = []
    if manifest is None:
        found.append(("no_manifest", table.no_manifest))
    known = manifest or said
    if known is not None:
        if known.irreversible:
            found.append(("irreversible", table.irreversible))
        if known.admin:
            found.append(("admin", table.admin))
        if known.money:
            found.append(("money", table.money))
    if call.principal.runtime.kind is not RuntimeKind.ATTENDED:
        found.append(("unattended", table.unattended))
    if len(call.targets) >= table.many_from:
        found.append(("many_targets", table.many_targets))
    if not found:
        return 0, ()
    parts = tuple(RiskPart(code=code, points=points) for code, points in found if points)
    return min(HIGHEST, sum(part.points for part in parts)), parts
