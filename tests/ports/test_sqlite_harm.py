"""Disks that are full, locks of others, and files changed under a store that runs."""

import os
import resource
import shutil
import sqlite3

import pytest

from callgate.adapters.store import wal
from callgate.adapters.store.outbox import MOVE_MS
from callgate.model.errors import IntegrityError, StoreError
from callgate.model.store import Committed
from tests.fakes.faulty import Faults
from tests.fakes.stores import decided_unit, finished_unit
from tests.ports.test_sqlite_faults import all_of, check_whole, counted, run, store_clock


def test_a_full_disk_refuses_and_recovers(tmp_path):
    faults = Faults()

    async def test(store):
        await all_of(store, ["a"])
        faults.pages = 40
        faults.fail("BEGIN")
        await all_of(store, ["reopens"])
        refused, kept = 0, ["a"]
        for i in range(100):
            (answer,) = await all_of(store, [f"{i}"])
            refused += isinstance(answer, StoreError)
            kept += [f"{i}"] * isinstance(answer, Committed)
        assert refused > 20
        assert "FULL" in answer.message
        faults.pages = 0
        faults.fail("BEGIN")
        await all_of(store, ["reopens"])
        assert all(isinstance(answer, Committed) for answer in await all_of(store, ["space"]))
        await check_whole(store, [*kept, "space"])

    run(tmp_path, test, faults)


def test_a_full_disk_keeps_nobody_from_reading_for_the_first_time(tmp_path):
    """Nobody has read yet when the writer lets go of its files, and no file may grow."""

    async def test(store):
        await store.commit(decided_unit("a"))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        # Smaller than the index of a log, which would have to be made anew.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            refused = [await all_of(store, [f"b{number}"]) for number in range(8)]
            assert isinstance(refused[-1][0], StoreError)
            assert [leaf.call for leaf in await store.leaves(0, 1)] == ["call-a"]
            assert await store.counter("calls:task-1") >= 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    run(tmp_path, test)


def test_a_full_key_database_refuses_and_recovers(tmp_path):
    """SQLite itself has no page left, in that file alone."""
    faults = Faults()
    faults.limited = ("keys.db",)

    async def test(store):
        await all_of(store, ["a"])
        faults.pages = 1
        faults.fail("BEGIN")
        await all_of(store, ["reopens"])
        refused, kept = [], ["a"]
        for i in range(150):
            store_clock(store).forward(MOVE_MS)
            (answer,) = await all_of(store, [f"{i}"])
            if isinstance(answer, StoreError):
                refused.append(answer)
            else:
                kept.append(f"{i}")
        assert len(refused) > 20
        assert "FULL" in refused[-1].message
        faults.pages = 0
        # The writer may have opened its files anew before the limit went away, or open them for this call.
        (answer,) = await all_of(store, ["reopens"])
        kept += ["reopens"] * isinstance(answer, Committed)
        assert all(isinstance(answer, Committed) for answer in await all_of(store, ["space"]))
        await check_whole(store, [*kept, "space"])

    run(tmp_path, test, faults)
    assert counted(tmp_path, "ledger.db", "SELECT count(*) FROM outbox") == 0


def test_a_log_that_cannot_be_moved_refuses_nothing_and_is_moved_later(tmp_path, monkeypatch):
    """A checkpoint of SQLite's fails: the log grows for as long."""
    monkeypatch.setattr(wal, "SWEEP_PAGES", 20)
    faults = Faults()
    faults.no_sweep = True

    async def swept(store):
        (answer,) = await all_of(store, [os.urandom(8).hex()])
        assert isinstance(answer, Committed)
        database = (tmp_path / "store" / "ledger.db").stat().st_size
        return database > before

    async def test(store):
        nonlocal before
        before = (tmp_path / "store" / "ledger.db").stat().st_size
        for i in range(200):
            (answer,) = await all_of(store, [f"{i}"])
            assert isinstance(answer, Committed)
        assert faults.hit > 0
        assert (tmp_path / "store" / "ledger.db").stat().st_size == before
        faults.no_sweep = False
        for _ in range(1_000):
            if await swept(store):
                break
        else:
            raise AssertionError("the log was never moved")

    before = 0
    run(tmp_path, test, faults)


@pytest.mark.parametrize("jump_ms", [86_400_000, -86_400_000])
def test_keys_move_whatever_the_clock_does(tmp_path, jump_ms):
    async def test(store):
        assert isinstance(await store.commit(decided_unit("a")), Committed)
        store_clock(store).forward(MOVE_MS)
        await store.commit(finished_unit("a"))
        store_clock(store).ms += jump_ms
        await all_of(store, ["b"])
        store_clock(store).ms += 1
        await store.commit(finished_unit("b"))
        assert counted(tmp_path, "keys.db", "SELECT count(*) FROM keys") >= 1
        store_clock(store).ms += MOVE_MS
        await store.commit(finished_unit("c"))
        assert counted(tmp_path, "ledger.db", "SELECT count(*) FROM outbox") == 0
        assert counted(tmp_path, "keys.db", "SELECT count(*) FROM keys") == 2

    run(tmp_path, test)


def test_a_lock_of_somebody_else_refuses_for_its_time(tmp_path):
    faults = Faults()

    async def test(store):
        await all_of(store, ["a"])
        other = sqlite3.connect(tmp_path / "store" / "ledger.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        (answer,) = await all_of(store, ["b"])
        assert isinstance(answer, StoreError)
        assert "BUSY" in answer.message
        other.execute("ROLLBACK")
        other.close()
        assert all(isinstance(answer, Committed) for answer in await all_of(store, ["c"]))
        await check_whole(store, ["a", "c"])

    run(tmp_path, test, faults)


def replaced_by_a_copy(folder):
    shutil.copy(folder / "ledger.db", folder / "copy")
    os.replace(folder / "copy", folder / "ledger.db")


def removed(folder):
    os.remove(folder / "ledger.db")


def keys_removed(folder):
    os.remove(folder / "keys.db")


def head_moved(folder):
    other = sqlite3.connect(folder / "ledger.db")
    other.execute("UPDATE head SET batch = batch + 1")
    other.commit()
    other.close()


def event_appended(folder):
    other = sqlite3.connect(folder / "ledger.db")
    other.execute(
        "INSERT INTO events SELECT leaf + 1, 'ev-x', call, kind, at_ms, data, hash FROM events WHERE leaf = 0"
    )
    other.commit()
    other.close()


@pytest.mark.parametrize("harm", [replaced_by_a_copy, removed, keys_removed, head_moved, event_appended])
def test_files_changed_under_it_stop_all_writing(tmp_path, harm):
    async def test(store):
        await all_of(store, ["a"])
        harm(tmp_path / "store")
        for name in ("b", "c"):
            (answer,) = await all_of(store, [name])
            assert isinstance(answer, IntegrityError)
        assert store.fault

    run(tmp_path, test)


def test_a_head_set_back_behind_a_fault_stops_all_writing(tmp_path):
    faults = Faults()

    async def test(store):
        await all_of(store, ["a"])
        faults.fail("COMMIT")
        faults.before_commit = lambda: None
        other = sqlite3.connect(tmp_path / "store" / "ledger.db", isolation_level=None)
        other.execute("UPDATE head SET seq = seq + 1")
        other.close()
        (answer,) = await all_of(store, ["b"])
        assert isinstance(answer, IntegrityError)

    run(tmp_path, test, faults)
