"""No pattern of a server makes an argument cost hours."""

import time
from typing import Any

import pytest

from callgate.core.schemas import PinnedSchema

SLOW = (r"(?=a)(a+)+$", r"(?=a)[a-z]*$", r"(?!.*\.\.)[a-z.]+$", r"^(?:(?=.*b)a)*$", r"(a)(?=.*\1)b")
A_WHILE = 2.0
"""Seconds; what is not bounded takes minutes."""


def codes(schema: PinnedSchema, arguments: dict[str, Any]) -> set[str]:
    began = time.monotonic()
    found = {finding.code for finding in schema.findings(arguments)}
    assert time.monotonic() - began < A_WHILE
    return found


@pytest.mark.parametrize("pattern", SLOW)
def test_a_long_text_is_not_matched_by_what_takes_long(pattern: str) -> None:
    text: dict[str, Any] = {"type": "string", "pattern": pattern}
    plain = {"type": "object", "properties": {"x": text, "body": {"type": "string"}}}
    referred = {**plain, "properties": {"x": {"$ref": "#/$defs/x"}}, "$defs": {"x": text}}
    listed = {"type": "object", "properties": {"x": {"type": "array", "items": text}}}
    named = {"type": "object", "patternProperties": {pattern: True}}
    for schema, arguments in (
        (plain, {"x": "a" * 200_000 + "!"}),
        (referred, {"x": "a" * 200_000 + "!"}),
        (listed, {"x": ["a" * 1_000 + "!"] * 4_000}),
        (named, {"a" * 200_000 + "!": 1}),
    ):
        assert "unjudgeable" in codes(PinnedSchema(schema, with_manifest=True), arguments)
    made = PinnedSchema(plain, with_manifest=True)
    assert "unjudgeable" not in codes(made, {"x": "a" * 1_000 + "!"})
    assert codes(made, {"body": "a" * 1_000_000}) == set(), "what no such pattern meets may be long"


def test_patterns_of_the_linear_kind_take_any_length() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}
    made = PinnedSchema(schema, with_manifest=True)
    assert codes(made, {"x": "a" * 1_000_000}) == set()
    assert codes(made, {"x": "a" * 1_000_000 + "!"}) == {"schema_pattern"}


def test_many_fields_of_a_form_together() -> None:
    fields = {f"f{number}": {"type": "string", "pattern": SLOW[0]} for number in range(64)}
    made = PinnedSchema({"type": "object", "properties": fields}, with_manifest=True)
    assert codes(made, dict.fromkeys(fields, "a" * 5000 + "!")) == {"unjudgeable"}
