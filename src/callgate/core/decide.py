"""May it: every gate runs, every finding is kept, the strictest one wins (DESIGN sections 3 and 4).

Pure: the same call, tool, contract, rules and facts give the same decision, byte for byte.
"""

from collections.abc import Callable

import msgspec

from callgate.core import plan
from callgate.core.contract import ContractRules
from callgate.core.gates import contract as contract_gate
from callgate.core.gates import duty, halt, policy, rate, repeat, retrieval, risk, schema, stage, standing
from callgate.core.gates import tool as tool_gate
from callgate.core.observe import observed
from callgate.core.policy.evaluate import compile_engine
from callgate.core.policy.schema import PolicyContext
from callgate.core.questions import addressed, questions
from callgate.core.risk import HIGHEST, assess
from callgate.core.toolbox import ToolProfile
from callgate.model.bundle import Bundle
from callgate.model.call import Call
from callgate.model.decision import Decision, Finding, Observed, RiskPart
from callgate.model.facts import Facts
from callgate.model.terms import Ask, Effect, LogDepth, RuntimeKind, Stage, Tier
from callgate.model.tool import ToolManifest

_UNKNOWN = ToolManifest(name="", tier=Tier.EXECUTE, say="")
"""What policies see of a tool that the catalogue does not know."""

_NOT_ABOUT_TARGETS = frozenset(
    {"task_mismatch", "task_closed", "deadline_over", "task_needed", "not_your_rules", "not_this_runtime"}
    | {"tier_above", "irreversible", "sensitive_scope"}
)
"""Codes of the contract gate that leave targets and domains inside; any other one does not."""

_STOPS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class Rules:
    """A bundle, compiled once. Raises ConfigError as loading does."""

    __slots__ = ("bundle", "depths", "digest", "duties", "policies", "quorum", "risk", "titles")

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.digest = bundle.digest
        self.policies = compile_engine(bundle)
        self.duties = {duty.tier: duty for duty in bundle.duties}
        self.depths = plan.log_depths(bundle.duties)
        self.risk = bundle.risk
        self.quorum = bundle.waiting.quorum
        self.titles = {domain.name: domain.title for domain in bundle.domains}


def compile_rules(bundle: Bundle) -> Rules:
    return Rules(bundle)


class _Case:
    """One call on the table. What a gate leaves for later ones starts at its strictest value."""

    __slots__ = (
        "call",
        "contract",
        "facts",
        "inside",
        "manifest",
        "parts",
        "points",
        "rules",
        "targets_inside",
        "tool",
    )

    def __init__(
        self, call: Call, tool: ToolProfile | None, contract: ContractRules | None, rules: Rules, facts: Facts
    ) -> None:
        self.call = call
        self.tool = tool
        self.manifest = tool.manifest_at(call.tier, call.arguments) if tool is not None else None
        self.contract = contract
        self.rules = rules
        self.facts = facts
        self.points = HIGHEST
        self.parts: tuple[RiskPart, ...] = ()
        self.inside = False
        self.targets_inside = False


def decide(
    call: Call, tool: ToolProfile | None, contract: ContractRules | None, rules: Rules, facts: Facts
) -> Decision:
    """``tool`` None: the integration has no such tool. ``contract`` None: there is none that can be used."""
    case = _Case(call, tool, contract, rules, facts)
    findings: list[Finding] = []
    for gate, judge in _GATES:
        # INVARIANT: a gate that cannot judge denies. Panics of the native engines are no Exception.
        try:
            found = judge(case)
        except _STOPS:
            raise
        except BaseException:  # noqa: BLE001 - the one place where any fault becomes a finding
            found = (_indeterminate(gate),)
        if found:
            findings.extend(found)
    return _fold(case, findings)


def _fold(case: _Case, findings: list[Finding]) -> Decision:
    rules, call = case.rules, case.call
    effect = Effect.ALLOW
    if len(findings) != 1 or not _is_permit(findings[0]):
        findings = _settled(case, findings)
        effect = max((f.effect for f in findings if _counts(f)), default=Effect.ALLOW)
    depth = rules.depths[call.tier]
    seen: Observed | None = None
    if case.facts.stage is Stage.OBSERVE:
        about = case.contract
        findings, seen = observed(findings, prohibits=about is None or bool(about.contract.prohibited))
        effect = max((f.effect for f in findings if _counts(f)), default=Effect.ALLOW)
        depth = plan.deeper(depth, LogDepth.ARGUMENTS)
    duty = rules.duties.get(call.tier)
    pin = (
        effect is Effect.HOLD
        and duty is not None
        and duty.state_pin
        and bool(case.manifest and case.manifest.state_pin)
    )
    return Decision(
        effect=effect,
        findings=tuple(findings),
        questions=questions(findings, rules.titles, rules.quorum) if effect is Effect.HOLD else (),
        obligations=plan.obligations(effect, depth, state_pin=pin),
        risk=case.points,
        risk_parts=case.parts,
        bundle=rules.digest,
        log_depth=depth,
        observed=seen,
    )


def _settled(case: _Case, findings: list[Finding]) -> list[Finding]:
    """Addressed, discharged, and strictest first; findings of one effect keep the order of the gates."""
    approval = case.facts.approval
    yes = frozenset(approval.findings) if approval is not None else frozenset()
    settled: list[Finding] = []
    for finding in findings:
        if finding.ask is Ask.DOMAIN and not finding.ask_of:
            settled.extend(_discharged(f, yes) for f in addressed(finding, case.call.targets))
        else:
            settled.append(_discharged(finding, yes))
    if any(f.effect is Effect.HOLD and f.ask is None and _counts(f) for f in settled):
        settled.append(_UNANSWERABLE)
    # INVARIANT: no Allow without a matching permit, whatever the policy gate did.
    if not any(map(_is_permit, settled)) and not any(
        f.gate == policy.GATE and f.effect is Effect.DENY and _counts(f) for f in settled
    ):
        settled.append(_indeterminate(policy.GATE))
    settled.sort(key=_strictness)
    return settled


def _discharged(finding: Finding, yes: frozenset[str]) -> Finding:
    """INVARIANT: only a hold that asks something is ever discharged, and only by its own key."""
    if yes and finding.effect is Effect.HOLD and finding.ask is not None and finding.key in yes:
        return msgspec.structs.replace(finding, discharged=True)
    return finding


def _counts(finding: Finding) -> bool:
    return not (finding.shadow or finding.discharged)


def _strictness(finding: Finding) -> tuple[bool, int]:
    return (not _counts(finding), -finding.effect)


def _is_permit(finding: Finding) -> bool:
    return finding.gate == policy.GATE and finding.code == policy.PERMIT


def _indeterminate(gate: str) -> Finding:
    return Finding(
        gate=gate, code="indeterminate", effect=Effect.DENY, reason="A check could not be made, so nothing is allowed."
    )


_AS_JUDGED = {stage: stage.value for stage in Stage} | {Stage.OBSERVE: Stage.PRODUCTION.value}
"""What policies are told of the stage: what is observed is judged as it would be in production."""

_UNANSWERABLE = Finding(
    gate="decide", code="unanswerable", effect=Effect.DENY, reason="This would have to wait, and nobody can answer it."
)


def _contract(case: _Case) -> tuple[Finding, ...]:
    found = contract_gate.judge(case.call, case.contract, case.tool, case.facts)
    case.inside = not found
    case.targets_inside = not found or all(f.code in _NOT_ABOUT_TARGETS or f.path == "tool" for f in found)
    return found


def _risk(case: _Case) -> tuple[Finding, ...]:
    said = case.tool.classification if case.tool is not None else None
    case.points, case.parts = assess(case.call, case.manifest, case.rules.risk, said)
    return risk.judge(case.points, case.rules.risk.hold_from)


def _policy(case: _Case) -> tuple[Finding, ...]:
    return policy.judge(case.call, _context(case), case.rules.policies)


def _context(case: _Case) -> PolicyContext:
    call, tool, facts, contract = case.call, case.tool, case.facts, case.contract
    runtime, targets = call.principal.runtime, call.targets
    manifest = case.manifest or _UNKNOWN
    known = case.manifest or (tool.classification if tool is not None else None) or _UNKNOWN
    domains = {target.domain for target in targets}
    return PolicyContext(
        tier=int(call.tier),
        stage=_AS_JUDGED[facts.stage],
        profile=facts.profile._value_,
        integration=call.integration,
        issuer=call.principal.initiator.issuer,
        runtime=runtime.id,
        runtime_kind=runtime.kind._value_,
        attended=runtime.kind is RuntimeKind.ATTENDED,
        delegated=bool(call.principal.chain),
        same_host=call.same_host,
        contract_everyday=contract is not None and contract.contract.everyday,
        in_task=bool(call.task),
        inside_contract=case.inside,
        targets_inside=case.targets_inside,
        has_targets=bool(targets),
        targets=len(targets),
        domains_known="" not in domains,
        domain=(next(iter(domains)) or None) if len(domains) == 1 else None,
        has_manifest=case.manifest is not None,
        manifest_verified=tool is not None and tool.verified,
        drifted=facts.drifted,
        irreversible=known.irreversible,
        reversible=bool(manifest.compensation),
        admin=known.admin,
        money=known.money,
        idempotent=manifest.idempotent,
        retrieval=manifest.retrieval,
        risk=case.points,
    )


_GATES: tuple[tuple[str, Callable[[_Case], tuple[Finding, ...]]], ...] = (
    (standing.GATE, lambda case: standing.judge(case.facts, case.rules.digest)),
    (halt.GATE, lambda case: halt.judge(case.facts)),
    (schema.GATE, lambda case: schema.judge(case.tool, case.call, case.facts)),
    (tool_gate.GATE, lambda case: tool_gate.judge(case.tool, case.call, case.facts)),
    (contract_gate.GATE, _contract),
    (retrieval.GATE, lambda case: retrieval.judge(case.call, case.contract, case.tool)),
    (stage.GATE, lambda case: stage.judge(case.call.tier, case.facts)),
    (rate.GATE, lambda case: rate.judge(case.facts)),
    (repeat.GATE, lambda case: repeat.judge(case.manifest, case.facts)),
    (risk.GATE, _risk),
    (duty.GATE, lambda case: duty.judge(case.call.tier, case.manifest, case.rules.duties)),
    (policy.GATE, _policy),
)
"""In the order findings of one effect are shown. Risk and contract run before policy, which reads what they found."""
