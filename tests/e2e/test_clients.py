"""Real clients against a real gate: the `mcp` SDK in every mode; the assistants stand in test_stand_ins.py.

Behind the gate: the Git server over stdio, one HTTP server of each era, and one of both written with the SDK.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import META, MODERN, PASSPHRASE, ROOT, Gate, effects_in, gate_in, git_server
from tests.e2e.rules import everyday, produce

mcp = pytest.importorskip("mcp")
pytestmark = pytest.mark.e2e
EVERYDAY = everyday(("git", "old", "new", "practice"))
HTTP = ("old", "new", "practice")


@contextlib.contextmanager
def practice_server():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.servers.http_app", "sse"], stdout=subprocess.PIPE, cwd=ROOT
    )
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    git_server()
    folder = tmp_path_factory.mktemp("g")
    (folder / "o").mkdir()
    (folder / "n").mkdir()
    with (
        effects_in(folder / "o", "handshake") as old,
        effects_in(folder / "n", "stateless") as new,
        practice_server() as practice,
        gate_in(folder, git=True, begin=False, prepare=_widened) as gate,
    ):
        gate.start()
        gate.add("old", url=old.url, allow_private=True, manifest="git")
        gate.add("new", url=new.url, allow_private=True, manifest="git")
        gate.add("practice", url=practice, allow_private=True)
        gate.old, gate.new = old, new
        yield gate
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


def _widened(gate: Gate) -> None:
    produce(gate, HTTP)
    gate.contracts["everyday.toml"] = EVERYDAY


@pytest.fixture(scope="module")
def token(gate):
    return gate.token()


@pytest.fixture(scope="module")
def repository(gate):
    return str(gate.folder / "h-scratch")


def stage(repository: str, name: str) -> None:
    """Something to commit."""
    (Path(repository) / name).write_text(name)
    subprocess.run(["git", "-C", repository, "add", name], check=True, timeout=30)


@contextlib.asynccontextmanager
async def sdk(gate: Gate, integration: str, mode: str, token: str):
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    async with asyncio.timeout(60), create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http:
        async with Client(streamable_http_client(gate.url(integration), http_client=http), mode=mode) as client:
            yield client


async def approved(gate: Gate, client, pending):
    """Somebody says yes; the client collects."""
    facts = pending.structured_content
    assert facts["status"] == "pending_approval", facts
    await asyncio.to_thread(gate.approve, facts["approval_id"])
    return await client.call_tool("callgate_await_approval", {"approval_id": facts["approval_id"], "wait_seconds": 20})


@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
def test_the_sdk_over_stdio(gate, token, repository, mode):
    async def check():
        async with sdk(gate, "git", mode, token) as client:
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert "git_status" in names
            assert names[-1].startswith("callgate_")
            read = await client.call_tool("git_status", {"repo_path": repository})
            assert not read.is_error
            assert "branch" in read.content[0].text
            undeclared = await client.call_tool("git_status", {"repo_path": repository, "force": True})
            assert undeclared.is_error
            assert undeclared.structured_content["status"] == "refused"
            (gate.folder / "h-scratch" / f"{mode}.txt").write_text(mode)
            staged = await client.call_tool("git_add", {"repo_path": repository, "files": [f"{mode}.txt"]})
            assert not staged.is_error
            waits = await client.call_tool("git_commit", {"repo_path": repository, "message": f"by {mode}"})
            done = await approved(gate, client, waits)
            assert "committed successfully" in done.content[0].text
            log = await client.call_tool("git_log", {"repo_path": repository, "max_count": 1})
            assert f"by {mode}" in log.content[0].text

    asyncio.run(check())


@pytest.mark.parametrize(
    ("integration", "mode"),
    [
        ("old", "legacy"),
        ("old", "auto"),
        ("new", "auto"),
        ("new", MODERN),
        ("practice", "legacy"),
        ("practice", "auto"),
        ("practice", MODERN),
    ],
)
def test_the_sdk_over_http(gate, token, integration, mode):
    async def check():
        async with sdk(gate, integration, mode, token) as client:
            assert (await client.list_tools()).tools
            if integration == "practice":
                waits = await client.call_tool("add", {"a": 2, "b": len(mode)})
                done = await approved(gate, client, waits)
                assert done.content[0].text == str(2 + len(mode))
                return
            read = await client.call_tool("git_status", {"repo_path": "/srv/app"})
            assert "git_status" in read.content[0].text
            made = await client.call_tool("git_create_branch", {"repo_path": "/srv/app", "branch_name": f"b-{mode}"})
            assert not made.is_error
            effects = {"old": gate.old, "new": gate.new}[integration]
            assert f"b-{mode}" in [one.get("branch") for one in effects.seen()]

    asyncio.run(check())


def test_a_client_of_the_wrong_era_gets_a_clear_answer(gate, token):
    answer = gate.modern("tools/list", {}, token=token, path="/mcp/old")
    assert answer.status == 400
    # No code of 2026-07-28: a client of both eras then falls back to initialize.
    assert answer.message["error"]["code"] == -32600
    assert answer.message["error"]["data"] == {"reason": "handshake_only"}
    begin = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    answer = gate.send(
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": begin}, token=token, path="/mcp/new"
    )
    assert answer.status == 400
    assert answer.message["error"]["code"] == -32022
    assert answer.message["error"]["data"]["supported"] == [MODERN]


def test_progress_passes(gate, token):
    async def check():
        async with sdk(gate, "practice", "auto", token) as client:
            waits = await client.call_tool("steps", {"count": 3})
            done = await approved(gate, client, waits)
            assert "done" in done.content[0].text

    asyncio.run(check())


def test_a_no_reaches_the_assistant_and_stands(gate, token):
    async def check():
        async with sdk(gate, "old", "legacy", token) as client:
            waits = await client.call_tool("git_commit", {"repo_path": "/srv/app", "message": "no"})
            facts = waits.structured_content
            await asyncio.to_thread(gate.deny, facts["approval_id"])
            told = await client.call_tool("callgate_await_approval", {"approval_id": facts["approval_id"]})
            assert told.is_error
            assert told.structured_content["status"] == "refused"
            again = await client.call_tool("git_commit", {"repo_path": "/srv/app", "message": "otherwise"})
            assert again.structured_content["status"] == "refused"
            assert not [effect for effect in gate.old.seen() if effect["tool"] == "git_commit"]

    asyncio.run(check())


def test_claude_code_as_it_speaks(gate, repository):
    """server/discover, a listening stream it opens at once, calls with routing headers and its _meta."""
    stage(repository, "claude.txt")
    token = gate.token("claude-code")
    headers = {"User-Agent": "claude-code/2.1.330 (sdk-cli)"}
    meta = {
        **META,
        "io.modelcontextprotocol/clientCapabilities": {"roots": {}, "elicitation": {"form": {}, "url": {}}},
        "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "2.1.330"},
    }
    found = gate.modern("server/discover", {"_meta": meta}, token=token, headers=headers)
    assert found.status == 200, found.body
    assert MODERN in found.result["supportedVersions"]
    listed = gate.modern("tools/list", {"_meta": meta}, token=token, headers=headers)
    assert listed.result["cacheScope"] == "private"
    assert listed.result["resultType"] == "complete"
    used = {**meta, "claudecode/toolUseId": "toolu_1", "progressToken": 7}
    read = gate.call("git_status", {"repo_path": repository}, token=token, meta=used, headers=headers)
    assert read.result["resultType"] == "complete"
    assert "branch" in read.text
    waits = gate.call(
        "git_commit", {"repo_path": repository, "message": "by claude"}, token=token, meta=used, headers=headers
    )
    assert waits.result["isError"] is True
    assert waits.facts["approval_id"] in waits.text
    assert waits.result["resultType"] == "complete"
    other = gate.token("codex")
    stranger = gate.await_approval(waits.facts["approval_id"], token=other, wait=0)
    assert stranger.status in (200, 400)
    assert "approval_id" not in json.dumps(stranger.message.get("result", {})), "another runtime learns nothing"
    gate.approve(waits.facts["approval_id"], passphrase=PASSPHRASE)
    done = gate.await_approval(waits.facts["approval_id"], token=token)
    assert "committed successfully" in done.text
    events = gate.events(call=waits.facts["call_id"])
    assert [event["kind"] for event in events] == ["decided", "asked", "voted", "decided", "finished"]
