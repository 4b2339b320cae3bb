"""A person's word on one tool: it raises for good, and lowers only what it was said of."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.classify import from_schema
from callgate.core.rulings import highest, marks, ruled, stands
from callgate.core.toolbox import compile_toolbox
from callgate.model.classification import Classification, Confidence, Ruling
from callgate.model.terms import Tier
from callgate.model.tool import Integration, TierRule, ToolManifest
from tests.fakes.catalog import DOMAINS, manifest, toolbox

TIERS = st.sampled_from(list(Tier))
RULES = st.builds(
    ToolManifest,
    name=st.just("t"),
    tier=TIERS,
    say=st.just("Do it"),
    tier_by=st.lists(st.builds(TierRule, path=st.just("mode"), values=st.just(("x",)), tier=TIERS), max_size=3).map(
        tuple
    ),
)
SAID = Classification(
    tier=Tier.EXECUTE, irreversible=True, admin=True, money=True, confidence=Confidence.LOW, reasons=("x.",)
)


def ruling(tier=Tier.READ, was=Tier.EXECUTE, definition="d", digest="m"):
    return Ruling(
        integration="x",
        tool="t",
        tier=tier,
        was=was,
        definition=definition,
        manifest=digest,
        reason="I looked",
        by="ana",
        at_ms=1,
    )


@given(RULES, TIERS, TIERS, st.sampled_from("de"), st.sampled_from("mn"))
def test_what_was_raised_stays_raised_and_what_was_lowered_counts_for_what_it_was_said_of(
    rules, tier, was, pin, digest
):
    said = ruling(tier, was)
    counts = stands(said, rules, pin, digest)
    after = ruled(rules, said if counts else None)
    if said.lowers:
        assert counts == (was is highest(rules) and pin == "d" and digest == "m")
        assert highest(after) is (tier if counts else highest(rules))
    else:
        assert counts
        assert after.tier >= max(tier, rules.tier)
        assert highest(after) >= highest(rules)
        assert all(new.tier >= old.tier for new, old in zip(after.tier_by, rules.tier_by, strict=True))


def box(rules, said, arguments=None):
    pin = toolbox([{"name": "t", "inputSchema": {"properties": {"mode": {"type": "string"}}}}]).pin
    named = msgspec.structs.replace(manifest(*rules), digest="m") if rules else None
    said = said and msgspec.structs.replace(said, definition=pin.tools[0].digest)
    made = compile_toolbox(
        Integration(name="x", actor="local"), pin, named, DOMAINS, rulings={"t": said} if said else {}
    )
    return made.tools["t"]


BY_MODE = ToolManifest(
    name="t",
    tier=Tier.DRAFT,
    say="Do it",
    tier_by=(TierRule(path="mode", values=("run",), tier=Tier.EXECUTE),),
    irreversible=True,
)


def test_a_lowered_tool_has_its_tier_whatever_the_arguments():
    plain, lowered = box([BY_MODE], None), box([BY_MODE], ruling(Tier.DRAFT))
    assert (plain.tier_of({"mode": "run"}), plain.own_tier) == (Tier.EXECUTE, Tier.EXECUTE)
    assert (lowered.tier_of({"mode": "run"}), lowered.tier, lowered.own_tier) == (Tier.DRAFT, Tier.DRAFT, Tier.EXECUTE)
    assert lowered.ruling is not None


def test_a_raised_tool_has_at_least_its_tier():
    raised = box([msgspec.structs.replace(BY_MODE, tier=Tier.READ)], ruling(Tier.EXECUTE, Tier.EXECUTE))
    assert raised.tier_of({}) is Tier.EXECUTE


def test_what_was_lowered_to_read_has_no_marks_and_says_so_to_clients():
    lowered = box([BY_MODE], ruling(Tier.READ))
    assert lowered.manifest_at(Tier.READ).irreversible is False
    assert msgspec.json.decode(lowered.listed)["annotations"]["readOnlyHint"] is True


@pytest.mark.parametrize("said", [ruling(digest="other"), ruling(was=Tier.DRAFT)])
def test_a_lowering_of_something_else_counts_for_nothing(said):
    tool = box([BY_MODE], said)
    assert (tool.tier, tool.ruling) == (Tier.EXECUTE, None)


def test_without_a_manifest():
    assert box([], None).tier is Tier.EXECUTE
    assert box([], ruling(Tier.READ, digest="")).tier is Tier.READ


def test_only_what_is_lowered_to_read_loses_its_marks():
    assert marks(SAID, ruling(Tier.READ)).irreversible is False
    assert marks(SAID, ruling(Tier.DRAFT)) is SAID
    assert marks(SAID, None) is SAID
    assert marks(None, ruling(Tier.READ)) is None


@pytest.mark.parametrize(
    ("definition", "tier", "word"),
    [
        (
            {"name": "get_page", "inputSchema": {"properties": {"confirm": {"type": "boolean"}}}},
            Tier.EXECUTE,
            "confirm",
        ),
        ({"name": "get_page", "annotations": {"destructiveHint": True}}, Tier.EXECUTE, "destructive"),
        ({"name": "delete_page", "description": "Delete it", "inputSchema": {}}, Tier.READ, ""),
        ({}, Tier.READ, ""),
        ({"name": 5, "inputSchema": 7, "annotations": 1}, Tier.READ, ""),
    ],
)
def test_what_a_schema_says_alone(definition, tier, word):
    found, reasons = from_schema(definition)
    assert found is tier
    assert word in " ".join(reasons)
