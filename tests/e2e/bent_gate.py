"""``callgate serve`` whose clock, disk and limits a test bends from outside while it runs (see bending.py).

Run: ``python -m tests.e2e.bent_gate FOLDER serve``. FOLDER holds ``clock``: eight bytes, milliseconds that are added to
the wall clock; ``disk``: ``HOW VERB FILE`` for the writer's next statements, or nothing; ``limits``: module, name and
value per line.
"""

import importlib
import json
import mmap
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from callgate.adapters.store.sqlite import open_sqlite
from callgate.app import system
from callgate.cli.main import main
from tests.fakes.faulty import Faults

LONGEST_S = 20.0


class Bent(Faults):
    """``fail``: instead of the statement; ``lose``: after it; ``wait``: before it, for as long as the file says so."""

    def __init__(self, told: Path) -> None:
        super().__init__()
        self._told = told

    def run(self, file: str, sql: str, really: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        if threading.current_thread().name != "callgate-writer":
            return really()
        how, verb, name = self._order()
        if not how or name != file or not sql.startswith(verb):
            return really()
        if how == "wait":
            ends = time.monotonic() + LONGEST_S
            self._told.with_name("waits").touch()
            while self._order()[0] == "wait" and time.monotonic() < ends:
                time.sleep(0.005)
            return really()
        if how == "lose":
            really()
        raise sqlite3.OperationalError("disk I/O error")

    def _order(self) -> tuple[str, str, str]:
        how, _, rest = self._told.read_text().partition(" ")
        verb, _, name = rest.rpartition(" ")
        return how, verb, name


def bend(folder: Path) -> None:
    for line in (folder / "limits").read_text().splitlines():
        module, name, value = line.split(" ", 2)
        setattr(importlib.import_module(module), name, json.loads(value))
    with (folder / "clock").open("r+b") as file:
        added = mmap.mmap(file.fileno(), 8)

    def now_ms(_: system.SystemClock) -> int:
        return time.time_ns() // 1_000_000 + int.from_bytes(added[:8], "little", signed=True)

    system.SystemClock.now_ms = now_ms  # type: ignore[method-assign]
    assert open_sqlite.__kwdefaults__ is not None
    open_sqlite.__kwdefaults__["connect"] = Bent(folder / "disk").connect


if __name__ == "__main__":
    bend(Path(sys.argv.pop(1)))
    main()
