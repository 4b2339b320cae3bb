"""The fold: every finding kept, the strictest one wins, nothing is allowed by accident."""

import msgspec
import pytest

from callgate.core import decide as module
from callgate.core.decide import compile_rules, decide
from callgate.model.decision import Finding
from callgate.model.hold import Approval
from callgate.model.terms import Ask, Effect, LogDepth, RuntimeKind, Stage, Tier
from callgate.model.tool import PinRead, Target
from tests.fakes.judging import PERMIT_ALL, bundle, call, contract, facts, manifest, starter_bundle, tool

UNDOABLE = manifest(compensation="undo")


def judged(cedar=PERMIT_ALL, known=UNDOABLE, *, made=None, rules=None, contract_rules=..., **fact_changes):
    rules = rules or compile_rules(bundle(cedar))
    made = made or call()
    about = contract() if contract_rules is ... else contract_rules
    return decide(made, tool(known), about, rules, facts(rules.digest, **fact_changes))


def keys(decision):
    return [f.key for f in decision.findings]


def yes(*findings):
    return Approval(hold="hold-1", findings=findings, alone=True)


def test_a_clean_call_is_allowed_and_says_by_which_permit():
    decision = judged()
    assert decision.effect is Effect.ALLOW
    assert keys(decision) == ["policy/permit/all"]
    assert decision.questions == ()
    assert decision.risk == 0
    assert len(decision.bundle) == 64


def test_every_finding_is_kept_strictest_first_then_in_the_order_of_the_gates():
    cedar = PERMIT_ALL + '@id("s") @reason("r") @mode("shadow") forbid (principal, action, resource);'
    decision = judged(
        cedar, manifest(), halts=("h",), denied_until_ms=2**50, stage=Stage.READ, approval=yes("duty/no_way_back/")
    )
    assert decision.effect is Effect.DENY
    assert keys(decision) == [
        "halt/halted/h",
        "stage/read_stage/",
        "repeat/denied_before/",
        "policy/permit/all",
        "policy/policy_deny/s",
        "duty/no_way_back/",
    ]
    assert decision.findings[-1].discharged
    assert decision.questions == ()


def test_a_deny_hides_no_hold_and_asks_nothing():
    decision = judged(known=manifest(), halts=("h",))
    assert decision.effect is Effect.DENY
    assert keys(decision) == ["halt/halted/h", "duty/no_way_back/", "policy/permit/all"]
    assert decision.questions == ()


def test_a_hold_asks_and_an_approval_of_exactly_its_findings_lets_it_run():
    held = judged(known=manifest(irreversible=True))
    assert held.effect is Effect.HOLD
    assert [q.id for q in held.questions] == ["meant", "acceptable"]
    everything = [key for q in held.questions for key in q.findings]
    assert set(everything) == {"duty/no_way_back/", "duty/irreversible/", "contract/irreversible/"}
    run = judged(known=manifest(irreversible=True), approval=yes(*everything))
    assert run.effect is Effect.ALLOW
    assert {f.key for f in run.findings if f.discharged} == set(everything)
    for left in everything:
        partly = judged(known=manifest(irreversible=True), approval=yes(*(k for k in everything if k != left)))
        assert partly.effect is Effect.HOLD
        assert [k for q in partly.questions for k in q.findings] == [left]


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({"halts": ("h",)}, "halt/halted/h"),
        ({"stage": Stage.READ}, "stage/read_stage/"),
        ({"credential_problem": "revoked"}, "standing/credential_revoked/"),
        ({"exhausted": ("rate:x",)}, "rate/rate_limited/"),
    ],
)
def test_no_approval_lifts_a_deny(changes, listed):
    decision = judged(approval=yes(listed), **changes)
    assert decision.effect is Effect.DENY
    assert not any(f.discharged for f in decision.findings)


def test_a_deny_that_asks_something_is_still_no_hold(monkeypatch):
    replaced(monkeypatch, "risk", lambda _: (Finding(gate="risk", code="x", effect=Effect.DENY, ask=Ask.MEANT),))
    assert judged(approval=yes("risk/x/")).effect is Effect.DENY


def test_no_approval_makes_up_for_a_missing_permit():
    cedar = '@id("reads") permit (principal, action == Callgate::Action::"read", resource);'
    decision = judged(cedar, approval=yes("policy/no_permit/"))
    assert decision.effect is Effect.DENY
    assert keys(decision) == ["policy/no_permit/"]


def replaced(monkeypatch, gate, judge):
    monkeypatch.setattr(module, "_GATES", tuple((g, judge if g == gate else j) for g, j in module._GATES))


class Panic(BaseException):
    """Like a panic of a native engine: no Exception."""


@pytest.mark.parametrize("gate", [gate for gate, _ in module._GATES])
@pytest.mark.parametrize("fault", [ValueError, RecursionError, MemoryError, Panic])
def test_a_gate_that_cannot_judge_denies_and_is_named(monkeypatch, gate, fault):
    def broken(_):
        raise fault("secret")

    replaced(monkeypatch, gate, broken)
    decision = judged()
    assert decision.effect is Effect.DENY
    assert decision.findings[0].key == f"{gate}/indeterminate/"
    assert b"secret" not in msgspec.json.encode(decision)


def test_an_interrupt_is_no_opinion(monkeypatch):
    def stopped(_):
        raise KeyboardInterrupt

    replaced(monkeypatch, "risk", stopped)
    with pytest.raises(KeyboardInterrupt):
        judged()


def test_a_broken_contract_gate_leaves_the_policies_the_strictest_view(monkeypatch):
    cedar = (
        PERMIT_ALL
        + '@id("out") @reason("r") forbid (principal, action, resource) unless { context.inside_contract && context.targets_inside };'
    )
    assert judged(cedar).effect is Effect.ALLOW

    def broken(_):
        raise ValueError

    replaced(monkeypatch, "contract", broken)
    assert "policy/policy_deny/out" in keys(judged(cedar))


def test_a_policy_gate_that_says_nothing_does_not_allow(monkeypatch):
    replaced(monkeypatch, "policy", lambda _: ())
    decision = judged()
    assert decision.effect is Effect.DENY
    assert keys(decision) == ["policy/indeterminate/"]


def test_a_permit_of_another_gate_is_none(monkeypatch):
    replaced(monkeypatch, "policy", lambda _: ())
    replaced(monkeypatch, "risk", lambda _: (Finding(gate="risk", code="permit", effect=Effect.ALLOW),))
    assert judged().effect is Effect.DENY


def test_a_hold_that_nobody_can_answer_is_a_deny(monkeypatch):
    replaced(monkeypatch, "risk", lambda _: (Finding(gate="risk", code="x", effect=Effect.HOLD),))
    decision = judged(approval=yes("risk/x/"))
    assert decision.effect is Effect.DENY
    assert decision.findings[0].code == "unanswerable"
    assert not any(f.discharged for f in decision.findings)


def test_a_domain_question_goes_to_each_owner():
    cedar = PERMIT_ALL + '@id("d") @reason("r") @effect("hold") @ask("domain") forbid (principal, action, resource);'
    targets = tuple(Target(kind="git.repository", id=f"/{n}", domain=d) for n, d in enumerate(("eng", "local-work")))
    decision = judged(cedar, made=call(targets=targets), contract_rules=contract(domains=("eng", "local-work")))
    assert [q.id for q in decision.questions] == ["domain:eng", "domain:local-work"]
    assert decision.questions[1].text == "May this be done in Local work? r"
    half = judged(
        cedar,
        made=call(targets=targets),
        contract_rules=contract(domains=("eng", "local-work")),
        approval=yes("policy/policy_hold/d:eng"),
    )
    assert [q.id for q in half.questions] == ["domain:local-work"]


def test_obligations_and_log_depth():
    pinned = manifest(state_pin=(PinRead(tool="a_tool"),))
    held = judged(known=pinned)
    assert [(o.kind, o.value) for o in held.obligations] == [("log", "arguments"), ("state_pin", "")]
    assert held.log_depth is LogDepth.ARGUMENTS
    assert [o.kind for o in judged(known=manifest()).obligations] == ["log"]
    assert [o.kind for o in judged(known=pinned, halts=("h",)).obligations] == ["log"]
    assert judged(made=call(Tier.READ)).log_depth is LogDepth.METADATA


def test_an_unknown_tool_and_a_missing_contract_are_denied():
    rules = compile_rules(bundle())
    decision = decide(call(), None, None, rules, facts(rules.digest))
    assert decision.effect is Effect.DENY
    assert {"tool/unknown_tool/", "contract/no_contract/"} <= set(keys(decision))


def test_a_tool_without_a_manifest_is_taken_for_the_worst():
    decision = judged(known=None)
    assert decision.effect is Effect.HOLD
    assert [(p.code, p.points) for p in decision.risk_parts] == [("no_manifest", 20)]


def test_policies_see_what_the_case_is():
    seen = {
        "tier": "context.tier == 3",
        "stage": 'context.stage == "production"',
        "profile": 'context.profile == "solo"',
        "integration": 'context.integration == "git"',
        "issuer": 'context.issuer == "callgate"',
        "runtime": 'context.runtime == "codex" && context.runtime_kind == "subagent" && !context.attended',
        "plain": "!context.delegated && context.same_host && context.contract_everyday && !context.in_task",
        "inside": "context.inside_contract && context.targets_inside && context.has_targets && context.targets == 1",
        "domain": 'context.domains_known && context has domain && context.domain == "local-work"',
        "manifest": "context.has_manifest && context.manifest_verified && !context.drifted",
        "flags": "context.irreversible && context.reversible && context.admin && context.money",
        "more": "context.idempotent && context.retrieval && context.risk == 100",
    }
    cedar = PERMIT_ALL + "".join(
        f'@id("{name}") @reason("r") @mode("shadow") forbid (principal, action, resource) when {{ {body} }};'
        for name, body in seen.items()
    )
    known = manifest(compensation="undo", irreversible=True, admin=True, money=True, idempotent=True, retrieval=True)
    decision = judged(
        cedar, known, made=call(kind=RuntimeKind.SUBAGENT, same_host=True), contract_rules=contract(irreversible=True)
    )
    assert {f.path for f in decision.findings if f.shadow} == set(seen)


@pytest.mark.parametrize(
    ("changes", "targets", "inside"),
    [
        ({}, (Target(kind="a", id="1", domain="local-work"),), (True, True)),
        ({}, (), (True, True)),
        ({}, (Target(kind="a", id="1"),), (False, False)),
        ({"prohibited": ("a:1",)}, (Target(kind="a", id="1", domain="local-work"),), (False, False)),
        ({"max_tier": Tier.READ}, (Target(kind="a", id="1", domain="local-work"),), (False, True)),
    ],
)
def test_inside_the_contract_and_targets_inside_are_two_things(changes, targets, inside):
    cedar = PERMIT_ALL + (
        '@id("c") @reason("r") @mode("shadow") forbid (principal, action, resource) when { context.inside_contract };'
        '@id("t") @reason("r") @mode("shadow") forbid (principal, action, resource) when { context.targets_inside };'
    )
    decision = judged(cedar, made=call(targets=targets), contract_rules=contract(**changes))
    shadowed = {f.path for f in decision.findings if f.shadow}
    assert ("c" in shadowed, "t" in shadowed) == inside


def test_a_decision_of_another_bundle_is_refused():
    rules = compile_rules(starter_bundle())
    decision = decide(call(Tier.READ), tool(UNDOABLE), contract(), rules, facts("0" * 64))
    assert decision.findings[0].key == "standing/stale_bundle/"
    assert decision.effect is Effect.DENY


def test_questions_of_kind_acceptable_carry_the_quorum():
    made = bundle(PERMIT_ALL)
    waiting = msgspec.structs.replace(made.waiting, quorum=3)
    rules = compile_rules(msgspec.structs.replace(made, waiting=waiting))
    decision = judged(known=manifest(admin=True), rules=rules)
    assert [(q.ask, q.quorum) for q in decision.questions] == [(Ask.MEANT, 1), (Ask.ACCEPTABLE, 3)]
