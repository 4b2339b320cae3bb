"""A call that leaves out what it aims at is not inside anything."""

import pytest

from callgate.core.contract import compile_contract
from callgate.core.gates import contract as contract_gate
from callgate.model.contract import Scope
from callgate.model.terms import Ask, Breadth, Effect, Tier
from callgate.model.tool import TargetRule
from tests.fakes.catalog import call, contract, facts, profile

OPTIONAL = {"properties": {"where": {}}}
TARGETS = (TargetRule(kind="git.repository", path="where"),)


def judged(tool, arguments, of):
    return contract_gate.judge(call(tool, arguments, of), compile_contract(of), tool, facts(tool))


@pytest.mark.parametrize("tier", list(Tier))
def test_a_target_left_out_is_not_inside_the_domains(tier):
    tool = profile(OPTIONAL, tier=tier, targets=TARGETS)
    (found,) = judged(tool, {}, contract())
    assert (found.code, found.effect, found.ask) == ("target_unknown", Effect.HOLD, Ask.MEANT)
    (found,) = judged(tool, {}, contract(outside=Effect.DENY))
    assert found.effect is Effect.DENY
    assert judged(tool, {"where": "/srv/app"}, contract()) == ()


def test_a_target_left_out_may_be_one_that_is_prohibited():
    tool = profile(OPTIONAL, tier=Tier.READ, targets=TARGETS)
    found = judged(tool, {}, contract(prohibited=("git.repository:/srv/secret",)))
    assert [(one.code, one.path) for one in found] == [("target_unknown", "prohibited"), ("target_unknown", "target")]


def test_a_search_goes_everywhere_only_where_no_targets_are_named():
    tool = profile(OPTIONAL, tier=Tier.READ, targets=TARGETS, retrieval=True)
    assert judged(tool, {}, contract(breadth=Breadth.GLOBAL)) == ()
    named = (Scope(integration="git", targets=("git.repository:/srv/app",)),)
    (found,) = judged(tool, {}, contract(breadth=Breadth.GLOBAL, scopes=named))
    assert found.code == "target_unknown"


def test_a_tool_that_touches_nothing_is_inside():
    assert judged(profile(tier=Tier.READ), {}, contract()) == ()
