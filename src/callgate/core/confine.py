"""Searches that name no target: kept inside by their own query language, or by what their answers say of each item."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import msgspec

from callgate.core.paths import Selector
from callgate.core.selectors import NORMALISERS, TargetSelector
from callgate.core.strict import nearest
from callgate.model.answer import ToolResult
from callgate.model.manifest import Narrowing, QueryStyle
from callgate.model.tool import Confinement, ItemFilter, Target, TargetRule, ToolManifest

MAX_QUERY = 4096
MAX_NARROWED = 20
"""Targets that one query is narrowed to."""
_TOKEN = re.compile(r'(-?)([A-Za-z_]+:)?("[^"]*"|[^\s"]+)')
_WORD = re.compile(r"[A-Za-z0-9@+._/#-]{1,256}")
_BOOLEAN = frozenset({"and", "or", "not"})
_NEAR = "AROUND"
"""Between two words of a mail that are near each other (Gmail); the second one could be a qualifier."""
_UNPLAIN = frozenset("(){}[]|\x00")
_QUOTES = frozenset("\\\u201c\u201d\u201e\u201f\u2033\u301d\u301e\u301f\u00ab\u00bb")
"""What ends a quote too early or opens one, to some servers and not to others."""
_OF_RESULT = frozenset({"content", "structuredContent", "isError", "resultType", "_meta"})
_OF_BLOCK = frozenset({"type", "text", "annotations", "_meta"})
Aims = tuple[tuple[tuple[str, str], ...], str]


class QueryNarrower:
    """A compiled Narrowing; also an Aim, that finds the targets a query names already.

    A query of words is narrowed, and its qualifiers are believed, only while it is plain: no parentheses, no braces, no
    ``|``, none of the words AND, OR and NOT, no qualifier inside of another word, and nothing that becomes one of these
    when a server folds look-alikes; through any of them a part of it could get out of the qualifiers. An expression is
    put into parentheses that it cannot close, and nothing but this form is believed.
    """

    __slots__ = ("_adds", "_bare", "_beginnings", "_beside", "_hidden", "_normalise", "_rule", "path", "wide")

    def __init__(self, rule: Narrowing) -> None:
        """Raises ValueError when it cannot compile."""
        self._rule = rule
        self.path = Selector(rule.argument).text
        self._adds: dict[str, tuple[str, str]] = {}
        self._beginnings: dict[str, str] = {}
        self._normalise: dict[str, Callable[[str], str | None]] = {}
        self._bare = {one.kind: one.bare for one in rule.qualifiers}
        if not rule.qualifiers:
            raise ValueError("at least one qualifier is wanted")
        for one in rule.qualifiers:
            before, place, after = one.add.partition("{id}")
            if not place or not before or "{" in before + after or "}" in before + after:
                raise ValueError(f"{one.add!r} needs one {{id}} with text before it")
            if one.kind in self._adds:
                raise ValueError(f"{one.kind} has two qualifiers")
            self._adds[one.kind] = (before, after)
            if one.normalise not in NORMALISERS:
                raise ValueError(
                    f"there is no normalise {one.normalise}.{nearest(one.normalise, NORMALISERS)}".rstrip(".")
                )
            self._normalise[one.kind] = NORMALISERS[one.normalise]
            if rule.style is QueryStyle.WORDS:
                for beginning in (before, *one.also):
                    if not re.fullmatch(r"[A-Za-z_]+:", beginning) or after:
                        raise ValueError("a qualifier of a query of words is written key:{id}")
                    if self._beginnings.setdefault(beginning.lower(), one.kind) != one.kind:
                        raise ValueError(f"{beginning} means two kinds")
        known = "|".join(map(re.escape, self._beginnings))
        self._hidden = re.compile(rf"(?<![a-z_])(?:{known})", re.IGNORECASE) if known else None
        self._beside = _beside(rule, frozenset(self._adds), self._normalise)
        self.wide = frozenset(rule.wide)

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(self._adds)

    def aims(self, arguments: dict[str, Any]) -> Aims:
        """What the query says of where it searches; nothing when it says nothing for certain."""
        query = arguments.get(self.path)
        if not isinstance(query, str) or len(query) > MAX_QUERY or self._named_beside(arguments):
            return (), ""
        return (self._of_words(query) if self._rule.style is QueryStyle.WORDS else self._of_expression(query)), ""

    def narrowed(self, arguments: dict[str, Any], targets: tuple[tuple[str, str], ...]) -> dict[str, Any] | None:
        """The arguments with a query that reaches only these targets, or the one that stands beside it.

        None: it cannot be kept inside for certain.
        """
        if self._beside is not None and self._named_beside(arguments):
            targets, problem = self._beside.aims(arguments)
            if problem:
                return None
            arguments = {name: value for name, value in arguments.items() if name not in self._beside.roots}
        query = arguments.get(self.path)
        query = "" if query is None else query
        usable = [(kind, name) for kind, name in targets if kind in self._adds and _WORD.fullmatch(name)]
        if not isinstance(query, str) or not usable or len(usable) > MAX_NARROWED:
            return None
        if len(usable) > 1 and not self._rule.several:
            return None
        added = self._rule.several.join(self._written(kind, name) for kind, name in usable)
        made = self._with(query, added)
        if made is None or len(made) > MAX_QUERY:
            return None
        changed = {**arguments, self.path: made}
        # What is believed of it afterwards has to be exactly what it was narrowed to.
        return changed if set(self.aims(changed)[0]) == set(usable) else None

    def _named_beside(self, arguments: dict[str, Any]) -> bool:
        return self._beside is not None and any(arguments.get(name) is not None for name in self._beside.roots)

    def _words(self, query: str) -> list[tuple[str, str, str]] | None:
        """(minus, key, value) of every word of a plain query. None: it is not plain, as it is or with look-alikes folded."""
        tokens = _tokens(query)
        if tokens is None:
            return None
        folded = unicodedata.normalize("NFKC", query)
        if folded != query and [one[:2] for one in _tokens(folded) or ()] != [one[:2] for one in tokens]:
            return None
        if any(self._hides(word) for _, key, word in tokens if key not in self._beginnings):
            return None
        # Whether REPO: is taken for repo: is the server's matter.
        if any(key not in self._beginnings and key.lower() in self._beginnings for _, key, _ in tokens):
            return None
        following = (*(key in self._beginnings for _, key, _ in tokens[1:]), True)
        if any(_operates(one) for one, known in zip(tokens, following, strict=False) if known):
            return None
        return tokens

    def _hides(self, word: str) -> bool:
        """A qualifier inside of a word, which a server might find there."""
        return self._hidden is not None and not word.startswith('"') and self._hidden.search(word) is not None

    def _with(self, query: str, added: str) -> str | None:
        if self._rule.style is QueryStyle.WORDS:
            if query.strip() and self._words(query) is None:
                return None
            return f"{query.strip()} {added}".strip()
        if not query.strip():
            return f"({added})"
        return f"({query.strip()}) and ({added})" if _closed(query) else None

    def _written(self, kind: str, name: str) -> str:
        before, after = self._adds[kind]
        return f"{before}{name.removeprefix(self._bare[kind])}{after}"

    def _of_words(self, query: str) -> tuple[tuple[str, str], ...]:
        tokens = self._words(query)
        if tokens is None:
            return ()
        found = []
        for minus, key, value in tokens:
            kind = self._beginnings.get(key)
            if kind is None or minus:
                continue
            name = value.strip('"')
            name = f"{self._bare[kind]}{name}" if name[:1].isalnum() else name
            made = self._normalise[kind](name) if _WORD.fullmatch(name) else None
            if not made:
                return ()
            found.append((kind, made))
        if len(set(found)) > 1 and not self._rule.several:
            return ()
        return tuple(dict.fromkeys(found))

    def _of_expression(self, query: str) -> tuple[tuple[str, str], ...]:
        """Of ``(…) and (added)`` alone, where the first parenthesis closes right before ``and``."""
        head, joined, tail = query.rpartition(") and (")
        if not joined:
            head, tail = "", query.removeprefix("(")
        elif not head.startswith("(") or not _closed(head[1:]):
            return ()
        if not tail.endswith(")"):
            return ()
        parts = tail[:-1].split(self._rule.several) if self._rule.several else [tail[:-1]]
        found = [self._in_expression(part) for part in parts]
        return tuple(dict.fromkeys(one for one in found if one)) if all(found) else ()

    def _in_expression(self, part: str) -> tuple[str, str] | None:
        for kind, (before, after) in self._adds.items():
            name = part[len(before) : len(part) - len(after)]
            made = self._normalise[kind](name) if _WORD.fullmatch(name) else None
            if part == f"{before}{name}{after}" and made:
                return kind, made
        return None


def _beside(
    rule: Narrowing, kinds: frozenset[str], normalise: dict[str, Callable[[str], str | None]]
) -> TargetSelector | None:
    """Raises ValueError when it cannot compile."""
    one = rule.beside
    if one is None:
        return None
    if one.kind not in kinds:
        raise ValueError(f"beside names {one.kind}, and no qualifier is for that.{nearest(one.kind, kinds)}")
    named = next(name for name, known in NORMALISERS.items() if known is normalise[one.kind])
    return TargetSelector(TargetRule(kind=one.kind, template=one.template, normalise=named), frozenset())


class AnswerFilter:
    """A compiled ItemFilter."""

    __slots__ = ("_items", "_target")

    def __init__(self, rule: ItemFilter) -> None:
        """Raises ValueError when it cannot compile."""
        if rule.items != "[]" and (not rule.items.endswith("[]") or rule.items.count("[]") != 1):
            raise ValueError("items is a path with [] at its end, or [] alone")
        self._items = tuple(rule.items[:-2].split(".")) if rule.items != "[]" else ()
        if self._items:
            Selector(rule.items)
        if rule.target.default or rule.target.id:
            raise ValueError("the target of an item has no default and no fixed id")
        self._target = TargetSelector(rule.target, frozenset())

    def apply(self, result: bytes, inside: Callable[[str, str], bool]) -> tuple[bytes, int] | None:
        """(the result without the items outside, how many were taken out). None: not every part of it can be judged.

        ``result``: JSON of a CallToolResult. Every text block has to be JSON with the items; other blocks and members
        that nobody knows are refused. ``_meta`` and annotations are taken out: servers put whole answers there.
        """
        try:
            whole = msgspec.json.decode(result)
            known = msgspec.json.decode(result, type=ToolResult)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if known.isError or not whole.keys() <= _OF_RESULT:
            return None
        whole.pop("_meta", None)
        removed = 0
        blocks = whole.get("content", [])
        if not isinstance(blocks, list):
            return None
        for block in blocks:
            count = self._block(block, inside)
            if count is None:
                return None
            removed = max(removed, count)
        if whole.get("structuredContent") is not None:
            counted = self._strip(whole["structuredContent"], inside)
            if counted is None:
                return None
            removed = max(removed, counted)
        return msgspec.json.encode(whole), removed

    def _block(self, block: Any, inside: Callable[[str, str], bool]) -> int | None:
        """Takes items out of a block in place; how many."""
        if not isinstance(block, dict) or block.get("type") != "text" or not block.keys() <= _OF_BLOCK:
            return None
        kept = self._text(block["text"], inside) if isinstance(block.get("text"), str) else None
        if kept is None:
            return None
        text, count = kept
        block.clear()
        block.update(type="text", text=text)
        return count

    def _text(self, text: str, inside: Callable[[str, str], bool]) -> tuple[str, int] | None:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return None
        count = self._strip(value, inside)
        return None if count is None else (msgspec.json.encode(value).decode(), count)

    def _strip(self, value: Any, inside: Callable[[str, str], bool]) -> int | None:
        """Takes items out of ``value`` in place; how many. What stands beside the items stays."""
        for name in self._items:
            value = value.get(name) if isinstance(value, dict) else None
        if not isinstance(value, list):
            return None
        kept = [item for item in value if self._inside(item, inside)]
        count = len(value) - len(kept)
        value[:] = kept
        return count

    def _inside(self, item: Any, inside: Callable[[str, str], bool]) -> bool:
        """An item whose target is not told for certain is outside."""
        if not isinstance(item, dict):
            return False
        aims, problem = self._target.aims(item)
        return bool(aims) and not problem and all(inside(kind, name) for kind, name in aims)


def kinds_of(tool: ToolManifest) -> tuple[str, ...]:
    """Kinds of targets that a tool's rules can give."""
    rules = [*tool.targets]
    qualifiers: tuple[str, ...] = ()
    if tool.confine is not None:
        rules += [tool.confine.filter.target] if tool.confine.filter is not None else []
        qualifiers = tuple(one.kind for one in tool.confine.narrow.qualifiers) if tool.confine.narrow else ()
    branches = (kind for rule in rules for kind in (rule.kind_by.kinds.values() if rule.kind_by else ()))
    return (*(kind for rule in rules for kind in (rule.kind, *rule.prefixes.values())), *branches, *qualifiers)


def confinement(rule: Confinement | None) -> tuple[QueryNarrower | None, AnswerFilter | None]:
    if rule is None:
        return None, None
    return (
        QueryNarrower(rule.narrow) if rule.narrow is not None else None,
        AnswerFilter(rule.filter) if rule.filter is not None else None,
    )


def searched(targets: tuple[Target, ...]) -> str:
    """What was searched, one sentence for the reader of the answer."""
    named = ", ".join(target.text for target in targets[:MAX_NARROWED])
    return f"The rules allow named targets only, so this searched nothing but {named}."


def withheld(count: int) -> str:
    if not count:
        return "Everything that was found lies inside the rules."
    return f"{count} {'item lies' if count == 1 else 'items lie'} outside the rules and {'is' if count == 1 else 'are'} not shown."


def _tokens(query: str) -> list[tuple[str, str, str]] | None:
    """(minus, key, value) of every word of a plain query; None: it is not plain."""
    if not query.isprintable() or query.count('"') % 2 or not _QUOTES.isdisjoint(query):
        return None
    unquoted = re.sub(r'"[^"]*"', '""', query)
    if not _UNPLAIN.isdisjoint(unquoted):
        return None
    found = []
    end = -1
    for match in _TOKEN.finditer(query):
        # What touches, as x"y", is one word to some servers and two to others.
        if match.start() == end:
            return None
        end = match.end()
        # Some servers take "key: value" for a qualifier too.
        if match[3].casefold() in _BOOLEAN or match[3] == _NEAR or match[3].endswith(":"):
            return None
        found.append((match[1], match[2] or "", match[3]))
    return found


def _operates(token: tuple[str, str, str]) -> bool:
    """A mark alone, which some servers take for an operator on what follows it: ``- label:x`` for ``-label:x``."""
    _, key, word = token
    return not key and not word.startswith('"') and not any(map(str.isalnum, word))


def _closed(text: str) -> bool:
    """Whether parentheses and quotes of an expression close inside of it, and never before they open."""
    depth, quote = 0, ""
    for char in text:
        if char == "\\" or not char.isprintable():
            return False
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0 and not quote
