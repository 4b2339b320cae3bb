"""Search queries as these vendors write them: words, "phrases", ``key:value``, and ``-`` before what must not be."""

import re
from typing import NamedTuple

PART = re.compile(r'(-?)(?:([A-Za-z_-]+):)?("[^"]*"|\S+)')


class Query(NamedTuple):
    """``words``: all must occur. ``keys``: (key, value, is negated)."""

    words: tuple[str, ...]
    without: tuple[str, ...]
    keys: tuple[tuple[str, str, bool], ...]

    def values(self, *names: str) -> list[str]:
        """Of the keys of one of these names that are not negated."""
        return [value for key, value, negated in self.keys if key in names and not negated]

    def says(self, content: str) -> bool:
        """The content has all words and none of the excluded ones, without regard to case."""
        held = content.lower()
        return all(word in held for word in self.words) and not any(word in held for word in self.without)


def parse(text: str, keys: frozenset[str]) -> Query:
    """``keys``: what is a qualifier here; ``http://…`` and times are words."""
    words: list[str] = []
    without: list[str] = []
    found: list[tuple[str, str, bool]] = []
    for minus, key, raw in PART.findall(text):
        value = raw.strip('"')
        if key and key.lower() in keys:
            found.append((key.lower(), value, bool(minus)))
        else:
            (without if minus else words).append((f"{key}:{value}" if key else value).lower())
    return Query(tuple(words), tuple(without), tuple(found))


def contains(held: str, value: str) -> bool:
    return value.lower() in held.lower()
