"""Codex 0.169.0 over streamable HTTP: initialize 2025-06-18 with a session, a held GET stream, DELETE at the end.

Its model sees structuredContent alone when there is any, without isError; of a JSON-RPC error message and data.
"""

import contextlib
import itertools
import json
import secrets
from typing import Any, Self

from tests.e2e.stand_ins.configs import Configured
from tests.e2e.stand_ins.wire import BOTH, Held, Message, NotConnected, Reply, TimedOut, request, text_of

PROTOCOL = "2025-06-18"
AGENT = "codex-mcp-client/0.169.0"
READ_ONLY = ("auto", "writes")
"""Approval modes in which `codex exec` runs only what says that it only reads."""


class Codex:
    """``start``, ``call`` as often as wanted, ``stop``."""

    def __init__(self, configured: Configured) -> None:
        self.configured = configured
        self.tools: dict[str, Message] = {}
        self.session = ""
        self.stream: Held | None = None
        """The GET stream; None when the server offers none."""
        self.asked: list[Message] = []
        """What the server asked of the person; Codex without one declines at once."""
        self._ids = itertools.count(0)
        self._trace = secrets.token_hex(16)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Raises NotConnected."""
        params = {
            "protocolVersion": PROTOCOL,
            "capabilities": {"elicitation": {"form": {}, "url": {}}},
            "clientInfo": {"name": "codex-mcp-client", "title": "Codex", "version": "0.169.0"},
        }
        reply, opened = self._ask("initialize", params, self.configured.startup_s)
        if "result" not in opened:
            raise NotConnected(self._failure(reply, opened))
        assert opened["result"]["protocolVersion"] == PROTOCOL
        self.session = reply.headers["mcp-session-id"]
        assert self._tell({"jsonrpc": "2.0", "method": "notifications/initialized"}) == 202
        held = Held(lambda: request("GET", self.configured.url, self._headers("text/event-stream")))
        if held.reply.status == 200 and held.reply.streams:
            self.stream = held
        else:
            held.close()
            assert held.reply.status == 405, held.reply.status
        _, listed = self._ask("tools/list", {}, self.configured.startup_s)
        self.tools = {tool["name"]: tool for tool in listed["result"]["tools"]}

    def stop(self) -> None:
        if self.stream is not None:
            self.stream.close()
        if self.session:
            reply = request("DELETE", self.configured.url, self._headers(BOTH))
            reply.close()
            assert reply.status in (200, 202, 204, 405), reply.status

    def call(self, tool: str, arguments: Message) -> str:
        """What the model sees."""
        reads = self.tools[tool].get("annotations", {}).get("readOnlyHint") is True
        if self.configured.approval == "prompt" or (self.configured.approval in READ_ONLY and not reads):
            return "MCP tool call requires approval, but approval policy is never"
        params = {"name": tool, "arguments": arguments, "_meta": self._meta()}
        try:
            reply, message = self._ask("tools/call", params, self.configured.silence_s)
        except TimedOut:
            return f"timed out awaiting tools/call after {self.configured.silence_s:g}s"
        if "result" in message:
            return self._shown(message["result"])
        return self._failure(reply, message)

    @staticmethod
    def _shown(result: Message) -> str:
        if "structuredContent" in result:
            return json.dumps(result["structuredContent"])
        return text_of(result)

    def _failure(self, reply: Reply, message: Message) -> str:
        if reply.status == 401:
            sent = "Authorization" in self.configured.headers
            return "The server rejected the Authorization header" if sent else "Authentication required"
        if reply.status == 503:
            return "transport error"
        error = message.get("error", {})
        return " ".join([error.get("message", f"HTTP {reply.status}"), json.dumps(error.get("data"))])

    def _meta(self) -> Message:
        call, turn = f"call_{secrets.token_hex(8)}", secrets.token_hex(8)
        return {
            "callId": call,
            "threadId": "thread-1",
            "sessionId": "session-1",
            "windowId": "window-1",
            "itemId": f"item_{call}",
            "progressToken": next(self._ids),
            "traceparent": self._traceparent(),
            "x-codex-turn-metadata": {
                "session_id": "session-1",
                "thread_id": "thread-1",
                "turn_id": turn,
                "model": "a-model",
                "turn_started_at_unix_ms": 1_795_000_000_000,
                "thread_source": "exec",
                "turn_trigger": "user",
                "sandbox": "none",
                "sandbox_mode": "workspace-write",
                "auto_review_enabled": False,
                "codex_version": "0.169.0",
            },
        }

    def _traceparent(self) -> str:
        return f"00-{self._trace}-{secrets.token_hex(8)}-01"

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {
            "User-Agent": AGENT,
            "Accept": accept,
            "Content-Type": "application/json",
            "traceparent": self._traceparent(),
            "tracestate": "codex=1",
            **self.configured.headers,
        }
        if self.session:
            headers |= {"Mcp-Session-Id": self.session, "MCP-Protocol-Version": PROTOCOL}
        return headers

    def _ask(self, method: str, params: Message, limit_s: float) -> tuple[Reply, Message]:
        """The response; an empty message when there is none. On TimedOut the server was told."""
        number = next(self._ids)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        reply = None
        try:
            reply = request("POST", self.configured.url, self._headers(BOTH), message, silence_s=limit_s)
            for came in reply.messages():
                if came.get("id") == number and "method" not in came:
                    return reply, came
                if "method" in came and "id" in came:
                    self._answer(came)
            return reply, {}
        except TimedOut:
            cancel = {"requestId": number, "reason": "timeout"}
            self._tell({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancel})
            raise
        finally:
            if reply is not None:
                with contextlib.suppress(OSError):
                    reply.close()

    def _answer(self, asked: Message) -> None:
        self.asked.append(asked)
        said: dict[str, Any] = {"error": {"code": -32601, "message": "method not found"}}
        if asked["method"] == "elicitation/create":
            said = {"result": {"action": "decline"}}
        self._tell({"jsonrpc": "2.0", "id": asked["id"], **said})

    def _tell(self, message: Message) -> int:
        reply = request("POST", self.configured.url, self._headers(BOTH), message)
        reply.close()
        return reply.status
