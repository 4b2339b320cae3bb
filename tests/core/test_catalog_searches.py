"""No search of the shipped catalogue gets by rules that name nothing of what it can reach."""

import msgspec
import pytest

from callgate.catalog.loader import known_manifests, load_manifest
from callgate.core.contract import compile_contract
from callgate.core.gates import contract as contract_gate
from callgate.core.gates import retrieval
from callgate.core.variants import of_variant, variants_of
from callgate.model.contract import Scope
from callgate.model.terms import Breadth, Effect
from tests.fakes.catalog import call, contract, facts, toolbox

NOTHING = contract()
"""Everything of the integration, as far as it belongs to its domains, which hold nothing of it."""
ELSEWHERE = contract(scopes=(Scope(integration="git", targets=("elsewhere:x",)),))


def searches():
    """(name, profile, its rules) of every search, of each variant and of a server that is none of them."""
    for name in known_manifests():
        manifest = load_manifest(name)
        versions = [*variants_of(manifest), *([of_variant(manifest, None)] if manifest.variants else [])]
        for version in versions:
            alone = msgspec.structs.replace(version, variants=())
            tools = toolbox([{"name": tool.name, "inputSchema": {"type": "object"}} for tool in version.tools], alone)
            for tool in (tool for tool in version.tools if tool.retrieval):
                yield f"{name}/{version.variant}/{tool.name}", tools.tools[tool.name], tool


SEARCHES = {name: (profile, tool) for name, profile, tool in searches()}


def wide_arguments(tool):
    """What the tool aims at beside its query: places that are named keep nothing inside."""
    rule = tool.confine.narrow if tool.confine else None
    wide = {one.path: "ana@acme.example" for one in tool.targets if rule and one.path and one.kind in rule.wide}
    return [{}, *([{rule.argument: "plan"}, {rule.argument: "plan", **wide}, {rule.argument: ""}] if rule else [])]


def stopped(profile, arguments, rules):
    made = call(profile, arguments, rules)
    compiled = compile_contract(rules)
    found = (
        *contract_gate.judge(made, compiled, profile, facts(profile)),
        *retrieval.judge(made, compiled, profile),
        *profile.target_findings(arguments),
    )
    return any(finding.effect >= Effect.HOLD for finding in found)


def test_there_are_searches_of_every_kind():
    profiles = [profile for profile, _ in SEARCHES.values()]
    assert len(profiles) > 60
    assert any(profile.narrower for profile in profiles)
    assert any(profile.answer_filter for profile in profiles)
    assert any(not profile.verified for profile in profiles)
    assert any(len(wide_arguments(tool)[-2]) > 1 for _, tool in SEARCHES.values() if len(wide_arguments(tool)) > 1)


@pytest.mark.parametrize("rules", [NOTHING, ELSEWHERE], ids=["nothing", "elsewhere"])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_of_everything_is_stopped_or_looked_through(name, rules):
    profile, tool = SEARCHES[name]
    for arguments in wide_arguments(tool):
        assert profile.answer_filter is not None or stopped(profile, arguments, rules), arguments
    if profile.narrower is not None:
        assert profile.narrower.narrowed({profile.narrower.path: "plan"}, ()) is None


def test_it_is_the_breadth_of_the_rules_that_lets_it_go():
    profile, _ = SEARCHES["gmail/hosted/search_threads"]
    assert stopped(profile, {"query": "plan"}, NOTHING)
    assert not stopped(profile, {"query": "plan"}, contract(breadth=Breadth.GLOBAL))


def test_a_mailbox_that_the_rules_name_keeps_no_search_inside():
    wide = [(profile, tool) for profile, tool in SEARCHES.values() if profile.narrower and profile.narrower.wide]
    assert wide
    for profile, tool in wide:
        arguments = wide_arguments(tool)[2]
        made = call(profile, arguments, NOTHING)
        assert {target.kind for target in made.targets} <= set(profile.narrower.wide)
        assert made.targets
        (finding,) = retrieval.judge(made, compile_contract(NOTHING), profile)
        assert finding.code == "global_retrieval"
