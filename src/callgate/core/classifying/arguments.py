"""What an input schema says: arguments and fixed values that only a changing tool has, and what each action does."""

from collections.abc import Iterator, Mapping
from typing import Any

from callgate.core.classifying.words import folded
from callgate.core.visible import shorten
from callgate.model.base import Fact

MAX_NODES = 2000
MAX_DEPTH = 8
MAX_VALUES = 512
MAX_KEY = 256
MAX_SHOWN = 40
_ARRAYS = ("anyOf", "oneOf", "allOf")
_MAPS = ("properties", "$defs", "definitions")
_WRAPPERS = frozenset(
    {"params", "input", "args", "arguments", "request", "data", "payload", "options", "parameters", "model", "body"}
)


class Argument(Fact, frozen=True):
    """``key``: folded name. ``shown``: its name, safe to show. ``values``: fixed ones."""

    key: str
    shown: str
    own: bool
    """The tool's own: at the top, or in an object there that only wraps the arguments."""
    types: frozenset[str]
    values: tuple[str, ...]
    told: str
    """Its description, untrusted."""


class Arguments(Fact, frozen=True):
    """``whole``: everything was looked at."""

    found: tuple[Argument, ...]
    whole: bool

    @property
    def own(self) -> tuple[Argument, ...]:
        return tuple(one for one in self.found if one.own)


def arguments_of(schema: Any) -> Arguments:
    """Walks at most MAX_NODES schemas, MAX_DEPTH deep; references inside the document are reached where they stand."""
    found: list[Argument] = []
    waiting: list[tuple[Mapping[str, Any], bool, int]] = [(schema, True, 0)] if isinstance(schema, Mapping) else []
    nodes, whole = 0, True
    while waiting and nodes <= MAX_NODES and len(found) <= MAX_NODES:
        node, own, level = waiting.pop()
        nodes += 1
        if level > MAX_DEPTH:
            whole = False
            continue
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            for name, child in properties.items():
                if len(found) > MAX_NODES:
                    break
                found.append(_argument(str(name), child, own=own))
                whole = whole and len(str(name)) <= MAX_KEY
        for child, inner in _children(node, own=own, top=level == 0):
            if len(waiting) > MAX_NODES:
                whole = False
                break
            waiting.append((child, inner, level + 1))
    whole = whole and not waiting and len(found) <= MAX_NODES
    return Arguments(found=tuple(sorted(found, key=lambda one: (one.key, one.shown))), whole=whole)


def _children(node: Mapping[str, Any], *, own: bool, top: bool) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """(schema, whether its properties are the tool's own)."""
    for key in _MAPS:
        inner = node.get(key)
        if isinstance(inner, Mapping):
            for name, child in inner.items():
                if isinstance(child, Mapping):
                    yield child, own and top and key == "properties" and _wraps(str(name))
    for key in ("items", "additionalProperties"):
        inner = node.get(key)
        if isinstance(inner, Mapping):
            yield inner, False
    for key in _ARRAYS:
        inner = node.get(key)
        if isinstance(inner, list):
            yield from ((child, own) for child in inner if isinstance(child, Mapping))


def _wraps(name: str) -> bool:
    return folded(name).rpartition("_")[2] in _WRAPPERS


def _argument(name: str, schema: Any, *, own: bool) -> Argument:
    types: set[str] = set()
    values: list[str] = []
    told = ""
    for one in _variants(schema):
        said = one.get("type")
        types |= {part for part in (said if isinstance(said, list) else [said]) if isinstance(part, str)}
        fixed = one.get("enum")
        values += [value for value in fixed[:MAX_VALUES] if isinstance(value, str)] if isinstance(fixed, list) else []
        values += [one["const"]] if isinstance(one.get("const"), str) else []
        text = one.get("description")
        told = told or (text if isinstance(text, str) else "")
    return Argument(
        key=folded(name),
        shown=shorten(name, MAX_SHOWN),
        own=own,
        types=frozenset(types),
        values=tuple(values[:MAX_VALUES]),
        told=told,
    )


def _variants(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schema, the alternatives of it, and what it is an array of."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    for key in _ARRAYS:
        inner = schema.get(key)
        if isinstance(inner, list):
            yield from (child for child in inner[:MAX_VALUES] if isinstance(child, Mapping))
    if isinstance(schema.get("items"), Mapping):
        yield schema["items"]
