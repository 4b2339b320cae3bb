"""Sealing: what opens, what does not, and that equal things look equal only where they may."""

import datetime as dt
import hashlib
import hmac

import pytest

from callgate.core.ledger.seal import Sealer, _Mac, _mac, commitment_of
from callgate.model.errors import IntegrityError

A, B, C = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
NONCE, CALL = bytes(12), "call-01J00000000000000000000000"
JULY, AUGUST = 1_782_864_000_000, 1_785_542_400_000  # 2026-07-01 and 2026-08-01, both at 00:00 UTC


def sealer(kek: bytes = A, correlation: bytes = B, pseudonym: bytes = C) -> Sealer:
    return Sealer(kek, correlation, pseudonym)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000])
def test_our_hmac_is_hmac(size: int) -> None:
    data = bytes(range(256)) * 4
    expected = hmac.digest(A, data[:size], hashlib.sha256)
    assert _mac(A, data[:size]) == expected
    assert _Mac(A).digest(data[:size]) == expected
    twice = _Mac(A)
    assert twice.digest(b"x") == twice.digest(b"x")


def test_a_field_opens_only_in_its_place() -> None:
    one = sealer()
    key = one.new_key(A)
    data = one.seal(key, "local", "ev-1", "context", b"secret", NONCE)
    assert b"secret" not in data
    assert one.open(key, "local", "ev-1", "context", data) == b"secret"
    for tenant, event, field in (("other", "ev-1", "context"), ("local", "ev-2", "context"), ("local", "ev-1", "body")):
        with pytest.raises(IntegrityError):
            one.open(key, tenant, event, field, data)
    # Parts do not run into each other.
    with pytest.raises(IntegrityError):
        one.open(key, "locale", "v-1", "context", data)
    with pytest.raises(IntegrityError):
        one.open(one.new_key(B), "local", "ev-1", "context", data)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d[:-1],
        lambda d: d[:-1] + bytes([d[-1] ^ 1]),
        lambda d: b"",
        lambda d: d[:11],
        lambda d: bytes([d[0] ^ 1]) + d[1:],
    ],
)
def test_a_spoiled_field_does_not_open(spoil) -> None:
    one = sealer()
    key = one.new_key(A)
    with pytest.raises(IntegrityError):
        one.open(key, "t", "e", "f", spoil(one.seal(key, "t", "e", "f", b"secret", NONCE)))


def test_a_wrapped_key_is_its_owners_alone() -> None:
    one = sealer()
    key = one.new_key(A)
    wrapped = key.wrapped(CALL, NONCE)
    assert A not in wrapped
    data = one.seal(key, "t", "e", "f", b"x", NONCE)
    assert one.open(one.unwrap(CALL, wrapped), "t", "e", "f", data) == b"x"
    assert sealer().unwrap(CALL, wrapped).wrapped(CALL, NONCE) == wrapped
    for owner, other in ((CALL[:-1] + "1", one), ("ev-" + CALL[5:], one), (CALL, sealer(kek=B))):
        with pytest.raises(IntegrityError):
            other.unwrap(owner, wrapped)


def test_a_key_shows_nothing_of_itself() -> None:
    assert A.hex() not in repr(sealer().new_key(A))
    assert not hasattr(sealer().new_key(A), "__dict__")


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_key_and_nonce_sizes(size: int) -> None:
    with pytest.raises(IntegrityError):
        sealer().new_key(bytes(size))
    for keys in ((bytes(size), B, C), (A, bytes(size), C), (A, B, bytes(size))):
        with pytest.raises(IntegrityError):
            Sealer(*keys)
    with pytest.raises(IntegrityError):
        sealer().seal(sealer().new_key(A), "t", "e", "f", b"", bytes(size))


def test_a_commitment_is_salted_by_call_and_field() -> None:
    one = sealer()
    key, other = one.new_key(A), one.new_key(B)
    made = one.commitment(key, "arguments", b"{}")
    assert len(made) == 64
    assert made == one.commitment(one.new_key(A), "arguments", b"{}")
    assert commitment_of(key.salt("arguments"), b"{}") == made
    assert (
        len(
            {
                made,
                one.commitment(key, "result", b"{}"),
                one.commitment(other, "arguments", b"{}"),
                one.commitment(key, "arguments", b"[]"),
            }
        )
        == 4
    )
    assert made != hashlib.sha256(b"{}").hexdigest()


def test_a_tag_lasts_one_month_of_one_tenant() -> None:
    one = sealer()
    assert one.tag(b"x", JULY) == one.tag(b"x", AUGUST - 1)
    assert one.tag(b"x", AUGUST - 1) != one.tag(b"x", AUGUST)
    assert one.tag(b"x", JULY) != one.tag(b"y", JULY)
    assert one.tag(b"x", JULY) != sealer(correlation=A).tag(b"x", JULY)
    assert one.tag(b"x", JULY) == sealer(kek=C, pseudonym=A).tag(b"x", JULY)


def test_every_month_of_every_year_has_its_own_key() -> None:
    days = [dt.datetime(year, month, 15, tzinfo=dt.UTC) for year in (2026, 2027) for month in range(1, 13)]
    assert len({sealer().tag(b"x", int(day.timestamp()) * 1000) for day in days}) == 24


def test_equal_tags_keep_parts_apart() -> None:
    one = sealer()
    tags = {one.equal_tag(*parts) for parts in ((), ("",), ("a", "b"), ("ab",), ("ab", ""), ("", "ab"), ("b", "a"))}
    assert len(tags) == 7
    assert one.equal_tag("a", b"b") == one.equal_tag(b"a", "b")
    assert one.equal_tag("a") != sealer(correlation=A).equal_tag("a")


def test_pseudonyms() -> None:
    one = sealer()
    ana = one.pseudonym("person", "ana")
    assert ana == one.pseudonym("person", "ana") == sealer().pseudonym("person", "ana")
    assert ana.startswith("p-")
    assert len(ana) == 28
    assert set(ana[2:]) <= set("abcdefghijklmnopqrstuvwxyz234567")
    kinds = {one.pseudonym(kind, "ana") for kind in ("person", "actor", "delegate", "target", "receipt", "reason")}
    assert sorted(item[:2] for item in kinds) == ["p-", "p-", "p-", "r-", "r-", "t-"]
    assert ana != one.pseudonym("person", "ben")
    assert ana != sealer(pseudonym=A).pseudonym("person", "ana")
    with pytest.raises(IntegrityError):
        one.pseudonym("pet", "rex")


def test_long_values_have_pseudonyms_too() -> None:
    one = sealer()
    assert one.pseudonym("target", "x" * 300) == one.pseudonym("target", "x" * 300)
    assert one.pseudonym("target", "x" * 300) != one.pseudonym("target", "x" * 301)
    assert one.pseudonym("target", "\ud800").startswith("t-")


def test_a_name_opens_only_for_its_pseudonym() -> None:
    one = sealer()
    data = one.seal_name("p-1", b"ana", NONCE)
    assert one.open_name("p-1", data) == b"ana"
    for pseudonym, other in (("p-2", one), ("p-1", sealer(kek=B))):
        with pytest.raises(IntegrityError):
            other.open_name(pseudonym, data)
