"""What a changed definition can do: a test for each row of the table in core/drift.py."""

import hashlib

import msgspec
import pytest

from callgate.core.drift import MOST_CHANGES, MOST_PATH, definitions, judge_drift, read_fields, unreadable
from callgate.model.call import EVER_GOVERNED
from callgate.model.drift import NO_DRIFT, DriftKind
from callgate.model.terms import Tier
from callgate.model.tool import (
    Confinement,
    IntegrationPin,
    ItemFilter,
    ProgramPart,
    PromptPin,
    ReceiptRule,
    TargetRule,
    ToolManifest,
    ToolPin,
)

NOTED, IN_FORCE, NEW, HELD = DriftKind
TOOL = {
    "name": "send",
    "title": "Send",
    "description": "Send a message.",
    "icons": [{"src": "data:,a"}],
    "_meta": {"build": 1},
    "annotations": {"title": "Send", "readOnlyHint": False},
    "inputSchema": {
        "type": "object",
        "properties": {
            "to": {"type": "string", "description": "Whom", "default": "ana", "maxLength": 9},
            "how": {"type": "string", "enum": ["mail", "chat"]},
            "what": {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": False},
            "many": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}},
            "either": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/D"}]},
        },
        "required": ["to"],
        "$defs": {"D": {"type": "object", "properties": {"x": {"type": "boolean"}}}},
    },
    "outputSchema": {
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "Its id"},
            "note": {"type": "string"},
            "items": {"type": "array", "items": {"type": "object", "properties": {"owner": {"type": "string"}}}},
        },
    },
}
PROMPT = {"name": "review", "description": "Review", "arguments": [{"name": "file", "required": True}, {"name": "how"}]}
TEMPLATE = {"name": "page", "uriTemplate": "wiki://{page}", "mimeType": "text/plain"}
REMOVED = object()


def pin(tool=TOOL, prompt=PROMPT, template=TEMPLATE, more=(), **server):
    def made(kind, one, key, **fields):
        raw = msgspec.json.encode(one, order="sorted")
        return kind(name=one[key], digest=hashlib.sha256(raw).hexdigest(), definition=raw, **fields)

    return IntegrationPin(
        **{
            "integration": "mail",
            "server_name": "mail",
            "server_version": "1",
            "instructions": "Be kind.",
            "eras": ("2025-11-25",),
            "tools": tuple(made(ToolPin, one, "name", integration="mail") for one in (tool, *more) if one),
            "digest": "d",
            "origin": "o",
            "offers": ("tools", "prompts"),
            "prompts": (made(PromptPin, prompt, "name"),) if prompt else (),
            "templates": (made(PromptPin, template, "uriTemplate"),) if template else (),
            **server,
        }
    )


def changed(value, path, to):
    """A copy with another value at a path; REMOVED: without it."""
    if not path:
        return to
    head, rest = path[0], path[1:]
    if isinstance(value, list):
        return [changed(item, rest, to) if number == head else item for number, item in enumerate(value)]
    if to is REMOVED and not rest:
        return {key: item for key, item in value.items() if key != head}
    return {**value, head: changed(value.get(head, {}), rest, to)}


def judged(seen, pinned=None, **reads):
    return judge_drift(pinned or pin(), seen, reads)


def kinds(drift):
    return [(change.key, change.field, change.kind) for change in drift.changes]


PROPERTIES = ("inputSchema", "properties")
OUTPUT = ("outputSchema", "properties")
TOOL_ROWS = {
    "title": (("title",), "Post", NOTED),
    "description": (("description",), "Send it all.", NOTED),
    "description gone": (("description",), REMOVED, NOTED),
    "icons": (("icons",), [], NOTED),
    "_meta": (("_meta", "build"), 2, NOTED),
    "text of the schema": (("inputSchema", "description"), "New", NOTED),
    "text of an argument": ((*PROPERTIES, "to", "description"), "Whoever", NOTED),
    "title of an argument": ((*PROPERTIES, "to", "title"), "To", NOTED),
    "examples of an argument": ((*PROPERTIES, "to", "examples"), ["ben"], NOTED),
    "text deep inside": ((*PROPERTIES, "many", "items", "properties", "a", "description"), "A", NOTED),
    "title among annotations": (("annotations", "title"), "Post", NOTED),
    "output schema": ((*OUTPUT, "note", "type"), "integer", NOTED),
    "output schema gone": (("outputSchema",), REMOVED, NOTED),
    "new optional argument": ((*PROPERTIES, "cc"), {"type": "string"}, IN_FORCE),
    "new optional argument inside": ((*PROPERTIES, "what", "properties", "cc"), {"type": "string"}, IN_FORCE),
    "new optional argument of an item": ((*PROPERTIES, "many", "items", "properties", "b"), {}, IN_FORCE),
    "new optional argument behind a reference": (("inputSchema", "$defs", "D", "properties", "y"), {}, IN_FORCE),
    "an argument that is called description": ((*PROPERTIES, "description"), {"type": "string"}, IN_FORCE),
    "no longer required": (("inputSchema", "required"), [], IN_FORCE),
    "required gone": (("inputSchema", "required"), REMOVED, IN_FORCE),
    "a value more": ((*PROPERTIES, "how", "enum"), ["mail", "fax", "chat"], IN_FORCE),
    "undeclared ones forbidden": (("inputSchema", "additionalProperties"), False, IN_FORCE),
    "undeclared ones allowed": ((*PROPERTIES, "what", "additionalProperties"), True, IN_FORCE),
    "removed argument": ((*PROPERTIES, "how"), REMOVED, HELD),
    "all arguments gone": (PROPERTIES, REMOVED, HELD),
    "removed argument inside": ((*PROPERTIES, "what", "properties", "text"), REMOVED, HELD),
    "newly required": (("inputSchema", "required"), ["to", "how"], HELD),
    "required that is no list": (("inputSchema", "required"), True, HELD),
    "type": ((*PROPERTIES, "to", "type"), "array", HELD),
    "type that is wider": ((*PROPERTIES, "to", "type"), ["string", "null"], HELD),
    "type of a branch": ((*PROPERTIES, "either", "anyOf", 0, "type"), "integer", HELD),
    "a branch more": ((*PROPERTIES, "either", "anyOf"), [{"type": "string"}], HELD),
    "type of an item": ((*PROPERTIES, "many", "items", "properties", "a", "type"), "string", HELD),
    "type behind a reference": (("inputSchema", "$defs", "D", "properties", "x", "type"), "string", HELD),
    "default": ((*PROPERTIES, "to", "default"), "ben", HELD),
    "bounds": ((*PROPERTIES, "to", "maxLength"), 99, HELD),
    "a pattern": ((*PROPERTIES, "to", "pattern"), "^a", HELD),
    "a header": ((*PROPERTIES, "to", "x-mcp-header"), "To", HELD),
    "a value less": ((*PROPERTIES, "how", "enum"), ["mail"], HELD),
    "another value": ((*PROPERTIES, "how", "enum"), ["mail", "fax"], HELD),
    "undeclared ones with a schema": (("inputSchema", "additionalProperties"), {"type": "string"}, HELD),
    "a condition": (("inputSchema", "if"), {"properties": {"to": {"const": "x"}}}, HELD),
    "input schema that is none": (("inputSchema",), True, HELD),
    "an argument that is no schema": ((*PROPERTIES, "to"), True, HELD),
    "annotation": (("annotations", "readOnlyHint"), True, HELD),
    "annotation that is new": (("annotations", "destructiveHint"), False, HELD),
    "annotations gone": (("annotations",), REMOVED, HELD),
    "execution": (("execution",), {"taskSupport": "required"}, HELD),
    "a field that nobody knows": (("x-new",), 1, HELD),
}


@pytest.mark.parametrize(("path", "to", "kind"), TOOL_ROWS.values(), ids=TOOL_ROWS)
def test_a_tools_row(path, to, kind):
    drift = judged(pin(changed(TOOL, path, to)))
    assert {(change.key, change.kind) for change in drift.changes} == {("send", kind)}, drift
    assert all(change.field and (change.old or change.new) for change in drift.changes)
    assert drift.held == ({"send"} if kind is HELD else frozenset())


def test_true_is_not_one():
    one, true = (pin(changed(TOOL, (*PROPERTIES, "to", "default"), value)) for value in (1, True))
    assert judged(one, true).held == {"send"}


def test_a_renamed_argument_is_held():
    without = changed(TOOL, (*PROPERTIES, "how"), REMOVED)
    drift = judged(pin(changed(without, (*PROPERTIES, "by"), TOOL["inputSchema"]["properties"]["how"])))
    assert kinds(drift) == [
        ("send", "inputSchema.properties.how", HELD),
        ("send", "inputSchema.properties.by", IN_FORCE),
    ]
    assert drift.held == {"send"}


def test_a_new_argument_that_is_required_is_held():
    more = changed(TOOL, (*PROPERTIES, "cc"), {"type": "string"})
    drift = judged(pin(changed(more, ("inputSchema", "required"), ["to", "cc"])))
    assert drift.held == {"send"}
    assert ("send", "inputSchema.required", HELD) in kinds(drift)


def test_what_is_read_of_an_answer_is_held_and_its_text_is_not():
    def with_output(path, to, reads=("id",)):
        return judged(pin(changed(TOOL, (*OUTPUT, *path), to)), send=reads)

    assert with_output(("id", "type"), "integer").held == {"send"}
    assert with_output(("id",), REMOVED).held == {"send"}
    assert judged(pin(changed(TOOL, ("outputSchema",), REMOVED)), send=("id",)).held == {"send"}
    assert with_output(("items", "items", "properties", "owner"), REMOVED, ("items[].owner",)).held == {"send"}
    assert kinds(with_output(("id", "description"), "New")) == [("send", "outputSchema", NOTED)]
    assert with_output(("note",), REMOVED).held == frozenset()
    assert with_output(("x",), {"type": "string"}, ("x",)).held == frozenset()


def test_references_in_an_output_schema_make_it_one():
    def tool(inner):
        reference = {"type": "object", "properties": {"issue": {"$ref": "#/$defs/I"}}}
        return {**TOOL, "outputSchema": {**reference, "$defs": {"I": {"properties": {"url": {"type": inner}}}}}}

    assert judged(pin(tool("integer")), pin(tool("string")), send=("issue.url",)).held == {"send"}


def test_the_fields_that_a_manifest_reads():
    rule = TargetRule(kind="x", path="id")
    manifest = ToolManifest(
        name="send",
        tier=Tier.EXECUTE,
        say="Send",
        receipt=(ReceiptRule(name="a", structured="id"), ReceiptRule(name="b", json_text="c")),
        trusted=("owner", "id"),
        untrusted=("owner.bio",),
        confine=Confinement(filter=ItemFilter(items="items[]", target=rule)),
    )
    assert read_fields(manifest) == ("id", "owner", "owner.bio", "items[]")


PROMPT_ROWS = {
    "description": ({"description": "Send me your keys"}, NOTED),
    "text of an argument": (
        {"arguments": [{"name": "file", "required": True, "description": "x"}, {"name": "how"}]},
        NOTED,
    ),
    "new optional argument": ({"arguments": [*PROMPT["arguments"], {"name": "x"}]}, IN_FORCE),
    "no longer required": ({"arguments": [{"name": "file"}, {"name": "how"}]}, IN_FORCE),
    "new required argument": ({"arguments": [*PROMPT["arguments"], {"name": "x", "required": True}]}, HELD),
    "newly required": ({"arguments": [{"name": "file", "required": True}, {"name": "how", "required": True}]}, HELD),
    "removed argument": ({"arguments": [{"name": "file", "required": True}]}, HELD),
    "arguments twice": ({"arguments": [*PROMPT["arguments"], {"name": "how"}]}, HELD),
    "arguments that are none": ({"arguments": 7}, HELD),
    "a field that nobody knows": ({"x": 1}, HELD),
}


@pytest.mark.parametrize(("change", "kind"), PROMPT_ROWS.values(), ids=PROMPT_ROWS)
def test_a_prompts_row(change, kind):
    drift = judged(pin(prompt={**PROMPT, **change}))
    assert [(change.key, change.kind) for change in drift.changes] == [("prompts/get review", kind)]
    assert drift.held == ({"prompts/get review"} if kind is HELD else frozenset())


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"description": "x"}, NOTED),
        ({"name": "x"}, NOTED),
        ({"mimeType": "text/html"}, NOTED),
        ({"annotations": {"audience": ["user"]}}, NOTED),
        ({"x": 1}, HELD),
    ],
)
def test_a_templates_row(change, kind):
    drift = judged(pin(template={**TEMPLATE, **change}))
    assert [(one.key, one.kind) for one in drift.changes] == [("resources/templates/list wiki://{page}", kind)]


def test_what_came_is_new_and_what_went_is_held():
    other = {"name": "other", "inputSchema": {"type": "object"}}
    drift = judged(pin(more=(other,)))
    assert kinds(drift) == [("other", "", NEW)]
    assert drift.held == frozenset()
    for what in ("tool", "prompt", "template"):
        drift = judged(pin(**{what: None}))
        (change,) = drift.changes
        assert (change.field, change.kind, change.new) == ("", HELD, "")
        assert change.old
        assert drift.held == {change.key}


PROGRAM = (ProgramPart(name="package mail", text="1.0"),)
SERVER_ROWS = {
    "instructions": ({}, {"instructions": "Send all."}, "instructions", NOTED),
    "protocol": ({}, {"eras": ("2026-07-28",)}, "protocol", NOTED),
    "what it can do": ({}, {"offers": ("tools",)}, "offers", NOTED),
    "version over HTTP": ({}, {"server_version": "2"}, "version", NOTED),
    "version of a local one": ({"program": ()}, {"program": (), "server_version": "2"}, "version", HELD),
    "name": ({}, {"server_name": "male"}, "server", HELD),
    "command": ({}, {"origin": "p"}, "command", HELD),
    "package": (
        {"program": PROGRAM},
        {"program": (ProgramPart(name="package mail", text="1.1"),)},
        "program package mail",
        HELD,
    ),
    "package gone": ({"program": PROGRAM}, {"program": ()}, "program package mail", HELD),
}


@pytest.mark.parametrize(("before", "now", "field", "kind"), SERVER_ROWS.values(), ids=SERVER_ROWS)
def test_a_servers_row(before, now, field, kind):
    pinned = pin(**before)
    drift = judged(pin(**{**before, **now}), pinned)
    assert kinds(drift) == [("", field, kind)]
    assert drift.held == (frozenset((*definitions(pinned), *EVER_GOVERNED)) if kind is HELD else frozenset())


def test_what_was_not_read_when_it_was_confirmed_is_not_compared():
    old = pin(prompt=None, template=None, offers=None)
    drift = judged(pin(program=PROGRAM), old)
    assert [(change.key, change.kind) for change in drift.changes if change.kind is not NEW] == []
    assert {change.key for change in drift.changes} == {"prompts/get review", "resources/templates/list wiki://{page}"}


def test_an_address_is_not_told():
    drift = judged(pin(origin="https://mcp.example/?key=Tr0ve2"), pin(origin="https://mcp.example/?key=Tr0ve1"))
    assert "Tr0ve" not in repr(drift)


def test_nothing_changed():
    assert judged(pin()) == NO_DRIFT
    assert judged(pin(dict(reversed(TOOL.items())))) == NO_DRIFT


def test_a_list_that_cannot_be_read_holds_all_of_it():
    drift = unreadable(pin(), "bad_listing")
    assert drift.held == frozenset(definitions(pin()))
    assert kinds(drift) == [("", "lists", HELD)]


def test_very_many_changes_are_held_and_bounded():
    many = {f"a{number}": {"type": "string"} for number in range(MOST_CHANGES + 10)}
    drift = judged(pin(changed(TOOL, PROPERTIES, {**TOOL["inputSchema"]["properties"], **many})))
    assert len(drift.changes) == MOST_CHANGES + 1
    assert drift.held == {"send"}


def test_schemas_that_nest_deep_are_held():
    def nested(inner):
        for _ in range(400):
            inner = {"properties": {"a": inner}}
        return inner

    pinned, seen = (pin(changed(TOOL, ("inputSchema",), nested({"type": name}))) for name in ("string", "integer"))
    assert judged(seen, pinned).held == {"send"}
    pinned, seen = (pin(changed(TOOL, ("outputSchema",), nested({"type": name}))) for name in ("string", "integer"))
    assert judged(seen, pinned, send=("a",)).held == {"send"}


def test_long_names_on_the_way_to_many_changes_do_not_add_up():
    """The names are the server's, and what a look found is kept."""
    name = "n" * 100_000

    def made(kind):
        below = {f"p{number}": {"type": kind} for number in range(100)}
        return {**TOOL, "inputSchema": {"type": "object", "properties": {name: {"properties": below}}}}

    found = judge_drift(pin(made("string")), pin(made("number")), {}).brief()
    assert found.held == {"send"}
    assert len(found.changes) == 100
    assert sum(len(change.field) for change in found.changes) <= 100 * MOST_PATH
