"""The `mcp` SDK's client finds through the gate what it finds at the server itself, in both protocol eras.

The server is the one of the conformance run: tools of every kind, resources, prompts, completion, logging, progress,
and questions back to the client.
"""

import asyncio
import contextlib
import warnings
from typing import Any

import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

from tests.conformance.columns import INTEGRATION, bare, through_gate
from tests.e2e.harness import MODERN

pytestmark = pytest.mark.e2e
LEGACY = "legacy"
WAIT_S = 90
OURS = ("_meta", "ttlMs", "cacheScope")
PLAIN_TOOLS = (
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """(URL of the server, URL of the gate, token)."""
    with bare() as url, through_gate(url, tmp_path_factory.mktemp("g")) as (_, gate):
        yield url, gate.url(INTEGRATION), gate.token()
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


class Person:
    """Answers what servers ask, and keeps what they say."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.logs: list[Any] = []

    async def fill(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        properties = params.requested_schema["properties"]
        self.asked.append(f"elicitation: {params.message} {', '.join(properties)}")
        kinds = {"string": "ana", "integer": 3, "number": 1.5, "boolean": True, "array": []}
        filled = {
            name: one.get("enum", [kinds[one["type"]]])[0] for name, one in properties.items() if "oneOf" not in one
        }
        filled |= {name: one["oneOf"][0]["const"] for name, one in properties.items() if "oneOf" in one}
        return types.ElicitResult(action="accept", content=filled)

    async def sample(self, context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        self.asked.append(f"sampling: {params.messages[0].content.text}")
        return types.CreateMessageResult(role="assistant", content=types.TextContent(text="Paris"), model="a-model")

    async def roots(self, context: Any) -> types.ListRootsResult:
        self.asked.append("roots")
        return types.ListRootsResult(roots=[types.Root(uri="file:///srv/app", name="app")])

    async def log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logs.append((params.level, params.data))


@contextlib.asynccontextmanager
async def connected(url: str, mode: str, token: str, person: Person):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MCPDeprecationWarning)
        async with asyncio.timeout(WAIT_S), create_mcp_http_client(headers=headers) as http:
            async with Client(
                streamable_http_client(url, http_client=http),
                mode=mode,
                elicitation_callback=person.fill,
                sampling_callback=person.sample,
                list_roots_callback=person.roots,
                logging_callback=person.log,
                log_level="info" if mode == MODERN else None,
            ) as client:
                yield client


def plain(result: Any) -> Any:
    """As it was on the wire, without where the gate speaks for itself."""
    found = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return {key: value for key, value in found.items() if key not in OURS}


async def lists(client: Client, person: Person) -> Any:
    tools = [
        {key: value for key, value in plain(tool).items() if key != "annotations"}
        for tool in (await client.list_tools()).tools
        if not tool.name.startswith("callgate_")
    ]
    return (
        tools,
        plain(await client.list_resources()),
        plain(await client.list_resource_templates()),
        plain(await client.list_prompts()),
    )


async def plain_calls(client: Client, person: Person) -> Any:
    return [plain(await client.call_tool(name, {})) for name in PLAIN_TOOLS]


async def progress(client: Client, person: Person) -> Any:
    seen = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    return plain(await client.call_tool("test_tool_with_progress", {}, progress_callback=note)), seen


async def logging(client: Client, person: Person) -> Any:
    if client.protocol_version != MODERN:
        await client.set_logging_level("info")
    done = plain(await client.call_tool("test_tool_with_logging", {}))
    return done, person.logs


async def resources(client: Client, person: Person) -> Any:
    uris = ("test://static-text", "test://static-binary", "test://template/7/data")
    return [plain(await client.read_resource(uri)) for uri in uris], await refused(
        client.read_resource("test://nothing")
    )


async def refused(asked: Any) -> Any:
    try:
        return plain(await asked)
    except MCPError as fault:
        return fault.error.code, fault.error.message, fault.error.data


async def prompts(client: Client, person: Person) -> Any:
    return (
        plain(await client.get_prompt("test_simple_prompt")),
        plain(await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})),
        plain(await client.get_prompt("test_prompt_with_embedded_resource", {"resourceUri": "test://r"})),
        plain(await client.get_prompt("test_prompt_with_image")),
    )


async def completion(client: Client, person: Person) -> Any:
    ref = types.PromptReference(name="test_prompt_with_arguments")
    return plain(await client.complete(ref, {"name": "arg1", "value": "par"}))


async def questions_in_a_call(client: Client, person: Person) -> Any:
    calls = (
        ("test_elicitation", {"message": "Who?"}),
        ("test_elicitation_sep1034_defaults", {}),
        ("test_elicitation_sep1330_enums", {}),
        ("test_sampling", {"prompt": "What is the capital of France?"}),
    )
    return [plain(await client.call_tool(name, arguments)) for name, arguments in calls], person.asked


async def rounds(client: Client, person: Person) -> Any:
    calls = ("elicitation", "sampling", "list_roots", "request_state", "multiple_inputs", "multi_round", "capabilities")
    done = [plain(await client.call_tool(f"test_input_required_result_{name}", {})) for name in calls]
    # Questions of one round come in no order: they are members of one object.
    return done, plain(await client.get_prompt("test_input_required_result_prompt")), sorted(person.asked)


async def reconnection(client: Client, person: Person) -> Any:
    """The server ends the stream of the call; the client comes back for the answer by itself."""
    return plain(await client.call_tool("test_reconnection", {})), person.logs


async def subscriptions(client: Client, person: Person) -> Any:
    uri = "test://watched-resource"
    return plain(await client.subscribe_resource(uri)), plain(await client.unsubscribe_resource(uri))


async def listening(client: Client, person: Person) -> Any:
    async with client.listen(tools_list_changed=True) as heard:
        await client.call_tool("test_trigger_tool_change", {})
        event = await anext(aiter(heard))
        return type(event).__name__, heard.honored.model_dump(exclude_none=True)


BOTH = (lists, plain_calls, progress, logging, resources, prompts, completion)
FEATURES = {
    LEGACY: (*BOTH, questions_in_a_call, reconnection, subscriptions),
    MODERN: (*BOTH, rounds, listening),
}


@pytest.mark.parametrize(
    ("mode", "feature"),
    [(mode, feature) for mode, features in FEATURES.items() for feature in features],
    ids=lambda one: one if isinstance(one, str) else one.__name__,
)
def test_the_gate_is_like_the_server(places, mode, feature):
    server, gate, token = places

    async def seen(url: str, token: str) -> Any:
        person = Person()
        async with connected(url, mode, token, person) as client:
            assert (client.protocol_version == MODERN) is (mode == MODERN)
            return await feature(client, person)

    there = asyncio.run(seen(server, ""))
    here = asyncio.run(seen(gate, token))
    assert here == there
