"""Text as it stands in TOML files that the gate writes."""

from collections.abc import Iterable

from callgate.core.visible import is_visible, shorten

_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def quoted(text: str) -> str:
    """A basic string (TOML 1.0): the same text when read, nothing in it invisible when looked at."""
    return '"' + "".join(_character(one) for one in text) + '"'


def _character(one: str) -> str:
    if one in _SHORT:
        return _SHORT[one]
    if one == " " or is_visible(one):
        return one
    code = ord(one)
    # A half of a surrogate pair is no character that a file could hold.
    return f"\\u{code:04x}" if code <= 0xFFFF and not 0xD800 <= code <= 0xDFFF else _long(code)


def _long(code: int) -> str:
    return f"\\U{code:08x}" if code > 0xFFFF else "\ufffd"


def array(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def table(pairs: dict[str, str]) -> str:
    """An inline table."""
    return "{ " + ", ".join(f"{quoted(key)} = {quoted(value)}" for key, value in pairs.items()) + " }"


def comment(text: str, limit: int = 300) -> str:
    """One line."""
    return f"# {shorten(text, limit)}"
