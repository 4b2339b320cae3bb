"""What the catalogue says of single calls: what cannot be taken back, ways back, draft lanes, and reads of the state."""

import msgspec
import pytest

from callgate.core.contract import compile_contract
from callgate.core.gates import contract as contract_gate
from callgate.core.state_read import StateRead
from callgate.core.toolbox import ToolProfile
from callgate.model.classification import Ruling
from callgate.model.manifest import Condition, DraftLane, Given, Step
from callgate.model.terms import Tier
from callgate.model.tool import PinRead, TierRule, ToolManifest
from tests.fakes.catalog import DOMAINS, call, contract, facts, profile, tool_pin

DRAFTS = Condition(path="draft", given=Given.TRUE)
LOWERED = TierRule(path="draft", given=Given.TRUE, tier=Tier.DRAFT)


def at(tool, arguments):
    return tool.manifest_at(tool.tier_of(arguments), arguments)


def test_what_is_lowered_to_a_draft_can_be_taken_back():
    tool = profile(tier=Tier.EXECUTE, irreversible=True, admin=True, tier_by=(LOWERED,))
    assert not at(tool, {"draft": True}).irreversible
    assert at(tool, {"draft": True}).admin
    for odd in ({}, {"draft": False}, {"draft": "true"}, {"draft": 1}, {"draft": None}):
        assert at(tool, odd).irreversible, odd
    assert tool.manifest_at(Tier.DRAFT).irreversible
    assert tool.manifest.irreversible


def test_the_rules_hold_only_what_cannot_be_taken_back():
    rules = contract()
    tool = profile({"properties": {"draft": {}}}, tier=Tier.EXECUTE, irreversible=True, tier_by=(LOWERED,))
    for draft, codes in ((True, []), (False, ["irreversible"])):
        judged = call(tool, {"draft": draft}, rules)
        found = contract_gate.judge(judged, compile_contract(rules), tool, facts(tool))
        assert [finding.code for finding in found] == codes


def test_unless_what_lowers_it_says_so():
    lasting = TierRule(path="labels[]", values=("later",), tier=Tier.DRAFT, irreversible=True)
    tool = profile(tier=Tier.EXECUTE, irreversible=True, tier_by=(LOWERED, lasting))
    assert at(tool, {"labels": ["later"]}).irreversible
    assert at(tool, {"labels": ["later"], "draft": True}).irreversible
    assert not at(tool, {"draft": True}).irreversible
    assert at(tool, {"labels": ["later", "now"], "draft": True}).irreversible


def test_a_tool_that_is_a_draft_at_worst_stays_irreversible():
    tool = profile(tier=Tier.DRAFT, irreversible=True, tier_by=(TierRule(path="x", given=Given.TRUE, tier=Tier.READ),))
    assert at(tool, {}).irreversible
    assert not at(tool, {"x": True}).irreversible


def test_a_person_who_lowers_a_tool_says_nothing_of_ways_back():
    known = ToolManifest(name="t", tier=Tier.EXECUTE, say="Do", irreversible=True, tier_by=(LOWERED,))
    pinned = tool_pin({"name": "t", "inputSchema": {}})
    ruling = Ruling(
        integration="x",
        tool="t",
        tier=Tier.DRAFT,
        was=Tier.EXECUTE,
        definition=pinned.digest,
        manifest="m",
        reason="It only notes.",
        by="ana",
        at_ms=1,
    )
    tool = ToolProfile(pinned, known, DOMAINS, "", verified=True, ruling=ruling, manifest_digest="m")
    assert (tool.ruling, tool.tier_of({})) == (ruling, Tier.DRAFT)
    assert tool.manifest_at(Tier.DRAFT, {}).irreversible
    assert not tool.manifest_at(Tier.DRAFT, {"draft": True}).irreversible


MADE = Condition(path="method", values=("create",))
CHANGED = Condition(path="method", values=("update",))
WAYS = (Step(tool="drop", when=(MADE,)), Step(tool="t", same=("id",), when=(CHANGED,)))


def test_each_kind_of_call_has_a_way_back_of_its_own():
    tool = profile(tier=Tier.EXECUTE, irreversible=True, compensation=WAYS)
    assert at(tool, {"method": "create"}).compensation == WAYS[0]
    assert at(tool, {"method": "update"}).undone_by == "t"
    assert not at(tool, {"method": "update"}).irreversible
    for other in ({"method": "delete"}, {}, {"method": ["create"]}, {"method": "Create"}):
        assert (at(tool, other).compensation, at(tool, other).irreversible) == ("", True), other
    assert (tool.manifest_at(Tier.EXECUTE).compensation, tool.manifest.undone_by) == ("", "drop, t")


def test_a_way_back_for_all_others_comes_last():
    tool = profile(tier=Tier.EXECUTE, compensation=(WAYS[0], Step(tool="undo")))
    assert [at(tool, {"method": one}).undone_by for one in ("create", "x")] == ["drop", "undo"]
    assert tool.manifest_at(Tier.EXECUTE).undone_by == "undo"


def test_each_kind_of_call_has_a_draft_lane_of_its_own():
    lanes = (DraftLane(tool="prepare", when=(MADE,)), DraftLane(tool="note", when=(CHANGED,)))
    tool = profile(tier=Tier.EXECUTE, draft_lane=lanes)
    assert at(tool, {"method": "update"}).draft_lane == lanes[1]
    assert at(tool, {}).draft_lane is None
    single = profile(tier=Tier.EXECUTE, draft_lane=DraftLane(tool="prepare", when=(MADE,)))
    assert (at(single, {}).draft_lane, at(single, {"method": "create"}).draft_lane.tool) == (None, "prepare")


def test_a_read_that_may_be_wanted_is_made():
    tool = profile(state_pin=(PinRead(tool="get", arguments={"id": "{id}"}, when=(CHANGED,)), PinRead(tool="all")))
    made = [
        [read.tool for read in tool.state_reads(given)] for given in ({"method": "update"}, {"method": "create"}, {})
    ]
    assert made == [["get", "all"], ["all"], ["all"]]
    odd = profile(state_pin=(PinRead(tool="get", when=(Condition(path="a.b", given=Given.TRUE),)),))
    assert [read.tool for read in odd.state_reads({"a": "x"})] == ["get"]


def answer(text="", structured=None, **members):
    more = {} if structured is None else {"structuredContent": structured}
    return msgspec.json.encode({"content": [{"type": "text", "text": text}], **more, **members})


def state(result, **read):
    return StateRead(PinRead(tool="get", **read)).state(result)


def test_of_an_answer_the_named_fields_alone_count():
    fields = ("title", "owner.id", "parts[].id")
    told = {"title": "A", "owner": {"id": 7, "seen": 1}, "parts": [{"id": "x", "url": "1"}], "request": "r1"}
    later = {"request": "r2", "parts": [{"url": "2", "id": "x"}], "owner": {"seen": 2, "id": 7}, "title": "A"}
    first = state(answer(msgspec.json.encode(told).decode()), fields=fields)
    assert first == state(answer(structured=later), fields=fields)
    assert first is not None
    for change in ({"title": "B"}, {"owner": {"id": "7"}}, {"parts": []}, {"title": None}):
        assert state(answer(structured={**told, **change}), fields=fields) not in {first, None}, change


@pytest.mark.parametrize(
    "result",
    [
        answer("no JSON"),
        answer(structured={"error": "x"}),
        answer(structured={"title": "A", "owner": "odd"}),
        answer(structured={"title": "A"}, isError=True),
    ],
)
def test_an_answer_without_the_fields_says_nothing(result):
    assert state(result, fields=("title", "owner.id")) is None


def test_of_a_text_its_part_counts():
    pattern = r"^Issue \S+\nStatus: (?P<value>[a-z]+)\n"
    first = state(answer("Issue A-1\nStatus: open\nSeen: 5"), pattern=pattern)
    assert first == state(answer("Issue A-1\nStatus: open\nSeen: 6"), pattern=pattern) == b"open"
    assert state(answer("Issue A-1\nStatus: resolved\nSeen: 5"), pattern=pattern) == b"resolved"
    assert state(answer("There is no such issue"), pattern=pattern) is None


def test_without_either_the_whole_answer_counts():
    assert state(answer("a")) != state(answer("b"))
