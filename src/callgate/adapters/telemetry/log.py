"""Logging: one line per record, plain or JSON, to one stream.

The first line of defence is that no code logs arguments, results, tokens or secrets. The second is here: whatever
looks like a credential is cut out of every line, fields with telling names lose their value, and of an exception only
its type and places are written, because foreign messages quote their input. Ours (CallgateError) are kept.
"""

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from callgate.model.config import Log, LogFormat
from callgate.model.errors import CallgateError

CUT = "[cut]"
MAX_TEXT = 4_096
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
_TELLING = re.compile(
    r"(?:^|[_-])(?:authorization|cookie|token|secret|password|passphrase|passwd|api_?key|arguments|result"
    r"|private_?key|seed)s?\Z",
    re.IGNORECASE,
)
_SECRETS = re.compile(
    r"""
    -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)  # PEM
    | eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*                            # JWS and JWE
    | \b(?:gh[pousr]|github_pat|glpat|xox[abeoprs]|sk|rk|pk|whsec|npm|hf)[_-][A-Za-z0-9_-]{10,}  # well-known prefixes
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b
    | (?<=://)[^\s/@]+@                                                                    # user name in a URL
    | \$scrypt\$\S+
    | \b[A-Za-z0-9+_-]{65,}={0,2}                                                          # longer than any digest
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMED = re.compile(
    r"""
    (?P<name>
        \b(?:bearer|basic)\s+
        | (?<![a-z_-])[a-z_-]*(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|authorization|cookie)["']?\s*[:=]\s*["']?
    )
    (?P<value>(?:(?:bearer|basic)\s+)?[^\s"',;&]{6,})
    """,
    re.VERBOSE | re.IGNORECASE,
)


def cut(text: str) -> str:
    """``text`` without what looks like a credential, shortened, on one line."""
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}…"
    text = _NAMED.sub(lambda found: f"{found['name']}{CUT}", _SECRETS.sub(CUT, text))
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class RedactingFormatter(logging.Formatter):
    """Records to lines. Fields given as ``extra`` are kept, cut."""

    def __init__(self, style: LogFormat) -> None:
        super().__init__()
        self._line = _json_line if style is LogFormat.JSON else _plain_line

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: dict[str, Any] = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": cut(_message(record)),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_"):
                fields[cut(name)] = _field(name, value)
        if record.exc_info and record.exc_info[1] is not None:
            fields["fault"] = describe(record.exc_info[1])
        return self._line(fields)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _field(name: str, value: object) -> str | int | float | bool | None:
    if _TELLING.search(name):
        return CUT
    if value is None or isinstance(value, bool | int | float):
        return value
    return cut(value if isinstance(value, str) else f"<{type(value).__name__}>")


def describe(fault: BaseException) -> str:
    """Type and places of an exception and its causes; the message only of our own."""
    parts: list[str] = []
    seen: BaseException | None = fault
    while seen is not None and len(parts) < 5:
        frames = traceback.extract_tb(seen.__traceback__)[-6:]
        places = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames))
        said = f" {seen.code}: {cut(seen.message)}" if isinstance(seen, CallgateError) else ""
        parts.append(f"{type(seen).__name__}{said} ({places})")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " from ".join(parts)


def _json_line(fields: dict[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()


def _plain_line(fields: dict[str, Any]) -> str:
    rest = dict(fields)
    head = f"{rest.pop('time')} {rest.pop('level'):<7} {rest.pop('logger')}: {rest.pop('message')}"
    return " ".join([head, *(f"{name}={value}" for name, value in rest.items())])


def configure(config: Log, stream: TextIO | None = None) -> None:
    """The root logger writes to ``stream`` (standard error) alone; libraries below warning stay quiet."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(RedactingFormatter(config.format))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("callgate").setLevel(config.level.upper())
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        inner = logging.getLogger(name)
        inner.handlers.clear()
        inner.propagate = True
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
