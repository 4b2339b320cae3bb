"""Proofs that leave the house: one event stands in the log, a newer log begins with an older one.

As JSON for programs, as text in the forms of C2SP: tlog-proof for inclusion, the body of a tlog-witness
add-checkpoint request for consistency. ``offline/verify_ledger.py --proof`` reads all four.
"""

import msgspec

from callgate.core.ledger.note import decode64, encode64, parse_checkpoint, verify_note
from callgate.core.ledger.tree import Read, consistency, inclusion, leaf_hash, verify_consistency, verify_inclusion
from callgate.model.base import Fact
from callgate.model.errors import IntegrityError


class InclusionProof(Fact, frozen=True, tag_field="kind", tag="inclusion"):
    """``event`` (its canonical text) is leaf ``index`` of the log at ``checkpoint``."""

    index: int
    event: str
    hashes: tuple[str, ...]
    """Base64, from the leaf's sibling up."""
    checkpoint: str
    """Signed note."""


class ConsistencyProof(Fact, frozen=True, tag_field="kind", tag="consistency"):
    """The log at ``checkpoint`` begins with the log at ``old_checkpoint``."""

    old_size: int
    hashes: tuple[str, ...]
    """Base64, RFC 6962 order."""
    checkpoint: str
    old_checkpoint: str = ""
    """Empty: the verifier brings the one it kept."""


LedgerProof = InclusionProof | ConsistencyProof
_decoder: msgspec.json.Decoder[LedgerProof] = msgspec.json.Decoder(LedgerProof)


def prove_inclusion(event: bytes, index: int, checkpoint: str, read: Read) -> InclusionProof:
    """``read`` serves the nodes of the log at the checkpoint's size or a later one."""
    size = _head(checkpoint)[1]
    hashes = tuple(encode64(item) for item in inclusion(index, size, read))
    return InclusionProof(index=index, event=event.decode(), hashes=hashes, checkpoint=checkpoint)


def prove_consistency(old_checkpoint: str, checkpoint: str, read: Read) -> ConsistencyProof:
    """Raises IntegrityError when the old checkpoint is of an empty or a larger log."""
    old, new = _head(old_checkpoint)[1], _head(checkpoint)[1]
    hashes = tuple(encode64(item) for item in consistency(old, new, read))
    return ConsistencyProof(old_size=old, hashes=hashes, checkpoint=checkpoint, old_checkpoint=old_checkpoint)


def check_inclusion(proof: InclusionProof, name: str, public_key: bytes) -> None:
    """Raises IntegrityError unless the signed checkpoint holds the event at the index."""
    _, size, root = parse_checkpoint(verify_note(proof.checkpoint, name, public_key))
    leaf = leaf_hash(proof.event.encode())
    verify_inclusion(proof.index, size, leaf, [decode64(item) for item in proof.hashes], root)


def check_consistency(proof: ConsistencyProof, name: str, public_key: bytes, kept: str = "") -> None:
    """Raises IntegrityError unless both signed checkpoints are of one growing log.

    ``kept`` is the old note as its holder kept it; it takes the place of the one in the proof.
    """
    origin, size, root = parse_checkpoint(verify_note(proof.checkpoint, name, public_key))
    old_note = kept or proof.old_checkpoint
    old_origin, old_size, old_root = parse_checkpoint(verify_note(old_note, name, public_key))
    if old_origin != origin or old_size != proof.old_size:
        raise IntegrityError("The proof is about another checkpoint.", code="bad_proof")
    verify_consistency(old_size, size, [decode64(item) for item in proof.hashes], old_root, root)


def proof_json(proof: LedgerProof) -> bytes:
    return msgspec.json.encode(proof)


def parse_proof(data: bytes) -> LedgerProof:
    """Of the JSON form. Raises IntegrityError."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise IntegrityError("This is not a proof.", code="bad_proof") from fault


def proof_text(proof: LedgerProof) -> str:
    """Inclusion: C2SP tlog-proof, the event as its ``extra`` line. Consistency: ``old`` line, hashes, checkpoint."""
    if isinstance(proof, InclusionProof):
        head = ["c2sp.org/tlog-proof@v1", f"extra {encode64(proof.event.encode())}", f"index {proof.index}"]
    else:
        head = [f"old {proof.old_size}"]
    return "\n".join([*head, *proof.hashes, "", proof.checkpoint])


def _head(note: str) -> tuple[str, int, bytes]:
    """The checkpoint in one of our own notes, its signature not looked at."""
    return parse_checkpoint(note.rpartition("\n\n")[0] + "\n")
