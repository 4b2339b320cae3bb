"""Server-sent events, as far as MCP uses them (WHATWG HTML, section 9.2.6 "interpreting an event stream")."""

from collections import deque
from collections.abc import Iterator

from callgate.adapters.upstream.portions import lines_in, pieces
from callgate.model.base import Fact

BOM = b"\xef\xbb\xbf"
CR, LF = 0x0D, 0x0A
LINE_COST = 64
"""Bytes that each data line counts for beside its own, so that an event of very many lines is bounded, too."""

MAX_LINES = 1 << 18
"""Of one exchange, empty ones and comments too."""


class SseEvent(Fact, frozen=True):
    name: str
    data: bytes
    id: str
    """Last event id after this event; empty: none was given yet."""


class SseTooLarge(ValueError):
    """One event or line is over the limit."""


class SseParser:
    """Feed bytes as they come; get whole events. Holds at most ``limit`` bytes of one event."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._scanned = 0
        self._after_return = False
        self._first = True
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self.last_id = ""
        self.retry_ms = 0
        """Reconnection time the server asked for; 0: none."""

    @property
    def held(self) -> int:
        """Bytes of the event under way."""
        return len(self._rest) + self._size

    def renewed(self) -> "SseParser":
        """For the next stream of the same exchange: knows the last event id and the reconnection time."""
        fresh = SseParser(self._limit)
        fresh.last_id, fresh.retry_ms = self.last_id, self.retry_ms
        return fresh

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Raises SseTooLarge."""
        if self._after_return and chunk:
            # The LF of a CR LF that was cut in two.
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")
        rest = self._rest
        rest += chunk
        found: list[SseEvent] = []
        start = 0
        while (end := self._line_end(start)) >= 0:
            line = bytes(rest[start:end])
            start = end + 1
            if rest[end] == CR:
                if start == len(rest):
                    self._after_return = True
                elif rest[start] == LF:
                    start += 1
            self._line(line, found)
        del rest[:start]
        self._scanned = len(rest)
        if self.held > self._limit:
            raise SseTooLarge
        return found

    def _line_end(self, start: int) -> int:
        """Index of the next CR or LF, or -1. What an earlier feed has seen is not looked at again."""
        start = max(start, self._scanned)
        feed = self._rest.find(b"\n", start)
        carriage = self._rest.find(b"\r", start, feed if feed >= 0 else len(self._rest))
        return carriage if carriage >= 0 else feed

    def _line(self, line: bytes, found: list[SseEvent]) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(BOM)
        if not line:
            if self._data or self._name:
                data = b"\n".join(self._data)
                found.append(SseEvent(name=self._name or "message", data=data, id=self.last_id))
            self._data, self._size, self._name = [], 0, ""
            return
        field, _, value = line.partition(b":")
        self._field(field, value.removeprefix(b" "))

    def _field(self, field: bytes, value: bytes) -> None:
        if field == b"data":
            self._data.append(value)
            self._size += len(value) + LINE_COST
            if self._size > self._limit:
                raise SseTooLarge
        elif field == b"event":
            self._name = value[:64].decode("utf-8", "replace")
        elif field == b"id" and len(value) <= 1024 and b"\0" not in value:
            self.last_id = value.decode("utf-8", "replace")
        elif field == b"retry" and value.isdigit() and len(value) < 10:
            self.retry_ms = int(value)


class Stream:
    """The events of one exchange, over all the connections they come by. Made only when there are any."""

    def __init__(self, most: int) -> None:
        self.parser = SseParser(most)
        self.ready: deque[SseEvent] = deque()
        self.resumes = 0
        self.ended = False
        """The server has ended the connection that it answered on, and the next one is not asked for yet."""
        self._pieces: Iterator[bytes] = iter(())
        self._lines = 0

    def feed(self, chunk: bytes) -> None:
        """Take what came, its first piece at once; ``more`` takes the others. Raises SseTooLarge."""
        self._lines += lines_in(chunk)
        if self._lines > MAX_LINES:
            raise SseTooLarge
        self._pieces = pieces(chunk)
        self.more()

    def more(self) -> bool:
        """Another piece of what came; False: there was none. Raises SseTooLarge."""
        piece = next(self._pieces, b"")
        self.ready.extend(self.parser.feed(piece))
        return bool(piece)
