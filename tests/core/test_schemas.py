"""Pinned schemas: what is refused, and what is never said."""

import time

import msgspec
import pytest

from callgate.core.schemas import MAX_BYTES, MAX_FINDINGS, PinnedSchema, SchemaError
from callgate.model.terms import Ask, Effect

SECRET = "hunter2-secret"
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "mode": {"enum": ["fast", "slow"]},
        "count": {"type": "integer", "maximum": 5},
        "list": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object"},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["name"],
    "$defs": {"item": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}},
}


def findings(arguments, schema=SCHEMA, with_manifest=True):
    return PinnedSchema(schema, with_manifest=with_manifest).findings(arguments)


def test_what_fits_has_no_findings():
    fine = {
        "name": "a",
        "mode": "fast",
        "count": 5,
        "list": [{"x": "y"}],
        "map": {"any": "v"},
        "free": {"any": 1},
        "either": None,
    }
    assert findings(fine) == ()
    assert findings({"name": "a"}) == ()


@pytest.mark.parametrize(
    ("arguments", "code", "path", "says"),
    [
        ({}, "schema_required", "", "name is missing"),
        ({"name": 1}, "schema_type", "name", "string"),
        ({"name": SECRET}, "schema_pattern", "name", "^[a-z]+$"),
        ({"name": "a", "mode": SECRET}, "schema_enum", "mode", "fast, slow"),
        ({"name": "a", "count": 6}, "schema_other", "count", "more than 5"),
        ({"name": "a", "list": [{"x": "1"}, {"x": 2}]}, "schema_type", "list[1].x", "string"),
        ({"name": "a", "list": [{}]}, "schema_required", "list[0]", "x is missing"),
        ({"name": "a", "map": {SECRET: 1}}, "schema_type", "map.*", "string"),
        ({"name": "a", "either": 1}, "schema_other", "either", "none of the forms"),
    ],
)
def test_each_says_where_and_why(arguments, code, path, says):
    (finding,) = findings(arguments)
    assert (finding.code, finding.path, finding.effect) == (code, path, Effect.DENY)
    assert says in finding.reason


def test_no_finding_holds_a_value_or_a_name_of_the_caller():
    arguments = {"name": SECRET, "mode": SECRET, SECRET: SECRET, "map": {SECRET: [SECRET]}, "list": [{SECRET: 1}]}
    assert SECRET not in repr(findings(arguments))
    closed = {**SCHEMA, "additionalProperties": False}
    assert SECRET not in repr(findings({"name": "a", SECRET: SECRET}, closed))


def test_a_closed_schema_gives_a_plain_denial():
    (finding,) = findings({"name": "a", "more": 1}, {**SCHEMA, "additionalProperties": False}, with_manifest=False)
    assert (finding.code, finding.effect) == ("schema_additional", Effect.DENY)


@pytest.mark.parametrize("openness", [{}, {"additionalProperties": True}, {"additionalProperties": {}}])
@pytest.mark.parametrize(("arguments", "path"), [({"more": 1}, ""), ({"list": [{"x": "1", "y": 2}]}, "list[0]")])
def test_undeclared_arguments_are_denied_with_a_manifest_and_held_without(arguments, path, openness):
    schema = {**SCHEMA, **openness}
    (denied,) = findings({"name": "a", **arguments}, schema)
    assert (denied.code, denied.effect, denied.path, denied.ask) == ("undeclared", Effect.DENY, path, None)
    (held,) = findings({"name": "a", **arguments}, schema, with_manifest=False)
    assert (held.effect, held.ask) == (Effect.HOLD, Ask.MEANT)


def test_a_schema_that_declares_nothing_takes_nothing():
    assert findings({}, {"type": "object"}) == ()
    assert findings({"x": 1}, {"type": "object"})[0].code == "undeclared"
    assert findings({"x": 1}, {})[0].code == "undeclared"


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]},
        {
            "oneOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "maxProperties": 0}],
            "properties": {"b": {}},
        },
        {"if": {"properties": {"a": {}}}, "then": {"properties": {"b": {}}}, "else": {}},
        {"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": {}, "b": {}}}}},
        {"patternProperties": {"^[ab]$": {}}},
        {"properties": {"a": {}}, "dependentSchemas": {"a": {"properties": {"b": {}}}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"a": {}, "b": {}}},
    ],
)
def test_names_declared_in_any_branch_are_declared(schema):
    assert findings({"a": 1, "b": 2}, schema) == ()
    assert [f.code for f in findings({"a": 1, "c": 2}, schema)] == ["undeclared"]


def test_branches_of_one_property_are_read_together():
    either = {"properties": {"x": {"anyOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}}}
    assert findings({"x": {"a": 1, "b": 2}}, either) == ()
    assert findings({"x": {"c": 1}}, either)[0].path == "x"


def test_a_recursive_schema():
    tree = {"properties": {"name": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#"}}}}
    deep = {"name": "a"}
    for _ in range(30):
        deep = {"kids": [deep]}
    assert findings(deep, tree) == ()
    assert findings({"kids": [{"kids": [{"nam": 1}]}]}, tree)[0].path == "kids[0].kids[0]"


def test_findings_are_bounded():
    many = {"properties": {f"p{n}": {"type": "string"} for n in range(100)}}
    assert len(findings({f"p{n}": n for n in range(100)}, many)) == MAX_FINDINGS
    nested = {"properties": {"l": {"items": {"properties": {"x": {}}}}}}
    assert len(findings({"l": [{"y": 1}] * 100}, nested)) == MAX_FINDINGS


def doubling(levels, how="anyOf", last=None):
    """Each part is applied twice by the one before it."""
    parts = {f"d{n}": {how: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)}
    return {"$defs": {**parts, f"d{levels}": last or {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/d0"}}}


LEAF = {"anyOf": [{"properties": {"a": {"$ref": "#"}}, "required": ["x"]}] * 2, "properties": {"x": {}}}


@pytest.mark.parametrize("how", ["anyOf", "oneOf", "allOf"])
def test_a_schema_that_doubles_its_work_costs_no_time(how):
    began = time.process_time()
    for value in ({"a": 1}, {"a": "x"}, {"a": {"a": [1]}}):
        assert [found.code for found in findings(value, doubling(40, how))] == ["unjudgeable"]
    deep = {"b": 1}
    for _ in range(60):
        deep = {"a": deep}
    assert [found.code for found in findings(deep, LEAF)] == ["unjudgeable"]
    assert time.process_time() - began < 1


def test_a_schema_that_doubles_its_work_a_little_is_judged():
    assert findings({"a": "x"}, doubling(6)) == ()
    assert findings({"a": 1}, doubling(6))
    assert findings({"a": {"a": {"x": 1}, "x": 1}, "x": 1}, LEAF) == ()
    assert findings({}, doubling(40)) == ()


def test_many_values_are_not_much_work():
    tree = {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"l": {"items": {"$ref": "#/$defs/n"}}, "v": {}}}}}
    assert findings({"l": [{"v": 1} for _ in range(20_000)]}, tree) == ()
    assert findings({"l": [{"v": [1]} for _ in range(20_000)]}, tree) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"x": {"$anchor": "here", "type": "string"}}, "properties": {"a": {"$ref": "#here"}}},
        {"$defs": {"a b": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a%20b"}}},
        {"properties": {"a": {"type": "string"}}, "examples": [{"$ref": "nowhere"}]},
    ],
)
def test_references_of_other_forms(schema):
    assert findings({"a": "x"}, schema) == ()
    assert findings({"a": 1}, schema)


def deep_schema(levels):
    schema = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/hostname"},
        {"properties": {"a": {"$ref": "other.json"}}},
        {"$id": "http://example.com/a", "$ref": "b"},
        {"$schema": "http://example.com/dialect"},
        {"$schema": "file:///etc/hostname"},
        {"properties": {"a": {"$ref": "#/$defs/none"}}},
        {"type": "nothing"},
        {"properties": {"a": {"pattern": "("}}},
        {"required": "name"},
        {"properties": []},
        deep_schema(30),
        {"description": "x" * (MAX_BYTES + 1)},
        {"properties": {f"p{n}": {"pattern": "a"} for n in range(65)}},
        None,
        [],
        True,
        "object",
    ],
)
def test_schemas_that_cannot_be_used(schema):
    with pytest.raises(SchemaError):
        PinnedSchema(schema, with_manifest=True)


def test_a_reference_outside_is_refused_without_touching_the_file(tmp_path):
    target = tmp_path / "schema.json"
    target.write_text('{"type": "object"}')
    with pytest.raises(SchemaError):
        PinnedSchema({"$ref": target.as_uri()}, with_manifest=True)


def test_a_hostile_pattern_does_not_run_away():
    schema = {"properties": {"a": {"pattern": r"^(?=(a+)+$)(a|aa)+\1?b$"}}}
    assert findings({"a": "a" * 5000}, schema)[0].effect is Effect.DENY


def test_what_json_cannot_say_is_denied():
    assert findings({"name": "\ud800"})[0].code == "unjudgeable"


def test_big_numbers_are_judged_by_value():
    schema = {"properties": {"n": {"type": "integer", "maximum": 10}}}
    assert findings({"n": 10**400}, schema)[0].effect is Effect.DENY
    assert findings({"n": 10}, schema) == ()


def test_vendor_text_in_reasons_is_short_and_visible():
    schema = {"properties": {"m": {"enum": ["\u202e" + "x" * 5000]}}}
    (finding,) = findings({"m": "no"}, schema)
    assert len(finding.reason) < 200
    assert finding.reason.isprintable()
    assert msgspec.json.encode(finding)


def of_items(items: dict[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": {"files": {"type": "array", "items": items}}, "required": ["files"]}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (of_items({"type": "string"}), {"files": [1] * 1_000_000}),
        (of_items({"enum": [f"option {n}" for n in range(150)]}), {"files": [""] * 200_000}),
        (of_items({"anyOf": [{"type": "string"}, {"type": "null"}]}), {"files": [1] * 300_000}),
        ({"type": "object", "properties": {"files": {"anyOf": [{"const": n} for n in range(3_000)]}}}, {"files": "x" * 4_000_000}),
    ],
)  # fmt: skip
def test_many_wrong_arguments_cost_no_time(schema, arguments):
    pinned = PinnedSchema(schema, with_manifest=True)
    began = time.process_time()
    (found,) = pinned.findings(arguments)
    assert time.process_time() - began < 2.0
    assert (found.code, found.effect, found.path) == ("schema_other", Effect.DENY, "")


def test_many_undeclared_arguments_cost_no_time():
    items = {"type": "object", "properties": {"x": {"type": "string"}}}
    pinned = PinnedSchema(of_items(items), with_manifest=True)
    began = time.process_time()
    found = pinned.findings({"files": [{"y": 1}] * 1_000_000})
    assert time.process_time() - began < 2.0
    assert {one.code for one in found} == {"undeclared"}


def test_where_a_thousand_arguments_do_not_fit_is_told():
    found = PinnedSchema(of_items({"type": "string"}), with_manifest=True).findings({"files": ["a"] * 900 + [1]})
    assert [(one.path, one.code) for one in found] == [("files[900]", "schema_type")]
