"""A cancel at every turn of the loop: before the permission, at the target, with the answer, after it."""

import asyncio
from contextlib import suppress

import pytest

from callgate.model.event import CallUnknown, Decided, Finished
from tests.fakes import upstream
from tests.fakes.house import disk_store, git_answers, open_house, run
from tests.fakes.stores import StillClock

TURNS = 60
"""A call takes fewer."""


@pytest.mark.parametrize("answers", ["at-once", "soon", "never"])
def test_a_cancel_in_every_order_has_one_outcome(answers, monkeypatch):
    monkeypatch.setattr(upstream, "CANCEL_WAIT", 0.005)

    async def answer(request):
        for _ in range({"at-once": 0, "soon": 10, "never": 10_000}[answers]):
            await asyncio.sleep(0)
        return git_answers(request)

    async def check():
        house = await open_house(answer=answer)
        found = set()
        for turn in range(TURNS):
            found.add(await one_round(house, turn))
        assert "nothing" in found or "not_sent" in found, "none was cancelled before it was sent"
        assert ("cancelled" if answers == "never" else "ok") in found
        assert found <= {"nothing", "not_sent", "ok", "cancelled"}

    run(check())


async def one_round(house, turn: int) -> str:
    """How the call that was cancelled after ``turn`` turns ended."""
    name, before = f"race-{turn}", (await house.store.head()).size
    task = asyncio.create_task(house.branch(name))
    for _ in range(turn):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await house.rooms.runner.drain()
    bodies = (await house.events())[before:]
    permitted = [body for body in bodies if isinstance(body, Decided)]
    ends = [body for body in bodies if isinstance(body, Finished | CallUnknown)]
    sent = sum(arguments["branch_name"] == name for arguments in house.sent("git_create_branch"))
    assert len(permitted) == len(ends) <= 1
    if not ends:
        assert sent == 0
        return "nothing"
    end = ends[0].outcome if isinstance(ends[0], Finished) else ends[0].reason
    assert sent == (0 if end == "not_sent" else 1)
    return end


def test_a_cancel_while_the_disk_writes_has_one_outcome(tmp_path):
    """With the real store: its thread answers between any two turns."""

    async def check():
        clock = StillClock()
        house = await open_house(disk_store(tmp_path / "s", clock), clock=clock)
        found = {await one_round(house, turn) for turn in range(0, TURNS * 4, 4)}
        assert found <= {"nothing", "not_sent", "ok"}
        await house.store.close()

    run(check())
