"""The tree against the reference roots of Certificate Transparency and its own edges."""

import pytest

from callgate.core.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    Tiles,
    consistency,
    inclusion,
    leaf_hash,
    node_hash,
    tiles_of,
    verify_consistency,
    verify_inclusion,
)
from callgate.model.errors import IntegrityError
from tests.fakes.ledger import LedgerInMemory

# The eight leaves and roots that Certificate Transparency implementations share.
LEAVES = [
    bytes.fromhex(item)
    for item in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [leaf_hash(item) for item in LEAVES]
ZERO = bytes(32)


def tree(size: int) -> Frontier:
    return Frontier().append(HASHES[:size])[0]


def reader() -> Tiles:
    return Tiles({(0, 0): b"".join(HASHES)})


def test_reference_roots() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT
    assert [tree(size).root().hex() for size in range(1, 9)] == ROOTS


def test_reference_proofs() -> None:
    read = reader().read
    assert inclusion(0, 1, read) == ()
    assert [item.hex() for item in inclusion(0, 8, read)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [item.hex() for item in consistency(6, 8, read)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert consistency(5, 5, read) == ()


def test_every_small_proof_verifies_and_no_wrong_one() -> None:
    read = reader().read
    for size in range(1, 9):
        root = tree(size).root()
        for index in range(size):
            proof = inclusion(index, size, read)
            verify_inclusion(index, size, HASHES[index], proof, root)
            for wrong in ((index + 1) % size, size):
                if wrong != index:
                    with pytest.raises(IntegrityError):
                        verify_inclusion(wrong, size, HASHES[index], proof, root)
            for bad in ((*proof, ZERO), proof[:-1] if proof else (ZERO,), (ZERO, *proof)):
                with pytest.raises(IntegrityError):
                    verify_inclusion(index, size, HASHES[index], bad, root)
        for old in range(1, size + 1):
            proof = consistency(old, size, read)
            verify_consistency(old, size, proof, tree(old).root(), root)
            for bad in ((*proof, ZERO), proof[:-1] if proof else (ZERO,), (ZERO, *proof)):
                with pytest.raises(IntegrityError):
                    verify_consistency(old, size, bad, tree(old).root(), root)
            with pytest.raises(IntegrityError):
                verify_consistency(old, size, proof, ZERO, root)
            with pytest.raises(IntegrityError):
                verify_consistency(old, size, proof, tree(old).root(), ZERO)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 5), (5, 4), (-1, 3)])
def test_consistency_of_an_empty_or_larger_tree_is_an_error(old: int, new: int) -> None:
    with pytest.raises(IntegrityError):
        consistency(old, new, reader().read)
    with pytest.raises(IntegrityError):
        verify_consistency(old, new, (), EMPTY_ROOT, EMPTY_ROOT)


def test_a_proof_for_a_smaller_tree_is_too_short() -> None:
    """The hashes do lead to the root given, but not from a tree of the size claimed."""
    with pytest.raises(IntegrityError):
        verify_inclusion(0, 8, HASHES[0], (HASHES[1],), tree(2).root())
    with pytest.raises(IntegrityError):
        verify_consistency(1, 8, (HASHES[1],), HASHES[0], tree(2).root())


@pytest.mark.parametrize("index", [-1, 8, 9])
def test_there_is_no_such_leaf(index: int) -> None:
    with pytest.raises(IntegrityError):
        inclusion(index, 8, reader().read)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_hash_lengths_are_checked(size: int) -> None:
    odd, root = bytes(size), tree(2).root()
    for call in (
        lambda: Frontier().append([odd]),
        lambda: verify_inclusion(0, 2, odd, (HASHES[1],), root),
        lambda: verify_inclusion(0, 2, HASHES[0], (odd,), root),
        lambda: verify_inclusion(0, 2, HASHES[0], (HASHES[1],), odd),
        lambda: verify_consistency(1, 2, (odd,), HASHES[0], root),
        lambda: verify_consistency(1, 1, (), odd, odd),
    ):
        with pytest.raises(IntegrityError):
            call()


def test_a_leaf_is_never_taken_for_a_node() -> None:
    assert leaf_hash(HASHES[0] + HASHES[1]) != node_hash(HASHES[0], HASHES[1])


def test_a_tile_is_written_once_full_and_its_root_goes_up() -> None:
    hashes = [leaf_hash(b"%d" % number) for number in range(600)]
    frontier, tiles = Frontier().append(hashes)
    assert [(tile.level, tile.index) for tile in tiles] == [(0, 0), (0, 1)]
    assert tiles[1].hashes == b"".join(hashes[256:512])
    assert frontier.levels == (
        b"".join(hashes[512:]),
        b"".join(Frontier().append(hashes[a : a + 256])[0].root() for a in (0, 256)),
    )


def test_a_level_that_did_not_change_is_the_same_object() -> None:
    frontier, _ = Frontier().append([ZERO] * 300)
    after, _ = frontier.append([ZERO])
    assert after.levels[1] is frontier.levels[1]
    assert frontier.append([])[0] == frontier


def test_a_frontier_comes_back_from_its_bytes() -> None:
    for size in (0, 1, 255, 256, 257, 65_535, 65_536):
        frontier, _ = Frontier().append([ZERO] * size)
        again = Frontier.load(frontier.dump())
        assert again == frontier
        assert Frontier.of(frontier.size, frontier.levels) == frontier


@pytest.mark.parametrize(
    "change",
    [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"", lambda d: b"xx" + d[2:], lambda d: d[:11] + b"\x07" + d[12:]],
)
def test_a_spoiled_frontier_is_refused(change) -> None:
    with pytest.raises(IntegrityError):
        Frontier.load(change(tree(8).dump()))


def test_a_missing_tile_is_an_error() -> None:
    with pytest.raises(IntegrityError):
        inclusion(0, 600, Tiles({(0, 0): ZERO * 256}).read)
    with pytest.raises(IntegrityError):
        inclusion(0, 8, Tiles({(0, 0): ZERO * 7}).read)


def test_a_proof_in_a_large_tree_reads_few_tiles() -> None:
    needed = tiles_of(lambda read: inclusion(123_456, 1_000_003, read))
    assert len(needed) <= 8
    assert (0, 123_456 // 256) in needed
    assert len(tiles_of(lambda read: consistency(999_000, 1_000_003, read))) <= 10


def test_tiles_asked_for_suffice() -> None:
    ledger = LedgerInMemory(700)
    whole = ledger.reader()
    for index in (0, 255, 256, 511, 512, 699):
        keys = tiles_of(lambda read, index=index: inclusion(index, 700, read))
        partial = {(level, 700 >> 8 * (level + 1)): part for level, part in enumerate(ledger.frontier.levels)}
        few = Tiles({key: (ledger.tiles | partial)[key] for key in keys})
        assert inclusion(index, 700, few.read) == inclusion(index, 700, whole.read)
