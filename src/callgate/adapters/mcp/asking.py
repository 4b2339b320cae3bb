"""Requests of servers that clients of handshake eras are asked, each inside the stream of the call it belongs to."""

import asyncio
import secrets
from typing import Any

from callgate.adapters.mcp.stream import ClientStream
from callgate.adapters.mcp.wire import encode
from callgate.core.asks import addresses_in, leads_to
from callgate.model.answer import Answer, Failed, Served
from callgate.model.inquiry import Inquire, Inquiry


class OpenAsks:
    """Under way, by (sealed session, id of ours): only its own principal can open a sealed session, and no id of a
    client reaches a server, nor the other way round.
    """

    def __init__(self, hosts: frozenset[str]) -> None:
        """``hosts``: the gate's own, lower-case, which no server may send a person to."""
        self.hosts = hosts
        self._open: dict[tuple[str, str], asyncio.Future[dict[str, Any] | None]] = {}
        self.dropped = 0
        """Answers that nobody waited for."""

    def of(self, stream: ClientStream, sealed: str) -> Inquire:
        """Asks the client of one call."""

        async def inquire(asked: Inquiry) -> dict[str, Any] | None:
            if leads_to(self.hosts, asked.params.get("url")):
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


def away_from(hosts: frozenset[str], answer: Answer) -> Answer:
    """The answer, unless it sends the person to the gate: its page could be taken for the server's."""
    if not isinstance(answer, Served) or not (answer.asked or answer.error):
        return answer
    asked = [one.params for one in answer.asked.asked.values()] if answer.asked else addresses_in(answer.error) or ()
    if not any(leads_to(hosts, said.get("url")) for said in asked):
        return answer
    return Failed(
        call_id=answer.call_id,
        code="not_governed",
        reason="The server sends the person to the gate itself, which is not passed on.",
        unknown=False,
        next="Tell the operator of this gate.",
    )
