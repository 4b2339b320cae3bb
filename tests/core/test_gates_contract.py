"""Schema, tool, contract and retrieval gates."""

import msgspec
import pytest

from callgate.core.contract import compile_contract
from callgate.core.gates import contract as contract_gate
from callgate.core.gates import retrieval, schema
from callgate.core.gates import tool as tool_gate
from callgate.core.risk import assess
from callgate.model.bundle import RiskTable
from callgate.model.contract import Scope
from callgate.model.errors import ConfigError
from callgate.model.identity import Initiator, Runtime
from callgate.model.manifest import Narrowing, Qualifier, SensitiveScope
from callgate.model.terms import Ask, Breadth, Effect, TaskState, Tier
from callgate.model.tool import Confinement, ItemFilter, TargetRule, TierRule
from tests.fakes.catalog import call, contract, facts, profile, shipped, target, task

STATUS = shipped("git").tools["git_status"]
COMMIT = shipped("git").tools["git_commit"]
APP = {"repo_path": "/srv/app"}
FIX = {**APP, "message": "fix"}
EVERYDAY = contract()
UNKNOWN = profile({"properties": {"a": {}}}, known=False)
FOR_GOOD = profile(tier=Tier.EXECUTE, irreversible=True)


def judged(tool, arguments, of=EVERYDAY, given=None, **changed):
    made = call(tool, arguments, of, **changed)
    return contract_gate.judge(made, compile_contract(of), tool, given or facts(tool))


def codes(findings):
    return [(f.code, f.effect, f.ask, f.path) for f in findings]


def test_a_call_inside_has_no_findings():
    rules = compile_contract(EVERYDAY)
    for tool, arguments in ((STATUS, APP), (COMMIT, FIX)):
        made = call(tool, arguments, EVERYDAY)
        assert schema.judge(tool, made, facts()) == ()
        assert tool_gate.judge(tool, made, facts(tool)) == ()
        assert contract_gate.judge(made, rules, tool, facts(tool)) == ()
        assert retrieval.judge(made, rules, tool) == ()


def test_no_contract_denies():
    made = call(STATUS, APP, EVERYDAY)
    assert codes(contract_gate.judge(made, None, STATUS, facts(STATUS))) == [("no_contract", Effect.DENY, None, "")]


@pytest.mark.parametrize(
    ("tool", "arguments", "changes", "code"),
    [
        (STATUS, APP, {"scopes": (Scope(integration="mail"),)}, "integration_not_listed"),
        (COMMIT, FIX, {"max_tier": Tier.DRAFT}, "tier_above"),
        (COMMIT, FIX, {"scopes": (Scope(integration="git", max_tier=Tier.READ),)}, "tier_above"),
        (STATUS, APP, {"prohibited": ("git.repository:/srv/app",)}, "prohibited"),
        (STATUS, APP, {"prohibited": ("*",)}, "prohibited"),
        (STATUS, APP, {"initiators": ("ben",)}, "not_your_rules"),
        (STATUS, APP, {"runtimes": ("cursor",)}, "not_this_runtime"),
        (STATUS, APP, {"everyday": False}, "task_needed"),
    ],
)
def test_denials(tool, arguments, changes, code):
    (finding,) = judged(tool, arguments, contract(**changes))
    assert (finding.code, finding.effect, finding.ask) == (code, Effect.DENY, None)


@pytest.mark.parametrize(
    ("tool", "arguments", "changes", "code", "ask", "path"),
    [
        (
            STATUS,
            APP,
            {"scopes": (Scope(integration="git", tools=("git_log",)),)},
            "outside_contract",
            Ask.MEANT,
            "tool",
        ),
        (
            STATUS,
            APP,
            {"scopes": (Scope(integration="git", targets=("git.repository:/srv/app/*",)),)},
            "outside_contract",
            Ask.MEANT,
            "0",
        ),
        (STATUS, {"repo_path": "/home/x"}, {}, "no_domain", Ask.MEANT, "0"),
        (STATUS, {"repo_path": "/srv/books"}, {}, "other_domain", Ask.DOMAIN, "0"),
        (FOR_GOOD, {}, {}, "irreversible", Ask.ACCEPTABLE, ""),
        (
            UNKNOWN,
            {"a": 1},
            {"scopes": (Scope(integration="git", targets=("k:x",)),)},
            "target_unknown",
            Ask.MEANT,
            "target",
        ),
        (UNKNOWN, {"a": 1}, {"prohibited": ("k:x",)}, "target_unknown", Ask.MEANT, "prohibited"),
    ],
)
def test_holds(tool, arguments, changes, code, ask, path):
    found = judged(tool, arguments, contract(**changes))
    assert codes(found) == [(code, Effect.HOLD, ask, path)]
    assert found[0].ask_of == ("finance" if ask is Ask.DOMAIN else "")


@pytest.mark.parametrize(
    ("tool", "arguments", "changes", "code"),
    [
        (STATUS, APP, {"scopes": (Scope(integration="git", tools=("git_log",)),)}, "outside_contract"),
        (STATUS, {"repo_path": "/home/x"}, {}, "no_domain"),
        (STATUS, {"repo_path": "/srv/books"}, {}, "other_domain"),
    ],
)
def test_a_contract_may_deny_what_lies_outside(tool, arguments, changes, code):
    found = judged(tool, arguments, contract(outside=Effect.DENY, **changes))
    assert codes(found) == [(code, Effect.DENY, None, found[0].path)]


def test_all_findings_are_kept():
    of = contract(
        max_tier=Tier.READ,
        prohibited=("git.repository:/srv/b*",),
        scopes=(Scope(integration="git", tools=("git_log",)),),
    )
    found = judged(COMMIT, {**FIX, "repo_path": "/srv/books"}, of)
    assert {f.code for f in found} == {"prohibited", "tier_above", "outside_contract", "other_domain"}


def test_irreversible_is_allowed_where_the_contract_says_so_and_for_reads():
    assert judged(FOR_GOOD, {}, contract(irreversible=True)) == ()
    assert judged(FOR_GOOD, {}, tier=Tier.READ) == ()


def test_many_targets_make_few_findings():
    targets = tuple(target(f"git.repository:/srv/books/{n}", "finance") for n in range(900)) + (target("k:x"),)
    of = contract(scopes=(Scope(integration="git", targets=("git.repository:/srv/app",)),))
    found = judged(STATUS, APP, of, targets=targets)
    assert [f.code for f in found] == ["outside_contract", "other_domain", "no_domain"]
    assert found[1].path == ",".join(map(str, range(16))) + ",+884"
    assert found[2].path == "900"
    assert len(msgspec.json.encode(found)) < 2000


def test_an_optional_target_that_was_not_given_is_not_inside_named_targets():
    tool = profile({"properties": {"where": {}}}, tier=Tier.READ, targets=(TargetRule(kind="thing", path="where"),))
    of = contract(scopes=(Scope(integration="git", targets=("thing:a",)),))
    assert [f.code for f in judged(tool, {}, of)] == ["target_unknown"]
    assert judged(tool, {"where": "a"}, of) == ()
    nowhere = profile(tier=Tier.READ)
    assert judged(nowhere, {}, of) == ()


WORK = contract(everyday=False)
TASK = task(WORK)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"task": None}, "task_mismatch"),
        ({"task": msgspec.structs.replace(TASK, id="task-2")}, "task_mismatch"),
        ({"task": msgspec.structs.replace(TASK, contract="c-other")}, "task_mismatch"),
        ({"task": msgspec.structs.replace(TASK, state=TaskState.CLOSED)}, "task_closed"),
        ({"task": TASK, "now_ms": 10_000}, "deadline_over"),
        ({"task": TASK, "now_ms": 9_999}, None),
    ],
)
def test_tasks(given, code):
    found = judged(STATUS, APP, WORK, facts(STATUS, **given), task="task-1")
    assert [f.code for f in found] == ([code] if code else [])


def test_a_call_under_other_rules_than_it_was_read_with():
    made = call(STATUS, APP, contract(name="other"))
    assert contract_gate.judge(made, compile_contract(EVERYDAY), STATUS, facts(STATUS))[0].code == "contract_mismatch"


def test_another_person_or_assistant():
    of = contract(initiators=("ana",), runtimes=("codex",))
    made = call(STATUS, APP, of)
    who = msgspec.structs.replace(
        made.principal,
        initiator=Initiator(tenant="local", issuer="https://gate.example", subject="ben"),
        runtime=Runtime(id="cursor"),
    )
    found = judged(STATUS, APP, of, principal=who)
    assert [f.code for f in found] == ["not_your_rules", "not_this_runtime"]


@pytest.mark.parametrize(
    ("given", "changed", "code", "effect"),
    [
        ({"pinned": ""}, {}, "not_pinned", Effect.DENY),
        ({"pinned": "other"}, {}, "other_definition", Effect.DENY),
        ({}, {"pin": "other"}, "other_definition", Effect.DENY),
        ({}, {"pin": ""}, "other_definition", Effect.DENY),
        ({"drifted": True}, {}, "definition_changed", Effect.HOLD),
    ],
)
def test_tool_gate(given, changed, code, effect):
    made = call(STATUS, APP, EVERYDAY, **changed)
    (finding,) = tool_gate.judge(STATUS, made, facts(STATUS, **given))
    assert (finding.code, finding.effect) == (code, effect)
    assert finding.ask is (Ask.ACCEPTABLE if effect is Effect.HOLD else None)


def test_an_unknown_tool_and_one_kept_away():
    made = call(None, {}, EVERYDAY)
    assert tool_gate.judge(None, made, facts())[0].code == "unknown_tool"
    assert schema.judge(None, made, facts()) == ()
    reserved = profile(name="callgate_x")
    found = tool_gate.judge(reserved, call(reserved, {}, EVERYDAY), facts(reserved))
    assert codes(found) == [("quarantined", Effect.DENY, None, "")]
    lost = call(reserved, {}, EVERYDAY, pin="")
    assert [f.code for f in tool_gate.judge(reserved, lost, facts())] == ["quarantined", "not_pinned"]


def test_schema_gate_tells_of_arguments_and_of_aims():
    made = call(STATUS, {"repo_path": "~/app"}, EVERYDAY)
    assert [f.code for f in schema.judge(STATUS, made, facts())] == ["bad_target"]
    made = call(STATUS, {}, EVERYDAY)
    assert [f.code for f in schema.judge(STATUS, made, facts())] == ["schema_required", "target_missing"]


def test_retrieval():
    where = TargetRule(kind="thing", path="where")
    search = profile({"properties": {"where": {}}}, tier=Tier.READ, retrieval=True, targets=(where,))
    rules = compile_contract(EVERYDAY)
    made = call(search, {}, EVERYDAY)
    (finding,) = retrieval.judge(made, rules, search)
    assert (finding.code, finding.effect) == ("global_retrieval", Effect.DENY)
    assert "Name one through where." in finding.reason
    assert retrieval.judge(made, None, search)
    assert retrieval.judge(call(search, {"where": "a"}, EVERYDAY), rules, search) == ()
    wide = contract(breadth=Breadth.GLOBAL)
    assert retrieval.judge(call(search, {}, wide), compile_contract(wide), search) == ()
    assert retrieval.judge(call(UNKNOWN, {}, EVERYDAY), rules, UNKNOWN) == ()
    hopeless = profile(tier=Tier.READ, retrieval=True)
    assert "cannot be narrowed" in retrieval.judge(call(hopeless, {}, EVERYDAY), rules, hopeless)[0].reason


@pytest.mark.parametrize(
    ("own", "of_all", "goes"),
    [
        (Breadth.GLOBAL, Breadth.TARGETS, True),
        (Breadth.TARGETS, Breadth.GLOBAL, False),
        (None, Breadth.GLOBAL, True),
        (None, Breadth.TARGETS, False),
    ],
)
def test_a_breadth_of_one_integration_counts_there_alone(own, of_all, goes):
    where = TargetRule(kind="thing", path="where")
    search = profile({"properties": {"where": {}}}, tier=Tier.READ, retrieval=True, targets=(where,))
    scopes = (Scope(integration="git", breadth=own), Scope(integration="mail", breadth=Breadth.GLOBAL))
    of = contract(scopes=scopes, breadth=of_all)
    found = (*retrieval.judge(call(search, {}, of), compile_contract(of), search), *judged(search, {}, of))
    stopped = {one.code for one in found if one.effect > Effect.ALLOW}
    assert {"global_retrieval", "target_unknown"} & stopped == (
        set() if goes else {"global_retrieval", "target_unknown"}
    )


def test_no_finding_holds_a_value():
    secret = "hunter2-secret"
    of = contract(
        scopes=(Scope(integration="git", tools=("x",), targets=("k:y",)),), prohibited=("*",), max_tier=Tier.READ
    )
    arguments = {"repo_path": f"/home/{secret}", "message": secret, secret: secret}
    made = call(COMMIT, arguments, of)
    found = judged(COMMIT, arguments, of) + schema.judge(COMMIT, made, facts()) + tool_gate.judge(COMMIT, made, facts())
    assert len(found) >= 6
    assert secret not in repr(found)


KEPT = Confinement(filter=ItemFilter(items="items[]", target=TargetRule(kind="thing", path="id")))
BY_WORDS = Confinement(
    narrow=Narrowing(argument="q", several=" ", qualifiers=(Qualifier(kind="thing", add="in:{id}"),))
)


def search(confine, **rules):
    return profile({"properties": {"q": {}}}, tier=Tier.READ, retrieval=True, confine=confine, **rules)


HUB = search(
    Confinement(
        narrow=Narrowing(
            argument="q",
            several=" ",
            qualifiers=(Qualifier(kind="repository", add="repo:{id}"), Qualifier(kind="owner", add="org:{id}")),
        )
    )
)


@pytest.mark.parametrize(
    ("query", "prohibited", "waits"),
    [
        ("x", ("repository:acme/payroll",), True),
        ("x", ("owner:beta",), True),
        ("x", ("*",), True),
        ("x", ("mail.address:*", "scope:access"), False),
        ("x org:acme", ("repository:acme/payroll",), True),
        ("x org:acme", ("repository:acme/*",), True),
        ("x org:acme", ("repository:beta/payroll", "owner:beta"), False),
        ("x org:acme", ("repository:acme-old/payroll",), False),
        ("x repo:acme/web", ("repository:acme/payroll", "owner:beta"), False),
    ],
)
def test_a_search_that_can_find_what_is_prohibited_waits(query, prohibited, waits):
    """Also under rules for everything."""
    for breadth in Breadth:
        found = judged(HUB, {"q": query}, contract(prohibited=prohibited, breadth=breadth))
        held = ("target_unknown", Effect.HOLD, Ask.MEANT, "prohibited")
        assert (held in codes(found)) is waits


@pytest.mark.parametrize(
    ("prohibited", "denied"),
    [((), False), (("scope:secrets",), True), (("scope:*",), True), (("scope:access",), False), (("*",), True)],
)
def test_a_tool_about_what_the_rules_prohibit_is_denied(prohibited, denied):
    tool = profile(tier=Tier.READ, scopes=(SensitiveScope.SECRETS, SensitiveScope.NETWORK))
    found = [
        finding for finding in judged(tool, {}, contract(prohibited=prohibited)) if finding.code == "sensitive_scope"
    ]
    assert bool(found) is denied
    assert all(finding.effect is Effect.DENY for finding in found)


def test_a_scope_that_there_is_not_is_no_prohibition():
    with pytest.raises(ConfigError) as caught:
        compile_contract(contract(prohibited=("scope:secret",)))
    assert "Did you mean secrets?" in caught.value.message


def test_a_search_whose_answer_is_looked_through_needs_no_target():
    tool, rules = search(KEPT), compile_contract(contract(prohibited=("thing:b",)))
    made = call(tool, {"q": "x"}, contract(prohibited=("thing:b",)))
    assert retrieval.judge(made, rules, tool) == ()
    assert contract_gate.judge(made, rules, tool, facts(tool)) == ()


def test_a_query_is_judged_by_what_it_names():
    tool = search(BY_WORDS)
    named = call(tool, {"q": "plan in:a in:b"}, EVERYDAY)
    assert [target.text for target in named.targets] == ["thing:a", "thing:b"]
    assert retrieval.judge(named, compile_contract(EVERYDAY), tool) == ()
    (finding,) = retrieval.judge(call(tool, {"q": "plan"}, EVERYDAY), compile_contract(EVERYDAY), tool)
    assert "in:…" in finding.reason
    (refused,) = retrieval.judge(
        call(search(Confinement(refuse="It is prose.")), {"q": "x"}, EVERYDAY),
        None,
        search(Confinement(refuse="It is prose.")),
    )
    assert refused.reason.endswith("It is prose.")


def test_an_unverified_manifest_confines_nothing():
    for confine in (KEPT, BY_WORDS):
        tool = search(confine, verified=False)
        assert (tool.answer_filter, tool.narrower) == (None, None)
        assert retrieval.judge(call(tool, {"q": "in:a"}, EVERYDAY), compile_contract(EVERYDAY), tool)


def test_a_call_that_only_looks_has_none_of_the_worst_marks_of_its_tool():
    tool = profile(
        {"properties": {"sql": {}}},
        tier=Tier.EXECUTE,
        irreversible=True,
        admin=True,
        money=True,
        tier_by=(TierRule(path="sql", sql="sqlite", tier=Tier.READ),),
    )
    marks = [(m.irreversible, m.admin, m.money) for m in (tool.manifest_at(Tier.READ), tool.manifest_at(Tier.EXECUTE))]
    assert marks == [(False, False, False), (True, True, True)]
    read, write = (call(tool, {"sql": text}, EVERYDAY) for text in ("select 1", "drop table t"))
    assert (read.tier, write.tier) == (Tier.READ, Tier.EXECUTE)
    table = RiskTable()
    assert assess(read, tool.manifest_at(read.tier), table)[0] == 0
    assert assess(write, tool.manifest_at(write.tier), table)[0] == 100
