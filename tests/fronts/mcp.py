"""What the MCP front's tests share: a front with a fake behind it, and messages of both eras."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from typing import Any

from callgate.adapters.mcp.app import McpFront
from callgate.adapters.mcp.config import FrontConfig
from tests.fakes.asgi import HOST, Exchanged, ask
from tests.fakes.serving import FakeServing

MODERN = "2026-07-28"


def config(**more: Any) -> FrontConfig:
    return FrontConfig(
        **{
            "base": f"http://{HOST}",
            "hosts": (HOST,),
            "origins": (f"http://{HOST}",),
            "authorization_servers": (f"http://{HOST}",),
            **more,
        }
    )


def run(test: Callable[[McpFront, FakeServing], Coroutine[Any, Any, None]], *listings: Any, **more: Any) -> FakeServing:
    serving = FakeServing(*listings)

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test(McpFront(serving, config(**more)), serving)

    asyncio.run(bounded())
    return serving


def request(method: str, params: Any = None, id_: Any = 1) -> dict[str, Any]:
    made: dict[str, Any] = {"jsonrpc": "2.0", "id": id_, "method": method}
    return made if params is None else {**made, "params": params}


def call(name: str = "git_status", arguments: Any = None, id_: Any = 1, **meta: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"name": name, "arguments": {"path": "."} if arguments is None else arguments}
    if meta:
        params["_meta"] = meta
    return request("tools/call", params, id_)


def modern(message: dict[str, Any], version: Any = MODERN, **meta: Any) -> dict[str, Any]:
    params = dict(message.get("params", {}))
    params["_meta"] = {
        **params.get("_meta", {}),
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "claude-code", "version": "2.1.330"},
        **meta,
    }
    return {**message, "params": params}


def routing(message: dict[str, Any], version: str = MODERN, **more: str | None) -> dict[str, str | None]:
    made: dict[str, str | None] = {"mcp-protocol-version": version, "mcp-method": message["method"]}
    name = message.get("params", {}).get("name") or message.get("params", {}).get("uri")
    if isinstance(name, str):
        made["mcp-name"] = name
    return {**made, **{key.replace("_", "-"): value for key, value in more.items()}}


async def ask_modern(front: McpFront, message: dict[str, Any], **more: Any) -> Exchanged:
    full = modern(message)
    headers = {**routing(full), **more.pop("headers", {})}
    return await ask(front, full, headers=headers, **more)


async def begin(front: McpFront, version: str = "2025-06-18", **more: Any) -> dict[str, str | None]:
    """initialize; the headers of what follows."""
    seen = await ask(front, request("initialize", initialize(version)), **more)
    assert seen.status == 200, seen.body
    return {"mcp-session-id": seen.headers["mcp-session-id"], "mcp-protocol-version": version}


def initialize(version: str = "2025-06-18") -> dict[str, Any]:
    return {
        "protocolVersion": version,
        "capabilities": {"elicitation": {"form": {}, "url": {}}},
        "clientInfo": {"name": "codex-mcp-client", "version": "0.169.0"},
    }


def sentinel(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
