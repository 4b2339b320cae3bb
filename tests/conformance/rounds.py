"""Tools and the prompt that ask back before they answer (MCP 2026-07-28, multi round-trip requests)."""

from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext

Context = ServerRequestContext[Any, Any]
Asking = types.InputResponseRequestParams


def form(message: str, name: str, kind: str = "string") -> types.ElicitRequest:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def question(text: str, tokens: int) -> types.CreateMessageRequest:
    message = types.SamplingMessage(role="user", content=types.TextContent(text=text))
    return types.CreateMessageRequest(params=types.CreateMessageRequestParams(messages=[message], max_tokens=tokens))


def ask(state: str | None = None, **requests: types.InputRequest) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests=requests, request_state=state)


def filled(params: Asking, key: str, field: str) -> Any:
    """The field of an accepted form; None when the answer is missing, declined or of another shape."""
    answer = (params.input_responses or {}).get(key)
    if isinstance(answer, types.ElicitResult) and answer.action == "accept":
        return (answer.content or {}).get(field)
    return None


def done(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)])


async def name(ctx: Context, params: Asking) -> types.CallToolResult | types.InputRequiredResult:
    answer = (params.input_responses or {}).get("user_name")
    if isinstance(answer, types.ElicitResult) and answer.action != "accept":
        return done(f"Nobody said a name: {answer.action}.")
    given = filled(params, "user_name", "name")
    return done(f"Hello, {given}!") if given else ask(user_name=form("What is your name?", "name"))


def sampled(params: Asking, key: str) -> str | None:
    answer = (params.input_responses or {}).get(key)
    if isinstance(answer, types.CreateMessageResult) and answer.content.type == "text":
        return answer.content.text
    return None


async def capital(ctx: Context, params: Asking) -> types.CallToolResult | types.InputRequiredResult:
    text = sampled(params, "capital_question")
    return done(text) if text else ask(capital_question=question("What is the capital of France?", 100))


async def roots(ctx: Context, params: Asking) -> types.CallToolResult | types.InputRequiredResult:
    answer = (params.input_responses or {}).get("client_roots")
    if isinstance(answer, types.ListRootsResult):
        return done("Roots: " + ", ".join(str(root.uri) for root in answer.roots))
    return ask(client_roots=types.ListRootsRequest())


async def confirm(ctx: Context, params: Asking) -> types.CallToolResult | types.InputRequiredResult:
    """The state is sealed on its way out and opened on its way in by the SDK's boundary; a broken one never gets here."""
    if params.request_state == "asked" and filled(params, "confirm", "ok") is not None:
        return done("Confirmed: state-ok")
    return ask("asked", confirm=form("Please confirm", "ok", "boolean"))


async def several(ctx: Context, params: Asking) -> types.CallToolResult | types.InputRequiredResult:
    given, greeting = filled(params, "user_name", "name"), sampled(params, "greeting")
    places = (params.input_responses or {}).get("client_roots")
    if params.request_state == "all" and given and greeting and isinstance(places, types.ListRootsResult):
        return done(f"{greeting}, {given}, with {len(places.roots)} roots")
    return ask(
        "all",
        user_name=form("What is your name?", "name"),
        greeting=question("Generate a greeting", 50),
        client_roots=types.ListRootsRequest(),
    )


async def two_steps(ctx: Context, params: Asking) -> types.CallToolResult | types.InputRequiredResult:
    state = params.request_state or ""
    if state.startswith("name:"):
        color = filled(params, "step2", "color")
        if color:
            return done(f"{state.removeprefix('name:')} likes {color}")
    given = filled(params, "step1", "name")
    if given:
        state = f"name:{given}"
    if state.startswith("name:"):
        return ask(state, step2=form("Step 2: What is your favorite color?", "color"))
    return ask("begun", step1=form("Step 1: What is your name?", "name"))


async def as_declared(ctx: Context, params: Asking) -> types.CallToolResult | types.InputRequiredResult:
    """Asks only what the client says it can answer."""
    declared = ctx.session.client_capabilities or types.ClientCapabilities()
    if params.input_responses:
        return done("Answered: " + ", ".join(sorted(params.input_responses)))
    if declared.sampling is not None:
        return ask(greeting=question("Generate a greeting", 50))
    if declared.elicitation is not None:
        return ask(user_name=form("What is your name?", "name"))
    return done("This client answers no questions.")


async def prompt(ctx: Context, params: Asking) -> types.GetPromptResult | types.InputRequiredResult:
    given = filled(params, "user_context", "context")
    if not given:
        return ask(user_context=form("What context should the prompt use?", "context"))
    text = types.TextContent(text=f"Work in this context: {given}")
    return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])
