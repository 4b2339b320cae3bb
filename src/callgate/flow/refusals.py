"""What a client is told of a call that is not executed."""

from callgate.model.answer import Failed, Refused
from callgate.model.call import Call
from callgate.model.decision import Decision
from callgate.model.facts import Facts

_ASK = {
    "halted": "It was stopped on purpose. Ask the person to lift the halt; nothing else helps.",
    "unknown_tool": "Call a tool of the list of tools; one that the server has besides, a person must confirm first.",
    "quarantined": "Take another tool: this one cannot be called until its server gives it another name.",
    "global_retrieval": "Name what is searched, as said; or ask the person whether rules should allow more: {wider}",
    "read_stage": "Ask the person whether this integration should go beyond reading.",
    "integration_not_listed": "Ask the person whether the rules should name this integration.",
    "task_needed": "Ask the person to open a task, and name it.",
    "unknown_task": "Ask the person for the id of an open task of theirs.",
    "foreign_task": "Ask the person for the id of an open task of theirs.",
    "closed_task": "Ask the person to open a task again.",
    "task_over": "Ask the person to open a task again.",
    "revoked": "Ask the person to sign in again: callgate login",
    "expired": "Ask the person to sign in again: callgate login",
    "calls_used_up": "Ask the person to open a new task, and name it.",
}
"""What helps, by the code of what stops a call; where several stop it, the first of these."""
_CORRECT = "Correct the call as the list of tools and the tool's schema say, then call again."
_PROMPT = "Take a name of the list of prompts, then ask again."
_NEXT = "Do not try another way to the same end: the rule is about the effect. `callgate explain` shows every finding."


def refusal(call: Call, decision_id: str, decision: Decision, facts: Facts) -> Refused:
    counting = tuple(
        finding
        for finding in decision.findings
        if not finding.shadow and not finding.discharged and finding.effect is decision.effect
    )
    correctable = bool(counting) and all(
        finding.gate == "schema" or finding.code == "unknown_tool" for finding in counting
    )
    codes = {finding.code for finding in counting}
    correct = _PROMPT if "unknown_prompt" in codes else _CORRECT
    helps = next((said for code, said in _ASK.items() if code in codes), _NEXT)
    return Refused(
        call_id=call.id,
        decision_id=decision_id,
        findings=counting,
        next=correct if correctable else helps.replace("{wider}", _wider(call)),
        correctable=correctable,
        retry_after_ms=facts.retry_after_ms,
    )


def _wider(call: Call) -> str:
    """How a person lets searches reach more. An open task keeps the contract that it was opened under."""
    if call.task:
        return "breadth in the contract of this task, and a task opened anew."
    return f"callgate contract breadth {call.integration} global"


def not_recorded(code: str, reason: str) -> Failed:
    return Failed(
        call_id="",
        code=code,
        reason=reason,
        unknown=False,
        next="Nothing was executed. Tell the operator of this gate.",
    )


def after_failure(code: str, *, sent: bool, own_session: bool) -> str:
    """What a caller is told to do when the target gave no result. ``own_session``: the call went in one of the gate's."""
    if code == "session_gone" and own_session:
        return "The server took the gate's session for over and ran nothing by its own word. Call again for a new one."
    return (
        "The call was sent; its answer could not be delivered." if sent else "Nothing was sent. It may be tried again."
    )


_LISTED = "The call is listed by `callgate status`."


def in_doubt(call_id: str, code: str, reason: str, look: str = "") -> Failed:
    """``look``: how its caller can see whether it happened; empty: nothing is known."""
    return Failed(
        call_id=call_id,
        code=code,
        reason=reason,
        unknown=True,
        next=f"Do not repeat it blindly: look in the target first. {look or _LISTED}",
    )
