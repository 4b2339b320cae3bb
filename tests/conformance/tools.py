"""The tools that the conformance suite looks for, by the names and answers its scenarios ask of a server."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, PromptsListChanged, ToolsListChanged
from mcp.shared.exceptions import MCPError

from tests.conformance import rounds
from tests.conformance.media import PIXEL_PNG, SILENT_WAV

Context = ServerRequestContext[Any, Any]
Params = types.CallToolRequestParams
Handler = Callable[[Context, Params], Awaitable[types.CallToolResult | types.InputRequiredResult]]

PAUSE_S = 0.05
NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
changes = InMemorySubscriptionBus()
"""What `subscriptions/listen` hears of."""


def said(*blocks: types.ContentBlock | str, failed: bool = False) -> types.CallToolResult:
    content = [types.TextContent(text=block) if isinstance(block, str) else block for block in blocks]
    return types.CallToolResult(content=content, is_error=failed)


def resource(uri: str, kind: str, text: str) -> types.EmbeddedResource:
    return types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, mime_type=kind, text=text))


async def simple_text(ctx: Context, params: Params) -> types.CallToolResult:
    return said("This is a simple text response for testing.")


async def image(ctx: Context, params: Params) -> types.CallToolResult:
    return said(types.ImageContent(data=PIXEL_PNG, mime_type="image/png"))


async def audio(ctx: Context, params: Params) -> types.CallToolResult:
    return said(types.AudioContent(data=SILENT_WAV, mime_type="audio/wav"))


async def embedded(ctx: Context, params: Params) -> types.CallToolResult:
    return said(resource("test://embedded-resource", "text/plain", "This is an embedded resource content."))


async def mixed(ctx: Context, params: Params) -> types.CallToolResult:
    data = resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
    return said("Multiple content types test:", types.ImageContent(data=PIXEL_PNG, mime_type="image/png"), data)


async def failing(ctx: Context, params: Params) -> types.CallToolResult:
    return said("This tool intentionally returns an error for testing", failed=True)


async def log(ctx: Context, text: str) -> None:
    await ctx.session.send_log_message("info", text, related_request_id=ctx.request_id)


async def logging_thrice(ctx: Context, params: Params) -> types.CallToolResult:
    await log(ctx, "Tool execution started")
    await asyncio.sleep(PAUSE_S)
    await log(ctx, "Tool processing data")
    await asyncio.sleep(PAUSE_S)
    await log(ctx, "Tool execution completed")
    return said("The tool has logged three times.")


async def logging_once(ctx: Context, params: Params) -> types.CallToolResult:
    await log(ctx, "Only for those who asked for logs")
    return said("The tool has logged, if it was asked to.")


async def progress(ctx: Context, params: Params) -> types.CallToolResult:
    for step in (0, 50, 100):
        await ctx.session.report_progress(step, 100, f"Completed step {step} of 100")
        await asyncio.sleep(PAUSE_S)
    return said("The tool has reported its progress.")


async def reconnection(ctx: Context, params: Params) -> types.CallToolResult:
    """Ends the stream of its own call; the answer waits for the client to come back with Last-Event-ID."""
    await log(ctx, "Before disconnect")
    if ctx.close_sse_stream is not None:
        await ctx.close_sse_stream()
    await asyncio.sleep(4 * PAUSE_S)
    await log(ctx, "After reconnect")
    return said("Reconnection test completed")


async def sampling(ctx: Context, params: Params) -> types.CallToolResult:
    asked = types.SamplingMessage(role="user", content=types.TextContent(text=str((params.arguments or {})["prompt"])))
    answer = await ctx.session.create_message([asked], max_tokens=100, related_request_id=ctx.request_id)
    return said(f"LLM response: {answer.content.text if answer.content.type == 'text' else answer.content.type}")


def asking(message: str, properties: dict[str, Any], required: tuple[str, ...], label: str) -> Handler:
    """A tool that asks the person for ``properties``; an empty ``message`` is taken from the arguments."""
    schema = {"type": "object", "properties": properties, "required": list(required)}

    async def ask(ctx: Context, params: Params) -> types.CallToolResult:
        text = message or str((params.arguments or {})["message"])
        answer = await ctx.session.elicit_form(text, schema, related_request_id=ctx.request_id)
        return said(f"{label}: action={answer.action}, content={json.dumps(answer.content, sort_keys=True)}")

    return ask


DEFAULTS = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
OPTIONS = ["option1", "option2", "option3"]
TITLED = [{"const": f"value{number}", "title": f"Choice {number}"} for number in (1, 2, 3)]
CHOICES = {
    "untitledSingle": {"type": "string", "enum": OPTIONS},
    "titledSingle": {"type": "string", "oneOf": TITLED},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
    "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
}
ANSWER = {"username": {"type": "string"}, "email": {"type": "string"}}


async def missing_capability(ctx: Context, params: Params) -> types.CallToolResult:
    declared = ctx.session.client_capabilities
    if declared is None or declared.sampling is None:
        data = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs the client's sampling.", data)
    return said("The client can sample.")


async def tools_changed(ctx: Context, params: Params) -> types.CallToolResult:
    await changes.publish(ToolsListChanged())
    with contextlib.suppress(MCPError):
        await ctx.session.send_notification(types.ToolListChangedNotification())
    return said("Said that the tools changed.")


async def prompts_changed(ctx: Context, params: Params) -> types.CallToolResult:
    await changes.publish(PromptsListChanged())
    return said("Said that the prompts changed.")


async def plain(ctx: Context, params: Params) -> types.CallToolResult:
    return said(f"Taken: {sorted(params.arguments or {})}")


async def greet(ctx: Context, params: Params) -> types.CallToolResult:
    return said(f"Hello, {(params.arguments or {}).get('name', 'you')}!")


RICH_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
COMPUTING = {"type": "object", "properties": {"seconds": {"type": "integer"}, "label": {"type": "string"}}}
HEADER_SCHEMA = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}, "note": {"type": "string"}},
    "required": ["region"],
}


def one(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}


TOOLS: dict[str, tuple[dict[str, Any], Handler]] = {
    "test_simple_text": (NOTHING, simple_text),
    "test_image_content": (NOTHING, image),
    "test_audio_content": (NOTHING, audio),
    "test_embedded_resource": (NOTHING, embedded),
    "test_multiple_content_types": (NOTHING, mixed),
    "test_error_handling": (NOTHING, failing),
    "test_tool_with_logging": (NOTHING, logging_thrice),
    "test_logging_tool": (NOTHING, logging_once),
    "test_tool_with_progress": (NOTHING, progress),
    "test_reconnection": (NOTHING, reconnection),
    "test_sampling": (one("prompt"), sampling),
    "test_elicitation": (one("message"), asking("", ANSWER, ("username", "email"), "User response")),
    "test_elicitation_sep1034_defaults": (NOTHING, asking("Who are you?", DEFAULTS, (), "Elicitation completed")),
    "test_elicitation_sep1330_enums": (NOTHING, asking("Choose.", CHOICES, (), "Elicitation completed")),
    "test_streaming_elicitation": (NOTHING, rounds.name),
    "test_missing_capability": (NOTHING, missing_capability),
    "test_trigger_tool_change": (NOTHING, tools_changed),
    "test_trigger_prompt_change": (NOTHING, prompts_changed),
    "test_input_required_result_elicitation": (NOTHING, rounds.name),
    "test_input_required_result_sampling": (NOTHING, rounds.capital),
    "test_input_required_result_list_roots": (NOTHING, rounds.roots),
    "test_input_required_result_request_state": (NOTHING, rounds.confirm),
    "test_input_required_result_tampered_state": (NOTHING, rounds.confirm),
    "test_input_required_result_multiple_inputs": (NOTHING, rounds.several),
    "test_input_required_result_multi_round": (NOTHING, rounds.two_steps),
    "test_input_required_result_capabilities": (NOTHING, rounds.as_declared),
    # The scenarios of the tasks extension call these; a server without tasks answers at once.
    "confirm_delete": (one("filename"), plain),
    "multi_input": (NOTHING, plain),
    "test_tool_with_task": (NOTHING, rounds.name),
    "greet": (one("name"), greet),
    "slow_compute": (COMPUTING, plain),
    "failing_job": (NOTHING, failing),
    "json_schema_2020_12_tool": (RICH_SCHEMA, plain),
    "test_headers": (HEADER_SCHEMA, plain),
}


async def list_tools(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(
        tools=[
            types.Tool(name=name, description=f"Conformance: {name}.", input_schema=schema)
            for name, (schema, _) in TOOLS.items()
        ]
    )


async def call_tool(ctx: Context, params: Params) -> types.CallToolResult | types.InputRequiredResult:
    found = TOOLS.get(params.name)
    if found is None:
        raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
    return await found[1](ctx, params)


def input_schema(name: str) -> dict[str, Any] | None:
    found = TOOLS.get(name)
    return found[0] if found else None
