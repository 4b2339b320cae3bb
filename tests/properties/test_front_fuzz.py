"""Whatever comes in, the front answers below 500, in bounded time, and Serving sees only what was understood."""

import asyncio
import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from callgate.adapters.mcp.app import McpFront
from tests.fakes.asgi import HOST, ask
from tests.fakes.serving import FakeServing, listing
from tests.fronts.mcp import MODERN, call, config, initialize, modern, request, routing

LISTINGS = (
    listing("git", headers=(("git_status", (("Mcp-Param-Path", "path"),)),)),
    listing("http", bridged=False, eras=("2025-06-18",)),
    listing("new", bridged=False, eras=(MODERN,)),
    listing("none", bridged=False, eras=()),
)
SEALED = "sealed|cred-ana-codex|git|gate-1|2025-06-18"

METHODS = [
    "initialize",
    "server/discover",
    "tools/list",
    "tools/call",
    "ping",
    "resources/read",
    "subscriptions/listen",
    "notifications/cancelled",
    "notifications/initialized",
    "completion/complete",
]
TOOLS = ["git_status", "callgate_await_approval", "callgate_explain", "callgate_open_task", "callgate_x", "", "ü"]
META = [
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "progressToken",
    "callId",
    "claudecode/toolUseId",
    "traceparent",
]

words = st.sampled_from([MODERN, "2025-11-25", "2025-06-18", "2024-11-05", "x", "", *METHODS, *TOOLS]) | st.text(
    max_size=20
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
params = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(TOOLS) | values,
        "arguments": st.fixed_dictionaries({}, optional={"path": values, "approval_id": words, "task_id": words})
        | values,
        "_meta": st.dictionaries(st.sampled_from(META), values, max_size=5) | values,
        "protocolVersion": words | values,
        "clientInfo": values,
        "requestId": values,
        "cursor": values,
        "uri": values,
    },
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0"]),
        "id": st.integers(0, 9) | values,
        "method": st.sampled_from(METHODS) | values,
        "params": params | values,
        "result": values,
    },
)
bodies = (
    messages.map(lambda each: json.dumps(each).encode())
    | values.map(lambda each: json.dumps(each).encode())
    | st.binary(max_size=200)
    | st.lists(messages, max_size=3).map(lambda each: json.dumps(each).encode())
    | st.text(alphabet='{}[]":,\\u0019dae.-+ ', max_size=80).map(str.encode)
)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
headers = st.fixed_dictionaries(
    {},
    optional={
        "mcp-session-id": st.just(SEALED) | printable,
        "mcp-protocol-version": words.map(lambda each: each.encode("ascii", "ignore").decode()) | printable,
        "mcp-method": st.sampled_from(METHODS) | printable,
        "mcp-name": st.sampled_from(TOOLS[:5]) | printable,
        "mcp-param-path": printable,
        "callgate-task": st.just("task-1") | printable,
        "accept": st.just("*/*") | printable,
        "content-type": st.just("application/json") | printable,
        "content-length": printable,
        "origin": st.just(f"http://{HOST}") | printable,
        "host": st.just(HOST) | printable,
        "user-agent": printable,
        "traceparent": printable,
    },
)
tokens = st.sampled_from(["good", "good", "good", "ben", "other", "bad", None])
paths = st.sampled_from(
    ["/mcp/git", "/mcp/git", "/mcp/http", "/mcp/new", "/mcp/none", "/mcp/x", "/mcp/git/t/task-1", "/x"]
)
repeated = st.lists(
    st.tuples(st.sampled_from([b"host", b"authorization", b"mcp-name", b"x"]), st.binary(max_size=9)), max_size=2
)


@settings(max_examples=400, deadline=None)
@given(
    body=bodies,
    extra=repeated,
    fields=headers,
    token=tokens,
    path=paths,
    method=st.sampled_from(["POST", "POST", "POST", "POST", "GET", "DELETE", "PUT"]),
    query=st.just(b"") | st.binary(max_size=30),
    cut=st.integers(0, 300),
)
@example(json.dumps(call()).encode(), [], {"mcp-session-id": SEALED}, "good", "/mcp/git", "POST", b"", 9)
@example(json.dumps(request("initialize", initialize())).encode(), [], {}, "good", "/mcp/http", "POST", b"", 0)
@example(json.dumps(modern(call())).encode(), [], routing(call()), "good", "/mcp/new", "POST", b"", 0)
def test_nothing_breaks_the_front(
    body: bytes,
    extra: list[tuple[bytes, bytes]],
    fields: dict[str, str],
    token: str | None,
    path: str,
    method: str,
    query: bytes,
    cut: int,
) -> None:
    serving = FakeServing(*LISTINGS)

    async def test() -> None:
        front = McpFront(serving, config())
        given_headers: dict[str, str | None] = dict(fields)
        async with asyncio.timeout(10):
            seen = await ask(
                front,
                method=method,
                path=path,
                query=query,
                token=token,
                headers=given_headers,
                extra=extra,
                chunks=[body[:cut], body[cut:]],
            )
        assert 200 <= seen.status < 500
        assert seen.complete
        assert len(asyncio.all_tasks()) == 1
        if seen.body and seen.headers["content-type"] == "application/json":
            seen.json  # noqa: B018 - it parses
        if seen.status >= 400 or seen.status == 202:
            assert not serving.requests

    asyncio.run(test())
    if token not in ("good", "ben"):
        assert not (serving.requests or serving.asked or serving.opened or serving.ended)
    for asked in serving.requests:
        understood = json.loads(body)
        assert understood["method"] == "tools/call"
        assert asked.tool == understood["params"]["name"]
        assert asked.arguments == (understood["params"].get("arguments") or {})
        assert not asked.tool.startswith("callgate_")


@settings(max_examples=200, deadline=None)
@given(name=st.text(min_size=1, max_size=30), value=st.text(max_size=30), tampered=printable)
def test_a_header_that_does_not_say_what_the_body_says_never_passes(name: str, value: str, tampered: str) -> None:
    serving = FakeServing(*LISTINGS)

    async def test() -> None:
        front = McpFront(serving, config())
        message = modern(call(name, {"path": value}))
        seen = await ask(front, message, headers={**routing(message), "mcp-name": tampered, "mcp-param-path": tampered})
        assert seen.status in (200, 400)

    asyncio.run(test())
    for asked in serving.requests:
        assert asked.tool == name
        assert tampered == name or tampered.startswith("=?base64?")
