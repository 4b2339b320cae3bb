"""How often parts of a schema are applied to one value, so that no schema makes a small value cost hours.

A validator applies a part anew for each way that leads to it. References double the ways with each step, so a schema
of a kilobyte can have more ways than there are seconds. What is counted here is an upper bound, in linear time.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

FREE = 5_000
"""Applications to one value that are never too many."""
_FEW = 200
"""Ways through a schema that are never too many."""
_ENDLESS = 1 << 62
MOST_TIMES = 4
"""Beyond that, so many of each part to each place of the value, on average."""
_HERE_EACH = ("allOf", "anyOf", "oneOf")
_HERE = ("not", "if", "then", "else")
_HERE_NAMED = ("dependentSchemas", "dependencies")
_EVERY = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_ITEMS = ("additionalItems", "unevaluatedItems", "contains")
_REFERENCES = frozenset(("$ref", "$dynamicRef", "$recursiveRef"))
_APPLIED = _REFERENCES.union(_HERE_EACH, _HERE, _HERE_NAMED)
_OF_SCHEMAS = ("http://json-schema.org/", "https://json-schema.org/")
"""The published schemas of schemas: every validator has them, and they do not multiply."""

Part = dict[str, Any]


class UnknownReference(ValueError):
    """A reference is written in a way that is not followed here."""


class SchemaCost:
    """Of one schema. ``trivial``: no value can be too much for it."""

    __slots__ = ("_anchors", "_root", "trivial")

    def __init__(self, root: Part) -> None:
        """Raises UnknownReference."""
        self._root = root
        self._anchors: dict[str, Part] = {}
        # Without references it is a tree, as most are.
        self.trivial = all(_REFERENCES.isdisjoint(part) for part in _every(root))
        if not self.trivial:
            self._anchors = {f"#{name}": part for name, part in _anchors(root)}
            self.trivial = self._is_trivial()

    def too_much(self, value: Any) -> bool:
        """Whether a validator could have to apply parts of the schema very many times to this value."""
        if self.trivial:
            return False
        count = _Count()
        try:
            cost = self._cost(self._root, value, count)
        except RecursionError:
            return True
        return cost > max(FREE, MOST_TIMES * (count.plain + len(count.known)))

    def _cost(self, part: Part, value: Any, count: "_Count") -> int:
        key = (id(part), id(value))
        found = count.known.get(key)
        if found is not None:
            return found
        # A part that leads back to itself at the same place would never end.
        count.known[key] = _ENDLESS
        cost = 1 + sum(self._cost(inner, value, count) for inner in self._here(part))
        for inner, below in _below(part, value):
            cost += self._cost(inner, below, count)
            count.plain += not isinstance(below, dict | list)
        count.known[key] = cost
        return cost

    def _here(self, part: Part) -> Iterator[Part]:
        """Parts that are applied to the same value."""
        if _APPLIED.isdisjoint(part):
            return
        for key in _HERE_EACH:
            yield from _parts(part.get(key))
        for key in _HERE:
            yield from _parts([part.get(key)])
        for key in _HERE_NAMED:
            yield from _named(part.get(key))
        for key in _REFERENCES:
            reference = part.get(key)
            if isinstance(reference, str) and not reference.startswith(_OF_SCHEMAS):
                yield self._referred(reference)

    def _referred(self, reference: str) -> Part:
        if reference in self._anchors:
            return self._anchors[reference]
        found = pointed(reference, self._root)
        if found is None:
            raise UnknownReference(reference)
        return found

    def _is_trivial(self) -> bool:
        """No part leads back to itself, and the ways through all of them are few. Looks at every reference."""
        reachable = {id(self._root): self._root}
        waiting = [self._root]
        while waiting:
            part = waiting.pop()
            fresh = [inner for inner in (*self._here(part), *_all_below(part)) if id(inner) not in reachable]
            reachable.update((id(inner), inner) for inner in fresh)
            waiting += fresh
        ways: dict[int, int] = {}
        under_way: set[int] = set()

        def count(part: Part) -> int:
            if id(part) in under_way:
                raise RecursionError
            if id(part) not in ways:
                under_way.add(id(part))
                ways[id(part)] = 1 + sum(map(count, (*self._here(part), *_all_below(part))))
                under_way.discard(id(part))
            return ways[id(part)]

        try:
            return count(self._root) <= max(MOST_TIMES * len(reachable), _FEW)
        except RecursionError:
            return False


class _Count:
    """``known``: cost by part and value; places that hold text, numbers and the like may share one value, so that
    they are counted in ``plain``, too.
    """

    __slots__ = ("known", "plain")

    def __init__(self) -> None:
        self.known: dict[tuple[int, int], int] = {}
        self.plain = 0


def pointed(reference: str, root: Part) -> Part | None:
    """The part of the same document that a ``#/…`` reference names (RFC 6901)."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    part: Any = root
    for step in reference[1:].split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(part, dict):
            part = part.get(name)
        elif isinstance(part, list) and name.isdigit() and int(name) < len(part):
            part = part[int(name)]
        else:
            return None
    return part if isinstance(part, dict) else None


def _below(part: Part, value: Any) -> Iterator[tuple[Part, Any]]:
    """Parts that are applied to what is inside of the value."""
    if isinstance(value, dict):
        properties = part.get("properties")
        for name, inner in properties.items() if isinstance(properties, dict) else ():
            if name in value and isinstance(inner, dict):
                yield inner, value[name]
        for inner in (*_named(part.get("patternProperties")), *_parts([part.get(key) for key in _EVERY])):
            for below in value.values():
                yield inner, below
    elif isinstance(value, list):
        inner_items = part.get("items")
        first = part.get("prefixItems", inner_items if isinstance(inner_items, list) else None)
        yield from zip(_parts(first), value, strict=False)
        for inner in _parts([inner_items, *(part.get(key) for key in _ITEMS)]):
            for below in value:
                yield inner, below


def _all_below(part: Part) -> Iterator[Part]:
    for key in ("properties", "patternProperties"):
        yield from _named(part.get(key))
    yield from _parts([part.get(key) for key in (*_EVERY, *_ITEMS)])
    items = part.get("items")
    yield from _parts(items if isinstance(items, list) else [items])
    yield from _parts(part.get("prefixItems"))


def _parts(listed: Any) -> Iterator[Part]:
    return (part for part in listed if isinstance(part, dict)) if isinstance(listed, list) else iter(())


def _named(table: Any) -> Iterator[Part]:
    return (part for part in table.values() if isinstance(part, dict)) if isinstance(table, dict) else iter(())


def _every(root: Part) -> Iterator[Part]:
    stack: list[Any] = [root]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            yield part
            stack += part.values()
        elif isinstance(part, list):
            stack += part


def _anchors(root: Part) -> Iterator[tuple[str, Part]]:
    for part in _every(root):
        for key in ("$anchor", "$dynamicAnchor"):
            if isinstance(part.get(key), str):
                yield part[key], part
