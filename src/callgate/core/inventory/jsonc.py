"""JSON with the line of each key; on wish with comments and trailing commas (JSONC). Bounded in depth and size.

RFC 8259. Duplicate keys are noted, the last one counts, as in the clients' own parsers.
"""

import json
import re
from typing import Any

from callgate.core.inventory.document import MAX_DEPTH, MAX_VALUES, BadDocument, Document, LineCount, Path

_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,99})(?:\.\d{1,99})?(?:[eE][+-]?\d{1,3})?(?![\w.])", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None}
_WORD = re.compile(r"true|false|null")


def parse_json(text: str, *, comments: bool = False) -> Document:
    """Raises BadDocument with a line. ``comments``: also take comments and trailing commas."""
    return _Reader(text, comments).read()


class _Reader:
    def __init__(self, text: str, comments: bool) -> None:
        self._text = text
        self._comments = comments
        self._at = 0
        self._count = LineCount(self._text)
        self._values = 0
        self._lines: dict[Path, int] = {(): 1}
        self._spans: dict[Path, tuple[int, int]] = {}
        self._doubles: list[tuple[Path, int]] = []

    def read(self) -> Document:
        value = self._value((), 0)
        self._blank()
        if self._at < len(self._text):
            raise self._bad("Something follows the value.")
        return Document(value, self._lines, tuple(self._doubles), self._spans)

    def _bad(self, reason: str) -> BadDocument:
        return BadDocument(reason, self._count.at(self._at))

    def _blank(self) -> None:
        while True:
            found = _BLANK.match(self._text, self._at)
            assert found is not None
            self._at = found.end()
            opening = self._text[self._at : self._at + 2]
            if opening not in ("//", "/*"):
                return
            if not self._comments:
                raise self._bad("Comments are not allowed in this file.")
            end = self._text.find("\n" if opening == "//" else "*/", self._at + 2)
            if end < 0 and opening == "/*":
                raise self._bad("A comment does not end.")
            self._at = len(self._text) if end < 0 else end + (2 if opening == "/*" else 0)

    def _next(self) -> str:
        self._blank()
        return self._text[self._at : self._at + 1]

    def _value(self, path: Path, depth: int) -> Any:
        self._values += 1
        if depth > MAX_DEPTH:
            raise self._bad("It is nested too deeply.")
        if self._values > MAX_VALUES:
            raise self._bad("It has too many values.")
        first, start = self._next(), self._at
        value = self._of_kind(first, path, depth)
        self._spans[path] = (start, self._at)
        return value

    def _of_kind(self, first: str, path: Path, depth: int) -> Any:
        match first:
            case "{":
                return self._object(path, depth)
            case "[":
                return self._array(path, depth)
            case '"':
                return self._string()
            case "":
                raise self._bad("The file ends too early.")
        return self._plain()

    def _plain(self) -> Any:
        word = _WORD.match(self._text, self._at)
        if word:
            self._at = word.end()
            return _WORDS[word[0]]
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            raise self._bad("A value is wanted here.")
        self._at = number.end()
        return json.loads(number[0])

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise self._bad("A text in quotes is wanted here.")
        self._at = found.end()
        read = json.loads(found[0])
        assert isinstance(read, str)
        return read

    def _object(self, path: Path, depth: int) -> dict[str, Any]:
        table: dict[str, Any] = {}
        self._at += 1
        while self._more("}", first=not table):
            line = self._count.at(self._at)
            name = self._string()
            inner = (*path, name)
            if name in table:
                self._doubles.append((inner, line))
                self._forget(inner)
            self._lines[inner] = line
            if self._next() != ":":
                raise self._bad("A colon is wanted here.")
            self._at += 1
            table[name] = self._value(inner, depth + 1)
        return table

    def _forget(self, path: Path) -> None:
        """What the first of two keys held no longer counts."""
        if len(self._doubles) > 100:
            raise self._bad("Too many keys stand here twice.")
        self._lines = {known: line for known, line in self._lines.items() if known[: len(path)] != path}

    def _array(self, path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while self._more("]", first=not found):
            inner = (*path, len(found))
            self._lines[inner] = self._count.at(self._at)
            found.append(self._value(inner, depth + 1))
        return found

    def _more(self, end: str, *, first: bool) -> bool:
        """Stands at the next member afterwards; False: behind the end."""
        char = self._next()
        if char == "," and not first:
            self._at += 1
            char = self._next()
            if char == end and not self._comments:
                raise self._bad("A comma stands before the end.")
        elif char != end and not first:
            raise self._bad("A comma is wanted here.")
        if char == end:
            self._at += 1
            return False
        return True
