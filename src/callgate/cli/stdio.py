"""``callgate stdio``: MCP on stdin and stdout, relayed to the running gate (MCP 2025-11-25 and 2026-07-28, transports).

Nothing is decided here. Each line goes on as it came, with the headers that the HTTP transport wants; what the gate
answers comes back line by line. A call that may have been sent is never sent again.
"""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

from callgate import __version__
from callgate.cli.event_stream import MAX_BYTES, sent_events
from callgate.cli.gate_answers import code_in, json_object, meta_of, opened_session, reason_in, said_in
from callgate.cli.gate_link import GateLink, GateTalk, LostError, NotSentError
from callgate.cli.outcome import CommandError, Exit
from callgate.cli.stdio_headers import MODERN_META, MirroredArguments, routing_headers

AT_ONCE = 64
"""Requests under way."""
LEAVE_S = 1.5
"""After stdin ended: for answers under way. Clients wait 2 s before they terminate their server."""
_SIDE_S = 10.0
_LISTEN_TRIES = 20
_INTERNAL, _PARSE, _INVALID = -32603, -32700, -32600
_MISMATCH = -32020
_BROKEN = (LostError, http.client.HTTPException, OSError)


class KnownToken(NamedTuple):
    """What one request is sent with. ``login``: what to do when the gate refuses it."""

    token: str
    login: str


class AskedRequest:
    """One request of the client that has not been answered."""

    def __init__(self, message: dict[str, Any], line: bytes) -> None:
        self.id = message["id"]
        self.key = json.dumps(self.id)
        self.method = str(message["method"])
        params = message.get("params")
        self.params: dict[str, Any] = params if isinstance(params, dict) else {}
        self.line = line
        self.modern = MODERN_META in meta_of(self.params)
        self.in_session = not self.modern and self.method != "initialize"
        self.talk: GateTalk | None = None
        self.cancelled = False
        self.answered = False


class StdioFront:
    """For one client. ``tell`` writes a line for people; ``out`` carries protocol only."""

    def __init__(
        self,
        link: GateLink,
        token: Callable[[], KnownToken],
        out: Callable[[bytes], None],
        tell: Callable[[str], None],
        *,
        task: str = "",
    ) -> None:
        """``token`` is asked for each request. CommandError: there is none that can be used now."""
        self._link = link
        self._token = token
        self._out = out
        self._tell = tell
        self._told = ""
        self._common = {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "user-agent": f"callgate-stdio/{__version__}",
            **({"callgate-task": task} if task else {}),
        }
        self._writing = threading.Lock()
        self._asked: dict[str, AskedRequest] = {}
        self._greeting: dict[str, Any] = {}
        """Params of the client's initialize."""
        self._session: dict[str, str] = {}
        """Headers of the session that is open."""
        self._renewing = threading.Lock()
        self._listening: GateTalk | None = None
        self._arguments = MirroredArguments()
        self._leaving = threading.Event()
        self.exit = Exit.OK
        """How it stands now, for when the client leaves."""

    def run(self, source: BinaryIO) -> Exit:
        """Until ``source`` ends."""
        for line in _lines(source):
            if line is None:
                self._refuse(None, _PARSE, "The message is larger than 16 MiB.", "too_large")
            elif line.strip():
                self._take(line.strip())
        self._leave()
        return self.exit

    # From the client.

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._refuse(None, _PARSE, "The line is no JSON.", "not_json")
            return
        if not isinstance(message, dict):
            self._refuse(None, _INVALID, "A line holds one JSON-RPC message.", "shape")
        elif "method" not in message:
            self._spawn(self._pass_on, line, {})
        elif "id" not in message:
            self._notified(message, line)
        elif len(self._asked) >= AT_ONCE:
            self._refuse(message["id"], _INTERNAL, f"There are {AT_ONCE} requests under way already.", "busy")
        else:
            asked = AskedRequest(message, line)
            self._asked[asked.key] = asked
            if asked.method == "initialize":
                self._serve(asked)  # what follows needs its session
            else:
                self._spawn(self._serve, asked)

    def _notified(self, message: dict[str, Any], line: bytes) -> None:
        """In the order they come: a session is ready before anything is asked in it."""
        params = message.get("params")
        params = params if isinstance(params, dict) else {}
        if message["method"] == "notifications/cancelled":
            asked = self._asked.get(json.dumps(params.get("requestId")))
            if asked is None:
                return
            asked.cancelled = True
            if asked.modern:
                # In 2026-07-28 over HTTP the end of the stream is the cancel.
                if asked.talk is not None:
                    asked.talk.abort()
                return
        self._pass_on(line, routing_headers(str(message["method"]), params) if MODERN_META in meta_of(params) else {})
        if message["method"] == "notifications/initialized" and self._session:
            self._spawn(self._listen, self._session)

    def _pass_on(self, line: bytes, headers: dict[str, str]) -> None:
        """A notification or a response: nobody waits for what comes of it."""
        with contextlib.suppress(CommandError, *_BROKEN):
            self._post(line, headers or dict(self._session))

    # To the gate.

    def _serve(self, asked: AskedRequest) -> None:
        try:
            self.exit = self._exchange(asked)
            if not (asked.answered or asked.cancelled):
                raise LostError
        except CommandError as fault:
            self._trouble(asked, fault, "not_sent" if isinstance(fault, NotSentError) else "refused")
        except _BROKEN:
            called = asked.method == "tools/call"
            hint = "It may have happened; see: callgate status" if called else "Ask again."
            self._trouble(asked, CommandError("The connection to the gate broke.", hint), "lost")
        finally:
            # The client may use the id again as soon as it has the answer.
            if self._asked.get(asked.key) is asked:
                del self._asked[asked.key]

    def _exchange(self, asked: AskedRequest) -> Exit:
        """Send, and again only what the gate refused unread: a token, a session or a header that is out of date."""
        token, session = self._token(), self._session
        listed = False
        for _ in range(4):
            headers = self._headers(asked, session, token)
            with self._link.begin() as talk:
                asked.talk = talk
                if asked.cancelled:
                    return self.exit
                reply = talk.send("POST", asked.line, {**self._common, **headers})
                if reply.status == http.HTTPStatus.OK:
                    self._relayed(asked, talk, reply)
                    return Exit.OK
                body = json_object(reply.read(MAX_BYTES))
            if reply.status == http.HTTPStatus.UNAUTHORIZED:
                token = self._newer(token, said_in(body))
            elif reason_in(body) == "unknown_session" and self._greeting and asked.in_session:
                session = self._renewed(session, token)
            elif code_in(body) == _MISMATCH and asked.method == "tools/call" and not listed:
                listed = True
                self._learn(asked, token)
            else:
                return self._not_ok(asked, reply.status, body)
        raise CommandError("The gate refuses the request again and again.", "Look at its log.")

    def _newer(self, refused: KnownToken, why: str) -> KnownToken:
        """The token that somebody signed in for since. CommandError: there is none."""
        found = self._token()
        if found.token == refused.token:
            raise CommandError(f"The gate refuses the token ({why}).", found.login, Exit.NO)
        return found

    def _headers(self, asked: AskedRequest, session: dict[str, str], token: KnownToken) -> dict[str, str]:
        if not asked.modern:
            chosen = session if asked.in_session else {}
        else:
            if asked.method == "tools/call" and not self._arguments.known:
                self._learn(asked, token)
            chosen = {**routing_headers(asked.method, asked.params), **self._arguments.headers(asked.params)}
        return {**chosen, "authorization": f"Bearer {token.token}"}

    def _relayed(self, asked: AskedRequest, talk: GateTalk, reply: http.client.HTTPResponse) -> None:
        if (reply.getheader("content-type") or "").startswith("text/event-stream"):
            for event in sent_events(reply):
                self._came(asked, reply, event.data)
        else:
            raw = reply.read(MAX_BYTES)
            talk.done()
            self._came(asked, reply, raw)

    def _came(self, asked: AskedRequest, reply: http.client.HTTPResponse, raw: bytes) -> None:
        """One message of the gate for this request."""
        message = json_object(raw)
        if "method" not in message and message.get("id") == asked.id:
            asked.answered = True
            if asked.method == "initialize" and "result" in message:
                self._opened(asked, reply, message["result"])
            elif asked.method == "tools/list":
                self._arguments.learn(message.get("result"))
        if not asked.cancelled:
            self._write(raw)

    def _opened(self, asked: AskedRequest, reply: http.client.HTTPResponse, result: Any) -> None:
        self._greeting = asked.params
        self._session = opened_session(reply, result)

    def _not_ok(self, asked: AskedRequest, status: int, body: dict[str, Any]) -> Exit:
        """A refusal by status: the gate's own error as it is, under the id that the client waits for."""
        if not isinstance(body.get("error"), dict):
            raise CommandError(f"The gate answered with status {status}: {said_in(body)}", "", Exit.NO)
        asked.answered = True
        if not asked.cancelled:
            self._write(json.dumps({**body, "id": asked.id}).encode())
        if reason_in(body) != "no_integration":
            return Exit.OK
        self._say(CommandError(said_in(body), "See: callgate integrations list"))
        return Exit.USAGE

    def _post(self, line: bytes, headers: dict[str, str]) -> None:
        authorized = {**self._common, **headers, "authorization": f"Bearer {self._token().token}"}
        with self._link.begin() as talk:
            talk.send("POST", line, authorized, _SIDE_S).read(MAX_BYTES)

    def _own(self, request: dict[str, Any], headers: dict[str, str], token: KnownToken) -> tuple[Any, dict[str, Any]]:
        """(reply, message) of a request of the front itself."""
        line = json.dumps({"jsonrpc": "2.0", "id": "callgate-stdio", **request}).encode()
        with self._link.begin() as talk:
            reply = talk.send("POST", line, {**self._common, **headers, "authorization": f"Bearer {token.token}"})
            if (reply.getheader("content-type") or "").startswith("text/event-stream"):
                found = [json_object(event.data) for event in sent_events(reply)]
                message = next((one for one in found if one.get("id") == "callgate-stdio"), {})
            else:
                message = json_object(reply.read(MAX_BYTES))
        return reply, message

    def _renewed(self, old: dict[str, str], token: KnownToken) -> dict[str, str]:
        """The session is gone: greet again as the client did. Others that find it gone wait and use the new one."""
        with self._renewing:
            if self._session is not old:
                return self._session
            reply, message = self._own({"method": "initialize", "params": self._greeting}, {}, token)
            fresh = opened_session(reply, message.get("result"))
            if not fresh:
                raise CommandError(f"The gate opens no session: {said_in(message)}", "Restart this client.")
            if fresh["mcp-protocol-version"] != old.get("mcp-protocol-version"):
                raise CommandError("The server speaks another protocol version by now.", "Restart this client.")
            self._session = fresh
        self._pass_on(b'{"jsonrpc":"2.0","method":"notifications/initialized"}', fresh)
        self._spawn(self._listen, fresh)
        return fresh

    def _learn(self, asked: AskedRequest, token: KnownToken) -> None:
        """Which arguments travel as headers too stands in the list of tools."""
        meta = {key: value for key, value in meta_of(asked.params).items() if key != "progressToken"}
        params = {"_meta": meta}
        _, message = self._own({"method": "tools/list", "params": params}, routing_headers("tools/list", params), token)
        self._arguments.learn(message.get("result"))

    # What the gate says by itself (handshake eras, GET).

    def _listen(self, session: dict[str, str]) -> None:
        last, failed = "", 0
        while session is self._session and failed < _LISTEN_TRIES and not self._leaving.is_set():
            failed += 1
            with contextlib.suppress(CommandError, *_BROKEN), self._link.begin() as talk:
                self._listening = talk
                more = {"last-event-id": last} if last else {}
                bearer = f"Bearer {self._token().token}"
                reply = talk.send("GET", None, {**self._common, **session, **more, "authorization": bearer})
                if reply.status != http.HTTPStatus.OK:
                    return
                for event in sent_events(reply):
                    last, failed = event.id or last, 0
                    if session is self._session:
                        self._write(event.data)
            self._leaving.wait(min(0.5 * 2**failed, 30.0))

    # The end.

    def _leave(self) -> None:
        until = time.monotonic() + LEAVE_S
        while self._asked and time.monotonic() < until:
            time.sleep(0.01)
        self._leaving.set()
        if self._listening is not None:
            self._listening.abort()
        if self._session:
            with contextlib.suppress(CommandError, *_BROKEN):
                bearer = f"Bearer {self._token().token}"
                with self._link.begin() as talk:
                    talk.send("DELETE", None, {**self._common, **self._session, "authorization": bearer}, 2.0)
        self._link.close()

    # To the client.

    def _trouble(self, asked: AskedRequest, fault: CommandError, reason: str) -> None:
        if asked.cancelled:
            return
        self._say(fault)
        self.exit = fault.exit_code
        if not asked.answered:
            self._refuse(asked.id, _INTERNAL, " ".join(part for part in (str(fault), fault.hint) if part), reason)

    def _say(self, fault: CommandError) -> None:
        """Once, however many requests meet it."""
        line = " ".join(part for part in (str(fault), fault.hint) if part)
        if line != self._told:
            self._told = line
            self._tell(line)

    def _refuse(self, id_: Any, code: int, message: str, reason: str) -> None:
        error = {"code": code, "message": message, "data": {"reason": reason}}
        self._write(json.dumps({"jsonrpc": "2.0", "id": id_, "error": error}).encode())

    def _write(self, message: bytes) -> None:
        line = message.replace(b"\r", b" ").replace(b"\n", b" ")
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._out(line + b"\n")

    def _spawn(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()


def _lines(source: BinaryIO) -> Iterator[bytes | None]:
    """None for one that is too large."""
    while line := source.readline(MAX_BYTES):
        if len(line) < MAX_BYTES or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(MAX_BYTES)
        yield None
