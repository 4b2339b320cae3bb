"""Headers that a client of 2026-07-28 sends over HTTP and a stdio client cannot: method, name, mirrored arguments.

MCP 2026-07-28, streamable HTTP, "Request Metadata". They say what the body says; the gate checks that they do.
"""

from typing import Any

from callgate.adapters.upstream.wire import header_value
from callgate.core.headers import Headers, header_text, mirrored_headers

MODERN_META = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def routing_headers(method: str, params: dict[str, Any]) -> dict[str, str]:
    meta = params.get("_meta")
    version = meta.get(MODERN_META) if isinstance(meta, dict) else None
    found = {
        "mcp-protocol-version": version,
        "mcp-method": method,
        "mcp-name": params.get(_NAMED_BY.get(method, "")),
    }
    return {name: header_value(text) for name, text in found.items() if isinstance(text, str)}


class MirroredArguments:
    """``Mcp-Param-*`` of the tools that were listed."""

    def __init__(self) -> None:
        self._declared: dict[str, Headers] = {}
        self.known = False
        """A list was seen."""

    def learn(self, result: Any) -> None:
        """``result`` of tools/list."""
        tools = result.get("tools") if isinstance(result, dict) else None
        if not isinstance(tools, list):
            return
        self.known = True
        for tool in tools:
            if isinstance(tool, dict) and isinstance(tool.get("name"), str):
                self._declared[tool["name"]] = _declared(tool.get("inputSchema"))

    def headers(self, params: dict[str, Any]) -> dict[str, str]:
        """Of tools/call; empty for any other params."""
        declared = self._declared.get(str(params.get("name")), ())
        found = ((name, header_text(_at(params.get("arguments"), path))) for name, path in declared)
        return {name: header_value(text) for name, text in found if text is not None}


def _declared(schema: Any) -> Headers:
    try:
        return mirrored_headers(schema)
    except (ValueError, RecursionError):
        return ()


def _at(arguments: Any, path: str) -> Any:
    for key in path.split("."):
        arguments = arguments.get(key) if isinstance(arguments, dict) else None
    return arguments
