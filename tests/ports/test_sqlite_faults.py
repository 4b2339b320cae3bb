"""Statements, commits and signers that fail. Nothing is lost, nothing is told wrong."""

import asyncio
import os
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgate.adapters.store.outbox import MOVE_MS
from callgate.core.ledger.events import decode_event
from callgate.core.ledger.tree import Frontier, leaf_hash
from callgate.model.errors import StoreError
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
