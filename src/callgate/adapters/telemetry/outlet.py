"""Log lines on their way to a descriptor that may stall or go: a thread writes them, so that no call waits for a log."""

import contextlib
import logging
import os
import queue
import select
import threading

MOST = 2_000
"""Lines that wait; more are lost, and the next line that gets through is followed by how many."""
END_S = 1.0
"""How long the end waits for what is left."""


class Outlet(logging.Handler):
    """Close it to write what waits. A line that the descriptor does not take is lost and counted."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lost = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="callgate-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() >= MOST:
            self._lost += 1
        else:
            self._lines.put(self.format(record).encode("utf-8", "replace") + b"\n")

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._lines.put(None)
            self._thread.join(END_S)
        super().close()

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            if not self._written(line):
                self._lost += 1
            elif self._lost:
                lost, self._lost = self._lost, 0
                if not self._written(self.format(_lost(lost)).encode() + b"\n"):
                    self._lost += lost

    def _written(self, line: bytes) -> bool:
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # Somebody who shares the descriptor made it so.
                if self._closing:
                    return False
                with contextlib.suppress(OSError, ValueError):
                    select.select((), (self._descriptor,), (), END_S)
            except OSError:
                return False
        return True


def _lost(lines: int) -> logging.LogRecord:
    record = logging.LogRecord("callgate.log", logging.WARNING, __file__, 0, "lines_lost", (), None)
    record.lines = lines
    return record
