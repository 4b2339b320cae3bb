"""Stream parsers give the same whatever the pieces their bytes come in."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value

from callgate.adapters.upstream import wire
from callgate.adapters.upstream.lines import Lines
from callgate.adapters.upstream.sse import SseParser, SseTooLarge

ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
values = st.binary(max_size=12).filter(lambda value: b"\n" not in value and b"\r" not in value)
fields = st.sampled_from([b"data", b"event", b"id", b"retry", b"", b"other", b"data:", b"\xef\xbb\xbfdata"])
lines = st.builds(
    lambda field, gap, value, end: field + gap + value + end, fields, st.sampled_from([b":", b": ", b""]), values, ends
)
streams = st.lists(st.one_of(lines, ends), max_size=30).map(b"".join)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in zip(places, places[1:], strict=False)]


def read(pieces):
    parser = SseParser(10_000)
    found = [event for piece in pieces for event in parser.feed(piece)]
    return found, parser.last_id, parser.retry_ms


def plain(data: bytes):
    """The standard's rules, on the whole stream at once."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, pieces, name, last, retry = [], [], "", "", 0
    for line in text.split(b"\n")[:-1]:
        if not line:
            if pieces or name:
                found.append((name or "message", b"\n".join(pieces), last))
            pieces, name = [], ""
            continue
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            pieces.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            last = value.decode("utf-8", "replace")
        elif field == b"retry" and value.isdigit():
            retry = int(value)
    return found, last, retry


@settings(deadline=None)
@given(streams, st.lists(st.integers(0, 500), max_size=20))
def test_events_do_not_depend_on_the_pieces(data, cuts):
    whole = read([data])
    assert read(split(data, cuts)) == whole
    assert read([data[i : i + 1] for i in range(len(data))]) == whole
    events, last, retry = whole
    expected = plain(data)
    assert [(event.name, event.data, event.id) for event in events] == expected[0]
    assert (last, retry) == (expected[1], expected[2]) or retry < 10**9


def test_every_single_cut_of_a_real_stream():
    data = b': hi\r\nid: 7\r\nevent: message\r\ndata: {"a":\r\ndata: 1}\r\n\r\nretry: 20\n\ndata: x\r\rdata\n\n'
    whole = read([data])
    assert [event.data for event in whole[0]] == [b'{"a":\n1}', b"x", b""]
    for cut in range(len(data) + 1):
        assert read([data[:cut], data[cut:]]) == whole


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(1, 80))
def test_no_stream_makes_the_parser_hold_more_than_its_limit(data, limit):
    parser = SseParser(limit)
    try:
        for index in range(0, len(data), 7):
            parser.feed(data[index : index + 7])
            assert parser.held <= limit
    except SseTooLarge:
        assert len(data) > 0


@settings(deadline=None)
@given(
    st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=10),
    st.lists(st.integers(0, 500), max_size=10),
)
def test_lines_do_not_depend_on_the_pieces(given_lines, cuts):
    data = b"".join(line + b"\n" for line in given_lines)
    parser = Lines(20)
    found = [line for piece in split(data, cuts) for line in parser.feed(piece)]
    assert found == [line if len(line) <= 20 else None for line in given_lines]


@settings(deadline=None)
@given(st.integers(0, 10**9), st.text(max_size=200), st.booleans(), st.lists(st.integers(0, 500), max_size=10))
def test_a_line_that_is_too_long_is_known_by_the_id_of_its_outermost_object(number, text, first, cuts):
    inner = {"id": number + 1, "text": text + '"id":5}' + ',"id":6', "nested": {"jsonrpc": "2.0", "id": 3}}
    message = (
        {"jsonrpc": "2.0", "id": number, "result": inner}
        if first
        else {"result": inner, "jsonrpc": "2.0", "id": number}
    )
    data = msgspec.json.encode(message) + b"\nnext\n"
    parser = Lines(60)
    found = [(line, parser.skipped_id) for piece in split(data, cuts) for line in parser.feed(piece)]
    assert found == [(None, number), (b"next", number)]


def test_an_id_that_cannot_be_told_is_none():
    parser = Lines(20)
    assert parser.feed(b'{"result":{"id":4},"x":"' + b"y" * 100 + b'"}\n') == [None]
    assert parser.skipped_id is None


@settings(deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4), st.booleans(), st.booleans()
)
def test_stateless_meta_is_added_and_what_stands_there_stays(members, has_meta, pretty):
    params = {
        **members,
        **({"_meta": {"progressToken": "t", "io.modelcontextprotocol/protocolVersion": "forged"}} if has_meta else {}),
    }
    if not has_meta:
        params.pop("_meta", None)
    raw = msgspec.json.encode(params)
    raw = msgspec.json.format(raw, indent=2) if pretty else raw
    found = msgspec.json.decode(wire.with_stateless_meta(raw))
    meta = found.pop("_meta")
    params.pop("_meta", None)
    assert found == params
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert (meta.get("progressToken") == "t") == has_meta


@settings(deadline=None)
@given(st.text(max_size=20))
def test_header_values_survive_and_read_back(text):
    coded = wire.header_value(text)
    assert coded.isascii()
    assert coded.isprintable()
    assert decode_header_value(coded) == text


def test_half_a_surrogate_pair_makes_a_header_that_says_something_else():
    """A client of ``callgate stdio`` can write one; the gate refuses its body, whatever the header."""
    coded = wire.header_value("a\ud800")
    assert coded.isascii()
    assert decode_header_value(coded) == "a?"
