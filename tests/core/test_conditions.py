"""Conditions of manifests: what passes, what does not, and what cannot be told."""

import pytest

from callgate.core.conditions import ArgumentTier, Criterion
from callgate.model.manifest import Condition, Given
from callgate.model.terms import Tier
from callgate.model.tool import TierRule

TRASH = Condition(path="labels", without=("TRASH", "SPAM"))
AGENT = Condition(path="branch", prefix=("agent/",))
SQL = Condition(path="sql", sql="sqlite")
SAFE = Condition(path="method", http_safe=True)


def given(word):
    return Condition(path="a", given=Given(word))


@pytest.mark.parametrize(
    ("condition", "arguments", "holds"),
    [
        (Condition(path="a", values=(True,)), {"a": True}, True),
        (Condition(path="a", values=(True,)), {"a": 1}, False),
        (Condition(path="a", values=(True,)), {"a": "true"}, False),
        (Condition(path="a", values=("x",)), {}, False),
        (Condition(path="a[].b", values=("x",)), {"a": [{"b": "x"}, {"b": "y"}]}, False),
        (Condition(path="a[].b", values=("x",)), {"a": [{"b": "x"}, {"b": "x"}]}, True),
        (Condition(path="a[].b", values=("x",)), {"a": "x"}, None),
        (TRASH, {}, True),
        (TRASH, {"labels": ["INBOX"]}, True),
        (TRASH, {"labels": ["INBOX", "trash "]}, False),
        (TRASH, {"labels": "SPAM"}, False),
        (TRASH, {"labels": [1]}, None),
        (TRASH, {"labels": {"TRASH": 1}}, None),
        (AGENT, {"branch": "agent/x"}, True),
        (AGENT, {"branch": "main"}, False),
        (AGENT, {"branch": "agent/../main"}, False),
        (AGENT, {"branch": ["agent/x"]}, None),
        (AGENT, {}, False),
        (SQL, {"sql": "select 1"}, True),
        (SQL, {"sql": "drop table t"}, False),
        (SQL, {"sql": 1}, None),
        (SQL, {}, False),
        (SAFE, {"method": "get"}, True),
        (SAFE, {"method": "GET\n"}, False),
        (SAFE, {"method": "DELETE"}, False),
        (SAFE, {}, False),
        (given("present"), {"a": False}, True),
        (given("present"), {"a": None}, False),
        (given("absent"), {"a": None}, True),
        (given("absent"), {"a": ""}, False),
        (given("empty"), {}, True),
        (given("empty"), {"a": []}, True),
        (given("empty"), {"a": 0}, False),
        (given("empty"), {"a": [""]}, False),
        (given("filled"), {"a": 0}, True),
        (given("filled"), {"a": {}}, False),
        (given("true"), {"a": True}, True),
        (given("true"), {"a": "true"}, False),
        (given("false"), {"a": False}, True),
        (given("false"), {}, False),
        (given("off"), {}, True),
        (given("off"), {"a": False}, True),
        (given("off"), {"a": 0}, False),
    ],
)
def test_what_a_condition_says(condition, arguments, holds):
    assert Criterion(condition).holds(arguments) is holds


@pytest.mark.parametrize(
    "condition",
    [
        Condition(path="a"),
        Condition(path="a", values=(1,), sql="sqlite"),
        Condition(path="a..b", values=(1,)),
        Condition(path="a", sql="sqllite"),
        Condition(path="a", prefix=("",)),
        Condition(values=(1,)),
    ],
)
def test_what_cannot_compile(condition):
    with pytest.raises(ValueError):
        Criterion(condition)


def test_all_conditions_of_a_rule_have_to_hold():
    rule = ArgumentTier(
        TierRule(
            path="action",
            values=("create",),
            when=(Condition(path="attendees", given=Given.EMPTY),),
            tier=Tier.DRAFT,
        )
    )
    assert rule.holds({"action": "create"}, raising=False)
    assert not rule.holds({"action": "create", "attendees": ["ana@example.com"]}, raising=False)
    assert not rule.holds({"action": "delete"}, raising=False)
    assert not rule.holds({}, raising=False)


def test_a_rule_that_raises_needs_one_value_or_an_odd_one():
    rule = ArgumentTier(TierRule(path="ops[]", values=("drop",), tier=Tier.EXECUTE))
    assert rule.holds({"ops": ["look", "drop"]}, raising=True)
    assert rule.holds({"ops": "drop"}, raising=True)
    assert not rule.holds({"ops": ["look"]}, raising=True)
