"""Reads whose answers bind an approval to the state of the target."""

import re
from typing import Any

import msgspec

from callgate.core.conditions import Criterion
from callgate.core.paths import Selector
from callgate.core.receipt import ReceiptExtractor, content_of
from callgate.model.answer import ToolResult
from callgate.model.manifest import ResultShape
from callgate.model.tool import PinRead, ReceiptRule

_PLACE = re.compile(r"\{([^{}]*)\}")
_result = msgspec.json.Decoder(ToolResult)


class StateRead:
    """A compiled PinRead: ``{argument}`` alone takes the value as it is."""

    __slots__ = ("_fields", "_fixed", "_part", "_taken", "_when", "texts", "tool")

    def __init__(self, read: PinRead) -> None:
        """Raises ValueError when it cannot compile."""
        self.tool = read.tool
        self._fixed: dict[str, Any] = {}
        self._taken: dict[str, Selector] = {}
        for name, value in read.arguments.items():
            whole = _PLACE.fullmatch(value) if isinstance(value, str) else None
            if whole is not None:
                self._taken[name] = Selector(whole[1])
            elif isinstance(value, str) and _PLACE.search(value):
                raise ValueError("an argument of a state_pin read is a value or one {argument}, not a mix")
            else:
                self._fixed[name] = value
        if read.fields and read.pattern:
            raise ValueError("fields and pattern exclude each other")
        self._fields = tuple(Selector(path) for path in read.fields)
        self._part = ReceiptExtractor((ReceiptRule(name="state", pattern=read.pattern),)) if read.pattern else None
        self._when = tuple(Criterion(condition) for condition in read.when)
        self.texts = (*(one.root for one in self._taken.values()), *(test.text for test in self._when))

    def wanted(self, arguments: dict[str, Any]) -> bool:
        """Whether it is made for this call; also when that cannot be told."""
        return all(test.holds(arguments) is not False for test in self._when)

    def arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        made = dict(self._fixed)
        for name, selector in self._taken.items():
            value = selector.one(arguments)
            if value is not None:
                made[name] = value
        return made

    def state(self, result: bytes) -> bytes | None:
        """The part of a CallToolResult (JSON) that counts. None: nothing of it is there, so it says nothing."""
        if self._part is not None:
            found = self._part.read({}, result)
            return found[0][1].encode() if found else None
        if not self._fields:
            return bytes(_result.decode(result).content)
        content = content_of(result, ResultShape.JSON)
        values = [selector.find(content) for selector in self._fields] if content is not None else []
        if None in values or not any(values):
            return None
        return msgspec.json.encode(values, order="sorted")
