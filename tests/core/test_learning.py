"""What of used calls goes into proposed rules: exact things, prefixes only where nothing is changed, never the marked ones."""

import msgspec
import pytest

from callgate.core.contract import compile_contract, parse_contract
from callgate.core.learning.book import MOST_TARGETS, LearnedCall, UseBook
from callgate.core.learning.propose import FEW, MANY, MOST_NAMED, propose
from callgate.core.learning.write import contract_text
from callgate.model.bundle import Domain
from callgate.model.contract import Scope
from callgate.model.inquiry import ELICIT
from callgate.model.learned import LearnedSpan, ReplayedRow
from callgate.model.terms import Breadth, Tier
from callgate.model.tool import Target, TargetRule
from tests.fakes.judging import NOW, contract, manifest, tool

AIMED = manifest(targets=(TargetRule(kind="repo", path="repo"),), compensation="undo")


def repo(name, domain="eng"):
    return Target(kind="repo", id=name, domain=domain)


def used(name="a_tool", *targets, tier=Tier.READ, **more):
    values = {
        "at_ms": NOW,
        "call": "call-1",
        "integration": "hub",
        "tool": name,
        "tier": tier,
        "targets": targets,
        "forgotten": 0,
        "runtime": "codex",
        "person": "p-ana",
    }
    return LearnedCall(**{**values, **more})


def book_of(*calls):
    book = UseBook()
    for call in calls:
        book.add(call)
    return book


def proposed(*calls, known=AIMED, base=None, only=(), tools=None):
    book = book_of(*calls)
    offered = tools if tools is not None else {(name, one): tool(known) for name, one, _ in book.tools}
    return propose(book, offered, base, team="eng", owner="ana", objective="Work", only=only)


def scope_of(*calls, **more):
    made = proposed(*calls, **more)
    assert made is not None
    (scope,) = made.contract.scopes
    return scope


def test_exact_targets_below_the_number_and_a_prefix_from_there_on():
    few = [used("a_tool", repo(f"acme/{n}")) for n in range(MANY - 1)]
    assert scope_of(*few).targets == tuple(f"repo:acme/{n}" for n in range(MANY - 1))
    many = [*few, used("a_tool", repo("acme/x")), used("a_tool", repo("other/x"))]
    made = proposed(*many)
    assert made.contract.scopes[0].targets == ("repo:acme/*", "repo:other/x")
    assert {one.pattern for one in made.targets if one.target.startswith("repo:acme/")} == {"repo:acme/*"}


def test_the_same_target_again_and_again_is_one():
    again = [used("a_tool", repo("acme/web")) for _ in range(3 * MANY)]
    assert scope_of(*again).targets == ("repo:acme/web",)


def test_no_prefix_where_something_changes_things():
    many = [used("a_tool", repo(f"acme/{n}")) for n in range(3 * MANY)]
    scope = scope_of(*many, used("write", repo("acme/0"), tier=Tier.EXECUTE))
    assert len(scope.targets) == 3 * MANY
    assert not any("*" in pattern for pattern in scope.targets)
    assert scope.max_tier is Tier.EXECUTE
    assert "*" in scope_of(*many, used("draft", repo("acme/0"), tier=Tier.DRAFT)).targets[0]


@pytest.mark.parametrize(
    "names",
    [
        [f"/{n}" for n in range(9)],
        [f"/home/{n}" for n in range(9)],
        [f"/home/ana/{n}" for n in range(9)],
        [f"one-{n}" for n in range(9)],
        [f"srv/https://example.com/{n}" for n in range(9)],
    ],
)
def test_no_prefix_near_a_root_or_without_an_owner(names):
    assert not any("*" in pattern for pattern in scope_of(*(used("a_tool", repo(name)) for name in names)).targets)


def test_a_prefix_of_a_folder_that_is_deep_enough():
    names = [f"/home/ana/web/{n}" for n in range(9)]
    assert scope_of(*(used("a_tool", repo(name)) for name in names)).targets == ("repo:/home/ana/web/*",)


def test_a_prefix_never_takes_in_another_domain_by_number():
    mixed = [used("a_tool", repo(f"acme/{n}", "eng" if n % 2 else "hr")) for n in range(MANY + 1)]
    assert not any("*" in pattern for pattern in scope_of(*mixed).targets)


def test_no_prefix_where_another_domain_has_a_part_of_it():
    many = [used("a_tool", repo(f"acme/{n}")) for n in range(MANY)]
    book = book_of(*many)
    tools = {("hub", "a_tool"): tool(AIMED)}

    def targets(*patterns):
        eng = Domain(name="eng", title="", owner="ana", targets=("repo:acme/*",))
        hr = Domain(name="hr", title="", owner="ben", targets=patterns)
        made = propose(book, tools, None, team="eng", owner="ana", objective="Work", domains=(eng, hr))
        return made.contract.scopes[0].targets

    assert targets("repo:other/*", "repo:*") == ("repo:acme/*",)
    assert len(targets("repo:acme/hr-*")) == MANY
    assert len(targets("repo:acme/payroll")) == MANY


def test_what_cannot_be_undone_administers_or_moves_money_is_left_out():
    for marks, why in (
        ({"irreversible": True}, "cannot be undone"),
        ({"admin": True}, "changes rights or settings"),
        ({"money": True, "irreversible": True}, "cannot be undone and moves money"),
    ):
        tools = {("hub", "drop"): tool(msgspec.structs.replace(AIMED, **marks)), ("hub", "look"): tool(AIMED)}
        calls = (used("drop", repo("acme/x"), tier=Tier.EXECUTE), used("look", repo("acme/y")))
        made = proposed(*calls, tools=tools)
        assert made.contract.scopes[0].tools == ("look",)
        assert made.contract.scopes[0].targets == ("repo:acme/y",)
        assert made.contract.max_tier is Tier.READ
        assert [(one.tool, one.left_out) for one in made.tools if one.left_out] == [("drop", why)]
        assert proposed(calls[0], tools=tools) is None


def test_a_tool_that_is_gone_kept_away_or_known_to_nobody_is_left_out(monkeypatch):
    away = tool(AIMED)
    monkeypatch.setattr(away, "quarantine", "look_alike")
    tools = {("hub", "gone"): None, ("hub", "away"): away, ("hub", "odd"): tool(None), ("hub", "look"): tool(AIMED)}
    calls = [used(name, repo("acme/x")) for name in ("gone", "away", "look")]
    made = proposed(*calls, used("odd", tier=Tier.EXECUTE), tools=tools)
    assert made.contract.scopes[0].tools == ("look",)
    assert {one.tool for one in made.tools if one.left_out} == {"gone", "away", "odd"}


def test_nothing_prohibited_without_a_domain_or_with_a_star_in_its_name():
    base = contract(prohibited=("repo:acme/pay*",)).contract
    made = proposed(
        used("a_tool", repo("acme/web"), repo("acme/payroll"), repo("acme/strange", ""), repo("acme/*")), base=base
    )
    assert made.contract.scopes[0].targets == ("repo:acme/web",)
    assert made.contract.prohibited == base.prohibited
    assert {one.target: one.left_out for one in made.targets if one.left_out} == {
        "repo:acme/payroll": "the rules prohibit it",
        "repo:acme/strange": "it belongs to no domain",
        "repo:acme/*": "no pattern can name it exactly",
    }
    assert made.contract.domains == ("eng",)


def test_without_any_target_a_tool_that_could_name_one_is_left_out():
    tools = {("hub", "look"): tool(AIMED), ("hub", "me"): tool(manifest(tier=Tier.READ))}
    made = proposed(used("look"), used("me"), tools=tools)
    assert made.contract.scopes[0].tools == ("me",)
    assert made.contract.scopes[0].targets == ()
    made = proposed(used("look"), used("look", repo("acme/web")), used("me"), tools=tools)
    assert made.contract.scopes[0].tools == ("look", "me")


def test_answers_to_what_a_server_asks_are_kept():
    made = proposed(used("look", repo("a/b")), used(ELICIT, repo("a/b")), tools={("hub", "look"): tool(AIMED)})
    assert made.contract.scopes[0].tools == (ELICIT, "look")


def test_people_outside_and_retries_are_those_of_the_rules_in_force():
    base = contract(initiators=("ana", "ben"), irreversible=True, everyday=True, call_timeout_ms=20_000).contract
    made = proposed(used("a_tool", repo("acme/web"), runtime="codex"), used("a_tool", runtime="cursor"), base=base)
    assert (made.contract.initiators, made.contract.runtimes) == (("ana", "ben"), ("codex", "cursor"))
    assert made.contract.irreversible is False
    assert made.contract.call_timeout_ms == 20_000
    assert made.unused == ("git",)


def test_one_integration_alone_keeps_what_is_said_of_others():
    base = contract(scopes=(Scope(integration="git"), Scope(integration="hub")), max_tier=Tier.DRAFT).contract
    made = proposed(used("a_tool", repo("acme/web")), base=base, only=("hub",))
    assert [(one.integration, one.tools, one.max_tier) for one in made.contract.scopes] == [
        ("git", ("*",), Tier.DRAFT),
        ("hub", ("a_tool",), Tier.READ),
    ]
    assert made.kept == ("git",)
    assert made.contract.domains == ("eng", "local-work")
    assert made.contract.runtimes == ("*",)
    assert compile_contract(made.contract).scopes["git"].max_tier is Tier.DRAFT


@pytest.mark.parametrize(
    ("own", "of_all", "kept"),
    [
        (Breadth.GLOBAL, Breadth.TARGETS, Breadth.GLOBAL),
        (None, Breadth.GLOBAL, Breadth.GLOBAL),
        (Breadth.TARGETS, Breadth.GLOBAL, None),
        (None, Breadth.TARGETS, None),
    ],
)
def test_what_is_kept_searches_as_far_as_it_did_and_what_was_learned_no_further_than_named(own, of_all, kept):
    scopes = (Scope(integration="git", breadth=own), Scope(integration="hub", breadth=Breadth.GLOBAL))
    base = contract(scopes=scopes, breadth=of_all).contract
    made = proposed(used("a_tool", repo("acme/web")), base=base, only=("hub",))
    assert [one.breadth for one in made.contract.scopes] == [kept, None]
    assert made.contract.breadth is Breadth.TARGETS
    text = contract_text(made, LearnedSpan(calls=1, first_ms=NOW, last_ms=NOW + 1, busiest=1, skipped=()), (), "x")
    assert parse_contract(text.encode(), "x.toml") == made.contract


def test_the_time_of_a_call_has_headroom_and_never_grows():
    book = book_of(*(used("a_tool", repo("acme/web"), call=f"call-{number}") for number in range(FEW)))
    book.ended("call-0", 4_500_000)
    book.ended("another", 50_000_000)
    for number in range(1, FEW - 1):
        book.ended(f"call-{number}", 1)
    tools = {("hub", "a_tool"): tool(AIMED)}

    def timeout(base):
        made = propose(book, tools, base, team="eng", owner="ana", objective="Work", only=())
        return made.contract.call_timeout_ms

    assert timeout(None) == 60_000
    book.ended(f"call-{FEW - 1}", 1)
    assert timeout(None) == 14_000
    assert timeout(contract(call_timeout_ms=12_000).contract) == 12_000


def test_the_book_stays_small_and_counts_on():
    book = UseBook()
    for number in range(MOST_TARGETS + 10):
        book.add(used("a_tool", repo(f"x{number}")))
    (figures,) = book.tools.values()
    assert (figures.calls, len(figures.targets), figures.beyond) == (MOST_TARGETS + 10, MOST_TARGETS, 10)
    scope = scope_of(*(used("a_tool", repo(f"x{n}")) for n in range(MOST_NAMED + 5)))
    assert len(scope.targets) == MOST_NAMED
    assert book.busiest == MOST_TARGETS + 10


def test_the_busiest_minute_is_one_persons():
    calls = [used("t", at_ms=NOW + second * 1000, person=f"p-{second % 2}") for second in range(60)]
    assert book_of(*calls).busiest <= 30


def test_the_file_says_what_the_rules_are_whatever_names_hold():
    odd = 'acme/"quo\\te\u00e9'
    made = proposed(used("a_tool", repo(odd)), used('to"ol', repo("acme/web")))
    span = LearnedSpan(calls=2, first_ms=NOW, last_ms=NOW + 1, busiest=2, skipped=(("belonged to a task", 3),))
    row = ReplayedRow(integration="hub", tool="a\n[[scopes]]", effect="hold", reason="It waits.", code="a/b", calls=1)
    text = contract_text(made, span, (row,), "everyday\nname = 1")
    assert parse_contract(text.encode(), "x.toml") == made.contract
    assert "wait         1  hub/a\\u{a}[[scopes]]: It waits. (a/b)" in text
    assert "Not looked at: 3 calls belonged to a task." in text
