"""Proofs made from tiles, checked by their holder."""

import msgspec
import pytest

from callgate.core.ledger.proof import (
    ConsistencyProof,
    InclusionProof,
    check_consistency,
    check_inclusion,
    parse_proof,
    proof_json,
    proof_text,
    prove_consistency,
    prove_inclusion,
)
from callgate.model.errors import IntegrityError
from tests.fakes.ledger import ORIGIN, PUBLIC, LedgerInMemory, note

LEDGER = LedgerInMemory(700)
READ = LEDGER.reader().read


def one(index: int = 123, size: int = 600) -> InclusionProof:
    return prove_inclusion(LEDGER.events[index], index, LEDGER.checkpoints[size], READ)


def two(old: int = 300, new: int = 700) -> ConsistencyProof:
    return prove_consistency(LEDGER.checkpoints[old], LEDGER.checkpoints[new], READ)


@pytest.mark.parametrize(("index", "size"), [(0, 100), (99, 100), (255, 300), (256, 300), (699, 700)])
def test_an_inclusion_proof_verifies(index: int, size: int) -> None:
    check_inclusion(one(index, size), ORIGIN, PUBLIC)


@pytest.mark.parametrize(("old", "new"), [(100, 100), (100, 200), (300, 700), (600, 700)])
def test_a_consistency_proof_verifies(old: int, new: int) -> None:
    check_consistency(two(old, new), ORIGIN, PUBLIC)
    check_consistency(two(old, new), ORIGIN, PUBLIC, LEDGER.checkpoints[old])


@pytest.mark.parametrize(
    "change",
    [
        {"index": 124},
        {"event": LEDGER.events[124].decode()},
        {"hashes": ()},
        {"hashes": ("AAAA",)},
        {"hashes": ("?",)},
        {"checkpoint": LEDGER.checkpoints[700]},
        {"checkpoint": LEDGER.checkpoints[600].replace("600", "601", 1)},
        {"checkpoint": ""},
    ],
)
def test_a_changed_inclusion_proof(change: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        check_inclusion(msgspec.structs.replace(one(), **change), ORIGIN, PUBLIC)


@pytest.mark.parametrize(
    "change",
    [
        {"old_size": 200},
        {"hashes": ()},
        {"checkpoint": LEDGER.checkpoints[600]},
        {"old_checkpoint": LEDGER.checkpoints[200]},
        {"old_checkpoint": note(300, bytes(32))},
        {"old_checkpoint": ""},
    ],
)
def test_a_changed_consistency_proof(change: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        check_consistency(msgspec.structs.replace(two(), **change), ORIGIN, PUBLIC)


def test_the_kept_checkpoint_counts_not_the_one_that_came_along() -> None:
    with pytest.raises(IntegrityError):
        check_consistency(two(), ORIGIN, PUBLIC, note(300, bytes(32)))


def test_nothing_is_proven_of_an_empty_log() -> None:
    with pytest.raises(IntegrityError):
        prove_consistency(note(0, bytes(32)), LEDGER.checkpoints[100], READ)


def test_json_comes_back() -> None:
    for proof in (one(), two()):
        assert parse_proof(proof_json(proof)) == proof
    for data in (b"", b"{}", b'{"kind":"other"}', b"\xff", b'{"x":' + b"[" * 100_000):
        with pytest.raises(IntegrityError):
            parse_proof(data)


def test_text_is_that_of_the_specifications() -> None:
    lines = proof_text(one(0, 100)).split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ")
    assert lines[2] == "index 0"
    assert "\n".join(lines[3:]).split("\n\n", 1) == ["\n".join(one(0, 100).hashes), LEDGER.checkpoints[100]]
    assert proof_text(two()).startswith("old 300\n")
    assert proof_text(two()).endswith("\n\n" + LEDGER.checkpoints[700])
