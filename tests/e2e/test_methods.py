"""The SDK's client reads resources, prompts and completions through a running gate: both eras, HTTP and stdio."""

import asyncio
import contextlib
import json
import subprocess
import sys

import pytest

from tests.e2e.harness import MODERN, ROOT, SERVERS, STOP_S, gate_in

pytest.importorskip("mcp")
pytestmark = pytest.mark.e2e

EVERYDAY = """
name = "everyday"
objective = "Look things up."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["local-work", "library"]
[[scopes]]
integration = "web"
tools = ["*"]
[[scopes]]
integration = "local"
tools = ["resources/read", "resources/list", "prompts/get", "completion/complete"]
"""
DOMAIN = """
[library]
title = "What may be looked up"
owner = "ana"
targets = ["mcp.resource:web/test:*", "mcp.resource:local/wiki:*"]
"""
BOTH = pytest.mark.parametrize("mode", ["legacy", "auto"])


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.everything"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )

    def prepare(gate):
        gate.contracts["everyday.toml"] = EVERYDAY
        gate.files["domains.toml"] += DOMAIN

    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with gate_in(tmp_path_factory.mktemp("methods"), prepare=prepare) as gate:
            gate.add("web", url=f"http://127.0.0.1:{port}/mcp", allow_private=True, manifest="none")
            gate.add(
                "local",
                command=[sys.executable, str(SERVERS / "stdio_app.py")],
                environment={"FAKE_LIBRARY": "1"},
                readable=[str(SERVERS)],
                manifest="none",
            )
            yield gate
            assert gate.stop() == 0
            assert "Traceback" not in gate.stderr.read_text()
    finally:
        server.kill()
        server.wait(STOP_S)
        server.stdout.close()


@contextlib.asynccontextmanager
async def sdk(gate, integration, mode, **more):
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    token = await asyncio.to_thread(gate.token)
    async with asyncio.timeout(60), create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http:
        transport = streamable_http_client(gate.url(integration), http_client=http)
        async with Client(transport, mode=mode, **more) as client:
            yield client


def error_of():
    from mcp.shared.exceptions import MCPError

    return pytest.raises(MCPError)


@BOTH
def test_everything_of_an_http_server(gate, mode):
    from mcp_types import PromptReference

    async def check():
        async with sdk(gate, "web", mode) as client:
            assert (client.protocol_version == MODERN) is (mode == "auto")
            assert client.server_capabilities.resources is not None
            assert client.server_capabilities.completions is not None
            uris = [str(one.uri) for one in (await client.list_resources()).resources]
            assert "test://static-text" in uris
            read = await client.read_resource("test://static-text")
            assert read.contents[0].text == "This is the content of the static text resource."
            assert read.meta["io.callgate/call"].startswith("call-")
            templates = (await client.list_resource_templates()).resource_templates
            assert [one.uri_template for one in templates] == ["test://template/{id}/data"]
            assert json.loads((await client.read_resource("test://template/7/data")).contents[0].text)["id"] == "7"
            names = [one.name for one in (await client.list_prompts()).prompts]
            assert "test_prompt_with_arguments" in names
            prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "ü"})
            assert "arg2='ü'" in prompt.messages[0].content.text
            found = await client.complete(
                PromptReference(name="test_prompt_with_arguments"), {"name": "arg1", "value": "par"}
            )
            assert found.completion.values == ["paris", "park", "party"]
            with error_of() as missing:
                await client.read_resource("test://nothing")
            assert (missing.value.error.code, missing.value.error.message) == (-32602, "Resource not found")
            with error_of() as unknown:
                await client.get_prompt("nothing")
            assert unknown.value.error.code == -32602
            assert "no prompt of this name" in unknown.value.error.message

    asyncio.run(check())


@BOTH
def test_everything_of_a_stdio_server(gate, mode):
    async def check():
        async with sdk(gate, "local", mode) as client:
            assert [str(one.uri) for one in (await client.list_resources()).resources] == ["wiki://home"]
            assert (await client.read_resource("wiki://home")).contents[0].text == "text of wiki://home"
            assert [one.name for one in (await client.list_prompts()).prompts] == ["review"]
            prompt = await client.get_prompt("review", {"file": "a.py"})
            said = json.loads(prompt.messages[0].content.text)
            assert (said["name"], said["arguments"]) == ("review", {"file": "a.py"})

    asyncio.run(check())


@BOTH
def test_a_read_that_waits_is_read_again_after_the_answer(gate, mode):
    async def check():
        uri = f"diary://{mode}/today"
        async with sdk(gate, "local", mode) as client:
            with error_of() as waits:
                await client.read_resource(uri)
            facts = waits.value.error.data
            assert (waits.value.error.code, facts["status"], facts["codes"]) == (423, "pending_approval", ["no_domain"])
            assert facts["approval_id"] in waits.value.error.message
            assert "callgate_await_approval" in waits.value.error.message
            shown = gate.get("holds", facts["approval_id"])
            assert shown["hold"]["sentence"] == f'Read the resource "{uri}"'
            assert shown["targets"] == [f"mcp.resource:local/{uri}"]
            await asyncio.to_thread(gate.approve, facts["approval_id"])
            by_tool = await client.call_tool(
                "callgate_await_approval", {"approval_id": facts["approval_id"], "wait_seconds": 20}
            )
            assert by_tool.structured_content["contents"][0]["text"] == f"text of {uri}"
            assert by_tool.content[0].resource.text == f"text of {uri}"

    asyncio.run(check())


def test_a_read_that_was_approved_is_collected_by_the_same_read(gate):
    async def check():
        uri = "diary://again/today"
        async with sdk(gate, "local", "legacy") as client:
            with error_of() as waits:
                await client.read_resource(uri)
            hold = waits.value.error.data["approval_id"]
            await asyncio.to_thread(gate.approve, hold)
            async with asyncio.timeout(20):
                while gate.get("holds", hold)["hold"]["state"] != "executed":
                    await asyncio.sleep(0.05)
            assert (await client.read_resource(uri)).contents[0].text == f"text of {uri}"

    asyncio.run(check())


@pytest.mark.filterwarnings("ignore:The logging capability is deprecated")
def test_log_messages_follow_the_level_of_each_client(gate):
    async def check():
        loud, quiet, unset = [], [], []

        def taking(into):
            async def take(params):
                into.append(params.level)

            return take

        async with (
            sdk(gate, "local", "legacy", logging_callback=taking(loud)) as one,
            sdk(gate, "local", "legacy", logging_callback=taking(quiet)) as other,
            sdk(gate, "local", "auto", logging_callback=taking(unset)) as modern,
        ):
            await other.set_logging_level("error")
            await one.set_logging_level("debug")
            for client in (one, other, modern):
                assert (await client.read_resource("wiki://loud")).contents
        assert (loud, quiet, unset) == (["debug", "error"], ["error"], [])

    asyncio.run(check())


def test_what_happened_reads_well_and_names_nothing(gate):
    async def check():
        async with sdk(gate, "local", "auto") as client:
            await client.read_resource("wiki://very-private")

    asyncio.run(check())
    ledger = json.dumps([one["event"] for one in gate.events()])
    assert "resources/read" in ledger
    assert "very-private" not in ledger
    decided = [one for one in gate.events() if one["kind"] == "decided" and one["what"] == "local/resources/read"][-1]
    assert decided["summary"].startswith("local/resources/read for ")
    explained = gate.command("explain", decided["call"])
    assert explained.returncode == 0, explained.stderr
    assert "resources/read" in explained.stdout
    tools = gate.command("tools", "local").stdout
    assert "Of the protocol, which only looks: resources/list, resources/read" in tools
    assert "1 prompt" in gate.command("integrations", "list").stdout
    assert gate.verify()["ok"]
