"""Whatever comes in, the front answers below 500, in bounded time, and Serving sees only what was understood."""

import asyncio
import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.adapters.mcp.app import McpFront
from callgate.adapters.mcp.parse import BESIDE
from callgate.model.call import GOVERNED, TOOLS_CALL
from tests.fakes.asgi import ask
from tests.fakes.serving import FakeServing, listing
from tests.fronts.mcp import MODERN, call, config, initialize, modern, request, routing, sentinel

OFFERS = ("tools", "prompts", "resources", "completions", "logging")
LISTINGS = (
    listing("git", headers=(("git_status", (("Mcp-Param-Path", "path"),)),), offers=OFFERS),
    listing("http", bridged=False, eras=("2025-06-18",), offers=OFFERS),
    listing("new", bridged=False, eras=(MODERN,), offers=OFFERS),
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
    "prompts/get",
    "resources/list",
    "logging/setLevel",
]
TOOLS = ["git_status", "callgate_await_approval", "callgate_explain", "callgate_open_task", "callgate_x", "", "ü"]
words = st.sampled_from([MODERN, "2025-11-25", "2025-06-18", "2024-11-05", "x", "", *METHODS, *TOOLS]) | st.text(
    max_size=20
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
garbage = (
    values.map(lambda each: json.dumps(each).encode())
    | st.binary(max_size=200)
    | st.text(alphabet='{}[]":,\\u0019dae.-+ ', max_size=80).map(str.encode)
)
HEADERS = [
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-param-path",
    "callgate-task",
    "accept",
    "content-type",
    "content-length",
    "content-encoding",
    "origin",
    "host",
    "user-agent",
    "traceparent",
]
BASES = [
    call(),
    call("git_status", {"path": "ü"}, progressToken=1, callId="c"),
    call("git_commit", {}),
    call("callgate_await_approval", {"approval_id": "hold-1", "wait_seconds": 1}),
    call("callgate_explain", {"decision_id": "dec-1"}),
    call("callgate_open_task", {"task_id": "task-1"}),
    request("initialize", initialize()),
    request("tools/list"),
    request("server/discover"),
    request("ping"),
    request("resources/read", {"uri": "file:///a"}),
    request("resources/list", {"cursor": "2"}),
    request("resources/templates/list"),
    request("prompts/list"),
    request("prompts/get", {"name": "review", "arguments": {"file": "a"}}),
    request(
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "file", "value": "a"}},
    ),
    request("logging/setLevel", {"level": "error"}),
    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
]


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    for key, value in node.items() if isinstance(node, dict) else ():
        found += places(value, (*path, key))
    return found


@st.composite
def attempts(draw: st.DrawFn) -> tuple[bytes, dict[str, str | None]]:
    """A good request of either era with a few things changed in body and headers."""
    message = copy.deepcopy(draw(st.sampled_from(BASES)))
    fields: dict[str, str | None] = {"mcp-session-id": SEALED, "mcp-protocol-version": "2025-06-18"}
    if draw(st.booleans()):
        message = modern(message)
        fields = routing(message)
        where = message["params"].get("arguments", {}).get("path")
        if where is not None and message["params"]["name"] == "git_status":
            fields["mcp-param-path"] = sentinel(where)
    for _ in range(draw(st.integers(0, 2))):
        *above, last = draw(st.sampled_from(places(message)))
        node = message
        for key in above:
            node = node[key]
        if draw(st.booleans()):
            node[last] = draw(values)
        elif draw(st.booleans()):
            del node[last]
        else:
            node[draw(words)] = draw(values)
        if not message:
            break
    for _ in range(draw(st.integers(0, 2))):
        fields[draw(st.sampled_from(HEADERS))] = draw(st.none() | words.map(plain) | printable)
    body = draw(garbage) if draw(st.integers(0, 9)) == 9 else json.dumps(message).encode()
    return body, fields


def plain(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def mostly(good: Any, other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda dice: other if dice == 9 else st.just(good))


tokens = mostly("good", st.sampled_from(["ben", "other", "bad", None]))
paths = mostly("/mcp/git", st.sampled_from(["/mcp/http", "/mcp/new", "/mcp/none", "/mcp/x", "/mcp/git/t/task-1", "/x"]))
once = st.tuples(st.sampled_from([b"host", b"authorization", b"mcp-name", b"x"]), st.binary(max_size=9))
repeated = mostly([], st.lists(once, max_size=2))
methods = mostly("POST", st.sampled_from(["GET", "DELETE", "PUT"]))
queries = mostly(b"", st.sampled_from([b"a=1", b"access_token=good"]) | st.binary(max_size=30))


@settings(max_examples=600, deadline=None)
@given(
    attempt=attempts(),
    extra=repeated,
    token=tokens,
    path=paths,
    method=methods,
    query=queries,
    cut=st.integers(0, 300),
)
def test_nothing_breaks_the_front(
    attempt: tuple[bytes, dict[str, str | None]],
    extra: list[tuple[bytes, bytes]],
    token: str | None,
    path: str,
    method: str,
    query: bytes,
    cut: int,
) -> None:
    body, fields = attempt
    serving = FakeServing(*LISTINGS)

    async def test() -> None:
        front = McpFront(serving, config())
        async with asyncio.timeout(10):
            seen = await ask(
                front,
                method=method,
                path=path,
                query=query,
                token=token,
                headers=fields,
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
        assert understood["method"] == asked.method
        params = understood.get("params", {})
        if asked.method == TOOLS_CALL:
            assert asked.tool == params["name"]
            assert asked.arguments == (params.get("arguments") or {})
            assert not asked.tool.startswith("callgate_")
        else:
            assert asked.method in GOVERNED
            assert asked.tool == asked.method
            assert asked.arguments == {key: value for key, value in params.items() if key not in BESIDE}


@settings(max_examples=200, deadline=None)
@given(uri=st.text(min_size=1, max_size=30), tampered=printable)
def test_a_uri_is_read_only_under_its_own_name_header(uri: str, tampered: str) -> None:
    serving = FakeServing(*LISTINGS)

    async def test() -> None:
        message = modern(request("resources/read", {"uri": uri}))
        fields = {**routing(message), "mcp-name": tampered}
        assert (await ask(McpFront(serving, config()), message, headers=fields)).status in (200, 400)

    asyncio.run(test())
    for asked in serving.requests:
        assert asked.arguments == {"uri": uri}
        assert tampered == uri or tampered.startswith("=?base64?")


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
