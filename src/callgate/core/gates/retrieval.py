"""No global retrieval: a search names what it searches, unless the contract allows more."""

from callgate.core.contract import ContractRules
from callgate.core.toolbox import ToolProfile
from callgate.model.call import Call
from callgate.model.decision import Finding
from callgate.model.manifest import QueryStyle
from callgate.model.terms import Breadth, Effect

GATE = "retrieval"
CODE = "global_retrieval"


def judge(call: Call, contract: ContractRules | None, tool: ToolProfile | None) -> tuple[Finding, ...]:
    """Whether the named targets are allowed is the contract gate's matter; what answers are looked through for lets
    nothing out that is not.
    """
    if tool is None or tool.manifest is None or not tool.manifest.retrieval or tool.keeps_inside(call.targets):
        return ()
    if tool.answer_filter is not None or (
        contract is not None and contract.breadth(call.integration) is Breadth.GLOBAL
    ):
        return ()
    return (
        Finding(
            gate=GATE,
            code=CODE,
            effect=Effect.DENY,
            reason=f"This would search everything that the account can see, and the rules allow named targets only.{_how(tool)}",
        ),
    )


def _how(tool: ToolProfile) -> str:
    assert tool.manifest is not None
    rule = tool.manifest.confine
    if rule is not None and rule.refuse:
        return f" {rule.refuse}"
    if rule is not None and rule.narrow is not None:
        ways = ", ".join(one.add.replace("{id}", "…") for one in rule.narrow.qualifiers)
        plain = "" if rule.narrow.style is QueryStyle.EXPRESSION else ", without AND, OR, NOT and parentheses"
        return (
            f" It could not be kept inside them: name one target by {ways}; or the rules name single ones, and the "
            f"query is plain{plain}."
        )
    paths = ", ".join(dict.fromkeys(one.path or one.template for one in tool.manifest.targets))
    return f" Name one through {paths}." if paths else " This tool cannot be narrowed; use one that names its target."
