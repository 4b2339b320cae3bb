"""Lines and names of an export folder (docs/reference/ledger-format.md), read by ``offline/verify_ledger.py``."""

from collections.abc import Sequence

from callgate.core.ledger.canonical import canonical
from callgate.core.ledger.note import encode64
from callgate.model.store import CheckpointRow

FORMAT = "callgate-ledger-export/1"
HEAD = "export.json"
EVENTS = "events.jsonl"
"""Each event's canonical bytes and a newline, in leaf order."""
CHECKPOINTS = "checkpoints.jsonl"
TILES = "tiles.jsonl"
KEY = "verifier.key"
"""One line: the verifier key."""


def export_head(tenant: str, origin: str, size: int, start: int = 0, peaks: Sequence[bytes] = ()) -> bytes:
    """What the folder holds. With a ``start``, ``peaks`` are the frontier's peaks at that size."""
    head = {
        "format": FORMAT,
        "tenant": tenant,
        "origin": origin,
        "start": start,
        "size": size,
        "peaks": [item.hex() for item in peaks],
    }
    return canonical(head) + b"\n"


def checkpoint_line(row: CheckpointRow) -> bytes:
    return canonical({"size": row.size, "at_ms": row.at_ms, "note": row.note}) + b"\n"


def tile_line(level: int, index: int, hashes: bytes) -> bytes:
    """A full tile, or the partial one at the end of level 0."""
    return canonical({"level": level, "index": index, "hashes": encode64(hashes)}) + b"\n"
