"""The command in processes of its own: both transports, both eras, kept states, snapshots and what changed."""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys

import pytest

from callgate_practice import servers
from callgate_practice import world as world_module

ROOT = pathlib.Path(__file__).parents[2]
CALLGATE = pathlib.Path(sys.prefix) / "bin" / "callgate"
WAIT_S = 60
MODERN = "2026-07-28"
READS = {
    "github": ("get_me", {}),
    "gmail": ("search_threads", {"query": "from:ben"}),
    "gmail-workspace": ("list_gmail_labels", {"user_google_email": "ana@acme.example"}),
    "google-drive": ("list_drive_items", {"user_google_email": "ana@acme.example"}),
    "figma": ("whoami", {}),
    "notion": ("API-get-self", {}),
    "slack": ("slack_read_user_profile", {}),
    "cloudflare": ("workers_list", {}),
}


def run(*words, stdin=""):
    done = [str(CALLGATE), "practice", *map(str, words)]
    return subprocess.run(done, input=stdin, capture_output=True, text=True, timeout=WAIT_S, check=False)


def call(number, tool, **given):
    params = {"name": tool, "arguments": given}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}) + "\n"


@contextlib.contextmanager
def over_http(server, *words):
    """Its URL."""
    process = subprocess.Popen(
        [str(CALLGATE), "practice", server, "--http", "0", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_S)


@contextlib.asynccontextmanager
async def client_of(way, server, mode):
    from mcp import StdioServerParameters
    from mcp.client.client import Client
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamable_http_client

    async with contextlib.AsyncExitStack() as stack:
        if way == "http":
            transport = streamable_http_client(stack.enter_context(over_http(server)))
        else:
            environment = {"PATH": os.environ["PATH"]}
            started = StdioServerParameters(command=str(CALLGATE), args=["practice", server], env=environment)
            transport = stdio_client(started)
        async with asyncio.timeout(WAIT_S), Client(transport, mode=mode) as client:
            yield client


@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
@pytest.mark.parametrize("way", ["stdio", "http"])
def test_the_sdks_client_speaks_with_it(way, mode):
    pytest.importorskip("mcp")

    async def check():
        async with client_of(way, "github", mode) as client:
            assert client.protocol_version == ("2025-11-25" if mode == "legacy" else MODERN)
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert tools.keys() == servers.toolset("github").tools.keys()
            assert tools["get_me"].annotations.read_only_hint is True
            new = {"owner": "acme", "repo": "web", "title": "Over the wire"}
            made = await client.call_tool("create_issue", new)
            assert not made.is_error
            number = int(json.loads(made.content[0].text)["url"].rpartition("/")[2])
            read = {"method": "get", "owner": "acme", "repo": "web", "issue_number": number}
            assert "Over the wire" in (await client.call_tool("issue_read", read)).content[0].text
            missing = await client.call_tool("issue_read", read | {"issue_number": 999})
            assert missing.is_error

    asyncio.run(check())


@pytest.mark.parametrize("server", servers.SERVERS)
def test_every_server_starts_at_once_and_answers(server):
    tool, given = READS[server]
    begun = os.times()
    done = run(server, stdin=call(1, tool, **given))
    after = os.times()
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert not result.get("isError"), result
    spent = after.children_user + after.children_system - begun.children_user - begun.children_system
    assert spent < 1.5, "seconds of processor time"


def test_structured_answers_fit_what_is_declared():
    jsonschema = pytest.importorskip("jsonschema_rs")
    for server, (tool, given) in READS.items():
        declared = servers.toolset(server).tools[tool]
        if declared.output is not None:
            result = json.loads(run(server, stdin=call(1, tool, **given)).stdout)["result"]
            assert jsonschema.is_valid(declared.output, result["structuredContent"])


def test_what_is_no_message_gets_an_error_and_the_next_one_its_answer():
    lines = "not json\n[]\n\n" + json.dumps({"jsonrpc": "2.0", "id": 1, "method": "no/such"}) + "\n"
    lines += json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}) + "\n"
    lines += call(2, "no_such_tool") + call(3, "get_me")
    answers = [json.loads(line) for line in run("github", stdin=lines).stdout.splitlines()]
    assert [one.get("error", {}).get("code") for one in answers] == [-32700, -32600, -32601, -32602, None]
    assert answers[-1]["id"] == 3


def test_http_takes_only_what_is_meant_for_it():
    import http.client

    with over_http("github") as url:
        host = url.removeprefix("http://").partition("/")[0]

        def send(method="POST", path="/mcp", body=call(1, "get_me"), **headers):
            link = http.client.HTTPConnection(host, timeout=WAIT_S)
            try:
                link.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
                reply = link.getresponse()
                return reply.status, reply.read()
            finally:
                link.close()

        assert send()[0] == 200
        assert send(Host="evil.example")[0] == 403
        assert send(Origin="https://evil.example")[0] == 403
        assert send(path="/")[0] == 404
        assert send("GET")[0] == 405
        assert send("DELETE")[0] == 405
        assert send(body="not json")[0] == 400
        assert send(body="x" * (9 << 20))[0] in (413,)
        assert send(body='{"jsonrpc":"2.0","method":"notifications/initialized"}') == (202, b"")
        meta = {"_meta": {"io.modelcontextprotocol/protocolVersion": MODERN}}
        modern = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": meta}
        said = {"MCP_Protocol_Version": MODERN, "Mcp_Method": "tools/list"}
        assert send(body=json.dumps(modern), **said)[0] == 200
        assert send(body=json.dumps(modern), **said | {"Mcp_Method": "tools/call"})[0] == 400
        assert send(body=json.dumps(modern | {"method": "no/such"}), **said | {"Mcp_Method": "no/such"})[0] == 404
        old = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2027-01-01"}}
        future = {"MCP_Protocol_Version": "2027-01-01", "Mcp_Method": "tools/list"}
        assert send(body=json.dumps(modern | {"params": old}), **future)[0] == 400


def test_a_state_is_kept_compared_and_begun_again(tmp_path):
    state, first, second = tmp_path / "state", tmp_path / "first.json", tmp_path / "second.json"
    assert run("github", "--state", state).returncode == 0
    first.write_text(run("snapshot", state).stdout)
    new = call(1, "create_issue", owner="acme", repo="web", title="Kept")
    assert run("github", "--state", state, stdin=new).returncode == 0
    second.write_text(run("snapshot", state).stdout)
    assert json.loads(second.read_text())["issue"]
    equal = run("compare", second, state)
    assert (equal.returncode, equal.stdout) == (0, "")
    told = run("compare", first, state)
    assert told.returncode == 1
    assert told.stdout.startswith("made     issue acme/web#")
    rows = json.loads(run("compare", first, second, "--json").stdout)
    assert [(row["change"], row["kind"]) for row in rows] == [("made", "issue")]
    assert run("github", "--state", state, "--reset").returncode == 0
    assert run("compare", first, state).returncode == 0
    edit = {"owner": "acme", "repo": "web", "issue_number": 2, "title": "Other"}
    run("github", "--state", state, stdin=call(1, "update_issue_title", **edit))
    row = json.loads(run("compare", first, state, "--json").stdout)[0]
    assert row["members"] == {"title": {"before": "Cart counts wrong", "after": "Other"}}


def test_two_processes_share_a_state(tmp_path):
    state = tmp_path / "state"
    with over_http("slack", "--state", state):
        told = run("slack", "--state", state, stdin=call(1, "slack_create_conversation", channel_name="shared"))
        key = json.loads(json.loads(told.stdout)["result"]["content"][0]["text"])["channel_id"]
    read = run("slack", "--state", state, stdin=call(1, "slack_read_channel", channel_id=key))
    assert "#shared" in read.stdout


def test_a_state_that_is_busy_or_gone_is_an_error_of_the_call(tmp_path, monkeypatch):
    monkeypatch.setattr(world_module, "WAIT_S", 0.05)
    tools = servers.toolset("github")
    world = servers.world(tools, str(tmp_path / "state"))
    other = sqlite3.connect(tmp_path / "state", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    busy = tools.call(world, "get_me", {})
    assert busy["isError"]
    assert "locked" in busy["content"][0]["text"]
    other.execute("ROLLBACK")
    other.close()
    assert "isError" not in tools.call(world, "get_me", {})
    world.close()


def test_a_port_that_is_taken_is_said():
    with over_http("figma") as url:
        port = url.rpartition(":")[2].partition("/")[0]
        done = run("figma", "--http", port)
    assert done.returncode == 2
    assert "Choose another with --http" in done.stderr
    assert "Errno" not in done.stderr


def test_a_seed_makes_another_world(tmp_path):
    for seed in (1, 2):
        run("notion", "--state", tmp_path / str(seed), "--seed", seed)
    assert run("compare", tmp_path / "1", tmp_path / "2").returncode == 1


@pytest.mark.parametrize("name", ["github", "notion"])
def test_a_file_of_something_else_is_left_alone(tmp_path, name):
    other = tmp_path / "other"
    other.write_text("mine")
    for words in ((name, "--state", other), ("snapshot", other), ("compare", other, other), ("snapshot", tmp_path)):
        done = run(*words)
        assert done.returncode == 2, words
        assert done.stderr.startswith("callgate practice: ")
    assert other.read_text() == "mine"
    kept = tmp_path / "kept"
    run("slack", "--state", kept)
    done = run(name, "--state", kept)
    assert (done.returncode, "is the state of slack" in done.stderr) == (2, True)
    gone = run("snapshot", tmp_path / "none")
    assert (gone.returncode, gone.stderr) == (
        2,
        f"callgate practice: {tmp_path / 'none'}: No such file or directory.\n",
    )
    assert run(name, "--state", tmp_path / "no" / "folder").returncode == 2


def test_the_list_names_servers_and_tools():
    assert [line.split()[0] for line in run("list").stdout.splitlines()] == list(servers.SERVERS)
    listed = {one["name"]: one["tools"] for one in json.loads(run("list", "--json").stdout)}
    assert listed.keys() == servers.SERVERS.keys()
    assert "merge_pull_request" in listed["github"]
    assert run("no-such-server").returncode == 2
    page = (ROOT / "docs" / "how-to" / "practice-servers.md").read_text()
    told = dict(re.findall(r"^\| `([\w-]+)` \| .* \| (\d+) \|$", page, flags=re.MULTILINE))
    assert told == {name: str(len(tools)) for name, tools in listed.items()}


def test_without_the_package_the_command_says_how_to_get_it(tmp_path):
    stub = tmp_path / "sitecustomize.py"
    stub.write_text("import sys\nsys.modules['callgate_practice'] = None\n")
    program = "import sys; from callgate.cli.main import main; sys.argv = ['callgate', 'practice', 'github']; main()"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 2
    assert "not installed" in done.stderr


def test_options_are_the_same_behind_the_gates_own(tmp_path):
    """The command's own parser hands everything on."""
    words = ("--home", tmp_path, "practice", "github", "--state", tmp_path / "s", "--seed", 3, "--reset")
    done = subprocess.run(
        [str(CALLGATE), *map(str, words)], input="", capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"full_name": "acme/web"' in run("snapshot", tmp_path / "s", "--all").stdout
    words = ("--home", tmp_path, "practice", "list", "--json")
    done = subprocess.run(
        [str(CALLGATE), *map(str, words)], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert len(json.loads(done.stdout)) == len(servers.SERVERS)
