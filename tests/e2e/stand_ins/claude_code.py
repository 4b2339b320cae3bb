"""Claude Code 2.1.330 over streamable HTTP: a probe with 2026-07-28, else initialize 2025-11-25.

Its model sees structuredContent of a result, only the text of an error result, and only the message of a JSON-RPC
error. A result that its tool's outputSchema does not allow is rejected.
"""

import contextlib
import itertools
import json
import secrets
import time
from typing import Any, Self

import jsonschema_rs

from tests.e2e.stand_ins.configs import Configured
from tests.e2e.stand_ins.wire import BOTH, Held, Message, NotConnected, Reply, TimedOut, request, text_of

MODERN = "2026-07-28"
HANDSHAKE = "2025-11-25"
AGENT = "claude-code/2.1.330 (sdk-cli)"
INFO = {"name": "claude-code", "version": "2.1.330"}
CAPABILITIES = {"roots": {}, "elicitation": {"form": {}, "url": {}}}
ROUNDS = 4
_named_by = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class ClaudeCode:
    """``start``, ``call`` as often as wanted, ``stop``."""

    def __init__(self, configured: Configured) -> None:
        self.configured = configured
        self.protocol = MODERN
        self.session = ""
        self.tools: dict[str, Message] = {}
        self.stream: Held | None = None
        """``subscriptions/listen`` (2026-07-28) or the GET stream; None when the server offers none."""
        self.asked: list[Message] = []
        """What the server asked of the person; Claude Code without one cancels at once."""
        self._ids = itertools.count(1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Raises NotConnected."""
        reply, found = self._ask("server/discover", {})
        if reply.status == 401:
            raise NotConnected(self._failure(reply, found))
        if MODERN in found.get("result", {}).get("supportedVersions", ()):
            self._listen()
        else:
            self._shake_hands()
        _, listed = self._ask("tools/list", {})
        self.tools = {tool["name"]: tool for tool in listed["result"]["tools"]}

    def _listen(self) -> None:
        kinds = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
        message = self._message("subscriptions/listen", {"notifications": kinds})
        held = Held(lambda: request("POST", self.configured.url, self._headers(message), message))
        if held.reply.status == 200 and held.reply.streams:
            self.stream = held
        else:
            held.close()

    def _shake_hands(self) -> None:
        self.protocol = HANDSHAKE
        params = {"protocolVersion": HANDSHAKE, "capabilities": CAPABILITIES, "clientInfo": INFO}
        reply, opened = self._ask("initialize", params)
        if "result" not in opened:
            raise NotConnected(self._failure(reply, opened))
        self.protocol = opened["result"]["protocolVersion"]
        self.session = reply.headers["mcp-session-id"]
        self._tell({"jsonrpc": "2.0", "method": "notifications/initialized"})
        headers = self._headers({}) | {"Accept": "text/event-stream"}
        held = Held(lambda: request("GET", self.configured.url, headers))
        if held.reply.status == 200 and held.reply.streams:
            self.stream = held
        else:
            held.close()

    def stop(self) -> None:
        if self.stream is not None:
            self.stream.close()
        if self.session:
            request("DELETE", self.configured.url, self._headers({})).close()

    def call(self, tool: str, arguments: Message) -> str:
        """What the model sees."""
        params: Message = {"name": tool, "arguments": arguments}
        try:
            for _ in range(ROUNDS):
                reply, message = self._ask("tools/call", params)
                if message.get("result", {}).get("resultType") != "input_required":
                    break
                params = self._next_round(params, message["result"])
        except TimedOut as fault:
            return str(fault)
        if "result" in message:
            return self._shown(tool, message["result"])
        return self._failure(reply, message)

    def _next_round(self, params: Message, result: Message) -> Message:
        """The same call again, with no answer to anything that was asked."""
        requests = result.get("inputRequests", {})
        self.asked += requests.values()
        said = {key: {"action": "cancel"} for key, one in requests.items() if one["method"] == "elicitation/create"}
        state = {"requestState": result["requestState"]} if "requestState" in result else {}
        return {"name": params["name"], "arguments": params["arguments"], "inputResponses": said, **state}

    def _shown(self, tool: str, result: Message) -> str:
        if result.get("isError"):
            return text_of(result)
        schema = self.tools[tool].get("outputSchema")
        if schema is not None:
            if "structuredContent" not in result:
                return f"Tool {tool} has an output schema but did not return structured content"
            if not jsonschema_rs.is_valid(schema, result["structuredContent"]):
                return "Structured content does not match the tool's output schema"
        return json.dumps(result["structuredContent"]) if "structuredContent" in result else text_of(result)

    def _failure(self, reply: Reply, message: Message) -> str:
        if reply.status == 401:
            sent = "Authorization" in self.configured.headers
            return "The server rejected the Authorization header" if sent else "Authentication required"
        if reply.status == 503:
            return "transport error"
        return str(message.get("error", {}).get("message", f"HTTP {reply.status}"))

    def _message(self, method: str, params: Message) -> Message:
        meta: Message = {}
        if self.protocol == MODERN:
            meta = {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
                "io.modelcontextprotocol/clientInfo": INFO,
            }
        if method == "tools/call":
            meta |= {"claudecode/toolUseId": f"toolu_{secrets.token_hex(8)}", "progressToken": next(self._ids)}
        more = {"_meta": meta} if meta else {}
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": {**params, **more}}

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {
            "User-Agent": AGENT,
            "Accept": BOTH,
            "Content-Type": "application/json",
            **self.configured.headers,
        }
        if self.protocol == MODERN:
            headers |= {"MCP-Protocol-Version": MODERN, "Mcp-Method": message["method"]}
            name = message["params"].get(_named_by.get(message["method"], ""))
            headers |= {"Mcp-Name": name} if name else {}
        elif self.session:
            headers |= {"MCP-Protocol-Version": self.protocol, "Mcp-Session-Id": self.session}
        return headers

    def _ask(self, method: str, params: Message) -> tuple[Reply, Message]:
        """The response; an empty message when there is none. On TimedOut the stream is closed, which is the cancel."""
        message = self._message(method, params)
        idle, ends = self.configured.silence_s, time.monotonic() + self.configured.limit_s
        reply = None
        try:
            reply = request(
                "POST",
                self.configured.url,
                self._headers(message),
                message,
                silence_s=min(idle, self.configured.limit_s),
            )
            for came in reply.messages():
                if came.get("id") == message["id"] and "method" not in came:
                    return reply, came
                if "method" in came and "id" in came:
                    self._answer(came)
                if time.monotonic() > ends:
                    raise TimedOut(f"timed out after {self.configured.limit_s:g}s")
            return reply, {}
        except TimedOut as fault:
            if fault.args:
                raise
            if self.configured.limit_s <= idle:
                raise TimedOut(f"timed out after {self.configured.limit_s:g}s") from fault
            raise TimedOut(f"sent no response or progress for {idle:g}s") from fault
        finally:
            if reply is not None:
                with contextlib.suppress(OSError):
                    reply.close()

    def _answer(self, asked: Message) -> None:
        self.asked.append(asked)
        said: dict[str, Any] = {"error": {"code": -32601, "message": "method not found"}}
        if asked["method"] == "elicitation/create":
            said = {"result": {"action": "cancel"}}
        elif asked["method"] == "roots/list":
            said = {"result": {"roots": []}}
        self._tell({"jsonrpc": "2.0", "id": asked["id"], **said})

    def _tell(self, message: Message) -> None:
        request("POST", self.configured.url, self._headers(message), message).close()
