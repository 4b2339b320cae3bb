"""RFC 6962 Merkle tree (section 2.1; RFC 9162 section 2.1) in the tiles of C2SP tlog-tiles.

A *node* is named by its binary level and index: (0, i) is leaf i, (n, i) covers leaves [i * 2**n, (i + 1) * 2**n).
A *tile* at level l holds 256 nodes of binary level 8 * l.
"""

import hashlib
from collections.abc import Callable, Sequence

from callgate.model.base import Fact
from callgate.model.errors import IntegrityError

HASH = 32
WIDTH = 256
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAX_SIZE = 2**63 - 1
_MAGIC = b"fr1\x00"

_sha256 = hashlib.sha256

Read = Callable[[int, int], bytes]
"""(binary level, index) -> hash of that complete node."""


def leaf_hash(data: bytes) -> bytes:
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


class Tile(Fact, frozen=True):
    """A full tile: 256 hashes of 32 bytes, never changed once written."""

    level: int
    index: int
    hashes: bytes


class Frontier(Fact, frozen=True):
    """Everything of a tree of ``size`` leaves that is needed to extend it; its root costs O(log size).

    ``levels[l]`` holds the hashes at tile level l that are not yet in a full tile, concatenated:
    ``size // 256**l % 256`` of them. A level that an append did not touch is the same object in the new frontier.
    ``peaks`` are the roots of the maximal complete subtrees from left to right, one per set bit of ``size``.
    """

    size: int = 0
    levels: tuple[bytes, ...] = ()
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf_hashes: Sequence[bytes]) -> tuple["Frontier", tuple[Tile, ...]]:
        """The frontier after these leaf hashes, and the tiles they completed, lower levels first.

        Raises IntegrityError when a hash is not 32 bytes long.
        """
        if any(len(item) != HASH for item in leaf_hashes):
            raise IntegrityError("A leaf hash is not 32 bytes long.", code="bad_hash")
        size, peaks, sha256 = self.size, list(self.peaks), _sha256
        levels, tiles = list(self.levels) or [b""], list[Tile]()
        fresh = list[bytes]()
        for leaf in leaf_hashes:
            fresh.append(leaf)
            node, bits, height = leaf, size, 0
            while bits & 1:
                node = sha256(b"\x01" + peaks.pop() + node).digest()
                bits >>= 1
                height += 1
                if not height & 7:
                    _carry(levels, tiles, height >> 3, size, node, fresh)
            peaks.append(node)
            size += 1
        if fresh:
            levels[0] += b"".join(fresh)
        return Frontier(size, tuple(levels) if size else (), tuple(peaks)), tuple(tiles)

    def root(self) -> bytes:
        """RFC 6962 root; of an empty tree the hash of nothing."""
        return fold(self.peaks)

    def dump(self) -> bytes:
        """Size and levels; ``load`` reads it. At most 8 KiB per tile level, about 4 KiB per level on average."""
        return _MAGIC + self.size.to_bytes(8, "big") + b"".join(self.levels)

    @staticmethod
    def load(data: bytes) -> "Frontier":
        """Raises IntegrityError when it is not what ``dump`` wrote."""
        if len(data) < 12 or data[:4] != _MAGIC:
            raise IntegrityError("A stored tree frontier cannot be read.", code="bad_frontier")
        size = int.from_bytes(data[4:12], "big")
        levels, at = list[bytes](), 12
        for count in _widths(size):
            levels.append(data[at : at + count * HASH])
            at += count * HASH
        if at != len(data):
            raise IntegrityError("A stored tree frontier has the wrong length.", code="bad_frontier")
        return Frontier.of(size, tuple(levels))

    @staticmethod
    def of(size: int, levels: tuple[bytes, ...]) -> "Frontier":
        """From the parts, for a store that keeps one row per level. Hashes at most 255 nodes per level."""
        if not 0 <= size <= MAX_SIZE or [len(level) for level in levels] != [n * HASH for n in _widths(size)]:
            raise IntegrityError("A stored tree frontier does not fit its size.", code="bad_frontier")
        peaks = list[bytes]()
        for level in reversed(levels):
            peaks += _peaks(level)
        return Frontier(size, levels, tuple(peaks))


def _carry(levels: list[bytes], tiles: list[Tile], level: int, size: int, node: bytes, fresh: list[bytes]) -> None:
    """Close the tile below ``level`` (leaf ``size`` was its last) and put its root, ``node``, on ``level``."""
    below = level - 1
    if below == 0:
        levels[0] += b"".join(fresh)
        fresh.clear()
    tiles.append(Tile(below, size >> (8 * level), levels[below]))
    levels[below] = b""
    if level == len(levels):
        levels.append(b"")
    levels[level] += node


def _widths(size: int) -> list[int]:
    """Hashes per level that are in no full tile."""
    found = list[int]()
    while size:
        found.append(size % WIDTH)
        size //= WIDTH
    return found


def _peaks(hashes: bytes) -> list[bytes]:
    """Roots of the maximal complete subtrees over up to 255 hashes."""
    row, peaks = [hashes[at : at + HASH] for at in range(0, len(hashes), HASH)], list[bytes]()
    while row:
        if len(row) & 1:
            peaks.append(row.pop())
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return peaks[::-1]


def fold(peaks: Sequence[bytes]) -> bytes:
    """Root over the roots of complete subtrees, largest first."""
    if not peaks:
        return EMPTY_ROOT
    node = peaks[-1]
    for peak in peaks[-2::-1]:
        node = node_hash(peak, node)
    return node


def _span(low: int, high: int, read: Read) -> bytes:
    """MTH(D[low:high]) where ``low`` is a multiple of the largest power of two that fits."""
    nodes = list[bytes]()
    while low < high:
        height = (high - low).bit_length() - 1
        nodes.append(read(height, low >> height))
        low += 1 << height
    return fold(nodes)


def inclusion(index: int, size: int, read: Read) -> tuple[bytes, ...]:
    """Audit path of leaf ``index`` in the tree of ``size`` leaves, from the leaf up (RFC 6962 section 2.1.1).

    Raises IntegrityError when there is no such leaf.
    """
    if not 0 <= index < size:
        raise IntegrityError("There is no such leaf in a tree of this size.", code="bad_index")
    path, low, high = list[bytes](), 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_span(middle, high, read))
            high = middle
        else:
            path.append(_span(low, middle, read))
            low = middle
    return tuple(path[::-1])


def consistency(old: int, new: int, read: Read) -> tuple[bytes, ...]:
    """Proof that the tree of ``new`` leaves begins with the one of ``old`` leaves (RFC 6962 section 2.1.2).

    Raises IntegrityError unless 0 < old <= new: nothing is proven of an empty tree.
    """
    if not 0 < old <= new:
        raise IntegrityError("Consistency needs sizes with 0 < old <= new.", code="bad_size")
    path, low, high, whole = list[bytes](), 0, new, True
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_span(middle, high, read))
            high = middle
        else:
            path.append(_span(low, middle, read))
            low, whole = middle, False
    if not whole:
        path.append(_span(low, high, read))
    return tuple(path[::-1])


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raises IntegrityError when ``proof`` does not show the leaf hash at ``index`` (RFC 9162 section 2.1.3.2)."""
    _check_hashes((leaf, root, *proof))
    if not 0 <= index < size:
        raise IntegrityError("There is no such leaf in a tree of this size.", code="bad_index")
    at, last, node = index, size - 1, leaf
    for item in proof:
        if last == 0:
            raise IntegrityError("The inclusion proof is too long.", code="bad_proof")
        if at & 1 or at == last:
            node = node_hash(item, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = node_hash(node, item)
        at, last = at >> 1, last >> 1
    if last != 0 or node != root:
        raise IntegrityError("The inclusion proof does not lead to the root.", code="bad_proof")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Raises IntegrityError when the new tree is not shown to begin with the old one (RFC 9162 section 2.1.4.2)."""
    _check_hashes((old_root, new_root, *proof))
    if not 0 < old <= new:
        raise IntegrityError("Consistency needs sizes with 0 < old <= new.", code="bad_size")
    if old == new:
        if proof or old_root != new_root:
            raise IntegrityError("Two trees of the same size differ.", code="bad_proof")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    before, after = _walk_both(old, new, path)
    if before != old_root or after != new_root:
        raise IntegrityError("The consistency proof does not lead to both roots.", code="bad_proof")


def _walk_both(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The two roots that a consistency path leads to."""
    if not path:
        raise IntegrityError("The consistency proof is too short.", code="bad_proof")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for item in path[1:]:
        if last == 0:
            raise IntegrityError("The consistency proof is too long.", code="bad_proof")
        if at & 1 or at == last:
            before, after = node_hash(item, before), node_hash(item, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, item)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise IntegrityError("The consistency proof is too short.", code="bad_proof")
    return before, after


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(item) != HASH for item in hashes):
        raise IntegrityError("A hash is not 32 bytes long.", code="bad_hash")


class Tiles:
    """Reads nodes out of tiles that were fetched before: full ones from the store, partial ones from a frontier."""

    def __init__(self, tiles: dict[tuple[int, int], bytes]) -> None:
        self._tiles = tiles

    def read(self, level: int, index: int) -> bytes:
        """Raises IntegrityError when the tile is not there or too short."""
        tile, inside = divmod(level, 8)
        first = index << inside
        data = self._tiles.get((tile, first // WIDTH), b"")
        start, count = first % WIDTH * HASH, HASH << inside
        part = data[start : start + count]
        if len(part) != count:
            raise IntegrityError("A tile of the ledger's tree is missing or too short.", code="missing_tile")
        return _peaks(part)[0] if inside else part


def tiles_of(make: Callable[[Read], object]) -> tuple[tuple[int, int], ...]:
    """The (tile level, tile index) pairs that a proof reads, e.g. ``tiles_of(lambda read: inclusion(3, 9, read))``."""
    seen = dict[tuple[int, int], None]()

    def note(level: int, index: int) -> bytes:
        seen[level // 8, (index << level % 8) // WIDTH] = None
        return EMPTY_ROOT

    make(note)
    return tuple(seen)
