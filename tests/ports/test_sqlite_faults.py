"""What SQLite alone can do wrong: fail, fill up, be locked, be replaced. Nothing is lost, nothing is told wrong."""

import asyncio
import os
import resource
import shutil
import sqlite3
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgate.adapters.store import wal
from callgate.adapters.store import writer as writer_module
from callgate.adapters.store.outbox import MOVE_MS
from callgate.core.ledger.events import decode_event
from callgate.core.ledger.tree import Frontier, leaf_hash
from callgate.model.errors import IntegrityError, StoreError
from callgate.model.store import Committed, Kind, NameRow, Put, Reserve, Unit
from tests.fakes.faulty import Faults
from tests.fakes.stores import StillClock, decided_unit, event, finished_unit, sqlite_store


def run(tmp_path, test, faults=None):
    async def main():
        how = {} if faults is None else {"connect": faults.connect}
        store = sqlite_store(tmp_path / "store", StillClock(), **how)
        try:
            return await test(store)
        finally:
            await store.close()

    return asyncio.run(main())


def store_clock(store):
    return store._clock


async def all_of(store, names):
    return await asyncio.gather(*(store.commit(decided_unit(name)) for name in names), return_exceptions=True)


async def check_whole(store, names):
    """Exactly these calls are in the ledger, each whole, with contiguous numbers and a true head."""
    leaves = await store.leaves(0, 10_000)
    assert sorted(leaf.call for leaf in leaves) == sorted(f"call-{name}" for name in names)
    assert [leaf.index for leaf in leaves] == list(range(len(names)))
    assert [decode_event(leaf.data).data.writer_seq for leaf in leaves] == list(range(1, len(names) + 1))
    frontier, _ = Frontier().append([leaf_hash(leaf.data) for leaf in leaves])
    head = await store.head()
    assert (head.size, head.root) == (len(names), frontier.root())
    assert await store.counter("calls:task-1") == len(names)
    assert sorted(call.call_id for call in await store.open_calls()) == sorted(f"call-{name}" for name in names)
    for name in names:
        assert await store.key(f"call-{name}") == b"k" * 60
        assert len(await store.sealed(f"call-{name}")) == 1


STATEMENTS = ["BEGIN", "INSERT INTO events", "INSERT INTO sealed", ("UPDATE counters", "INSERT INTO counters"), "INSERT OR REPLACE INTO open", "UPDATE head", "COMMIT"]  # fmt: skip


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("verb", STATEMENTS)
def test_a_failing_statement_fails_its_batch_and_no_other(tmp_path, verb, times):
    faults = Faults()

    async def test(store):
        assert all(isinstance(answer, Committed) for answer in await all_of(store, ["a", "b"]))
        faults.fail(verb, times)
        for attempt in range(times):
            (answer,) = await all_of(store, [f"lost{attempt}"])
            assert (type(answer), answer.code) == (StoreError, "store_failed")
        assert faults.hit == times
        assert all(isinstance(answer, Committed) for answer in await all_of(store, ["c", "d"]))
        await check_whole(store, ["a", "b", "c", "d"])

    run(tmp_path, test, faults)


def counted(tmp_path, file, query):
    connection = sqlite3.connect(tmp_path / "store" / file)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


@pytest.mark.parametrize("verb", ["BEGIN", "INSERT OR REPLACE INTO keys", "COMMIT"])
def test_keys_that_cannot_move_fail_their_batch_and_wait(tmp_path, verb):
    faults = Faults()

    async def test(store):
        assert isinstance(await store.commit(decided_unit("a")), Committed)
        store_clock(store).forward(MOVE_MS)
        faults.fail(verb, file="keys.db")
        (answer,) = await all_of(store, ["b"])
        assert isinstance(answer, StoreError)
        assert (await store.head()).size == 1
        assert await store.key("call-a") == b"k" * 60
        assert isinstance(await store.commit(decided_unit("b")), Committed)
        await check_whole(store, ["a", "b"])

    run(tmp_path, test, faults)


def test_a_key_is_durable_with_its_event_and_moves_soon(tmp_path):
    faults = Faults()

    async def test(store):
        unit = decided_unit("a")
        await store.commit(Unit(events=unit.events, keys=unit.keys, names=(NameRow("p-1", "person", b"n"),)))
        assert counted(tmp_path, "ledger.db", "SELECT count(*) FROM outbox") == 2
        assert counted(tmp_path, "keys.db", "SELECT count(*) FROM keys") == 0
        assert await store.key("call-a") == b"k" * 60
        assert await store.name("p-1") == b"n"
        store_clock(store).forward(MOVE_MS)
        await store.commit(finished_unit("a"))
        assert counted(tmp_path, "ledger.db", "SELECT count(*) FROM outbox") == 0
        assert counted(tmp_path, "keys.db", "SELECT count(*) FROM keys") == 1
        assert counted(tmp_path, "keys.db", "SELECT count(*) FROM names") == 1
        assert await store.key("call-a") == b"k" * 60
        assert await store.name("p-1") == b"n"

    run(tmp_path, test, faults)


def test_nothing_waits_in_the_ledger_after_a_close(tmp_path):
    async def test(store):
        assert isinstance(await store.commit(decided_unit("a")), Committed)

    run(tmp_path, test)
    assert counted(tmp_path, "ledger.db", "SELECT count(*) FROM outbox") == 0
    assert counted(tmp_path, "keys.db", "SELECT count(*) FROM keys") == 1


def test_a_moved_key_leaves_no_bytes_in_the_ledger(tmp_path):
    async def test(store):
        assert isinstance(await store.commit(decided_unit("a")), Committed)

    run(tmp_path, test)
    for path in (tmp_path / "store").glob("ledger.db*"):
        assert b"k" * 60 not in path.read_bytes()


def test_units_without_keys_do_not_touch_the_key_database(tmp_path):
    faults = Faults()

    async def test(store):
        faults.fail("", 100, file="keys.db")
        assert isinstance(await store.commit(finished_unit("a")), Committed)
        assert faults.hit == 0

    run(tmp_path, test, faults)


def test_a_row_written_by_a_commit_that_failed_afterwards_keeps_its_version(tmp_path):
    faults = Faults()

    async def test(store):
        for version in range(4):
            if version % 2:
                faults.fail("COMMIT", after=True)
            put = Put(Kind.TASK, "t", b"%d" % version, expect=version)
            assert isinstance(await store.commit(Unit(changes=(put,))), Committed)
        assert (await store.get(Kind.TASK, "t")).version == 4

    run(tmp_path, test, faults)


def test_a_commit_that_failed_after_it_was_durable_is_told_as_committed(tmp_path):
    faults = Faults()

    async def test(store):
        await all_of(store, ["a"])
        faults.fail("COMMIT", after=True)
        answers = await all_of(store, ["b", "c", "d"])
        assert faults.hit == 1
        assert all(isinstance(answer, Committed) for answer in answers)
        assert all(isinstance(answer, Committed) for answer in await all_of(store, ["e"]))
        await check_whole(store, ["a", "b", "c", "d", "e"])

    run(tmp_path, test, faults)


@pytest.mark.parametrize("after", [False, True])
def test_while_the_disk_cannot_be_asked_nothing_is_promised(tmp_path, after):
    faults = Faults()

    async def test(store):
        await all_of(store, ["a"])

        def break_down():
            faults.refuse_to_open = True

        faults.before_commit = break_down
        faults.fail("COMMIT", after=after)
        (answer,) = await all_of(store, ["b"])
        assert (type(answer), answer.code) == (StoreError, "store_unknown")
        faults.before_commit = None
        (answer,) = await all_of(store, ["c"])
        assert isinstance(answer, StoreError)
        faults.refuse_to_open = False
        assert all(isinstance(answer, Committed) for answer in await all_of(store, ["d"]))
        await check_whole(store, ["a", "b", "d"] if after else ["a", "d"])

    run(tmp_path, test, faults)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["", *STATEMENTS]), st.sampled_from(["ledger.db", "keys.db"]), st.booleans()),
        min_size=1,
        max_size=6,
    )
)  # fmt: skip
def test_whatever_fails_what_was_promised_is_there_and_nothing_else(tmp_path, plan):
    folder = tmp_path / os.urandom(8).hex()
    faults = Faults()

    async def test(store):
        promised = []
        for turn, (count, verb, file, after) in enumerate(plan):
            if verb:
                faults.fail(verb, file=file, after=after)
            names = [f"{turn}-{i}" for i in range(count)]
            for name, answer in zip(names, await all_of(store, names), strict=True):
                assert isinstance(answer, Committed | StoreError)
                promised += [name] * isinstance(answer, Committed)
        faults.fail("", 0)
        await check_whole(store, promised)

    run(folder, test, faults)


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


def test_more_than_the_queue_holds_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(writer_module, "MAX_WAITING", 50)
    faults = Faults()
    go = threading.Event()
    reached = threading.Event()

    async def test(store):
        def wait():
            reached.set()
            assert go.wait(30)

        faults.before_commit = wait
        first = asyncio.ensure_future(store.commit(decided_unit("first")))
        await asyncio.to_thread(reached.wait, 30)
        waiting = [asyncio.ensure_future(store.commit(decided_unit(f"{i}"))) for i in range(60)]
        refused = [task for task in (await asyncio.wait(waiting, timeout=0.05))[0] if task.exception()]
        assert len(refused) == 10
        assert {task.exception().code for task in refused} == {"store_busy"}
        faults.before_commit = None
        go.set()
        assert isinstance(await first, Committed)
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(answer, Committed) for answer in answers) == 50
        assert isinstance(await store.commit(decided_unit("more")), Committed)

    run(tmp_path, test, faults)


def test_one_batch_is_one_commit_and_one_wake_up(tmp_path):
    faults = Faults()
    commits = []

    async def test(store):
        gate = threading.Event()
        reached = threading.Event()

        def wait():
            commits.append(1)
            reached.set()
            assert gate.wait(30)

        faults.before_commit = wait
        first = asyncio.ensure_future(store.commit(decided_unit("first")))
        await asyncio.to_thread(reached.wait, 30)
        loop = asyncio.get_running_loop()
        wake_ups = []
        call_soon_threadsafe = loop.call_soon_threadsafe
        loop.call_soon_threadsafe = lambda *a, **k: (wake_ups.append(a), call_soon_threadsafe(*a, **k))[1]
        others = [asyncio.ensure_future(store.commit(decided_unit(f"{i}"))) for i in range(64)]
        await asyncio.sleep(0)
        gate.set()
        sizes = {(await answer).size for answer in [first, *others]}
        del loop.call_soon_threadsafe
        assert sizes == {1, 65}
        assert len(commits) == len(wake_ups) == 2

    run(tmp_path, test, faults)


def test_units_of_one_turn_of_the_loop_are_one_commit(tmp_path):
    faults = Faults()
    commits = []

    async def test(store):
        faults.before_commit = lambda: commits.append(1)
        assert all(isinstance(answer, Committed) for answer in await all_of(store, [f"{i:02}" for i in range(64)]))
        assert len(commits) == 1
        await check_whole(store, [f"{i:02}" for i in range(64)])

    run(tmp_path, test, faults)


def test_a_loop_that_stopped_in_its_turn_leaves_its_units_to_the_close(tmp_path):
    store = sqlite_store(tmp_path / "store", StillClock())
    stopped = asyncio.new_event_loop()
    store._writer.submit(decided_unit("a"), stopped.create_future())
    asyncio.run(store.close())
    stopped.close()

    async def main():
        again = sqlite_store(tmp_path / "store", StillClock(), writer="w2")
        await check_whole(again, ["a"])
        await again.close()

    asyncio.run(main())


def test_a_cancelled_caller_in_the_middle_of_a_commit_loses_nothing(tmp_path):
    faults = Faults()

    async def test(store):
        gate, reached = threading.Event(), threading.Event()

        def wait():
            reached.set()
            assert gate.wait(30)

        faults.before_commit = wait
        task = asyncio.create_task(store.commit(decided_unit("a")))
        await asyncio.to_thread(reached.wait, 30)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        faults.before_commit = None
        gate.set()
        await store.commit(decided_unit("b"))
        await check_whole(store, ["a", "b"])

    run(tmp_path, test, faults)


def sqlite_sizes(folder):
    connection = sqlite3.connect(folder / "ledger.db")
    sizes = [row[0] for row in connection.execute("SELECT size FROM checkpoints ORDER BY size")]
    connection.close()
    return sizes


def test_a_failing_signer_refuses_and_the_next_batch_goes_on(tmp_path):
    clock = StillClock()
    good = [True]

    def sign(data):
        if not good[0]:
            raise RuntimeError("no signer")
        return bytes(64)

    async def main():
        from callgate.adapters.store.sqlite import open_sqlite

        store = open_sqlite(
            tmp_path / "s", "acme", sign=sign, origin="o", public_key=bytes(32), clock=clock, writer="w1"
        )
        await store.commit(decided_unit("a"))
        good[0] = False
        clock.forward(1_000)
        with pytest.raises(StoreError):
            await store.commit(decided_unit("b"))
        good[0] = True
        await store.commit(decided_unit("c"))
        await check_whole(store, ["a", "c"])
        await store.close()
        assert sqlite_sizes(tmp_path / "s")[-1] == 2

    asyncio.run(main())


def test_tables_of_the_record_are_append_only(tmp_path):
    async def test(store):
        for i in range(300):
            await store.commit(
                Unit(events=(event(f"{i}"),), guards=(Reserve("n", 1, 0),), changes=(Put(Kind.TASK, "t", b""),))
            )

    run(tmp_path, test)
    other = sqlite3.connect(tmp_path / "store" / "ledger.db", isolation_level=None)
    for table in ("events", "tiles", "checkpoints"):
        assert other.execute(f"SELECT count(*) FROM {table}").fetchone()[0] > 0
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = rowid + 1"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(statement)
    other.close()
