"""The catalogue: one folder per integration with ``manifest.toml`` and ``runbook.md``.

The shipped ones lie in this package; an operator's own folder is looked at first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from callgate.core.ledger.canonical import digest
from callgate.core.receipt import ReceiptExtractor
from callgate.core.selectors import Selector, TargetSelector
from callgate.core.sentence import Sentence
from callgate.core.strict import StrictReader, nearest, read_toml
from callgate.core.toolbox import ArgumentTier, StateRead
from callgate.model.errors import ConfigError, IntegrityError
from callgate.model.terms import Tier
from callgate.model.tool import Manifest, ToolManifest

FILE = "manifest.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_KIND = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DAY = re.compile(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_NOT_IN_FILES = frozenset({"Manifest.digest"})


def known_manifests(folder: Path | None = None) -> tuple[str, ...]:
    """Names of the manifests there are, sorted. Raises ConfigError when ``folder`` cannot be read."""
    names = {entry.name for place in _places(folder) for entry in _entries(place) if _NAME.fullmatch(entry.name)}
    return tuple(sorted(names))


def load_manifest(name: str, folder: Path | None = None) -> Manifest:
    """Raises ConfigError with file, key and reason."""
    if _NAME.fullmatch(name):
        for place in _places(folder):
            path = place / name / FILE
            if path.is_file():
                try:
                    text = path.read_bytes()
                except OSError as fault:
                    raise ConfigError("The file cannot be read.", file=str(path)) from fault
                return parse_manifest(text, str(path) if folder and place == folder else f"{name}/{FILE}", name)
    known = known_manifests(folder)
    raise ConfigError(
        f"The catalogue has no such manifest.{nearest(name, known)} It has: {', '.join(known) or 'none'}.",
        key=name,
    )


def parse_manifest(text: bytes, file: str, name: str = "") -> Manifest:
    """``name``: the integration it has to be for, when given. Raises ConfigError with file, key and reason."""
    manifest = StrictReader(file, _NOT_IN_FILES).read(Manifest, read_toml(text, file))
    if name and manifest.integration != name:
        raise ConfigError(f"The folder is named {name}; write the same here.", file=file, key="integration")
    for key, reason in _problems(manifest):
        raise ConfigError(reason, file=file, key=key)
    body = msgspec.to_builtins(manifest)
    del body["digest"]
    for tool in body["tools"]:
        # Younger than manifests that were approved already: unset, it leaves their digests as they are.
        if not tool["sets_session_target"]:
            del tool["sets_session_target"]
    try:
        return msgspec.structs.replace(manifest, digest=digest(body))
    except IntegrityError as fault:
        raise ConfigError("Names of arguments have ASCII characters only.", file=file) from fault


def check_manifest(manifest: Manifest, tools: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What of a manifest does not fit a server's tool definitions, one sentence each; empty: it fits."""
    schemas = {tool["name"]: tool.get("inputSchema") or {} for tool in tools if isinstance(tool.get("name"), str)}
    unknown = schemas.keys() - {tool.name for tool in manifest.tools}
    problems = [f"{name}: the server has this tool and the manifest does not." for name in unknown]
    for tool in manifest.tools:
        if tool.name not in schemas:
            problems.append(f"{tool.name}: the server has no such tool.{nearest(tool.name, schemas)}")
            continue
        problems += [f"{tool.name}: {reason}" for reason in _misfits(tool, schemas)]
    return tuple(sorted(problems))


def _places(folder: Path | None) -> Iterator[Traversable]:
    if folder is not None:
        yield folder
    yield resources.files("callgate.catalog")


def _entries(place: Traversable) -> Iterator[Traversable]:
    try:
        yield from (entry for entry in place.iterdir() if entry.is_dir() and (entry / FILE).is_file())
    except OSError as fault:
        raise ConfigError("The catalogue folder cannot be read.", file=str(place)) from fault


def _problems(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """(key, reason) of everything that the types alone do not forbid."""
    if not _NAME.fullmatch(manifest.integration):
        yield "integration", "1 to 64 lower-case letters, digits, - and _ are wanted here."
    for key in ("title", "vendor"):
        if not getattr(manifest, key).strip():
            yield key, "This is empty."
    if manifest.verified and not (manifest.verified_against and _DAY.fullmatch(manifest.verified_on)):
        yield "verified", "Say what it was verified against, and on which day (verified_on = YYYY-MM-DD)."
    names = [tool.name for tool in manifest.tools]
    if not names:
        yield "tools", "At least one tool is wanted."
    for number, tool in enumerate(manifest.tools):
        key = f"tools[{number}] {tool.name}"
        if names.index(tool.name) != number:
            yield f"{key}.name", "This tool stands here twice."
        yield from ((f"{key}.{inner}", reason) for inner, reason in _tool_problems(tool, manifest))


def _tool_problems(tool: ToolManifest, manifest: Manifest) -> Iterator[tuple[str, str]]:
    if not tool.name.strip() or not tool.name.isprintable():
        yield "name", "A tool name is wanted."
    if not tool.say.strip():
        yield "say", "One sentence for people is wanted."
    if tool.sets_session_target and not manifest.stateful:
        yield "sets_session_target", "A server with such a tool keeps state in its sessions: write stateful = true."
    yield from _uncompilable(tool)
    yield from _wrong_references(tool, {other.name: other.tier for other in manifest.tools})
    for number, rule in enumerate(tool.tier_by):
        if rule.tier >= tool.tier:
            yield f"tier_by[{number}].tier", "The tool's tier is its worst case; a rule can only lower it."
        if not rule.values:
            yield f"tier_by[{number}].values", "At least one value is wanted."
    for number, target in enumerate(tool.targets):
        if not _KIND.fullmatch(target.kind):
            yield f"targets[{number}].kind", "1 to 64 letters, digits, dots, dashes and underscores are wanted here."


def _wrong_references(tool: ToolManifest, tiers: Mapping[str, Tier]) -> Iterator[tuple[str, str]]:
    if tool.compensation and tool.compensation not in tiers:
        yield "compensation", f"There is no tool {tool.compensation}.{nearest(tool.compensation, tiers)}"
    if tool.compensation and tool.irreversible:
        yield "irreversible", "A tool with a compensation is not irreversible."
    for number, read in enumerate(tool.state_pin):
        key = f"state_pin[{number}].tool"
        if read.tool not in tiers:
            yield key, f"There is no tool {read.tool}.{nearest(read.tool, tiers)}"
        elif tiers[read.tool] is not Tier.READ:
            yield key, "Only tools of tier read can be part of a state_pin."


def _uncompilable(tool: ToolManifest) -> Iterator[tuple[str, str]]:
    def attempt(key: str, build: Any, *arguments: Any) -> Iterator[tuple[str, str]]:
        try:
            build(*arguments)
        except ValueError as fault:
            yield key, f"It cannot be used: {fault}."

    yield from attempt("say", Sentence, tool.say)
    for key in ("sinks", "trusted", "sensitive"):
        for number, path in enumerate(getattr(tool, key)):
            yield from attempt(f"{key}[{number}]", Selector, path)
    for number, target in enumerate(tool.targets):
        yield from attempt(f"targets[{number}]", TargetSelector, target, frozenset())
    for number, rule in enumerate(tool.tier_by):
        yield from attempt(f"tier_by[{number}]", ArgumentTier, rule)
    for number, receipt in enumerate(tool.receipt):
        yield from attempt(f"receipt[{number}]", ReceiptExtractor, (receipt,))
    for number, read in enumerate(tool.state_pin):
        yield from attempt(f"state_pin[{number}]", StateRead, read)


def _misfits(tool: ToolManifest, schemas: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    declared = schemas[tool.name].get("properties") or {}
    for key, root in _roots(tool):
        if root not in declared:
            yield f"{key} names the argument {root}, which the tool does not declare.{nearest(root, declared)}"
    for read in tool.state_pin:
        schema = schemas.get(read.tool)
        if schema is None:
            yield f"state_pin reads {read.tool}, which the server does not have."
            continue
        takes = schema.get("properties") or {}
        for name in read.arguments:
            if name not in takes:
                yield f"state_pin gives {read.tool} the argument {name}, which it does not take.{nearest(name, takes)}"
        for name in schema.get("required") or ():
            if name not in read.arguments:
                yield f"state_pin leaves out the argument {name} of {read.tool}."


def _roots(tool: ToolManifest) -> Iterator[tuple[str, str]]:
    """(key, first name) of every argument that the manifest names."""
    for selector in Sentence(tool.say).selectors:
        yield "say", selector.root
    for path in tool.sinks:
        yield "sinks", Selector(path).root
    for target in tool.targets:
        for root in TargetSelector(target, frozenset()).roots:
            yield "targets", root
    for rule in tool.tier_by:
        yield "tier_by", Selector(rule.path).root
    for receipt in tool.receipt:
        if receipt.argument:
            yield "receipt", Selector(receipt.argument).root
    for read in tool.state_pin:
        for root in StateRead(read).roots:
            yield "state_pin", root
