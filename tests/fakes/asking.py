"""A server that asks back: requests of its own inside a call's exchange, and what it was told."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from callgate.core.jsonrpc import parse_upstream
from callgate.core.message import Message
from callgate.flow.ports import Outbound, Permitted, always
from callgate.model.errors import UpstreamError
from tests.fakes.upstream import FakeUpstream

FORM = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def elicit(id_: Any = "s-1", message: str = "Who?", **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "method": "elicitation/create",
        "params": {"message": message, "requestedSchema": FORM, **more},
    }


def sample(id_: Any = "s-2") -> dict[str, Any]:
    said = {"role": "user", "content": {"type": "text", "text": "hi"}}
    return {"id": id_, "method": "sampling/createMessage", "params": {"messages": [said], "maxTokens": 9}}


def roots(id_: Any = "s-3") -> dict[str, Any]:
    return {"id": id_, "method": "roots/list"}


class AskingExchange:
    """Says everything, then waits for ``wanted`` answers, then gives its result. ``fault``: for each answer sent."""

    def __init__(self, asks: Sequence[dict[str, Any]], wanted: int, fault: UpstreamError | None = None) -> None:
        self._asks = asks
        self._wanted = wanted
        self._fault = fault
        self._told = asyncio.Event()
        self.answers: list[dict[str, Any]] = []
        self.permitted: Permitted = always

    async def __aiter__(self) -> AsyncIterator[Message]:
        if not self.permitted():
            raise UpstreamError("What permitted the call changed before it was sent.", code="stopped")
        for ask in self._asks:
            yield parse_upstream(msgspec.json.encode({"jsonrpc": "2.0", **ask}))
        while len(self.answers) < self._wanted:
            self._told.clear()
            async with asyncio.timeout(10):
                await self._told.wait()
        result = {"content": [{"type": "text", "text": "done"}], "isError": False}
        yield parse_upstream(msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": result}))

    async def answer(self, message: bytes) -> None:
        self.answers.append(msgspec.json.decode(message))
        self._told.set()
        if self._fault is not None:
            raise self._fault

    async def cancel(self) -> None:
        return


def ask_back(
    upstream: FakeUpstream, *asks: dict[str, Any], wanted: int | None = None, fault: UpstreamError | None = None
) -> AskingExchange:
    """The next calls of this upstream ask back."""
    exchange = AskingExchange(asks, len(asks) if wanted is None else wanted, fault)

    async def open_(request: Outbound, permitted: Permitted = always) -> Any:
        upstream.sent.append(request)
        exchange.permitted = permitted
        return exchange

    upstream.open = open_  # type: ignore[method-assign]
    return exchange
