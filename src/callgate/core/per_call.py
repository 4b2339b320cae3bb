"""What the catalogue says of one call of a tool: which of the worst marks it has, its way back, its draft lane."""

from typing import Any

import msgspec

from callgate.core.conditions import ArgumentTier, Criterion
from callgate.model.manifest import DraftLane, Step
from callgate.model.terms import Tier
from callgate.model.tool import ToolManifest


class PerCall:
    """A ToolManifest, asked call by call. All answers there can be are made once."""

    __slots__ = ("_base", "_lanes", "_made", "_manifest", "_rules", "_settled", "_ways")

    def __init__(self, manifest: ToolManifest, base: Tier) -> None:
        """``base``: the tier of a call that nothing lowers. Raises ValueError for conditions that cannot compile."""
        self._manifest = manifest
        self._base = base
        self._rules = tuple(ArgumentTier(rule) for rule in manifest.tier_by)
        self._ways = tuple((way, _tests(way)) for way in manifest.ways_back)
        self._lanes = tuple((lane, _tests(lane)) for lane in manifest.lanes)
        tied = any(tests for _, tests in (*self._ways, *self._lanes))
        self._settled = not tied and not isinstance(manifest.compensation, tuple) and len(self._lanes) < 2
        self._made: dict[tuple[bool, bool, int, int], ToolManifest] = {}

    def of(self, tier: Tier, arguments: dict[str, Any] | None) -> ToolManifest:
        """``tier``: the call's. ``arguments`` None: they are not known, so nothing that depends on them counts.

        A call that only looks has none of the worst marks. One that the manifest itself lowers below its worst case can
        be taken back, unless what lowers it says otherwise; one with a way back of its own can be too.
        """
        looks = tier is Tier.READ and self._base > Tier.READ
        if self._settled and not looks and (tier >= self._base or not self._manifest.irreversible):
            return self._manifest
        way, lane = _first(self._ways, arguments), _first(self._lanes, arguments)
        own_way = way >= 0 and bool(self._ways[way][1])
        final = self._manifest.irreversible and not looks and not own_way and self._for_good(tier, arguments)
        key = (looks, final, way, lane)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(*key)
        return made

    def _for_good(self, tier: Tier, arguments: dict[str, Any] | None) -> bool:
        if tier >= self._base or arguments is None:
            return True
        if any(rule.irreversible and rule.holds(arguments, raising=True) for rule in self._rules):
            return True
        return not any(rule.holds(arguments, raising=False) for rule in self._rules)

    def _make(self, looks: bool, final: bool, way: int, lane: int) -> ToolManifest:
        said = self._manifest
        return msgspec.structs.replace(
            said,
            irreversible=final,
            admin=said.admin and not looks,
            money=said.money and not looks,
            compensation=said.compensation
            if isinstance(said.compensation, str)
            else self._ways[way][0]
            if way >= 0
            else "",
            draft_lane=self._lanes[lane][0] if lane >= 0 else None,
        )


def _tests(step: Step | DraftLane) -> tuple[Criterion, ...]:
    return tuple(Criterion(condition) for condition in step.when)


def _first(steps: tuple[tuple[Any, tuple[Criterion, ...]], ...], arguments: dict[str, Any] | None) -> int:
    """Number of the first whose conditions hold for certain; -1: none."""
    for number, (_, tests) in enumerate(steps):
        if not tests or (arguments is not None and all(test.holds(arguments) is True for test in tests)):
            return number
    return -1
