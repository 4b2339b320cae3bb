"""A client of each era whose requests can be spoiled, and what it is told."""

import json

from tests.e2e.harness import META, MODERN, Gate

OLD = "2025-06-18"
STATUS = {"name": "git_status", "arguments": {"repo_path": "/srv/app"}}


class Era:
    """Sends requests as a client of one era does; ``message`` and ``headers`` may be spoiled."""

    def __init__(self, gate: Gate, modern: bool) -> None:
        self.gate = gate
        self.modern = modern
        self.session = ""
        if not modern:
            params = {"protocolVersion": OLD, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
            opened = gate.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}, token=gate.good)
            self.session = opened.headers["mcp-session-id"]

    def headers(self, method: str = "tools/call", name: str | None = "git_status", **changed: str | None):
        if self.modern:
            made = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Mcp-Name": name}
        else:
            made = {"MCP-Protocol-Version": OLD, "Mcp-Session-Id": self.session}
        return {**made, **{key.replace("_", "-"): value for key, value in changed.items()}}

    def message(self, params: dict | None = None, **changed) -> dict:
        params = dict(STATUS if params is None else params)
        if self.modern:
            params["_meta"] = {**META, **params.get("_meta", {})}
        return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params, **changed}

    def send(self, body=None, headers=None, *, token: str | None = None, **more):
        return self.gate.send(
            self.message() if body is None else body,
            self.headers() if headers is None else headers,
            token=self.gate.good if token is None else token,
            **more,
        )

    def arguments(self, arguments, name: str = "git_status"):
        return self.send(self.message({"name": name, "arguments": arguments}), self.headers(name=name))

    def raw(self, text: bytes):
        """The arguments' own bytes in a request that is good otherwise."""
        body = json.dumps(self.message({"name": "git_status", "arguments": "@@"})).encode()
        return self.send(body.replace(b'"@@"', text))


def refused(answer, *codes: int) -> dict:
    """A JSON-RPC error with a sentence, under a status that is no success, or a refusal of the gate."""
    error = answer.message["error"]
    assert answer.status >= 400 or error["code"] == -32602
    assert error["code"] in codes, (answer.status, error)
    assert len(error["message"]) > 10
    return error


def judged(answer) -> dict:
    """A refusal by the gates: HTTP 200, the facts as structure and as text."""
    assert answer.status == 200, answer.body
    assert answer.result["isError"] is True
    assert answer.facts["status"] == "refused", answer.facts
    assert answer.facts["decision_id"]
    return answer.facts
