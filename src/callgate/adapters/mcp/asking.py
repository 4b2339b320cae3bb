"""Requests of servers that clients of handshake eras are asked, each inside the stream of the call it belongs to."""

import asyncio
import secrets
from typing import Any
from urllib.parse import urlsplit

from callgate.adapters.mcp.stream import ClientStream
from callgate.adapters.mcp.wire import encode
from callgate.model.inquiry import Inquire, Inquiry


class OpenAsks:
    """Under way, by (sealed session, id of ours): only its own principal can open a sealed session, and no id of a
    client reaches a server, nor the other way round.
    """

    def __init__(self, hosts: tuple[str, ...]) -> None:
        """``hosts``: the gate's own, which no server may send a person to."""
        self._hosts = frozenset(host.lower() for host in hosts)
        self._open: dict[tuple[str, str], asyncio.Future[dict[str, Any] | None]] = {}
        self.dropped = 0
        """Answers that nobody waited for."""

    def of(self, stream: ClientStream, sealed: str) -> Inquire:
        """Asks the client of one call."""

        async def inquire(asked: Inquiry) -> dict[str, Any] | None:
            if self._leads_here(asked):
                return None
            key = (sealed, "ask-" + secrets.token_hex(8))
            message = {"jsonrpc": "2.0", "id": key[1], "method": asked.method, "params": asked.params}
            if not stream.say(encode(message)):
                return None
            future: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
            self._open[key] = future
            try:
                return await future
            except asyncio.CancelledError:
                note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": key[1]}}
                stream.say(encode(note))
                raise
            finally:
                del self._open[key]

        return inquire

    def answered(self, sealed: str, id_: object, result: dict[str, Any] | None) -> None:
        """A response of this session; ``result`` None: an error."""
        future = self._open.get((sealed, id_)) if isinstance(id_, str) else None
        if future is None or future.done():
            self.dropped += 1
            return
        future.set_result(result)

    def _leads_here(self, asked: Inquiry) -> bool:
        """A person who follows a server's words to the gate could take its page for the server's."""
        url = asked.params.get("url")
        return isinstance(url, str) and urlsplit(url).netloc.lower() in self._hosts
