"""Arguments of other tools, made as a manifest says or not at all."""

import json

import pytest

from callgate.core.confirming import ConfirmPlan
from callgate.core.steps import NotMadeError, StepPlan
from callgate.model.manifest import ConfirmRead, DraftLane, ResultShape, Step


def answer(value, *, error=False):
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps({"content": [{"type": "text", "text": text}], "isError": error}).encode()


def test_values_keep_their_types_and_texts_are_joined():
    plan = StepPlan(
        Step(
            tool="t",
            same=("owner", "gone"),
            arguments={
                "number": "{receipt:number|integer}",
                "ids": "{receipt:number|list}",
                "full": "{owner}/{repo}",
                "labels": "{pre_read:labels[].name}",
                "deep": {"in": ["{repo}", 3, True, {"body": "{pre_read:body}"}]},
                "state": "closed",
            },
        )
    )
    made = plan.make(
        {"owner": "acme", "repo": "web", "other": 1},
        {"number": "12"},
        {"labels": [{"name": "a"}, {"name": "b"}], "body": "former"},
    )
    assert made == {
        "owner": "acme",
        "number": 12,
        "ids": ["12"],
        "full": "acme/web",
        "labels": ["a", "b"],
        "deep": {"in": ["web", 3, True, {"body": "former"}]},
        "state": "closed",
    }


@pytest.mark.parametrize(
    ("value", "receipt", "pre_read"),
    [
        ("{receipt:number}", {}, None),
        ("{receipt:number|integer}", {"number": "12a"}, None),
        ("{pre_read:body}", {}, {}),
        ("{pre_read:body}", {}, {"body": None}),
        ("{pre_read:body}", {}, None),
        ("{pre_read:a[].b}", {}, {"a": "x"}),
        ("x{absent}", {}, None),
        ("x{list}", {}, None),
    ],
)
def test_what_is_missing_or_odd_makes_no_step(value, receipt, pre_read):
    with pytest.raises(NotMadeError):
        StepPlan(Step(tool="t", arguments={"a": value})).make({"list": []}, receipt, pre_read)


def test_what_may_be_missing_is_left_out():
    step = Step(tool="t", arguments={"a": "{absent}", "b": "{pre_read:milestone?}", "c": {"d": "{absent}"}})
    assert StepPlan(step).make({}, {}, {"other": 1}) == {"c": {}}


@pytest.mark.parametrize("value", ["{a", "a}", "{}", "{receipt:}", "{other:x}", "{a|float}", "{a..b}", "{a?b}"])
def test_what_cannot_compile(value):
    with pytest.raises(ValueError):
        StepPlan(Step(tool="t", arguments={"a": value}))


def test_an_argument_stands_in_one_place():
    with pytest.raises(ValueError):
        StepPlan(Step(tool="t", same=("a",), arguments={"a": 1}))


def test_all_others_pass_but_what_is_dropped():
    lane = DraftLane(tool="t", same=("*",), arguments={"draft": True}, dropped={"reviewers": "A draft asks nobody."})
    plan = StepPlan(lane, frozenset(lane.dropped))
    assert plan.make({"title": "x", "draft": False, "reviewers": ["ben"]}) == {"title": "x", "draft": True}


@pytest.mark.parametrize(
    ("changes", "text", "happened"),
    [
        ({}, [{"id": 7}], True),
        ({}, [{"id": "7"}], True),
        ({}, [{"id": 8}], False),
        ({}, [], False),
        ({}, {"id": 7}, None),
        ({}, "prose", None),
        ({"gone": True}, [{"id": 7}], False),
        ({"gone": True}, [], True),
        ({"gone": True}, "prose", None),
        ({"equals": ""}, [{"id": 9}], True),
        ({"path": "text", "result": ResultShape.TEXT, "equals": "note {id}"}, "note 7", True),
    ],
)
def test_what_a_confirm_read_shows(changes, text, happened):
    plan = ConfirmPlan(ConfirmRead(**{"tool": "t", "path": "[].id", "equals": "{id}", **changes}))
    assert plan.happened({"id": 7}, answer(text)) is happened
    assert plan.happened({"id": 7}, answer(text, error=True)) is None


def test_what_to_look_at_is_said_with_its_arguments():
    plan = ConfirmPlan(ConfirmRead(tool="get", arguments={"id": "{id}"}, path="id"))
    assert plan.advice({"id": 7}) == 'Look with get whether it happened, arguments {"id":7}.'
    assert plan.advice({"id": "x" * 2000}) == ""
