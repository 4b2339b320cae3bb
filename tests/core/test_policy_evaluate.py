"""Two sets, slices, shadow, faults and the memo."""

import pytest

from callgate.core.policy.evaluate import PolicyEngine
from callgate.core.policy.load import load_policies
from callgate.model.bundle import PolicyFile
from callgate.model.terms import Ask, Effect, Tier
from tests.fakes.judging import context

PERMIT = '@id("all") permit (principal, action, resource);\n'


def policies(text, roles=None, remembered=64):
    return PolicyEngine(load_policies((PolicyFile(name="a.cedar", text=text),)), roles or {}, remembered)


def judge(text, tier=Tier.READ, integration="git", tool="status", subject="ana", roles=None, **changes):
    return policies(text, roles).judge(tier, integration, tool, subject, context(tier=int(tier), **changes))


def said(verdict):
    return [(f.code, f.path, f.effect, f.shadow) for f in verdict.findings]


def test_no_policy_at_all_denies():
    verdict = judge("")
    assert not verdict.permitted
    assert said(verdict) == [("no_permit", "", Effect.DENY, False)]


def test_no_permit_denies_whatever_the_forbids_say():
    verdict = judge('@id("f") @reason("r") @mode("shadow") forbid (principal, action, resource);')
    assert not verdict.permitted
    assert said(verdict) == [("policy_deny", "f", Effect.DENY, True), ("no_permit", "", Effect.DENY, False)]


def test_a_firing_shadow_leaves_a_permitted_and_an_unpermitted_call_apart():
    shadow = '@id("f") @reason("r") @mode("shadow") forbid (principal, action, resource);'
    assert judge(PERMIT + shadow).permitted
    assert not judge(shadow + '@id("p") permit (principal, action == Callgate::Action::"draft", resource);').permitted


def test_every_matching_forbid_is_a_finding_in_the_order_of_the_file():
    text = (
        '@id("z") @reason("Z.") forbid (principal, action, resource);\n'
        '@id("h") @reason("H.") @effect("hold") @ask("acceptable") forbid (principal, action, resource);\n'
        '@id("n") @reason("N.") forbid (principal, action, resource) when { context.admin };\n'
    )
    verdict = judge(text + PERMIT)
    assert said(verdict) == [
        ("policy_deny", "z", Effect.DENY, False),
        ("policy_hold", "h", Effect.HOLD, False),
        ("permit", "all", Effect.ALLOW, False),
    ]
    assert [f.reason for f in verdict.findings] == ["Z.", "H.", ""]
    assert verdict.findings[1].ask is Ask.ACCEPTABLE


def test_draft_binds_only_what_changes_things():
    text = PERMIT + '@id("d") @reason("r") @effect("draft") forbid (principal, action, resource);'
    assert said(judge(text, Tier.EXECUTE))[0] == ("policy_draft", "d", Effect.HOLD, False)
    assert judge(text, Tier.EXECUTE).findings[0].ask is Ask.MEANT
    assert said(judge(text, Tier.DRAFT))[0] == ("policy_draft", "d", Effect.ALLOW, False)


OVERFLOW = "context.risk + 9223372036854775807 > 0"


def test_a_policy_that_cannot_be_evaluated_denies():
    text = PERMIT + f'@id("f") @reason("r") forbid (principal, action, resource) when {{ {OVERFLOW} }};'
    assert said(judge(text, risk=1))[0] == ("policy_error", "f", Effect.DENY, False)
    assert said(judge(text, risk=0))[0][0] == "policy_deny"


def test_a_broken_permit_denies_even_when_another_one_matches():
    text = PERMIT + f'@id("b") permit (principal, action, resource) when {{ {OVERFLOW} }};'
    verdict = judge(text, risk=1)
    assert ("policy_error", "b", Effect.DENY, False) in said(verdict)


def test_the_fault_of_a_shadowed_policy_is_recorded_and_does_not_count():
    text = PERMIT + f'@id("s") @reason("r") @mode("shadow") forbid (principal, action, resource) when {{ {OVERFLOW} }};'
    verdict = judge(text, risk=1)
    assert verdict.permitted
    assert said(verdict)[0] == ("policy_error", "s", Effect.DENY, True)


def test_a_request_that_breaks_the_schema_denies():
    verdict = judge(
        PERMIT + '@id("f") @reason("r") forbid (principal, action, resource) when { context.risk > 5 };', risk=2**70
    )
    assert not verdict.permitted
    assert said(verdict) == [("policy_error", "", Effect.DENY, False)]


def test_an_optional_attribute_may_be_absent_and_the_memo_tells_the_difference():
    judged = policies(
        PERMIT
        + '@id("f") @reason("r") forbid (principal, action, resource) when { context has domain && context.domain == "x" };'
    )
    answers = [
        len(judged.judge(Tier.READ, "git", "s", "ana", context(domain=d)).findings) for d in (None, "x", None, "", "x")
    ]
    assert answers == [1, 2, 1, 1, 2]


@pytest.mark.parametrize(
    ("scope", "integration", "tool", "matches"),
    [
        ('resource == Callgate::Tool::"git/push"', "git", "push", True),
        ('resource == Callgate::Tool::"git/push"', "git", "status", False),
        ('resource == Callgate::Tool::"git/push"', "hub", "push", False),
        ('resource in Callgate::Integration::"git"', "git", "status", True),
        ('resource in Callgate::Integration::"git"', "hub", "status", False),
        ('resource is Callgate::Tool in Callgate::Integration::"git"', "git", "status", True),
        ('resource is Callgate::Tool in Callgate::Integration::"git"', "hub", "status", False),
        ("resource is Callgate::Tool", "hub", "status", True),
        ('resource in Callgate::Tool::"git/push"', "git", "push", True),
    ],
)
def test_resource_scopes(scope, integration, tool, matches):
    judged = policies(f'{PERMIT}@id("f") @reason("r") forbid (principal, action, {scope});')
    for _ in range(2):
        found = judged.judge(Tier.READ, integration, tool, "ana", context()).findings
        assert (found[0].path == "f") is matches


@pytest.mark.parametrize(
    ("scope", "body", "subject", "matches"),
    [
        ('principal == Callgate::Initiator::"ana"', "", "ana", True),
        ('principal == Callgate::Initiator::"ana"', "", "ben", False),
        ('principal in Callgate::Role::"security"', "", "ana", True),
        ('principal in Callgate::Role::"security"', "", "ben", False),
        ('principal is Callgate::Initiator in Callgate::Role::"security"', "", "ana", True),
        ("principal", 'when { principal in Callgate::Role::"security" }', "ana", True),
        ("principal", 'when { principal in Callgate::Role::"security" }', "ben", False),
        ("principal", 'unless { principal == Callgate::Initiator::"ana" }', "ana", False),
        ("principal", 'when { resource in Callgate::Integration::"git" }', "ben", True),
        ("principal", 'when { resource in Callgate::Integration::"hub" }', "ben", False),
    ],
)
def test_people_and_their_roles(scope, body, subject, matches):
    judged = policies(
        f'{PERMIT}@id("f") @reason("r") forbid ({scope}, action, resource) {body};', {"ana": ("security", "audit")}
    )
    for other in (subject, "cleo", subject):
        found = judged.judge(Tier.READ, "git", "status", other, context()).findings
        if other == subject:
            assert (found[0].path == "f") is matches


def test_names_that_are_odd_text_stay_what_they_are():
    judged = policies(
        f'{PERMIT}@id("f") @reason("r") forbid (principal, action, resource == Callgate::Tool::"git/push");'
    )
    for tool in ('push"', "push\\", "push\n", "öffnen", "", "push/../push"):
        assert judged.judge(Tier.READ, "git", tool, 'a"na', context()).permitted
        assert len(judged.judge(Tier.READ, "git", tool, 'a"na', context()).findings) == 1


def test_a_slice_reads_only_what_its_policies_name():
    judged = policies(
        PERMIT
        + '@id("a") @reason("r") forbid (principal, action == Callgate::Action::"execute", resource) when { context.admin };'
        + '@id("b") @reason("r") forbid (principal, action, resource == Callgate::Tool::"git/push") when { context.money };'
    )
    assert judged._slices[Tier.READ, ""].names == ()
    assert judged._slices[Tier.EXECUTE, ""].names == ("admin",)
    judged.judge(Tier.EXECUTE, "git", "push", "ana", context())
    assert judged._slices[Tier.EXECUTE, "git/push"].names == ("admin", "money")


def test_slices_and_verdicts_stay_bounded_under_made_up_tool_names():
    judged = policies(
        PERMIT + '@id("f") @reason("r") forbid (principal, action, resource in Callgate::Integration::"x");',
        remembered=8,
    )
    for number in range(50):
        judged.judge(Tier.READ, "git", f"tool{number}", "ana", context())
    assert len(judged._slices) == len(Tier)
    assert judged._evaluate.cache_info().currsize <= 8


def test_the_memo_is_used():
    judged = policies(PERMIT + '@id("f") @reason("r") forbid (principal, action, resource) when { context.risk > 50 };')
    first = judged.judge(Tier.READ, "git", "a", "ana", context(risk=3))
    assert judged.judge(Tier.READ, "hub", "b", "ben", context(risk=3, admin=True)) is first
    assert judged.judge(Tier.READ, "hub", "b", "ben", context(risk=60)) != first
