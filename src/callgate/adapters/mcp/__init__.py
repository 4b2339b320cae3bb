"""The MCP front: JSON-RPC over streamable HTTP, both protocol eras on one endpoint."""
