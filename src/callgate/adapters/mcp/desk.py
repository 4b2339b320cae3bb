"""tools/call in either era: from parameters to Serving and back to bytes."""

from callgate.adapters.mcp.answers import answer_json
from callgate.adapters.mcp.control import RESERVED, ControlTools
from callgate.adapters.mcp.http import HttpReply
from callgate.adapters.mcp.parse import ClaimReader, ClientMessage, ToolCall
from callgate.adapters.mcp.turn import Turn
from callgate.adapters.mcp.wire import METHOD, error, result
from callgate.flow.serving import Serving
from callgate.model.answer import Request

_NOT_GOVERNED = {
    "resources": "Resources do not pass the gate yet: it has no rules for them.",
    "prompts": "Prompts do not pass the gate yet: it has no rules for them.",
    "completion": "Completion does not pass the gate yet: it has no rules for it.",
    "logging": "The gate sends no log messages, so there is no level to set.",
    "subscriptions": "The gate announces no changes; keep a list no longer than its ttlMs.",
    "tasks": "Tasks of the protocol do not pass the gate: it has no rules for them.",
    "sampling": "The gate asks clients nothing, so nothing is sampled.",
    "elicitation": "The gate asks clients nothing, so nothing is elicited.",
    "roots": "The gate asks clients nothing, so it needs no roots.",
}


def not_governed(message: ClientMessage, status: int) -> HttpReply:
    """-32601 with the reason why this method is refused."""
    reason = _NOT_GOVERNED.get(message.method.partition("/")[0])
    data = {"reason": "not_governed" if reason else "unknown_method"}
    return message.refuse(status, METHOD, reason or "There is no such method.", data)


class CallDesk:
    def __init__(self, serving: Serving, *, same_host: bool) -> None:
        self._serving = serving
        self._control = ControlTools(serving)
        self._claims = ClaimReader()
        self._same_host = same_host

    async def run(self, turn: Turn, call: ToolCall) -> None:
        """Serve one call and send its answer.

        Closing the stream cancels in 2026-07-28. In handshake eras it does not (MCP 2025-11-25, streamable HTTP):
        the call runs to its recorded end, nobody collects the answer, and an equal call finds it in the ledger.
        """
        stream, message, admitted = turn.stream, turn.message, turn.admitted
        server = turn.shown.server if turn.modern else None
        stream.call(call.token, watched=turn.modern)
        if call.name.startswith(RESERVED):
            body, is_error = await self._control.call(
                admitted.credential, call.name, call.arguments, stream.relay, server
            )
        else:
            answer = await self._serving.call(
                Request(
                    credential=admitted.credential,
                    integration=admitted.integration,
                    tool=call.name,
                    arguments=call.arguments,
                    claims=self._claims.read(message, admitted.fields, turn.protocol),
                    named_tasks=admitted.tasks,
                    session=turn.session,
                    protocol=turn.protocol,
                    progress=call.token is not None,
                    same_host=self._same_host,
                    asks=turn.asks,
                    inquire=turn.inquire,
                ),
                stream.relay,
            )
            body, is_error = answer_json(answer, server)
        stream.check()
        await stream.finish((error if is_error else result)(message.id_json, body))
