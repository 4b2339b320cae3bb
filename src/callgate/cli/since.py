"""``--since``: how people say from when on."""

import datetime as dt
import re
import time

from callgate.cli.outcome import CommandError

_AGO = re.compile(r"(\d{1,6})([smhd])\Z")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def since_ms(text: str) -> int:
    """Milliseconds since 1970; 0 for an empty text."""
    if not text:
        return 0
    ago = _AGO.match(text)
    if ago is not None:
        return max(1, int((time.time() - int(ago[1]) * _UNITS[ago[2]]) * 1000))
    try:
        return max(1, int(dt.datetime.fromisoformat(text).timestamp() * 1000))
    except (ValueError, OverflowError):
        raise CommandError("--since is no time.", "Write 30m, 2h, 1d, or 2026-01-31T12:00.") from None
