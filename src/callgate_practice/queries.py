"""Search queries as these vendors write them: words, "phrases", ``key:value``, ``-`` for what must not be, OR, brackets.

They are read as leniently as the vendors read them: a bracket too many, an operator at the end or an open quote is no error
but changes what the rest means. Whoever narrows a query by adding to it has to think of that.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

TOKEN = re.compile(
    r'(?P<open>[({])|(?P<close>[)}])|(?P<minus>-)?(?:(?P<key>[A-Za-z_-]+):)?(?P<value>"[^"]*"?|[^\s(){}]+)'
)
PLAIN = re.compile(r'(?P<minus>-)?(?:(?P<key>[A-Za-z_-]+):)?(?P<value>"[^"]*"?|\S+)')
Fits = Callable[[str, str], bool]
"""(key, value) -> does the item fit?"""


class Term(NamedTuple):
    """``key`` is empty for a word."""

    key: str
    value: str


class Group(NamedTuple):
    """``sign``: and, or, not."""

    sign: str
    parts: "tuple[Term | Group, ...]"


Node = Term | Group


class Language(NamedTuple):
    """``keys``: what is a qualifier; ``http://…`` and times are words. ``alternatives``: keys of which one is enough when they
    stand side by side. ``operators``: OR, AND, NOT and brackets mean something. ``tight_or``: OR binds more than
    standing side by side.
    """

    keys: frozenset[str]
    alternatives: frozenset[str] = frozenset()
    operators: bool = True
    tight_or: bool = False


def parse(text: str, language: Language) -> Group:
    tokens = list((TOKEN if language.operators else PLAIN).finditer(text))
    rows, place = [], 0
    while place < len(tokens):  # a closing bracket too many begins again
        node, place = _sequence(tokens, place, language, "")
        rows.append(node)
        place += 1
    return Group("and", tuple(rows))


def _sequence(tokens: list[re.Match[str]], place: int, language: Language, bracket: str) -> tuple[Group, int]:
    """Up to the closing bracket or the end; where that is."""
    rows: list[list[Node]] = [[]]
    joined = negated = False
    while place < len(tokens) and not _is(tokens[place], "close"):
        token = tokens[place]
        word = token["value"] if language.operators and not _is(token, "open") and not token["key"] else ""
        place += 1
        if word in ("OR", "|"):
            joined = True
            if not language.tight_or:
                rows.append([])
        elif word == "NOT":
            negated = True
        elif word != "AND":
            node, place = _one(tokens, place, language)
            node = Group("not", (node,)) if negated else node
            if joined and language.tight_or and rows[-1]:
                node = Group("or", (rows[-1].pop(), node))
            rows[-1].append(node)
            joined = negated = False
    kept = [Group("or" if bracket == "{" else "and", tuple(row)) for row in rows if row]
    return (kept[0] if len(kept) == 1 else Group("or" if kept else "and", tuple(kept))), place


def _is(token: re.Match[str], name: str) -> bool:
    return bool(token.groupdict().get(name))


def _one(tokens: list[re.Match[str]], place: int, language: Language) -> tuple[Node, int]:
    """The term or the bracket before ``place``."""
    token = tokens[place - 1]
    if _is(token, "open"):
        node, end = _sequence(tokens, place, language, token["open"])
        return node, end + 1
    key, value = (token["key"] or "").lower(), token["value"].strip('"')
    term = Term(key, value) if key in language.keys else Term("", f"{token['key']}:{value}" if key else value)
    return (Group("not", (term,)) if token["minus"] else term), place


def matches(node: Node, content: str, fits: Fits, language: Language) -> bool:
    """Words are looked for in the content without regard to case; qualifiers are asked of ``fits``."""
    if isinstance(node, Term):
        return fits(node.key, node.value) if node.key else node.value.lower() in content.lower()
    if node.sign == "not":
        return not matches(node.parts[0], content, fits, language)
    if node.sign == "or":
        return any(matches(part, content, fits, language) for part in node.parts)
    places = [part for part in node.parts if isinstance(part, Term) and part.key in language.alternatives]
    rest = [part for part in node.parts if part not in places]
    return (not places or any(fits(part.key, part.value) for part in places)) and all(
        matches(part, content, fits, language) for part in rest
    )


def terms(node: Node) -> Iterator[Term]:
    """All of them, wherever they stand."""
    if isinstance(node, Term):
        yield node
    else:
        for part in node.parts:
            yield from terms(part)


def contains(held: str, value: str) -> bool:
    return value.lower() in held.lower()
