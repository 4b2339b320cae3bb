"""What a server sent at once, taken a portion at a time: each line costs something, however short it is."""

from collections.abc import Iterator

FEW_LINES = 256
PIECE = 2048
"""Bytes of a dense chunk that are taken at a time."""


def pieces(chunk: bytes) -> Iterator[bytes]:
    """The chunk, cut when it has many lines."""
    if lines_in(chunk) <= FEW_LINES:
        yield chunk
        return
    for start in range(0, len(chunk), PIECE):
        yield chunk[start : start + PIECE]


def lines_in(chunk: bytes) -> int:
    return chunk.count(b"\n") + chunk.count(b"\r")
