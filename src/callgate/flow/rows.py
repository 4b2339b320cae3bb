"""Which struct each kind of row holds: the one place where rows become nouns."""

from typing import Any

import msgspec

from callgate.model.base import Fact
from callgate.model.bundle import Bundle
from callgate.model.classification import Ruling
from callgate.model.contract import Contract, Task
from callgate.model.hold import Hold
from callgate.model.identity import Account
from callgate.model.record import Consent, Denial, Halt, Proposal, Revocation, Setting, TaskBinding
from callgate.model.store import Kind, Put, Row
from callgate.model.tool import Integration, IntegrationPin

STRUCTS: dict[Kind, type[Fact]] = {
    Kind.ACCOUNT: Account,
    Kind.INTEGRATION: Integration,
    Kind.PIN: IntegrationPin,
    Kind.CONTRACT: Contract,
    Kind.CONSENT: Consent,
    Kind.TASK: Task,
    Kind.BINDING: TaskBinding,
    Kind.HOLD: Hold,
    Kind.DENIAL: Denial,
    Kind.HALT: Halt,
    Kind.REVOCATION: Revocation,
    Kind.BUNDLE: Bundle,
    Kind.PROPOSAL: Proposal,
    Kind.SETTING: Setting,
    Kind.RULING: Ruling,
}
_KINDS = {struct: kind for kind, struct in STRUCTS.items()}
_decoders: dict[Kind, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(struct) for kind, struct in STRUCTS.items()
}
_encoder = msgspec.json.Encoder(order="sorted")


def noun(row: Row) -> Any:
    """The struct of a row. Raises msgspec.ValidationError when the row is not what its kind says."""
    return _decoders[row.kind].decode(row.body)


def decode_body(kind: Kind, body: bytes) -> Any:
    return _decoders[kind].decode(body)


def put(key: str, value: Fact, *, expect: int | None, state: str = "", ref: str = "", at_ms: int = 0) -> Put:
    """The change that writes a noun under ``key``."""
    return Put(
        kind=_KINDS[type(value)],
        key=key,
        body=_encoder.encode(value),
        expect=expect,
        state=state,
        ref=ref,
        at_ms=at_ms,
    )
