"""An MCP server whose definitions change: ``python changing.py FOLDER stdio|http|streams [PORT]``; over HTTP it prints its port.

In the folder, written by the test: ``now.json`` (name, version, instructions, tools), read at every listing;
``later.json``, which is used in its place from the second ``tools/list`` of a process on; ``once.json``, in place of it
for the first ``tools/list`` of all. Written by the server: ``calls.jsonl``, a line per ``tools/call``, listing and GET stream.
The tool ``change`` makes what it is given the definitions and says, before it answers, that they changed.
Over HTTP it keeps sessions, and forgets them when it ends. With ``streams`` in place of ``http`` a session has a GET stream, on
which it says that its tools changed, once for each file ``announce`` that the test writes.
"""

import itertools
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = "2025-06-18"
CHANGED = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}


class Server:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.listings = itertools.count(1)

    def read(self, name):
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else None

    def note(self, **what):
        with (self.folder / "calls.jsonl").open("a") as log:
            log.write(json.dumps({"pid": os.getpid(), **what}) + "\n")

    def tools(self):
        self.note(listed=True)
        once = self.folder / "once.json"
        if once.exists():
            found = json.loads(once.read_text())
            once.unlink()
            return found["tools"]
        later = self.read("later.json") if next(self.listings) > 1 else None
        return (later or self.read("now.json"))["tools"]

    def answer(self, message):
        """(messages to send first, the response; None for a notification)."""
        method, params = message.get("method"), message.get("params", {})
        if "id" not in message:
            return [], None
        said = {}
        first = []
        if method == "initialize":
            now = self.read("now.json")
            said = {
                "protocolVersion": VERSION,
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": now.get("name", "changing"), "version": now.get("version", "1")},
                "instructions": now.get("instructions", ""),
            }
        elif method == "tools/list":
            said = {"tools": self.tools()}
        elif method == "tools/call":
            self.note(tool=params["name"], arguments=params["arguments"])
            if params["name"] == "change":
                (self.folder / "now.json").write_text(params["arguments"]["to"])
                first = [CHANGED]
            elif params["name"] == "end":
                os._exit(0)
            said = {"content": [{"type": "text", "text": f"did {params['name']}"}], "isError": False}
        elif method != "ping":
            error = {"code": -32601, "message": "Method not found"}
            return [], {"jsonrpc": "2.0", "id": message["id"], "error": error}
        return first, {"jsonrpc": "2.0", "id": message["id"], "result": said}


def over_stdio(server):
    for line in sys.stdin:
        first, response = server.answer(json.loads(line))
        for message in [*first, *([response] if response else [])]:
            sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def over_http(server, port, streams):
    sessions = set()
    numbers = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def end(self, status, body=b"", **headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            session = self.headers.get("Mcp-Session-Id")
            headers = {"Content_Type": "application/json"}
            if message.get("method") == "initialize":
                session = f"{os.getpid()}-{next(numbers)}"
                sessions.add(session)
                headers["Mcp_Session_Id"] = session
            elif session not in sessions:
                self.end(404)
                return
            first, response = server.answer(message)
            if first:
                events = [f"data: {json.dumps(one)}\n\n" for one in (*first, response)]
                self.end(200, "".join(events).encode(), **{**headers, "Content_Type": "text/event-stream"})
                return
            self.end(*((200, json.dumps(response).encode()) if response else (202,)), **headers)

        def do_GET(self):
            if not streams or self.headers.get("Mcp-Session-Id") not in sessions:
                self.end(404 if streams else 405)
                return
            server.note(stream=True)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            self.announce()

        def announce(self):
            """Until who listens is gone."""
            while True:
                time.sleep(0.05)
                try:
                    (server.folder / "announce").unlink()
                    line = f"data: {json.dumps(CHANGED)}\n\n"
                except FileNotFoundError:
                    line = ": still here\n\n"
                try:
                    self.wfile.write(line.encode())
                except OSError:
                    return

        def do_DELETE(self):
            sessions.discard(self.headers.get("Mcp-Session-Id"))
            self.end(200)

    listening = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(listening.server_address[1], flush=True)
    listening.serve_forever()


def main():
    server = Server(sys.argv[1])
    if sys.argv[2] == "stdio":
        over_stdio(server)
    else:
        over_http(server, int(sys.argv[3]) if len(sys.argv) > 3 else 0, sys.argv[2] == "streams")


if __name__ == "__main__":
    main()
