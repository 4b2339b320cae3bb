"""TOML 1.0 by the standard library, with the line of each key from a scan of the same text."""

import re
import tomllib
from typing import Any

from callgate.core.inventory.document import MAX_DEPTH, MAX_VALUES, BadDocument, Document, LineCount, Path
from callgate.core.strict import has_long_key

_LINE = re.compile(r"at line (\d+)")
_KEY = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*+"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
STRING = r'\"\"\"(?:[^\"\\]|\\[\s\S]|\"{1,2}(?!\"))*+\"{3,5}|\'\'\'(?:[^\']|\'{1,2}(?!\'))*+\'{3,5}|"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*\''
"""Any of the four kinds of TOML strings, as a pattern."""
_TEXT = re.compile(STRING)
_OTHER = re.compile(r"[^,\]}\n#]*+")


def parse_toml(text: str) -> Document:
    """Raises BadDocument with a line, as far as one is known."""
    if has_long_key(text):
        raise BadDocument("It is nested too deeply.")
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        line = _LINE.search(str(fault))
        raise BadDocument("It is not TOML.", int(line[1]) if line else 0) from None
    except (RecursionError, ValueError):
        raise BadDocument("It is nested too deeply, or holds a number no one can read.") from None
    _check(value)
    return Document(value, _Scanner(text).lines())


def _check(value: Any) -> None:
    waiting = [(value, 0)]
    seen = 0
    while waiting:
        one, depth = waiting.pop()
        seen += 1
        if depth > MAX_DEPTH or seen > MAX_VALUES:
            raise BadDocument("It is nested too deeply, or has too many values.")
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [(below, depth + 1) for below in inner]


class _Scanner:
    """Walks over text that is known to be TOML. What it cannot follow ends the walk: lines are then those so far."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._count = LineCount(self._text)
        self._lines: dict[Path, int] = {(): 1}
        self._arrays: dict[Path, int] = {}

    def lines(self) -> dict[Path, int]:
        table: Path = ()
        while True:
            self._skip(_BLANK)
            if self._at >= len(self._text):
                return self._lines
            before = self._at
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table, 0)
            if self._at == before:
                return self._lines

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()

    def _names(self) -> list[str]:
        names: list[str] = []
        while len(names) <= MAX_DEPTH:
            found = _KEY.match(self._text, self._at)
            if found is None:
                break
            names.append(_unquoted(found[1]))
            self._at = found.end()
            if self._text[self._at : self._at + 1] != ".":
                break
            self._at += 1
        return names

    def _header(self) -> Path:
        line = self._count.at(self._at)
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        path: Path = ()
        names = self._names()
        for number, name in enumerate(names):
            path = (*path, name)
            last = number == len(names) - 1
            if many and last:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            self._lines.setdefault(path, line)
            if path in self._arrays:
                path = (*path, self._arrays[path])
                self._lines.setdefault(path, line)
        self._at += 2 if many else 1
        return path

    def _pair(self, table: Path, depth: int) -> None:
        line = self._count.at(self._at)
        path = table
        for name in self._names():
            path = (*path, name)
            self._lines.setdefault(path, line)
        if path == table or self._text[self._at : self._at + 1] != "=":
            return
        self._at += 1
        self._value(path, depth)

    def _value(self, path: Path, depth: int) -> None:
        self._skip(_BLANK)
        char = self._text[self._at : self._at + 1]
        if char in ("{", "[") and depth <= MAX_DEPTH:
            self._inner(path, depth, "}" if char == "{" else "]")
            return
        found = _TEXT.match(self._text, self._at) or _OTHER.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _inner(self, path: Path, depth: int, end: str) -> None:
        self._at += 1
        number = 0
        while self._at < len(self._text):
            self._skip(_BLANK)
            if self._text.startswith(end, self._at):
                self._at += 1
                return
            before = self._at
            if end == "}":
                self._pair(path, depth + 1)
            else:
                self._lines[*path, number] = self._count.at(self._at)
                self._value((*path, number), depth + 1)
            number += 1
            self._skip(_BLANK)
            if self._text.startswith(",", self._at):
                self._at += 1
            if self._at == before:
                self._at = len(self._text)


def _unquoted(name: str) -> str:
    if name.startswith("'"):
        return name[1:-1]
    if name.startswith('"'):
        return str(next(iter(tomllib.loads(f"{name} = 1"))))
    return name
