"""``/mcp``: the same front, for all of the caller's integrations."""

from typing import Any

import pytest

from callgate.adapters.mcp.app import McpFront
from callgate.flow.serving import EVERYTHING
from tests.fakes.asgi import ask
from tests.fakes.serving import FakeServing, listing, tool
from tests.fronts.mcp import ask_modern, begin, call, request, run

TOOLS = (tool("git__git_status"), tool("mail__send", to={"type": "string", "x-mcp-header": "To"}))
ALL = listing(EVERYTHING, tools=TOOLS, headers=(("mail__send", (("Mcp-Param-To", "to"),)),), instructions="All of it.")


def test_both_eras_on_the_endpoint_for_everything() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front, path="/mcp")
        for answer in (
            await ask(front, request("tools/list"), path="/mcp", headers=session),
            await ask_modern(front, request("tools/list"), path="/mcp"),
        ):
            names = [one["name"] for one in answer.json["result"]["tools"]]
            assert names[:2] == ["git__git_status", "mail__send"]
            assert names.count("callgate_await_approval") == names.count("callgate_explain") == 1
        found = await ask_modern(front, request("server/discover"), path="/mcp")
        assert found.json["result"]["instructions"] == "All of it."
        await ask(front, call("git__git_status"), path="/mcp", headers=session)
        await ask_modern(front, call("git__git_status"), path="/mcp")

    serving = run(test, ALL)
    handshake, modern = serving.requests
    assert [one.integration for one in serving.requests] == [EVERYTHING, EVERYTHING]
    assert handshake.tool == modern.tool == "git__git_status"
    assert handshake.session.startswith("gate-")
    assert modern.session == ""


def test_the_headers_of_2026_07_28_hold_for_the_names_that_are_shown() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        message = call("mail__send", {"to": "ben"})
        wrong: list[dict[str, Any]] = [
            {"mcp-name": "send"},
            {"mcp-name": "mail__send"},
            {"mcp-name": "mail__send", "mcp-param-to": "ana"},
        ]
        for headers in wrong:
            answer = await ask_modern(front, message, path="/mcp", headers=headers)
            assert (answer.status, answer.json["error"]["code"]) == (400, -32020)
        assert not serving.requests
        right = await ask_modern(front, message, path="/mcp", headers={"mcp-param-to": "ben"})
        assert right.status == 200

    assert [one.tool for one in run(test, ALL).requests] == ["mail__send"]


def test_a_task_may_stand_in_the_path() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        await ask_modern(front, call("git__git_status"), path="/mcp/t/task-1")
        await ask_modern(front, call("git_status"), path="/mcp/t/t/task-1")
        await ask_modern(front, call("git_status"), path="/mcp/t")

    serving = run(test, ALL, listing("t"))
    assert [(one.integration, one.named_tasks) for one in serving.requests] == [
        (EVERYTHING, ("task-1",)),
        ("t", ("task-1",)),
        ("t", ()),
    ]


def test_a_narrowed_token_may_come_and_sees_its_own() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        answer = await ask_modern(front, request("tools/list"), path="/mcp", token="other")
        assert answer.status == 200

    run(test, ALL)


def test_a_session_of_one_endpoint_is_none_of_the_other() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        everything, git = await begin(front, path="/mcp"), await begin(front)
        assert (await ask(front, request("ping"), path="/mcp", headers=git)).status == 404
        assert (await ask(front, request("ping"), headers=everything)).status == 404
        assert (await ask(front, None, path="/mcp", headers=everything, method="DELETE")).status == 204

    serving = run(test, ALL, listing())
    assert len(serving.ended) == 1
    assert serving.ended[0].startswith("gate-")


@pytest.mark.parametrize(
    "method", ["resources/list", "resources/read", "prompts/get", "prompts/list", "completion/complete"]
)
def test_only_tools_are_offered_there(method: str) -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        params = {"uri": "x:y"} if method.startswith("resources") else {"name": "x"}
        session = await begin(front, path="/mcp")
        answer = await ask(front, request(method, params), path="/mcp", headers=session)
        assert answer.json["error"]["code"] == -32601
        answer = await ask_modern(front, request(method, params), path="/mcp")
        assert answer.json["error"]["code"] == -32601

    assert not run(test, ALL).requests


def test_without_a_token_the_endpoint_says_where_to_get_one() -> None:
    async def test(front: McpFront, serving: FakeServing) -> None:
        answer = await ask(front, request("ping"), path="/mcp", token=None)
        assert answer.status == 401
        assert "/.well-known/oauth-protected-resource/mcp" in answer.headers["www-authenticate"]
        found = await ask(front, None, path="/.well-known/oauth-protected-resource/mcp", method="GET", token=None)
        assert found.status == 200

    run(test, ALL)


def test_prompts_are_offered_where_there_are_some() -> None:
    prompts = listing(EVERYTHING, tools=TOOLS, offers=("prompts",), prompts=({"name": "web__plain"},))

    async def test(front: McpFront, serving: FakeServing) -> None:
        session = await begin(front, path="/mcp")
        found = await ask(front, request("prompts/list"), path="/mcp", headers=session)
        assert found.result == {"prompts": [{"name": "web__plain"}]}
        await ask(front, request("prompts/get", {"name": "web__plain"}), path="/mcp", headers=session)

    (asked,) = run(test, prompts).requests
    assert (asked.integration, asked.method, asked.arguments) == (EVERYTHING, "prompts/get", {"name": "web__plain"})
