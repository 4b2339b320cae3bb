"""The page of every key of ``config.toml``, from the structs that read it and the lines under their fields."""

import ast
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from callgate.core.settings import LIVE_KEYS
from callgate.model import config
from callgate.model.config import Config, IssuerConfig

_HEAD = """\
# config.toml

<!-- Written by tools/generate.py from src/callgate/model/config.py. -->

Every key is optional, but for those of an issuer; an unknown one is refused with the list of what is allowed. Secrets never stand here.
Keys marked *live* change while the gate runs (`callgate reload`); the others need a restart.

"""
_EMPTY = msgspec.NODEFAULT


def config_page() -> str:
    """Markdown."""
    words = _words()
    top: list[str] = []
    parts: list[str] = []
    shapes = {field.name: field.type for field in inspect.type_info(Config).fields}  # type: ignore[attr-defined]
    for field in msgspec.structs.fields(Config):
        shape = shapes[field.name]
        if isinstance(shape, inspect.StructType):
            parts.append(_table(f"[{field.name}]", shape.cls, words, field.name))
        elif field.name == "issuers":
            parts.append(_table("[[issuers]]", IssuerConfig, words, field.name))
        else:
            top.append(_row(field, shape, words.get(("Config", field.name), ""), field.name))
    return _HEAD + _rows("Top of the file", "", top) + "\n" + "\n".join(parts)


def _table(title: str, cls: Any, words: dict[tuple[str, str], str], section: str) -> str:
    shapes = {field.name: field.type for field in inspect.type_info(cls).fields}  # type: ignore[attr-defined]
    rows = [
        _row(field, shapes[field.name], words.get((cls.__name__, field.name), ""), section)
        for field in msgspec.structs.fields(cls)
    ]
    return _rows(f"`{title}`", (cls.__doc__ or "").strip().replace("``", "`"), rows)


def _rows(title: str, said: str, rows: list[str]) -> str:
    head = f"## {title}\n\n" + (f"{said}\n\n" if said else "")
    return head + "| key | default | live | what |\n|---|---|---|---|\n" + "".join(rows)


def _row(field: Any, shape: inspect.Type, said: str, section: str) -> str:
    found = f"{_allowed(shape)} {said}".strip().replace("``", "`").replace("\n", " ")
    live = "yes" if section in LIVE_KEYS else ""
    return f"| `{field.encode_name}` | {_default(field)} | {live} | {' '.join(found.split())} |\n"


def _default(field: Any) -> str:
    if field.default is _EMPTY and field.default_factory is _EMPTY:
        return "needed"
    value = field.default if field.default is not _EMPTY else field.default_factory()
    return f"`{msgspec.json.encode(value).decode()}`"


def _allowed(shape: inspect.Type) -> str:
    if isinstance(shape, inspect.VarTupleType):
        inner = _allowed(shape.item_type)
        return f"A list. {inner}".strip()
    if isinstance(shape, inspect.EnumType):
        return "One of " + ", ".join(f"`{one.value}`" for one in shape.cls) + "."
    if isinstance(shape, inspect.IntType | inspect.FloatType) and shape.ge is not None and shape.le is not None:
        return f"{shape.ge} to {shape.le}."
    return ""


def _words() -> dict[tuple[str, str], str]:
    """(class, field) -> the string under it."""
    assert config.__file__ is not None
    found: dict[tuple[str, str], str] = {}
    for node in ast.parse(Path(config.__file__).read_text("utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, under in zip(node.body, node.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and _is_text(under):
                found[node.name, field.target.id] = under.value.value  # type: ignore[attr-defined]
    return found


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
