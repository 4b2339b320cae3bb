"""Plain HTTP over ASGI: header access and whole replies (ASGI 3, RFC 9110)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from itertools import chain
from typing import Any

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Pairs = tuple[tuple[bytes, bytes], ...]

JSON_TYPE = (b"content-type", b"application/json")
CLOSE: Pairs = ((b"connection", b"close"),)


class HttpReply:
    """One whole reply: status, body, headers beside type and length."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", headers: Pairs = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    def closing(self) -> "HttpReply":
        """The same, and the connection ends after it: the request was not read to its end."""
        return HttpReply(self.status, self.body, (*self.headers, *CLOSE))

    async def send(self, send: Send) -> None:
        headers = [(b"content-length", b"%d" % len(self.body)), *self.headers]
        if self.body:
            headers.append(JSON_TYPE)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class HeaderFields:
    """Request headers by lower-case name; names that came twice are known."""

    __slots__ = ("_first", "_twice")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        pairs = raw if isinstance(raw, list) else list(raw)
        self._first: dict[bytes, bytes] = dict(pairs)
        self._twice: frozenset[bytes] = frozenset()
        if len(self._first) != len(pairs):
            count = Counter(name for name, _ in pairs)
            self._twice = frozenset(name for name, times in count.items() if times > 1)

    def get(self, name: bytes) -> bytes | None:
        return self._first.get(name)

    def twice(self, names: frozenset[bytes]) -> bool:
        """Whether one of ``names`` came more than once."""
        return bool(self._twice) and not self._twice.isdisjoint(names)

    def text(self, name: bytes) -> str | None:
        """Value as printable ASCII, without the blanks around it, which are no part of it (RFC 9110 section 5.5);
        None when absent, empty or anything else.
        """
        value = self._first.get(name)
        if not value or not value.isascii():
            return None
        text = value.strip(b" \t").decode("ascii")
        return text if text and text.isprintable() else None

    def names(self) -> Iterable[bytes]:
        return self._first.keys()

    @property
    def repeated(self) -> frozenset[bytes]:
        return self._twice


def header_bytes(raw: Iterable[tuple[bytes, bytes]]) -> int:
    """Size of all names and values."""
    return len(b"".join(chain.from_iterable(raw)))
