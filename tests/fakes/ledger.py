"""A ledger in memory, its export, and ways to spoil it: the parts are lists and files that a test can change."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callgate.core.ledger.events import encode_event
from callgate.core.ledger.export import (
    CHECKPOINTS,
    EVENTS,
    HEAD,
    KEY,
    TILES,
    checkpoint_line,
    export_head,
    tile_line,
)
from callgate.core.ledger.note import checkpoint_text, sign_note, verifier_key
from callgate.core.ledger.tree import Frontier, Tiles, leaf_hash
from callgate.model.event import Attached, GateStarted, NewEvent
from callgate.model.store import CheckpointRow

TENANT = "local"
ORIGIN = "callgate.example/local"
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = SIGNER.public_key().public_bytes_raw()
VKEY = verifier_key(ORIGIN, PUBLIC)
LEDGER_SIZE = 700
"""Events of the ledger that most tests of the verifier look at."""
START_MS = 1_800_000_000_000


def event(number: int, seq: int, writer: str = "w1", *, text: str = "call-1") -> bytes:
    body = GateStarted("0.1", "solo", "b" * 64, same_host=True) if number == 0 else Attached(to_call=text)
    new = NewEvent(id=f"ev-{number:026d}", at_ms=START_MS + number, body=body, call=f"call-{number:026d}")
    return encode_event(new, TENANT, writer, seq)


def note(size: int, root: bytes, signer: Ed25519PrivateKey = SIGNER, origin: str = ORIGIN) -> str:
    public = signer.public_key().public_bytes_raw()
    return sign_note(checkpoint_text(origin, size, root), origin, signer.sign, public)


class LedgerInMemory:
    """``events`` as bytes, ``checkpoints`` as notes by size, ``tiles`` by (level, index), ``frontiers`` by size."""

    def __init__(self, size: int, every: int = 100, writers: int = 2) -> None:
        self.events = [event(number, number // writers + 1, f"w{number % writers}") for number in range(size)]
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.checkpoints: dict[int, str] = {}
        self.frontiers: dict[int, Frontier] = {}
        self.frontier = Frontier()
        sizes = sorted({*range(every, size + 1, every), size})
        for at in sizes:
            done = self.frontier.size
            self.frontier, tiles = self.frontier.append([leaf_hash(item) for item in self.events[done:at]])
            self.tiles |= {(tile.level, tile.index): tile.hashes for tile in tiles}
            self.checkpoints[at] = note(at, self.frontier.root())
            self.frontiers[at] = self.frontier

    def reader(self) -> Tiles:
        partial = {
            (level, self.frontier.size >> 8 * (level + 1)): part for level, part in enumerate(self.frontier.levels)
        }
        return Tiles(self.tiles | partial)

    def leaf_tiles(self) -> list[tuple[int, bytes]]:
        """Level 0 with the partial tile at its end."""
        found = [(index, hashes) for (level, index), hashes in sorted(self.tiles.items()) if level == 0]
        if self.frontier.levels and self.frontier.levels[0]:
            found.append((self.frontier.size >> 8, self.frontier.levels[0]))
        return found

    def export(self, folder: Path, *, start: int = 0, tiles: bool = True) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        peaks = self.frontiers[start].peaks if start else ()
        (folder / HEAD).write_bytes(export_head(TENANT, ORIGIN, self.frontier.size, start, peaks))
        (folder / EVENTS).write_bytes(b"".join(item + b"\n" for item in self.events[start:]))
        rows = [CheckpointRow(size, START_MS, text) for size, text in sorted(self.checkpoints.items()) if size >= start]
        (folder / CHECKPOINTS).write_bytes(b"".join(checkpoint_line(row) for row in rows))
        (folder / KEY).write_text(VKEY + "\n")
        if tiles:
            lines = [tile_line(0, index, hashes) for index, hashes in self.leaf_tiles()]
            (folder / TILES).write_bytes(b"".join(lines))
        return folder


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()


def write_lines(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def edited(line: bytes) -> bytes:
    """The event with another call in its body, still canonical."""
    found = json.loads(line)
    found["data"]["call"] = "call-99999999999999999999999999"
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
