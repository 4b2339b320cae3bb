"""The `mcp` SDK's client listens through the gate, in both protocol eras, to the server of the conformance run."""

import asyncio
import contextlib
import json
import warnings
from typing import Any

import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPDeprecationWarning

from tests.conformance.columns import INTEGRATION, bare, through_gate
from tests.e2e.harness import MODERN

pytestmark = pytest.mark.e2e
WAIT_S = 60


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with bare() as url, through_gate(url, tmp_path_factory.mktemp("g")) as (_, opened):
        yield opened


@contextlib.asynccontextmanager
async def connected(gate: Any, mode: str, hear: Any = None):
    headers = {"Authorization": f"Bearer {gate.token()}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        async with asyncio.timeout(WAIT_S), create_mcp_http_client(headers=headers) as http:
            transport = streamable_http_client(gate.url(INTEGRATION), http_client=http)
            async with Client(transport, mode=mode, message_handler=hear) as client:
                yield client


def test_a_session_hears_on_its_standing_stream(gate):
    async def check() -> None:
        heard = asyncio.Event()

        async def hear(message: Any) -> None:
            if getattr(message, "method", "") == "notifications/tools/list_changed":
                heard.set()

        async with connected(gate, "legacy", hear) as client:
            await client.subscribe_resource("test://static-text")
            await client.unsubscribe_resource("test://static-text")
            while not heard.is_set():
                # The client opens its stream beside the first requests, so the first change may come too soon.
                await client.call_tool("test_trigger_tool_change", {})
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), 0.5)

    asyncio.run(check())


def test_2026_07_28_listens_to_lists_and_resources(gate):
    async def check() -> None:
        async with connected(gate, MODERN) as client:
            uris = ["test://static-text"]
            async with client.listen(tools_list_changed=True, resource_subscriptions=uris) as subscription:
                assert subscription.honored.tools_list_changed is True
                changes = aiter(subscription)
                waiting = asyncio.ensure_future(anext(changes))
                while not waiting.done():
                    # The server's own stream is opened beside the acknowledgement.
                    await client.call_tool("test_trigger_tool_change", {})
                    await asyncio.wait((waiting,), timeout=0.5)
                assert type(waiting.result()).__name__ == "ToolsListChanged"

    asyncio.run(check())


def test_who_is_halted_hears_no_more(gate):
    async def check() -> None:
        async with connected(gate, MODERN) as client, client.listen(tools_list_changed=True) as subscription:
            body = {"scope": "integration", "what": INTEGRATION, "reason": "enough"}
            halt = json.loads(await asyncio.to_thread(gate.api.post, "halts", body=body))
            try:
                # The gate ends it as the protocol wants: no error, the loop just ends.
                async for _ in subscription:
                    pass
            finally:
                await asyncio.to_thread(gate.act, "halts", halt["id"], "resume", act={})

    asyncio.run(check())
