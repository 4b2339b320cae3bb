"""``kill -9`` under load: what was promised is there, each unit whole, and all counts agree."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callgate.core.ledger.events import decode_event
from callgate.core.ledger.tree import Frontier, leaf_hash
from callgate.model.event import Decided
from callgate.model.store import Committed
from tests.fakes.stores import StillClock, decided_unit, finished_unit, sqlite_store

CALLERS = 64


async def load(folder, start):
    """Runs until it is killed; says what was promised, one line each."""
    store = sqlite_store(folder, StillClock(), writer=f"w{start}")
    promised = os.fdopen(1, "wb", buffering=0)

    async def caller(number):
        for turn in range(10_000):
            name = f"{start:02}-{number:02}-{turn:05}"
            assert isinstance(await store.commit(decided_unit(name)), Committed)
            promised.write(f"a {name}\n".encode())
            assert isinstance(await store.commit(finished_unit(name)), Committed)
            promised.write(f"b {name}\n".encode())

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_promised_is_lost_by_a_kill(tmp_path, seed):
    dice = random.Random(seed)
    promised = []
    for start in range(4):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.ports.test_sqlite_crash", str(tmp_path / "store"), str(start)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
        )
        try:
            lines = dice.randrange(1, 3_000)
            for _ in range(lines):
                line = child.stdout.readline()
                assert line, "the load ended by itself"
                promised.append(line)
            child.send_signal(signal.SIGKILL)
            promised += child.stdout.read().splitlines(keepends=True)
        finally:
            child.kill()
            child.wait(10)
            child.stdout.close()
        asyncio.run(check(tmp_path / "store", promised, start))


async def check(folder, promised, starts):
    """Everything promised is there and what is there is whole."""
    store = sqlite_store(folder, StillClock(), writer="check")
    leaves = await store.leaves(0, 1_000_000)
    ids = {leaf.id for leaf in leaves}
    for line in promised:
        if line.endswith(b"\n"):
            step, name = line.decode().split()
            assert f"ev-{step}{name}" in ids
    assert [leaf.index for leaf in leaves] == list(range(len(leaves)))
    frontier, _ = Frontier().append([leaf_hash(leaf.data) for leaf in leaves])
    head = await store.head()
    assert (head.size, head.root) == (len(leaves), frontier.root())
    assert not store.fault

    numbers, decided, finished = {}, set(), set()
    for leaf in leaves:
        data = decode_event(leaf.data).data
        assert data.writer_seq == numbers.get(data.writer, 0) + 1
        numbers[data.writer] = data.writer_seq
        (decided if isinstance(data.body, Decided) else finished).add(data.call)
    assert len(numbers) <= starts + 1
    assert finished <= decided
    assert {call.call_id for call in await store.open_calls()} == decided - finished
    assert await store.counter("calls:task-1") == await store.counter("rate:ana") == len(decided)
    for call in random.Random(0).sample(sorted(decided), min(len(decided), 200)):
        assert await store.key(call) == b"k" * 60
        assert len(await store.sealed(call)) == 1
    await store.close()


if __name__ == "__main__":
    asyncio.run(load(Path(sys.argv[1]), int(sys.argv[2])))
