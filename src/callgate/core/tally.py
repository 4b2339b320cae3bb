"""Counting that costs next to nothing: plain integers on the way, text only when somebody asks."""

from bisect import bisect_left

MOST_KEYS = 5_000
"""Label sets one family keeps. Labels come from closed or configured sets; this bounds what a mistake there costs."""
_LOW = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000)
LATENCY_US = (*_LOW, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000)
"""Upper bounds in microseconds, from 50 us to a minute."""
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Counts:
    """Events by label values, in the order of the family's label names."""

    __slots__ = ("by",)

    def __init__(self) -> None:
        self.by: dict[tuple[str, ...], int] = {}

    def add(self, *labels: str) -> None:
        by = self.by
        known = by.get(labels)
        if known is not None:
            by[labels] = known + 1
        else:
            self._first(labels)

    def _first(self, labels: tuple[str, ...]) -> None:
        if len(self.by) >= MOST_KEYS:
            labels = ("other",) * len(labels)
        self.by[labels] = self.by.get(labels, 0) + 1


class Spread:
    """A histogram of whole numbers: how many lay at or below each bound and above the one before. One writer."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...] = LATENCY_US) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """The last one is beyond every bound."""
        self.total = 0

    def add(self, value: int) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
