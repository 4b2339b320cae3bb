"""Stage observe: what only waits or lies outside runs and is recorded; what stops for good stops."""

import msgspec
import pytest

from callgate.core.decide import compile_rules, decide
from callgate.core.ledger.canonical import digest
from callgate.core.observe import ends_ms
from callgate.core.policy.bundle import bundle_digest, parse_bundle
from callgate.core.policy.cases import run_cases
from callgate.core.policy.changes import changes
from callgate.model.bundle import Observing
from callgate.model.decision import Observed
from callgate.model.errors import ConfigError
from callgate.model.terms import Breadth, Effect, LogDepth, RuntimeKind, Stage, Tier
from callgate.model.tool import Target
from callgate.policies import starter
from tests.fakes.judging import PERMIT_ALL, bundle, call, contract, facts, manifest, starter_bundle, tool

FORBID = PERMIT_ALL + '@id("no") @reason("r") forbid (principal, action, resource);'
PAYROLL = Target(kind="k", id="payroll", domain="local-work")


def seen(cedar=PERMIT_ALL, known=None, *, made=None, about=..., profile=..., **changed):
    rules = compile_rules(bundle(cedar))
    known = known or manifest(compensation="undo")
    stage = {"stage": Stage.OBSERVE} | changed
    return decide(
        made or call(),
        tool(known) if profile is ... else profile,
        contract() if about is ... else about,
        rules,
        facts(rules.digest, **stage),
    )


def test_what_would_be_allowed_says_so():
    decision = seen()
    assert decision.effect is Effect.ALLOW
    assert decision.observed == Observed(would=Effect.ALLOW)
    assert decision.log_depth is LogDepth.ARGUMENTS


@pytest.mark.parametrize(
    ("would", "key", "given"),
    [
        (Effect.HOLD, "duty/no_way_back/", {"known": manifest()}),
        (Effect.HOLD, "tool/definition_changed/", {"drifted": True}),
        (Effect.HOLD, "repeat/equal_call_in_doubt/started", {"twin": "started"}),
        (Effect.HOLD, "contract/other_domain/0", {"about": contract(domains=("eng",))}),
        (Effect.DENY, "contract/tier_above/", {"about": contract(max_tier=Tier.READ)}),
        (Effect.DENY, "contract/integration_not_listed/", {"made": call(integration="mail")}),
        (Effect.DENY, "policy/policy_deny/no", {"cedar": FORBID}),
        (Effect.DENY, "policy/no_permit/", {"cedar": '@id("x") permit (principal, action, resource) when { false };'}),
        (
            Effect.DENY,
            "retrieval/global_retrieval/",
            {"known": manifest(retrieval=True, tier=Tier.READ), "made": call(Tier.READ, targets=())},
        ),
    ],
)
def test_what_would_wait_or_be_stopped_runs_and_is_recorded(would, key, given):
    decision = seen(**given)
    assert decision.effect is Effect.ALLOW
    assert decision.observed.would is would
    assert key in decision.observed.findings
    assert all(one.shadow for one in decision.findings if one.key in decision.observed.findings)
    assert decision.questions == ()
    assert seen(**given, stage=Stage.PRODUCTION).effect is would


@pytest.mark.parametrize(
    ("code", "given"),
    [
        ("halted", {"halts": ("halt-1",)}),
        ("credential_revoked", {"credential_problem": "revoked"}),
        ("contract_unknown", {"contract_problem": "unknown"}),
        ("no_contract", {"about": None}),
        ("closed_task", {"task_problem": "closed_task"}),
        ("not_your_rules", {"about": contract(initiators=("ben",))}),
        ("not_this_runtime", {"about": contract(runtimes=("cursor",))}),
        ("prohibited", {"about": contract(prohibited=("k:pay*",)), "made": call(targets=(PAYROLL,))}),
        (
            "global_retrieval",
            {
                "known": manifest(retrieval=True, tier=Tier.READ),
                "made": call(Tier.READ, targets=()),
                "about": contract(prohibited=("k:pay*",)),
            },
        ),
        ("unknown_tool", {"profile": None}),
        ("not_pinned", {"pinned": ""}),
        ("other_definition", {"pinned": "b" * 64}),
        ("denied_before", {"denied_until_ms": 2**50}),
        ("rate_limited", {"exhausted": ("rate:a",)}),
        ("calls_used_up", {"exhausted": ("calls:a",)}),
        (
            "policy_error",
            {
                "cedar": PERMIT_ALL
                + '@id("e") @reason("r") forbid (principal, action, resource) when { context.risk + 9223372036854775807 > 0 };',
                "made": call(kind=RuntimeKind.UNATTENDED),
            },
        ),
    ],
)
def test_what_stops_for_good_stops(code, given):
    decision = seen(**given)
    assert decision.effect is Effect.DENY
    assert decision.findings[0].code == code
    assert decision.observed == Observed(would=Effect.DENY)
    assert seen(**given, stage=Stage.PRODUCTION).findings == decision.findings


def test_a_tool_that_is_kept_away_stops(monkeypatch):
    kept = tool(manifest(compensation="undo"))
    monkeypatch.setattr(kept, "quarantine", "look_alike")
    assert seen(profile=kept).findings[0].code == "quarantined"


def test_arguments_that_the_schema_denies_stop_and_those_it_would_ask_about_do_not():
    odd = call(arguments={"x": 1}, body=b'{"x":1}')
    assert seen(made=odd).findings[0].gate == "schema"
    assert seen(made=odd).effect is Effect.DENY
    unknown = seen(made=odd, profile=tool(None))
    assert unknown.effect is Effect.ALLOW
    assert unknown.observed.would is Effect.HOLD
    assert any(key.startswith("schema/") for key in unknown.observed.findings)


def test_a_gate_that_cannot_judge_still_denies(monkeypatch):
    broken = tool(manifest(compensation="undo"))
    monkeypatch.setattr(type(broken), "schema_findings", lambda *_: 1 / 0)
    decision = seen(profile=broken)
    assert decision.effect is Effect.DENY
    assert (decision.findings[0].gate, decision.findings[0].code) == ("schema", "indeterminate")


def test_after_its_time_it_is_the_read_stage_and_says_why():
    decision = seen(stage=Stage.READ, observe_over=True)
    assert decision.effect is Effect.DENY
    assert decision.findings[0].code == "observe_over"
    assert decision.observed is None


def test_policies_are_told_that_it_is_production():
    cedar = (
        PERMIT_ALL
        + '@id("p") @reason("r") forbid (principal, action, resource) when { context.stage == "production" };'
    )
    assert seen(cedar).observed.findings == ("policy/policy_deny/p",)


def rules_with(line):
    files = dict(starter("ana"))
    files["rules.toml"] = files["rules.toml"].replace(b"[stages]\n", b"[stages]\n" + line.encode() + b"\n", 1)
    return parse_bundle(files, {"git": "0" * 64})


def test_the_switch_names_its_end_and_its_owner():
    made = rules_with('github = { stage = "observe", observe_until = "2026-12-15", owner = "ana" }')
    assert dict(made.stages)["github"] == "observe"
    assert made.observing == (Observing(name="github", until="2026-12-15", owner="ana"),)
    said = "\n".join(changes(starter_bundle(), made))
    assert '+ stages.github = "observe"' in said
    assert '+ observing.github.until = "2026-12-15"' in said
    assert '+ observing.github.owner = "ana"' in said


def test_a_bundle_that_observes_nothing_keeps_its_digest():
    plain = starter_bundle()
    before = {name: getattr(plain, name) for name in plain.__struct_fields__ if name not in ("digest", "observing")}
    assert plain.digest == digest(before)
    with_one = msgspec.structs.replace(plain, observing=(Observing(name="g", until="2026-12-15", owner="ana"),))
    assert bundle_digest(with_one) != plain.digest


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('github = "observe"', "stages.github"),
        ('github = { stage = "observe", owner = "ana" }', "stages.github"),
        ('github = { stage = "observe", observe_until = "2026-12-15" }', "stages.github"),
        ('github = { stage = "observe", observe_until = "soon", owner = "ana" }', "stages.github.observe_until"),
        ('github = { stage = "observe", observe_until = "2026-W50-1", owner = "ana" }', "stages.github.observe_until"),
        ('github = { stage = "observe", observe_until = "2026-02-30", owner = "ana" }', "stages.github.observe_until"),
        ('github = { stage = "observe", observe_until = "2026-12-15", owner = " " }', "stages.github.owner"),
        ('"*" = { stage = "observe", observe_until = "2026-12-15", owner = "ana" }', "stages.*"),
        ('github = { stage = "read", observe_until = "2026-12-15" }', "stages.github"),
        ('github = { stage = "observe", until = "2026-12-15" }', "stages.github.until"),
    ],
)
def test_a_switch_that_says_too_little_is_refused(line, key):
    with pytest.raises(ConfigError) as refused:
        rules_with(line)
    assert refused.value.file == "rules.toml"
    assert refused.value.key == key


def test_cases_of_an_observed_integration_are_judged_as_in_production():
    files = dict(starter("ana"))
    cases = {name: data for name, data in files.items() if name.startswith("cases/")}
    line = b'git = { stage = "observe", observe_until = "2026-12-15", owner = "ana" }'
    files["rules.toml"] = files["rules.toml"].replace(b'git = "production"', line, 1)
    made = parse_bundle(files, {"git": "0" * 64})
    assert dict(made.stages)["git"] == "observe"
    found = run_cases(made, cases)
    assert len(found) > 5
    assert [one.name for one in found if not one.passed] == []


def test_the_last_day_is_whole():
    assert ends_ms("1970-01-01") == 86_400_000
    assert ends_ms("2026-12-31") == ends_ms("2026-12-30") + 86_400_000


def test_breadth_is_no_word_of_this_stage():
    assert seen(about=contract(breadth=Breadth.GLOBAL)).observed == Observed(would=Effect.ALLOW)
