"""Who decided what a tool counts as, for the screens."""

from typing import Any

from callgate.core.methods import is_method
from callgate.core.rulings import in_force
from callgate.core.toolbox import ToolProfile
from callgate.model.classification import Ruling


def decided(profile: ToolProfile, said: Ruling | None) -> dict[str, Any]:
    """Fields of a ToolView. ``said``: by a person of it, whether it stands, waits or neither."""
    ruling = in_force(said)
    asked = said if said is not None and said.waits else None
    own = "rules" if profile.classification else "nobody"
    if is_method(profile):
        own = "protocol"
    elif profile.manifest:
        own = "manifest" if profile.verified else "unverified"
    undone_by = profile.manifest.undone_by if profile.manifest else ""
    return {
        "decided_by": "person" if profile.ruling is not None else own,
        "own_tier": profile.own_tier.name.lower(),
        "ruled_by": " and ".join(filter(None, (ruling.by, ruling.second))) if ruling else "",
        "ruled_reason": ruling.reason if ruling else "",
        "ruling_void": ruling is not None and profile.ruling is None,
        "asked_tier": asked.tier.name.lower() if asked else "",
        "asked_by": asked.by if asked else "",
        "undone_by": undone_by,
        "aims": bool(profile.manifest and profile.manifest.targets),
    }
