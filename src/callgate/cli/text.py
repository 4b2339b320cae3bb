"""Text from elsewhere made safe for a terminal: nothing can move the cursor, hide, or turn the reading direction."""

import re

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_UNSEEN_IN_JSON = re.compile(_UNSEEN.pattern.replace("\x00-\x1f\x7f", "\x7f", 1))


def _escaped(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number <= 0xFFFF:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"


def safe(text: str) -> str:
    """One line: control, format and direction characters (Unicode Cc, Cf, line separators) as escapes."""
    return _UNSEEN.sub(_escaped, text)


def safe_lines(text: str) -> str:
    """As ``safe``, keeping line breaks."""
    return "\n".join(safe(line) for line in text.replace("\t", "    ").split("\n"))


def safe_json(text: str) -> str:
    """The same JSON value; what ``safe`` escapes is escaped inside its strings."""
    return _UNSEEN_IN_JSON.sub(_escaped, text)


def place(file: str, line: int) -> str:
    """``/home/ana/.codex/config.toml:12``; 0: no line is known."""
    return f"{file}:{line}" if line else file
