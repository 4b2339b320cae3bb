"""Events to bytes and back. The bytes are what the tree hashes; golden files hold them per tag."""

import datetime as dt
import functools
import typing

import msgspec

from callgate.core.ledger.canonical import MAX_INT
from callgate.model.errors import IntegrityError
from callgate.model.event import Event, EventBody, EventData, NewEvent, PrincipalRef

SPEC_VERSION = "1.0"
CONTENT_TYPE = "application/json"
_LAST_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the end of RFC 3339."""

_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Event)


def type_of(body: type[msgspec.Struct]) -> str:
    """The CloudEvents type of a body's class: ``callgate.<kind>.v1``."""
    return f"callgate.{body.__struct_config__.tag}.v1"


KINDS: tuple[type[msgspec.Struct], ...] = typing.get_args(EventBody)
"""Every body, in the order of the model."""


def _integers(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    """Names of the integer fields. TypeError for integers deeper down, which nothing here would check."""
    fields = msgspec.structs.fields(struct)
    inner = msgspec.json.schema_components([field.type for field in fields if field.type is not int])
    if "'integer'" in repr(inner):
        raise TypeError(f"{struct.__name__} holds integers inside another struct")
    return tuple(field.name for field in fields if field.type is int)


_bodies = {body: (type_of(body), _integers(body), msgspec.json.Decoder(body)) for body in KINDS}
_principals = msgspec.json.Decoder(PrincipalRef | None)


def encode_event(new: NewEvent, tenant: str, writer: str, seq: int) -> bytes:
    """Canonical bytes (RFC 8785) of the stored form. ``seq`` is 1, 2, 3 … per writer.

    Raises IntegrityError for a value outside the profile: wrong type, integer beyond 2**53 - 1, lone surrogate.
    """
    body = new.body
    known = _bodies.get(type(body))
    if known is None:
        raise IntegrityError("An event has a body of no known kind.", code="not_canonical")
    event_type, integers, decoder = known
    _check_integer(seq)
    for name in integers:
        _check_integer(getattr(body, name))
    if {type(new.id), type(new.call), type(tenant), type(writer)} != {str} or type(new.same_host) is not bool:
        raise IntegrityError("An event's envelope holds a value of another type.", code="not_canonical")
    try:
        # msgspec checks no types on construction; reading the bytes back is the check, and no slower than a walk.
        # What was read back goes into the envelope as it is.
        written = _encoder.encode(body)
        decoder.decode(written)
        inner = typing.cast(EventBody, msgspec.Raw(written))
        data = EventData(writer, seq, tenant, new.call, _principal(new.principal), new.same_host, inner)
        event = Event(SPEC_VERSION, new.id, f"callgate/{tenant}", event_type, utc(new.at_ms), CONTENT_TYPE, data)
        return _encoder.encode(event)
    except (TypeError, ValueError, msgspec.MsgspecError) as fault:
        raise IntegrityError("An event holds a value outside the canonical form.", code="not_canonical") from fault


@functools.lru_cache(maxsize=1024)
def _principal(principal: PrincipalRef | None) -> PrincipalRef | None:
    """Its checked bytes, in the place of the value. One stands in many events; all its fields are texts, so that equal
    values have equal bytes.
    """
    written = _encoder.encode(principal)
    _principals.decode(written)
    return typing.cast(PrincipalRef, msgspec.Raw(written))


def _check_integer(number: int) -> None:
    if type(number) is not int or not -MAX_INT <= number <= MAX_INT:
        raise IntegrityError("An event holds a number that is no integer within 2**53 - 1.", code="not_canonical")


def decode_event(data: bytes) -> Event:
    """Raises IntegrityError when the bytes are not one event of a known kind."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise IntegrityError("A ledger entry is not a readable event.", code="bad_event") from fault


def utc(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, from milliseconds since 1970. Raises IntegrityError outside 1970 to 9999."""
    if type(at_ms) is not int or not 0 <= at_ms <= _LAST_MS:
        raise IntegrityError("A time is outside the years 1970 to 9999.", code="bad_time")
    return _utc(at_ms)


def from_utc(text: str) -> int:
    """Milliseconds since 1970 of what ``utc`` wrote; IntegrityError for any other text."""
    try:
        since = dt.datetime.fromisoformat(text) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        at_ms = since // dt.timedelta(milliseconds=1)
    except (TypeError, ValueError) as fault:
        raise IntegrityError("A time is not RFC 3339.", code="bad_time") from fault
    if utc(at_ms) != text:
        raise IntegrityError("A time is not in the ledger's form.", code="bad_time")
    return at_ms


@functools.lru_cache(maxsize=256)
def _utc(at_ms: int) -> str:
    # The events of a batch are of nearly the same time.
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@functools.lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
