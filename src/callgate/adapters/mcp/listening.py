"""Standing streams to clients: the GET stream of a session, and ``subscriptions/listen`` (2026-07-28).

They carry no event ids, so nothing is replayed: whatever they announce is looked up anew, and an answer is never
among it. Each costs one request of the server under it, and no task or timer of its own here.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from callgate.adapters.mcp.guard import Admitted
from callgate.adapters.mcp.http import HttpReply
from callgate.adapters.mcp.stream import ClientStream
from callgate.adapters.mcp.wire import BUSY, encode, refuse
from callgate.flow.announcing import Heard, Listener
from callgate.flow.ports import Wish
from callgate.flow.serving import Serving

LOOK_S = 1.0
"""How often it is looked whether a stream may go on."""
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
Released = Callable[[Admitted, ClientStream], None]


class StandingStreams:
    def __init__(self, serving: Serving, released: Released, per_credential: int, most: int) -> None:
        """``released``: told that a request has become a standing stream."""
        self._serving = serving
        self._released = released
        self._per_credential = per_credential
        self._most = most
        self._open: dict[ClientStream, tuple[Admitted, asyncio.Event, Callable[[], bool]]] = {}
        self._count: dict[str, int] = {}
        """By credential."""
        self._armed = False

    def __len__(self) -> int:
        return len(self._open)

    def full(self, admitted: Admitted, id_json: bytes) -> HttpReply | None:
        """HTTP 429 when there are as many as there may be."""
        if self._count.get(admitted.credential.id, 0) < self._per_credential and len(self._open) < self._most:
            return None
        said = "There are as many standing streams as the gate takes; close one."
        return refuse(429, BUSY, said, id_json=id_json, data={"reason": "busy"})

    async def run(
        self,
        admitted: Admitted,
        stream: ClientStream,
        wish: Wish | None,
        listener: Callable[[Callable[[Heard], None]], Listener],
        *,
        subscription: object = None,
        opening: bytes = b"",
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        """Until the client leaves, or the stream may not go on: then it ends without an error.

        ``subscription``: id of the request (2026-07-28). ``opening``: the first message.
        ``alive``: whether it may go on, beside what Serving says.
        """
        over = asyncio.Event()

        def send(heard: Heard) -> None:
            if not stream.say(_message(heard, subscription)):
                # A client that takes nothing looks everything up when it comes back.
                over.set()

        key = admitted.credential.id
        self._open[stream] = (admitted, over, alive)
        self._count[key] = self._count.get(key, 0) + 1
        self._arm()
        stream.stand()
        self._released(admitted, stream)
        if opening:
            stream.say(opening)
        close = self._serving.listen(admitted.credential, listener(send), wish)
        try:
            await over.wait()
        finally:
            close()
            del self._open[stream]
            self._count[key] -= 1
            if not self._count[key]:
                del self._count[key]
        if subscription is None:
            await stream.end()
            return
        result = {"resultType": "complete", "_meta": {SUBSCRIPTION: subscription}}
        await stream.finish(encode({"jsonrpc": "2.0", "id": subscription, "result": result}))

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        for admitted, over, alive in self._open.values():
            if not alive() or not self._serving.may_listen(admitted.credential, admitted.integration):
                over.set()
        self._armed = False
        if self._open:
            self._arm()


def acknowledged(subscription: object, honoured: dict[str, Any]) -> bytes:
    """The first message of ``subscriptions/listen``: what of the wishes is listened to."""
    params = {"notifications": honoured, "_meta": {SUBSCRIPTION: subscription}}
    return encode({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params})


def _message(heard: Heard, subscription: object) -> bytes:
    params: dict[str, Any] = {}
    if heard.kind == "message":
        return b'{"jsonrpc":"2.0","method":"notifications/message","params":%b}' % heard.params
    method = f"notifications/{heard.kind}/list_changed"
    if heard.kind == "updated":
        method, params["uri"] = "notifications/resources/updated", heard.uri
    if subscription is not None:
        params["_meta"] = {SUBSCRIPTION: subscription}
    return encode({"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})})
