"""Conditions on arguments: compiled tests that say yes, no, or that the value is odd.

INVARIANT: what has an unexpected shape never passes; who asks decides what follows, and it is the stricter thing.
"""

from collections.abc import Callable
from typing import Any

from callgate.core.paths import Selector
from callgate.core.sql import DIALECTS, only_reads, only_shapes
from callgate.core.strict import nearest
from callgate.model.manifest import Condition, Given
from callgate.model.tool import TierRule

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_Test = Callable[[tuple[Any, ...]], bool | None]


class Criterion:
    """A compiled Condition."""

    __slots__ = ("_selector", "_test", "text")

    def __init__(self, condition: Condition) -> None:
        """Raises ValueError when it cannot compile or can never hold."""
        tests = tests_of(condition)
        if len(tests) != 1:
            wanted = ", ".join(_TESTS)
            raise ValueError(f"exactly one test is wanted: {wanted}")
        self._selector = Selector(condition.path)
        self.text = self._selector.text
        self._test = _TESTS[tests[0]](condition)

    def holds(self, arguments: dict[str, Any]) -> bool | None:
        """None: a value has a shape that the condition does not know."""
        found = self._selector.find(arguments)
        return None if found is None else self._test(found)

    def might(self, arguments: dict[str, Any]) -> bool:
        """Whether it holds for one value, or cannot be told."""
        found = self._selector.find(arguments)
        if found is None or self._test(found) is not False:
            return True
        return any(self._test((value,)) is not False for value in found)


class ArgumentTier:
    """A compiled TierRule."""

    __slots__ = ("_tests", "irreversible", "texts", "tier")

    def __init__(self, rule: TierRule) -> None:
        """Raises ValueError for a rule that cannot compile or never holds."""
        own = (rule,) if rule.path or tests_of(rule) else ()
        conditions = (*own, *rule.when)
        if not conditions:
            raise ValueError("a condition is wanted: path and a test, or when")
        self._tests = tuple(Criterion(condition) for condition in conditions)
        self.texts = tuple(test.text for test in self._tests)
        self.tier = rule.tier
        self.irreversible = rule.irreversible

    def holds(self, arguments: dict[str, Any], *, raising: bool) -> bool:
        """A rule that lowers needs every value to pass for certain; one that raises needs one, and an odd one will do."""
        if raising:
            return all(test.might(arguments) for test in self._tests)
        for test in self._tests:  # noqa: SIM110 - all() with a generator costs three times as much
            if test.holds(arguments) is not True:
                return False
        return True


def tests_of(condition: Condition) -> list[str]:
    """Names of the tests that are set."""
    return [name for name in _TESTS if getattr(condition, name)]


def typed(value: Any) -> tuple[str, Any]:
    """True is not 1, and 1.0 is not 1: a rule means exactly what it says."""
    return (type(value).__name__, value if isinstance(value, str | int | float | bool | None) else repr(value))


def _values(condition: Condition) -> _Test:
    known = frozenset(typed(value) for value in condition.values)
    return lambda found: bool(found) and all(typed(value) in known for value in found)


def _without(condition: Condition) -> _Test:
    shunned = frozenset(text.strip().casefold() for text in condition.without)

    def test(found: tuple[Any, ...]) -> bool | None:
        values = _flat(found)
        if not all(isinstance(value, str) for value in values):
            return None
        return not any(value.strip().casefold() in shunned for value in values)

    return test


def _flat(found: tuple[Any, ...]) -> tuple[Any, ...]:
    """``labels`` and ``labels[]`` say the same."""
    return tuple(found[0]) if len(found) == 1 and isinstance(found[0], list) else found


def _prefix(condition: Condition) -> _Test:
    if not all(condition.prefix):
        raise ValueError("an empty prefix says nothing")

    def test(found: tuple[Any, ...]) -> bool | None:
        if not all(isinstance(value, str) for value in found):
            return None
        return bool(found) and all(value.startswith(condition.prefix) and ".." not in value for value in found)

    return test


def _given(condition: Condition) -> _Test:
    assert condition.given is not None
    return _GIVEN[condition.given]


def _sql(condition: Condition) -> _Test:
    return _parsed(condition.sql, only_reads)


def _sql_shapes(condition: Condition) -> _Test:
    return _parsed(condition.sql_shapes, only_shapes)


def _parsed(dialect: str, judge: Callable[[str, str], bool]) -> _Test:
    if dialect not in DIALECTS:
        raise ValueError(f"no such SQL dialect.{nearest(dialect, DIALECTS)} There are {', '.join(sorted(DIALECTS))}")

    def test(found: tuple[Any, ...]) -> bool | None:
        if not all(isinstance(value, str) for value in found):
            return None
        return bool(found) and all(judge(value, dialect) for value in found)

    return test


def _http_safe(_: Condition) -> _Test:
    def test(found: tuple[Any, ...]) -> bool | None:
        if not all(isinstance(value, str) for value in found):
            return None
        return bool(found) and all(value.isascii() and value.upper() in _SAFE for value in found)

    return test


def _is_empty(found: tuple[Any, ...]) -> bool:
    return all(isinstance(value, str | list | dict) and not value for value in found)


_GIVEN: dict[Given, _Test] = {
    Given.PRESENT: bool,
    Given.ABSENT: lambda found: not found,
    Given.EMPTY: _is_empty,
    Given.FILLED: lambda found: not _is_empty(found),
    Given.TRUE: lambda found: bool(found) and all(value is True for value in found),
    Given.FALSE: lambda found: bool(found) and all(value is False for value in found),
    Given.OFF: lambda found: all(value is False for value in found),
}
_TESTS: dict[str, Callable[[Condition], _Test]] = {
    "values": _values,
    "without": _without,
    "prefix": _prefix,
    "given": _given,
    "sql": _sql,
    "sql_shapes": _sql_shapes,
    "http_safe": _http_safe,
}
