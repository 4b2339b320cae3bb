"""``x-mcp-header`` annotations, against the reference implementation where it says something."""

import pytest
from mcp.shared.inbound import find_invalid_x_mcp_header, x_mcp_header_map

from callgate.core.headers import header_text, mirrored_headers


def at(**properties):
    return {"type": "object", "properties": properties}


def mark(token="Region", kind="string"):
    return {"type": kind, "x-mcp-header": token}


GOOD = [
    at(),
    at(region=mark()),
    at(region=mark(), count=mark("Count", "integer"), yes=mark("Yes", "boolean")),
    at(outer={"type": "object", "properties": {"inner": mark()}}),
    {**at(region=mark()), "default": {"x-mcp-header": "Data"}},
    at(**{"x-mcp-header": {"type": "string"}}),
]
BAD = [
    at(region=mark("a b")),
    at(region=mark("")),
    at(region=mark(7)),
    at(region=mark("a\r\nb")),
    at(region=mark(kind="number")),
    at(region=mark(kind="object")),
    at(region=mark(kind=["string", "null"])),
    at(region={"x-mcp-header": "A"}),
    at(one=mark("A"), two=mark("a")),
    at(list={"type": "array", "items": mark()}),
    {"x-mcp-header": "Root", "type": "string"},
    {"anyOf": [at(region=mark())]},
    {"$defs": {"x": at(region=mark())}},
]


@pytest.mark.parametrize("schema", GOOD)
def test_allowed_annotations(schema):
    assert find_invalid_x_mcp_header(schema) is None
    expected = {(f"Mcp-Param-{token}", ".".join(path)) for path, token in x_mcp_header_map(schema).items()}
    assert set(mirrored_headers(schema)) == expected


@pytest.mark.parametrize("schema", BAD)
def test_annotations_that_shut_a_tool_out(schema):
    assert find_invalid_x_mcp_header(schema) is not None
    with pytest.raises(ValueError):
        mirrored_headers(schema)


def test_a_name_that_no_path_can_say_shuts_the_tool_out():
    with pytest.raises(ValueError):
        mirrored_headers(at(**{"a.b": mark()}))


def test_header_texts():
    assert header_text(True) == "true"
    assert header_text(7) == "7"
    assert header_text("é") == "é"
    assert header_text(None) is header_text(1.5) is header_text([]) is header_text(10**5000) is None
