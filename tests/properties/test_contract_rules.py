"""Narrowing, binding and selecting, for any input."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.binding import bind
from callgate.core.contract import compile_contract, narrows
from callgate.core.gates import contract as contract_gate
from callgate.core.patterns import Patterns, pattern_problem
from callgate.core.selectors import NORMALISERS, posix_path
from callgate.model.contract import Retry, Scope
from callgate.model.terms import Breadth, Effect, TaskState, Tier
from tests.fakes.catalog import call, contract, facts, profile, target, task

GLOBS = st.lists(st.sampled_from(["/a", "/b", "*", "x"]), min_size=1, max_size=4).map(
    lambda parts: "k:" + "".join(parts)
)
SOME = {"max_size": 2, "unique": True}
SCOPES = st.builds(
    Scope,
    integration=st.sampled_from(["git", "mail"]),
    tools=st.lists(st.sampled_from(["t", "u", "*"]), min_size=1, **SOME).map(tuple),
    max_tier=st.just(None),
    targets=st.lists(GLOBS, **SOME).map(tuple),
    breadth=st.sampled_from([None, *Breadth]),
)
CONTRACTS = st.fixed_dictionaries(
    {
        "scopes": st.lists(SCOPES, min_size=1, max_size=2, unique_by=lambda s: s.integration).map(tuple),
        "max_tier": st.sampled_from(Tier),
        "domains": st.lists(st.sampled_from(["d", "e"]), **SOME).map(tuple),
        "initiators": st.sampled_from([("*",), ("ana",), ("ben",), ("ana", "ben")]),
        "runtimes": st.sampled_from([("*",), ("codex",), ("cursor",)]),
        "prohibited": st.lists(GLOBS, **SOME).map(tuple),
        "outside": st.sampled_from([Effect.HOLD, Effect.DENY]),
        "breadth": st.sampled_from(Breadth),
        "irreversible": st.booleans(),
        "everyday": st.booleans(),
        "assistant_may_open": st.booleans(),
        "max_seconds": st.sampled_from([0, 60, 28_800, 90_000]),
        "max_calls": st.sampled_from([0, 1, 5]),
        "call_timeout_ms": st.sampled_from([100, 60_000]),
        "retry": st.builds(Retry, attempts=st.integers(1, 2)),
    }
).map(lambda values: contract(**values))
POWER = (
    "team", "max_tier", "initiators", "runtimes", "outside", "breadth", "irreversible", "everyday",
    "assistant_may_open", "call_timeout_ms", "retry",
)  # fmt: skip
TEXTS = st.builds(lambda parts: "k:" + "".join(parts), st.lists(st.sampled_from(["/a", "/b", "x", "/"]), max_size=5))


@given(CONTRACTS)
def test_narrowing_is_reflexive(one):
    assert narrows(one, one) == ()


STEPS = (
    lambda c: {"max_tier": Tier.READ, "scopes": c.scopes},
    lambda c: {"domains": c.domains[:1]},
    lambda c: {"scopes": c.scopes[:1]},
    lambda c: {
        "scopes": tuple(msgspec.structs.replace(s, tools=("t",) if "*" in s.tools else s.tools[:1]) for s in c.scopes)
    },
    lambda c: {"scopes": tuple(msgspec.structs.replace(s, targets=s.targets[:1] or ("k:/a*",)) for s in c.scopes)},
    lambda c: {
        "scopes": tuple(
            msgspec.structs.replace(s, targets=("k:/a/b",)) if "k:/a*" in s.targets else s for s in c.scopes
        )
    },
    lambda c: {"scopes": tuple(msgspec.structs.replace(s, max_tier=Tier.READ) for s in c.scopes)},
    lambda c: {"scopes": tuple(msgspec.structs.replace(s, breadth=Breadth.TARGETS) for s in c.scopes)},
    lambda c: {"prohibited": (*c.prohibited, "k:x*")},
    lambda c: {"outside": Effect.DENY},
    lambda c: {"breadth": Breadth.TARGETS, "irreversible": False},
    lambda c: {"everyday": False, "assistant_may_open": False},
    lambda c: {"max_seconds": 30, "max_calls": 1, "call_timeout_ms": 100},
    lambda c: {"initiators": ("ana",)} if c.initiators in {("*",), ("ana", "ben")} else {},
    lambda c: {"runtimes": ("codex",)} if c.runtimes == ("*",) else {},
)


@st.composite
def chains(draw, length):
    """Contracts, each made narrower than the one before by hand, so that no example has to be thrown away."""
    chain = [draw(CONTRACTS)]
    for _ in range(length - 1):
        made = chain[-1]
        for step in draw(st.lists(st.sampled_from(STEPS), max_size=3)):
            made = msgspec.structs.replace(made, **step(made))
        chain.append(made)
    return chain


@given(chains(3))
def test_narrowing_is_transitive(chain):
    wide, middle, narrow = chain
    assert narrows(middle, wide) == ()
    assert narrows(narrow, middle) == ()
    assert narrows(narrow, wide) == ()


LIMITS = [
    {"everyday": everyday, "max_seconds": seconds, "max_calls": calls}
    for everyday in (False, True)
    for seconds in (0, 60, 90_000)
    for calls in (0, 1, 5)
]
REACHES = [
    {"scopes": (Scope(integration="git", tools=tools, targets=targets),), "prohibited": prohibited}
    for tools in (("*",), ("t",), ("t", "u"))
    for targets in ((), ("k:*",), ("k:/a*",), ("k:/a", "k:/b"))
    for prohibited in ((), ("k:/a*",), ("k:/a",))
]


BREADTHS = [
    {"scopes": (Scope(integration="git", breadth=own),), "breadth": of_all}
    for own in (None, *Breadth)
    for of_all in Breadth
]


@pytest.mark.parametrize("values", [LIMITS, REACHES, BREADTHS], ids=["limits", "reaches", "breadths"])
def test_narrowing_orders_every_small_contract(values):
    """Transitive over all triples of what cannot be hit by chance."""
    made = [contract(**changed) for changed in values]
    below = {(i, j) for i, one in enumerate(made) for j, other in enumerate(made) if not narrows(one, other)}
    assert all((i, i) in below for i in range(len(made)))
    assert all((i, k) in below for i, j in below for k in range(len(made)) if (j, k) in below)


@given(chains(2), st.booleans())
def test_narrowing_is_antisymmetric_in_what_it_allows(chain, shuffled):
    one, two = chain
    if shuffled:
        two = msgspec.structs.replace(
            one, scopes=one.scopes[::-1], domains=one.domains[::-1], prohibited=one.prohibited[::-1], objective="Other."
        )
        assert narrows(two, one) == () == narrows(one, two)
    if narrows(one, two):
        return
    for field in POWER:
        mine, theirs = getattr(one, field), getattr(two, field)
        same = (
            set(mine) == set(theirs) or ("*" in mine and "*" in theirs) if isinstance(mine, tuple) else mine == theirs
        )
        assert same, field
    assert set(one.domains) == set(two.domains)
    assert {s.integration for s in one.scopes} == {s.integration for s in two.scopes}


TOOLS = [profile(name="t", tier=tier, irreversible=flag) for tier in Tier for flag in (False, True)]


@given(
    chains(2),
    st.sampled_from(TOOLS),
    st.lists(TEXTS, max_size=3),
    st.sampled_from(["d", "e", "f", ""]),
    st.sampled_from(["git", "mail"]),
)
def test_what_a_narrower_contract_allows_the_wider_one_allows(chain, tool, texts, domain, integration):
    """The gate and ``narrows`` agree: no call is judged more mildly under the narrower contract."""
    parent, child = chain
    verdicts = []
    for of in (child, parent):
        of = msgspec.structs.replace(of, everyday=True)
        made = call(tool, {}, of, targets=tuple(target(text, domain) for text in texts), integration=integration)
        found = contract_gate.judge(made, compile_contract(of), tool, facts(tool))
        verdicts.append(max((f.effect for f in found), default=Effect.ALLOW))
    assert verdicts[0] >= verdicts[1]


@given(GLOBS, GLOBS, TEXTS)
def test_covering_means_matching_everything(wide, narrow, text):
    if Patterns((wide,)).covers(narrow) and Patterns((narrow,)).match(text):
        assert Patterns((wide,)).match(text)


@given(st.lists(GLOBS, max_size=4), TEXTS)
def test_patterns_agree_with_a_plain_reading(globs, text):
    assert Patterns(globs).match(text) == any(slow_match(glob, text) for glob in globs)


def slow_match(glob, text):
    if not glob:
        return not text
    if glob[0] == "*":
        return slow_match(glob[1:], text) or bool(text and slow_match(glob, text[1:]))
    return bool(text) and text[0] == glob[0] and slow_match(glob[1:], text[1:])


PATHS = st.lists(st.sampled_from(["/", "//", ".", "..", "a", ".git", "$x", "~", "\\", "/./", " "]), max_size=8).map(
    "".join
)


@given(st.sampled_from(sorted(NORMALISERS)), PATHS | st.text(max_size=30))
def test_normalising_twice_is_normalising_once(name, text):
    once = NORMALISERS[name](text)
    if once is not None:
        assert NORMALISERS[name](once) == once


@given(PATHS)
def test_a_normalised_path_has_one_spelling(text):
    path = posix_path(text)
    if path is not None:
        assert path.startswith("/")
        assert {"", ".", ".."}.isdisjoint(path.split("/")[1:]) or path == "/"
        assert pattern_problem(f"k:{path}") == ""


TASKS = st.builds(
    lambda key, of, who, issuer, runtime, state, ends: task(
        of, id=key, initiator=who, issuer=issuer, runtime=runtime, state=state, deadline_ms=ends
    ),
    st.sampled_from(["t1", "t2", "t3"]),
    CONTRACTS,
    st.sampled_from(["ana", "ben"]),
    st.sampled_from(["https://gate.example", "https://other.example"]),
    st.sampled_from(["codex", "cursor", "*"]),
    st.sampled_from(TaskState),
    st.sampled_from([500, 5000]),
)
NAMES = st.sampled_from(["", "t1", "t2", "t3", "garbage"])


@settings(max_examples=200)
@given(st.data(), st.lists(TASKS, max_size=3), NAMES, st.lists(NAMES, max_size=2), NAMES, st.booleans())
def test_binding_never_widens_never_crosses_never_falls_back(data, tasks, token, named, control, alike):
    known = {t.id: t for t in tasks}
    everyday = contract(name="everyday")
    if alike and tasks:
        shared = data.draw(CONTRACTS)
        known = {t.id: task(shared, id=t.id) for t in tasks}
        contracts = {shared.id: shared, everyday.id: everyday}
    else:
        contracts = {everyday.id: everyday}
        for found in tasks:
            of = data.draw(CONTRACTS)
            contracts[of.id] = of
            known[found.id] = msgspec.structs.replace(known[found.id], contract=of.id)
    bound = bind(
        token, tuple(named), control, known.get, everyday.id,
        issuer="https://gate.example", initiator="ana", runtime="codex", now_ms=1000, contracts=contracts.get,
    )  # fmt: skip
    asked = {token, *named, control} - {""}
    if bound.problem:
        assert (bound.contract, bound.task) == ("", "")
        return
    if not asked:
        assert (bound.contract, bound.task) == (everyday.id, "")
        return
    assert bound.task in asked
    assert bound.contract == known[bound.task].contract != everyday.id
    chosen = known[bound.task]
    assert (chosen.initiator, chosen.issuer) == ("ana", "https://gate.example")
    assert chosen.runtime in {"codex", "*"}
    assert chosen.state is TaskState.OPEN
    assert chosen.deadline_ms > 1000
    assert "garbage" not in asked
    if token:
        assert narrows(contracts[bound.contract], contracts[known[token].contract]) == ()
