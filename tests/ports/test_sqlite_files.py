"""The files of the embedded store: private, recognised, quick to start, and never taken for what they are not."""

import asyncio
import os
import sqlite3
import stat
import time

import pytest

from callgate.adapters.store import wal as wal_module
from callgate.adapters.store.batch import Batch
from callgate.adapters.store.disk import Disk, Tail
from callgate.adapters.store.files import StoreFiles, connect
from callgate.core.ledger.events import decode_event
from callgate.core.ledger.note import parse_checkpoint, verifier_key, verify_note
from callgate.flow.verifying import verified
from callgate.model.errors import ConfigError, IntegrityError, StoreError
from callgate.model.store import Committed, Kind, NameRow, Put, Reserve, Unit
from tests.fakes.stores import ORIGIN, PUBLIC, StillClock, decided_unit, event, finished_unit, sqlite_store


def use(folder, test, **how):
    async def main():
        store = sqlite_store(folder, StillClock(), **how)
        try:
            return await test(store)
        finally:
            await store.close()

    return asyncio.run(main())


async def write_one(store):
    await store.commit(decided_unit("a"))


def test_files_are_private_also_while_they_are_used(tmp_path):
    folder = tmp_path / "deep" / "acme"
    old = os.umask(0)
    try:

        async def test(store):
            await write_one(store)
            names = {path.name for path in folder.iterdir()}
            assert {"ledger.db", "keys.db", "ledger.db-wal", "keys.db-wal"} <= names
            for path in folder.iterdir():
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700

        use(folder, test)
        (folder / "ledger.db").chmod(0o644)
        folder.chmod(0o755)
        use(folder, write_nothing)
        assert stat.S_IMODE((folder / "ledger.db").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        os.umask(old)


async def write_nothing(store):
    return None


def test_the_next_start_goes_on_where_the_last_one_ended(tmp_path):
    async def first(store):
        await store.commit(decided_unit("a"))
        await store.commit(finished_unit("a"))
        await store.commit(Unit(changes=(Put(Kind.TASK, "t", b"1"),), names=(NameRow("p-1", "person", b"n"),)))

    async def second(store):
        assert (await store.head()).size == 2
        assert (await store.checkpoint()).size == 2
        assert (await store.get(Kind.TASK, "t")).version == 1
        assert await store.name("p-1") == b"n"
        assert await store.key("call-a") == b"k" * 60
        assert await store.counter("calls:task-1") == 1
        assert isinstance(await store.commit(decided_unit("b", limit=2)), Committed)
        assert not isinstance(await store.commit(decided_unit("c", limit=2)), Committed)
        written = [decode_event(leaf.data).data for leaf in await store.leaves(0, 9)]
        assert [(data.writer, data.writer_seq) for data in written] == [("w1", 1), ("w1", 2), ("w2", 1)]

    use(tmp_path, first)
    use(tmp_path, second, writer="w2")

    async def third(store):
        assert [row.size for row in await store.checkpoints()] == [2, 3]
        for row in await store.checkpoints():
            assert parse_checkpoint(verify_note(row.note, ORIGIN, PUBLIC))[1] == row.size

    use(tmp_path, third)


def test_a_writer_id_is_made_when_none_is_given(tmp_path):
    async def writer_of(store):
        await store.commit(Unit(events=(event(os.urandom(4).hex()),)))
        return decode_event((await store.leaves((await store.head()).size - 1, 1))[0].data).data.writer

    first, second = use(tmp_path, writer_of, writer=""), use(tmp_path, writer_of, writer="")
    assert first != second
    assert len(first) == 16


def ledger(folder, *statements):
    connection = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def refused(folder, **how):
    with pytest.raises(ConfigError) as caught:
        sqlite_store(folder, StillClock(), **how)
    assert str(folder) in caught.value.file
    assert caught.value.message[0].isupper()
    assert caught.value.message.endswith(".")
    return caught.value.message


def test_what_cannot_be_a_store_is_refused_with_a_sentence(tmp_path):
    assert refused(tmp_path / "none", create=False) == "There is no ledger here."
    assert not (tmp_path / "none").exists()

    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "ledger.db").write_bytes(b"hello, I am a poem\n" * 100)
    assert "not a database" in refused(tmp_path / "text")

    (tmp_path / "other").mkdir()
    ledger(tmp_path / "other", "CREATE TABLE songs(a)")
    assert "key database" in refused(tmp_path / "other")

    (tmp_path / "file").write_bytes(b"")
    assert "cannot be used" in refused(tmp_path / "file")

    use(tmp_path / "ok", write_one)
    ledger(tmp_path / "ok", "UPDATE meta SET value = '999' WHERE name = 'schema_version'")
    assert "newer Callgate (schema 999" in refused(tmp_path / "ok")
    ledger(tmp_path / "ok", "UPDATE meta SET value = '1' WHERE name = 'schema_version'")
    use(tmp_path / "ok", write_nothing)


def test_another_tenant_or_log_is_refused(tmp_path):
    use(tmp_path, write_one)
    ledger(tmp_path, "UPDATE meta SET value = 'globex' WHERE name = 'tenant'")
    assert "tenant 'globex', not 'acme'" in refused(tmp_path)


@pytest.mark.parametrize(("lost", "said"), [("ledger.db", "ledger is missing"), ("keys.db", "key database is missing")])
@pytest.mark.parametrize("emptied", [False, True])
def test_half_a_store_is_never_begun_anew(tmp_path, lost, said, emptied):
    use(tmp_path, write_one)
    (tmp_path / lost).unlink()
    if emptied:
        (tmp_path / lost).touch()
    for _ in range(2):
        with pytest.raises(ConfigError, match=said) as caught:
            sqlite_store(tmp_path, StillClock())
        assert caught.value.hint.endswith("callgate restore FILE")


def test_a_making_that_was_cut_off_is_made_again(tmp_path):
    class Cut(Exception):
        pass

    opened = []

    def cut(path):
        connection = connect(path)
        opened.append(connection)
        if path.name == "ledger.db":
            raise Cut
        return connection

    with pytest.raises(Cut):
        sqlite_store(tmp_path, StillClock(), connect=cut)
    for connection in opened:
        connection.close()
    use(tmp_path, write_one)


async def fill(store):
    await asyncio.gather(*(store.commit(Unit(events=(event(f"{i}"),))) for i in range(300)))


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM head",
        "UPDATE head SET size = size - 1",
        "UPDATE head SET root = zeroblob(32)",
        "DROP TRIGGER events_no_delete; DELETE FROM events WHERE leaf = (SELECT max(leaf) FROM events)",
        "DROP TRIGGER events_no_update; UPDATE events SET data = data || ' ' WHERE leaf = 299",
        "UPDATE frontier SET hashes = zeroblob(32)",
        "DELETE FROM frontier",
    ],
)
def test_a_ledger_that_contradicts_itself_is_read_but_not_written(tmp_path, harm):
    async def look(store):
        assert store.fault
        with pytest.raises(IntegrityError):
            await store.commit(Unit(events=(event("more"),)))
        assert len(await store.leaves(0, 300)) >= 299
        await store.head()
        with pytest.raises(IntegrityError):
            await store.frontier()

    use(tmp_path, fill)
    ledger(tmp_path, *harm.split("; "))
    use(tmp_path, look)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("UPDATE events SET data = NULL WHERE leaf = 2", "malformed"),
        ("UPDATE events SET data = NULL WHERE leaf = 299", "malformed"),
        ("UPDATE events SET hash = NULL WHERE leaf = 299", "stored leaf hash 299"),
        ("UPDATE events SET data = 7, hash = 'x' WHERE leaf = 1", "malformed"),
        ("UPDATE frontier SET hashes = NULL", ""),
        ("UPDATE checkpoints SET note = NULL", "checkpoint 0 was changed"),
    ],
)
def test_values_that_no_statement_could_have_written_are_found(tmp_path, harm, said):
    """A file can hold what its schema forbids."""

    async def look(store):
        key = verifier_key(ORIGIN, PUBLIC)
        *_, end = [line async for line in verified(store, ORIGIN, key, "")]
        assert said in end.problem
        assert end.ok is (not said)

    use(tmp_path, fill)
    lax = "UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '/**/')"
    triggers = [f"DROP TRIGGER {table}_no_update" for table in ("events", "checkpoints")]
    ledger(tmp_path, *triggers, "PRAGMA writable_schema=ON", lax)
    ledger(tmp_path, harm)
    back = "UPDATE sqlite_schema SET sql = replace(sql, '/**/', 'NOT NULL')"
    ledger(tmp_path, "PRAGMA writable_schema=ON", back)
    use(tmp_path, look)


def test_an_event_and_its_tile_are_missing(tmp_path):
    async def look(store):
        *_, end = [line async for line in verified(store, ORIGIN, verifier_key(ORIGIN, PUBLIC), "")]
        assert (end.ok, end.bad_index, end.problem) == (False, 5, "the event is missing")

    use(tmp_path, fill)
    ledger(
        tmp_path,
        *("DROP TRIGGER events_no_delete", "DROP TRIGGER tiles_no_delete"),
        *("DELETE FROM events WHERE leaf = 5", "DELETE FROM tiles"),
    )
    use(tmp_path, look)


def build(folder, size, per_batch=2_000):
    """A ledger of ``size`` leaves, written by batches without a thread."""
    files = StoreFiles(folder)
    disk = Disk(files, connect)
    disk.start(*files.prepare({"tenant": "acme", "origin": ORIGIN}, connect, create=True))
    for start in range(0, size, per_batch):
        last = disk.tail
        batch = Batch(disk, tenant="acme", writer="w1", size=last.frontier.size, seq=last.seq, now_ms=1)
        for i in range(start, min(start + per_batch, size)):
            assert batch.add(Unit(events=(event(f"{i:08}", call=f"call-{i // 2:08}"),))) is None
        frontier, tiles = last.frontier.append(batch.hashes)
        disk.write(batch, Tail(last.batch + 1, frontier, "w1", batch.seq, 1), tiles, None)
    disk.close()


def test_starting_reads_no_old_leaves(tmp_path):
    build(tmp_path, 50_000)
    start = time.perf_counter()
    store = sqlite_store(tmp_path, StillClock(), writer="w2")
    took = time.perf_counter() - start

    async def look():
        assert await store.commit(Unit(events=(event("more"),))) == Committed(size=50_001)
        assert (await store.leaf("ev-00012345")).index == 12_345
        assert len(await store.leaves_of("call-00024999")) == 2
        assert len(await store.leaves(100, 5_000)) == 5_000
        assert len(await store.tile(1, 0) or b"") == 0
        assert len(await store.tile(0, 194)) == 8192
        await store.close()

    asyncio.run(look())
    assert took < 1.0


def test_the_log_is_kept_short_while_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(wal_module, "SWEEP_PAGES", 100)
    monkeypatch.setattr(wal_module, "LONG_FRAMES", 200)

    async def test(store):
        for start in range(0, 2_400, 8):
            await asyncio.gather(*(store.commit(decided_unit(f"{start + i}")) for i in range(8)))
        return (tmp_path / "ledger.db-wal").stat().st_size

    # 2,400 units in 300 batches write more than 6,000 pages in all.
    assert use(tmp_path, test) < 3_000 * 4_096
    assert not (tmp_path / "ledger.db-wal").exists()


def test_a_log_written_ahead_changes_nothing(tmp_path):
    use(tmp_path, write_one)

    async def test(store):
        assert (tmp_path / "ledger.db-wal").stat().st_size == 2 << 20
        assert (await store.head()).size == 1
        await store.commit(decided_unit("b"))

    use(tmp_path, test, prefill=2 << 20)

    async def after(store):
        assert (await store.head()).size == 2

    use(tmp_path, after)


def test_expired_counters_leave_the_table(tmp_path):
    clock = StillClock()

    async def main():
        store = sqlite_store(tmp_path, clock)
        for i in range(5):
            await store.commit(Unit(guards=(Reserve(f"rate:{i}", 1, 0, clock.ms + 1_000), Reserve("kept", 1, 0))))
            clock.forward(61_000)
        await store.commit(Unit(guards=(Reserve("kept", 1, 0),)))
        await store.close()

    asyncio.run(main())
    connection = sqlite3.connect(tmp_path / "ledger.db")
    assert connection.execute("SELECT name, used FROM counters").fetchall() == [("kept", 6)]
    connection.close()


def test_the_last_leaves_are_signed_when_traffic_stops(tmp_path):
    """Real time: the one thing a clock that stands still cannot show."""

    class RealClock:
        def now_ms(self):
            return time.time_ns() // 1_000_000

        def monotonic_us(self):
            return time.monotonic_ns() // 1_000

    async def main():
        store = sqlite_store(tmp_path, RealClock())
        await store.commit(Unit(events=(event("1"),)))
        start = time.monotonic()
        while await store.checkpoint() is None:
            assert time.monotonic() - start < 10
            await asyncio.sleep(0.02)
        waited = time.monotonic() - start
        assert (await store.checkpoint()).size == 1
        await store.close()
        return waited

    assert 0.5 < asyncio.run(main()) < 5


def spoil(path, place, data):
    """Bytes of the file, past SQLite."""
    with path.open("r+b") as file:
        found = file.seek(path.read_bytes().index(place))
        file.seek(found)
        file.write(data)


def test_a_schema_that_is_no_text_is_refused_with_a_sentence(tmp_path):
    use(tmp_path, write_one)
    spoil(tmp_path / "ledger.db", b"CREATE TABLE counters", b"CREAT\xff TABLE counters")
    with pytest.raises(ConfigError):
        use(tmp_path, write_one)


def test_a_text_that_is_none_cannot_be_read(tmp_path):
    use(tmp_path, write_one)

    async def test(store):
        with pytest.raises(StoreError):
            await store.checkpoints(limit=10)

    spoil(tmp_path / "ledger.db", ORIGIN.encode() + b"\n", b"\xff")
    use(tmp_path, test)
