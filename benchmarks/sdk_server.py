"""The `mcp` SDK's own server with so many tools, for the size and time of its list: <port> <tools>."""

import sys

import uvicorn
from mcp.server.lowlevel import Server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool

from benchmarks.upstream import TEXT, many_tools

TOOLS = [Tool(**{**tool, "input_schema": tool["inputSchema"]}) for tool in many_tools(int(sys.argv[2]))]


async def list_tools(ctx, params) -> ListToolsResult:
    return ListToolsResult(tools=TOOLS)


async def call_tool(ctx, params) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=TEXT)])


server = Server("tools", on_list_tools=list_tools, on_call_tool=call_tool)

if __name__ == "__main__":
    uvicorn.run(
        server.streamable_http_app(streamable_http_path="/mcp", json_response=True),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        log_level="error",
        access_log=False,
    )
