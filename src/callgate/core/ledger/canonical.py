"""The one place where values become bytes that are hashed, signed or stored as evidence.

Two forms. ``canonical`` is for what we write ourselves: RFC 8785 (JCS) by a restricted profile, that is no floats,
integers within 2**53 - 1 and ASCII object keys, for which sorted msgspec output *is* RFC 8785. ``body_bytes`` is
for judged arguments of other people's tools: deterministic, sorted, with big integers and floats kept as they are.
"""

import hashlib
import math
from typing import Any

import msgspec

from callgate.model.errors import IntegrityError, MalformedCall

MAX_INT = 2**53 - 1
"""Largest integer of the profile (RFC 7493 section 2.2), also negative."""

_sorted = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of a struct or of plain JSON values. Raises IntegrityError for what is outside the profile.

    Sets are written as sorted arrays, enums as their values, bytes as base64.
    """
    try:
        plain = msgspec.to_builtins(value, order="sorted")
        _check(plain)
        return _sorted.encode(plain)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as fault:
        raise IntegrityError("A value cannot be written in canonical form.", code="not_canonical") from fault


def body_bytes(arguments: dict[str, Any]) -> bytes:
    """Deterministic JSON of judged arguments: keys sorted, no white space, every number kept exactly.

    Raises MalformedCall for what JSON cannot say (not a number, infinite, lone surrogates, keys that are no text).
    """
    try:
        data = _sorted.encode(arguments)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as fault:
        raise MalformedCall("The arguments cannot be written as JSON.", code="not_json") from fault
    # msgspec writes NaN and infinities as null; only then is a walk worth its time.
    if b"null" in data and _has_no_number(arguments):
        raise MalformedCall("A number is not a number or infinite.", code="number")
    return data


def digest(value: Any) -> str:
    """SHA-256, hex: of bytes as they are, of anything else in canonical form."""
    return hashlib.sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()


def _check(value: Any) -> None:
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if not -MAX_INT <= value <= MAX_INT:
            raise ValueError("integer outside 2**53 - 1")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise ValueError("key is not ASCII text")
            _check(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item)
    else:
        raise TypeError(type(value).__name__)


def _has_no_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(_has_no_number(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_no_number(item) for item in value)
    return False
