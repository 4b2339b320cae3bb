"""The gate's own tools: listed after every integration's tools, answered here, never sent anywhere.

They can look, wait and narrow; none of them approves or widens anything.
"""

from typing import Any

from callgate.adapters.mcp.answers import answer_json, in_band
from callgate.adapters.mcp.method_answers import as_tool_result
from callgate.adapters.mcp.wire import encode
from callgate.flow.ports import Relay
from callgate.flow.serving import Serving
from callgate.model.answer import Served
from callgate.model.call import TOOLS_CALL
from callgate.model.errors import InputError
from callgate.model.identity import Credential

RESERVED = "callgate_"
AWAIT = "callgate_await_approval"
EXPLAIN = "callgate_explain"
OPEN_TASK = "callgate_open_task"
MAX_WAIT_S = 45


def _tool(name: str, title: str, said: str, properties: dict[str, Any], required: str, *, reads: bool) -> bytes:
    schema = {"type": "object", "properties": properties, "required": [required], "additionalProperties": False}
    notes = {"title": title, "readOnlyHint": reads, "idempotentHint": True, "openWorldHint": False}
    if not reads:
        notes["destructiveHint"] = False
    tool = {"name": name, "title": title, "description": said, "inputSchema": schema, "annotations": notes}
    return encode(tool)


CONTROL_TOOLS: tuple[bytes, ...] = (
    _tool(
        AWAIT,
        "Wait for an approval",
        "Wait until people have decided about a held call. Returns the original tool's result once it was approved "
        "and run, or that it still waits, was denied or has expired. Call it again while it still waits.",
        {
            "approval_id": {"type": "string", "description": "approval_id of the pending answer."},
            "wait_seconds": {
                "type": "integer",
                "minimum": 0,
                "maximum": MAX_WAIT_S,
                "default": MAX_WAIT_S,
                "description": "How long to wait at most.",
            },
        },
        "approval_id",
        reads=True,
    ),
    _tool(
        EXPLAIN,
        "Explain a decision",
        "Show why Callgate allowed, held or stopped a call: every finding of the decision, with its code and reason.",
        {"decision_id": {"type": "string", "description": "decision_id of an answer."}},
        "decision_id",
        reads=True,
    ),
    _tool(
        OPEN_TASK,
        "Work under a task",
        "Do what follows under one open task that the person you work for has opened. This login then stays in it.",
        {"task_id": {"type": "string", "description": "Id of an open task."}},
        "task_id",
        reads=False,
    ),
)


class ControlTools:
    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def call(
        self, credential: Credential, name: str, arguments: dict[str, Any], relay: Relay, server: bytes | None
    ) -> tuple[bytes, bool]:
        """Like ``answer_json``. Bad arguments are in-band refusals, so that the model can correct them."""
        modern = server is not None
        if name == AWAIT:
            return await self._await(credential, arguments, relay, server)
        if name == EXPLAIN:
            return await self._explain(credential, arguments, modern), False
        if name == OPEN_TASK:
            return await self._open_task(credential, arguments, modern), False
        return _refused("unknown_tool", f"Names that begin with {RESERVED} are the gate's own.", modern=modern), False

    async def _await(
        self, credential: Credential, arguments: dict[str, Any], relay: Relay, server: bytes | None
    ) -> tuple[bytes, bool]:
        modern = server is not None
        hold = _text(arguments, "approval_id", {"wait_seconds"})
        wait = arguments.get("wait_seconds", MAX_WAIT_S)
        whole = isinstance(wait, int) and not isinstance(wait, bool) and 0 <= wait <= MAX_WAIT_S
        if hold is None or not whole:
            said = f"Give approval_id (a string) and, if you like, wait_seconds (0 to {MAX_WAIT_S})."
            return _refused("bad_arguments", said, modern=modern), False
        try:
            answer = await self._serving.await_approval(credential, hold, wait * 1000, relay)
        except InputError as fault:
            return _refused(fault.code, fault.message, modern=modern), False
        if isinstance(answer, Served) and answer.method != TOOLS_CALL and not answer.error:
            return as_tool_result(answer, server), False
        return answer_json(answer, server)

    async def _explain(self, credential: Credential, arguments: dict[str, Any], modern: bool) -> bytes:
        decision = _text(arguments, "decision_id", set())
        if decision is None:
            return _refused("bad_arguments", "Give decision_id (a string).", modern=modern)
        found = await self._serving.explain(credential, decision)
        if found is None:
            return _refused("not_found", "There is no such decision of yours.", modern=modern)
        return in_band(encode(found).decode(), found, modern=modern, is_error=False)

    async def _open_task(self, credential: Credential, arguments: dict[str, Any], modern: bool) -> bytes:
        task = _text(arguments, "task_id", set())
        if task is None:
            return _refused("bad_arguments", "Give task_id (a string).", modern=modern)
        try:
            said = await self._serving.bind_task(credential, task)
        except InputError as fault:
            return _refused(fault.code, fault.message, modern=modern)
        return in_band(said, {"status": "bound", "task_id": task, "reason": said}, modern=modern, is_error=False)


def _text(arguments: dict[str, Any], name: str, others: set[str]) -> str | None:
    """The string argument ``name``; None when it is missing or something undeclared stands beside it."""
    value = arguments.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 256 or not arguments.keys() <= {name, *others}:
        return None
    return value


def _refused(code: str, reason: str, *, modern: bool) -> bytes:
    return in_band(reason, {"status": "refused", "codes": [code], "reason": reason}, modern=modern)
