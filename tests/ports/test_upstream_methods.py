"""What is read of a server beside its tools, and log messages over a child that several clients share."""

import asyncio
import sys
from contextlib import asynccontextmanager

import msgspec
import pytest

from callgate.adapters.secrets.refs import resolve
from callgate.adapters.upstream import discovery
from callgate.adapters.upstream.discovery import Probe, discover_bridged
from callgate.adapters.upstream.stdio import StdioUpstream
from callgate.core.jsonrpc import parse_upstream
from callgate.flow.ports import Opened, Outbound
from callgate.model.errors import UpstreamError
from callgate.model.tool import Integration
from tests.ports.test_upstream import LOG, SERVERS, MachineClock, call, fault_of, messages, text_of

OFFERED = {"tools": {}, "prompts": {"listChanged": True}, "resources": {"subscribe": True, "listChanged": False}}


class Paged:
    """Answers lists from ``pages``: method to (cursor or None) to result or error."""

    def __init__(self, pages, capabilities=OFFERED):
        self.pages = pages
        self.capabilities = capabilities
        self.asked = []

    async def open(self, request: Outbound):
        params = msgspec.json.decode(request.params)
        self.asked.append((request.method, params.get("cursor")))
        found = self.pages.get(request.method, {}).get(params.get("cursor"), {"code": -32601, "message": "no"})
        member = {"error": found} if "code" in found else {"result": found}

        async def said():
            yield parse_upstream(msgspec.json.encode({"jsonrpc": "2.0", "id": 1, **member}))

        return said()

    async def discover(self):
        result = {"protocolVersion": "2025-11-25", "capabilities": self.capabilities, "serverInfo": {"name": "paged"}}
        opened = Opened(session="", protocol="2025-11-25", result=msgspec.json.encode(result))
        return await discover_bridged(Probe(open=self.open, initialize=None, end=None), opened)


TOOLS = {None: {"tools": [{"name": "a"}]}}


def test_prompts_and_templates_are_read_over_all_pages():
    server = Paged(
        {
            "tools/list": TOOLS,
            "prompts/list": {
                None: {"prompts": [{"name": "p1"}], "nextCursor": "2"},
                "2": {"prompts": [{"name": "p2"}]},
            },
            "resources/templates/list": {None: {"resourceTemplates": [{"uriTemplate": "a:{b}"}]}},
        }
    )
    found = asyncio.run(server.discover())
    assert found.prompts == (b'{"name":"p1"}', b'{"name":"p2"}')
    assert found.templates == (b'{"uriTemplate":"a:{b}"}',)
    assert found.offers == ("tools", "prompts", "prompts.listChanged", "resources", "resources.subscribe")
    assert found.offers_modern == ()
    assert server.asked == [
        ("tools/list", None),
        ("prompts/list", None),
        ("prompts/list", "2"),
        ("resources/templates/list", None),
    ]


def test_only_what_is_offered_is_asked_for():
    server = Paged({"tools/list": TOOLS}, {"tools": {}, "experimental": {"x": {}}, "logging": None})
    found = asyncio.run(server.discover())
    assert (found.prompts, found.templates, found.offers) == ((), (), ("tools",))
    assert server.asked == [("tools/list", None)]


def test_a_server_without_tools_and_one_without_templates_can_be_connected():
    server = Paged({"prompts/list": {None: {"prompts": []}}}, {"prompts": {}, "resources": {}})
    found = asyncio.run(server.discover())
    assert (found.tools, found.prompts, found.templates) == ((), (), ())


@pytest.mark.parametrize(
    "pages",
    [
        {"tools/list": TOOLS},
        {"tools/list": {}, "prompts/list": {None: {"prompts": []}}},
        {"tools/list": TOOLS, "prompts/list": {None: {"tools": []}}},
        {
            "tools/list": TOOLS,
            "prompts/list": {None: {"prompts": [], "nextCursor": "1"}, "1": {"prompts": [], "nextCursor": "1"}},
        },
        {"tools/list": TOOLS, "prompts/list": {None: {"prompts": [{"name": str(n)} for n in range(2_001)]}}},
    ],
    ids=["refused", "no tools after all", "another list", "endless", "too many"],
)
def test_a_list_that_a_server_says_to_have_and_does_not_give_is_a_fault(pages):
    with pytest.raises(UpstreamError) as fault:
        asyncio.run(Paged(pages).discover())
    assert fault.value.code in ("rejected", "bad_listing")


def test_a_list_is_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(discovery, "MAX_BYTES", 100)
    pages = {"tools/list": TOOLS, "prompts/list": {None: {"prompts": [{"name": "a" * 101}]}}}
    with pytest.raises(UpstreamError):
        asyncio.run(Paged(pages).discover())


def library() -> Integration:
    return Integration(
        name="rough",
        actor="local",
        command=(sys.executable, str(SERVERS / "stdio_app.py")),
        environment={"FAKE_LIBRARY": "1"},
        readable=(str(SERVERS),),
    )


@asynccontextmanager
async def running(folder):
    upstream = StdioUpstream(library(), resolve, MachineClock(), LOG, folder=folder)
    try:
        async with asyncio.timeout(20):
            yield upstream
    finally:
        async with asyncio.timeout(20):
            await upstream.close()


def test_everything_of_a_child_is_discovered_and_can_be_used(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            found = await upstream.discover()
            assert found.offers == ("tools", "prompts", "resources", "completions", "logging")
            assert [msgspec.json.decode(one)["name"] for one in found.prompts] == ["review"]
            assert [msgspec.json.decode(one)["uriTemplate"] for one in found.templates] == ["wiki://{page}"]
            (answer,) = await messages(upstream, Outbound("resources/read", b'{"uri":"wiki://home"}'))
            assert msgspec.json.decode(answer.result)["contents"][0]["text"] == "text of wiki://home"

    asyncio.run(body())


def test_log_messages_come_with_the_only_call_under_way(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            found = await messages(upstream, call("log"))
            assert [message.method for message in found] == ["notifications/message"] * 2 + [""]
            waiting = asyncio.create_task(fault_of(upstream, call("forever", deadline_ms=2_000)))
            while upstream.active == 0:
                await asyncio.sleep(0.005)
            dropped = upstream.dropped
            assert [message.method for message in await messages(upstream, call("log"))] == [""]
            assert upstream.dropped == dropped + 2
            await waiting

    asyncio.run(body())


def test_a_shared_child_is_set_to_the_most_verbose_level_once(tmp_path):
    async def body():
        async with running(tmp_path) as upstream:
            for level in ("error", "warning", "error", "warning", "debug", "", "info"):
                await messages(upstream, call("log", {"say": []}, log_level=level))
            said = text_of((await messages(upstream, call("levels")))[-1])
            assert msgspec.json.decode(said) == ["error", "warning", "debug"]
            await fault_of(upstream, call("die"))
            await messages(upstream, call("log", {"say": []}, log_level="warning"))
            again = text_of((await messages(upstream, call("levels")))[-1])
            assert msgspec.json.decode(again) == ["warning"], "a child that was started again knows of no level"

    asyncio.run(body())
