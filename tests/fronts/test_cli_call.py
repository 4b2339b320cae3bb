"""``callgate call`` against a small MCP endpoint: JSON and streams, answers and refusals."""

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from callgate.cli.mcp_client import PROTOCOL, McpClient, _refused
from callgate.cli.outcome import CommandError, Exit
from callgate.flow.admin import TokenRequest
from tests.fakes.admin import PASSPHRASE, FakeAdmin
from tests.fakes.local_gate import local_gate
from tests.fronts.cli_help import run, typed

OK = {
    "content": [{"type": "text", "text": "On branch main\nclean \x1b[2J"}, {"type": "image", "data": "AAAA"}],
    "structuredContent": {},
    "_meta": {"io.callgate/call": "call-1", "io.callgate/receipt": {"commit": "abc"}},
}


def gated(status: str) -> dict[str, Any]:
    return {
        "isError": True,
        "content": [{"type": "text", "text": f"The call is {status}."}],
        "structuredContent": {"status": status, "codes": ["x"]},
    }


class Endpoint:
    """Answers ``result`` (or ``error``) to tools/call; ``stream``: as server-sent events with progress before it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.answer: dict[str, Any] = {"result": OK}
        self.stream = False
        self.status = 200
        self.raw: bytes | None = None
        self.url = ""

    def reply(self, handler: http.server.BaseHTTPRequestHandler, message: Any) -> None:
        method = message.get("method", "")
        if self.status != 200:
            return self.send(
                handler, self.status, json.dumps({"error": {"code": -1, "message": "token is over"}}).encode()
            )
        if method == "initialize":
            made = {"protocolVersion": PROTOCOL, "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}}
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": made}).encode()
            return self.send(handler, 200, body, {"mcp-session-id": "s-1"})
        if "id" not in message:
            return self.send(handler, 202, b"")
        if self.raw is not None:
            return self.send(handler, 200, self.raw)
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], **self.answer}).encode()
        if not self.stream:
            return self.send(handler, 200, body)
        note = json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}).encode()
        events = b": hello\n\nevent: message\ndata: " + note + b"\n\nid: 1\ndata:" + body + b"\n\n"
        return self.send(handler, 200, events, kind="text/event-stream")

    @staticmethod
    def send(
        handler: http.server.BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        kind: str = "application/json",
    ) -> None:
        handler.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def serving() -> Iterator[Endpoint]:
    endpoint = Endpoint()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            endpoint.seen.append(("POST", self.path, {k.lower(): v for k, v in self.headers.items()}, message))
            endpoint.reply(self, message)

        def do_DELETE(self) -> None:
            endpoint.seen.append(("DELETE", self.path, {k.lower(): v for k, v in self.headers.items()}, None))
            endpoint.send(self, 200, b"")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/mcp"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class World:
    def __init__(self, home: Path, admin: FakeAdmin, endpoint: Endpoint) -> None:
        self.home, self.admin, self.endpoint = home, admin, endpoint

    def call(self, *words: str, passphrase: str | None = PASSPHRASE, stdin: str | None = None) -> Any:
        base = ("call", *(words or ("git", "git_status", '{"repo_path": "."}')), "--home", self.home)
        if passphrase is None:
            return run(*base, stdin=stdin)
        with typed(passphrase) as fd:
            return run(*base, "--passphrase-fd", fd, stdin=stdin)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    admin = FakeAdmin()
    with serving() as endpoint, local_gate(tmp_path, admin):
        admin.endpoint = endpoint.url
        yield World(tmp_path, admin, endpoint)


def test_a_call_is_that_of_any_client(world: World) -> None:
    result = world.call()
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("On branch main\nclean \\u001b[2J\n[image, ")
    assert "Result: commit abc" in result.stderr
    assert world.admin.acts == [("issue_token", "ana", TokenRequest(runtime="callgate-cli"))]
    methods = [(method, message["method"] if message else "") for method, _, _, message in world.endpoint.seen]
    assert methods == [
        ("POST", "initialize"),
        ("POST", "notifications/initialized"),
        ("POST", "tools/call"),
        ("DELETE", ""),
    ]
    assert {path for _, path, _, _ in world.endpoint.seen} == {"/mcp/git"}
    first, _, third, last = (headers for _, _, headers, _ in world.endpoint.seen)
    assert first["authorization"] == "Bearer head.body.sign"
    assert "mcp-session-id" not in first
    assert third["mcp-session-id"] == last["mcp-session-id"] == "s-1"
    assert third["mcp-protocol-version"] == PROTOCOL
    assert world.endpoint.seen[2][3]["params"] == {"name": "git_status", "arguments": {"repo_path": "."}}


def test_the_token_is_kept_and_used_again(world: World) -> None:
    assert world.call().exit_code == 0
    assert world.call(passphrase=None).exit_code == 0
    assert world.call("git", "git_status", "--account", "ben").exit_code == 0
    assert [act[1] for act in world.admin.acts] == ["ana", "ben"]


def test_a_token_of_another_gate_is_not_sent(world: World, tmp_path: Path) -> None:
    from callgate.cli.token_store import keep, kept

    assert world.call().exit_code == 0
    keep(kept("callgate-cli")._replace(home="/another", token="foreign"))
    assert world.call().exit_code == 0
    assert all(headers["authorization"] != "Bearer foreign" for _, _, headers, _ in world.endpoint.seen)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ({"result": OK}, 0, "On branch main"),
        ({"result": gated("refused")}, 1, "The call is refused."),
        ({"result": gated("pending_approval")}, 3, "The call is pending_approval."),
        ({"result": gated("unknown")}, 1, "The call is unknown."),
        ({"result": {"isError": True, "content": [{"type": "text", "text": "no such file"}]}}, 1, "no such file"),
        ({"error": {"code": -32602, "message": "Unknown tool"}}, 1, "Error -32602: Unknown tool"),
    ],
)
def test_answers(world: World, stream: bool, answer: dict[str, Any], code: int, said: str) -> None:
    world.endpoint.answer, world.endpoint.stream = answer, stream
    result = world.call()
    assert result.exit_code == code
    assert said in result.stdout
    assert ("To see and answer it: callgate holds list" in result.stderr) is (code == 3)
    shown = world.call("git", "git_status", "--json")
    assert shown.exit_code == code
    assert json.loads(shown.stdout) == {"jsonrpc": "2.0", "id": 2, **answer}


@pytest.mark.parametrize(
    ("named", "said"), [("hold-01a2", "callgate holds show hold-01a2\n"), ("hold-1; reboot", "callgate holds list\n")]
)
def test_who_typed_it_is_told_how_to_answer(world: World, named: str, said: str) -> None:
    result = gated("pending_approval")
    result["structuredContent"]["approval_id"] = named
    world.endpoint.answer = {"result": result}
    assert world.call().stderr.endswith(f"To see and answer it: {said}")


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        "text",
        {"content": None},
        {"content": "text"},
        {"content": [1, None, {"text": 5}, {"type": "text"}, {"type": "text", "text": "half \ud800"}], "_meta": 3},
        {"content": [], "isError": True, "structuredContent": []},
        {"content": [], "_meta": {"io.callgate/receipt": {"x": [1]}}},
    ],
)
def test_a_target_can_answer_anything(world: World, result: Any) -> None:
    world.endpoint.answer = {"result": result}
    for words in (("git", "git_status"), ("git", "git_status", "{}", "--json")):
        shown = world.call(*words)
        assert shown.exit_code in {0, 1}, shown.stderr


def test_task_and_stdin(world: World) -> None:
    assert world.call("git", "git_status", "-", "--task", "task-1", stdin='{"a": 1}').exit_code == 0
    assert {headers.get("callgate-task") for _, _, headers, _ in world.endpoint.seen} == {"task-1"}
    assert world.endpoint.seen[2][3]["params"]["arguments"] == {"a": 1}


@pytest.mark.parametrize("text", ["{", "[]", "1", "null", "'{}'", "[" * 100_000, '{"a": {"b": 1, "b": 2}}'])
def test_arguments_that_are_none(world: World, text: str) -> None:
    result = world.call("git", "git_status", text)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert world.endpoint.seen == []


def test_a_refused_token(world: World) -> None:
    world.endpoint.status = 401
    result = world.call()
    assert result.exit_code == 1
    assert result.stderr.endswith(
        "callgate: The gate refuses the token (token is over). Sign in again with: callgate login\n"
    )


@pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"[" * 100_000, b'{"id": 99, "result": {}}'])
def test_an_answer_that_is_none(world: World, raw: bytes) -> None:
    world.endpoint.raw = raw
    result = world.call()
    assert (result.exit_code, result.stdout) == (2, "")


def test_an_integration_cannot_leave_its_place() -> None:
    with serving() as endpoint:
        with McpClient(endpoint.url, "../v1/x?y", "t") as client:
            client.call("x", {})
        assert {path for _, path, _, _ in endpoint.seen} == {"/mcp/..%2Fv1%2Fx%3Fy"}


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}/mcp"
        with pytest.raises(CommandError, match="Nothing listens") as fault, McpClient(endpoint, "git", "t"):
            pass
    assert fault.value.exit_code is Exit.USAGE


@pytest.mark.parametrize("endpoint", ["", "ftp://x/mcp", "http:///mcp"])
def test_no_endpoint(endpoint: str) -> None:
    with pytest.raises(CommandError, match="no endpoint"):
        McpClient(endpoint, "git", "t")


def test_a_connection_that_breaks_says_that_it_may_have_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def cut() -> None:
            link, _ = server.accept()
            link.recv(65_536)
            link.close()

        thread = threading.Thread(target=cut)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}/mcp"
        with pytest.raises(CommandError, match="broke") as fault, McpClient(endpoint, "git", "t"):
            pass
        thread.join(10)
    assert "may have happened" in fault.value.hint


def test_an_integration_that_is_not_there_says_where_to_look() -> None:
    error = {"code": -32600, "message": "There is no such integration for you.", "data": {"reason": "no_integration"}}
    raised = _refused(error)
    assert (raised.exit_code, raised.hint.startswith("See which there are: callgate integrations list")) == (
        Exit.NO,
        True,
    )
    assert _refused(None).hint == "See what is wrong: callgate doctor"
