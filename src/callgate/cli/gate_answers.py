"""What stands in messages, read leniently: other programs write them."""

import http.client
import json
from typing import Any


def meta_of(params: dict[str, Any]) -> dict[str, Any]:
    found = params.get("_meta")
    return found if isinstance(found, dict) else {}


def opened_session(reply: http.client.HTTPResponse, result: Any) -> dict[str, str]:
    """Headers of an opened session; empty: there is none."""
    version = result.get("protocolVersion") if isinstance(result, dict) else None
    if not isinstance(version, str):
        return {}
    session = reply.getheader("mcp-session-id")
    return {"mcp-protocol-version": version, **({"mcp-session-id": session} if session else {})}


def json_object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _error(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("error")
    return found if isinstance(found, dict) else {}


def reason_in(body: dict[str, Any]) -> str:
    data = _error(body).get("data")
    return str(data.get("reason", "")) if isinstance(data, dict) else ""


def code_in(body: dict[str, Any]) -> object:
    return _error(body).get("code")


def said_in(body: bytes | dict[str, Any]) -> str:
    """The sentence in an error of JSON-RPC or OAuth."""
    found = json_object(body) if isinstance(body, bytes) else body
    text = _error(found).get("message") or found.get("error_description") or found.get("error") or "no reason given"
    return str(text)[:500]
