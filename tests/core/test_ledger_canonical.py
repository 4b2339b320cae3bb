"""Canonical bytes: what they look like and what is refused."""

import pytest

from callgate.core.ledger.canonical import MAX_INT, body_bytes, canonical, digest
from callgate.model.errors import IntegrityError, MalformedCall
from callgate.model.event_refs import FindingRef
from callgate.model.terms import Stage, Tier


def test_sorted_and_without_white_space() -> None:
    assert (
        canonical({"b": [1, True, None], "a": {"z": "ü\n", "B": ""}})
        == '{"a":{"B":"","z":"ü\\n"},"b":[1,true,null]}'.encode()
    )


def test_structs_enums_and_sets() -> None:
    assert (
        canonical({"t": Tier.DRAFT, "s": Stage.READ, "f": frozenset(("b", "a"))}) == b'{"f":["a","b"],"s":"read","t":2}'
    )
    assert canonical(FindingRef("g", "c", "deny")) == (
        b'{"code":"c","discharged":false,"effect":"deny","gate":"g","path":"","shadow":false}'
    )


@pytest.mark.parametrize("value", [MAX_INT, -MAX_INT, 0])
def test_integers_of_the_profile(value: int) -> None:
    assert canonical([value]) == b"[%d]" % value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        float("inf"),
        MAX_INT + 1,
        -MAX_INT - 1,
        10**30,
        {"ä": 1},
        {1: 2},
        "\ud800",
        {"\ud800": 1},
        object(),
        [[[1.5]]],
        {"a": {"b": 2**60}},
    ],
)
def test_outside_the_profile(value: object) -> None:
    with pytest.raises(IntegrityError):
        canonical(value)


def test_endless_depth() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(IntegrityError):
        canonical(value)
    with pytest.raises(MalformedCall):
        body_bytes({"a": value})
    while value:
        value = value.pop()


def test_a_body_keeps_every_number() -> None:
    body = {"z": 123456789012345678901234567890, "a": 1.0, "m": 1, "e": 1e300, "n": -0.0, "b": 2**64}
    assert (
        body_bytes(body)
        == b'{"a":1.0,"b":18446744073709551616,"e":1e300,"m":1,"n":-0.0,"z":123456789012345678901234567890}'
    )


def test_a_body_does_not_depend_on_the_order_of_its_keys() -> None:
    assert body_bytes({"b": {"y": 1, "x": [None]}, "a": 2}) == body_bytes({"a": 2, "b": {"x": [None], "y": 1}})
    assert body_bytes({}) == b"{}"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "\ud800", object()])
def test_a_body_that_json_cannot_say(value: object) -> None:
    with pytest.raises(MalformedCall):
        body_bytes({"a": [{"b": value}]})


def test_null_is_no_missing_number() -> None:
    assert body_bytes({"a": None, "b": [1.5, {"c": None}]}) == b'{"a":null,"b":[1.5,{"c":null}]}'


def test_digests() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(b"") == empty
    assert digest({"b": 1, "a": 2}) == digest(b'{"a":2,"b":1}')
