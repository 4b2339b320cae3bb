"""Upstream MCP servers over HTTP and stdio behind one port."""
