"""Text from outside, made safe to show: nothing in it is invisible, reorders the line or breaks it."""

import unicodedata

# Printable by category, yet drawn as nothing or glued to what stands before: fillers, joiners, variation selectors.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    chr(code)
    for start, end in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(start, end + 1)
)


def is_visible(char: str) -> bool:
    """False for controls, line breaks, format characters (bidirectional, zero-width), odd blanks and fillers."""
    return char.isprintable() and char not in _INVISIBLE


def all_visible(text: str) -> bool:
    return text.isprintable() and (text.isascii() or _INVISIBLE.isdisjoint(text))


def visible(text: str) -> str:
    """Every character that cannot be seen is written as its code point in braces."""
    if all_visible(text):
        return text
    return "".join(char if is_visible(char) else f"\\u{{{ord(char):x}}}" for char in text)


def shorten(text: str, limit: int) -> str:
    """Visible text of at most ``limit`` characters, cut with an ellipsis."""
    seen = visible(text[: limit + 1])
    return seen if len(seen) <= limit and len(text) <= limit else seen[: limit - 1] + "…"


def fold(name: str) -> str:
    """Two names that a reader could take for one have the same fold (NFKC, case, dashes)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).replace("-", "_")


def scripts(text: str) -> frozenset[str]:
    """First words of the Unicode names of its letters: LATIN, CYRILLIC, GREEK and so on."""
    return frozenset(unicodedata.name(char, "?").split(" ")[0] for char in text if char.isalpha())
