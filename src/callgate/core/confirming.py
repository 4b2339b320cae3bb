"""Whether the answer of a confirm read shows that a call did happen."""

from typing import Any

import msgspec

from callgate.core.paths import Selector
from callgate.core.receipt import content_of
from callgate.core.steps import NotMadeError, StepPlan, TextPlan
from callgate.model.manifest import ConfirmRead

MAX_SHOWN = 1000


class ConfirmPlan:
    """A compiled ConfirmRead."""

    __slots__ = ("_equals", "_path", "_rule", "step")

    def __init__(self, rule: ConfirmRead) -> None:
        """Raises ValueError when it cannot compile."""
        self._rule = rule
        self.step = StepPlan(rule)
        self._path = Selector(rule.path)
        self._equals = TextPlan(rule.equals) if rule.equals else None

    def advice(self, arguments: dict[str, Any]) -> str:
        """What to call to see whether it happened, for who made the call; empty: it cannot be said from these."""
        try:
            made = msgspec.json.encode(self.step.make(arguments), order="sorted").decode()
        except (NotMadeError, msgspec.MsgspecError, TypeError, UnicodeError):
            return ""
        return f"Look with {self.step.tool} whether it happened, arguments {made}." if len(made) <= MAX_SHOWN else ""

    def happened(self, arguments: dict[str, Any], result: bytes) -> bool | None:
        """None: the answer cannot be read, so it says nothing."""
        content = content_of(result, self._rule.result)
        found = None if content is None else self._path.find(content)
        if found is None:
            return None
        if self._equals is None:
            return bool(found)
        try:
            wanted = self._equals.value(arguments)
        except NotMadeError:
            return None
        there = any(value == wanted or (isinstance(value, str) and value == str(wanted)) for value in found)
        return there is not self._rule.gone
