"""The `mcp` SDK as client and server: a proxy of one tool, no audit."""

import sys
from contextlib import asynccontextmanager

import uvicorn
from mcp.client import Client
from mcp.server.lowlevel import Server
from mcp.types import CallToolResult, ListToolsResult

TARGET = f"http://127.0.0.1:{sys.argv[2]}/mcp"
_client: Client | None = None


@asynccontextmanager
async def lifespan(_server):
    global _client
    async with Client(TARGET, mode="legacy") as client:
        _client = client
        yield {}


async def list_tools(ctx, params) -> ListToolsResult:
    return await _client.list_tools()


async def call_tool(ctx, params) -> CallToolResult:
    return await _client.call_tool(params.name, params.arguments)


server = Server("proxy", on_list_tools=list_tools, on_call_tool=call_tool, lifespan=lifespan)

if __name__ == "__main__":
    app = server.streamable_http_app(streamable_http_path="/mcp", json_response=True, stateless_http=False)
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        log_level="error",
        access_log=False,
    )
