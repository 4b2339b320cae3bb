"""Statements that take many rows in one step.

The driver gives up the interpreter's lock at every step and has to get it back from a busy loop, so a step for each row
costs more than the row.
"""

import itertools
import sqlite3
from collections.abc import Sequence

MOST = 128
"""Rows in one statement. Powers of two up to this keep the prepared statements few."""


class Bulk:
    """``before``, then ``row`` once for each row, then ``after``: an INSERT with its rows, a DELETE with its keys."""

    def __init__(self, before: str, row: str, after: str = "") -> None:
        self._statements: dict[int, str] = {}
        size = MOST
        while size:
            self._statements[size] = f"{before} {', '.join([row] * size)}{after}"
            size //= 2

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> None:
        """Raises what the driver raises; the rows before those of the failed statement are written."""
        start, left = 0, len(rows)
        for size, statement in self._statements.items():
            while left >= size:
                connection.execute(statement, [*itertools.chain.from_iterable(rows[start : start + size])])
                start, left = start + size, left - size
