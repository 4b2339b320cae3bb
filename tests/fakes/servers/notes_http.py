"""A small MCP server over streamable HTTP that no manifest knows, written with the official SDK.

Run: ``python -m tests.fakes.servers.notes_http``; prints its port on the first line.
"""

import logging
import socket

import uvicorn
from mcp.server.mcpserver import MCPServer


def make_server() -> MCPServer:
    server = MCPServer("notes", version="3", instructions="Notes of a team.")

    @server.tool()
    def list_notes() -> str:
        """List the notes."""
        return "plans, minutes"

    @server.tool()
    def frobnicate_notes() -> str:
        """Count how often they were read."""
        return "counted"

    @server.tool()
    def delete_note(name: str) -> str:
        """Delete a note for good."""
        return f"{name} is gone"

    return server


def main() -> None:
    logging.disable(logging.CRITICAL)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    app = make_server().streamable_http_app(json_response=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run(sockets=[listener])


if __name__ == "__main__":
    main()
