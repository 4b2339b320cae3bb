"""Which arguments a schema demands: only what every call has to give can be missing."""

import pytest

from callgate.core.demanded import demands
from callgate.model.tool import TargetRule
from tests.fakes.catalog import profile

PAGE = {"type": "object", "properties": {"page_id": {}}, "required": ["page_id"]}
BASE = {"type": "object", "properties": {"base_id": {}}, "required": ["base_id"]}
PARENT = {"anyOf": [{"$ref": "#/$defs/parent"}, {"type": "string"}, {"type": "null"}]}


def schema(said, required=("parent",), **defs):
    return {"type": "object", "properties": {"parent": said}, "required": list(required), "$defs": defs}


@pytest.mark.parametrize(
    ("parent", "path", "demanded"),
    [
        (PAGE, "parent", True),
        (PAGE, "parent.page_id", True),
        ({**PAGE, "required": []}, "parent.page_id", False),
        ({"oneOf": [PAGE, BASE]}, "parent.page_id", False),
        ({"oneOf": [PAGE, {**PAGE, "properties": {"page_id": {}, "at": {}}}]}, "parent.page_id", True),
        ({"oneOf": [PAGE, {"type": "string"}]}, "parent.page_id", True),
        ({"allOf": [PAGE, {"type": "object", "properties": {"at": {}}}]}, "parent.page_id", True),
        ({"allOf": [{"properties": {"page_id": {}}}, {"required": ["page_id"]}]}, "parent.page_id", True),
        ({"type": "array", "items": {"oneOf": [PAGE, BASE]}}, "parent[].page_id", False),
        ({"type": "array", "items": PAGE}, "parent[].page_id", True),
        ({"type": "array", "items": {"type": "object"}}, "parent[].page_id", True),
        ({}, "parent.page_id", True),
        (True, "parent.page_id", True),
        ({"type": "object", "properties": {"in": PAGE}, "required": ["in"]}, "parent.in.page_id", True),
        ({"type": "object", "properties": {"in": PAGE}}, "parent.in.page_id", False),
        ({"$ref": "https://elsewhere.example/x"}, "parent.page_id", True),
        ({"$ref": "#/$defs/parent"}, "parent.page_id", True),
    ],
)
def test_what_a_schema_demands(parent, path, demanded):
    assert demands(schema(parent, parent={"$ref": "#/$defs/parent"}), path) is demanded


def test_through_a_reference():
    assert demands(schema(PARENT, parent=PAGE), "parent.page_id")
    assert not demands(schema(PARENT, parent={"oneOf": [PAGE, BASE]}), "parent.page_id")
    assert not demands(schema(PARENT, required=(), parent=PAGE), "parent.page_id")
    assert not demands(None, "parent")


def test_a_schema_without_an_end_demands():
    loop = {"anyOf": [{"$ref": "#/$defs/parent"}] * 20}
    assert demands(schema(PARENT, parent=loop), "parent.page_id")
    assert demands(schema(PARENT, parent={"allOf": [{"$ref": "#/$defs/parent"}]}), "parent.page_id")


def test_one_of_two_nested_arguments_is_enough():
    tool = profile(
        schema({"oneOf": [PAGE, BASE]}),
        targets=(TargetRule(kind="page", path="parent.page_id"), TargetRule(kind="base", path="parent.base_id")),
    )
    assert [target.text for target in tool.targets_of({"parent": {"page_id": "1"}})] == ["page:1"]
    assert tool.target_findings({"parent": {"page_id": "1"}}) == ()
    assert [finding.code for finding in tool.target_findings({"parent": "1"})] == ["bad_target"] * 2


def test_what_is_demanded_to_the_end_is_missed():
    tool = profile(schema(PAGE), targets=(TargetRule(kind="page", path="parent.page_id"),))
    assert [finding.code for finding in tool.target_findings({"parent": {}})] == ["target_missing"]
    loose = {"type": "object", "properties": {"page_id": {}, "at": {}}}
    optional = profile(schema(loose), targets=(TargetRule(kind="page", template="{parent.page_id}/{parent.at}"),))
    assert optional.target_findings({"parent": {}}) == ()
    assert [finding.code for finding in optional.target_findings({"parent": {"page_id": "1"}})] == ["target_missing"]
