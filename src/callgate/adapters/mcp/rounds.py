"""Answers that come with a call (2026-07-28, multi-round-trip requests), as the client wrote them."""

from callgate.adapters.mcp.http import HttpReply
from callgate.adapters.mcp.parse import ROUND, ClientMessage
from callgate.adapters.mcp.wire import PARAMS
from callgate.core.gates.standing import ROUND_CODES
from callgate.core.rounds import MAX_SEALED, MOST_INPUTS
from callgate.model.answer import Answer, Refused
from callgate.model.inquiry import Continued


def parse_round(message: ClientMessage) -> Continued | HttpReply | None:
    """None: there are none; or HTTP 400 with -32602. What each answer holds is judged with the call."""
    params = message.params
    if ROUND.isdisjoint(params):
        return None
    answers, sealed = params.get("inputResponses", {}), params.get("requestState")
    if not isinstance(answers, dict):
        return message.refuse(400, PARAMS, "params.inputResponses must be an object.", {"reason": "shape"})
    if sealed is None and len(answers) > MOST_INPUTS:
        said = (
            f"params.inputResponses holds {MOST_INPUTS} answers at most where no requestState came with the questions."
        )
        return message.refuse(400, PARAMS, said, {"reason": "shape"})
    if not isinstance(sealed, str | None) or len(sealed or "") > MAX_SEALED:
        said = "params.requestState must be the text that came with the questions."
        return message.refuse(400, PARAMS, said, {"reason": "shape"})
    return Continued(answers=answers, sealed=sealed)


def is_no_round(answer: Answer) -> bool:
    """The call said that it goes on with another, and it does not: a fault of the protocol, not of the tool."""
    return isinstance(answer, Refused) and any(finding.code in ROUND_CODES for finding in answer.findings)
