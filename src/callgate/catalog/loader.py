"""The catalogue: one folder per integration with ``manifest.toml`` and ``runbook.md``.

The shipped ones lie in this package; an operator's own folder is looked at first.
"""

import functools
import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec

from callgate.catalog.checks import problems
from callgate.core.ledger.canonical import digest
from callgate.core.strict import StrictReader, nearest, read_toml
from callgate.model.errors import ConfigError, IntegrityError
from callgate.model.tool import Manifest, PinRead, ReceiptRule, TargetRule, TierRule, ToolManifest

FILE, RUNBOOK, CASES = "manifest.toml", "runbook.md", "cases.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_NOT_IN_FILES = frozenset({"Manifest.digest", "Manifest.variant"})


def known_manifests(folder: Path | None = None) -> tuple[str, ...]:
    """Names of the manifests there are, sorted. Raises ConfigError when ``folder`` cannot be read."""
    names = {entry.name for place in _places(folder) for entry in _entries(place) if _NAME.fullmatch(entry.name)}
    return tuple(sorted(names))


def load_manifest(name: str, folder: Path | None = None) -> Manifest:
    """Raises ConfigError with file, key and reason."""
    return parse_manifest(*_read(name, folder), name)


def manifest_digest(name: str, folder: Path | None = None) -> str:
    """As in the Manifest; a file that was read before is not read in full again. Raises ConfigError."""
    text, file = _read(name, folder)
    return _digest_of(text, file, name)


@functools.lru_cache(maxsize=256)
def _digest_of(text: bytes, file: str, name: str) -> str:
    return parse_manifest(text, file, name).digest


def _read(name: str, folder: Path | None) -> tuple[bytes, str]:
    """(the file's bytes, what it is called in complaints)."""
    place = folder_of(name, folder)
    path = place / FILE
    try:
        return path.read_bytes(), str(path) if folder and place == folder / name else f"{name}/{FILE}"
    except OSError as fault:
        raise ConfigError("The file cannot be read.", file=str(path)) from fault


def folder_of(name: str, folder: Path | None = None) -> Traversable:
    """Where the manifest of this name lies. Raises ConfigError when there is none."""
    if _NAME.fullmatch(name):
        for place in _places(folder):
            if (place / name / FILE).is_file():
                return place / name
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
    for key, reason in problems(manifest):
        raise ConfigError(reason, file=file, key=key)
    try:
        return msgspec.structs.replace(manifest, digest=digest(_body(manifest)))
    except IntegrityError as fault:
        raise ConfigError("Names of arguments have ASCII characters only.", file=file) from fault


def _places(folder: Path | None) -> Iterator[Traversable]:
    if folder is not None:
        yield folder
    yield resources.files("callgate.catalog")


def _entries(place: Traversable) -> Iterator[Traversable]:
    try:
        yield from (entry for entry in place.iterdir() if entry.is_dir() and (entry / FILE).is_file())
    except OSError as fault:
        raise ConfigError("The catalogue folder cannot be read.", file=str(place)) from fault


def _body(value: Any) -> Any:
    """What the digest covers. Keys younger than manifests that were approved already leave it as it is while unset."""
    if isinstance(value, msgspec.Struct):
        found = ((name, getattr(value, name), default, always) for name, default, always in _covered(type(value)))
        return {name: _body(held) for name, held, default, always in found if always or held != default}
    if isinstance(value, tuple | list):
        return [_body(item) for item in value]
    if isinstance(value, dict):
        return {name: _body(item) for name, item in value.items()}
    return value


@functools.cache
def _covered(noun: type[msgspec.Struct]) -> tuple[tuple[str, Any, bool], ...]:
    """(field, its default, whether the digest covers it unset)."""
    known = _ELDER.get(noun, frozenset())
    return tuple((field.name, _default(field), field.name in known) for field in msgspec.structs.fields(noun))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


_ELDER: dict[type[msgspec.Struct], frozenset[str]] = {
    Manifest: frozenset(
        [
            "integration",
            "title",
            "vendor",
            "stateful",
            "per_person",
            "tools",
            "verified",
            "verified_against",
            "verified_on",
        ]
    ),
    ToolManifest: frozenset(
        [
            "name",
            "tier",
            "say",
            "tier_by",
            "targets",
            "sinks",
            "trusted",
            "sensitive",
            "receipt",
            "state_pin",
            "compensation",
            "irreversible",
            "admin",
            "money",
            "idempotent",
            "retrieval",
        ]
    ),
    TargetRule: frozenset(["kind", "path", "template", "normalise"]),
    ReceiptRule: frozenset(["name", "structured", "json_text", "pattern", "argument"]),
    PinRead: frozenset(["tool", "arguments"]),
    TierRule: frozenset(["path", "values", "tier"]),
}
"""Keys that the digest covers even when they are left out."""
