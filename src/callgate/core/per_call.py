"""What the catalogue says of one call of a tool: which of the worst marks it has, its way back, its draft lane."""

from typing import Any

import msgspec

from callgate.core.conditions import ArgumentTier, Criterion
from callgate.model.manifest import DraftLane, Step
from callgate.model.terms import Tier
from callgate.model.tool import ToolManifest

_Tests = tuple[Criterion, ...]


class PerCall:
    """A ToolManifest, asked call by call. All answers there can be are made once."""

    __slots__ = (
        "_base",
        "_lanes",
        "_last",
        "_looking",
        "_made",
        "_manifest",
        "_reversible",
        "_rules",
        "_tied",
        "_ways",
    )

    def __init__(self, manifest: ToolManifest, base: Tier) -> None:
        """``base``: the tier of a call that nothing lowers. Raises ValueError for conditions that cannot compile."""
        self._manifest = manifest
        self._base = base
        self._looking = msgspec.structs.replace(manifest, irreversible=False, admin=False, money=False)
        self._reversible = msgspec.structs.replace(manifest, irreversible=False)
        self._rules = tuple(ArgumentTier(rule) for rule in manifest.tier_by)
        self._ways = tuple((way, _tests(way)) for way in manifest.ways_back)
        self._lanes = tuple((lane, _tests(lane)) for lane in manifest.lanes)
        self._tied = isinstance(manifest.compensation, tuple) or isinstance(manifest.draft_lane, tuple)
        self._tied = self._tied or any(tests for _, tests in (*self._ways, *self._lanes))
        self._made: dict[tuple[Tier, bool, int, int], ToolManifest] = {}
        self._last: tuple[object, Tier | None, ToolManifest] = (None, None, manifest)

    def of(self, tier: Tier, arguments: dict[str, Any] | None) -> ToolManifest:
        """``tier``: the call's. ``arguments`` None: they are not known, so nothing that depends on them counts.

        A call that only looks has none of the worst marks. One that the manifest itself lowers below its worst case can
        be taken back, unless what lowers it says otherwise; one with a way back of its own can be too.
        """
        if not self._tied:
            return self._marked(tier, arguments)
        # One call asks more than once, with the very same arguments.
        of, at, made = self._last
        if of is not arguments or at is not tier or arguments is None:
            made = self._tied_to(tier, arguments)
            self._last = (arguments, tier, made)
        return made

    def _marked(self, tier: Tier, arguments: dict[str, Any] | None) -> ToolManifest:
        if tier >= self._base:
            return self._manifest
        if tier is Tier.READ:
            return self._looking
        return self._manifest if self._manifest.irreversible and self._for_good(arguments) else self._reversible

    def _for_good(self, arguments: dict[str, Any] | None) -> bool:
        """Of a call below the worst case."""
        if arguments is None or any(rule.irreversible and rule.holds(arguments, raising=True) for rule in self._rules):
            return True
        return not any(rule.holds(arguments, raising=False) for rule in self._rules)

    def _tied_to(self, tier: Tier, arguments: dict[str, Any] | None) -> ToolManifest:
        marked = self._marked(tier, arguments)
        way, lane = _first(self._ways, arguments), _first(self._lanes, arguments)
        final = marked.irreversible and not (way >= 0 and self._ways[way][1])
        key = (tier, final, way, lane)
        made = self._made.get(key)
        if made is None:
            said = marked.compensation
            made = self._made[key] = msgspec.structs.replace(
                marked,
                irreversible=final,
                compensation=said if isinstance(said, str) else self._ways[way][0] if way >= 0 else "",
                draft_lane=self._lanes[lane][0] if lane >= 0 else None,
            )
        return made


def _tests(step: Step | DraftLane) -> _Tests:
    return tuple(Criterion(condition) for condition in step.when)


def _first(steps: tuple[tuple[Any, _Tests], ...], arguments: dict[str, Any] | None) -> int:
    """Number of the first whose conditions hold for certain; -1: none."""
    for number, (_, tests) in enumerate(steps):
        if not tests or (arguments is not None and all(test.holds(arguments) is True for test in tests)):
            return number
    return -1
