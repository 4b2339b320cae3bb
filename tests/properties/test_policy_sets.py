"""The sliced, memoised engine against the plain one: two whole sets, every attribute, nothing remembered."""

import json

import cedarpy
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.policy.evaluate import PolicyEngine
from callgate.core.policy.load import load_policies
from callgate.core.policy.schema import ATTRIBUTES, schema_of
from callgate.model.bundle import PolicyFile
from callgate.model.terms import Effect, Tier
from tests.fakes.judging import context

SCHEMA = schema_of(frozenset(ATTRIBUTES))
ROLES = {"ana": ("security", "audit"), "ben": ("platform",)}
SUBJECTS = ("ana", "ben", "cleo")
TOOLS = (("git", "push"), ("git", "log"), ("hub", "push"))

PRINCIPALS = (
    "principal",
    'principal == Callgate::Initiator::"ana"',
    'principal in Callgate::Role::"security"',
    "principal is Callgate::Initiator",
    'principal is Callgate::Initiator in Callgate::Role::"platform"',
)
ACTIONS = (
    "action",
    'action == Callgate::Action::"read"',
    'action == Callgate::Action::"execute"',
    'action in [Callgate::Action::"draft", Callgate::Action::"execute"]',
    'action in Callgate::Action::"read"',
)
RESOURCES = (
    "resource",
    'resource == Callgate::Tool::"git/push"',
    'resource == Callgate::Tool::"hub/push"',
    'resource in Callgate::Integration::"git"',
    "resource is Callgate::Tool",
    'resource is Callgate::Tool in Callgate::Integration::"hub"',
)
ATOMS = (
    "context.admin",
    "context.attended",
    "context.inside_contract",
    "context.risk > 40",
    "context.targets == context.tier",
    'context.stage == "read"',
    'context.runtime like "co*"',
    'context has domain && context.domain == "eng"',
    "!(context has domain)",
    'context has domain && ["eng", "x"].contains(context.domain)',
    'if context.money then context.attended else context.runtime_kind == "service"',
    'principal == Callgate::Initiator::"ben"',
    'principal in Callgate::Role::"audit"',
    'resource in Callgate::Integration::"git"',
    'resource == Callgate::Tool::"git/log"',
    'action == Callgate::Action::"draft"',
    "context.risk + 9223372036854775807 > 0",
    "context.targets * 4611686018427387904 > 5",
    "context == context",
    "(if context.attended then context else context).admin",
)

conditions = st.recursive(
    st.sampled_from(ATOMS).map(lambda atom: f"({atom})"),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("&&", "||")), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda body: f"!{body}"),
    ),
    max_leaves=4,
)
clauses = st.lists(st.tuples(st.sampled_from(("when", "unless")), conditions), max_size=2).map(
    lambda found: " ".join(f"{word} {{ {body} }}" for word, body in found)
)
marks = st.sampled_from(
    ("", '@effect("deny")', '@effect("hold") @ask("meant")', '@effect("hold") @ask("domain")', '@effect("draft")')
)


modes = st.sampled_from(("", '@mode("shadow")'))


@st.composite
def policies(draw, kind=None):
    """(permit?, everything but the @id)."""
    permit = draw(st.booleans()) if kind is None else kind
    scope = ", ".join(draw(st.sampled_from(choice)) for choice in (PRINCIPALS, ACTIONS, RESOURCES))
    said = "" if permit else f'@reason("r") {draw(marks)} {draw(modes)}'
    return permit, f"{said} {'permit' if permit else 'forbid'} ({scope}) {draw(clauses)};"


def text_of(found):
    return "\n".join(f'@id("p{number}") {body}' for number, (_, body) in enumerate(found))


contexts = st.builds(
    context,
    attended=st.booleans(),
    admin=st.booleans(),
    money=st.booleans(),
    inside_contract=st.booleans(),
    risk=st.sampled_from((0, 1, 40, 41, 100)),
    targets=st.integers(0, 3),
    stage=st.sampled_from(("read", "production")),
    runtime=st.sampled_from(("codex", "other")),
    runtime_kind=st.sampled_from(("attended", "service")),
    domain=st.sampled_from((None, "eng", "x", "y")),
)
requests = st.tuples(st.sampled_from(list(Tier)), st.sampled_from(TOOLS), st.sampled_from(SUBJECTS), contexts).map(
    lambda r: (r[0], r[1], r[2], msgspec.structs.replace(r[3], tier=int(r[0])))
)
sets = st.lists(policies(), max_size=7)


def engine(found, remembered=64):
    return PolicyEngine(load_policies((PolicyFile(name="a.cedar", text=text_of(found)),)), ROLES, remembered)


def judged(made, request):
    tier, (integration, tool), subject, about = request
    return made.judge(tier, integration, tool, subject, about)


def told(verdict):
    return {(f.code, f.path, f.shadow) for f in verdict.findings}


def strictness(verdict):
    """The effect that counts, as decide folds it."""
    return max((f.effect for f in verdict.findings if not f.shadow), default=Effect.ALLOW)


def plainly(found, request):
    """By the book: permits and forbids as two whole sets of the original text, every attribute, the whole schema."""
    tier, (integration, tool), subject, about = request
    entities = [
        {
            "uid": {"type": "Callgate::Tool", "id": f"{integration}/{tool}"},
            "attrs": {},
            "parents": [{"type": "Callgate::Integration", "id": integration}],
        },
        *(
            {
                "uid": {"type": "Callgate::Initiator", "id": name},
                "attrs": {},
                "parents": [{"type": "Callgate::Role", "id": role} for role in ROLES.get(name, ())],
            }
            for name in SUBJECTS
        ),
    ]
    asked = {
        "principal": {"type": "Callgate::Initiator", "id": subject},
        "action": {"type": "Callgate::Action", "id": tier.name.lower()},
        "resource": {"type": "Callgate::Tool", "id": f"{integration}/{tool}"},
        "context": json.dumps({k: v for k, v in msgspec.to_builtins(about).items() if v is not None}),
    }
    answer, matched = set(), {True: set(), False: set()}
    for permit in (True, False):
        ids = [f"p{number}" for number, (kind, _) in enumerate(found) if kind is permit]
        text = "\n".join(body for kind, body in found if kind is permit)
        said = cedarpy.is_authorized(asked, text, entities, SCHEMA)
        assert said.decision is not cedarpy.Decision.NoDecision
        matched[permit] = {ids[int(place.removeprefix("policy"))] for place in said.diagnostics.reasons}
        for error in said.diagnostics.errors:
            broken = next(name for n, name in enumerate(ids) if f"`policy{n}`" in error)
            answer.add(("policy_error", broken, "shadow" in found[int(broken[1:])][1]))
    answer |= {("permit", name, False) for name in matched[True]}
    if not matched[True]:
        answer.add(("no_permit", "", False))
    for name in matched[False]:
        body = found[int(name[1:])][1]
        code = (
            "policy_hold"
            if 'effect("hold")' in body
            else "policy_draft"
            if 'effect("draft")' in body
            else "policy_deny"
        )
        answer.add((code, name, "shadow" in body))
    return answer


@settings(deadline=None, max_examples=300)
@given(sets, st.lists(requests, min_size=1, max_size=6))
def test_sliced_and_remembered_says_what_the_whole_set_says(found, asked):
    made = engine(found)
    for request in (*asked, *asked):
        assert told(judged(made, request)) == plainly(found, request)


@settings(deadline=None, max_examples=100)
@given(sets, st.lists(requests, min_size=2, max_size=8))
def test_what_is_forgotten_is_judged_the_same_again(found, asked):
    small, large = engine(found, remembered=1), engine(found)
    for request in (*asked, *reversed(asked)):
        assert judged(small, request) == judged(large, request)


@settings(deadline=None, max_examples=200)
@given(sets, policies(kind=False), st.integers(0, 7), requests)
def test_adding_a_forbid_never_loosens(found, forbid, place, request):
    before = judged(engine(found), request)
    after = judged(engine([*found[:place], forbid, *found[place:]]), request)
    assert strictness(after) >= strictness(before)
    assert after.permitted == before.permitted


@settings(deadline=None, max_examples=200)
@given(sets, requests)
def test_removing_the_shadowed_ones_changes_nothing_that_counts(found, request):
    before = judged(engine(found), request)
    after = judged(engine([policy for policy in found if "shadow" not in policy[1]]), request)
    assert strictness(after) == strictness(before)
    assert after.permitted == before.permitted


@settings(deadline=None, max_examples=150)
@given(sets, requests)
def test_without_a_matching_permit_it_is_denied_and_the_finding_says_so(found, request):
    verdict = judged(engine([policy for policy in found if not policy[0]]), request)
    assert not verdict.permitted
    assert strictness(verdict) is Effect.DENY
    assert "no_permit" in {f.code for f in verdict.findings}
