"""Strict reading of TOML files into nouns: every complaint names file, key, what is allowed and the nearest spelling.

Keys are the field names of the struct. Enums are written by name (``execute``, ``hold``).
"""

import difflib
import enum
import functools
import re
import tomllib
from collections.abc import Iterable
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from callgate.model.errors import ConfigError

MAX_FILE_BYTES = 1 << 20
_MAX_DEPTH = 32
_MAX_INT = 2**53 - 1

_LONG_KEY = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){33}"""
)

Noun = TypeVar("Noun", bound=msgspec.Struct)


def read_toml(text: bytes, file: str) -> dict[str, Any]:
    """Raises ConfigError when it is not TOML 1.0 in UTF-8, or larger than 1 MiB."""
    if len(text) > MAX_FILE_BYTES:
        raise ConfigError("The file is larger than 1 MiB.", file=file)
    try:
        written = text.decode("utf-8")
        if has_long_key(written):
            raise ConfigError("A key has more parts than anything here.", file=file)
        return tomllib.loads(written)
    except UnicodeDecodeError as fault:
        raise ConfigError(f"The file is not UTF-8 (byte {fault.start}).", file=file) from fault
    except tomllib.TOMLDecodeError as fault:
        raise ConfigError(f"The file is not TOML: {fault}.", file=file) from fault
    except (RecursionError, ValueError) as fault:
        raise ConfigError("The file is nested too deeply, or holds a number no one can read.", file=file) from fault


def has_long_key(text: str) -> bool:
    """Whether a TOML key has very many parts: the standard library takes time by the square of their number."""
    return _LONG_KEY.search(text) is not None


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`` Did you mean x?`` with a leading space, or nothing."""
    close = difflib.get_close_matches(word, sorted(allowed), n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def listing(words: Iterable[str]) -> str:
    return ", ".join(words)


class StrictReader:
    """Turns one table into a struct. ``omit`` names fields that files may not set, per struct name."""

    def __init__(self, file: str, omit: frozenset[str] = frozenset()) -> None:
        self._file = file
        self._omit = omit

    def read(self, noun: type[Noun], table: Any, key: str = "") -> Noun:
        value = self._struct(_info(noun), table, key, 0)
        assert isinstance(value, noun)
        return value

    def fail(self, key: str, message: str) -> NoReturn:
        raise ConfigError(message, file=self._file, key=key)

    def _struct(self, info: inspect.Type, value: Any, key: str, depth: int) -> Any:
        assert isinstance(info, inspect.StructType)
        if not isinstance(value, dict):
            self.fail(key, "A table is wanted here.")
        fields = {f.name: f for f in info.fields if f"{info.cls.__name__}.{f.name}" not in self._omit}
        for name in value:
            if name not in fields:
                self.fail(
                    _join(key, name),
                    f"There is no such key here.{nearest(name, fields)} Allowed: {listing(sorted(fields))}.",
                )
        read = {}
        for name, field in fields.items():
            if name in value:
                read[name] = self._value(field.type, value[name], _join(key, name), depth + 1)
            elif field.required:
                self.fail(_join(key, name), "This key is missing.")
        return info.cls(**read, **{f.name: "" for f in info.fields if f.required and f.name not in fields})

    def _value(self, info: inspect.Type, value: Any, key: str, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            self.fail(key, "Nested too deeply.")
        match info:
            case inspect.StructType():
                return self._struct(info, value, key, depth)
            case inspect.EnumType():
                return self._enum(info.cls, value, key)
            case inspect.VarTupleType():
                if not isinstance(value, list):
                    self.fail(key, "An array is wanted here.")
                return tuple(
                    self._value(info.item_type, item, f"{key}[{n}]", depth + 1) for n, item in enumerate(value)
                )
            case inspect.UnionType():
                return self._value(_of_union(info, value), value, key, depth)
            case inspect.DictType():
                if not isinstance(value, dict):
                    self.fail(key, "A table is wanted here.")
                return {k: self._value(info.value_type, v, _join(key, k), depth + 1) for k, v in value.items()}
            case _:
                return self._scalar(info, value, key, depth)

    def _scalar(self, info: inspect.Type, value: Any, key: str, depth: int) -> Any:
        match info:
            case inspect.StrType():
                if not isinstance(value, str):
                    self.fail(key, "Text in quotes is wanted here.")
            case inspect.BoolType():
                if not isinstance(value, bool):
                    self.fail(key, "true or false is wanted here.")
            case inspect.IntType():
                if not isinstance(value, int) or isinstance(value, bool) or abs(value) > _MAX_INT:
                    self.fail(key, "A whole number is wanted here.")
            case _:
                return self._any(value, key, depth)
        return value

    def _any(self, value: Any, key: str, depth: int) -> Any:
        """JSON without null and fractions, so that every reader writes it the same way."""
        if depth > _MAX_DEPTH:
            self.fail(key, "Nested too deeply.")
        if isinstance(value, list):
            return [self._any(item, f"{key}[{n}]", depth + 1) for n, item in enumerate(value)]
        if isinstance(value, dict):
            return {k: self._any(v, _join(key, k), depth + 1) for k, v in value.items()}
        if not isinstance(value, bool | str) and not (isinstance(value, int) and abs(value) <= _MAX_INT):
            self.fail(key, "Text, a whole number, true, false, an array or a table is wanted here.")
        return value

    def _enum(self, cls: type[enum.Enum], value: Any, key: str) -> enum.Enum:
        allowed = {member.name.lower(): member for member in cls}
        if not isinstance(value, str):
            self.fail(key, f"A word is wanted here. Allowed: {listing(allowed)}.")
        member = allowed.get(value)
        if member is None:
            self.fail(key, f"Not a word for this key.{nearest(value, allowed)} Allowed: {listing(allowed)}.")
        return member


@functools.cache
def _info(noun: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(noun)


def _of_union(info: inspect.UnionType, value: Any) -> inspect.Type:
    """The member that the value is for: of a table, an array and a text the one that it is."""
    some = [member for member in info.types if not isinstance(member, inspect.NoneType)]
    wanted: type[inspect.Type] = inspect.StructType if isinstance(value, dict) else inspect.StrType
    if isinstance(value, list):
        wanted = inspect.VarTupleType
    return next((member for member in some if isinstance(member, wanted)), _plainest(some))


def _plainest(members: list[inspect.Type]) -> inspect.Type:
    return next((member for member in members if not isinstance(member, inspect.StructType)), members[0])


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
