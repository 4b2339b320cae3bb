"""Turns the bytes of one input into choices, the same way every time."""

from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")


class Taking:
    """Takes from the front. What is not there is zero or empty, so every input means something."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, most: int) -> int:
        """0 to ``most``, of one byte or two."""
        size = 1 if most < 256 else 2
        return int.from_bytes(self.take(size), "big") % (most + 1)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        return choices[self.number(len(choices) - 1)]

    def yes(self) -> bool:
        return bool(self.number(255) & 1)

    def take(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def until(self, end: bytes) -> bytes:
        """Up to ``end``, which is dropped; everything that is left where it does not come."""
        found, _, _ = self._data[self._at :].partition(end)
        self._at += len(found) + len(end)
        return found

    def rest(self) -> bytes:
        return self.take(len(self._data))


def pieces(data: bytes, cuts: bytes) -> list[bytes]:
    """``data`` in as many parts as there are cuts, in any places."""
    places = sorted({0, len(data), *(cut * (len(data) + 1) // 256 for cut in cuts)})
    return [data[a:b] for a, b in zip(places, places[1:], strict=False)] or [b""]
