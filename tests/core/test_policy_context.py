"""The reference page, the schema and the struct say the same."""

from pathlib import Path

import cedarpy
import msgspec

from callgate.core.policy.schema import ATTRIBUTES, PolicyContext, context_page, schema_text
from tests.fakes.judging import context

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policy-context.md"


def test_the_page_is_what_the_code_says():
    assert PAGE.read_text(encoding="utf-8") == context_page()


def test_every_field_is_an_attribute_with_a_meaning():
    assert list(ATTRIBUTES) == [field.name for field in msgspec.structs.fields(PolicyContext)]
    assert all(attribute.meaning for attribute in ATTRIBUTES.values())
    assert [name for name, attribute in ATTRIBUTES.items() if attribute.optional] == ["domain"]


def test_a_full_context_fits_the_full_schema():
    schema = cedarpy.Schema.from_str(schema_text(ATTRIBUTES))
    request = {
        "principal": {"type": "Callgate::Initiator", "id": "ana"},
        "action": {"type": "Callgate::Action", "id": "read"},
        "resource": {"type": "Callgate::Tool", "id": "git/status"},
        "context": msgspec.to_builtins(context()),
    }
    answer = cedarpy.is_authorized(request, "permit (principal, action, resource);", [], schema)
    assert answer.allowed, answer.diagnostics.errors
