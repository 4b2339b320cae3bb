"""How a person's word on one tool changes what its manifest or the rules say of it."""

import msgspec

from callgate.model.classification import Classification, Ruling
from callgate.model.terms import Tier
from callgate.model.tool import ToolManifest


def highest(rules: ToolManifest) -> Tier:
    """Without a look at the arguments."""
    return max([rules.tier, *(rule.tier for rule in rules.tier_by)])


def in_force(said: Ruling | None) -> Ruling | None:
    """INVARIANT: what waits for a second person changes nothing."""
    return said.former if said is not None and said.waits else said


def same(one: Ruling, other: Ruling) -> bool:
    """They say the same of the same thing, whoever says it and why."""
    return (one.tier, one.back, one.was, one.definition, one.manifest) == (
        other.tier,
        other.back,
        other.was,
        other.definition,
        other.manifest,
    )


def stands(ruling: Ruling, rules: ToolManifest, definition: str, manifest: str) -> bool:
    """INVARIANT: what lowers a tier counts for nothing once anything it was said of is another.

    ``definition`` and ``manifest``: digests, as in Ruling.
    """
    said_of = (ruling.was, ruling.definition, ruling.manifest)
    return not ruling.lowers or said_of == (highest(rules), definition, manifest)


def ruled(rules: ToolManifest, ruling: Ruling | None) -> ToolManifest:
    """The rules with the ruling in them: a lowered tool has its tier whatever the arguments, a raised one at least."""
    if ruling is None:
        return rules
    if ruling.lowers:
        return msgspec.structs.replace(rules, tier=ruling.tier, tier_by=())
    raised = tuple(msgspec.structs.replace(rule, tier=max(rule.tier, ruling.tier)) for rule in rules.tier_by)
    return msgspec.structs.replace(rules, tier=max(rules.tier, ruling.tier), tier_by=raised)


def marks(said: Classification | None, ruling: Ruling | None) -> Classification | None:
    """What only looks has none of the worst marks, when a person says so too."""
    if said is None or ruling is None or not ruling.lowers or ruling.tier > Tier.READ:
        return said
    return msgspec.structs.replace(said, irreversible=False, admin=False, money=False)
