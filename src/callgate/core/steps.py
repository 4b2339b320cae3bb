"""Steps: the arguments of another tool, made from a call's arguments, its receipt and what was read before it.

Compiled once per load. Nothing is guessed: what cannot be made as the manifest says is not made at all.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from callgate.core.paths import Selector

ARGUMENTS, RECEIPT, PRE_READ = "arguments", "receipt", "pre_read"
CONVERSIONS = ("integer", "text", "list")
ALL = "*"
_MAX_DEPTH = 16
_INTEGER = re.compile(r"-?\d{1,15}")
_PLACE = re.compile(r"\{([^{}]*)\}")
_PARTS = re.compile(r"(?:(receipt|pre_read):)?([^{}|?:]+)(?:\|([a-z]+))?(\??)")


class Stepping(Protocol):
    """What Step, DraftLane, PreRead and ConfirmRead have in common."""

    @property
    def tool(self) -> str: ...
    @property
    def arguments(self) -> dict[str, Any]: ...
    @property
    def same(self) -> tuple[str, ...]: ...


class NotMadeError(ValueError):
    """A value that a step needs is not there, or is not what it should be."""


class Slot:
    """``{path}``, ``{receipt:name}`` or ``{pre_read:path}``, with ``|conversion`` and ``?`` (may be missing)."""

    __slots__ = ("_conversion", "_many", "_optional", "_selector", "path", "root", "source")

    def __init__(self, text: str) -> None:
        """``text``: without its braces. Raises ValueError when it is no place."""
        parts = _PARTS.fullmatch(text)
        if parts is None or (parts[3] and parts[3] not in CONVERSIONS):
            known = ", ".join(CONVERSIONS)
            raise ValueError(
                f"{{{text}}} is no place: {{argument}}, {{receipt:name}} or {{pre_read:path}}, with |conversion ({known})"
            )
        self.source = parts[1] or ARGUMENTS
        self.path = parts[2]
        self._selector = Selector(self.path)
        self.root = self._selector.root
        self._many = "[]" in self.path
        self._conversion = parts[3] or ""
        # Arguments that a client left out are left out; what a way back rests on has to be there.
        self._optional = bool(parts[4]) or self.source == ARGUMENTS

    def value(self, sources: Mapping[str, Any]) -> Any:
        """None: it is missing, and may be. Raises NotMadeError."""
        found = self._selector.find(sources.get(self.source) or {})
        if found is None or (not found and not self._optional):
            raise NotMadeError(f"{self.source}: {self.path}")
        if not found:
            return None
        return self._converted(list(found) if self._many else found[0])

    def _converted(self, value: Any) -> Any:
        if self._conversion == "list":
            return value if isinstance(value, list) else [value]
        if self._conversion == "text":
            return _text(value)
        if self._conversion == "integer" and not (isinstance(value, int) and not isinstance(value, bool)):
            if not isinstance(value, str) or not _INTEGER.fullmatch(value):
                raise NotMadeError(self.path)
            return int(value)
        return value


class StepPlan:
    """A compiled step."""

    __slots__ = ("_dropped", "_same", "_template", "places", "tool")

    def __init__(self, step: Stepping, dropped: frozenset[str] = frozenset()) -> None:
        """Raises ValueError when it cannot compile. ``dropped``: arguments that ``*`` leaves out."""
        self.tool = step.tool
        self.places: tuple[Slot, ...] = ()
        self._template = {name: self._compiled(value, 0) for name, value in step.arguments.items()}
        self._same = step.same
        self._dropped = dropped
        for name in step.same:
            if name != ALL:
                Selector(name)
            if name in step.arguments:
                raise ValueError(f"{name} stands in arguments and in same")

    def _compiled(self, value: Any, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        if isinstance(value, str):
            pieces = _PLACE.split(value)
            if any("{" in text or "}" in text for text in pieces[::2]):
                raise ValueError("a brace stands alone; places are written {argument}")
            places = [Slot(text) for text in pieces[1::2]]
            self.places += tuple(places)
            if not places:
                return value
            return places[0] if value == f"{{{pieces[1]}}}" else _Text(tuple(pieces[::2]), tuple(places))
        if isinstance(value, list):
            return [self._compiled(item, depth + 1) for item in value]
        if isinstance(value, dict):
            return {name: self._compiled(item, depth + 1) for name, item in value.items()}
        return value

    @property
    def named(self) -> tuple[str, ...]:
        """Arguments of the other tool that it gives by name."""
        return (*self._template, *(name for name in self._same if name != ALL))

    @property
    def same(self) -> tuple[str, ...]:
        """Arguments that it passes on by name."""
        return tuple(name for name in self._same if name != ALL)

    @property
    def takes_all(self) -> bool:
        return ALL in self._same

    @property
    def roots(self) -> tuple[str, ...]:
        """First names of the call's arguments that it takes by name."""
        own = (place.root for place in self.places if place.source == ARGUMENTS)
        return (*own, *(name for name in self._same if name != ALL))

    def passed_by_all(self, names: Iterator[str] | tuple[str, ...]) -> tuple[str, ...]:
        """Those of the call's argument names that ``*`` passes on."""
        if not self.takes_all:
            return ()
        return tuple(name for name in names if name not in self._template and name not in self._dropped)

    def make(
        self, arguments: dict[str, Any], receipt: Mapping[str, str] | None = None, pre_read: Any = None
    ) -> dict[str, Any]:
        """Arguments of the other tool. Raises NotMadeError."""
        sources = {ARGUMENTS: arguments, RECEIPT: receipt, PRE_READ: pre_read}
        names = (*(name for name in self._same if name != ALL), *self.passed_by_all(tuple(arguments)))
        made = {name: arguments[name] for name in names if arguments.get(name) is not None}
        for name, template in self._template.items():
            value = _filled(template, sources)
            if value is not None:
                made[name] = value
        return made


class TextPlan:
    """A value with places of the call's arguments: one place alone keeps its type."""

    __slots__ = ("_template", "places")

    def __init__(self, text: str) -> None:
        """Raises ValueError when it cannot compile."""
        pieces = _PLACE.split(text)
        if any("{" in one or "}" in one for one in pieces[::2]):
            raise ValueError("a brace stands alone; places are written {argument}")
        self.places = tuple(Slot(one) for one in pieces[1::2])
        whole = len(self.places) == 1 and not pieces[0] and not pieces[2]
        self._template: Any = self.places[0] if whole else _Text(tuple(pieces[::2]), self.places)

    def value(self, arguments: dict[str, Any]) -> Any:
        """Raises NotMadeError when an argument is not there."""
        found = self._template.value({ARGUMENTS: arguments})
        if found is None:
            raise NotMadeError("arguments")
        return found


class _Text:
    """A text with places inside."""

    __slots__ = ("_places", "_texts")

    def __init__(self, texts: tuple[str, ...], places: tuple[Slot, ...]) -> None:
        self._texts = texts
        self._places = places

    def value(self, sources: Mapping[str, Any]) -> str:
        made = self._texts[0]
        for place, following in zip(self._places, self._texts[1:], strict=True):
            value = place.value(sources)
            if value is None:
                raise NotMadeError(place.path)
            made += _text(value) + following
        return made


def _filled(template: Any, sources: Mapping[str, Any]) -> Any:
    if isinstance(template, Slot | _Text):
        return template.value(sources)
    if isinstance(template, list):
        return [value for value in (_filled(item, sources) for item in template) if value is not None]
    if isinstance(template, dict):
        filled = {name: _filled(item, sources) for name, item in template.items()}
        return {name: value for name, value in filled.items() if value is not None}
    return template


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise NotMadeError("text")
