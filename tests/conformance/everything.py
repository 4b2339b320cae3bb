"""The server under test: everything the suite asks for, in both protocol eras, on the SDK's low-level server.

Run: ``python -m tests.conformance.everything``; prints its port on the first line.
"""

import itertools
import logging
import socket
import warnings

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.subscriptions import ListenHandler
from mcp_types import JSONRPCMessage

from tests.conformance import content, tools

NAME = "everything"
RETRY_MS = 100


class KeptEvents(EventStore):
    """What went out on each stream, so that a client that comes back gets the rest (Last-Event-ID)."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._kept: list[tuple[str, str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        number = str(next(self._numbers))
        self._kept.append((stream_id, number, message))
        return number

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        place = next((at for at, (_, number, _) in enumerate(self._kept) if number == last_event_id), None)
        if place is None:
            return None
        stream = self._kept[place][0]
        for of, number, message in self._kept[place + 1 :]:
            if of == stream and message is not None:
                await send_callback(EventMessage(message, number))
        return stream


def make_server() -> Server:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # logging is deprecated, and the older era has it
        server = Server(
            NAME,
            version="1",
            instructions="Only for the conformance suite.",
            get_tool_input_schema=tools.input_schema,
            on_list_tools=tools.list_tools,
            on_call_tool=tools.call_tool,
            on_list_resources=content.list_resources,
            on_list_resource_templates=content.list_templates,
            on_read_resource=content.read_resource,
            on_subscribe_resource=content.subscribe,
            on_unsubscribe_resource=content.unsubscribe,
            on_subscriptions_listen=ListenHandler(tools.changes),
            on_list_prompts=content.list_prompts,
            on_get_prompt=content.get_prompt,
            on_completion=content.complete,
            on_set_logging_level=content.set_level,
        )
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=NAME))
    return server


def main() -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    app = make_server().streamable_http_app(event_store=KeptEvents(), retry_interval=RETRY_MS)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    # h11 takes the blanks off header values (RFC 9110 section 5.5); httptools leaves trailing ones.
    uvicorn.Server(uvicorn.Config(app, http="h11", log_level="error", lifespan="on")).run(sockets=[listener])


if __name__ == "__main__":
    main()
