"""Logging: one line per record, plain or JSON, to one stream.

The first line of defence is that no code logs arguments, results, tokens or secrets. The second is here: whatever
looks like a credential is cut out of every line, fields with telling names lose their value, and of an exception only
its type and places are written, because foreign messages quote their input. Ours (CallgateError) are kept.

A fault that comes again and again fills no disk: see RepeatLimit.
"""

import copy
import logging
import re
import threading
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from callgate.adapters.telemetry.outlet import Outlet
from callgate.model.config import Log, LogFormat
from callgate.model.errors import CallgateError

CUT = "[cut]"
MAX_TEXT = 4_096
STDERR = 2
REPEATS = 5
WINDOW_S = 10.0
PLACES = 256
"""Different faults that are watched at one time."""
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


class _Place:
    """One fault at one place, since the window began."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.seen = 0
        self.held: logging.LogRecord | None = None
        """The newest one that was not written."""


class RepeatLimit(logging.Filter):
    """Of warnings and worse that say the same at the same place, with the same ``code`` and ``integration``, the first
    REPEATS within WINDOW_S are written. The rest is counted: the line that follows says ``repeated``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[object, ...], _Place] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        said = (str(record.msg), getattr(record, "code", ""), getattr(record, "integration", ""))
        key = (record.name, record.pathname, record.lineno, *said)
        with self._lock:
            place = self._places.get(key)
            # The clock may have been set back since.
            if place is None or not 0 <= record.created - place.since < WINDOW_S:
                if place is not None and place.held is not None:
                    record.repeated = place.seen - REPEATS
                self._places.pop(key, None)
                if len(self._places) >= PLACES:
                    del self._places[next(iter(self._places))]
                place = self._places[key] = _Place(record.created)
            place.seen += 1
            if place.seen > REPEATS:
                place.held = record
                return False
            return True

    def due(self, now: float) -> list[logging.LogRecord]:
        """What was held back in windows that are over at ``now`` (seconds since 1970), one record each."""
        with self._lock:
            over = [key for key, place in self._places.items() if not 0 <= now - place.since < WINDOW_S]
            places = [self._places.pop(key) for key in over]
        found: list[logging.LogRecord] = []
        for place in places:
            if place.held is not None:
                last = copy.copy(place.held)
                last.repeated = place.seen - REPEATS
                found.append(last)
        return found


def flush_repeats(now: float) -> None:
    """Write what repeated and then stopped."""
    for handler in logging.getLogger().handlers:
        for one in handler.filters:
            if isinstance(one, RepeatLimit):
                for record in one.due(now):
                    handler.emit(record)


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
    """The root logger writes to ``stream`` (standard error, through an Outlet) alone; libraries below warning stay
    quiet.
    """
    handler = Outlet(STDERR) if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter(config.format))
    handler.addFilter(RepeatLimit())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        if isinstance(old, Outlet):
            old.close()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("callgate").setLevel(config.level.upper())
    for name in ("uvicorn", "uvicorn.access", "uvicorn.error"):
        inner = logging.getLogger(name)
        inner.handlers.clear()
        inner.propagate = True
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
