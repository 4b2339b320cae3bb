"""A manifest beside the tool definitions of a server: what names something that is not there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callgate.catalog.check_steps import plan_of, steps_of
from callgate.catalog.checks import conditions_of
from callgate.core.conditions import ArgumentTier, typed
from callgate.core.selectors import TargetSelector
from callgate.core.sentence import Sentence
from callgate.core.state_read import StateRead
from callgate.core.steps import ARGUMENTS, TextPlan
from callgate.core.strict import nearest
from callgate.model.manifest import DraftLane, WhoAmI
from callgate.model.tool import Manifest, ToolManifest

Schemas = Mapping[str, Mapping[str, Any]]


def check_manifest(manifest: Manifest, tools: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What of a manifest does not fit a server's tool definitions, one sentence each; empty: it fits.

    A manifest with variants is first made one of them (``core.variants.of_variant``). A recorded tool without a schema
    (null, or none) is compared by its name alone, and nothing is verified by that.
    """
    schemas = {tool["name"]: tool.get("inputSchema") or {} for tool in tools if isinstance(tool.get("name"), str)}
    bare = {tool["name"] for tool in tools if tool.get("inputSchema") is None}
    unknown = schemas.keys() - {tool.name for tool in manifest.tools} if not manifest.partial else set()
    problems = [f"{name}: the server has this tool and the manifest does not." for name in unknown]
    for tool in manifest.tools:
        if tool.name not in schemas:
            problems.append(f"{tool.name}: the server has no such tool.{nearest(tool.name, schemas)}")
            continue
        if tool.name in bare:
            if manifest.verified:
                problems.append(f"{tool.name}: its definition was recorded without a schema, so it cannot be verified.")
            continue
        problems += [f"{tool.name}: {reason}" for reason in _misfits(tool, schemas)]
    if manifest.whoami is not None:
        problems += [f"whoami: {reason}" for reason in _given_to(manifest.whoami, schemas)]
    return tuple(sorted(problems))


def _misfits(tool: ToolManifest, schemas: Schemas) -> Iterator[str]:
    schema = schemas[tool.name]
    for key, path in _paths(tool):
        yield from _undeclared(key, path, schema)
    for read in tool.state_pin:
        yield from _state_read(read.tool, read.arguments, schemas)
    for key, step in steps_of(tool):
        plan = plan_of(step)
        given = (*plan.named, *plan.passed_by_all(tuple(_declared(schema))))
        yield from _takes(key, plan.tool, given, schemas)
    for lane in tool.lanes:
        yield from _lost(lane, schema)
    for key, condition in conditions_of(tool):
        allowed = _enum(condition.path, schema)
        if condition.values and allowed and not allowed & {typed(value) for value in condition.values}:
            yield f"{key} can never hold: {condition.path} takes none of its values."


def _lost(lane: DraftLane, schema: Mapping[str, Any]) -> Iterator[str]:
    """Nothing of the original may get lost silently."""
    plan = plan_of(lane)
    declared = _declared(schema)
    passed = {*plan.roots, *lane.dropped, *plan.passed_by_all(tuple(declared))}
    for name in declared:
        if name not in passed and name not in lane.arguments:
            yield f"draft_lane loses the argument {name}: pass it on, or say in dropped why it may be lost."
    for name in lane.dropped:
        if name not in declared:
            yield f"draft_lane drops the argument {name}, which the tool does not declare."


def _state_read(name: str, arguments: Mapping[str, Any], schemas: Schemas) -> Iterator[str]:
    schema = schemas.get(name)
    if schema is None:
        yield f"state_pin reads {name}, which the server does not have."
        return
    takes = schema.get("properties") or {}
    for argument in arguments:
        if argument not in takes:
            yield f"state_pin gives {name} the argument {argument}, which it does not take.{nearest(argument, takes)}"
    for argument in schema.get("required") or ():
        if argument not in arguments:
            yield f"state_pin leaves out the argument {argument} of {name}."


def _given_to(whoami: WhoAmI, schemas: Schemas) -> Iterator[str]:
    yield from _takes("it", whoami.tool, tuple(whoami.arguments), schemas)


def _takes(key: str, name: str, given: tuple[str, ...], schemas: Schemas) -> Iterator[str]:
    schema = schemas.get(name)
    if schema is None:
        yield f"{key} uses {name}, which the server does not have.{nearest(name, schemas)}"
        return
    takes = _declared(schema)
    for argument in given:
        if argument not in takes:
            yield f"{key} gives {name} the argument {argument}, which it does not take.{nearest(argument, takes)}"
    for argument in schema.get("required") or ():
        if argument not in given:
            yield f"{key} leaves out the argument {argument} of {name}."


def _declared(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema.get("properties") or {}


def _undeclared(key: str, path: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """The first name must be declared; deeper ones where the schema closes its objects."""
    declared = _declared(schema)
    root, *names = path.replace("[]", "").split(".")
    if root not in declared:
        yield f"{key} names the argument {root}, which the tool does not declare.{nearest(root, declared)}"
        return
    for name in names:
        inner = _inside(declared[root], schema)
        if not inner:
            return
        if name not in inner:
            yield f"{key} names {path}, and {root} has no {name}.{nearest(name, inner)}"
            return
        declared, root = inner, name


def _inside(schema: Any, whole: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Properties of an object, of the items of an array, or of any branch; empty: it is open."""
    if not isinstance(schema, dict) or depth > 8:
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = whole
        for part in reference[2:].split("/"):
            target = target.get(part) if isinstance(target, dict) else None
        return _inside(target, whole, depth + 1)
    found = dict(schema.get("properties") or {})
    branches = [schema.get("items"), *(one for word in ("anyOf", "oneOf", "allOf") for one in schema.get(word) or ())]
    for branch in branches:
        found |= _inside(branch, whole, depth + 1)
    return found


def _enum(path: str, schema: Mapping[str, Any]) -> set[tuple[str, Any]]:
    """Values that the schema allows at ``path``; empty: it does not say."""
    *before, last = path.replace("[]", "").split(".")
    declared: Mapping[str, Any] = _declared(schema)
    for name in before:
        declared = _inside(declared.get(name), schema)
    found = declared.get(last)
    while isinstance(found, dict) and isinstance(found.get("items"), dict):
        found = found["items"]
    values = found.get("enum") if isinstance(found, dict) else None
    return {typed(value) for value in values} if isinstance(values, list) else set()


def _paths(tool: ToolManifest) -> Iterator[tuple[str, str]]:
    """(key, path) of every argument that the manifest names."""
    for selector in Sentence(tool.say).selectors:
        yield "say", selector.text
    yield from (("sinks", path) for path in tool.sinks)
    for target in tool.targets:
        yield from (("targets", path) for path in TargetSelector(target, frozenset()).texts)
    for rule in tool.tier_by:
        yield from (("tier_by", path) for path in ArgumentTier(rule).texts)
    yield from (("receipt", receipt.argument) for receipt in tool.receipt if receipt.argument)
    for read in tool.state_pin:
        yield from (("state_pin", text) for text in StateRead(read).texts)
    yield from _step_paths(tool)


def _step_paths(tool: ToolManifest) -> Iterator[tuple[str, str]]:
    for key, step in steps_of(tool):
        plan = plan_of(step)
        yield from ((key, place.path) for place in plan.places if place.source == ARGUMENTS)
        yield from ((key, name) for name in plan.same)
        yield from ((f"{key}.when", one.path) for one in getattr(step, "when", ()))
    if tool.confirm is not None:
        yield from (("confirm", place.path) for place in TextPlan(tool.confirm.equals).places)
    if tool.confine is not None and tool.confine.narrow is not None:
        yield "confine", tool.confine.narrow.argument
        if tool.confine.narrow.beside is not None:
            yield from (("confine", place.path) for place in TextPlan(tool.confine.narrow.beside.template).places)
