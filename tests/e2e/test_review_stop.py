"""How a gate stops when a store takes nothing any more."""

import asyncio
from types import SimpleNamespace

from callgate.app.serving import RunningGate
from callgate.model.errors import StoreError


class Part:
    """Takes every call and remembers it; ``write`` may fail."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.done: list[str] = []
        self.fault = fault
        self.tenant = "acme"

    def event(self, body):
        return body

    async def drain(self):
        self.done.append("drain")

    async def flush(self):
        self.done.append("flush")

    async def write(self, unit):
        self.done.append("write")
        if self.fault is not None:
            raise self.fault

    async def close(self):
        self.done.append("close")

    async def stop(self):
        self.done.append("stop")


def tenant(monkeypatch, fault):
    tenancy, room = Part(fault), Part()
    house = SimpleNamespace(tenancy=tenancy, runner=room, redeemer=Part(), sessions=Part(), listeners=Part())
    return SimpleNamespace(house=house, pool=Part(), store=Part())


def test_every_store_is_closed_though_one_takes_nothing_any_more(monkeypatch):
    monkeypatch.setattr("callgate.app.serving.Unit", lambda **parts: parts)
    built = {"acme": tenant(monkeypatch, StoreError("full")), "other": tenant(monkeypatch, None)}
    gate = RunningGate.__new__(RunningGate)
    gate._gatehouse = SimpleNamespace(closing=False, listeners=Part())
    gate._loops, gate._apis, gate._built, gate._started = [], [], built, set(built)
    gate._operators = Part()
    asyncio.run(gate.close())
    for one in built.values():
        assert one.store.done == ["close"]
        assert one.pool.done == ["close"]
        assert one.house.tenancy.done == ["write"]
    assert gate._operators.done == ["stop"], "last, when everything else is closed"


def test_a_loop_that_stumbles_goes_on():
    async def check():
        gate = RunningGate.__new__(RunningGate)
        gate._loops = []
        ran = asyncio.Event()
        faults = [ValueError("odd"), StoreError("full")]

        async def act():
            if faults:
                raise faults.pop()
            ran.set()

        gate._every("act", 0.001, act, at_once=True)
        async with asyncio.timeout(5):
            await ran.wait()
        for loop in gate._loops:
            loop.cancel()

    asyncio.run(check())
