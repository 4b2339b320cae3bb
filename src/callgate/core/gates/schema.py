"""Whether the arguments are what the confirmed definition describes, and say what they aim at."""

from callgate.core.toolbox import ToolProfile
from callgate.model.call import Call
from callgate.model.decision import Finding

GATE = "schema"


def judge(tool: ToolProfile | None, call: Call) -> tuple[Finding, ...]:
    """Nothing for an unknown tool: the tool gate denies it."""
    if tool is None:
        return ()
    found = tool.schema_findings(call.arguments)
    aims = tool.target_findings(call.arguments)
    return found + aims if aims else found
