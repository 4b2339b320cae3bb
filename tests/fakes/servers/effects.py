"""An MCP server over HTTP with the names and schemas of the Git tools, that keeps every effect in a file, fsynced.

Standard library only. Run: ``python effects.py RECORDS [handshake|sessions|stateless|both]``; prints its port
(``sessions``: handshake, and a session that it does not know is 404; reads say which one they came in). A branch name
chooses what happens: ``slow-…`` answers late, ``gated-…`` once RECORDS.go is there, ``never-…`` not at all, ``die-…``
ends the process, ``garbage-…``, ``huge-…`` and ``ask-…`` answer badly. ``git_commit`` keeps its message and returns it
in its answer.
"""

import asyncio
import json
import os
import random
import sys
from pathlib import Path

TOOLS = json.loads((Path(__file__).parents[2] / "golden" / "catalog" / "git.json").read_text())
STATELESS = "2026-07-28"
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26")


class Server:
    def __init__(self, records: str, eras: str) -> None:
        self.path = records
        self.records = os.open(records, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.stateless = eras in ("stateless", "both")
        self.handshake = eras in ("handshake", "sessions", "both")
        self.sessions: set[str] | None = set() if eras == "sessions" else None
        self.heads = 0

    def record(self, effect: dict) -> None:
        os.write(self.records, json.dumps(effect).encode() + b"\n")
        os.fsync(self.records)

    async def answer(self, message: dict, headers: dict[str, str]) -> tuple[int, dict | None, dict[str, str]]:
        method, number = message.get("method"), message.get("id")
        if number is None:
            return 202, None, {}
        if method == "initialize" and self.handshake:
            wanted = message["params"]["protocolVersion"]
            version = wanted if wanted in HANDSHAKE else HANDSHAKE[0]
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": INFO}
            session = f"s-{random.randrange(1 << 30)}"
            if self.sessions is not None:
                self.sessions.add(session)
            return 200, result, {"Mcp-Session-Id": session}
        session = headers.get("mcp-session-id", "")
        if self.sessions is not None and session not in self.sessions:
            return 404, {"error": {"code": -32001, "message": "no such session"}}, {}
        modern = headers.get("mcp-protocol-version") == STATELESS
        if modern and not self.stateless:
            return 400, {"error": {"code": -32022, "message": "unsupported"}}, {}
        more = {"resultType": "complete"} if modern else {}
        if method == "server/discover" and modern:
            return 200, {"supportedVersions": [STATELESS], "serverInfo": INFO, "capabilities": {}, **more}, {}
        if method == "tools/list":
            return 200, {"tools": TOOLS, "ttlMs": 1000, "cacheScope": "private", **more}, {}
        if method == "tools/call":
            if self.sessions is not None and message["params"]["name"] == "git_status":
                return 200, text(session), {}
            return 200, {**await self.call(message["params"]), **more}, {}
        return 404, {"error": {"code": -32601, "message": "unknown"}}, {}

    async def call(self, params: dict) -> dict:
        name, arguments = params["name"], params.get("arguments", {})
        if name == "git_create_branch":
            branch = arguments["branch_name"]
            kind = branch.partition("-")[0]
            await asyncio.sleep(random.random() / 50 if kind == "slow" else 0)
            self.record({"tool": name, "branch": branch})
            if kind == "die":
                os._exit(1)
            if kind == "never":
                await asyncio.Event().wait()
            while kind == "gated" and not Path(f"{self.path}.go").exists():
                await asyncio.sleep(0.02)
            if kind == "slow":
                await asyncio.sleep(random.random() / 20)
            if kind == "garbage":
                return {"content": "no list", "isError": "perhaps"}
            if kind == "huge":
                return text("x" * (11 << 20))
            if kind == "ask":
                return {"resultType": "input_required", "inputRequests": {}}
            return text(f"Created branch '{branch}' from 'main'")
        if name == "git_commit":
            self.record({"tool": name, "message": arguments["message"]})
            self.heads += 1
            return text(f"Changes committed successfully with hash {self.heads:040x}")
        return text(f"{name} at head {self.heads}")


INFO = {"name": "effects", "version": "1"}


def text(value: str) -> dict:
    return {"content": [{"type": "text", "text": value}], "isError": False}


async def serve(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := (await reader.readline()).decode("latin-1").strip():
            headers = {}
            while header := (await reader.readline()).decode("latin-1").strip():
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if not line.startswith("POST"):
                writer.write(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
                continue
            message = json.loads(body)
            status, result, more = await server.answer(message, headers)
            said = b""
            if result is not None:
                member = result if "error" in result else {"result": result}
                said = json.dumps({"jsonrpc": "2.0", "id": message["id"], **member}).encode()
            fields = {"Content-Type": "application/json", "Content-Length": str(len(said)), **more}
            head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            writer.write(head.encode() + b"\r\n" + said)
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def main() -> None:
    server = Server(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "both")
    port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    listener = await asyncio.start_server(lambda r, w: serve(server, r, w), "127.0.0.1", port, backlog=1024)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
