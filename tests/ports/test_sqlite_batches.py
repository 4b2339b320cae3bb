"""Batches: what waits together is one commit, and callers that stop lose nothing."""

import asyncio
import itertools
import threading

import pytest

from callgate.adapters.store import writer as writer_module
from callgate.model.store import Committed
from tests.fakes.faulty import Faults
from tests.fakes.stores import StillClock, decided_unit, sqlite_store
from tests.ports.test_sqlite_faults import all_of, check_whole, run


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


def test_units_of_turns_without_a_pause_are_one_commit(tmp_path):
    """Calls beside each other, each a turn behind the one before it."""
    faults = Faults()
    commits = []

    async def late(store, name, turns):
        for _ in range(2 * turns):
            await asyncio.sleep(0)
        return await store.commit(decided_unit(name))

    async def test(store):
        faults.before_commit = lambda: commits.append(1)
        names = [f"{i:02}" for i in range(writer_module.MOST_TURNS // 2)]
        answers = await asyncio.gather(*(late(store, name, turn) for turn, name in enumerate(names)))
        assert all(isinstance(answer, Committed) for answer in answers)
        assert len(commits) == 1
        await check_whole(store, names)

    run(tmp_path, test, faults)


def test_units_that_come_without_an_end_keep_none_waiting(tmp_path):
    async def test(store):
        waiting, held = [], []
        for i in range(3 * writer_module.MOST_TURNS):
            waiting.append(asyncio.ensure_future(store.commit(decided_unit(f"{i:02}"))))
            await asyncio.sleep(0)
            held.append(len(store._writer._gathered.get(asyncio.get_running_loop(), ())))
        assert max(held) <= writer_module.MOST_TURNS
        assert sum(later < earlier for earlier, later in itertools.pairwise(held)) >= 2
        assert all(isinstance(answer, Committed) for answer in await asyncio.gather(*waiting))

    run(tmp_path, test, Faults())


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
