"""Paths: where in JSON a value stands. Names with dots between; ``[]`` after a name walks an array."""

import re
from typing import Any

_NAME = re.compile(r"[^.\[\]{}]+")


class Selector:
    """A compiled path. Names hold no dots, brackets or braces. ``[]`` at the start: the whole is an array."""

    __slots__ = ("_first", "_steps", "root", "text")

    def __init__(self, text: str) -> None:
        """Raises ValueError when it cannot compile."""
        steps: list[str | None] = []
        for number, part in enumerate(text.split(".")):
            name = part
            walks = 0
            while name.endswith("[]"):
                name, walks = name[:-2], walks + 1
            if number == 0 and walks and not name and part != text:
                steps += [None] * walks
                continue
            if not _NAME.fullmatch(name):
                raise ValueError(f"{text!r} is not a path of names with dots between, and [] after a name for an array")
            steps += [name, *([None] * walks)]
        self.text = text
        self._steps = tuple(steps)
        self.root = steps[0] or ""
        self._first = self.root if len(steps) == 1 else ""

    def find(self, value: Any) -> tuple[Any, ...] | None:
        """Every value found, without absent and null ones; None when something on the way has another shape."""
        if self._first and isinstance(value, dict):
            found = value.get(self._first)
            return () if found is None else (found,)
        level = [value]
        for step in self._steps:
            following: list[Any] = []
            for item in level:
                if step is None:
                    if not isinstance(item, list):
                        return None
                    following += item
                elif isinstance(item, dict):
                    following.append(item.get(step))
                else:
                    return None
            level = [item for item in following if item is not None]
        return tuple(level)

    def one(self, value: Any) -> Any:
        """The only value found, else None."""
        found = self.find(value)
        return found[0] if found is not None and len(found) == 1 else None
