"""Whether the tool is the one that a person confirmed."""

from callgate.core.toolbox import ToolProfile
from callgate.model.call import Call
from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Ask, Effect

GATE = "tool"

KEPT_AWAY = {
    "reserved": "Names that start with callgate_, and names of methods, are the gate's own.",
    "unreadable": "Its name is too long, or has a character that cannot be seen.",
    "look_alike": "Its name can be taken for the name of another tool.",
    "shared_session": "It chooses what later calls aim at, in a session that all callers of this server share.",
    "bad_header": "Its schema asks for headers in a way the protocol does not allow.",
}
"""Why a tool is in quarantine, for people."""


def judge(tool: ToolProfile | None, call: Call, facts: Facts) -> tuple[Finding, ...]:
    if tool is None:
        return (_deny("unknown_tool", "This integration has no tool of this name that was confirmed."),)
    odd = tool.quarantine or facts.drifted or facts.account_problem
    if call.pin and call.pin == facts.pinned == tool.pin.digest and not odd:
        return ()
    found = []
    if tool.quarantine:
        found.append(_deny("quarantined", KEPT_AWAY.get(tool.quarantine, "This tool is kept away.")))
    if not facts.pinned:
        found.append(_deny("not_pinned", "Nobody has confirmed the definition of this tool yet."))
    elif not call.pin == facts.pinned == tool.pin.digest:
        found.append(_deny("other_definition", "The call was read with another definition than the confirmed one."))
    if facts.drifted:
        found.append(_drifted(call.integration, facts.drift))
    if facts.account_problem == "changed":
        found.append(_OTHER_ACCOUNT)
    elif facts.account_problem:
        reason = "Its server does not say at present whose account it uses; try again in some minutes."
        found.append(_deny("account_unknown", reason))
    return tuple(found)


def _deny(code: str, reason: str) -> Finding:
    return Finding(gate=GATE, code=code, effect=Effect.DENY, reason=reason)


_OTHER_ACCOUNT = Finding(
    gate=GATE,
    code="account_changed",
    effect=Effect.HOLD,
    reason="The target now sees another account than the one that was confirmed.",
    ask=Ask.ACCEPTABLE,
)
_CHANGES = {
    "gone": "The server no longer has this, which was confirmed.",
    "server": "The server is another one than was confirmed: its name, version, command or package changed.",
    "unreadable": "The server's definitions cannot be read, so nobody knows whether they are the confirmed ones.",
}


def _drifted(integration: str, drift: str) -> Finding:
    what = _CHANGES.get(drift, "The server now defines this otherwise than it was confirmed, in a way that matters.")
    return Finding(
        gate=GATE,
        code="definition_changed",
        effect=Effect.HOLD,
        reason=f"{what} A person looks with `callgate tools diff {integration}` and confirms with "
        f"`callgate tools confirm {integration}`.",
        ask=Ask.ACCEPTABLE,
    )
