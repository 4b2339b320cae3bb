"""``callgate stdio`` against a scripted gate: headers, sessions, streams, cancel, faults."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from callgate.cli import stdio as stdio_module
from callgate.cli.gate_link import GateLink
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.stdio import KnownToken
from tests.fakes.scripted_gate import (
    BOUND_S,
    GREETING,
    META,
    MODERN,
    Client,
    Handler,
    Scripted,
    answered,
    client,
    modern,
    refusal,
    request,
    result,
)
from tests.waiting import until


@pytest.fixture
def gate() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.end()


def test_a_session_from_hello_to_goodbye(gate: Scripted) -> None:
    with client(gate, task="task-1") as one:
        assert one.greet()["result"]["protocolVersion"] == "2025-06-18"
        assert one.ask("tools/list")["result"] == {"method": "tools/list"}
        one.say({"jsonrpc": "2.0", "id": 99, "result": {"roots": []}})
        until(lambda: any(isinstance(seen[2], dict) and seen[2].get("id") == 99 for seen in gate.seen))
        assert one.leave() is Exit.OK
        assert not one.told
    first, ready = gate.of("initialize")[0], gate.of("notifications/initialized")[0]
    assert first[2]["params"] == GREETING
    assert "mcp-session-id" not in first[1]
    assert gate.seen[-1][0] == "DELETE"
    for _, headers, _ in (ready, gate.of("tools/list")[0], gate.seen[-1]):
        assert (headers["mcp-session-id"], headers["mcp-protocol-version"]) == ("s-1", "2025-06-18")
        assert (headers["authorization"], headers["callgate-task"]) == ("Bearer t-1", "task-1")


def test_a_connection_carries_one_request_after_the_other(gate: Scripted) -> None:
    with client(gate) as one:
        for number in range(20):
            assert one.ask("tools/list", modern(), number)["id"] == number
        assert gate.connections == 1


def test_each_request_of_2026_07_28_gets_the_headers_that_its_body_says(gate: Scripted) -> None:
    tools = [
        {"name": "send", "inputSchema": {"properties": {"to": {"type": "string", "x-mcp-header": "To"}}}},
        {"name": "plain", "inputSchema": {}},
        {"name": "broken", "inputSchema": {"properties": {"to": {"type": "array", "x-mcp-header": "To"}}}},
    ]

    def listed(handler: Handler, message: Any) -> None:
        if message["method"] == "tools/list":
            handler.reply(200, result(message, {"tools": tools}))
        else:
            answered(handler, message)

    gate.script = listed
    with client(gate) as one:
        assert one.ask("tools/call", modern({"name": "send", "arguments": {"to": "Zürich"}}))["id"] == 1
        one.ask("tools/call", modern({"name": "plain"}))
        one.ask("tools/call", modern({"name": "broken", "arguments": {"to": []}}))
        one.ask("tools/call", modern({"name": "send", "arguments": {"to": None}}))
        one.ask("resources/read", modern({"uri": "file:///ä"}))
    own, *_ = gate.of("tools/list")
    assert own[2]["params"] == {"_meta": META}
    assert own[1]["mcp-method"] == "tools/list"
    assert len(gate.of("tools/list")) == 1
    calls = [headers for _, headers, _ in gate.of("tools/call")]
    assert [headers["mcp-name"] for headers in calls] == ["send", "plain", "broken", "send"]
    assert [headers.get("mcp-param-to") for headers in calls] == ["=?base64?WsO8cmljaA==?=", None, None, None]
    assert all(headers["mcp-protocol-version"] == MODERN and headers["mcp-method"] == "tools/call" for headers in calls)
    assert gate.of("resources/read")[0][1]["mcp-name"] == "=?base64?ZmlsZTovLy/DpA==?="
    assert all("mcp-session-id" not in headers for _, headers, _ in gate.seen)
    assert all(seen[0] == "POST" for seen in gate.seen)


def test_a_list_that_is_out_of_date_is_read_again_once(gate: Scripted) -> None:
    gate.script = lambda handler, message: (
        handler.reply(400, refusal(-32020, id_=message["id"]))
        if message["method"] == "tools/call"
        else answered(handler, message)
    )
    with client(gate) as one:
        assert one.ask("tools/call", modern({"name": "send"}))["error"]["code"] == -32020
        assert one.leave() is Exit.OK
    assert len(gate.of("tools/call")) == 2


def test_progress_comes_before_the_answer_and_what_the_gate_says_by_itself_too(gate: Scripted) -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 5, "progress": 1}}
    changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
    listens = []

    def streamed(handler: Handler, message: Any) -> None:
        if handler.command == "GET":
            listens.append(handler.headers.get("last-event-id"))
            handler.stream()
            if len(listens) == 1:
                handler.event(changed, "e-1")
                handler.end_stream()
        elif message.get("method") == "tools/call":
            handler.stream()
            handler.event(note)
            handler.event(result(message, {"content": []}))
            handler.end_stream()
        else:
            answered(handler, message)

    gate.script = streamed
    with client(gate) as one:
        one.greet()
        assert one.hear() == changed
        one.say(request("tools/call", {"name": "x", "_meta": {"progressToken": 5}}))
        assert one.hear() == note
        assert one.hear()["result"] == {"content": []}
        until(lambda: len(listens) == 2)
    assert listens == [None, "e-1"]


def test_requests_run_beside_each_other_and_a_bound_holds(gate: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    def slow(handler: Handler, message: Any) -> None:
        held.wait(BOUND_S)
        answered(handler, message)

    gate.script = slow
    monkeypatch.setattr(stdio_module, "AT_ONCE", 8)
    with client(gate) as one:
        for number in range(9):
            one.say(request("tools/list", modern(), number))
        assert one.hear() | {"error": {}} == {"jsonrpc": "2.0", "id": 8, "error": {}}
        held.set()
        assert sorted(one.hear()["id"] for _ in range(8)) == list(range(8))


def test_a_cancel_is_passed_on_where_there_is_a_session(gate: Scripted) -> None:
    cancelled = threading.Event()

    def slow(handler: Handler, message: Any) -> None:
        if message and message.get("method") == "notifications/cancelled":
            cancelled.set()
        if message and message.get("method") == "tools/call":
            handler.stream()
            cancelled.wait(BOUND_S)
            handler.end_stream()
            return
        answered(handler, message)

    gate.script = slow
    with client(gate) as one:
        one.greet()
        one.say(request("tools/call", {"name": "x"}, "c-1"))
        until(lambda: bool(gate.of("tools/call")))
        one.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "c-1"}})
        until(lambda: not one.front._asked)
        assert one.ask("ping", None, 2)["id"] == 2
        assert one.leave() is Exit.OK
        assert not one.told
    assert gate.of("notifications/cancelled")[0][1]["mcp-session-id"] == "s-1"


@pytest.mark.parametrize("began", [True, False])
def test_a_cancel_ends_the_stream_in_2026_07_28(gate: Scripted, began: bool) -> None:
    gone = threading.Event()

    def slow(handler: Handler, message: Any) -> None:
        if message["method"] != "tools/call":
            answered(handler, message)
            return
        if began:
            handler.stream()
        handler.connection.settimeout(BOUND_S)
        if handler.connection.recv(1) == b"":
            gone.set()

    gate.script = slow
    with client(gate) as one:
        one.say(request("tools/call", modern({"name": "x"}), 3))
        until(lambda: bool(gate.of("tools/call")))
        until(lambda: one.front._asked["3"].talk is not None)
        one.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3, "_meta": META}})
        assert gone.wait(BOUND_S)
        assert one.ask("tools/list", modern(), 4)["id"] == 4
        assert not one.told
    assert not gate.of("notifications/cancelled")


def test_a_session_that_is_gone_is_opened_again_as_the_client_did(gate: Scripted) -> None:
    live = {"s-1"}
    opened = []

    def forgetful(handler: Handler, message: Any) -> None:
        session = handler.headers.get("mcp-session-id")
        if message and message.get("method") == "initialize":
            opened.append(f"s-{len(opened) + 1}")
            handler.reply(200, result(message, {"protocolVersion": "2025-06-18"}), mcp_session_id=opened[-1])
        elif session not in live:
            handler.reply(404, refusal(-32600, "unknown_session"))
        else:
            answered(handler, message)

    gate.script = forgetful
    with client(gate) as one:
        one.greet()
        one.ask("tools/list")
        live.clear()
        live.add("s-2")
        for number in range(4):
            one.say(request("tools/call", {"name": "x"}, number))
        assert sorted(one.hear()["id"] for _ in range(4)) == list(range(4))
    assert [message["params"] for _, _, message in gate.of("initialize")] == [GREETING, GREETING]
    assert [headers["mcp-session-id"] for _, headers, _ in gate.of("notifications/initialized")] == ["s-1", "s-2"]
    taken = [headers["mcp-session-id"] for _, headers, _ in gate.of("tools/call")]
    assert taken.count("s-2") == 4


def test_a_session_that_nobody_opened_is_refused_under_the_clients_own_id(gate: Scripted) -> None:
    gate.script = lambda handler, _: handler.reply(400, refusal(-32600, "no_session"))
    with client(gate) as one:
        assert one.ask("tools/list", None, "x")["id"] == "x"


@pytest.mark.parametrize("began", [True, False])
def test_a_call_that_may_have_been_sent_is_never_sent_again(gate: Scripted, began: bool) -> None:
    def broken(handler: Handler, message: Any) -> None:
        if message and message.get("method") in ("tools/call", "tools/list"):
            if began:
                handler.stream()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            answered(handler, message)

    gate.script = broken
    with client(gate) as one:
        one.greet()
        error = one.ask("tools/call", {"name": "x"})["error"]
        assert error["data"]["reason"] == "lost"
        assert "It may have happened" in error["message"]
        assert "Ask again" in one.ask("tools/list")["error"]["message"]
        gate.script = answered
        assert "result" in one.ask("ping")
        assert one.leave() is Exit.OK
        assert len(one.told) == 2
    assert len(gate.of("tools/call")) == 1


def test_a_gate_that_restarts_is_waited_for_and_found_again() -> None:
    first = Scripted()
    port = first.port
    with client(first) as one:
        one.greet()
        assert "result" in one.ask("ping")
        first.end()
        again = threading.Timer(0.3, lambda: restarted.append(Scripted(port)))
        restarted: list[Scripted] = []
        again.start()
        assert "result" in one.ask("tools/call", {"name": "x"})
        assert len(restarted[0].of("tools/call")) == 1
        assert one.leave() is Exit.OK
        restarted[0].end()


def test_no_gate_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as link:
        port = link.getsockname()[1]
    made = Client(f"http://127.0.0.1:{port}/mcp", lambda: KnownToken("t", "Log in."), "git", "")
    for _ in range(2):
        error = made.ask("initialize", GREETING)["error"]
        assert error["data"]["reason"] == "not_sent"
        assert "callgate serve" in error["message"]
    assert made.leave() is Exit.USAGE
    assert len(made.told) == 1


def test_a_login_that_is_over_says_what_to_do_and_a_new_one_is_used_at_once(gate: Scripted) -> None:
    tokens = ["old"]

    def checked(handler: Handler, message: Any) -> None:
        if handler.headers["authorization"] == "Bearer new":
            answered(handler, message)
        else:
            handler.reply(401, {"error": "invalid_token", "error_description": "The token has expired. (expired)"})

    gate.script = checked
    with client(gate, lambda: KnownToken(tokens[0], "Run: callgate login --runtime codex")) as one:
        error = one.ask("tools/call", modern({"name": "x"}))["error"]
        assert error["message"] == (
            "The gate refuses the token (The token has expired. (expired)). Run: callgate login --runtime codex"
        )
        assert one.front.exit is Exit.NO
        tokens[0] = "new"
        assert "result" in one.ask("tools/call", modern({"name": "x"}))
        assert one.leave() is Exit.OK


def test_a_login_renewed_while_the_request_was_under_way_is_tried_once(gate: Scripted) -> None:
    tokens = iter(["old", "new", "new"])

    def checked(handler: Handler, message: Any) -> None:
        if handler.headers["authorization"] == "Bearer new":
            answered(handler, message)
        else:
            handler.reply(401, {"error": "invalid_token"})

    gate.script = checked
    with client(gate, lambda: KnownToken(next(tokens), "")) as one:
        assert "result" in one.ask("tools/list", modern())
    assert len(gate.seen) == 2


def test_without_a_token_nothing_is_sent(gate: Scripted) -> None:
    def none() -> KnownToken:
        raise CommandError("There is no token for codex.", "Run: callgate login --runtime codex", Exit.NO)

    with client(gate, none) as one:
        assert "callgate login --runtime codex" in one.ask("initialize", GREETING)["error"]["message"]
        assert one.leave() is Exit.NO
        assert one.told == ["There is no token for codex. Run: callgate login --runtime codex"]
    assert not gate.seen


@pytest.mark.parametrize(("line", "code"), [(b"{", -32700), (b"1", -32600), (b"[" * 100_000, -32700)])
def test_what_is_no_message_goes_nowhere(gate: Scripted, line: bytes, code: int) -> None:
    with client(gate) as one:
        one.say(line + b"\n")
        assert one.hear()["error"]["code"] == code
        one.say(b"\n  \n")
    assert not gate.seen


def test_a_line_without_an_end_is_cut_off(gate: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio_module, "MAX_BYTES", 1000)
    with client(gate) as one:
        one.say(b'{"x": "' + b"x" * 5_000 + b'"}\n')
        assert one.hear()["error"]["data"]["reason"] == "too_large"
        assert one.greet()["id"] == 0


def test_the_endpoint_for_everything_is_the_one_without_a_name(gate: Scripted) -> None:
    paths = []

    def told(handler: Handler, message: Any) -> None:
        paths.append(handler.path)
        answered(handler, message)

    gate.script = told
    with client(gate, integration="") as one:
        one.ask("tools/list", modern())
    with client(gate, integration="a/b") as one:
        one.ask("tools/list", modern())
    assert paths == ["/mcp", "/mcp/a%2Fb"]


@pytest.mark.parametrize("endpoint", ["", "ftp://x/mcp", "127.0.0.1:8700", "http:///mcp", "http://x:port/mcp"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(CommandError):
        GateLink("git", endpoint or "mcp")
