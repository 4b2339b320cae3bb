"""A log that stalls or goes keeps nobody waiting; what was lost is said."""

import logging
import os

from callgate.adapters.telemetry import outlet
from callgate.adapters.telemetry.outlet import Outlet


def record(text):
    return logging.LogRecord("callgate.test", logging.WARNING, __file__, 1, text, (), None)


def test_lines_come_out_whole_and_in_order():
    ours, theirs = os.pipe()
    handler = Outlet(theirs)
    for number in range(1000):
        handler.emit(record(f"line {number}"))
    handler.close()
    os.close(theirs)
    with os.fdopen(ours) as reader:
        assert reader.read().splitlines() == [f"line {number}" for number in range(1000)]


def test_a_stalled_reader_loses_lines_and_is_told_how_many(monkeypatch):
    monkeypatch.setattr(outlet, "MOST", 10)
    ours, theirs = os.pipe()
    handler = Outlet(theirs)
    handler.setFormatter(logging.Formatter("%(message)s %(lines)s", defaults={"lines": ""}))
    sent = 200
    for number in range(sent):
        handler.emit(record(f"{number} " + "x" * 4096))
    lost = handler._lost
    assert lost > 100
    with os.fdopen(ours) as reader:
        kept = [reader.readline() for _ in range(sent - lost + 1)]
        assert sum(line.startswith("lines_lost") for line in kept) == 1
        assert f"lines_lost {lost}\n" in kept
        handler.close()
        os.close(theirs)
        assert reader.read() == ""


def test_a_reader_that_is_gone_is_no_fault():
    ours, theirs = os.pipe()
    os.close(ours)
    handler = Outlet(theirs)
    for _ in range(5):
        handler.emit(record("nobody"))
    handler.close()
    assert handler._lost == 5
    os.close(theirs)


def test_a_descriptor_that_somebody_made_non_blocking_gets_every_line():
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    handler = Outlet(theirs)
    for number in range(100):
        handler.emit(record(f"{number} " + "x" * 4096))
    with os.fdopen(ours) as reader:
        assert [reader.readline().split()[0] for _ in range(100)] == [str(number) for number in range(100)]
        handler.close()
        os.close(theirs)
        assert reader.read() == ""
