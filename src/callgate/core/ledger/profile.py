"""Does a struct hold what it declares? Compiled once per struct, because msgspec checks nothing on construction
and a walk over every event's values would cost more than writing it.
"""

import types
import typing
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import msgspec

from callgate.core.ledger.canonical import MAX_INT
from callgate.model.errors import IntegrityError

Check = Callable[[Any], None]
"""Raises IntegrityError for a value outside the profile."""

_TEXT = frozenset((str,))
_FLAG = frozenset((bool,))


def compile_check(struct: type[Any]) -> Check:
    """The check of a struct made of text, flags, integers, tuples and such structs. TypeError for anything else."""
    texts, flags, others = list[str](), list[str](), list[tuple[str, Check]]()
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        if hint is str:
            texts.append(field.name)
        elif hint is bool:
            flags.append(field.name)
        else:
            others.append((field.name, _compile(hint)))
    return _struct(_values_of(texts), _values_of(flags), tuple(others))


def _compile(hint: Any) -> Check:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is int:
        return check_integer
    if hint is str:
        return _text
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return check_texts if arguments[0] is str else _each(_compile(arguments[0]))
    if origin is tuple:
        return _fixed(tuple(_compile(item) for item in arguments))
    if origin is types.UnionType and len(arguments) == 2 and types.NoneType in arguments:
        return _optional(_compile(next(item for item in arguments if item is not types.NoneType)))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return compile_check(hint)
    raise TypeError(f"no canonical check for {hint}")


def _values_of(names: list[str]) -> Callable[[Any], tuple[Any, ...]] | None:
    # attrgetter gives a tuple only for two names and more: one name is asked twice.
    return attrgetter(*names, *names[:1]) if names else None


def _struct(
    texts: Callable[[Any], tuple[Any, ...]] | None,
    flags: Callable[[Any], tuple[Any, ...]] | None,
    others: tuple[tuple[str, Check], ...],
) -> Check:
    def check(value: Any) -> None:
        if texts is not None and not _TEXT.issuperset(map(type, texts(value))):
            check_texts(texts(value))
        if flags is not None and not _FLAG.issuperset(map(type, flags(value))):
            refuse()
        for name, inner in others:
            inner(getattr(value, name))

    return check


def refuse() -> typing.NoReturn:
    raise IntegrityError("An event holds a value outside the canonical profile.", code="not_canonical")


def check_integer(value: Any) -> None:
    if type(value) is not int or not -MAX_INT <= value <= MAX_INT:
        refuse()


def check_texts(values: Iterable[Any]) -> None:
    """Text, or an enum whose values are text."""
    for value in values:
        if not isinstance(value, str):
            refuse()


def _text(value: Any) -> None:
    if not isinstance(value, str):
        refuse()


def _each(inner: Check) -> Check:
    def check(values: Any) -> None:
        for value in values:
            inner(value)

    return check


def _fixed(inner: tuple[Check, ...]) -> Check:
    def check(values: Any) -> None:
        if len(values) != len(inner):
            refuse()
        for one, value in zip(inner, values, strict=True):
            one(value)

    return check


def _optional(inner: Check) -> Check:
    def check(value: Any) -> None:
        if value is not None:
            inner(value)

    return check
