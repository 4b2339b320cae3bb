"""Whether the answer of a confirm read shows that a call did happen."""

from typing import Any

from callgate.core.paths import Selector
from callgate.core.receipt import content_of
from callgate.core.steps import NotMadeError, StepPlan, TextPlan
from callgate.model.manifest import ConfirmRead


class ConfirmPlan:
    """A compiled ConfirmRead."""

    __slots__ = ("_equals", "_path", "_rule", "step")

    def __init__(self, rule: ConfirmRead) -> None:
        """Raises ValueError when it cannot compile."""
        self._rule = rule
        self.step = StepPlan(rule)
        self._path = Selector(rule.path)
        self._equals = TextPlan(rule.equals) if rule.equals else None

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
