"""An HTTP server that answers as a script says, and a client of callgate stdio before it."""

import contextlib
import http.server
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from callgate.cli.gate_link import GateLink
from callgate.cli.outcome import Exit
from callgate.cli.stdio import KnownToken, StdioFront

BOUND_S = 15.0
MODERN = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
GREETING = {"protocolVersion": "2025-06-18", "capabilities": {"roots": {}}, "clientInfo": {"name": "c", "version": "1"}}
Seen = tuple[str, dict[str, str], Any]


class Scripted(http.server.ThreadingHTTPServer):
    """``script`` answers requests by ``Reply``; ``seen`` holds (method, headers, message)."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.seen: list[Seen] = []
        self.connections = 0
        self.links: list[socket.socket] = []
        self.script: Callable[[Handler, Any], None] = answered
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def of(self, method: str) -> list[Seen]:
        return [one for one in self.seen if isinstance(one[2], dict) and one[2].get("method") == method]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no fault."""

    def end(self) -> None:
        """As a process that ends: its connections end with it."""
        self.shutdown()
        self.server_close()
        for link in self.links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.server.links.append(self.connection)

    def log_message(self, *_: Any) -> None: ...

    def _take(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        message = json.loads(body) if body else None
        self.server.seen.append((self.command, {name.lower(): value for name, value in self.headers.items()}, message))
        self.server.script(self, message)

    do_POST = do_GET = do_DELETE = _take

    def reply(self, status: int, value: Any = None, **headers: str) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, value: Any, id_: str = "") -> None:
        text = (f"id: {id_}\n" if id_ else "") + f"event: message\ndata: {json.dumps(value)}\n\n"
        self.wfile.write(f"{len(text):x}\r\n{text}\r\n".encode())
        self.wfile.flush()

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")


def result(message: Any, value: Any = None) -> Any:
    return {"jsonrpc": "2.0", "id": message["id"], "result": {} if value is None else value}


def refusal(code: int, reason: str = "", id_: Any = None) -> Any:
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": "No.", "data": {"reason": reason}}}


def answered(handler: Handler, message: Any) -> None:
    """As a gate does: sessions, 202, an echo."""
    if handler.command == "GET":
        handler.reply(405)
    elif handler.command == "DELETE":
        handler.reply(204)
    elif "id" not in message or "method" not in message:
        handler.reply(202)
    elif message["method"] == "initialize":
        handler.reply(200, result(message, {"protocolVersion": "2025-06-18"}), mcp_session_id="s-1")
    else:
        handler.reply(200, result(message, {"method": message["method"]}))


class Client:
    """The other end of a front: ``say`` a message, ``hear`` the next line."""

    def __init__(self, endpoint: str, token: Callable[[], KnownToken], integration: str, task: str) -> None:
        (read, write_to), (hear, answer) = os.pipe(), os.pipe()
        source, self._say = os.fdopen(read, "rb"), os.fdopen(write_to, "wb", buffering=0)
        self._hear, out = os.fdopen(hear), os.fdopen(answer, "wb")
        self._out = out
        self.told: list[str] = []

        def write(line: bytes) -> None:
            out.write(line)
            out.flush()

        self.front = StdioFront(GateLink(integration, endpoint), token, write, self.told.append, task=task)
        self.code: Exit | None = None
        self._source = source
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.code = self.front.run(self._source)

    def say(self, value: Any) -> None:
        self._say.write(value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n")

    def hear(self) -> Any:
        return json.loads(self._hear.readline())

    def ask(self, method: str, params: Any = None, id_: Any = 1) -> Any:
        self.say(request(method, params, id_))
        return self.hear()

    def greet(self) -> Any:
        found = self.ask("initialize", GREETING, 0)
        self.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return found

    def leave(self) -> Exit:
        self._say.close()
        self._thread.join(BOUND_S)
        assert not self._thread.is_alive()
        self._out.close()
        assert self._hear.read() == ""
        self._hear.close()
        self._source.close()
        self._say.close()
        assert self.code is not None
        return self.code


def request(method: str, params: Any = None, id_: Any = 1) -> Any:
    return {"jsonrpc": "2.0", "id": id_, "method": method, **({} if params is None else {"params": params})}


def modern(params: Any = None) -> Any:
    return {**(params or {}), "_meta": {**META, "progressToken": 5}}


@contextlib.contextmanager
def client(gate: Scripted, token: Any = None, *, integration: str = "git", task: str = "") -> Iterator[Client]:
    made = Client(
        f"http://127.0.0.1:{gate.port}/mcp",
        token or (lambda: KnownToken("t-1", "Run: callgate login")),
        integration,
        task,
    )
    try:
        yield made
    finally:
        if made.code is None:
            made.leave()
