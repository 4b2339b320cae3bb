"""Canonical bytes against rfc8785, and events and seals there and back, over random values."""

import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.ledger.canonical import MAX_INT, body_bytes, canonical
from callgate.core.ledger.events import KINDS, decode_event, encode_event, from_utc, utc
from callgate.core.ledger.note import checkpoint_text, parse_checkpoint, sign_note, verify_note
from callgate.core.ledger.seal import Sealer
from callgate.model.errors import IntegrityError
from callgate.model.event import EventBody, NewEvent, PrincipalRef
from callgate.offline import verify_ledger as offline
from tests.fakes.ledger import ORIGIN, PUBLIC, SIGNER, TENANT, VKEY, LedgerInMemory, note

text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
integer = st.integers(-MAX_INT, MAX_INT)
st.register_type_strategy(str, text)
st.register_type_strategy(int, integer)
ascii_keys = st.text(st.characters(max_codepoint=127), max_size=6)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), integer, text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ascii_keys, inner, max_size=4)),
    max_leaves=12,
)
bodies: st.SearchStrategy[EventBody] = st.one_of([st.from_type(kind) for kind in KINDS])
new_events = st.builds(
    NewEvent,
    id=text,
    at_ms=st.integers(0, 253_402_300_799_999),
    body=bodies,
    call=text,
    principal=st.one_of(st.none(), st.from_type(PrincipalRef)),
    same_host=st.booleans(),
)


@settings(deadline=None, max_examples=300)
@given(values)
def test_canonical_is_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(deadline=None, max_examples=400)
@given(new_events, text, text, st.integers(1, MAX_INT))
def test_an_event_is_rfc_8785_and_comes_back(new: NewEvent, tenant: str, writer: str, seq: int) -> None:
    data = encode_event(new, tenant, writer, seq)
    assert data == rfc8785.dumps(json.loads(data))
    event = decode_event(data)
    again = NewEvent(
        id=event.id,
        at_ms=from_utc(event.time),
        body=event.data.body,
        call=event.data.call,
        principal=event.data.principal,
        same_host=event.data.same_host,
    )
    assert again == new
    assert (event.data.tenant, event.data.writer, event.data.writer_seq) == (tenant, writer, seq)
    assert encode_event(again, tenant, writer, seq) == data
    assert offline.read_event(data, tenant) == (new.id, writer, seq)


@given(st.integers(0, 253_402_300_799_999))
def test_times_come_back(at_ms: int) -> None:
    assert from_utc(utc(at_ms)) == at_ms


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(text, json_values, max_size=5))
def test_a_body_comes_back_with_every_number(arguments: dict[str, object]) -> None:
    data = body_bytes(arguments)
    again = json.loads(data)
    assert again == arguments
    assert repr(_in_order(again)) == repr(_in_order(arguments))
    assert body_bytes(dict(reversed(arguments.items()))) == data


def _in_order(value: object) -> object:
    """Equal for values of equal types only: 1 and 1.0, 0.0 and -0.0 differ in their repr."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


SEALER = Sealer(bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32)
bytes32, nonces = st.binary(min_size=32, max_size=32), st.binary(min_size=12, max_size=12)


@settings(deadline=None)
@given(bytes32, st.tuples(text, text, text), st.tuples(text, text, text), st.binary(max_size=200), nonces)
def test_a_field_opens_in_its_own_place_only(
    random32: bytes, place: tuple[str, str, str], other: tuple[str, str, str], plain: bytes, nonce: bytes
) -> None:
    key = SEALER.new_key(random32)
    data = SEALER.seal(key, *place, plain, nonce)
    kept = SEALER.unwrap(place[1], key.wrapped(place[1], nonce))
    assert SEALER.open(kept, *place, data) == plain
    if other != place:
        with pytest.raises(IntegrityError):
            SEALER.open(kept, *other, data)


@given(st.lists(text, max_size=4), st.lists(text, max_size=4))
def test_equal_tags_are_of_equal_parts(one: list[str], two: list[str]) -> None:
    assert (SEALER.equal_tag(*one) == SEALER.equal_tag(*two)) == (one == two)


@given(st.integers(0, 2**63 - 1), bytes32)
def test_checkpoints_come_back(size: int, root: bytes) -> None:
    signed = sign_note(checkpoint_text(ORIGIN, size, root), ORIGIN, SIGNER.sign, PUBLIC)
    assert parse_checkpoint(verify_note(signed, ORIGIN, PUBLIC)) == (ORIGIN, size, root)
    assert offline.open_checkpoint(signed, offline.LogKey.parse(VKEY)) == (ORIGIN, size, root)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_changed_note_verifies(data: st.DataObject) -> None:
    signed = note(12, bytes(32))
    at = data.draw(st.integers(0, len(signed) - 1))
    character = data.draw(st.characters(exclude_categories=("Cs",)).filter(lambda item: item != signed[at]))
    changed = signed[:at] + character + signed[at + 1 :]
    try:
        offline.open_checkpoint(changed, offline.LogKey.parse(VKEY))
    except offline.Mismatch:
        return
    raise AssertionError(changed)


LEDGER = LedgerInMemory(60, every=7)
KEY = offline.LogKey.parse(VKEY)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_change_to_the_events_is_found_at_its_place(data: st.DataObject) -> None:
    """Remove, repeat, move or replace events: the check fails, and with stored hashes the first place is exact."""
    events = list(LEDGER.events)
    at, to = data.draw(st.integers(0, 59)), data.draw(st.integers(0, 59))
    kind = data.draw(st.sampled_from(["remove", "repeat", "move", "byte"]))
    if kind == "remove":
        del events[at]
    elif kind == "repeat":
        events.insert(to, events[at])
    elif kind == "move":
        events.insert(to, events.pop(at))
    else:
        spot = data.draw(st.integers(0, len(events[at]) - 1))
        byte = bytes([data.draw(st.integers(0, 255).filter(lambda item: item != events[at][spot]))])
        events[at] = events[at][:spot] + byte + events[at][spot + 1 :]
    if events == LEDGER.events:
        return
    with_hashes = data.draw(st.booleans())
    check = offline.LedgerCheck(KEY, ORIGIN, TENANT, LEDGER.checkpoints.values())
    if with_hashes:
        check.tile(0, LEDGER.frontier.levels[0])
    for line in events:
        check.add(line)
    report = check.finish(60)
    assert report.first is not None
    differ = [place for place, pair in enumerate(zip(events, LEDGER.events, strict=False)) if pair[0] != pair[1]]
    place = differ[0] if differ else min(len(events), 60)
    if with_hashes:
        assert report.first.index == place
    elif not report.first.exact:
        assert report.first.index <= place < report.first.index + 7
