"""All practice servers behind one gate in a process of its own: with their real manifests, over HTTP.

The servers run in a thread of the tests and keep their worlds in files; a test looks at a world through a link of its
own, so it sees what a call left there and not what the server says of it.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from callgate_practice import servers
from callgate_practice.compare import compare, snapshot
from callgate_practice.wire.http import PATH, HttpFront
from callgate_practice.wire.speech import Speech
from callgate_practice.world import World
from tests.e2e.harness import Answer, Gate, gate_in
from tests.e2e.rules import produce
from tests.practice.at import changes_between

INTEGRATIONS = {
    "github": "github",
    "gmail": "gmail",
    "mail": "gmail-workspace",
    "drive": "google-drive",
    "figma": "figma",
    "notion": "notion",
    "slack": "slack",
    "cloudflare": "cloudflare",
}
"""Name at the gate -> practice server."""
MANIFESTS = {
    "github": "github/official",
    "gmail": "gmail/hosted",
    "mail": "gmail/workspace",
    "slack": "slack/hosted",
    "drive": "google_drive",
    "figma": "figma/hosted",
    "notion": "notion/local",
    "cloudflare": "cloudflare/hosted",
}
"""Name at the gate -> manifest and variant: nothing but the person's word says which server answers at a URL."""
START_S = 30
"""Seconds a thread of servers may take to begin and to end."""


class PracticePlace:
    """One server: its URL, and its world as it lies on the disk."""

    def __init__(self, folder: Path, server: str) -> None:
        self.tools = servers.toolset(server)
        self.file = folder / server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{PATH}"
        servers.world(self.tools, str(self.file)).close()
        self._link: World | None = None

    def served(self) -> World:
        """The server's own link; made in the thread that uses it."""
        return World(str(self.file), self.tools.server, 1)

    @property
    def world(self) -> World:
        if self._link is None:
            self._link = World(str(self.file), self.tools.server, 1)
        return self._link

    def close(self) -> None:
        self.listener.close()
        if self._link is not None:
            self._link.close()

    def state(self) -> Any:
        return snapshot(self.world, self.tools.volatile)

    def changes(self, before: Any) -> list[tuple[str, str, str]]:
        return changes_between(before, self.state())

    def rows(self, before: Any) -> list[dict[str, Any]]:
        return compare(before, self.state())

    def direct(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """Past the gate: what the server itself answers."""
        return self.tools.call(self.world, tool, arguments)


@contextmanager
def served(places: dict[str, PracticePlace]) -> Iterator[None]:
    """All of them in one thread, until the end."""
    running: list[uvicorn.Server] = []
    begun = threading.Event()

    async def serve() -> None:
        worlds = [place.served() for place in places.values()]
        for place, world in zip(places.values(), worlds, strict=True):
            front = HttpFront(Speech(place.tools, world))
            running.append(uvicorn.Server(uvicorn.Config(front, log_level="error", lifespan="off", access_log=False)))
        begun.set()
        await asyncio.gather(
            *(server.serve(sockets=[place.listener]) for server, place in zip(running, places.values(), strict=True))
        )
        for world in worlds:
            world.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert begun.wait(START_S)
    try:
        yield
    finally:
        for server in running:
            server.should_exit = True
        thread.join(START_S)
        assert not thread.is_alive()


class PracticeStand:
    """``codex`` calls; ``ana`` answers."""

    def __init__(self, gate: Gate, places: dict[str, PracticePlace]) -> None:
        self.gate = gate
        self.places = places
        self.token = gate.token()

    def __getitem__(self, name: str) -> PracticePlace:
        return self.places[name]

    def ask(self, integration: str, tool: str, /, **arguments: Any) -> Answer:
        return self.gate.call(tool, arguments, token=self.token, integration=integration)


@contextmanager
def practice_stand(
    folder: Path,
    *,
    contract: str,
    domains: str,
    names: tuple[str, ...] = tuple(INTEGRATIONS),
    policies: str = "",
    ids: Callable[[dict[str, PracticePlace]], dict[str, str]] = lambda places: {},  # noqa: ARG005 the worlds' own
) -> Iterator[PracticeStand]:
    """``contract`` and ``domains`` (tables of domains.toml): TOML; ``ids`` fills its ``{places}`` from the worlds.
    ``policies``: Cedar, beside the starter's.
    """
    worlds = folder / "worlds"
    worlds.mkdir()
    places = {name: PracticePlace(worlds, INTEGRATIONS[name]) for name in names}
    known = ids(places)

    def filled(text: str) -> str:
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def prepare(gate: Gate) -> None:
        gate.contracts = {"everyday.toml": filled(contract)}
        gate.files["domains.toml"] += filled(domains)
        gate.files["guards.cedar"] += policies
        produce(gate, names)

    try:
        with served(places), gate_in(folder, prepare=prepare) as gate:
            for name in names:
                gate.add(name, url=places[name].url, allow_private=True, manifest=MANIFESTS.get(name, ""))
            yield PracticeStand(gate, places)
            assert gate.verify()["ok"]
            assert gate.stop() == 0
            assert "Traceback" not in gate.stderr.read_text()
    finally:
        for place in places.values():
            place.close()
