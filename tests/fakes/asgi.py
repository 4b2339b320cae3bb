"""One HTTP request against an ASGI application, in the running loop, without sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

from callgate.adapters.mcp.app import McpFront

HOST = "127.0.0.1:8700"


class Exchanged:
    """What came back. ``leave`` is the client going away."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def leave(self) -> None:
        self._gone.set()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        return self.json["result"]

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        """Messages; the opening event of a stream that can be taken up again has none."""
        found = []
        for frame in self.body.decode().split("\n\n"):
            lines = [line.removeprefix("data: ") for line in frame.split("\n") if line.startswith("data: ")]
            if any(lines):
                found.append(json.loads("\n".join(lines)))
        return found

    async def until(self, true: Callable[[], bool]) -> None:
        """Look again after everything that comes back; bounded."""
        async with asyncio.timeout(10):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def wait(self) -> Exchanged:
        assert self.task is not None
        async with asyncio.timeout(10):
            await self.task
        return self


def send(
    front: McpFront,
    body: Any = None,
    *,
    method: str = "POST",
    path: str = "/mcp/git",
    query: bytes = b"",
    token: str | None = "good",
    headers: dict[str, str | None] | None = None,
    extra: Iterable[tuple[bytes, bytes]] = (),
    chunks: list[bytes] | None = None,
    stall: bool = False,
    stuck: bool = False,
) -> Exchanged:
    """Start a request. ``stall``: the last chunk never says that it is the last one; ``stuck``: nothing is taken."""
    made: dict[str, str | None] = {
        "host": HOST,
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "user-agent": "codex-mcp-client/0.169.0",
        "authorization": f"Bearer {token}" if token is not None else None,
        **(headers or {}),
    }
    raw = [(name.encode(), value.encode("latin-1")) for name, value in made.items() if value is not None] + list(extra)
    if chunks is None:
        chunks = [body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": raw,
    }
    seen = Exchanged()
    queue = [
        {"type": "http.request", "body": chunk, "more_body": stall or at + 1 < len(chunks)}
        for at, chunk in enumerate(chunks)
    ]

    async def receive() -> Any:
        if queue:
            return queue.pop(0)
        await seen._gone.wait()
        return {"type": "http.disconnect"}

    async def sent(event: Any) -> None:
        await (asyncio.Event().wait() if stuck else asyncio.sleep(0))
        if event["type"] == "http.response.start":
            assert not seen.status, "the response began twice"
            seen.status = event["status"]
            seen.headers = {name.decode(): value.decode() for name, value in event["headers"]}
        else:
            assert not seen.complete, "something came after the end"
            seen.body += event.get("body", b"")
            seen.complete = not event.get("more_body", False)
        seen._changed.set()

    seen.task = asyncio.get_running_loop().create_task(front(scope, receive, sent))
    return seen


async def ask(front: McpFront, body: Any = None, **more: Any) -> Exchanged:
    return await send(front, body, **more).wait()
