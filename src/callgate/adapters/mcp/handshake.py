"""2025-03-26 to 2025-11-25: initialize, then requests with a session id that the gate has sealed."""

import secrets
from collections.abc import Callable
from functools import partial

from callgate import __version__
from callgate.adapters.mcp.asking import OpenAsks
from callgate.adapters.mcp.config import HANDSHAKE
from callgate.adapters.mcp.desk import LISTS, CallDesk, confirmed_list, not_governed, not_offered
from callgate.adapters.mcp.guard import Admitted
from callgate.adapters.mcp.headers import VERSION
from callgate.adapters.mcp.http import HttpReply
from callgate.adapters.mcp.listening import StandingStreams
from callgate.adapters.mcp.parse import ROUND, ClientAnswer, ClientMessage, parse_method_call, parse_tool_call
from callgate.adapters.mcp.replay import Replays
from callgate.adapters.mcp.shown import ShownListing
from callgate.adapters.mcp.stream import ClientStream, Stop, StreamPhase
from callgate.adapters.mcp.turn import Methods, Turn
from callgate.adapters.mcp.wire import (
    BUSY,
    INTERNAL,
    INVALID,
    NO_ID,
    PARAMS,
    UNSUPPORTED_VERSION,
    encode,
    error,
    refuse,
    result,
)
from callgate.core.asks import capabilities_of, declared
from callgate.core.loglevels import LEVELS, severity
from callgate.flow.announcing import LISTS as ANNOUNCED
from callgate.flow.announcing import Listener
from callgate.flow.ports import Wish
from callgate.flow.serving import EVERYTHING, Serving
from callgate.model.call import GOVERNED, SUBSCRIBE, TOOLS_CALL, UNSUBSCRIBE
from callgate.model.errors import UpstreamError

_SESSION = b"mcp-session-id"
_KEPT = 16_384
_REPLAYED = HANDSHAKE[:1]
"""Versions in which a client is let go and comes back; before, it could not be told when."""
MOST_URIS = 256
"""Subscriptions of one session."""
_ALL_LISTS = frozenset(ANNOUNCED)


class HandshakeEra:
    def __init__(self, serving: Serving, desk: CallDesk, asking: OpenAsks, standing: StandingStreams) -> None:
        self._serving = serving
        self._asking = asking
        self._standing = standing
        self._listens: set[str] = set()
        """Sealed sessions that have a standing stream."""
        self._subscribed: dict[str, set[str]] = {}
        """URIs by sealed session."""
        self._desk = desk
        self._running: dict[tuple[str, int | str], ClientStream] = {}
        """By (sealed session, request id); only its own principal can open a sealed session."""
        self._ended: dict[str, None] = {}
        """Sessions that their client ended, oldest first; forgotten by a restart."""
        self._replays = Replays()
        self._levels: dict[str, str] = {}
        """Least severe log message by sealed session, where it was set; else everything the server sends is passed."""
        self._methods: Methods = {
            TOOLS_CALL: self._call,
            **dict.fromkeys(GOVERNED, self._call),
            SUBSCRIBE: self._subscribe,
            UNSUBSCRIBE: self._unsubscribe,
            **dict.fromkeys(LISTS, self._list),
            "logging/setLevel": self._set_level,
            "ping": self._ping,
        }
        self._notifications: dict[str, Callable[[str, ClientMessage], None]] = {
            "notifications/cancelled": self._cancelled,
        }
        """By method; all others are taken and dropped."""

    async def post(
        self, admitted: Admitted, shown: ShownListing, stream: ClientStream, message: ClientMessage
    ) -> HttpReply | None:
        """A reply, or None when the stream has sent it."""
        if message.method == "initialize":
            return await self._initialize(admitted, shown, stream, message)
        found = self._session(admitted, message.id_json)
        if isinstance(found, HttpReply):
            return found
        sealed, session, protocol, asks = found
        if message.id is None:
            notified = self._notifications.get(message.method)
            if notified is not None:
                notified(sealed, message)
            return HttpReply(202)
        method = self._methods.get(message.method)
        if method is None:
            return not_governed(message, 200)
        upstream = "" if shown.bridged and admitted.integration != EVERYTHING else session
        turn = Turn(admitted, shown, stream, message, protocol, sealed=sealed, session=upstream, modern=False)
        if asks:
            turn.asks, turn.inquire = asks, self._asking.of(stream, sealed)
        return await method(turn)

    def answered(self, admitted: Admitted, answer: ClientAnswer) -> HttpReply:
        """A response: matched to the open request of its own session, else dropped; taken either way."""
        named = admitted.fields.text(VERSION)
        if named is not None and named not in HANDSHAKE:
            said = "In this version the gate asks nothing by requests, so it takes no answers."
            return refuse(400, INVALID, said, id_json=encode(answer.id), data={"reason": "unexpected_response"})
        found = self._session(admitted, NO_ID)
        if isinstance(found, HttpReply):
            return found
        self._asking.answered(found[0], answer.id, answer.result)
        return HttpReply(202)

    async def delete(self, admitted: Admitted, shown: ShownListing) -> HttpReply:
        """End a session and what runs in it."""
        found = self._session(admitted, NO_ID)
        if isinstance(found, HttpReply):
            return found
        sealed, session, *_ = found
        if len(self._ended) >= _KEPT:
            del self._ended[next(iter(self._ended))]
        self._ended[sealed] = None
        self._levels.pop(sealed, None)
        self._subscribed.pop(sealed, None)
        self._replays.ended(sealed)
        for key, stream in self._running.items():
            if key[0] == sealed and stream.phase is StreamPhase.CALLING:
                stream.stop(Stop.CANCELLED)
        if not shown.bridged or admitted.integration == EVERYTHING:
            await self._serving.end_session(admitted.credential, admitted.integration, session)
        return HttpReply(204)

    def _session(self, admitted: Admitted, id_json: bytes) -> tuple[str, str, str, tuple[str, ...]] | HttpReply:
        """(sealed id, upstream session, protocol, asks); 400 without an id, 404 for one that is not this caller's."""
        sealed = admitted.fields.text(_SESSION)
        if sealed is None:
            said = "Mcp-Session-Id is missing: begin with initialize."
            return refuse(400, INVALID, said, id_json=id_json, data={"reason": "no_session"})
        opened = None
        if sealed not in self._ended:
            opened = self._serving.open_sealed_session(admitted.credential, admitted.integration, sealed)
        if opened is None:
            said = "There is no such session, or it has ended: begin with initialize."
            return refuse(404, INVALID, said, id_json=id_json, data={"reason": "unknown_session"})
        return sealed, *opened

    async def _initialize(
        self, admitted: Admitted, shown: ShownListing, stream: ClientStream, message: ClientMessage
    ) -> HttpReply:
        wanted = message.params.get("protocolVersion")
        info = message.params.get("clientInfo", {})
        if message.id is None or not isinstance(wanted, str) or not isinstance(info, dict):
            said = "initialize is a request with protocolVersion (a string) and clientInfo (an object)."
            return message.refuse(400, PARAMS, said, {"reason": "shape"})
        if not shown.handshake:
            data = {"supported": shown.versions, "requested": wanted[:64]}
            said = f"This integration has no handshake; it offers {', '.join(shown.versions) or 'nothing yet'}."
            return message.refuse(400, UNSUPPORTED_VERSION, said, data)
        protocol = wanted if wanted in HANDSHAKE else HANDSHAKE[0]
        session = "gate-" + secrets.token_hex(16)
        asks = () if shown.bridged else declared(message.params.get("capabilities"), shown.listing.asks)
        if not shown.bridged:
            stream.call(None, watched=False, quiet=True)
            try:
                opened = await self._serving.open_session(
                    admitted.credential,
                    admitted.integration,
                    _greeting(protocol, admitted.credential.runtime.id, asks),
                    protocol,
                )
            except UpstreamError as fault:
                return message.refuse(200, INTERNAL, fault.message, {"reason": fault.code})
            session, protocol = opened.session, opened.protocol
            if protocol not in HANDSHAKE:
                said = "The server speaks a protocol version that the gate does not."
                return message.refuse(200, INTERNAL, said, {"reason": "upstream_version"})
        sealed = self._serving.seal_session(admitted.credential, admitted.integration, session, protocol, asks)
        body = result(message.id_json, shown.initialized(protocol))
        return HttpReply(200, body, ((_SESSION, sealed.encode("ascii")),))

    async def _list(self, turn: Turn) -> HttpReply | None:
        """In the form in which servers of these versions answer over HTTP: as the one event of a stream. A local
        server has no such form.
        """
        reply = await confirmed_list(turn)
        if turn.shown.bridged or reply.status != 200:
            return reply
        await turn.stream.only(reply.body)
        return None

    async def _ping(self, turn: Turn) -> HttpReply:
        return HttpReply(200, result(turn.message.id_json, b"{}"))

    async def _call(self, turn: Turn) -> HttpReply | None:
        message = turn.message
        parse = parse_tool_call if message.method == TOOLS_CALL else parse_method_call
        call = not_offered(turn) or parse(message)
        if isinstance(call, HttpReply):
            return call
        assert message.id is not None
        if not ROUND.isdisjoint(message.params):
            said = "In this version a call is not continued by another one."
            return message.refuse(400, PARAMS, said, {"reason": "not_governed"})
        turn.log_level = self._levels.get(turn.sealed, "")
        key = (turn.sealed, message.id)
        if key in self._running:
            said = "A request with this id is still running in this session."
            return message.refuse(400, INVALID, said, {"reason": "duplicate_id"})
        if (turn.admitted.fields.text(VERSION) or turn.protocol) in _REPLAYED:
            who = turn.admitted.credential.initiator
            person = f"{who.tenant} {who.issuer} {who.subject}"
            turn.stream.replays = partial(self._replays.begin, turn.sealed, person)
        self._running[key] = turn.stream
        try:
            await self._desk.run(turn, call)
        finally:
            del self._running[key]
        return None

    async def _subscribe(self, turn: Turn) -> HttpReply | None:
        """Judged and passed on like a read; from then on the session's standing stream brings changes of it."""
        uri = turn.message.params.get("uri")
        known = self._subscribed.get(turn.sealed, set())
        if isinstance(uri, str) and uri not in known and len(known) >= MOST_URIS:
            said = f"A session may subscribe to {MOST_URIS} resources; unsubscribe from one."
            return turn.message.refuse(200, BUSY, said, {"reason": "busy"})
        if isinstance(uri, str):
            # Before the server knows of it, so that who listens does not miss the first change.
            known.add(uri)
        refused = await self._call(turn)
        if isinstance(uri, str):
            known.discard(uri)
            if turn.served:
                self._subscriptions(turn.sealed).add(uri)
        return refused

    def _subscriptions(self, sealed: str) -> set[str]:
        """Of this session; the oldest session's are forgotten when there are too many."""
        kept = self._subscribed
        if sealed not in kept and len(kept) >= _KEPT:
            del kept[next(iter(kept))]
        return kept.setdefault(sealed, set())

    async def _unsubscribe(self, turn: Turn) -> HttpReply | None:
        """Ends here at once. A local server is shared, so it is not told: somebody else may listen."""
        refused = not_offered(turn)
        if refused is not None:
            return refused
        uri = turn.message.params.get("uri")
        self._subscribed.get(turn.sealed, set()).discard(uri if isinstance(uri, str) else "")
        if turn.shown.bridged:
            return HttpReply(200, result(turn.message.id_json, b"{}"))
        return await self._call(turn)

    async def listen(self, admitted: Admitted, shown: ShownListing, stream: ClientStream) -> HttpReply | None:
        """The standing stream of a session, one at a time, on which no answer comes; or, with the Last-Event-ID of a
        call's stream, what of that is still to come. An id that nobody knows any more begins a standing stream.
        """
        if not shown.handshake:
            return HttpReply(405, headers=((b"allow", b"POST"),))
        found = self._session(admitted, NO_ID)
        if isinstance(found, HttpReply):
            return found
        sealed, session, protocol, _ = found
        cut_off = self._replays.find(sealed, admitted.fields.text(b"last-event-id") or "")
        if cut_off is not None:
            replay, number = cut_off
            await stream.repeat(replay.after(number))
            return None
        if sealed in self._listens:
            return refuse(409, INVALID, "This session has a standing stream already.", data={"reason": "listens"})
        full = self._standing.full(admitted, NO_ID)
        if full is not None:
            return full
        everything = admitted.integration == EVERYTHING
        wish = None if everything else Wish() if shown.bridged else Wish(session=session, protocol=protocol)
        uris = self._subscriptions(sealed)
        self._listens.add(sealed)
        try:
            await self._standing.run(
                admitted,
                stream,
                wish,
                lambda send: Listener(
                    admitted.integration, _ALL_LISTS, uris, send, lambda: self._level(sealed), admitted.tasks
                ),
                alive=lambda: sealed not in self._ended,
            )
        finally:
            self._listens.discard(sealed)
            if not uris and self._subscribed.get(sealed) is uris:
                del self._subscribed[sealed]
        return None

    def _level(self, sealed: str) -> int | None:
        return severity(self._levels.get(sealed, LEVELS[0]))

    async def _set_level(self, turn: Turn) -> HttpReply:
        """Kept for the session; a session that is the upstream's own is told there too."""
        message = turn.message
        refused = not_offered(turn)
        if refused is not None:
            return refused
        level = message.params.get("level")
        if not isinstance(level, str) or severity(level) is None or not message.params.keys() <= {"level", "_meta"}:
            return message.refuse(200, PARAMS, f"params.level must be one of {', '.join(LEVELS)}.", {"reason": "shape"})
        if not turn.shown.bridged:
            turn.stream.call(None, watched=False)
            try:
                _, fault = await self._serving.set_level(
                    turn.admitted.credential, turn.admitted.integration, level, turn.session, turn.protocol
                )
            except UpstreamError as failure:
                return message.refuse(200, INTERNAL, failure.message, {"reason": failure.code})
            if fault:
                return HttpReply(200, error(message.id_json, fault))
        if len(self._levels) >= _KEPT:
            del self._levels[next(iter(self._levels))]
        self._levels[turn.sealed] = level
        return HttpReply(200, result(message.id_json, b"{}"))

    def _cancelled(self, sealed: str, message: ClientMessage) -> None:
        """A cancel of nothing that runs is ignored, as the spec wants."""
        wanted = message.params.get("requestId")
        if not isinstance(wanted, str | int) or isinstance(wanted, bool):
            return
        stream = self._running.get((sealed, wanted))
        if stream is not None and stream.phase is StreamPhase.CALLING:
            stream.stop(Stop.CANCELLED)


def _greeting(protocol: str, runtime: str, asks: tuple[str, ...]) -> bytes:
    """Our InitializeRequest params: the registered runtime's name, and of the client's capabilities those the server may
    ask through. The client's own words stay here: nobody judges or records them, so a server must not read them.
    """
    client = {"name": runtime, "version": __version__}
    return encode({"protocolVersion": protocol, "capabilities": capabilities_of(asks), "clientInfo": client})
