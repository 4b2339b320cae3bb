"""The JSON Schema of manifest files, for editors, from the structs that read them and the lines under their fields."""

import ast
import enum
import json
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from callgate.catalog.cases import CaseFile
from callgate.model import manifest, tool
from callgate.model.tool import Manifest

_HIDDEN = {("Manifest", "digest"), ("Manifest", "variant")}


def manifest_schema() -> str:
    """JSON. What types cannot say, `callgate catalog check` says."""
    return _schema(Manifest, "Callgate manifest", "manifest.toml of the catalogue; docs/reference/manifest.md")


def cases_schema() -> str:
    return _schema(CaseFile, "Callgate cases", "cases.toml of the catalogue; docs/reference/manifest.md")


def _schema(noun: type[msgspec.Struct], title: str, description: str) -> str:
    defs: dict[str, Any] = {}
    top = _struct(inspect.type_info(noun), defs, _words())
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "description": description}
    return json.dumps({**whole, **top, "$defs": defs}, indent=2, ensure_ascii=False) + "\n"


def _struct(info: Any, defs: dict[str, Any], words: dict[tuple[str, str], str]) -> dict[str, Any]:
    name = info.cls.__name__
    fields = [field for field in info.fields if (name, field.name) not in _HIDDEN]
    bases = [base.__name__ for base in info.cls.__mro__]
    properties = {}
    for field in fields:
        said = next((words[base, field.name] for base in bases if (base, field.name) in words), "")
        properties[field.name] = {**_type(field.type, defs, words), **({"description": said} if said else {})}
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": properties}
    required = [field.name for field in fields if field.required]
    return {**found, "required": required} if required else found


def _type(info: Any, defs: dict[str, Any], words: dict[tuple[str, str], str]) -> dict[str, Any]:
    match info:
        case inspect.StructType():
            name = info.cls.__name__
            if name not in defs:
                defs[name] = {}
                defs[name] = _struct(info, defs, words)
            return {"$ref": f"#/$defs/{name}"}
        case inspect.EnumType():
            members: type[enum.Enum] = info.cls
            return {"enum": [member.name.lower() for member in members]}
        case inspect.VarTupleType():
            return {"type": "array", "items": _type(info.item_type, defs, words)}
        case inspect.UnionType():
            some = [_type(one, defs, words) for one in info.types if not isinstance(one, inspect.NoneType)]
            return some[0] if len(some) == 1 else {"anyOf": some}
        case inspect.DictType():
            return {"type": "object", "additionalProperties": _type(info.value_type, defs, words)}
        case inspect.StrType():
            return {"type": "string"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType():
            return {"type": "integer"}
    return {}


def _words() -> dict[tuple[str, str], str]:
    """(struct, field) -> the docstring under the field."""
    found = {}
    for module in (manifest, tool):
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
        for node in (one for one in tree.body if isinstance(one, ast.ClassDef)):
            for field, after in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(after, ast.Expr)
                ):
                    text = after.value.value if isinstance(after.value, ast.Constant) else ""
                    found[node.name, field.target.id] = " ".join(str(text).split())
    return found
