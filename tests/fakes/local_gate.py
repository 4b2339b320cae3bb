"""The real local API over a fake Admin, in a thread: what the command talks to in its tests."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from callgate.adapters.home.place import Home
from callgate.adapters.http.api import build_api
from callgate.adapters.http.peer import LocalApi, PeerProtocol
from tests.fakes.admin import FakeAdmin


@contextmanager
def local_gate(
    home: Path,
    admin: FakeAdmin | None = None,
    *,
    protocol: type = PeerProtocol,
    fast: bool = False,
    peers: frozenset[int] = frozenset(),
) -> Iterator[FakeAdmin]:
    """``fast``: on uvloop instead of asyncio's own loop."""
    served = admin or FakeAdmin()
    started = threading.Event()
    faults: list[BaseException] = []
    loop = uvloop.new_event_loop() if fast else asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        api = LocalApi(build_api(served), Home(home).socket, protocol=protocol, peers=peers)
        await api.start()
        started.set()
        await stop.wait()
        await api.stop()

    def work() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as fault:  # whatever ends the thread is the test's to see
            faults.append(fault)
        finally:
            loop.close()
            started.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert started.wait(20)
        if not faults:
            yield served
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
    if faults:
        raise faults[0]
