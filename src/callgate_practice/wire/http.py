"""Streamable HTTP on 127.0.0.1: ``POST /mcp``, one message in, one JSON body out. It has no sessions and no streams."""

import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from callgate_practice.reply import JSON
from callgate_practice.wire.speech import (
    HANDSHAKE,
    HEADER_MISMATCH,
    INVALID,
    MODERN,
    UNKNOWN_METHOD,
    UNPARSABLE,
    UNSUPPORTED_VERSION,
    RpcFault,
    Speech,
    era,
    error,
)

Send = Callable[[JSON], Awaitable[None]]
Receive = Callable[[], Awaitable[JSON]]
PATH = "/mcp"
MAX_BYTES = 8 << 20
LOCAL = ("127.0.0.1", "localhost", "::1")
STATUS = {UNPARSABLE: 400, INVALID: 400, HEADER_MISMATCH: 400, UNSUPPORTED_VERSION: 400, UNKNOWN_METHOD: 404}
"""Of errors in the era without a handshake; in the other one everything that is JSON-RPC is 200."""


class HttpFront:
    """The ASGI application."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech

    async def __call__(self, scope: JSON, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        status, body = await self._reply(scope, headers, receive)
        data = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        fields = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        if status == 405:
            fields.append((b"allow", b"POST"))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": data})

    async def _reply(self, scope: JSON, headers: dict[str, str], receive: Receive) -> tuple[int, JSON | None]:
        if not _is_local(headers):
            return 403, None
        if scope["path"] != PATH:
            return 404, None
        if scope["method"] != "POST":
            return 405, None
        body = await _read(receive)
        if body is None:
            return 413, None
        return self._answer(body, headers)

    def _answer(self, body: bytes, headers: dict[str, str]) -> tuple[int, JSON | None]:
        try:
            message = json.loads(body)
        except ValueError:
            return 400, error(None, RpcFault(UNPARSABLE, "Not JSON."))
        wrong = _mismatch(message, headers)
        if wrong is not None:
            return STATUS[wrong.code], error(message.get("id") if isinstance(message, dict) else None, wrong)
        answer = self.speech.answer(message)
        if answer is None:
            return 202, None
        code = answer.get("error", {}).get("code")
        modern = headers.get("mcp-protocol-version", HANDSHAKE[0]) not in HANDSHAKE
        return STATUS.get(code, 200) if modern or answer["id"] is None else 200, answer


def _is_local(headers: dict[str, str]) -> bool:
    """No page of a browser reaches it by a name that leads here."""
    names = [urlsplit(f"//{headers.get('host', '')}").hostname]
    if "origin" in headers:
        names.append(urlsplit(headers["origin"]).hostname)
    return all(name in LOCAL for name in names)


async def _read(receive: Receive) -> bytes | None:
    body = b""
    more = True
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
        if len(body) > MAX_BYTES:
            return None
    return body


def _mismatch(message: Any, headers: dict[str, str]) -> RpcFault | None:
    """The headers of 2026-07-28 repeat what the body says."""
    said = headers.get("mcp-protocol-version", "")
    params = message.get("params") if isinstance(message, dict) else None
    params = params if isinstance(params, dict) else {}
    version = era(params)
    if not version and said in ("", *HANDSHAKE):
        return None
    if said not in (MODERN, version):
        return RpcFault(UNSUPPORTED_VERSION, "Unsupported protocol version.", {"supported": [MODERN]})
    pairs = ((said, version), (headers.get("mcp-method", ""), message.get("method", "")))
    if "method" in message and "id" in message:
        if any(here != there for here, there in pairs):
            return RpcFault(HEADER_MISMATCH, "A header does not say what the body says.")
        if message["method"] == "tools/call" and headers.get("mcp-name", "") != params.get("name"):
            return RpcFault(HEADER_MISMATCH, "Mcp-Name does not say what the body says.")
    return None


def serve(speech: Speech, port: int, ready: Callable[[int], None]) -> None:
    """Until a signal ends it. Port 0 takes a free one; ``ready`` hears which."""
    listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
    ready(listener.getsockname()[1])
    config = uvicorn.Config(HttpFront(speech), log_level="error", lifespan="off", access_log=False, loop="asyncio")
    uvicorn.Server(config).run(sockets=[listener])
