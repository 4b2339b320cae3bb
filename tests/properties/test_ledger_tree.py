"""The tree against a naive recursive one, at every size to 300 and around the edges of tiles."""

import functools
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.ledger.tree import (
    Frontier,
    Tile,
    Tiles,
    consistency,
    inclusion,
    tiles_of,
    verify_consistency,
    verify_inclusion,
)
from callgate.model.errors import IntegrityError
from callgate.offline import verify_ledger as offline

LARGEST = 65_536 + 300


def leaf(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


@functools.cache
def mth(low: int, high: int) -> bytes:
    """RFC 6962 section 2.1, word for word, over the leaf hashes low to high - 1."""
    if low == high:
        return hashlib.sha256(b"").digest()
    if high - low == 1:
        return leaf(low)
    half = 1
    while half * 2 < high - low:
        half *= 2
    return hashlib.sha256(b"\x01" + mth(low, low + half) + mth(low + half, high)).digest()


def path(index: int, low: int, high: int) -> list[bytes]:
    """RFC 6962 section 2.1.1."""
    if high - low == 1:
        return []
    half = 1
    while half * 2 < high - low:
        half *= 2
    if index < low + half:
        return [*path(index, low, low + half), mth(low + half, high)]
    return [*path(index, low + half, high), mth(low, low + half)]


def subproof(old: int, low: int, high: int, whole: bool) -> list[bytes]:
    """RFC 6962 section 2.1.2."""
    if old == high:
        return [] if whole else [mth(low, high)]
    half = 1
    while half * 2 < high - low:
        half *= 2
    if old <= low + half:
        return [*subproof(old, low, low + half, whole), mth(low + half, high)]
    return [*subproof(old, low + half, high, False), mth(low, low + half)]


@functools.cache
def grown() -> tuple[dict[int, Frontier], dict[tuple[int, int], bytes]]:
    """Frontiers at chosen sizes and all tiles, full and partial, of the largest tree; batches of odd lengths."""
    stops = sorted({*range(301), *range(511, 515), *range(65_530, 65_543), 65_536 + 255, 65_536 + 256, LARGEST})
    frontier, frontiers, tiles = Frontier(), {}, {}
    for stop in stops:
        frontier, full = frontier.append([leaf(number) for number in range(frontier.size, stop)])
        tiles |= {(tile.level, tile.index): tile.hashes for tile in full}
        frontiers[stop] = frontier
    tiles |= {(level, LARGEST >> 8 * (level + 1)): part for level, part in enumerate(frontier.levels) if part}
    return frontiers, tiles


def read(level: int, index: int) -> bytes:
    return Tiles(grown()[1]).read(level, index)


def test_roots_and_frontiers_at_every_chosen_size() -> None:
    for size, frontier in grown()[0].items():
        assert frontier.size == size
        assert frontier.root() == mth(0, size)
        assert Frontier.load(frontier.dump()) == frontier
        assert [len(level) // 32 for level in frontier.levels] == [
            size >> 8 * at & 255 for at in range(len(frontier.levels))
        ]


def test_tiles_are_those_of_the_specification() -> None:
    tiles = grown()[1]
    assert tiles[0, 255] == b"".join(leaf(number) for number in range(65_280, 65_536))
    assert tiles[1, 0] == b"".join(mth(at * 256, at * 256 + 256) for at in range(256))
    assert tiles[2, 0] == mth(0, 65_536)
    assert {key: len(value) for key, value in tiles.items() if len(value) < 8192} == {
        (0, 257): 44 * 32,
        (1, 1): 32,
        (2, 0): 32,
    }


def test_every_proof_of_small_trees() -> None:
    for size in range(1, 41):
        for at in range(size):
            assert list(inclusion(at, size, read)) == path(at, 0, size)
            assert list(consistency(at + 1, size, read)) == subproof(at + 1, 0, size, True)


sizes = st.one_of(st.integers(1, 600), st.integers(65_280, LARGEST), st.integers(1, LARGEST))


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_inclusion(data: st.DataObject) -> None:
    size = data.draw(sizes)
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion(index, size, read), mth(0, size)
    assert list(proof) == path(index, 0, size)
    verify_inclusion(index, size, leaf(index), proof, root)
    offline.verify_inclusion(index, size, leaf(index), list(proof), root)
    few = Tiles({key: grown()[1][key] for key in tiles_of(lambda read: inclusion(index, size, read))})
    assert inclusion(index, size, few.read) == proof


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_consistency(data: st.DataObject) -> None:
    new = data.draw(sizes)
    old = data.draw(st.integers(1, new))
    proof = consistency(old, new, read)
    assert list(proof) == subproof(old, 0, new, True)
    verify_consistency(old, new, proof, mth(0, old), mth(0, new))
    offline.verify_consistency(old, new, list(proof), mth(0, old), mth(0, new))


def flipped(data: st.DataObject, values: list[bytes]) -> list[bytes]:
    at, bit = data.draw(st.integers(0, len(values) - 1)), data.draw(st.integers(0, 255))
    changed = bytearray(values[at])
    changed[bit // 8] ^= 1 << bit % 8
    return [*values[:at], bytes(changed), *values[at + 1 :]]


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_spoilt_proof_verifies(data: st.DataObject) -> None:
    """One bit of leaf, root or proof, one hash more or less, another index or size: core and offline both refuse."""
    size = data.draw(st.one_of(st.integers(2, 40), sizes.filter(lambda size: size > 1)))
    index = data.draw(st.integers(0, size - 1))
    proof, root = path(index, 0, size), mth(0, size)
    kind = data.draw(st.sampled_from(["bit", "more", "less", "index"]))
    first = leaf(index)
    if kind == "bit":
        first, root, *proof = flipped(data, [first, root, *proof])
    elif kind == "more":
        at = data.draw(st.integers(0, len(proof)))
        proof.insert(at, data.draw(st.binary(min_size=32, max_size=32)))
    elif kind == "less":
        del proof[data.draw(st.integers(0, len(proof) - 1))]
    else:
        index = data.draw(st.integers(0, size).filter(lambda other: other != index))
    with pytest.raises(IntegrityError):
        verify_inclusion(index, size, first, proof, root)
    with pytest.raises(offline.Mismatch):
        offline.verify_inclusion(index, size, first, proof, root)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_no_spoilt_consistency_verifies(data: st.DataObject) -> None:
    new = data.draw(st.one_of(st.integers(2, 40), sizes.filter(lambda size: size > 1)))
    old = data.draw(st.integers(1, new - 1))
    proof, before, after = subproof(old, 0, new, True), mth(0, old), mth(0, new)
    kind = data.draw(st.sampled_from(["bit", "more", "less", "swapped"]))
    if kind == "bit":
        before, after, *proof = flipped(data, [before, after, *proof])
    elif kind == "more":
        proof.insert(data.draw(st.integers(0, len(proof))), data.draw(st.binary(min_size=32, max_size=32)))
    elif kind == "less":
        del proof[data.draw(st.integers(0, len(proof) - 1))]
    else:
        before, after = after, before
    with pytest.raises(IntegrityError):
        verify_consistency(old, new, proof, before, after)
    with pytest.raises(offline.Mismatch):
        offline.verify_consistency(old, new, proof, before, after)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 300), max_size=12))
def test_how_leaves_come_in_batches_changes_nothing(batches: list[int]) -> None:
    total, frontier, tiles = sum(batches), Frontier(), list[Tile]()
    for count in batches:
        frontier = Frontier.load(frontier.dump())
        frontier, full = frontier.append([leaf(frontier.size + at) for at in range(count)])
        tiles += full
    at_once, all_tiles = Frontier().append([leaf(at) for at in range(total)])
    assert frontier == at_once
    assert tuple(tiles) == all_tiles
    twin = offline.Tree()
    for at in range(total):
        twin.add(leaf(at))
    assert twin.root() == frontier.root() == mth(0, total)
