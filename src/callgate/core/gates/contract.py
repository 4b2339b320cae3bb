"""Whether the call stays inside its contract. What lies outside is held, or denied where the contract says so."""

from callgate.core.contract import ContractRules, ScopeRules
from callgate.core.toolbox import ToolProfile
from callgate.model.call import Call
from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Ask, Breadth, Effect, TaskState, Tier

GATE = "contract"
UNKNOWN = "target_unknown"
"""Nobody can tell what the call touches."""
MAX_SHOWN = 16
"""Targets that one finding lists by their ordinals."""


def judge(call: Call, contract: ContractRules | None, tool: ToolProfile | None, facts: Facts) -> tuple[Finding, ...]:
    if contract is None:
        return (_deny("no_contract", "There are no rules that this call could belong to."),)
    found: list[Finding] = []
    if call.task or facts.task is not None:
        _task(call, contract, facts, found)
    _standing(call, contract, found)
    _prohibited(call, contract, tool, found)
    scope = contract.scopes.get(call.integration)
    if scope is None:
        found.append(_deny("integration_not_listed", "The rules do not name this integration."))
    else:
        _inside(call, contract, scope, tool, found)
    return tuple(found) if found else ()


def _task(call: Call, contract: ContractRules, facts: Facts, found: list[Finding]) -> None:
    task = facts.task
    if task is None or task.id != call.task or task.contract != contract.contract.id:
        found.append(_deny("task_mismatch", "The call does not belong to the task it was read with."))
    elif task.state is not TaskState.OPEN:
        found.append(_deny("task_closed", "The task is closed."))
    elif facts.now_ms >= task.deadline_ms:
        found.append(_deny("deadline_over", "The time of the task is over."))


def _standing(call: Call, contract: ContractRules, found: list[Finding]) -> None:
    if call.contract != contract.contract.id:
        found.append(_deny("contract_mismatch", "The call does not belong to the rules it was read with."))
    if not call.task and not contract.contract.everyday:
        found.append(_deny("task_needed", "These rules are used through a task; open one first."))
    who = call.principal
    if contract.initiators is not None and who.initiator.subject not in contract.initiators:
        found.append(_deny("not_your_rules", "These rules are not for this person."))
    if contract.runtimes is not None and who.runtime.id not in contract.runtimes:
        found.append(_deny("not_this_runtime", "These rules are not for this assistant."))


def _prohibited(call: Call, contract: ContractRules, tool: ToolProfile | None, found: list[Finding]) -> None:
    if not contract.prohibited:
        return
    touched = [number for number, target in enumerate(call.targets) if contract.prohibited.match(target.text)]
    if tool is not None and tool.scopes:
        about = [scope for scope in tool.scopes if contract.prohibited.match(scope)]
        if about:
            reason = "The rules prohibit what this tool is about."
            found.append(_deny("sensitive_scope", reason, ",".join(about)))
    if touched:
        found.append(_deny("prohibited", "The rules prohibit what this call touches.", _ordinals(touched)))
    if (not call.targets and (_untold(tool) or _unsaid(tool))) or _finds(call, contract, tool):
        reason = "Nobody can tell whether this touches what the rules prohibit."
        found.append(_outside(Effect.HOLD, "target_unknown", reason, "prohibited"))


def _inside(
    call: Call, contract: ContractRules, scope: ScopeRules, tool: ToolProfile | None, found: list[Finding]
) -> None:
    if call.tier > scope.max_tier:
        allowed = _TIERS[scope.max_tier]
        found.append(_deny("tier_above", f"This tool {_TIERS[call.tier]}, and the rules allow only what {allowed}."))
    outside = contract.contract.outside
    if scope.tools is not None and call.tool not in scope.tools:
        found.append(_outside(outside, "outside_contract", "The rules do not name this tool.", "tool"))
    if not contract.contract.irreversible and _for_good(call, tool):
        found.append(_IRREVERSIBLE)
    if call.targets:
        _targets(call, contract, scope, found)
    elif (scope.targets and _untold(tool)) or (_unsaid(tool) and (scope.targets or not _may_roam(scope, tool))):
        reason = "The rules name what may be touched, and it cannot be told what this call touches."
        found.append(_outside(outside, "target_unknown", reason, "target"))


def _targets(call: Call, contract: ContractRules, scope: ScopeRules, found: list[Finding]) -> None:
    outside = contract.contract.outside
    strange: list[int] = []
    domains: dict[str, list[int]] = {}
    for number, target in enumerate(call.targets):
        if target.domain not in contract.domains:
            domains.setdefault(target.domain, []).append(number)
        if scope.targets and not scope.targets.match(target.text):
            strange.append(number)
    if strange:
        reason = "The rules do not name what this call touches."
        found.append(_outside(outside, "outside_contract", reason, _ordinals(strange)))
    for domain, numbers in domains.items():
        if domain:
            found.append(_other_domain(outside, domain, _ordinals(numbers)))
        else:
            reason = "What this call touches belongs to no known domain."
            found.append(_outside(outside, "no_domain", reason, _ordinals(numbers)))


def _for_good(call: Call, tool: ToolProfile | None) -> bool:
    said = tool.manifest_at(call.tier, call.arguments) if tool is not None else None
    return call.tier > Tier.READ and said is not None and said.irreversible


def _untold(tool: ToolProfile | None) -> bool:
    """Nobody has said what this tool touches."""
    return tool is None or tool.manifest is None


def _unsaid(tool: ToolProfile | None) -> bool:
    """The tool touches something, this call does not say what, and its answer will not be looked through for it."""
    if tool is None or tool.manifest is None or tool.answer_filter is not None:
        return False
    return bool(tool.manifest.targets)


def _finds(call: Call, contract: ContractRules, tool: ToolProfile | None) -> bool:
    """A search that can find what the rules prohibit: nothing keeps it inside, or what it looks through is an owner of
    that (``acme`` and ``acme/payroll``).
    """
    if tool is None or not tool.reaches:
        return False
    anywhere = not tool.keeps_inside(call.targets)
    for text in contract.prohibited.texts:
        kind, _, name = text.partition(":")
        if kind not in tool.reaches and text != "*":
            continue
        if anywhere or any(one.kind != kind and name.startswith(f"{one.id}/") for one in call.targets):
            return True
    return False


def _may_roam(scope: ScopeRules, tool: ToolProfile | None) -> bool:
    """A search that the rules let go everywhere, except where they name targets."""
    searches = tool is not None and tool.manifest is not None and tool.manifest.retrieval
    return searches and scope.breadth is Breadth.GLOBAL


def _ordinals(numbers: list[int]) -> str:
    shown = ",".join(map(str, numbers[:MAX_SHOWN]))
    return shown if len(numbers) <= MAX_SHOWN else f"{shown},+{len(numbers) - MAX_SHOWN}"


def _deny(code: str, reason: str, path: str = "") -> Finding:
    return Finding(gate=GATE, code=code, effect=Effect.DENY, path=path, reason=reason)


def _outside(effect: Effect, code: str, reason: str, path: str) -> Finding:
    ask = Ask.MEANT if effect is Effect.HOLD else None
    return Finding(gate=GATE, code=code, effect=effect, path=path, reason=reason, ask=ask)


def _other_domain(effect: Effect, domain: str, path: str) -> Finding:
    asks = effect is Effect.HOLD
    return Finding(
        gate=GATE,
        code="other_domain",
        effect=effect,
        path=path,
        reason="What this call touches belongs to a domain that the rules do not name.",
        ask=Ask.DOMAIN if asks else None,
        ask_of=domain if asks else "",
    )


_TIERS = {Tier.READ: "only looks", Tier.DRAFT: "drafts", Tier.EXECUTE: "changes things"}
_IRREVERSIBLE = Finding(
    gate=GATE,
    code="irreversible",
    effect=Effect.HOLD,
    reason="This cannot be undone, and the rules do not allow that without a question.",
    ask=Ask.ACCEPTABLE,
)
