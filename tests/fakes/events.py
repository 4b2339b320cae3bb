"""One sample of every body, made from the model: each text holds its own field's name, each number its place."""

import types
import typing
from typing import Any

import msgspec

from callgate.core.ledger.events import KINDS
from callgate.model.event import NewEvent, PrincipalRef

PRINCIPAL = PrincipalRef(
    initiator="p-aaaaaaaaaaaaaaaaaaaaaaaaaa",
    runtime="codex",
    runtime_kind="attended",
    actor="p-bbbbbbbbbbbbbbbbbbbbbbbbbb",
    chain=("p-cccccccccccccccccccccccccc",),
    credential="0123456789abcdef0123456789abcdef",
)


def sample(hint: Any, name: str = "", place: int = 1) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is str:
        return name
    if hint is bool:
        return True
    if hint is int:
        return place
    if origin is tuple:
        inner = arguments[:1] if arguments[1:] == (Ellipsis,) else arguments
        return tuple(sample(item, f"{name}_{at}", at) for at, item in enumerate(inner, 1))
    if origin is types.UnionType:
        return sample(next(item for item in arguments if item is not types.NoneType), name, place)
    hints = typing.get_type_hints(hint)
    fields = [field.name for field in msgspec.structs.fields(hint)]
    return hint(**{field: sample(hints[field], field, at) for at, field in enumerate(fields, 1)})


def tag_of(body: type[msgspec.Struct]) -> str:
    return str(body.__struct_config__.tag)


def sample_event(body: type[msgspec.Struct]) -> NewEvent:
    """An event with this body; the first kind of the model has no call and no principal."""
    first = body is KINDS[0]
    return NewEvent(
        id="ev-01J00000000000000000000000",
        at_ms=1_800_000_000_123,
        body=sample(body),
        call="" if first else "call-01J00000000000000000000000",
        principal=None if first else PRINCIPAL,
        same_host=first,
    )
