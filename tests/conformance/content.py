"""The resources, prompts and completions that the conformance suite looks for."""

import base64
import json
import re
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from tests.conformance import rounds
from tests.conformance.media import PIXEL_PNG, PNG

Context = ServerRequestContext[Any, Any]
TEMPLATE = "test://template/{id}/data"
_filled = re.compile(r"test://template/([A-Za-z0-9_-]+)/data\Z")

FILES: dict[str, tuple[str, str, str | bytes]] = {
    "test://static-text": ("static-text", "text/plain", "This is the content of the static text resource."),
    "test://static-binary": ("static-binary", "image/png", PNG),
    "test://watched-resource": ("watched-resource", "text/plain", "Watched resource content"),
}


async def list_resources(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    return types.ListResourcesResult(
        resources=[
            types.Resource(uri=uri, name=name, description=f"Conformance: {name}.", mime_type=kind)
            for uri, (name, kind, _) in FILES.items()
        ]
    )


async def list_templates(
    ctx: Context, params: types.PaginatedRequestParams | None
) -> types.ListResourceTemplatesResult:
    template = types.ResourceTemplate(
        uri_template=TEMPLATE, name="template", description="Conformance: a template.", mime_type="application/json"
    )
    return types.ListResourceTemplatesResult(resource_templates=[template])


async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    uri = str(params.uri)
    if uri in FILES:
        _, kind, body = FILES[uri]
        if isinstance(body, bytes):
            blob = base64.b64encode(body).decode()
            return types.ReadResourceResult(contents=[types.BlobResourceContents(uri=uri, mime_type=kind, blob=blob)])
        return _text(uri, kind, body)
    match = _filled.match(uri)
    if match:
        data = {"id": match[1], "templateTest": True, "data": f"Data for ID: {match[1]}"}
        return _text(uri, "application/json", json.dumps(data))
    raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": uri})


def _text(uri: str, kind: str, body: str) -> types.ReadResourceResult:
    return types.ReadResourceResult(contents=[types.TextResourceContents(uri=uri, mime_type=kind, text=body)])


async def subscribe(ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
    return types.EmptyResult()


async def unsubscribe(ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
    return types.EmptyResult()


async def set_level(ctx: Context, params: types.SetLevelRequestParams) -> types.EmptyResult:
    return types.EmptyResult()


PROMPTS: dict[str, tuple[str, ...]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
"""Name to its required arguments."""


async def list_prompts(ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=name,
                description=f"Conformance: {name}.",
                arguments=[types.PromptArgument(name=one, description=one, required=True) for one in arguments],
            )
            for name, arguments in PROMPTS.items()
        ]
    )


async def get_prompt(
    ctx: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    given = params.arguments or {}
    if params.name not in PROMPTS:
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
    missing = [name for name in PROMPTS[params.name] if name not in given]
    if missing:
        raise MCPError(types.INVALID_PARAMS, f"Missing: {', '.join(missing)}")
    if params.name == "test_input_required_result_prompt":
        return await rounds.prompt(ctx, params)
    return types.GetPromptResult(messages=_messages(params.name, given))


def _messages(name: str, given: dict[str, str]) -> list[types.PromptMessage]:
    if name == "test_prompt_with_arguments":
        return _user(types.TextContent(text=f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"))
    if name == "test_prompt_with_embedded_resource":
        body = types.TextResourceContents(
            uri=given["resourceUri"], mime_type="text/plain", text="Embedded resource content for testing."
        )
        return _user(
            types.EmbeddedResource(resource=body),
            types.TextContent(text="Please process the embedded resource above."),
        )
    if name == "test_prompt_with_image":
        return _user(
            types.ImageContent(data=PIXEL_PNG, mime_type="image/png"),
            types.TextContent(text="Please analyze the image above."),
        )
    return _user(types.TextContent(text="This is a simple prompt for testing."))


def _user(*blocks: types.ContentBlock) -> list[types.PromptMessage]:
    return [types.PromptMessage(role="user", content=block) for block in blocks]


CITIES = ("paris", "park", "party", "london")


async def complete(ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    found = [city for city in CITIES if city.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=found, total=len(found), has_more=False))
