"""Globs over ``kind:id`` text: ``*`` stands for any run of characters, everything else for itself.

Matching is linear in the text: a glob is cut at its stars once, and the pieces are found left to right. Ids must be
normalised before they get here (core.selectors); a pattern never resolves ``..``.
"""

import unicodedata
from collections.abc import Iterable

_ANY = "\x00"
"""Stands for a star when one pattern is tested against another; never part of a pattern or an id."""


def pattern_problem(pattern: str) -> str:
    """Why ``pattern`` cannot be a target pattern, one sentence; empty: it can.

    A target pattern is ``*``, or ``kind:id`` with stars in the id alone. An id that is a path is written normalised,
    because only normalised ids are ever compared with it.
    """
    if pattern == "*":
        return ""
    kind, colon, rest = pattern.partition(":")
    if not colon or not kind or not rest:
        return "Write it as kind:id, for example git.repository:/srv/app, or * for everything."
    if "*" in kind or not all(c.isascii() and (c.isalnum() or c in "._-") for c in kind):
        return "The kind has letters, digits, dots, underscores and dashes only; stars stand in the id."
    if not rest.isprintable():
        return "The id has a character that cannot be printed."
    if not unicodedata.is_normalized("NFC", rest):
        return "A letter and its accent stand apart and could never match; write them as one character (NFC)."
    segments = rest.split("/")
    if rest.startswith("/") and ("." in segments or ".." in segments or "" in segments[1:-1]):
        return "The path is not normalised: no //, no . and no .. may stand in it, or it could never match."
    if rest.startswith("/") and len(rest) > 1 and rest.endswith("/"):
        return "The path ends in a slash and could never match; write /path for it and /path/* for what is in it."
    return ""


class _Glob:
    __slots__ = ("literal", "middle", "prefix", "single", "suffix", "text")

    def __init__(self, text: str) -> None:
        pieces = text.split("*")
        self.text = text
        self.single = len(pieces) == 1
        self.prefix = pieces[0]
        self.suffix = pieces[-1]
        self.middle = tuple(piece for piece in pieces[1:-1] if piece)
        self.literal = len(self.prefix)

    def match(self, text: str) -> bool:
        if self.single:
            return text == self.text
        if len(text) < len(self.prefix) + len(self.suffix):
            return False
        if not text.startswith(self.prefix) or not text.endswith(self.suffix):
            return False
        at, end = len(self.prefix), len(text) - len(self.suffix)
        for piece in self.middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True


class Patterns:
    """A set of globs, compiled once. An empty set matches nothing."""

    __slots__ = ("_exact", "_globs", "texts")

    def __init__(self, patterns: Iterable[str]) -> None:
        self.texts = tuple(dict.fromkeys(patterns))
        self._exact = frozenset(text for text in self.texts if "*" not in text)
        # Longest literal prefix first; the text itself breaks ties, so the order given never matters.
        self._globs = tuple(
            sorted(
                (_Glob(text) for text in self.texts if "*" in text), key=lambda g: (-g.literal, -len(g.text), g.text)
            )
        )

    def __bool__(self) -> bool:
        return bool(self.texts)

    def match(self, text: str) -> bool:
        if text in self._exact:
            return True
        for glob in self._globs:  # noqa: SIM110 - any() with a generator costs three times as much
            if glob.match(text):
                return True
        return False

    def best(self, text: str) -> str:
        """The most specific pattern that matches: an exact one, else the longest literal prefix; empty: none."""
        if text in self._exact:
            return text
        for glob in self._globs:
            if glob.match(text):
                return glob.text
        return ""

    def covers(self, pattern: str) -> bool:
        """Whether everything that ``pattern`` matches is matched here.

        A star of ``pattern`` becomes a character that no pattern holds, so only a star can take it in. Exact:
        one of our globs covers it or none does.
        """
        return self.match(pattern.replace("*", _ANY))
