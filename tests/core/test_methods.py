"""Governed methods: when they are there, what they take, what they aim at, what they rest on."""

import hashlib

import msgspec
import pytest

from callgate.core.domains import DomainMap
from callgate.core.methods import prompt_forms, with_methods
from callgate.core.toolbox import compile_toolbox
from callgate.model.bundle import Domain
from callgate.model.call import COMPLETE, GOVERNED, PROMPTS_GET, RESOURCES_LIST, RESOURCES_READ, TOOLS_CALL
from callgate.model.terms import Tier
from callgate.model.tool import Integration, IntegrationPin, PromptPin
from tests.fakes.catalog import tool_pin

DOMAINS = DomainMap(
    (Domain(name="wiki", title="Wiki", owner="ana", targets=("mcp.resource:x/wiki:*", "fs.path:/srv/*")),)
)
PROMPT = {"name": "review", "arguments": [{"name": "file", "required": True}, {"name": "style"}]}
ALL = ("tools", "prompts", "resources", "completions", "logging")


def pinned(*objects, key="name"):
    made = [(one[key], msgspec.json.encode(one)) for one in objects]
    return tuple(PromptPin(name=name, digest=hashlib.sha256(raw).hexdigest(), definition=raw) for name, raw in made)


def box(*tools, offers=ALL, prompts=(PROMPT,), **more):
    pin = IntegrationPin(
        integration="x",
        server_name="x",
        server_version="1",
        instructions="",
        eras=(),
        tools=tuple(tool_pin({"name": name, "inputSchema": {"type": "object"}}) for name in tools),
        digest="d",
        origin="o",
        offers=offers,
        prompts=pinned(*prompts),
        **more,
    )
    return with_methods(compile_toolbox(Integration(name="x", actor="local"), pin, None, DOMAINS), DOMAINS)


def codes(found):
    return [finding.code for finding in found]


def test_a_method_is_there_when_the_confirmed_server_offers_it():
    assert set(box().tools) == set(GOVERNED)
    assert set(box(offers=("tools", "resources")).tools) == {RESOURCES_LIST, RESOURCES_READ}
    assert set(box(offers=(), offers_modern=("prompts",)).tools) == {PROMPTS_GET}
    assert set(box(offers=None, offers_modern=("prompts",)).tools) == set()
    assert box().listing == ()
    for method in GOVERNED:
        tool = box().tools[method]
        assert (tool.tier, tool.method, tool.verified, tool.quarantine) == (Tier.READ, method, True, "")


def test_a_tool_with_the_name_of_a_method_is_kept_away():
    for name in ("resources/read", "Resources/Read", "prompts/get"):
        without = box(name, offers=("tools",))
        assert without.tools[name].quarantine == "reserved"
        assert without.listing == ()
        assert without.find(RESOURCES_READ, name) is None
    both = box("resources/read")
    assert both.find(TOOLS_CALL, RESOURCES_READ) is None
    assert both.find(RESOURCES_READ, RESOURCES_READ).method == RESOURCES_READ


@pytest.mark.parametrize(
    ("method", "params", "wanted"),
    [
        (RESOURCES_LIST, {}, []),
        (RESOURCES_LIST, {"cursor": "a"}, []),
        (RESOURCES_LIST, {"cursor": 1}, ["schema_type"]),
        (RESOURCES_LIST, {"other": 1}, ["schema_additional"]),
        (RESOURCES_READ, {"uri": "wiki:a"}, []),
        (RESOURCES_READ, {}, ["schema_required"]),
        (RESOURCES_READ, {"uri": "wiki:" + "a" * 4_000}, ["schema_other"]),
        (RESOURCES_READ, {"uri": "wiki:a", "more": 1}, ["schema_additional"]),
        (PROMPTS_GET, {"name": "review", "arguments": {"file": "a", "style": "b"}}, []),
        (PROMPTS_GET, {"name": "review"}, ["schema_required"]),
        (PROMPTS_GET, {"name": "review", "arguments": {"file": 1}}, ["schema_type"]),
        (PROMPTS_GET, {"name": "review", "arguments": {"file": "a", "x": "b"}}, ["undeclared"]),
        (PROMPTS_GET, {"name": "other"}, ["unknown_prompt"]),
        (COMPLETE, {"ref": {"type": "ref/prompt", "name": "review"}, "argument": {"name": "file", "value": ""}}, []),
        (COMPLETE, {"ref": {"type": "ref/resource", "uri": "a:{b}"}, "argument": {"name": "b", "value": "c"}}, []),
        (
            COMPLETE,
            {"ref": {"type": "ref/prompt", "name": "other"}, "argument": {"name": "f", "value": ""}},
            ["unknown_prompt"],
        ),
        (
            COMPLETE,
            {"ref": {"type": "ref/prompt", "uri": "a:b"}, "argument": {"name": "f", "value": ""}},
            ["schema_other"],
        ),
        (COMPLETE, {"ref": {"type": "ref/prompt", "name": "review"}}, ["schema_required"]),
    ],
)
def test_params_are_what_the_method_and_the_prompt_declare(method, params, wanted):
    found = box().tools[method].schema_findings(params)
    assert codes(found) == wanted
    assert all(finding.reason for finding in found)


def test_findings_name_no_value():
    found = box().tools[PROMPTS_GET].schema_findings({"name": "review", "arguments": {"s3cret": "s3cret"}})
    assert "s3cret" not in repr(found)
    assert "s3cret" not in repr(box().tools[RESOURCES_READ].target_findings({"uri": "s3cret"}))


@pytest.mark.parametrize(
    ("method", "params", "wanted"),
    [
        (RESOURCES_LIST, {}, []),
        (RESOURCES_READ, {"uri": "wiki://a"}, [("mcp.resource:x/wiki://a", "wiki")]),
        (RESOURCES_READ, {"uri": "file:///srv/a"}, [("fs.path:/srv/a", "wiki")]),
        (RESOURCES_READ, {"uri": "other://a"}, [("mcp.resource:x/other://a", "")]),
        (PROMPTS_GET, {"name": "review"}, [("mcp.prompt:x/review", "")]),
        (COMPLETE, {"ref": {"type": "ref/prompt", "name": "review"}}, [("mcp.prompt:x/review", "")]),
        (COMPLETE, {"ref": {"type": "ref/resource", "uri": "wiki:{a}"}}, [("mcp.resource:x/wiki:{a}", "wiki")]),
        (COMPLETE, {"ref": {"type": "ref/resource", "uri": "file:///srv/b/{a}"}}, [("fs.path:/srv/b", "wiki")]),
    ],
)
def test_targets(method, params, wanted):
    tool = box().tools[method]
    assert [(target.text, target.domain) for target in tool.targets_of(params)] == wanted
    assert tool.target_findings(params) == ()


def test_what_cannot_be_told_is_a_finding_once():
    for method, params in (
        (RESOURCES_READ, {"uri": "file:///../a"}),
        (PROMPTS_GET, {"name": " review"}),
        (COMPLETE, {"ref": {}}),
    ):
        tool = box().tools[method]
        assert codes(tool.target_findings(params)) == ["bad_target"]
        assert tool.targets_of(params) == ()


def test_sentences_say_what_is_read():
    assert box().tools[RESOURCES_READ].sentence({"uri": "wiki://a"}) == 'Read the resource "wiki://a"'
    assert box().tools[PROMPTS_GET].sentence({"name": "review"}) == 'Get the prompt "review"'


def test_an_approval_ends_with_the_prompts_it_was_asked_for():
    other = {**PROMPT, "description": "Another one"}
    for method, changes in ((PROMPTS_GET, True), (COMPLETE, True), (RESOURCES_READ, False)):
        same = box().tools[method].pin.digest == box(prompts=(other,)).tools[method].pin.digest
        assert same is not changes
    template = pinned({"uriTemplate": "a:{b}"}, key="uriTemplate")
    assert box().tools[COMPLETE].pin.digest != box(templates=template).tools[COMPLETE].pin.digest


def test_drift_keys_name_the_definition_that_a_call_rests_on():
    tools = box().tools
    assert tools[PROMPTS_GET].drift_key({"name": "review"}) == "prompts/get review"
    assert tools[COMPLETE].drift_key({"ref": {"name": "review"}}) == "prompts/get review"
    assert tools[COMPLETE].drift_key({"ref": {"uri": "a:{b}"}}) == "resources/templates/list a:{b}"
    assert tools[RESOURCES_READ].drift_key({"uri": "a:b"}) == "resources/read"


def test_prompts_with_names_that_nobody_can_tell_apart_are_kept_away():
    names = ["re-view", "re_view", "hid\u200bden", "fine name"]
    made = box(prompts=tuple({"name": name} for name in names))
    assert [form.quarantine for form in prompt_forms(made.pin)] == ["look_alike", "look_alike", "unreadable", ""]
    assert codes(made.tools[PROMPTS_GET].schema_findings({"name": "re-view"})) == ["prompt_kept_away"]
    assert made.tools[PROMPTS_GET].schema_findings({"name": "fine name"}) == ()
