"""``/mcp`` and ``callgate stdio`` with real clients, a real gate and real servers of each era."""

import asyncio
import contextlib
import json
import subprocess
import time

import pytest

from tests.e2e import harness
from tests.e2e.harness import MODERN, PASSPHRASE, START_S, STOP_S, Gate, effects_in, gate_in, git_server
from tests.e2e.rules import everyday, produce

mcp = pytest.importorskip("mcp")
pytestmark = pytest.mark.e2e
EVERYDAY = everyday(("git", "old", "new", "keeps"))


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    git_server()
    folder = tmp_path_factory.mktemp("g")
    (folder / "o").mkdir()
    (folder / "n").mkdir()
    (folder / "k").mkdir()
    with (
        effects_in(folder / "o", "handshake") as old,
        effects_in(folder / "n", "stateless") as new,
        effects_in(folder / "k", "sessions") as keeps,
        gate_in(folder, git=True, begin=False, prepare=_widened) as gate,
    ):
        gate.start()
        gate.add("old", url=old.url, allow_private=True, manifest="git")
        gate.add("new", url=new.url, allow_private=True, manifest="git")
        gate.add("keeps", url=keeps.url, allow_private=True, manifest="git")
        gate.old, gate.new, gate.keeps = old, new, keeps
        done = gate.command("login", "--runtime", "codex", "--passphrase-fd", "0", stdin=PASSPHRASE)
        assert done.returncode == 0, done.stderr
        yield gate
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


def _widened(gate: Gate) -> None:
    produce(gate, ("old", "new", "keeps"))
    gate.contracts["everyday.toml"] = EVERYDAY


@pytest.fixture(scope="module")
def repository(gate):
    return str(gate.folder / "h-scratch")


@contextlib.asynccontextmanager
async def over_http(gate: Gate, mode: str):
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    url = gate.url("").rstrip("/")
    headers = {"Authorization": f"Bearer {await asyncio.to_thread(gate.token)}"}
    async with asyncio.timeout(60), create_mcp_http_client(headers=headers) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            yield client


@contextlib.asynccontextmanager
async def over_stdio(gate: Gate, mode: str, *words: str):
    from mcp import StdioServerParameters
    from mcp.client.client import Client
    from mcp.client.stdio import stdio_client

    arguments = ["stdio", *words, "--runtime", "codex"]
    with (gate.folder / "front").open("w") as errors:
        started = StdioServerParameters(command=str(harness.CALLGATE), args=arguments, env=gate.environment)
        async with asyncio.timeout(60), Client(stdio_client(started, errlog=errors), mode=mode) as client:
            yield client


CONNECTED = {"http": over_http, "stdio": over_stdio}


@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
@pytest.mark.parametrize("way", ["http", "stdio"])
def test_all_integrations_on_one_endpoint(gate, repository, way, mode):
    async def check():
        async with CONNECTED[way](gate, mode) as client:
            assert client.protocol_version == ("2025-11-25" if mode == "legacy" else MODERN)
            tools = (await client.list_tools()).tools
            names = [tool.name for tool in tools]
            assert {name.partition("__")[0] for name in names if "__" in name} == {"git", "keeps", "new", "old"}
            assert all(len(name) <= 48 for name in names)
            assert names.count("callgate_await_approval") == 1
            for integration in ("git", "old", "new"):
                read = await client.call_tool(f"{integration}__git_status", {"repo_path": repository})
                assert not read.is_error, read
                assert read.meta["io.callgate/call"]
            for unknown in ("git_status", "git__git_nothing", "mail__send"):
                refused = await client.call_tool(unknown, {})
                assert refused.is_error
                assert refused.structured_content["codes"] == ["unknown_tool"]

    asyncio.run(check())
    bodies = [event["event"]["data"]["body"] for event in gate.events()]
    tools = {body["tool"] for body in bodies if body["kind"] == "decided"}
    assert "git_status" in tools
    assert not any("__" in tool for tool in tools)


@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
def test_one_integration_over_stdio(gate, repository, mode):
    async def check():
        async with over_stdio(gate, mode, "git") as client:
            assert client.protocol_version == ("2025-11-25" if mode == "legacy" else MODERN)
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert "git_status" in names
            read = await client.call_tool("git_status", {"repo_path": repository})
            assert "branch" in read.content[0].text
            refused = await client.call_tool("git_status", {"repo_path": repository, "force": True})
            assert refused.structured_content["status"] == "refused"

    asyncio.run(check())


def test_the_gates_session_is_kept_and_opened_again(gate, repository):
    async def check():
        async with over_http(gate, "legacy") as one, over_stdio(gate, MODERN) as other:

            async def session(client):
                return (await client.call_tool("keeps__git_status", {"repo_path": repository})).content[0].text

            first = await session(one)
            assert first.startswith("s-")
            assert await session(other) == first
            await asyncio.to_thread(gate.keeps.stop)
            await asyncio.to_thread(gate.keeps.start)
            gone = await one.call_tool("keeps__git_status", {"repo_path": repository})
            assert gone.structured_content["codes"] == ["session_gone"]
            second = await session(other)
            assert second.startswith("s-")
            assert second != first
            assert await session(one) == second

    asyncio.run(check())


@pytest.mark.parametrize("mode", ["legacy", MODERN])
def test_a_call_that_waits_is_collected_over_stdio(gate, repository, mode):
    async def check():
        async with over_stdio(gate, mode) as client:
            arguments = {"repo_path": repository, "message": f"by {mode}"}
            waits = await client.call_tool("old__git_commit", arguments)
            hold = waits.structured_content["approval_id"]
            await asyncio.to_thread(gate.approve, hold)
            done = await client.call_tool("callgate_await_approval", {"approval_id": hold, "wait_seconds": 20})
            assert not done.is_error, done

    asyncio.run(check())


@pytest.mark.parametrize("mode", ["legacy", MODERN])
def test_many_at_once_over_stdio(gate, repository, mode):
    async def check():
        async with over_stdio(gate, mode) as client:
            async with asyncio.TaskGroup() as group:
                calls = [
                    group.create_task(client.call_tool("new__git_status", {"repo_path": f"{repository}/{number}"}))
                    for number in range(24)
                ]
            assert len({call.result().meta["io.callgate/call"] for call in calls}) == 24

    asyncio.run(check())


class Front:
    """``callgate stdio`` as a plain program."""

    def __init__(self, gate: Gate, *words: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [str(harness.CALLGATE), "stdio", *words],
            env={**gate.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def say(self, message) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, method, params=None, id_=1):
        self.say({"jsonrpc": "2.0", "id": id_, "method": method, **({"params": params} if params is not None else {})})
        return self.hear()

    def greet(self):
        found = self.ask("initialize", GREETING, 0)
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return found

    def leave(self) -> tuple[int, str]:
        """Exit code and stderr; nothing more may come on stdout."""
        rest, errors = self.process.communicate(timeout=STOP_S)
        assert rest == b"", rest
        return self.process.returncode, errors.decode()


GREETING = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "desktop", "version": "1"}}


def test_it_is_there_at_once_and_leaves_with_its_client(gate):
    began = time.monotonic()
    front = Front(gate, "git", "--runtime", "codex")
    assert front.greet()["result"]["serverInfo"]["name"]
    took = time.monotonic() - began
    assert front.leave() == (0, "")
    assert took < START_S / 10


def test_what_is_no_message_is_answered_as_such(gate):
    front = Front(gate, "git", "--runtime", "codex")
    front.say(b"{no json")
    assert front.hear()["error"]["code"] == -32700
    front.say(b"[]")
    assert front.hear()["error"]["code"] == -32600
    front.greet()
    assert front.ask("tools/nothing")["error"]["code"] == -32601
    front.say(b'{"jsonrpc":"2.0","id":7,"method":"ping","method":"ping"}')
    assert front.hear()["id"] == 7
    assert front.leave()[0] == 0


def test_nobody_is_signed_in(gate):
    front = Front(gate, "git", "--runtime", "cursor")
    error = front.ask("initialize", GREETING)["error"]
    assert "callgate login --runtime cursor" in error["message"]
    code, said = front.leave()
    assert code == 1
    assert said.count("callgate login --runtime cursor") == 1


def test_a_token_handed_over_and_a_refused_one(gate, tmp_path):
    token = gate.token()
    kept = tmp_path / "token"
    kept.write_text(token)
    kept.chmod(0o600)
    endpoint = gate.url("").rstrip("/")
    for words, environment in (((), {"CALLGATE_TOKEN": token}), (("--token-file", str(kept)), {})):
        front = Front(gate, "git", "--endpoint", endpoint, *words, **environment)
        assert "result" in front.greet()
        assert front.leave() == (0, "")
    front = Front(gate, "git", "--endpoint", endpoint, CALLGATE_TOKEN=token[:-4] + "AAAA")
    assert "refuses the token" in front.ask("initialize", GREETING)["error"]["message"]
    assert front.leave()[0] == 1
    kept.chmod(0o644)
    front = Front(gate, "git", "--endpoint", endpoint, "--token-file", str(kept))
    assert "Other users" in front.ask("initialize", GREETING)["error"]["message"]
    assert front.leave()[0] == 1


def test_there_is_no_such_integration(gate):
    front = Front(gate, "nothing", "--runtime", "codex")
    assert front.ask("initialize", GREETING)["error"]["data"]["reason"] == "no_integration"
    code, said = front.leave()
    assert (code, "callgate integrations list" in said) == (2, True)


def test_no_gate_is_running(gate, tmp_path):
    front = Front(gate, "git", "--endpoint", "http://127.0.0.1:9/mcp", CALLGATE_TOKEN="abc")
    error = front.ask("initialize", GREETING)["error"]
    assert error["data"]["reason"] == "not_sent"
    assert "callgate serve" in error["message"]
    code, said = front.leave()
    assert (code, "callgate serve" in said) == (2, True)


def test_a_login_that_is_revoked_and_renewed_while_the_client_stays(gate, repository):
    front = Front(gate, "--runtime", "codex")
    front.greet()
    call = {"name": "git__git_status", "arguments": {"repo_path": repository}}
    assert "result" in front.ask("tools/call", call)
    assert gate.command("logout", "--runtime", "codex").returncode == 0
    assert "callgate login --runtime codex" in front.ask("tools/call", call, 2)["error"]["message"]
    done = gate.command("login", "--runtime", "codex", "--passphrase-fd", "0", stdin=PASSPHRASE)
    assert done.returncode == 0, done.stderr
    assert not front.ask("tools/call", call, 3)["result"].get("isError")
    assert front.leave()[0] == 0


def test_a_gate_that_restarts_while_the_client_stays(gate, repository):
    front = Front(gate, "old", "--runtime", "codex")
    front.greet()
    call = {"name": "git_status", "arguments": {"repo_path": repository}}
    assert not front.ask("tools/call", call)["result"].get("isError")
    assert gate.stop() == 0
    gate.start()
    assert not front.ask("tools/call", call, 2)["result"].get("isError")
    assert front.leave() == (0, "")
