"""What of the steps of a manifest cannot be meant: ways back, draft lanes, and the reads that go with them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from callgate.core.conditions import Criterion
from callgate.core.paths import Selector
from callgate.core.steps import ARGUMENTS, PRE_READ, RECEIPT, Slot, StepPlan, TextPlan
from callgate.core.strict import nearest
from callgate.model.manifest import ConfirmRead, DraftLane, PreRead, Step
from callgate.model.terms import Tier
from callgate.model.tool import ToolManifest

COMPENSATION, _LANE = "compensation", "draft_lane"
AnyStep = Step | DraftLane | PreRead | ConfirmRead


def steps_of(tool: ToolManifest) -> Iterator[tuple[str, AnyStep]]:
    """(key, step) of those that say how arguments are made."""
    yield from _numbered(COMPENSATION, tool.ways_back)
    if tool.pre_read is not None:
        yield "pre_read", tool.pre_read
    yield from _numbered(_LANE, tool.lanes)
    if tool.confirm is not None:
        yield "confirm", tool.confirm


def _numbered(key: str, steps: Sequence[Step | DraftLane]) -> Iterator[tuple[str, Step | DraftLane]]:
    for number, step in enumerate(steps):
        yield (key if len(steps) == 1 else f"{key}[{number}]"), step


def plan_of(step: AnyStep) -> StepPlan:
    """Raises ValueError."""
    dropped = frozenset(step.dropped) if isinstance(step, DraftLane) else frozenset()
    return StepPlan(step, dropped)


def places_of(step: AnyStep) -> tuple[Slot, ...]:
    """None of a step that cannot compile."""
    try:
        return plan_of(step).places
    except ValueError:
        return ()


def step_problems(tool: ToolManifest) -> Iterator[tuple[str, str]]:
    """(key, reason) of each step by itself."""
    for key, step in steps_of(tool):
        try:
            plan = plan_of(step)
        except ValueError as fault:
            yield key, f"It cannot be used: {fault}."
            continue
        yield from ((f"{key}.arguments", reason) for place in plan.places for reason in _misplaced(key, place, tool))
        if plan.takes_all and not key.startswith(_LANE):
            yield f"{key}.same", "* is for draft lanes; name the arguments here."
        yield from _conditions(key, step)
    for key, steps in ((COMPENSATION, tool.ways_back), (_LANE, tool.lanes)):
        if any(not step.when for step in steps[:-1]):
            yield key, "One that is for every call (no when) comes last."
    yield from _confirm(tool.confirm)


def lane_problems(tool: ToolManifest, tools: Collection[str], where: str) -> Iterator[tuple[str, str]]:
    """``tools``: names of those that there are. ``where``: the variant, for the sentence."""
    if tool.lanes and tool.tier is not Tier.EXECUTE:
        yield _LANE, "Only a tool of tier execute needs a draft lane."
    for key, lane in _numbered(_LANE, tool.lanes):
        assert isinstance(lane, DraftLane)
        if lane.tool not in tools:
            yield f"{key}.tool", f"There is no tool {lane.tool}{where}.{nearest(lane.tool, tools)}"
        for name, reason in lane.dropped.items():
            if len(reason.strip()) < 8:
                yield f"{key}.dropped.{name}", "Say why nothing is lost without it."


def _conditions(key: str, step: AnyStep) -> Iterator[tuple[str, str]]:
    for number, condition in enumerate(step.when if isinstance(step, Step | DraftLane) else ()):
        yield from attempt(f"{key}.when[{number}]", Criterion, condition)


def _confirm(confirm: ConfirmRead | None) -> Iterator[tuple[str, str]]:
    if confirm is None:
        return
    yield from attempt("confirm.path", Selector, confirm.path)
    yield from attempt("confirm.equals", TextPlan, confirm.equals)
    if confirm.gone and not confirm.equals:
        yield "confirm.gone", "It needs equals: what is looked for and must not be there."


def _misplaced(key: str, place: Slot, tool: ToolManifest) -> Iterator[str]:
    names = {receipt.name for receipt in tool.receipt}
    if place.source != ARGUMENTS and not key.startswith(COMPENSATION):
        yield f"{{{place.source}:{place.path}}} is not known yet when this is made."
    elif place.source == RECEIPT and place.path not in names:
        yield f"The receipt has no value {place.path}.{nearest(place.path, names)}"
    elif place.source == PRE_READ and tool.pre_read is None:
        yield f"{{pre_read:{place.path}}} needs a pre_read."


def attempt(key: str, build: Any, *arguments: Any) -> Iterator[tuple[str, str]]:
    """(key, reason) when ``build`` raises ValueError over them."""
    try:
        build(*arguments)
    except ValueError as fault:
        yield key, f"It cannot be used: {fault}."
