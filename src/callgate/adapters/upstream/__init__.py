"""Upstreams: MCP servers over streamable HTTP and stdio, behind flow.ports.Upstream."""
