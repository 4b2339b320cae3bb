"""What patterns with a look around or a reference back may cost: their time grows with the square of a text, so a long
argument could keep the gate for hours. Patterns without are matched in linear time and cost nothing here.
"""

from collections.abc import Callable, Iterator
from typing import Any

MOST = 25_000_000
"""Of the squares of all lengths that such patterns could meet, times the patterns: a quarter of a second."""
_ELSEWHERE = ("$ref", "$dynamicRef", "$recursiveRef")


class PatternCost:
    """Of one schema. ``trivial``: no value can be too much for it."""

    __slots__ = ("_everywhere", "_named", "trivial")

    def __init__(self, schema: dict[str, Any], slow: Callable[[str], bool]) -> None:
        """``slow``: whether a pattern is none that is matched in linear time."""
        named = schema.get("properties")
        named = named if isinstance(named, dict) else {}
        inside = {name: _slow_in(part, slow) for name, part in named.items()}
        whole = _slow_in(schema, slow)
        apart = whole == sum(inside.values()) and not any(_leads_elsewhere(part) for part in named.values())
        self._named = {name: count for name, count in inside.items() if count} if apart else {}
        self._everywhere = 0 if apart else whole
        self.trivial = not whole

    def too_much(self, arguments: dict[str, Any]) -> bool:
        if self._everywhere:
            return self._everywhere * _squares(arguments) > MOST
        return sum(count * _squares(arguments.get(name)) for name, count in self._named.items()) > MOST


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            yield part
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)


def _slow_in(schema: Any, slow: Callable[[str], bool]) -> int:
    count = 0
    for part in _parts(schema):
        pattern, names = part.get("pattern"), part.get("patternProperties")
        count += isinstance(pattern, str) and slow(pattern)
        count += sum(map(slow, names)) if isinstance(names, dict) else 0
    return count


def _leads_elsewhere(schema: Any) -> bool:
    return any(name in part for part in _parts(schema) for name in _ELSEWHERE)


def _squares(value: Any) -> int:
    """Sum of the squares of the lengths of all texts in it, names too."""
    total = 0
    stack = [value]
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            total += len(part) ** 2
        elif isinstance(part, dict):
            stack.extend(part)
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)
    return total
