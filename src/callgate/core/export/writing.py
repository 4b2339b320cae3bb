"""Texts of exported files."""

import json
import re
from collections.abc import Iterator
from typing import Any

from callgate.core.adopt.edits import TOML
from callgate.core.export.clients import ExportPart, ExportPlan
from callgate.core.toml_text import quoted
from callgate.model.export import ExportBundle, ExportedFile

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def bundle(client: str, plan: ExportPlan, *, managed: bool) -> ExportBundle:
    files = tuple(ExportedFile(place=part.place, text=text_of(part)) for part in plan.parts)
    return ExportBundle(client=client, managed=managed, files=files, notes=plan.notes)


def text_of(part: ExportPart) -> str:
    if part.form in TOML:
        return "\n".join(_tables(part.value, ())).lstrip("\n") + "\n"
    return json.dumps(part.value, indent=2, ensure_ascii=False) + "\n"


def _tables(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Plain values first, then each table under a header of its own (TOML 1.0)."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if path and (plain or not table):
        yield f"\n[{'.'.join(map(_key, path))}]"
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _tables(value, (*path, key))


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else quoted(name)


def _value(value: Any) -> str:
    """JSON's spelling of numbers and truth is TOML's too."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)
