"""Cases: what the gate has to make of single calls, in ``cases.toml`` beside a manifest."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from callgate.catalog.check_steps import plan_of
from callgate.core.confine import AnswerFilter, QueryNarrower
from callgate.core.confirming import ConfirmPlan
from callgate.core.domains import DomainMap
from callgate.core.patterns import Patterns
from callgate.core.receipt import content_of
from callgate.core.steps import NotMadeError
from callgate.core.strict import StrictReader, nearest, read_toml
from callgate.core.toolbox import ToolProfile
from callgate.core.variants import variants_of
from callgate.model.base import Fact
from callgate.model.terms import Tier
from callgate.model.tool import Manifest, PinRead, ToolManifest, ToolPin

Definitions = Mapping[str, Mapping[str, Any]]
_NOWHERE = DomainMap(())


class SampleAnswer(Fact, frozen=True, kw_only=True):
    """An answer of a server, short: the text of its only block, or structured content."""

    text: str = ""
    structured: dict[str, Any] | None = None


class ToolCase(Fact, frozen=True, kw_only=True):
    """One call and what has to come of it. What is left out is not compared."""

    tool: str
    variant: str = ""
    """Needed when the tool means different things in two variants."""
    about: str = ""
    """What is special about it, for people."""
    arguments: dict[str, Any] = {}
    tier: Tier
    irreversible: bool | None = None
    """Whether nothing takes this very call back."""
    targets: tuple[str, ...] | None = None
    """As ``kind:id``, in the order of the rules."""
    problem: str = ""
    """``target_missing``, ``bad_target`` or ``too_many_targets``."""
    say: str = ""
    answer: SampleAnswer | None = None
    receipt: dict[str, str] | None = None
    """From ``answer``; an empty table: there is none."""
    state_reads: tuple[PinRead, ...] | None = None
    pre_read: dict[str, Any] | None = None
    """Arguments of the pre_read."""
    before: SampleAnswer | None = None
    """What the pre_read answers."""
    compensation: dict[str, Any] | None = None
    """Arguments of the compensation, from arguments, ``answer`` and ``before``; an empty table: this call has none."""
    draft: dict[str, Any] | None = None
    """Arguments in the draft lane; an empty table: this call has none."""
    confirm: dict[str, Any] | None = None
    """Arguments of the confirm read."""
    confirm_answer: SampleAnswer | None = None
    happened: bool | None = None
    """What ``confirm_answer`` shows."""
    narrow_to: tuple[str, ...] = ()
    """Targets that the rules would allow."""
    narrowed: dict[str, Any] | None = None
    """Arguments after narrowing; an empty table: it cannot be narrowed."""
    inside: tuple[str, ...] = ()
    """Target patterns that items of ``answer`` may have."""
    removed: int | None = None
    """Items that are taken out."""


class CaseFile(Fact, frozen=True):
    cases: tuple[ToolCase, ...]


def parse_cases(text: bytes, file: str) -> tuple[ToolCase, ...]:
    """Raises ConfigError with file, key and reason."""
    return StrictReader(file).read(CaseFile, read_toml(text, file)).cases


def failed_cases(manifest: Manifest, cases: tuple[ToolCase, ...], definitions: Definitions) -> tuple[str, ...]:
    """What does not come as the cases say, one sentence each. ``definitions``: by tool name, as far as known."""
    return tuple(
        f"cases[{number}] {case.tool}: {reason}"
        for number, case in enumerate(cases)
        for reason in _failures(manifest, case, definitions)
    )


def _failures(manifest: Manifest, case: ToolCase, definitions: Definitions) -> Iterator[str]:
    found = _tools(manifest, case)
    if not found:
        names = {tool.name for tool in manifest.tools}
        yield f"there is no such tool{' in this variant' if case.variant else ''}.{nearest(case.tool, names)}"
        return
    if len(found) > 1:
        yield "it means different things in several variants; say which one (variant)."
        return
    tool = found[0]
    profile = _profile(tool, definitions.get(tool.name))
    if profile.tier_of(case.arguments) is not case.tier:
        yield f"the tier is {profile.tier_of(case.arguments).name.lower()}."
    yield from _aims(profile, case)
    if case.say and (said := profile.sentence(case.arguments)) != case.say:
        yield f"it says: {said}"
    reads = tuple(
        PinRead(tool=read.tool, arguments=read.arguments(case.arguments))
        for read in profile.state_reads(case.arguments)
    )
    if case.state_reads is not None and reads != case.state_reads:
        yield f"the state reads are {_shown(reads)}."
    meant = profile.manifest_at(case.tier, case.arguments) or tool
    if case.irreversible not in {None, meant.irreversible}:
        yield "nothing takes it back." if meant.irreversible else "it can be taken back."
    yield from _steps(meant, profile, case)
    yield from _confined(tool, case)


def _tools(manifest: Manifest, case: ToolCase) -> list[ToolManifest]:
    """Different meanings of the tool, as far as the case leaves them open."""
    return _distinct(
        tool
        for one in variants_of(manifest)
        if not case.variant or one.variant == case.variant
        for tool in one.tools
        if tool.name == case.tool
    )


def _distinct(tools: Iterator[ToolManifest]) -> list[ToolManifest]:
    found: list[ToolManifest] = []
    for tool in tools:
        if tool not in found:
            found.append(tool)
    return found


def _profile(tool: ToolManifest, definition: Mapping[str, Any] | None) -> ToolProfile:
    known = definition or {"name": tool.name, "inputSchema": {"type": "object"}}
    pin = ToolPin(integration="", name=tool.name, digest="", definition=msgspec.json.encode(known))
    return ToolProfile(pin, tool, _NOWHERE, "", verified=True)


def _aims(profile: ToolProfile, case: ToolCase) -> Iterator[str]:
    found = [finding.code for finding in profile.target_findings(case.arguments)]
    if case.problem and case.problem not in found:
        yield f"its targets have no such problem{': ' + ', '.join(found) if found else ''}."
    elif not case.problem and found:
        yield f"its targets have the problem {found[0]}."
    targets = tuple(target.text for target in profile.targets_of(case.arguments))
    if case.targets is not None and targets != case.targets:
        yield f"the targets are {_shown(targets)}."


def _steps(tool: ToolManifest, profile: ToolProfile, case: ToolCase) -> Iterator[str]:
    answer = _result(case.answer)
    receipt = dict(profile.receipt_of(case.arguments, answer)) if case.answer is not None else {}
    if case.receipt is not None and receipt != case.receipt:
        yield f"the receipt is {_shown(receipt)}."
    before = content_of(_result(case.before), tool.pre_read.result) if tool.pre_read and case.before else None
    wanted = {
        "pre_read": (tool.pre_read, case.pre_read),
        "compensation": (next(iter(tool.ways_back), None), case.compensation),
        "draft": (next(iter(tool.lanes), None), case.draft),
        "confirm": (tool.confirm, case.confirm),
    }
    for key, (step, expected) in wanted.items():
        if expected is None or (step is None and not expected and key in {"compensation", "draft"}):
            continue
        if step is None:
            yield f"the manifest has no {key} with arguments for it."
            continue
        try:
            made = plan_of(step).make(case.arguments, receipt, before)
        except NotMadeError as fault:
            yield f"the arguments for {key} cannot be made: {fault} is missing or odd."
            continue
        if made != expected:
            yield f"the arguments for {key} are {_shown(made)}."
    if case.happened is not None and tool.confirm is not None:
        happened = ConfirmPlan(tool.confirm).happened(case.arguments, _result(case.confirm_answer))
        if happened is not case.happened:
            yield f"the confirm read says {'nothing' if happened is None else 'yes' if happened else 'no'}."


def _confined(tool: ToolManifest, case: ToolCase) -> Iterator[str]:
    rule = tool.confine
    if case.narrowed is not None:
        if rule is None or rule.narrow is None:
            yield "the manifest does not narrow it."
            return
        split = (text.partition(":") for text in case.narrow_to)
        made = QueryNarrower(rule.narrow).narrowed(case.arguments, tuple((kind, name) for kind, _, name in split))
        if (made or {}) != case.narrowed:
            yield f"it is narrowed to {_shown(made or {})}."
    if case.removed is not None:
        if rule is None or rule.filter is None:
            yield "the manifest does not filter it."
            return
        patterns = Patterns(case.inside)
        kept = AnswerFilter(rule.filter).apply(
            _result(case.answer), lambda kind, name: patterns.match(f"{kind}:{name}")
        )
        if kept is None:
            yield "its answer cannot be filtered: not every part of it can be judged."
        elif kept[1] != case.removed:
            yield f"{kept[1]} items are taken out."


def _result(sample: SampleAnswer | None) -> bytes:
    if sample is None:
        return b"{}"
    whole: dict[str, Any] = {"content": [{"type": "text", "text": sample.text}] if sample.text else []}
    if sample.structured is not None:
        whole["structuredContent"] = sample.structured
    return msgspec.json.encode(whole)


def _shown(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
