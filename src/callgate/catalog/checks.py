"""What of a manifest cannot be meant, although every key has its type: one (key, reason) for each."""

import re
from collections.abc import Iterator, Mapping

from callgate.catalog.check_steps import COMPENSATION, attempt, lane_problems, places_of, step_problems, steps_of
from callgate.core.conditions import ArgumentTier, tests_of
from callgate.core.confine import AnswerFilter, QueryNarrower
from callgate.core.parsers import PARSED_AS
from callgate.core.paths import Selector
from callgate.core.receipt import ReceiptExtractor
from callgate.core.selectors import TargetSelector
from callgate.core.sentence import Sentence
from callgate.core.state_read import StateRead
from callgate.core.steps import PRE_READ
from callgate.core.strict import nearest
from callgate.model.manifest import Condition, ConfirmRead, DraftLane, Given, PreRead, Step, Variant, WhoAmI
from callgate.model.terms import Tier
from callgate.model.tool import Manifest, TargetRule, TierRule, ToolManifest

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MAX_PRICE = 1_000_000_000
MAX_CONCURRENCY = 10_000
WHOLE_ARRAY = "[]"
"""A result field: all items of an answer that is an array."""
SCOPE = "scope"
"""Kind that contracts name sensitive scopes by; no target has it."""
_KIND = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DAY = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_HOST = re.compile(r"[a-z0-9.-]{1,253}")
_PLACE = re.compile(r"[{][^{}]*[}]")
Problems = Iterator[tuple[str, str]]


def problems(manifest: Manifest) -> Problems:
    """(key, reason) of everything that the types alone do not forbid."""
    if not NAME.fullmatch(manifest.integration):
        yield "integration", "1 to 64 lower-case letters, digits, - and _ are wanted here."
    for key in ("title", "vendor"):
        if not getattr(manifest, key).strip():
            yield key, "This is empty."
    yield from _variants(manifest)
    yield from _numbers(manifest.price_micro_usd, manifest.concurrency)
    if manifest.whoami is not None:
        yield from _whoami("whoami", manifest.whoami, _tools_of(manifest, ""))
    yield from _spellings(manifest)
    if not manifest.tools:
        yield "tools", "At least one tool is wanted."
    seen: dict[str, set[str]] = {}
    every = {variant.name for variant in manifest.variants} or {""}
    for number, tool in enumerate(manifest.tools):
        key = f"tools[{number}] {tool.name}"
        own = set(tool.variants) or every
        if not own.isdisjoint(seen.get(tool.name, set())):
            yield f"{key}.name", "This tool stands here twice."
        seen.setdefault(tool.name, set()).update(own)
        yield from ((f"{key}.{inner}", reason) for inner, reason in _tool(tool, manifest))


def _spellings(manifest: Manifest) -> Problems:
    """One resource has one id: every rule of a kind normalises it alike, or what is prohibited has a second name."""
    known: dict[str, str] = {}
    for number, tool in enumerate(manifest.tools):
        for where, kind, normalise in _kinds_of(tool):
            if known.setdefault(kind, normalise) != normalise:
                said = known[kind] or "nothing"
                reason = f"Elsewhere {kind} is normalised by {said}; write the same, or one thing has two names."
                yield f"tools[{number}] {tool.name}.{where}.normalise", reason


def _kinds_of(tool: ToolManifest) -> Iterator[tuple[str, str, str]]:
    """(key, kind, how its ids are normalised) of every rule that gives targets."""
    rules = [(f"targets[{number}]", rule) for number, rule in enumerate(tool.targets)]
    confine = tool.confine
    if confine is not None and confine.filter is not None:
        rules.append(("confine.filter.target", confine.filter.target))
    for where, rule in rules:
        if rule.id:
            continue
        made = rule.normalise or PARSED_AS.get(rule.parse, "")
        kinds = rule.kind_by.kinds.values() if rule.kind_by else ()
        yield from ((where, kind, made) for kind in dict.fromkeys((rule.kind, *rule.prefixes.values(), *kinds)))
    if confine is not None and confine.narrow is not None:
        for number, one in enumerate(confine.narrow.qualifiers):
            yield f"confine.narrow.qualifiers[{number}]", one.kind, one.normalise


def _verified(manifest: Manifest | Variant, prefix: str = "") -> Problems:
    if manifest.verified and not (manifest.verified_against and _DAY.fullmatch(manifest.verified_on)):
        reason = "Say what it was verified against, and on which day (verified_on = YYYY-MM-DD)."
        yield f"{prefix}verified", reason


def _variants(manifest: Manifest) -> Problems:
    if not manifest.variants:
        yield from _verified(manifest)
        return
    for key in ("verified", "verified_against", "verified_on", "definitions", "partial", "whoami"):
        if getattr(manifest, key):
            yield key, "Each variant says this for itself."
    taken: set[str] = set()
    for number, variant in enumerate(manifest.variants):
        key = f"variants[{number}]"
        yield from _variant(key, variant)
        for mark in (f"name {variant.name}", *_marks(variant)):
            if mark in taken:
                yield key, f"Two variants have the same {mark}."
            taken.add(mark)
        if variant.whoami is not None:
            yield from _whoami(f"{key}.whoami", variant.whoami, _tools_of(manifest, variant.name))


def _variant(key: str, variant: Variant) -> Problems:
    if not NAME.fullmatch(variant.name):
        yield f"{key}.name", "1 to 64 lower-case letters, digits, - and _ are wanted here."
    if not variant.title.strip():
        yield f"{key}.title", "This is empty."
    if not _marks(variant):
        yield key, "Nothing recognises it: give hosts, packages or server_names."
    if any(not _HOST.fullmatch(host) for host in variant.hosts):
        yield f"{key}.hosts", "A host in lower case is wanted, without scheme, port and path."
    yield from _verified(variant, f"{key}.")


def _marks(variant: Variant) -> list[str]:
    return [f"{kind}: {one}" for kind in ("hosts", "packages", "server_names") for one in getattr(variant, kind)]


def _numbers(price: int | None, concurrency: int | None) -> Problems:
    if price is not None and not 0 <= price <= MAX_PRICE:
        yield "price_micro_usd", f"0 to {MAX_PRICE} are allowed."
    if concurrency is not None and not 0 <= concurrency <= MAX_CONCURRENCY:
        yield "concurrency", f"0 to {MAX_CONCURRENCY} are allowed."


def _whoami(key: str, whoami: WhoAmI, tools: Mapping[str, ToolManifest]) -> Problems:
    yield from _read_tool(f"{key}.tool", whoami, tools)
    yield from attempt(f"{key}.path", Selector, whoami.path)


def _tools_of(manifest: Manifest, variant: str) -> dict[str, ToolManifest]:
    """By name, of one variant; ``""``: all tools."""
    return {tool.name: tool for tool in manifest.tools if not variant or not tool.variants or variant in tool.variants}


def _tool(tool: ToolManifest, manifest: Manifest) -> Problems:
    if not tool.name.strip() or not tool.name.isprintable():
        yield "name", "A tool name is wanted."
    if not tool.say.strip():
        yield "say", "One sentence for people is wanted."
    if tool.sets_session_target and not manifest.stateful:
        yield "sets_session_target", "A server with such a tool keeps state in its sessions: write stateful = true."
    names = tuple(variant.name for variant in manifest.variants)
    for number, name in enumerate(tool.variants):
        if name not in names:
            known = f"There is no variant {name}.{nearest(name, names)}" if names else "There are no variants."
            yield f"variants[{number}]", known
    yield from _numbers(tool.price_micro_usd, tool.concurrency)
    yield from _uncompilable(tool)
    own = [name for name in tool.variants if name in names] or list(names) or [""]
    found = (problem for name in own for problem in _references(tool, _tools_of(manifest, name), name))
    yield from dict.fromkeys(found)
    yield from _tier_rules(tool)
    for number, target in enumerate(tool.targets):
        yield from _kinds(f"targets[{number}]", target)
    yield from _result_fields(tool)
    yield from _confinement(tool)


def _kinds(key: str, target: TargetRule) -> Problems:
    named = {"kind": target.kind} | {f"prefixes.{text}": kind for text, kind in target.prefixes.items()}
    if target.kind_by is not None:
        named |= {f"kind_by.kinds.{text}": kind for text, kind in target.kind_by.kinds.items()}
    for where, kind in named.items():
        if not _KIND.fullmatch(kind):
            yield f"{key}.{where}", "1 to 64 letters, digits, dots, dashes and underscores are wanted here."
        elif kind == SCOPE:
            yield f"{key}.{where}", "scope is what contracts name sensitive scopes by; take another kind."


def _tier_rules(tool: ToolManifest) -> Problems:
    for number, rule in enumerate(tool.tier_by):
        key = f"tier_by[{number}]"
        if rule.tier >= tool.tier:
            yield f"{key}.tier", "The tool's tier is its worst case; a rule can only lower it."
        if rule.path and not tests_of(rule):
            yield f"{key}.values", "At least one value is wanted, or another test."
        conditions = (*((rule,) if rule.path else ()), *rule.when)
        for path in {one.path for one in conditions}:
            if _contradict([one for one in conditions if one.path == path]):
                yield key, f"It can never hold: its conditions on {path} exclude each other."
        if rule.irreversible and (not tool.irreversible or rule.tier is not Tier.DRAFT):
            yield f"{key}.irreversible", "It is for drafts of a tool that is irreversible itself."
    for number, rule in enumerate(tool.tier_by):
        if rule in tool.tier_by[:number]:
            yield f"tier_by[{number}]", "This rule stands here twice."


def _contradict(conditions: list[Condition]) -> bool:
    words = {one.given for one in conditions}
    without_value = not words.isdisjoint({Given.ABSENT, Given.EMPTY})
    with_value = not words.isdisjoint({Given.PRESENT, Given.FILLED, Given.TRUE, Given.FALSE}) or any(
        one.values or one.prefix or one.sql or one.sql_shapes or one.http_safe for one in conditions
    )
    values = [set(map(repr, one.values)) for one in conditions if one.values]
    apart = len(values) > 1 and not set.intersection(*values)
    return (
        (without_value and with_value)
        or {Given.TRUE, Given.FALSE} <= words
        or {Given.TRUE, Given.OFF} <= words
        or apart
    )


def _references(tool: ToolManifest, tools: Mapping[str, ToolManifest], variant: str) -> Problems:
    """Tools that this one names. ``variant``: where they have to exist."""
    where = f" in the variant {variant}" if variant else ""
    if tool.compensation:
        names = [way.tool for way in tool.ways_back] or [tool.undone_by]
        for name in (name for name in names if name not in tools):
            yield "compensation", f"There is no tool {name}{where}.{nearest(name, tools)}"
        if tool.irreversible and not (tool.ways_back and all(way.when for way in tool.ways_back)):
            yield (
                "irreversible",
                "A tool with a compensation is not irreversible, unless it has one for some calls only (when).",
            )
    for number, read in enumerate(tool.state_pin):
        key = f"state_pin[{number}].tool"
        if read.tool not in tools:
            yield key, f"There is no tool {read.tool}{where}.{nearest(read.tool, tools)}"
        elif tools[read.tool].tier is not Tier.READ:
            yield key, "Only tools of tier read can be part of a state_pin."
    for name, step in (("pre_read", tool.pre_read), ("confirm", tool.confirm)):
        if step is not None:
            yield from _read_tool(f"{name}.tool", step, tools, where)
    yield from lane_problems(tool, tools, where)


def _read_tool(
    key: str, step: PreRead | ConfirmRead | WhoAmI, tools: Mapping[str, ToolManifest], where: str = ""
) -> Problems:
    if step.tool not in tools:
        yield key, f"There is no tool {step.tool}{where}.{nearest(step.tool, tools)}"
    elif _tier_as_used(tools[step.tool], step) is not Tier.READ:
        yield key, "Only a tool of tier read can be used here."


def _tier_as_used(tool: ToolManifest, step: PreRead | ConfirmRead | WhoAmI) -> Tier:
    """The highest tier that the tool can have in this step; an argument with a place in it may be anything."""
    passed = () if isinstance(step, WhoAmI) else step.same
    open_ = {*passed, *(name for name, value in step.arguments.items() if _PLACE.search(repr(value)))}
    fixed = {name: value for name, value in step.arguments.items() if name not in open_}
    try:
        rules = [ArgumentTier(rule) for rule in tool.tier_by]
    except ValueError:
        return tool.tier
    told = [rule for rule in rules if open_.isdisjoint(Selector(text).root for text in rule.texts)]
    held = [rule for rule in told if rule.holds(fixed, raising=False)]
    return max(rule.tier for rule in rules if rule in held or rule not in told) if held else tool.tier


def _uncompilable(tool: ToolManifest) -> Problems:
    yield from attempt("say", Sentence, tool.say)
    for key in ("sinks", "trusted", "untrusted", "sensitive"):
        for number, path in enumerate(getattr(tool, key)):
            if path != WHOLE_ARRAY or key == "sinks":
                yield from attempt(f"{key}[{number}]", Selector, path)
    for number, target in enumerate(tool.targets):
        yield from attempt(f"targets[{number}]", TargetSelector, target, frozenset())
    for number, rule in enumerate(tool.tier_by):
        if not rule.path or tests_of(rule):
            yield from attempt(f"tier_by[{number}]", ArgumentTier, rule)
    for number, receipt in enumerate(tool.receipt):
        yield from attempt(f"receipt[{number}]", ReceiptExtractor, (receipt,))
    for number, read in enumerate(tool.state_pin):
        yield from attempt(f"state_pin[{number}]", StateRead, read)
    yield from step_problems(tool)


def _result_fields(tool: ToolManifest) -> Problems:
    for number, path in enumerate(tool.untrusted):
        if not any(path.startswith(known) and path != known for known in tool.trusted):
            yield f"untrusted[{number}]", "It lies in no trusted field, so it is untrusted already."
    if tool.pre_read is not None and not any(
        place.source == PRE_READ
        for key, step in steps_of(tool)
        if key.startswith(COMPENSATION)
        for place in places_of(step)
    ):
        yield "pre_read", "Nothing uses it: the compensation takes no {pre_read:…}."


def _confinement(tool: ToolManifest) -> Problems:
    rule = tool.confine
    if rule is None:
        return
    if not tool.retrieval:
        yield "confine", "It is for searches: write retrieval = true."
    if tool.tier is not Tier.READ:
        yield "confine", "Only a tool of tier read can be confined."
    if sum(map(bool, (rule.narrow, rule.filter, rule.refuse.strip()))) != 1:
        yield "confine", "Exactly one of narrow, filter and refuse is wanted."
    if rule.narrow is not None:
        yield from attempt("confine.narrow", QueryNarrower, rule.narrow)
        kinds = {kind for target in tool.targets for kind in (target.kind, *target.prefixes.values())}
        for number, kind in enumerate(rule.narrow.wide):
            if kind not in kinds:
                yield f"confine.narrow.wide[{number}]", f"The tool has no target of this kind.{nearest(kind, kinds)}"
    if rule.filter is not None:
        yield from attempt("confine.filter", AnswerFilter, rule.filter)
        yield from _kinds("confine.filter.target", rule.filter.target)


def conditions_of(tool: ToolManifest) -> Iterator[tuple[str, Condition]]:
    """(key, condition) of every test that looks at an argument."""
    for number, rule in enumerate(tool.tier_by):
        own: tuple[TierRule, ...] = (rule,) if rule.path else ()
        yield from ((f"tier_by[{number}]", one) for one in (*own, *rule.when))
    for number, target in enumerate(tool.targets):
        yield from ((f"targets[{number}].when", one) for one in target.when)
    for number, read in enumerate(tool.state_pin):
        yield from ((f"state_pin[{number}].when", one) for one in read.when)
    for key, step in steps_of(tool):
        if isinstance(step, Step | DraftLane):
            yield from ((f"{key}.when", one) for one in step.when)
