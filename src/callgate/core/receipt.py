"""Receipts: what the target says it made, read from its answer by the manifest's rules."""

import re
from typing import Any

import msgspec

from callgate.core.paths import Selector
from callgate.model.answer import ToolResult
from callgate.model.manifest import ResultShape
from callgate.model.tool import ReceiptRule

MAX_TEXT = 4096
"""Characters of the first text block that a pattern sees."""
MAX_JSON = 1 << 20
MAX_VALUE = 512

Receipt = tuple[tuple[str, str], ...]


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""


_result = msgspec.json.Decoder(ToolResult)
_blocks = msgspec.json.Decoder(list[_Block])
_json = msgspec.json.Decoder()


class ReceiptExtractor:
    """Compiled rules. Several rules of one name have to agree; ``argument`` counts only when no other gave a value."""

    __slots__ = ("_names", "_rules")

    def __init__(self, rules: tuple[ReceiptRule, ...]) -> None:
        """Raises ValueError for a rule that cannot compile."""
        self._rules = tuple(_Rule(rule) for rule in rules)
        self._names = tuple(dict.fromkeys(rule.name for rule in rules))

    def read(self, arguments: dict[str, Any], result: bytes) -> Receipt:
        """Empty: an error, a value that is missing, or two that contradict each other."""
        if not self._rules:
            return ()
        answer = _Answer.of(result)
        if answer is None:
            return ()
        receipt = []
        for name in self._names:
            values = {v for rule in self._rules if rule.name == name and not rule.last for v in rule.values(answer)}
            if not values:
                values = {
                    text
                    for rule in self._rules
                    if rule.name == name and rule.last and (text := _text(rule.last.one(arguments)))
                }
            if len(values) != 1:
                return ()
            receipt.append((name, values.pop()))
        return tuple(receipt)


class _Answer:
    """The parts of a CallToolResult that rules read, decoded when first wanted."""

    def __init__(self, result: ToolResult) -> None:
        self._result = result

    @classmethod
    def of(cls, result: bytes) -> "_Answer | None":
        try:
            decoded = _result.decode(result)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return None if decoded.isError or decoded.resultType not in {"", "complete"} else cls(decoded)

    def text(self) -> str:
        """The first text block."""
        try:
            blocks = _blocks.decode(self._result.content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""
        return next((block.text for block in blocks if block.type == "text"), "")

    def structured(self) -> Any:
        return _parsed(bytes(self._result.structuredContent))

    def json_text(self) -> Any:
        return _parsed(self.text().encode(errors="replace"))


def content_of(result: bytes, shape: ResultShape) -> Any:
    """What an answer says in this shape, as JSON; None: nothing, or it is an error.

    ``result``: JSON of a CallToolResult.
    """
    answer = _Answer.of(result)
    if answer is None:
        return None
    if shape is ResultShape.TEXT:
        text = answer.text()
        return {"text": text} if text else None
    found = answer.structured()
    return answer.json_text() if found is None else found


class _Rule:
    __slots__ = ("_part", "_pattern", "_selector", "_structured", "last", "name")

    def __init__(self, rule: ReceiptRule) -> None:
        given = [text for text in (rule.structured, rule.json_text, rule.pattern, rule.argument) if text]
        if len(given) != 1:
            raise ValueError("exactly one of structured, json_text, pattern and argument is wanted")
        self.name = rule.name
        self._structured = bool(rule.structured)
        self._selector = Selector(rule.structured or rule.json_text) if rule.structured or rule.json_text else None
        self._pattern = _anchored(rule.pattern) if rule.pattern else None
        self.last = Selector(rule.argument) if rule.argument else None
        self._part = _anchored(rule.part) if rule.part else None
        if self._part is not None and self._selector is None:
            raise ValueError("part goes with structured or json_text")

    def values(self, answer: _Answer) -> list[str]:
        if self._pattern is not None:
            text = answer.text()
            match = self._pattern.match(text[:MAX_TEXT])
            # A match that runs to the cut may have been another one in the whole text.
            if match is None or (len(text) > MAX_TEXT and match.end() == MAX_TEXT):
                return []
            found: tuple[Any, ...] | None = (match["value"],)
        else:
            assert self._selector is not None
            found = self._selector.find(answer.structured() if self._structured else answer.json_text())
        texts = [text for text in map(_text, found or ()) if text]
        if self._part is None:
            return texts
        matches = [self._part.match(text) for text in texts]
        # One value without the part leaves it open which of them counts.
        return [match["value"] for match in matches if match] if all(matches) else []


def _anchored(pattern: str) -> re.Pattern[str]:
    if not pattern.startswith("^") or len(pattern) > 500:
        raise ValueError("a pattern starts with ^ and has at most 500 characters")
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as fault:
        raise ValueError(f"the pattern does not compile: {fault}") from fault
    if tuple(compiled.groupindex) != ("value",):
        raise ValueError("a pattern has exactly one named group, value")
    return compiled


def _parsed(data: bytes) -> Any:
    if not data or len(data) > MAX_JSON:
        return None
    try:
        return _json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_VALUE and value.isprintable() else ""
