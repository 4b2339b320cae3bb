"""No global retrieval: a search names what it searches, unless the contract allows more."""

from callgate.core.contract import ContractRules
from callgate.core.toolbox import ToolProfile
from callgate.model.call import Call
from callgate.model.decision import Finding
from callgate.model.terms import Breadth, Effect

GATE = "retrieval"


def judge(call: Call, contract: ContractRules | None, tool: ToolProfile | None) -> tuple[Finding, ...]:
    """Whether the named targets are allowed is the contract gate's matter."""
    if call.targets or tool is None or tool.manifest is None or not tool.manifest.retrieval:
        return ()
    if contract is not None and contract.contract.breadth is Breadth.GLOBAL:
        return ()
    paths = ", ".join(dict.fromkeys(rule.path or rule.template for rule in tool.manifest.targets))
    how = f" Name one through {paths}." if paths else " This tool cannot be narrowed; use one that names its target."
    return (
        Finding(
            gate=GATE,
            code="global_retrieval",
            effect=Effect.DENY,
            reason=f"This would search everything that the account can see, and the rules allow named targets only.{how}",
        ),
    )
