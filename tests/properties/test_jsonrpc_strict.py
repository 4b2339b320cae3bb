"""The short way of parse_strict and the long one agree on everything, and both refuse what has two readings."""

import json

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from callgate.core.jsonrpc import parse_strict, read_every_way
from callgate.model.errors import MalformedCall

KEYS = st.sampled_from(["a", "A", "ß", "SS", "ss", "name", "İ", "i̇"]) | st.text(max_size=3)
NUMBERS = st.integers() | st.integers(10**60, 10**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=5)


def outcome(read, raw: bytes) -> object:
    try:
        return read(raw)
    except MalformedCall as fault:
        return fault.code


@given(OBJECTS, st.booleans())
def test_both_ways_agree_on_objects(value, compact) -> None:
    raw = json.dumps(value, ensure_ascii=not compact, separators=(",", ":") if compact else None).encode(
        "utf-8", "surrogatepass"
    )
    assert repr(outcome(parse_strict, raw)) == repr(outcome(read_every_way, raw))


@given(OBJECTS, st.data())
def test_both_ways_agree_on_mangled_bytes(value, data) -> None:
    raw = bytearray(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert repr(outcome(parse_strict, bytes(raw))) == repr(outcome(read_every_way, bytes(raw)))


@given(st.binary(max_size=40))
@example(b'{"a":1e400}')
@example(b'{"a":-0}')
@example(b'{"a":-0.0}')
@example(b'{"a":1E5}')
@example(b'{"a":0.1000000000000000055511151231257827}')
@example(b'{"a":12345678901234567890123456789012345678901234567890123456789012345678}')
@example(b'{"a":"\\ud800"}')
@example(b'{"a":1,"a":1}')
def test_both_ways_agree_on_bytes(raw) -> None:
    assert repr(outcome(parse_strict, raw)) == repr(outcome(read_every_way, raw))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a":1,"A":1}', "duplicate_key"),
        (b'{"x":{"stra\xc3\x9fe":1,"STRASSE":2}}', "duplicate_key"),
        (b"[]", "not_object"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "too_deep"),
        (b'{"a":1e999}', "number"),
        (b'{"a":' + b"9" * 65 + b"}", "number"),
        (b'{"a":NaN}', "not_json"),
        (b'{"a":"\xff"}', "not_utf8"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":1}x', "not_json"),
        (b"", "not_json"),
    ],
)
def test_each_has_its_own_code(raw, code) -> None:
    assert outcome(parse_strict, raw) == code
    assert outcome(read_every_way, raw) == code


def test_what_is_clear_passes() -> None:
    raw = b'{"a":123456789012345678901234567890,"b":1.5,"c":[{"d":"\xc3\xa9"}]}'
    assert parse_strict(raw) == {"a": 123456789012345678901234567890, "b": 1.5, "c": [{"d": "é"}]}
