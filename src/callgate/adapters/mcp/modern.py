"""2026-07-28: every request stands alone and says its version, method and name in headers too."""

from typing import Any

from callgate.adapters.mcp.config import HANDSHAKE
from callgate.adapters.mcp.desk import LISTS, CallDesk, confirmed_list, not_governed, not_offered
from callgate.adapters.mcp.guard import Admitted
from callgate.adapters.mcp.headers import VERSION, parameter_mismatch, routing_mismatch
from callgate.adapters.mcp.http import HeaderFields, HttpReply
from callgate.adapters.mcp.listening import StandingStreams, acknowledged
from callgate.adapters.mcp.parse import ClientMessage, ToolCall, parse_method_call, parse_tool_call
from callgate.adapters.mcp.rounds import parse_round
from callgate.adapters.mcp.shown import ShownListing
from callgate.adapters.mcp.stream import ClientStream
from callgate.adapters.mcp.turn import Methods, Turn
from callgate.adapters.mcp.wire import HEADER_MISMATCH, INVALID, PARAMS, UNSUPPORTED_VERSION, result
from callgate.core.asks import declared as declared_words
from callgate.core.loglevels import LEVELS, severity
from callgate.flow.announcing import LISTS as ANNOUNCED
from callgate.flow.announcing import Listener
from callgate.flow.ports import Wish
from callgate.flow.serving import EVERYTHING, Serving
from callgate.model.answer import Served
from callgate.model.call import GOVERNED, SUBSCRIBE, TOOLS_CALL

VERSION_META = "io.modelcontextprotocol/protocolVersion"
LOG_LEVEL_META = "io.modelcontextprotocol/logLevel"
MOST_URIS = 256
"""Resources of one subscription."""
CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"


def is_modern(fields: HeaderFields, message: ClientMessage) -> bool:
    """Whether the request is to be read by the rules of 2026-07-28; a version that nobody knows is, too."""
    if VERSION_META in message.meta:
        return True
    if message.method == "initialize":
        return False
    header = fields.get(VERSION)
    return message.method == "server/discover" or (header is not None and fields.text(VERSION) not in HANDSHAKE)


class ModernEra:
    def __init__(self, serving: Serving, desk: CallDesk, standing: StandingStreams) -> None:
        self._serving = serving
        self._desk = desk
        self._standing = standing
        self._methods: Methods = {
            TOOLS_CALL: self._call,
            **dict.fromkeys(GOVERNED, self._call),
            "subscriptions/listen": self._listen,
            **dict.fromkeys(LISTS, confirmed_list),
            "server/discover": self._discover,
        }

    async def post(
        self, admitted: Admitted, shown: ShownListing, stream: ClientStream, message: ClientMessage
    ) -> HttpReply | None:
        """A reply, or None when the stream has sent it."""
        refused = self._refused(admitted.fields, shown, message)
        if refused is not None:
            return refused
        method = self._methods.get(message.method)
        if method is None:
            return not_governed(message, 404)
        return await method(Turn(admitted, shown, stream, message, message.meta[VERSION_META], modern=True))

    async def _listen(self, turn: Turn) -> HttpReply | None:
        """Everything wished for that is offered and may be subscribed to; each resource is judged like a read."""
        message, shown, admitted = turn.message, turn.shown, turn.admitted
        wished = message.params.get("notifications")
        uris = wished.get("resourceSubscriptions") or [] if isinstance(wished, dict) else None
        if not isinstance(wished, dict) or not isinstance(uris, list) or len(uris) > MOST_URIS:
            said = f"params.notifications must be an object, with {MOST_URIS} resourceSubscriptions at most."
            return message.refuse(400, PARAMS, said, {"reason": "shape"})
        full = self._standing.full(admitted, message.id_json)
        if full is not None:
            return full
        lists = [kind for kind in ANNOUNCED if wished.get(f"{kind}ListChanged") is True and kind in shown.offers_modern]
        allowed = []
        if "resources.subscribe" in shown.offers_modern:
            turn.stream.call(None, watched=True)
            allowed = [uri for uri in dict.fromkeys(map(str, uris)) if await self._may_subscribe(turn, uri)]
        honoured: dict[str, Any] = {f"{kind}ListChanged": True for kind in lists}
        if allowed:
            honoured["resourceSubscriptions"] = allowed
        wish = Wish(protocol=turn.protocol, lists=ANNOUNCED, uris=tuple(sorted(allowed)))
        if shown.bridged:
            wish = Wish()
        await self._standing.run(
            admitted,
            turn.stream,
            None if admitted.integration == EVERYTHING else wish,
            lambda send: Listener(admitted.integration, frozenset(lists), set(allowed), send, tasks=admitted.tasks),
            subscription=message.id,
            opening=acknowledged(message.id, honoured),
        )
        return None

    async def _may_subscribe(self, turn: Turn, uri: str) -> bool:
        """A local server is told by a call of its own; of another one the standing stream is the subscription."""
        asked = self._desk.request(turn, SUBSCRIBE, SUBSCRIBE, {"uri": uri})
        if turn.shown.bridged:
            answer = await self._serving.call(asked, turn.stream.relay)
            return isinstance(answer, Served) and not answer.error
        return await self._serving.may_subscribe(asked)

    async def _discover(self, turn: Turn) -> HttpReply:
        return HttpReply(200, result(turn.message.id_json, turn.shown.discovered))

    async def _call(self, turn: Turn) -> HttpReply | None:
        message = turn.message
        call = not_offered(turn) or self._parsed(turn)
        if isinstance(call, HttpReply):
            return call
        declared = turn.shown.headers.get(call.name)
        continued = parse_round(message)
        if isinstance(continued, HttpReply):
            return continued
        turn.continued = continued
        if turn.shown.listing.asks:
            turn.asks = declared_words(message.meta[CAPABILITIES_META], turn.shown.listing.asks)
        wrong = parameter_mismatch(turn.admitted.fields, declared, call.arguments) if declared else ""
        if wrong:
            return message.refuse(400, HEADER_MISMATCH, wrong)
        await self._desk.run(turn, call)
        return None

    def _parsed(self, turn: Turn) -> ToolCall | HttpReply:
        message = turn.message
        level = message.meta.get(LOG_LEVEL_META)
        if level is not None:
            if severity(level) is None:
                return message.refuse(400, PARAMS, f"{LOG_LEVEL_META} must be one of {', '.join(LEVELS)}.")
            turn.log_level = level
        return parse_tool_call(message) if message.method == TOOLS_CALL else parse_method_call(message)

    def _refused(self, fields: HeaderFields, shown: ShownListing, message: ClientMessage) -> HttpReply | None:
        """What the version rules and the header rules say, before anything else is looked at."""
        if not shown.modern:
            # No code of 2026-07-28: a client of both eras then falls back to initialize (its Backward Compatibility).
            said = f"This integration begins with initialize; it offers {', '.join(shown.versions) or 'nothing yet'}."
            return message.refuse(400, INVALID, said, {"reason": "handshake_only"})
        if message.id is None:
            return self._notified(fields, shown, message)
        meta = message.meta
        version = meta.get(VERSION_META)
        named = fields.text(VERSION)
        if VERSION_META not in meta and named is not None and named not in shown.modern:
            return _unsupported(named, shown, message)
        if not isinstance(version, str) or not isinstance(meta.get(CAPABILITIES_META), dict):
            said = f"params._meta must hold {VERSION_META} (a string) and {CAPABILITIES_META} (an object)."
            return message.refuse(400, PARAMS, said)
        wrong = routing_mismatch(fields, message, version)
        if wrong:
            return message.refuse(400, HEADER_MISMATCH, wrong)
        if version not in shown.modern:
            return _unsupported(version, shown, message)
        return None

    def _notified(self, fields: HeaderFields, shown: ShownListing, message: ClientMessage) -> HttpReply:
        """Taken and dropped: a client cancels by closing the stream, and there is nothing else to say."""
        version = message.meta.get(VERSION_META, fields.text(VERSION))
        if version not in shown.modern:
            return _unsupported(version, shown, message)
        return HttpReply(202)


def _unsupported(version: object, shown: ShownListing, message: ClientMessage) -> HttpReply:
    data: dict[str, Any] = {"supported": shown.versions}
    if isinstance(version, str):
        data["requested"] = version[:64]
    return message.refuse(400, UNSUPPORTED_VERSION, "Unsupported protocol version", data)
