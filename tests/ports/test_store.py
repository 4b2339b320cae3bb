"""One behaviour for every store: the same suite against memory and SQLite."""

import asyncio
import hashlib

import msgspec
import pytest

from callgate.adapters.store.memory import MemoryStore
from callgate.core.ledger.events import decode_event
from callgate.core.ledger.note import parse_checkpoint, verify_note
from callgate.core.ledger.tree import EMPTY_ROOT, Tiles, inclusion, leaf_hash, node_hash, tiles_of, verify_inclusion
from callgate.model.errors import StoreError
from callgate.model.store import (
    Committed,
    Conflict,
    Delete,
    Expect,
    KeyRow,
    Kind,
    NameRow,
    OpenCall,
    Put,
    Release,
    Reserve,
    SealedRow,
    Unit,
)
from tests.fakes.stores import ORIGIN, PRIVATE, PUBLIC, StillClock, decided_unit, event, sqlite_store


def memory_store(folder, clock):
    return MemoryStore("acme", clock=clock, sign=PRIVATE.sign, origin=ORIGIN, public_key=PUBLIC, writer="w1")


@pytest.fixture(params=[memory_store, sqlite_store], ids=["memory", "sqlite"])
def make(request):
    return request.param


def run(make, tmp_path, test):
    """``test(store, clock)`` on a fresh store that is closed afterwards."""

    async def main():
        clock = StillClock()
        store = make(tmp_path / "store", clock)
        try:
            return await test(store, clock)
        finally:
            await store.close()

    return asyncio.run(main())


def put(key, body=b"{}", **more):
    return Put(Kind.TASK, key, body, **more)


def test_an_event_is_read_back_as_committed(make, tmp_path):
    async def test(store, clock):
        assert await store.commit(Unit(events=(event("1", call="call-1"), event("2")))) == Committed(size=2)
        one, two = await store.leaves(0, 10)
        assert (one.index, one.id, one.call, one.kind) == (0, "ev-1", "call-1", "token_revoked")
        assert (two.index, two.call) == (1, "")
        data = decode_event(two.data)
        assert (data.id, data.source, data.data.writer, data.data.writer_seq) == ("ev-2", "callgate/acme", "w1", 2)
        assert await store.leaf("ev-2") == two
        assert await store.leaf("ev-3") is None
        assert await store.leaves_of("call-1") == [one]
        assert await store.leaves_of("") == []
        assert await store.leaves(1, 10) == [two]
        assert await store.leaves(2, 10) == []
        assert await store.leaves(0, 2_000) == [one, two]

    run(make, tmp_path, test)


def test_an_empty_store(make, tmp_path):
    async def test(store, clock):
        head = await store.head()
        assert (head.size, head.root) == (0, EMPTY_ROOT)
        assert await store.commit(Unit()) == Committed(size=0)
        assert await store.get(Kind.HOLD, "x") is None
        assert await store.counter("x") == 0
        assert await store.key("x") is None
        assert await store.name("x") is None
        assert await store.tile(0, 0) is None
        assert await store.checkpoint() is None
        for found in (store.list(Kind.HOLD), store.open_calls(), store.sealed("x"), store.checkpoints()):
            assert list(await found) == []

    run(make, tmp_path, test)


def test_rows_count_their_versions(make, tmp_path):
    async def test(store, clock):
        await store.commit(Unit(changes=(put("a", b"1", state="open", ref="r", at_ms=7),)))
        row = await store.get(Kind.TASK, "a")
        assert (row.kind, row.version, row.body, row.state, row.ref, row.at_ms) == (Kind.TASK, 1, b"1", "open", "r", 7)
        assert isinstance(await store.commit(Unit(changes=(put("a", b"2", expect=1),))), Committed)
        assert await store.commit(Unit(changes=(put("a", b"3", expect=1),))) == Conflict("task:a", 2)
        assert await store.commit(Unit(changes=(put("a", b"3", expect=0),))) == Conflict("task:a", 2)
        await store.commit(Unit(changes=(put("a", b"4"),)))
        row = await store.get(Kind.TASK, "a")
        assert (row.version, row.body, row.state) == (3, b"4", "")
        assert await store.commit(Unit(changes=(Delete(Kind.TASK, "a", expect=2),))) == Conflict("task:a", 3)
        await store.commit(Unit(changes=(Delete(Kind.TASK, "a", expect=3), Delete(Kind.TASK, "never"))))
        assert await store.get(Kind.TASK, "a") is None
        assert await store.commit(Unit(changes=(put("a", expect=3),))) == Conflict("task:a", 0)
        await store.commit(Unit(changes=(put("a", expect=0),)))
        assert (await store.get(Kind.TASK, "a")).version == 1
        assert await store.get(Kind.HOLD, "a") is None

    run(make, tmp_path, test)


def test_guards_see_the_state_before_the_unit(make, tmp_path):
    async def test(store, clock):
        both = Unit(guards=(Expect(Kind.TASK, "a", 0),), changes=(put("a", expect=0), put("a", b"2", expect=0)))
        assert isinstance(await store.commit(both), Committed)
        row = await store.get(Kind.TASK, "a")
        assert (row.version, row.body) == (2, b"2")
        assert await store.commit(Unit(guards=(Expect(Kind.TASK, "a", 1),))) == Conflict("task:a", 2)
        assert isinstance(await store.commit(Unit(guards=(Expect(Kind.TASK, "a", 2),))), Committed)

    run(make, tmp_path, test)


def test_a_conflict_leaves_nothing(make, tmp_path):
    async def test(store, clock):
        await store.commit(Unit(events=(event("0"),), guards=(Reserve("n", 3, 3),)))
        before = await store.head()
        unit = Unit(
            events=(event("1", call="call-1"),),
            guards=(Reserve("other", 1, 0), Reserve("n", 1, 3)),
            changes=(put("a"),),
            opened=(OpenCall("call-1", "e", "git", "commit", "", 1),),
            sealed=(SealedRow("call-1", "ev-1", "context", b"s"),),
            keys=(KeyRow("call-1", b"k"),),
            names=(NameRow("p-1", "person", b"n"),),
        )
        assert await store.commit(unit) == Conflict("counter:n", 3)
        assert await store.head() == before
        assert await store.get(Kind.TASK, "a") is None
        assert await store.counter("other") == 0
        assert await store.counter("n") == 3
        assert await store.key("call-1") is None
        assert await store.name("p-1") is None
        assert list(await store.open_calls()) == list(await store.sealed("call-1")) == []
        await store.commit(Unit(events=(event("2"),)))
        assert decode_event((await store.leaf("ev-2")).data).data.writer_seq == 2

    run(make, tmp_path, test)


def test_reservations_add_up_and_are_given_back(make, tmp_path):
    async def test(store, clock):
        twice = Unit(guards=(Reserve("n", 2, 3), Reserve("n", 1, 3)))
        assert isinstance(await store.commit(twice), Committed)
        assert await store.counter("n") == 3
        assert await store.commit(Unit(guards=(Reserve("n", 1, 3),))) == Conflict("counter:n", 3)
        await store.commit(Unit(changes=(Release("n", 2), Release("never", 5))))
        assert await store.counter("n") == 1
        assert await store.commit(Unit(guards=(Reserve("n", 1, 3), Reserve("n", 2, 3)))) == Conflict("counter:n", 2)
        await store.commit(Unit(changes=(Release("n", 9),)))
        assert (await store.counter("n"), await store.counter("never")) == (0, 0)
        await store.commit(Unit(guards=(Reserve("free", 10**6, 0),)))
        assert await store.counter("free") == 10**6

    run(make, tmp_path, test)


def test_a_counter_is_forgotten_when_its_time_is_over(make, tmp_path):
    async def test(store, clock):
        later = clock.ms + 60_000
        await store.commit(Unit(guards=(Reserve("n", 3, 3, later), Reserve("forever", 1, 0))))
        clock.forward(59_999)
        assert await store.commit(Unit(guards=(Reserve("n", 1, 3, later),))) == Conflict("counter:n", 3)
        clock.forward(1)
        assert await store.counter("n") == 0
        for _ in range(2):
            assert isinstance(await store.commit(Unit(guards=(Reserve("n", 1, 3, later + 60_000),))), Committed)
        assert (await store.counter("n"), await store.counter("forever")) == (2, 1)

    run(make, tmp_path, test)


def test_listing_pages_and_filters(make, tmp_path):
    async def test(store, clock):
        changes = tuple(
            put(f"k{i:02}", state="open" if i % 2 else "closed", ref="x" if i % 3 else "") for i in range(20)
        )
        await store.commit(Unit(changes=(*changes, Put(Kind.HOLD, "k05", b"{}"))))

        async def keys(**how):
            return [row.key for row in await store.list(Kind.TASK, **how)]

        assert await keys() == [f"k{i:02}" for i in range(20)]
        assert await keys(limit=3) == ["k00", "k01", "k02"]
        assert await keys(after="k02", limit=2) == ["k03", "k04"]
        assert await keys(state="open", limit=3) == ["k01", "k03", "k05"]
        assert await keys(ref="x", after="k15") == ["k16", "k17", "k19"]
        assert await keys(state="closed", ref="x") == ["k02", "k04", "k08", "k10", "k14", "k16"]
        assert await keys(state="nothing") == []

    run(make, tmp_path, test)


def test_keys_of_any_alphabet_are_listed_in_the_same_order(make, tmp_path):
    async def test(store, clock):
        names = ["z", "\U00010000", "￿", "a", "é"]
        await store.commit(Unit(changes=tuple(put(name) for name in names)))
        assert [row.key for row in await store.list(Kind.TASK)] == ["a", "z", "é", "￿", "\U00010000"]
        assert [row.key for row in await store.list(Kind.TASK, after="￿")] == ["\U00010000"]

    run(make, tmp_path, test)


def test_calls_open_change_and_close(make, tmp_path):
    async def test(store, clock):
        first, second = (OpenCall(f"call-{i}", "e", "git", "commit", "", i) for i in (1, 2))
        await store.commit(Unit(opened=(second, first)))
        assert list(await store.open_calls()) == [first, second]
        lost = msgspec.structs.replace(first, unknown=True)
        await store.commit(Unit(opened=(lost,), closed=("call-2", "call-9")))
        assert list(await store.open_calls()) == [lost]
        again = await asyncio.gather(store.commit(Unit(closed=("call-1",))), store.commit(Unit(opened=(first,))))
        assert all(isinstance(answer, Committed) for answer in again)
        assert list(await store.open_calls()) == [first]
        await asyncio.gather(store.commit(Unit(opened=(second,))), store.commit(Unit(closed=("call-2", "call-1"))))
        assert list(await store.open_calls()) == []

    run(make, tmp_path, test)


def test_sealed_rows_keys_and_names(make, tmp_path):
    async def test(store, clock):
        rows = tuple(SealedRow("call-1", f"ev-{i}", "context", bytes([i])) for i in range(3))
        await store.commit(Unit(sealed=rows, keys=(KeyRow("call-1", b"old"),), names=(NameRow("p-1", "person", b"a"),)))
        await store.commit(Unit(keys=(KeyRow("call-1", b"new"),), names=(NameRow("p-1", "person", b"b"),)))
        assert list(await store.sealed("call-1")) == list(rows)
        assert await store.key("call-1") == b"new"
        assert await store.name("p-1") == b"a"

    run(make, tmp_path, test)


def test_a_taken_event_id_fails_its_unit_alone(make, tmp_path):
    async def test(store, clock):
        await store.commit(Unit(events=(event("1"),)))
        bad = Unit(events=(event("2"), event("1")), guards=(Reserve("bad", 1, 0),), changes=(put("bad"),))
        answers = await asyncio.gather(
            store.commit(Unit(events=(event("3"),))),
            store.commit(bad),
            store.commit(Unit(events=(event("4"),))),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Committed, StoreError, Committed]
        assert [leaf.id for leaf in await store.leaves(0, 9)] == ["ev-1", "ev-3", "ev-4"]
        assert [decode_event(leaf.data).data.writer_seq for leaf in await store.leaves(0, 9)] == [1, 2, 3]
        assert await store.get(Kind.TASK, "bad") is None
        assert await store.counter("bad") == 0

    run(make, tmp_path, test)


@pytest.mark.parametrize("name", ["\ud800", "a\udfffb"])
def test_text_that_cannot_be_written_fails_its_unit_alone(make, tmp_path, name):
    async def test(store, clock):
        answers = await asyncio.gather(
            store.commit(Unit(events=(event("1"),))),
            store.commit(Unit(events=(event(name),), guards=(Reserve("n", 1, 0),))),
            store.commit(Unit(events=(event("2"),))),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Committed, StoreError, Committed]
        assert answers[1].code == "bad_unit"
        assert await store.counter("n") == 0
        assert (await store.head()).size == 2

    run(make, tmp_path, test)


def test_units_at_the_same_time_see_each_other(make, tmp_path):
    async def test(store, clock):
        answers = await asyncio.gather(*(store.commit(decided_unit(f"{i:03}", limit=30)) for i in range(100)))
        assert sum(isinstance(answer, Committed) for answer in answers) == 30
        assert {answer for answer in answers if isinstance(answer, Conflict)} == {Conflict("counter:calls:task-1", 30)}
        assert (await store.head()).size == len(await store.open_calls()) == 30
        assert await store.counter("rate:ana") == 30
        seqs = [decode_event(leaf.data).data.writer_seq for leaf in await store.leaves(0, 99)]
        assert seqs == list(range(1, 31))

    run(make, tmp_path, test)


def test_one_of_many_wins_a_row(make, tmp_path):
    async def test(store, clock):
        answers = await asyncio.gather(
            *(store.commit(Unit(events=(event(str(i)),), changes=(put("a", b"%d" % i, expect=0),))) for i in range(20))
        )
        won = [i for i, answer in enumerate(answers) if isinstance(answer, Committed)]
        assert len(won) == 1
        row = await store.get(Kind.TASK, "a")
        assert (row.version, row.body) == (1, b"%d" % won[0])
        assert [leaf.id for leaf in await store.leaves(0, 99)] == [f"ev-{won[0]}"]

    run(make, tmp_path, test)


def test_cancelling_the_caller_does_not_cancel_the_write(make, tmp_path):
    async def test(store, clock):
        task = asyncio.create_task(store.commit(Unit(events=(event("1"),))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await store.commit(Unit(events=(event("2"),))) == Committed(size=2)
        assert [leaf.id for leaf in await store.leaves(0, 9)] == ["ev-1", "ev-2"]

    run(make, tmp_path, test)


def reference_root(hashes):
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node_hash(reference_root(hashes[:split]), reference_root(hashes[split:]))


def test_head_tiles_and_frontier_agree_with_the_leaves(make, tmp_path):
    async def test(store, clock):
        for start in range(0, 600, 40):
            await asyncio.gather(*(store.commit(Unit(events=(event(f"{i:04}"),))) for i in range(start, start + 40)))
        hashes = [leaf_hash(leaf.data) for leaf in await store.leaves(0, 1_000)]
        head = await store.head()
        assert (head.size, head.root) == (600, reference_root(hashes))
        assert await store.tile(0, 0) == b"".join(hashes[:256])
        assert await store.tile(0, 1) == b"".join(hashes[256:512])
        assert await store.tile(0, 2) is None
        frontier = await store.frontier()
        parts = {(level, head.size >> 8 * (level + 1)): part for level, part in enumerate(frontier.levels)}
        for index in (0, 255, 256, 599):
            wanted = tiles_of(lambda read, index=index: inclusion(index, 600, read))
            tiles = {name: await store.tile(*name) or parts[name] for name in wanted}
            proof = inclusion(index, 600, Tiles(tiles).read)
            verify_inclusion(index, 600, hashes[index], proof, head.root)

    run(make, tmp_path, test)


def test_checkpoints_are_signed_when_due(make, tmp_path):
    async def test(store, clock):
        await store.commit(Unit(events=(event("1"),)))
        assert await store.checkpoint() is None
        clock.forward(1_000)
        await store.commit(Unit(events=(event("2"),)))
        # SQLite's own timer may have been first.
        row = await store.checkpoint()
        root = reference_root([leaf_hash(leaf.data) for leaf in await store.leaves(0, row.size)])
        assert row.size in (1, 2)
        assert parse_checkpoint(verify_note(row.note, ORIGIN, PUBLIC)) == (ORIGIN, row.size, root)
        await store.commit(Unit(events=(event("3"),)))
        clock.forward(60_000)
        await store.commit(Unit(guards=(Reserve("n", 1, 0),)))
        row = await store.checkpoint()
        assert row.size == 3
        clock.forward(60_000)
        await store.commit(Unit(guards=(Reserve("n", 1, 0),)))
        assert (await store.checkpoints())[-1] == row
        await asyncio.gather(*(store.commit(Unit(events=(event(f"m{i}"),))) for i in range(1_000)))
        sizes = [found.size for found in await store.checkpoints()]
        assert sizes[-1] >= 1_000
        assert sizes == sorted(set(sizes))
        assert [found.size for found in await store.checkpoints(limit=1)] == sizes[:1]

    run(make, tmp_path, test)


def test_closing_signs_the_last_leaves_and_refuses_more(make, tmp_path):
    async def main():
        store = make(tmp_path / "store", StillClock())
        await store.commit(Unit(events=(event("1"),)))
        await store.close()
        await store.close()
        with pytest.raises(StoreError) as caught:
            await store.commit(Unit())
        assert caught.value.code == "store_closed"
        if isinstance(store, MemoryStore):
            assert (await store.checkpoint()).size == 1

    asyncio.run(main())
