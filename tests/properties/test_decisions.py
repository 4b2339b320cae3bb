"""What holds for every decision, over random facts, tools, contracts, policies and approvals."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.decide import compile_rules, decide
from callgate.core.questions import questions
from callgate.model.hold import Approval
from callgate.model.terms import Ask, Effect, RuntimeKind, Stage, Tier
from callgate.model.tool import PinRead, Target
from tests.fakes.judging import NOW, PERMIT_ALL, bundle, call, contract, facts, manifest, starter_bundle, tool

HOLDS = PERMIT_ALL + (
    '@id("d") @reason("r") @effect("hold") @ask("domain") forbid (principal, action, resource) when { context.risk > 0 };'
    '@id("s") @reason("r") @mode("shadow") forbid (principal, action, resource) when { context.attended };'
)
ALL_RULES = (
    compile_rules(starter_bundle()),
    compile_rules(bundle(HOLDS)),
    compile_rules(bundle('@id("r") permit (principal, action == Callgate::Action::"read", resource);')),
    compile_rules(bundle(PERMIT_ALL, duties=())),
)
KNOWN = (
    None,
    manifest(),
    manifest(compensation="undo"),
    manifest(irreversible=True, admin=True),
    manifest(idempotent=True, state_pin=(PinRead(tool="a_tool"),)),
    manifest(compensation="undo", money=True),
)
TOOLS = (None, *(tool(known, verified=verified) for known in KNOWN for verified in (True, False)))
CONTRACTS = (
    None,
    contract(),
    contract(max_tier=Tier.DRAFT),
    contract(domains=(), irreversible=True),
    contract(prohibited=("k:bad*",)),
    contract(everyday=False),
)
KEYS = (
    "duty/no_way_back/",
    "duty/admin/",
    "policy/no_permit/",
    "halt/halted/h",
    "policy/policy_hold/d:eng",
    "risk/high_risk/",
)

STOPPING_GATES = {"standing", "halt", "schema", "tool", "rate"}
STOPPING = {
    ("contract", code)
    for code in ("prohibited", "sensitive_scope", "no_contract", "task_mismatch", "task_closed", "deadline_over")
    + ("contract_mismatch", "task_needed", "not_your_rules", "not_this_runtime")
} | {("repeat", "denied_before"), ("policy", "policy_error")}

targets = st.lists(
    st.builds(
        Target, kind=st.just("k"), id=st.sampled_from(("a", "bad1")), domain=st.sampled_from(("", "eng", "local-work"))
    ),
    max_size=6,
).map(tuple)
calls = st.builds(
    call,
    st.sampled_from(list(Tier)),
    st.sampled_from(list(RuntimeKind)),
    targets=targets,
    same_host=st.booleans(),
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "stage": st.sampled_from(list(Stage)),
        "pinned": st.sampled_from(("", "b" * 64)),
        "drifted": st.booleans(),
        "contract_problem": st.sampled_from(("unknown", "awaiting_consent")),
        "task_problem": st.just("closed_task"),
        "credential_problem": st.just("revoked"),
        "halts": st.just(("h",)),
        "exhausted": st.sampled_from((("rate:a",), ("calls:a", "holds:b"))),
        "twin": st.just("call-2"),
        "denied_until_ms": st.sampled_from((NOW - 1, NOW + 1)),
    },
)
cases = st.tuples(calls, st.sampled_from(TOOLS), st.sampled_from(CONTRACTS), st.sampled_from(ALL_RULES), changes)


def judge(case, **more):
    made, profile, about, rules, changed = case
    return decide(made, profile, about, rules, facts(rules.digest, **changed, **more))


def counting(decision):
    return [f for f in decision.findings if not (f.shadow or f.discharged)]


@settings(deadline=None, max_examples=400)
@given(cases)
def test_the_strictest_finding_that_counts_is_the_effect(case):
    decision = judge(case)
    assert decision.effect is max((f.effect for f in counting(decision)), default=Effect.ALLOW)
    assert counting(decision) or decision.observed is not None
    effects = [f.effect for f in counting(decision)]
    assert effects == sorted(effects, reverse=True)
    if decision.effect is Effect.DENY:
        assert decision.findings[0].effect is Effect.DENY
        assert decision.findings[0].reason


@settings(deadline=None, max_examples=400)
@given(cases)
def test_nothing_is_allowed_without_a_permit_a_contract_and_a_tool(case):
    decision = judge(case)
    if decision.effect is not Effect.DENY:
        assert case[1] is not None
        assert case[2] is not None
        if decision.observed is None or decision.observed.would is not Effect.DENY:
            assert any((f.gate, f.code) == ("policy", "permit") for f in decision.findings)


@settings(deadline=None, max_examples=600)
@given(cases)
def test_what_is_observed_is_what_production_would_do_and_stops_for_the_named_reasons_alone(case):
    observed = judge((*case[:4], case[4] | {"stage": Stage.OBSERVE}))
    production = judge((*case[:4], case[4] | {"stage": Stage.PRODUCTION}))
    assert observed.observed.would is production.effect
    assert observed.effect in (Effect.ALLOW, Effect.DENY)
    assert {f.key for f in observed.findings} == {f.key for f in production.findings}
    against = [f for f in production.findings if f.effect is not Effect.ALLOW and not (f.shadow or f.discharged)]
    stopping = STOPPING | ({("retrieval", "global_retrieval")} if case[2] and case[2].contract.prohibited else set())
    if any((f.gate, f.code) in stopping or f.gate in STOPPING_GATES for f in against if f.effect is Effect.DENY):
        assert observed.effect is Effect.DENY
        assert observed.findings == production.findings
    else:
        assert observed.effect is Effect.ALLOW
        assert set(observed.observed.findings) == {f.key for f in against}


@settings(deadline=None, max_examples=300)
@given(cases)
def test_the_same_facts_give_the_same_bytes(case):
    rules = case[3]
    once = msgspec.json.encode(judge(case))
    fresh = compile_rules(rules.bundle)
    assert msgspec.json.encode(judge(case)) == once
    assert msgspec.json.encode(judge((*case[:3], fresh, case[4]))) == once


@settings(deadline=None, max_examples=400)
@given(cases, st.data())
def test_an_approval_discharges_what_it_lists_and_nothing_else(case, data):
    before = judge(case)
    offered = sorted({*KEYS, *(f.key for f in before.findings)})
    listed = tuple(data.draw(st.lists(st.sampled_from(offered), unique=True)))
    after = judge(case, approval=Approval(hold="h", findings=listed, alone=False))
    assert {f.key for f in after.findings} == {f.key for f in before.findings}
    for finding in after.findings:
        wanted = finding.effect is Effect.HOLD and finding.ask is not None and finding.key in listed
        assert finding.discharged is wanted
    if before.effect is Effect.DENY:
        assert after.effect is Effect.DENY
    assert after.effect <= before.effect


@settings(deadline=None, max_examples=400)
@given(cases)
def test_answering_every_question_ends_the_hold(case):
    decision = judge(case)
    if decision.effect is not Effect.HOLD:
        assert decision.questions == ()
        return
    asked = [key for question in decision.questions for key in question.findings]
    assert set(asked) == {f.key for f in counting(decision) if f.effect is Effect.HOLD}
    assert len({question.id for question in decision.questions}) == len(decision.questions)
    assert decision.questions == questions(decision.findings, case[3].titles, case[3].quorum)
    again = judge(case, approval=Approval(hold="h", findings=tuple(asked), alone=False))
    assert again.effect is Effect.ALLOW


@settings(deadline=None, max_examples=300)
@given(cases, st.sampled_from(("halts", "exhausted", "credential_problem", "task_problem", "contract_problem")))
def test_one_more_problem_denies(case, problem):
    worse = {"halts": ("x",), "exhausted": ("rate:x",)}.get(problem, "some_problem")
    decision = judge((*case[:4], {**case[4], problem: worse}))
    assert decision.effect is Effect.DENY


@settings(deadline=None, max_examples=300)
@given(cases)
def test_findings_and_questions_carry_no_values_and_speak_in_sentences(case):
    decision = judge(case)
    for finding in decision.findings:
        assert "bad1" not in finding.reason + finding.path
        assert finding.effect is Effect.ALLOW or finding.reason
    for question in decision.questions:
        assert "bad1" not in question.text
        assert question.ask is Ask.DOMAIN or not question.ask_of or question.ask_of == "security"
