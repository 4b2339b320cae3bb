"""One gate at a time."""

import pytest

from callgate.core.gates import duty, halt, rate, repeat, risk, stage, standing
from callgate.core.risk import assess
from callgate.model.bundle import Duty, RiskTable
from callgate.model.terms import Ask, Effect, LogDepth, RuntimeKind, Stage, Tier
from callgate.model.tool import Target
from tests.fakes.judging import NOW, call, facts, manifest

DIGEST = "b" * 64
DUTIES = {
    tier: Duty(tier=tier, approval=ask, log_depth=LogDepth.METADATA)
    for tier, ask in ((Tier.READ, None), (Tier.DRAFT, None), (Tier.EXECUTE, Ask.MEANT))
}


def codes(findings):
    return [(f.code, f.effect) for f in findings]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"credential_problem": "revoked"}, ["credential_revoked"]),
        ({"credential_problem": "brand_new"}, ["credential_brand_new"]),
        ({"contract_problem": "awaiting_consent"}, ["contract_awaiting_consent"]),
        ({"contract_problem": "brand_new"}, ["contract_brand_new"]),
        ({"task_problem": "closed_task"}, ["closed_task"]),
        ({"task_problem": "brand_new"}, ["brand_new"]),
        ({"bundle": "c" * 64}, ["stale_bundle"]),
        (
            {
                "credential_problem": "expired",
                "contract_problem": "unknown",
                "task_problem": "wider_task",
                "bundle": "",
            },
            ["credential_expired", "contract_unknown", "wider_task", "stale_bundle"],
        ),
    ],
)
def test_standing_denies_every_problem(changes, expected):
    found = standing.judge(facts(DIGEST, **{"bundle": DIGEST, **changes}), DIGEST)
    assert codes(found) == [(code, Effect.DENY) for code in expected]
    assert all(f.reason.endswith(".") for f in found)


def test_each_known_problem_has_its_own_sentence():
    for table in (standing._CREDENTIAL, standing._CONTRACT, standing._TASK):
        assert len(set(table.values())) == len(table)


def test_halts_are_named_one_by_one():
    assert halt.judge(facts(DIGEST)) == ()
    found = halt.judge(facts(DIGEST, halts=("halt-1", "halt-2")))
    assert [(f.path, f.effect) for f in found] == [("halt-1", Effect.DENY), ("halt-2", Effect.DENY)]


@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("at", list(Stage))
def test_the_read_stage_runs_reads_only(tier, at):
    found = stage.judge(tier, facts(DIGEST, stage=at))
    assert bool(found) is (at is Stage.READ and tier is not Tier.READ)
    for finding in found:
        assert finding.effect is Effect.DENY
        assert "recorded and not executed" in finding.reason


def test_rate_says_the_kind_of_limit_and_never_the_counter():
    found = rate.judge(
        facts(DIGEST, exhausted=("rate:initiator:ana:1", "rate:kind:service:1", "calls:task-1", "holds:x", "odd"))
    )
    assert codes(found) == [
        (code, Effect.DENY) for code in ("calls_used_up", "too_many_waiting", "limit_reached", "rate_limited")
    ]
    assert not any("ana" in f.reason + f.path or "task-1" in f.path for f in found)
    assert rate.judge(facts(DIGEST)) == ()


def test_a_denial_sticks_until_its_time():
    assert codes(repeat.judge(None, facts(DIGEST, denied_until_ms=NOW + 1))) == [("denied_before", Effect.DENY)]
    assert repeat.judge(None, facts(DIGEST, denied_until_ms=NOW)) == ()


def test_a_twin_holds_unless_the_tool_is_idempotent():
    twin = facts(DIGEST, twin="call-9")
    for known in (None, manifest()):
        (found,) = repeat.judge(known, twin)
        assert (found.code, found.effect, found.ask, found.path) == (
            "equal_call_in_doubt",
            Effect.HOLD,
            Ask.MEANT,
            "call-9",
        )
    assert repeat.judge(manifest(idempotent=True), twin) == ()


def targets(count):
    return tuple(Target(kind="fs.path", id=f"/{n}") for n in range(count))


@pytest.mark.parametrize(
    ("known", "kind", "count", "expected"),
    [
        (manifest(), RuntimeKind.ATTENDED, 4, []),
        (manifest(), RuntimeKind.ATTENDED, 5, [("many_targets", 20)]),
        (None, RuntimeKind.ATTENDED, 0, [("no_manifest", 20)]),
        (None, RuntimeKind.SUBAGENT, 0, [("no_manifest", 20), ("unattended", 10)]),
        (manifest(irreversible=True, admin=True), RuntimeKind.ATTENDED, 0, [("irreversible", 40), ("admin", 40)]),
        (manifest(money=True), RuntimeKind.SERVICE, 9, [("money", 40), ("unattended", 10), ("many_targets", 20)]),
    ],
)
def test_risk_adds_up_with_its_parts(known, kind, count, expected):
    points, parts = assess(call(kind=kind, targets=targets(count)), known, RiskTable())
    assert [(p.code, p.points) for p in parts] == expected
    assert points == sum(p for _, p in expected)


def test_risk_stops_at_100_and_parts_of_nothing_are_left_out():
    known = manifest(irreversible=True, admin=True, money=True)
    assert assess(call(), known, RiskTable())[0] == 100
    assert assess(call(), known, RiskTable(irreversible=0, admin=0, money=0)) == (0, ())


def test_high_risk_asks_another_person():
    assert risk.judge(59, 60) == ()
    (found,) = risk.judge(60, 60)
    assert (found.code, found.effect, found.ask) == ("high_risk", Effect.HOLD, Ask.ACCEPTABLE)
    assert risk.judge(100, 101) == ()


@pytest.mark.parametrize(
    ("tier", "known", "expected"),
    [
        (Tier.READ, None, []),
        (Tier.READ, manifest(irreversible=True, admin=True, money=True), []),
        (Tier.DRAFT, manifest(money=True), []),
        (Tier.EXECUTE, None, [("no_way_back", Ask.MEANT)]),
        (Tier.EXECUTE, manifest(), [("no_way_back", Ask.MEANT)]),
        (Tier.EXECUTE, manifest(compensation="undo"), []),
        (Tier.EXECUTE, manifest(compensation="undo", admin=True), [("admin", Ask.ACCEPTABLE)]),
        (Tier.EXECUTE, manifest(irreversible=True), [("no_way_back", Ask.MEANT), ("irreversible", Ask.ACCEPTABLE)]),
        (Tier.EXECUTE, manifest(compensation="undo", money=True), [("money", Ask.ACCEPTABLE)]),
    ],
)
def test_duties(tier, known, expected):
    found = duty.judge(tier, known, DUTIES)
    assert [(f.code, f.ask) for f in found] == expected
    assert all(f.effect is Effect.HOLD for f in found)


@pytest.mark.parametrize("tier", list(Tier))
def test_a_tier_without_a_row_is_denied(tier):
    others = {t: d for t, d in DUTIES.items() if t is not tier}
    assert codes(duty.judge(tier, manifest(compensation="undo"), others)) == [("no_duty", Effect.DENY)]


def test_a_company_may_ask_at_other_tiers_and_not_ask_at_execute():
    rows = {
        Tier.READ: Duty(tier=Tier.READ, approval=Ask.DOMAIN, log_depth=LogDepth.FULL),
        Tier.EXECUTE: Duty(tier=Tier.EXECUTE, approval=None, log_depth=LogDepth.FULL),
    }
    assert [(f.code, f.ask) for f in duty.judge(Tier.READ, None, rows)] == [("tier_asks", Ask.DOMAIN)]
    assert duty.judge(Tier.EXECUTE, None, rows) == ()
    assert [f.code for f in duty.judge(Tier.EXECUTE, manifest(admin=True), rows)] == ["admin"]
