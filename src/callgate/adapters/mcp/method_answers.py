"""What a client is told of a governed call that is no tool call: the server's result with our evidence, or an error.

Such a call has no in-band error: what stopped it is a JSON-RPC error. Its message holds everything, because some
assistants show their model nothing else; ``data`` holds the same facts.
"""

from typing import Any

import msgspec

from callgate.adapters.mcp.answers import evidenced, told
from callgate.adapters.mcp.rounds import is_no_round
from callgate.adapters.mcp.wire import INVALID, METHOD, MISSING_CAPABILITY, PARAMS, PARSE, encode, problem
from callgate.model.answer import Answer, Failed, Pending, Refused, Served
from callgate.model.call import RESOURCES_LIST, RESOURCES_READ

REFUSED, HELD, FAILED, UNKNOWN = 403, 423, 502, 504
"""Codes of our own, outside the range that JSON-RPC reserves, named after the HTTP statuses that mean the same."""

_CACHEABLE = frozenset((RESOURCES_LIST, RESOURCES_READ))
_STATUS = {PARSE: 400, INVALID: 400, PARAMS: 400, METHOD: 404, MISSING_CAPABILITY: 400}
"""HTTP statuses of 2026-07-28 by error code; every other one is 200."""


class _Code(msgspec.Struct):
    code: int = 0


class _Contents(msgspec.Struct):
    contents: list[msgspec.Raw] = []


_code = msgspec.json.Decoder(_Code)
_contents = msgspec.json.Decoder(_Contents)


def method_answer(answer: Answer, server: bytes | None) -> tuple[bytes, bool, int]:
    """(JSON, whether it is an error member, HTTP status). ``server`` as in ``answer_json``."""
    if isinstance(answer, Served):
        if answer.error:
            return answer.error, True, _status(_code_of(answer.error), server)
        made = evidenced(answer, server, cacheable=answer.method in _CACHEABLE)
        if isinstance(made, bytes):
            return made, False, 200
        reason = "The server asked back or answered with something else; the call itself is recorded as finished."
        return problem(FAILED, reason, {"status": "failed", "codes": [made], "reason": reason}), True, 200
    text, facts = told(answer)
    code = _own_code(answer)
    return problem(code, text, facts), True, _status(code, server)


def as_tool_result(answer: Served, server: bytes | None) -> bytes:
    """The result of a governed method for an assistant that collects it with a tool: resources as such, all else as
    the JSON it is.
    """
    result = answer.result
    content: list[Any] = [{"type": "text", "text": result.decode("utf-8", "replace")}]
    if answer.method == RESOURCES_READ:
        content = [{"type": "resource", "resource": one} for one in _contents.decode(result).contents]
    made = encode({"content": content, "structuredContent": msgspec.Raw(result), "isError": False})
    whole = evidenced(msgspec.structs.replace(answer, result=made), server)
    assert isinstance(whole, bytes)
    return whole


def misses_capability(error: bytes) -> bool:
    """The server would have to ask the client for something that it cannot be asked; HTTP 400 in 2026-07-28."""
    return _code_of(error) == MISSING_CAPABILITY


def _own_code(answer: Refused | Pending | Failed) -> int:
    if isinstance(answer, Refused):
        return PARAMS if answer.correctable or is_no_round(answer) else REFUSED
    if isinstance(answer, Pending):
        return HELD
    return UNKNOWN if answer.unknown else FAILED


def _status(code: int, server: bytes | None) -> int:
    return 200 if server is None else _STATUS.get(code, 200)


def _code_of(error: bytes) -> int:
    try:
        return _code.decode(error).code
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0
