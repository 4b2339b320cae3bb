"""The one sentence that says to people what a call would do."""

import re
from typing import Any

import msgspec

from callgate.core.paths import Selector
from callgate.core.visible import shorten

MAX_VALUE = 80
MAX_SENTENCE = 600
_MAX_ITEMS = 3
_PLACE = re.compile(r"\{([^{}]*)\}")


class Sentence:
    """A compiled ``say`` template: text with ``{argument}`` places (selectors)."""

    __slots__ = ("_texts", "selectors")

    def __init__(self, template: str) -> None:
        """Raises ValueError for a place that cannot compile."""
        pieces = _PLACE.split(template)
        self._texts = tuple(pieces[::2])
        self.selectors = tuple(Selector(text) for text in pieces[1::2])
        if any("{" in text or "}" in text for text in self._texts):
            raise ValueError("a brace stands alone; places are written {argument}")

    def say(self, arguments: dict[str, Any]) -> str:
        text = self._texts[0]
        for selector, following in zip(self.selectors, self._texts[1:], strict=True):
            text += _spoken(selector.find(arguments)) + following
        return shorten(text, MAX_SENTENCE)


def _spoken(found: tuple[Any, ...] | None) -> str:
    if found is None:
        return "(not readable)"
    if not found:
        return "(not given)"
    values = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if not values:
        return "(empty)"
    shown = ", ".join(_value(value) for value in values[:_MAX_ITEMS])
    return shown if len(values) <= _MAX_ITEMS else f"{shown} and {len(values) - _MAX_ITEMS} more"


def _value(value: Any) -> str:
    """Texts stand in quotes, with quotes inside marked, so that no value can pass for the words around it."""
    if isinstance(value, str):
        cut = shorten(value, MAX_VALUE).replace('"', "'")
        return f'"{cut}"'
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return shorten(str(value) if abs(value) < 10**30 else "a very large number", MAX_VALUE)
    return shorten(msgspec.json.encode(value, order="deterministic").decode(errors="replace"), MAX_VALUE)
