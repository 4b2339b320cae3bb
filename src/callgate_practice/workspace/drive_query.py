"""Drive's query language: terms with ``and``, ``or`` (from left to right), ``not`` and brackets."""

import re
from collections.abc import Callable

from callgate_practice.reply import JSON

Test = Callable[[JSON], bool]
STRING = r"'(?:\\.|[^'\\])*'"
TOKEN = re.compile(rf"\s*({STRING}|[()]|!=|<=|>=|=|<|>|[A-Za-z]+)")
STRUCTURED = re.compile(
    rf"{STRING}\s+in\s+(parents|owners)|\b(name|fullText|mimeType|trashed|starred)\s*(contains|=|!=)"
)
FIELDS = ("name", "fullText", "mimeType", "modifiedTime", "trashed", "starred")
SIGNS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda held, value: value.lower() in held.lower(),
    "=": lambda held, value: held == value,
    "!=": lambda held, value: held != value,
    ">": lambda held, value: held > value,
    "<": lambda held, value: held < value,
    ">=": lambda held, value: held >= value,
    "<=": lambda held, value: held <= value,
}


def compile_query(text: str) -> Test:
    """Words alone are looked for in name and content. ValueError for half of the language."""
    if not STRUCTURED.search(text):
        words = text.lower().split()
        return lambda file: all(word in _text(file, "fullText").lower() for word in words)
    tokens, place = [], 0
    while place < len(text.rstrip()):
        found = TOKEN.match(text, place)
        if found is None:
            raise ValueError(text[place:])
        tokens.append(found[1])
        place = found.end()
    test = _expression(tokens)
    if tokens:
        raise ValueError(tokens[0])
    return test


def _expression(tokens: list[str]) -> Test:
    """Takes its tokens away from the front."""
    left = _term(tokens)
    while tokens and tokens[0].lower() in ("and", "or"):
        joint = _and if tokens.pop(0).lower() == "and" else _or
        left = joint(left, _term(tokens))
    return left


def _and(left: Test, right: Test) -> Test:
    return lambda file: left(file) and right(file)


def _or(left: Test, right: Test) -> Test:
    return lambda file: left(file) or right(file)


def _next(tokens: list[str], *allowed: str) -> str:
    if not tokens or (allowed and tokens[0] not in allowed):
        raise ValueError(tokens[0] if tokens else "the end")
    return tokens.pop(0)


def _term(tokens: list[str]) -> Test:
    word = _next(tokens)
    if word == "(":
        inner = _expression(tokens)
        _next(tokens, ")")
        return inner
    if word == "not":
        negated = _term(tokens)
        return lambda file: not negated(file)
    if word.startswith("'"):
        _next(tokens, "in")
        value, where = _value(word), _next(tokens, "parents", "owners")
        return lambda file: value in (file["parents"] if where == "parents" else [file["owner"]])
    if word not in FIELDS:
        raise ValueError(word)
    return _comparison(tokens, word)


def _comparison(tokens: list[str], field: str) -> Test:
    sign, raw = SIGNS[_next(tokens, *SIGNS)], _next(tokens)
    if not raw.startswith("'") and raw not in ("true", "false"):
        raise ValueError(raw)
    value = _value(raw) if raw.startswith("'") else raw
    return lambda file: sign(_text(file, field), value)


def _value(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _text(file: JSON, field: str) -> str:
    if field == "fullText":
        return f"{file['name']} {file['content']}"
    held = file[field]
    return str(held).lower() if isinstance(held, bool) else str(held)
