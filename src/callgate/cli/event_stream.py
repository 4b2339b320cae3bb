"""Server-sent events as they come (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import http.client
from collections.abc import Iterator
from typing import NamedTuple

from callgate.cli.outcome import CommandError

MAX_BYTES = 16 << 20
"""Of one event, or of one answer."""


class SentEvent(NamedTuple):
    id: str
    data: bytes


def sent_events(reply: http.client.HTTPResponse) -> Iterator[SentEvent]:
    """Events with data. CommandError when one is larger than MAX_BYTES."""
    data: list[bytes] = []
    size, last = 0, ""
    while line := reply.readline(MAX_BYTES):
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
            size += len(text)
        elif text.startswith(b"id:"):
            last = text[3:].strip().decode("ascii", "replace")
        elif not text and data:
            yield SentEvent(last, b"\n".join(data))
            data, size = [], 0
        if size >= MAX_BYTES:
            raise CommandError("The answer is larger than 16 MiB.")
    if data:
        yield SentEvent(last, b"\n".join(data))
