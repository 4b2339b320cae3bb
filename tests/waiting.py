"""Bounded waits of tests that watch another process."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
MOST_S = 20.0


def until(true: Callable[[], Found], most_s: float = MOST_S, every_s: float = 0.05) -> Found:
    """Ask again until the answer is truthy, and return it; AssertionError when that takes longer."""
    ends = time.monotonic() + most_s
    while not (found := true()):
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(every_s)
    return found
