"""Receipts from a target's answer."""

import json

import pytest

from callgate.core.receipt import MAX_TEXT, ReceiptExtractor
from callgate.model.tool import ReceiptRule

HASH = "d1ca9927019182bd7aa30dd83f364940ee5ae3ec"


def rule(name="id", **source):
    return ReceiptRule(name=name, **source)


def read(*rules, arguments=None, text=None, **members):
    content = [] if text is None else [{"type": "text", "text": text}]
    result = json.dumps({"content": content, **members}).encode()
    return ReceiptExtractor(rules).read(arguments or {}, result)


def test_each_source():
    assert read(rule(structured="a.id"), structuredContent={"a": {"id": 7}}) == (("id", "7"),)
    assert read(rule(json_text="list[].id"), text='{"list": [{"id": "x"}]}') == (("id", "x"),)
    assert read(rule(pattern="^Made (?P<value>[0-9]+)$"), text="Made 12") == (("id", "12"),)
    assert read(rule(argument="path"), arguments={"path": "/a"}) == (("id", "/a"),)


def test_the_first_text_block_is_the_one():
    content = [{"type": "image", "data": ""}, {"type": "text", "text": "id=1"}, {"type": "text", "text": "id=2"}]
    result = json.dumps({"content": content}).encode()
    assert ReceiptExtractor((rule(pattern="^id=(?P<value>.)"),)).read({}, result) == (("id", "1"),)


def test_contradiction_gives_nothing():
    both = (rule(structured="id"), rule(json_text="id"))
    assert read(*both, text='{"id": 1}', structuredContent={"id": 1}) == (("id", "1"),)
    assert read(*both, text='{"id": 2}', structuredContent={"id": 1}) == ()
    assert read(rule(structured="l[].id"), structuredContent={"l": [{"id": 1}, {"id": 2}]}) == ()


def test_a_missing_name_gives_nothing():
    assert read(rule("a", structured="a"), rule("b", structured="b"), structuredContent={"a": 1}) == ()


def test_an_argument_is_the_last_resort():
    two = (rule(structured="id"), rule(argument="id"))
    assert read(*two, arguments={"id": "asked"}, structuredContent={"id": "made"}) == (("id", "made"),)
    assert read(*two, arguments={"id": "asked"}) == (("id", "asked"),)


def test_an_error_or_an_open_question_is_no_receipt():
    made = rule(argument="path")
    assert read(made, arguments={"path": "/a"}, isError=True) == ()
    assert read(made, arguments={"path": "/a"}, resultType="input_required") == ()
    assert read(made, arguments={"path": "/a"}, resultType="complete") == (("id", "/a"),)


@pytest.mark.parametrize(
    "result", [b"", b"null", b"[]", b"{", b'{"content": 1}', b"\xff", b'{"isError": 1}', b"[" * 100_000]
)
def test_answers_that_are_no_result(result):
    assert ReceiptExtractor((rule(pattern="^(?P<value>x)"),)).read({}, result) == ()


@pytest.mark.parametrize("value", [True, 1.5, "", "a\nb", "x" * 513, {}, ["a"], 2**64, None])
def test_values_that_are_no_evidence(value):
    assert read(rule(structured="id"), structuredContent={"id": value}) == ()


def test_patterns_see_a_bounded_text():
    greedy = rule(pattern="^(?P<value>a+)")
    assert read(greedy, text="a" * 100) == (("id", "a" * 100),)
    assert read(greedy, text="a" * (MAX_TEXT + 1)) == ()
    end = rule(pattern="^x*(?P<value>y)$")
    assert read(end, text="x" * (MAX_TEXT - 1) + "y" + "z" * 10) == ()


def test_a_pattern_is_anchored():
    assert read(rule(pattern=f"^hash (?P<value>{HASH})$"), text=f"message says: hash {HASH}") == ()


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"structured": "a", "argument": "b"},
        {"pattern": "(?P<value>x)"},
        {"pattern": "^x"},
        {"pattern": "^(?P<other>x)"},
        {"pattern": "^(?P<value>x)(?P<more>y)"},
        {"pattern": "^(?P<value>("},
        {"pattern": "^(?P<value>" + "x" * 600 + ")"},
        {"structured": "a..b"},
    ],
)
def test_rules_that_cannot_compile(source):
    with pytest.raises(ValueError):
        ReceiptExtractor((rule(**source),))
