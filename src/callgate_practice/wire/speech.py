"""One JSON-RPC message in, at most one out: the era with a handshake (to 2025-11-25) and the one without (2026-07-28).

Shapes: the MCP specification of these versions. It speaks of tools alone.
"""

from typing import Any

from callgate_practice.reply import JSON
from callgate_practice.toolset import Toolset
from callgate_practice.world import World

MODERN = "2026-07-28"
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
META = "io.modelcontextprotocol/"
INVALID, UNKNOWN_METHOD, BAD_PARAMS, UNPARSABLE = -32600, -32601, -32602, -32700
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
CAPABILITIES: JSON = {"tools": {}}
CACHED: JSON = {"ttlMs": 60_000, "cacheScope": "private"}


class RpcFault(Exception):
    """Ends in a JSON-RPC error."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class Speech:
    """Answers for one server over its world. It keeps nothing of a client between messages."""

    def __init__(self, toolset: Toolset, world: World) -> None:
        self.toolset = toolset
        self.world = world
        self.info = {"name": f"practice-{toolset.server}", "title": toolset.title, "version": "1"}

    def answer(self, message: Any) -> JSON | None:
        """None for notifications and answers."""
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            return error(None, RpcFault(INVALID, "Not one JSON-RPC 2.0 message."))
        number, method = message.get("id"), message.get("method")
        if number is None or method is None:
            return None
        try:
            result = self._result(str(method), message.get("params"))
        except RpcFault as fault:
            return error(number, fault)
        return {"jsonrpc": "2.0", "id": number, "result": result}

    def _result(self, method: str, params: Any) -> JSON:
        params = {} if params is None else params
        if not isinstance(params, dict):
            raise RpcFault(BAD_PARAMS, "params must be an object.")
        version = era(params)
        if version and version != MODERN:
            raise RpcFault(
                UNSUPPORTED_VERSION, "Unsupported protocol version.", {"supported": [MODERN], "requested": version}
            )
        if not version:
            return self._handshake(method, params)
        found = self._discover() if method == "server/discover" else self._tools(method, params, CACHED)
        return {**found, "resultType": "complete", "_meta": {f"{META}serverInfo": self.info}}

    def _handshake(self, method: str, params: JSON) -> JSON:
        if method == "initialize":
            wanted = params.get("protocolVersion")
            version = wanted if wanted in HANDSHAKE else HANDSHAKE[0]
            return {"protocolVersion": version, "capabilities": CAPABILITIES, "serverInfo": self.info}
        if method == "ping":
            return {}
        return self._tools(method, params, {})

    def _discover(self) -> JSON:
        return {"supportedVersions": [MODERN, *HANDSHAKE], "capabilities": CAPABILITIES, **CACHED}

    def _tools(self, method: str, params: JSON, listed: JSON) -> JSON:
        if method == "tools/list":
            return {"tools": [tool.definition() for tool in self.toolset.tools.values()], **listed}
        if method != "tools/call":
            raise RpcFault(UNKNOWN_METHOD, f"Method not found: {method}")
        name, given = params.get("name"), params.get("arguments", {})
        if name not in self.toolset.tools or not isinstance(given, dict):
            raise RpcFault(BAD_PARAMS, f"Unknown tool: {name}" if isinstance(given, dict) else "Bad arguments.")
        return self.toolset.call(self.world, name, given)


def era(params: JSON) -> str:
    """The version that the request names itself; empty for one after a handshake."""
    meta = params.get("_meta")
    found = meta.get(f"{META}protocolVersion", "") if isinstance(meta, dict) else ""
    return str(found)


def error(number: Any, fault: RpcFault) -> JSON:
    more = {} if fault.data is None else {"data": fault.data}
    return {"jsonrpc": "2.0", "id": number, "error": {"code": fault.code, "message": str(fault), **more}}
