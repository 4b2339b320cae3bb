"""Bytes of servers as they come: event streams and lines. The same whatever the pieces."""

import re

from callgate.adapters.upstream.lines import Lines
from callgate.adapters.upstream.sse import SseParser, SseTooLarge
from tests.fuzz.taking import Taking, pieces


def read_events(parts, limit):
    parser, found = SseParser(limit), []
    try:
        for part in parts:
            found += parser.feed(part)
            assert parser.held <= limit
    except SseTooLarge:
        return found, "too_large"
    return found, parser.last_id, parser.retry_ms


def plain_events(data: bytes):
    """The standard's rules, on the whole stream at once."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, held, name = [], [], b""
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if held or name:
                found.append((name.decode("utf-8", "replace") or "message", b"\n".join(held)))
            held, name = [], b""
        elif field == b"data":
            held.append(value)
        elif field == b"event":
            name = value[:64]
    return found


def sse(data: bytes) -> None:
    """Pieces change nothing, the limit holds, and the events are those of the standard."""
    taking = Taking(data)
    limit = taking.pick((1_000_000, 200, 70))
    cuts = taking.take(taking.number(8))
    stream = taking.rest()
    parts = pieces(stream, cuts)
    found = read_events(parts, limit)
    if limit == 1_000_000:
        assert found == read_events([stream], limit)
        assert found == read_events([stream[at : at + 1] for at in range(len(stream))], limit)
        assert [(event.name, event.data) for event in found[0]] == plain_events(stream)


def lines(data: bytes) -> None:
    """Lines of a stdio server: cut at newlines alone, the long ones skipped and owned by an id that stands in them."""
    taking = Taking(data)
    limit = taking.pick((20, 60, 1_000_000))
    cuts = taking.take(taking.number(8))
    stream = taking.rest()
    for parts in (pieces(stream, cuts), [stream], [stream[at : at + 1] for at in range(len(stream))]):
        parser, found = Lines(limit), []
        for part in parts:
            for line in parser.feed(part):
                found.append(line if line is not None else ("skipped", parser.skipped_id))
        whole = stream.split(b"\n")[:-1]
        assert len(found) == len(whole)
        for line, seen in zip(whole, found, strict=True):
            if len(line) <= limit:
                assert seen == line
            else:
                # Of several such lines in one piece the id is the last one's; a piece is never as long as two of them.
                assert (
                    len(parts) != len(stream)
                    or seen[1] is None
                    or seen[1] in {int(run) for run in re.findall(rb"\d+", line)}
                )
