"""tools/call in either era: from parameters to Serving and back to bytes."""

from typing import Any

from callgate.adapters.mcp.answers import answer_json
from callgate.adapters.mcp.asking import away_from
from callgate.adapters.mcp.control import RESERVED, ControlTools
from callgate.adapters.mcp.http import HttpReply
from callgate.adapters.mcp.method_answers import method_answer, misses_capability
from callgate.adapters.mcp.parse import ClaimReader, ClientMessage, ToolCall
from callgate.adapters.mcp.rounds import is_no_round
from callgate.adapters.mcp.turn import Turn
from callgate.adapters.mcp.wire import METHOD, PARAMS, error, result
from callgate.core.loglevels import LEVELS, severity
from callgate.flow.serving import Serving
from callgate.model.answer import Request, Served
from callgate.model.call import (
    COMPLETE,
    PROMPTS_GET,
    RESOURCES_LIST,
    RESOURCES_READ,
    SUBSCRIBE,
    TOOLS_CALL,
    UNSUBSCRIBE,
)

_NOT_GOVERNED = {
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


_NEEDED = {
    "prompts/list": "prompts",
    PROMPTS_GET: "prompts",
    RESOURCES_LIST: "resources",
    RESOURCES_READ: "resources",
    "resources/templates/list": "resources",
    COMPLETE: "completions",
    SUBSCRIBE: "resources.subscribe",
    UNSUBSCRIBE: "resources.subscribe",
    "logging/setLevel": "logging",
}
"""The capability that each method comes with."""
LISTS = ("tools/list", "prompts/list", "resources/templates/list")
"""Answered from what was confirmed."""


def not_offered(turn: Turn) -> HttpReply | None:
    """-32601 for a method of a capability that the server does not have."""
    needed = _NEEDED.get(turn.message.method)
    if needed is None or needed in (turn.shown.offers_modern if turn.modern else turn.shown.offers):
        return None
    said = f"The server of this integration, as it was confirmed, does not offer {needed}."
    return turn.message.refuse(404 if turn.modern else 200, METHOD, said, {"reason": "not_offered"})


async def confirmed_list(turn: Turn) -> HttpReply:
    """The one page of a list of definitions."""
    message, shown = turn.message, turn.shown
    if message.params.get("cursor") is not None:
        said = "The list has one page; there is no such cursor."
        return message.refuse(400 if turn.modern else 200, PARAMS, said)
    lists = shown.lists_modern if turn.modern else shown.lists_handshake
    return not_offered(turn) or HttpReply(200, result(message.id_json, lists[message.method]))


class CallDesk:
    def __init__(self, serving: Serving, *, same_host: bool, hosts: frozenset[str]) -> None:
        """``hosts``: the gate's own, lower-case: no server may send a person there."""
        self.hosts = hosts
        self._serving = serving
        self._control = ControlTools(serving)
        self._claims = ClaimReader()
        self._same_host = same_host

    def request(
        self, turn: Turn, method: str, tool: str, arguments: dict[str, Any], *, progress: bool = False
    ) -> Request:
        """What Serving is asked for."""
        admitted = turn.admitted
        return Request(
            credential=admitted.credential,
            integration=admitted.integration,
            tool=tool,
            arguments=arguments,
            claims=self._claims.read(turn.message, admitted.fields, turn.protocol),
            named_tasks=admitted.tasks,
            session=turn.session,
            protocol=turn.protocol,
            progress=progress,
            same_host=self._same_host,
            method=method,
            log_level=turn.log_level,
            asks=turn.asks,
            inquire=turn.inquire,
            continued=turn.continued,
        )

    async def run(self, turn: Turn, call: ToolCall) -> None:
        """Serve one call and send its answer.

        Closing the stream cancels in 2026-07-28. In handshake eras it does not (MCP 2025-11-25, streamable HTTP):
        the call runs to its recorded end, nobody collects the answer, and an equal call finds it in the ledger.
        """
        stream, message, admitted = turn.stream, turn.message, turn.admitted
        server = turn.shown.server if turn.modern else None
        stream.call(call.token, watched=turn.modern)
        stream.logs = severity(turn.log_level or ("" if turn.modern else LEVELS[0]))
        method, status = message.method, 200
        if method == TOOLS_CALL and call.name.startswith(RESERVED):
            body, is_error = await self._control.call(
                admitted.credential, call.name, call.arguments, stream.relay, server
            )
        else:
            asked = self.request(turn, method, call.name, call.arguments, progress=call.token is not None)
            answer = away_from(self.hosts, await self._serving.call(asked, stream.relay))
            turn.served = isinstance(answer, Served) and not answer.error
            if method == TOOLS_CALL and not is_no_round(answer):
                body, is_error = answer_json(answer, server)
                status = 400 if is_error and server is not None and misses_capability(body) else 200
            else:
                body, is_error, status = method_answer(answer, server)
        stream.check()
        await stream.finish((error if is_error else result)(message.id_json, body), status)
