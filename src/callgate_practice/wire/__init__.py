"""MCP as a server speaks it: JSON-RPC of both eras, over stdio and over streamable HTTP."""
