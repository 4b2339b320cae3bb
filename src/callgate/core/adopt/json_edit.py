"""Edits of JSON and JSONC by the place of each value: comments, order and spacing elsewhere stay."""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from callgate.core.inventory.document import BadDocument, Document, Path
from callgate.core.inventory.jsonc import parse_json

if TYPE_CHECKING:
    from callgate.core.adopt.edits import Edit

_LINE_START = re.compile(r"[ \t]*")
_REST_OF_LINE = re.compile(r"[ \t]*(,?)[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/[ \t]*)?(?=\r?\n)")


def edited(text: str, edits: "Sequence[Edit]", comments: bool) -> str:
    """Raises BadDocument for an edit that has no place; the result is the caller's to check."""
    for edit in edits:
        document = parse_json(text, comments=comments)
        text = _Editor(text, document).edit(edit)
    return text


class _Editor:
    """One edit of one text."""

    def __init__(self, text: str, document: Document) -> None:
        self._text = text
        self._document = document
        self._unit = self._indent_at(self._first_of(())) or "  "
        self._end = "\r\n" if "\r\n" in text else "\n"

    def edit(self, edit: "Edit") -> str:
        path = edit.path
        span = self._document.spans.get(path)
        if edit.how == "drop":
            return self._without(path) if span is not None else self._text
        if edit.how == "add":
            if span is None:
                return self._insert(path, [edit.value])
            value = self._document.value
            for step in path:
                value = value[step]
            return self._text if edit.value in value else self._insert((*path, len(value)), edit.value)
        if span is None:
            return self._insert(path, edit.value)
        drawn = self._draw_instead(edit.value, span)
        return self._text[: span[0]] + drawn + self._text[span[1] :]

    def _insert(self, path: Path, value: Any) -> str:
        """As the last member of what is there already."""
        known = len(path) - 1
        while path[:known] not in self._document.spans:
            known -= 1
        for name in reversed(path[known + 1 :]):
            value = {name: value}
        start, end = self._document.spans[path[:known]]
        key = f"{json.dumps(path[known], ensure_ascii=False)}: " if isinstance(path[known], str) else ""
        last = max(
            (span[1] for inner, span in self._document.spans.items() if inner[:-1] == path[:known] and inner), default=0
        )
        if not last:
            return self._into_empty(start, end, key, value)
        indent = self._indent_at(self._first_of(path[:known]))
        rest = _REST_OF_LINE.match(self._text, last)
        if rest is None or "\n" not in self._text[start:last]:
            piece = f", {key}{self._draw(value, '', (start, last))}"
            return self._text[:last] + piece + self._text[last:]
        piece = f"{self._end}{indent}{key}{self._draw(value, indent, (start, last))}{rest[1]}"
        comma = "" if rest[1] else ","
        return self._text[:last] + comma + self._text[last : rest.end()] + piece + self._text[rest.end() :]

    def _first_of(self, path: Path) -> int:
        """Where the first member begins: its key, or the value of a list."""
        spans = self._document.spans.items()
        return min((span[0] for inner, span in spans if inner and inner[:-1] == path), default=0)

    def _into_empty(self, start: int, end: int, key: str, value: Any) -> str:
        outer = self._indent_at(start)
        inner = outer + self._unit
        if self._text[start + 1 : end - 1].strip():  # a comment alone
            line = "" if self._text[: end - 1].rstrip(" \t").endswith("\n") else self._end
            piece = f"{line}{self._unit}{key}{self._draw(value, inner, (0, len(self._text)))}{self._end}{outer}"
            return self._text[: end - 1] + piece + self._text[end - 1 :]
        opening, closing = self._text[start], self._text[end - 1]
        if "\n" not in self._text[:-1] and len(self._text.strip()) > len("{}"):
            drawn = f"{opening}{key}{self._draw(value, '', (start, end))}{closing}"
        else:
            drawn = (
                f"{opening}{self._end}{inner}{key}{self._draw(value, inner, (0, len(self._text)), lines=True)}"
                f"{self._end}{outer}{closing}"
            )
        return self._text[:start] + drawn + self._text[end:]

    def _without(self, path: Path) -> str:
        """The member with its comma; a line that was its own goes too."""
        start, end = self._document.spans[path]
        start = self._key_start(path, start)
        behind = re.compile(r"[ \t]*,").match(self._text, end)
        if behind is not None:
            end = behind.end()
        else:
            before = re.compile(r",\s*\Z").search(self._text[:start])
            if before is not None:
                start = before.start()
                return self._text[:start] + self._text[end:]
        line = self._text.rfind("\n", 0, start) + 1
        own = not self._text[line:start].strip() and re.compile(r"[ \t]*\r?\n").match(self._text, end)
        if own:
            return self._text[:line] + self._text[own.end() :]
        return self._text[:start] + self._text[end:].lstrip(" ")

    def _key_start(self, path: Path, start: int) -> int:
        """Of ``"key" : value``: whitespace and comments may stand between."""
        if not isinstance(path[-1], str):
            return start
        siblings = [s[1] for p, s in self._document.spans.items() if p[:-1] == path[:-1] and p and s[1] <= start]
        floor = max(siblings, default=self._document.spans[path[:-1]][0] + 1)
        found = None
        for one in re.compile(r'"(?:[^"\\]|\\.)*+"\s*:').finditer(self._text, floor, start):
            if json.loads(one[0].rstrip(": \t\r\n")) == path[-1]:
                found = one.start()
        if found is None:
            raise BadDocument("The key cannot be placed.")
        return found

    def _indent_at(self, place: int) -> str:
        line = self._text.rfind("\n", 0, place) + 1
        found = _LINE_START.match(self._text, line)
        return found[0] if found else ""

    def _draw_instead(self, value: Any, span: tuple[int, int]) -> str:
        """On one line what was on one."""
        old = self._text[span[0] : span[1]]
        if isinstance(value, dict) and "\n" not in old and old.strip("{} "):
            drawn = json.dumps(value, ensure_ascii=False)
            return f"{{ {drawn[1:-1]} }}" if old.startswith("{ ") else drawn
        return self._draw(value, self._indent_at(span[0]), span)

    def _draw(self, value: Any, indent: str, beside: tuple[int, int], *, lines: bool = False) -> str:
        """On lines of its own where the file has lines, and on one where it has none."""
        if not lines and "\n" not in self._text[beside[0] : beside[1]] and "\n" not in self._text.rstrip():
            return json.dumps(value, ensure_ascii=False)
        drawn = json.dumps(value, ensure_ascii=False, indent=self._unit)
        return drawn.replace("\n", f"{self._end}{indent}")
