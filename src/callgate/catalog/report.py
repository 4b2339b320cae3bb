"""All of the catalogue, checked: manifests, their runbooks, their cases, and how they fit recorded definitions."""

from pathlib import Path
from typing import Any

import msgspec

from callgate.catalog.cases import Definitions, failed_cases, parse_cases
from callgate.catalog.fitting import check_manifest
from callgate.catalog.loader import CASES, RUNBOOK, folder_of, known_manifests, load_manifest
from callgate.core.strict import nearest
from callgate.core.variants import shown_name, variants_of
from callgate.model.base import Fact
from callgate.model.errors import ConfigError
from callgate.model.tool import Manifest

MAX_DEFINITIONS = 16 << 20


class CatalogProblem(Fact, frozen=True):
    """``file`` from the catalogue's folder; ``key`` may be empty."""

    file: str
    key: str
    reason: str


class CheckedManifest(Fact, frozen=True):
    """One integration. ``compared``: variants that were held against recorded definitions."""

    name: str
    tools: int
    cases: int
    verified: bool
    compared: tuple[str, ...]
    problems: tuple[CatalogProblem, ...]
    partly: bool = False
    """At least one of its variants is verified."""


def check_catalogue(
    names: tuple[str, ...] = (), folder: Path | None = None, definitions: Path | None = None
) -> tuple[CheckedManifest, ...]:
    """``names``: which; empty: all. ``definitions``: a folder of ``<name>.json`` with ``tools``.

    Raises ConfigError for a name that is not there and a folder that cannot be read.
    """
    known = known_manifests(folder)
    for name in names:
        if name not in known:
            raise ConfigError(f"The catalogue has no such manifest.{nearest(name, known)}", key=name)
    return tuple(_checked(name, folder, definitions) for name in names or known)


def _checked(name: str, folder: Path | None, definitions: Path | None) -> CheckedManifest:
    place = folder_of(name, folder)
    try:
        manifest = load_manifest(name, folder)
    except ConfigError as fault:
        problem = CatalogProblem(file=fault.file, key=fault.key, reason=fault.message)
        return CheckedManifest(name=name, tools=0, cases=0, verified=False, compared=(), problems=(problem,))
    problems: list[CatalogProblem] = []
    if not (place / RUNBOOK).is_file():
        problems.append(CatalogProblem(file=f"{name}/{RUNBOOK}", key="", reason="There is no runbook."))
    known, compared = _compared(manifest, definitions, problems)
    count = 0
    try:
        text = (place / CASES).read_bytes() if (place / CASES).is_file() else b""
        cases = parse_cases(text, f"{name}/{CASES}") if text else ()
        count = len(cases)
        for failed in failed_cases(manifest, cases, known):
            key, _, reason = failed.partition(": ")
            problems.append(CatalogProblem(file=f"{name}/{CASES}", key=key, reason=reason))
    except ConfigError as fault:
        problems.append(CatalogProblem(file=fault.file, key=fault.key, reason=fault.message))
    return CheckedManifest(
        name=name,
        tools=len(manifest.tools),
        cases=count,
        verified=all(one.verified for one in variants_of(manifest)),
        partly=any(one.verified for one in variants_of(manifest)),
        compared=compared,
        problems=tuple(problems),
    )


def _compared(
    manifest: Manifest, folder: Path | None, problems: list[CatalogProblem]
) -> tuple[Definitions, tuple[str, ...]]:
    """(definitions by tool name, names of the variants that were compared); adds what does not fit."""
    known: dict[str, dict[str, Any]] = {}
    compared = []
    for one in variants_of(manifest) if folder is not None else ():
        assert folder is not None
        files = [folder / f"{name}.json" for name in (one.definitions or one.integration).split("+")]
        if not all(file.is_file() for file in files):
            continue
        tools = [tool for file in files for tool in _definitions(file)]
        known |= {tool["name"]: tool for tool in tools}
        compared.append(shown_name(one))
        problems.extend(
            CatalogProblem(file=f"{manifest.integration}/manifest.toml", key=shown_name(one), reason=reason)
            for reason in check_manifest(one, tools)
        )
    return known, tuple(compared)


def _definitions(file: Path) -> list[dict[str, Any]]:
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_DEFINITIONS else b""
        found = msgspec.json.decode(data)
    except (OSError, msgspec.MsgspecError) as fault:
        raise ConfigError("The definitions cannot be read.", file=str(file)) from fault
    tools = found.get("tools") if isinstance(found, dict) else found
    if not isinstance(tools, list) or not all(isinstance(tool, dict) and "name" in tool for tool in tools):
        raise ConfigError("A list of tools is wanted, or an object with one under tools.", file=str(file))
    return tools
