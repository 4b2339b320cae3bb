"""A small MCP client for trying things: streamable HTTP, protocol 2025-06-18, one call per session.

Source: https://modelcontextprotocol.io/specification/2025-06-18/basic/transports. It speaks to the gate as any
assistant does, with a token; nothing here knows the gate's insides.
"""

import http.client
import json
from typing import Any, Self
from urllib.parse import quote, urlsplit

from callgate import __version__
from callgate.cli.event_stream import MAX_BYTES, sent_events
from callgate.cli.outcome import CommandError, Exit

PROTOCOL = "2025-06-18"
_CLIENT = {"name": "callgate-cli", "version": __version__}


class McpClient:
    """Use as a context manager: entering shakes hands, leaving ends the session."""

    def __init__(self, endpoint: str, integration: str, token: str, *, task: str = "", timeout: float = 300.0) -> None:
        self._where = urlsplit(endpoint)
        if self._where.scheme not in {"http", "https"} or not self._where.hostname:
            raise CommandError("The token names no endpoint.", "Sign in again with: callgate login")
        self._path = f"{self._where.path.rstrip('/')}/{quote(integration, safe='')}"
        self._timeout = timeout
        self._last = 0
        self._headers = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "authorization": f"Bearer {token}",
            "user-agent": f"callgate-cli/{__version__}",
        }
        if task:
            self._headers["callgate-task"] = task

    def __enter__(self) -> Self:
        asked = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": _CLIENT}
        found = self._request("initialize", asked)
        self._headers["mcp-protocol-version"] = str(found.get("result", {}).get("protocolVersion", PROTOCOL))
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(self, *_: object) -> None:
        if "mcp-session-id" in self._headers:
            link = self._link()
            try:
                link.request("DELETE", self._path, headers=self._headers)
                link.getresponse().read()
            except (http.client.HTTPException, OSError):
                pass
            finally:
                link.close()

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The JSON-RPC response: ``result`` or ``error``."""
        return self._request("tools/call", {"name": tool, "arguments": arguments})

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last += 1
        found = self._send({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
        if found is None:
            raise CommandError("The gate answered without a response.", "Look at its log.")
        if method == "initialize" and "error" in found:
            raise _refused(found["error"])
        return found

    def _send(self, message: dict[str, Any]) -> dict[str, Any] | None:
        link = self._link()
        try:
            link.request("POST", self._path, json.dumps(message), self._headers)
            reply = link.getresponse()
            session = reply.getheader("mcp-session-id")
            if session:
                self._headers["mcp-session-id"] = session
            return _response(reply, message.get("id"))
        except TimeoutError:
            raise CommandError(
                "The gate does not answer.", "The call may have happened; see: callgate status"
            ) from None
        except ConnectionRefusedError:
            raise CommandError(f"Nothing listens on {self._where.netloc}.", "Start it with: callgate serve") from None
        except (http.client.HTTPException, OSError):
            hint = "The call may have happened; see: callgate status"
            raise CommandError("The connection to the gate broke.", hint) from None
        finally:
            link.close()

    def _link(self) -> http.client.HTTPConnection:
        secure = self._where.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(self._where.hostname or "", self._where.port, timeout=self._timeout)


def _refused(error: Any) -> CommandError:
    """What the gate said instead of shaking hands."""
    given = error if isinstance(error, dict) else {}
    data = given.get("data")
    strange = isinstance(data, dict) and data.get("reason") == "no_integration"
    there = "See which there are: callgate integrations list. Then sign in for it: callgate login"
    hint = there if strange else "See what is wrong: callgate doctor"
    return CommandError(f"The gate refused the handshake: {given.get('message', '')}", hint, Exit.NO)


def _response(reply: http.client.HTTPResponse, wanted: int | None) -> dict[str, Any] | None:
    """The response with the id that is waited for; None when none is."""
    if reply.status in {401, 403}:
        reason = _reason(reply.read(MAX_BYTES))
        raise CommandError(f"The gate refuses the token ({reason}).", "Sign in again with: callgate login", Exit.NO)
    if wanted is None or reply.status == http.HTTPStatus.ACCEPTED:
        reply.read(MAX_BYTES)
        return None
    if (reply.getheader("content-type") or "").startswith("text/event-stream"):
        messages = (event.data for event in sent_events(reply))
    else:
        messages = (raw for raw in [reply.read(MAX_BYTES)])
    for raw in messages:
        found = _message(raw, reply.status)
        if found.get("id") == wanted or ("error" in found and found.get("id") is None):
            return found
    return None


def _message(raw: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CommandError(
            f"The gate answered with status {status} and no message.", "Is the integration's name right?"
        )
    return found


def _reason(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return "no reason given"
    error = found.get("error") if isinstance(found, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else str(found)[:200]
