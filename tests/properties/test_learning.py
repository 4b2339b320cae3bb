"""Whatever was used: proposed rules let nothing run that was not, and say the same whatever the order."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.core.contract import compile_contract, parse_contract
from callgate.core.decide import compile_rules, decide
from callgate.core.learning.book import LearnedCall, UseBook
from callgate.core.learning.propose import MANY, propose
from callgate.core.learning.write import contract_text
from callgate.model.learned import LearnedSpan
from callgate.model.terms import Effect, Tier
from callgate.model.tool import Target, TargetRule
from tests.fakes.judging import NOW, bundle, call, contract, facts, manifest, tool

RULES = compile_rules(bundle())
KNOWN = manifest(targets=(TargetRule(kind="repo", path="repo"),), compensation="undo")
TOOLS = {
    "look": (Tier.READ, KNOWN),
    "sketch": (Tier.DRAFT, KNOWN),
    "write": (Tier.EXECUTE, KNOWN),
    "drop": (Tier.EXECUTE, msgspec.structs.replace(KNOWN, irreversible=True)),
    "pay": (Tier.EXECUTE, msgspec.structs.replace(KNOWN, money=True)),
}
BASE = contract(prohibited=("repo:secret/*",)).contract
ONES = tuple(f"{owner}/{number}" for owner in ("acme", "other", "secret") for number in range(2 * MANY))
PROFILES = {("hub", name): tool(known) for name, (_, known) in TOOLS.items()}


def repo(name, domain="eng"):
    return Target(kind="repo", id=name, domain=domain)


def used(row):
    name, ids, domain = row
    return LearnedCall(
        at_ms=NOW,
        call="call-1",
        integration="hub",
        tool=name,
        tier=TOOLS[name][0],
        targets=tuple(repo(one, domain) for one in ids),
        forgotten=0,
        runtime="codex",
        person="p",
    )


rows = st.tuples(
    st.sampled_from(sorted(TOOLS)),
    st.lists(st.sampled_from(ONES), max_size=4, unique=True),
    st.sampled_from(("eng", "eng", "")),
)
books = st.lists(rows, min_size=1, max_size=60)


def learned(found):
    book = UseBook()
    for row in found:
        book.add(used(row))
    return propose(book, PROFILES, BASE, team="eng", owner="ana", objective="Work", only=())


def runs(rules, name, targets):
    tier, _ = TOOLS[name]
    made = call(tier, integration="hub", tool=name, targets=targets, contract=rules.contract.id)
    return decide(made, PROFILES["hub", name], rules, RULES, facts(RULES.digest)).effect is Effect.ALLOW


@settings(deadline=None, max_examples=150)
@given(books)
def test_nothing_runs_that_was_not_used(found):
    made = learned(found)
    if made is None:
        return
    rules = compile_contract(made.contract)
    names = {name for name, _, _ in found}
    touched = {one for name, ids, domain in found if domain and name not in ("drop", "pay") for one in ids}
    writes = "write" in names
    for name in TOOLS:
        assert not runs(rules, name, ())
        for one in ONES:
            if not runs(rules, name, (repo(one),)):
                continue
            assert name in names
            assert name not in ("drop", "pay")
            assert not one.startswith("secret/")
            owner = one.partition("/")[0]
            alike = {other for other in touched if other.startswith(f"{owner}/")}
            assert one in touched or (not writes and len(alike) >= MANY)


@settings(deadline=None, max_examples=150)
@given(books)
def test_what_was_used_and_may_stand_in_rules_runs(found):
    made = learned(found)
    rules = compile_contract(made.contract) if made is not None else None
    for name, ids, domain in found:
        if ids and domain and name not in ("drop", "pay") and not any(one.startswith("secret/") for one in ids):
            assert rules is not None
            assert runs(rules, name, tuple(map(repo, ids)))


@settings(deadline=None, max_examples=100)
@given(books, st.randoms(use_true_random=False))
def test_the_order_says_nothing_and_the_file_is_the_rules(found, chance):
    made = learned(found)
    mixed = list(found)
    chance.shuffle(mixed)
    again = learned(mixed)
    assert made == again
    if made is not None:
        span = LearnedSpan(calls=len(found), first_ms=NOW, last_ms=NOW, busiest=1)
        assert parse_contract(contract_text(made, span, (), "").encode(), "x.toml") == made.contract
