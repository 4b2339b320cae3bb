"""Whether the arguments are what the confirmed definition describes, and say what they aim at."""

import msgspec

from callgate.core.toolbox import ToolProfile
from callgate.model.call import Call
from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Effect

GATE = "schema"


def judge(tool: ToolProfile | None, call: Call, facts: Facts) -> tuple[Finding, ...]:
    """Nothing for an unknown tool: the tool gate denies it."""
    if tool is None:
        return ()
    found = tool.schema_findings(call.arguments)
    if found and facts.drift == "newer":
        found = tuple(_newer(finding, call.integration) for finding in found)
    aims = tool.target_findings(call.arguments)
    return found + aims if aims else found


def _newer(finding: Finding, integration: str) -> Finding:
    """The server takes more by now, which nobody has confirmed: what does not fit the confirmed definition is refused."""
    reason = (
        f"{finding.reason} The server's definition is a newer one by now; the confirmed one is in force until a person "
        f"confirms another with `callgate tools confirm {integration}`."
    )
    return msgspec.structs.replace(finding, effect=Effect.DENY, ask=None, reason=reason)
