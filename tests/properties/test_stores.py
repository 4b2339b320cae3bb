"""SQLite behaves as the store in memory does, whatever is committed in whichever batches."""

import asyncio
import os

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callgate.model.store import (
    Conflict,
    Delete,
    Expect,
    Kind,
    OpenCall,
    Put,
    Release,
    Reserve,
    Unit,
)
from tests.fakes.stores import StillClock, event, sqlite_store
from tests.ports.test_store import memory_store

NAMES = st.sampled_from("abc")
GUARDS = st.one_of(
    st.builds(Expect, st.just(Kind.HOLD), NAMES, st.integers(0, 3)),
    st.builds(Reserve, NAMES, st.integers(0, 3), st.integers(0, 5), st.sampled_from((0, 1_800_000_000_500))),
)
CHANGES = st.one_of(
    st.builds(
        Put, st.just(Kind.HOLD), NAMES, st.binary(max_size=2), st.none() | st.integers(0, 2), st.sampled_from(("", "s"))
    ),
    st.builds(Delete, st.just(Kind.HOLD), NAMES, st.none() | st.integers(0, 2)),
    st.builds(Release, NAMES, st.integers(0, 3)),
)
CALLS = st.builds(OpenCall, NAMES, *(st.just("x") for _ in range(4)), st.integers(0, 9))
UNITS = st.lists(
    st.builds(
        Unit,
        guards=st.lists(GUARDS, max_size=2).map(tuple),
        changes=st.lists(CHANGES, max_size=2).map(tuple),
        opened=st.lists(CALLS, max_size=1).map(tuple),
        closed=st.lists(NAMES, max_size=1).map(tuple),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(units=UNITS, batch=st.integers(1, 6), step=st.integers(0, 300))
def test_sqlite_behaves_as_memory(tmp_path, units, batch, step):
    """Any units, in batches of any size: same answers, same rows, same bytes, also after opening again."""
    folder = tmp_path / os.urandom(8).hex()
    units = [msgspec.structs.replace(unit, events=(event(str(i)),)) for i, unit in enumerate(units)]

    async def everything(store):
        rows = [await store.get(Kind.HOLD, name) for name in "abc"]
        counters = [await store.counter(name) for name in "abc"]
        return rows, counters, await store.list(Kind.HOLD), list(await store.open_calls()), await store.leaves(0, 99)

    async def main():
        clock = StillClock()
        plain, real = memory_store(folder, clock), sqlite_store(folder, clock)
        for start in range(0, len(units), batch):
            part = units[start : start + batch]
            expected = [await plain.commit(unit) for unit in part]
            answers = await asyncio.gather(*(real.commit(unit) for unit in part))
            # The size is that after the batch, which differs with the size of batches.
            assert [isinstance(a, Conflict) and a for a in answers] == [isinstance(e, Conflict) and e for e in expected]
            assert await everything(real) == await everything(plain)
            clock.forward(step)
        assert await real.head() == await plain.head()
        await real.close()
        again = sqlite_store(folder, clock, writer="w2")
        assert await everything(again) == await everything(plain)
        await again.close()

    asyncio.run(main())
