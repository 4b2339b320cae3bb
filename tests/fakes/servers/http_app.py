"""A real MCP server over streamable HTTP, both eras, written with the official SDK.

Run: ``python -m tests.fakes.servers.http_app [json|sse]``; prints its port on the first line.
"""

import asyncio
import logging
import socket
import sys

import uvicorn
from mcp.server.mcpserver import Context, MCPServer


def make_server() -> MCPServer:
    server = MCPServer("practice", version="7", instructions="Only for tests.")

    @server.tool()
    def add(a: int, b: int) -> int:
        return a + b

    @server.tool()
    async def steps(count: int, ctx: Context) -> str:
        for step in range(count):
            await ctx.report_progress(step + 1, count, "a step")
        return "done"

    @server.tool()
    async def forever() -> str:
        await asyncio.Event().wait()
        return "never"

    @server.tool()
    def big(size: int) -> str:
        return "x" * size

    @server.tool()
    def fail() -> str:
        raise ValueError("it broke")

    return server


def main() -> None:
    logging.disable(logging.CRITICAL)
    app = make_server().streamable_http_app(json_response="json" in sys.argv[1:])
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run(sockets=[listener])


if __name__ == "__main__":
    main()
