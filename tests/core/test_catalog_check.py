"""Everything of the catalogue is right, and each mistake is found where it stands."""

import json
import re
import shutil
import time
from pathlib import Path

import msgspec
import pytest

from callgate.catalog.cases import failed_cases, parse_cases
from callgate.catalog.fitting import check_manifest
from callgate.catalog.loader import folder_of, known_manifests, load_manifest
from callgate.catalog.report import check_catalogue
from callgate.model.errors import ConfigError
from tests.fakes.catalog import changed, parsed, refused

GOLDEN = Path(__file__).parents[1] / "golden"
OWN = GOLDEN / "manifests"
HEAD = """
integration = "things"
title = "Things"
vendor = "Acme"
verified = true
verified_against = "things 1.0"
verified_on = "2026-11-22"
stateful = false
per_person = false
"""
GOOD = (
    HEAD
    + """
[[tools]]
name = "get"
tier = "read"
say = "Read {id}"

[[tools]]
name = "find"
tier = "read"
say = "Find {q}"
retrieval = true
confine = { narrow = { argument = "q", qualifiers = [{ kind = "thing", add = "in:{id}" }] } }

[[tools]]
name = "draft"
tier = "draft"
say = "Prepare {text}"

[[tools]]
name = "change"
tier = "execute"
say = "Change {id}"
tier_by = [{ path = "mode", values = ["preview"], tier = "read" }]
targets = [{ kind = "thing", path = "id", prefixes = { "#" = "named" } }]
trusted = ["made"]
untrusted = ["made.title"]
scopes = ["secrets"]
receipt = [{ name = "id", structured = "made.id" }]
pre_read = { tool = "get", same = ["id"] }
compensation = { tool = "change", arguments = { id = "{receipt:id}", text = "{pre_read:text}" } }
draft_lane = { tool = "draft", same = ["text"], dropped = { id = "A draft is about nothing yet.", mode = "It is a draft anyway." } }
confirm = { tool = "get", same = ["id"], path = "text", equals = "{text}" }
"""
)
DEFINITIONS = [
    {"name": "get", "inputSchema": {"properties": {"id": {}}, "required": ["id"]}},
    {"name": "find", "inputSchema": {"properties": {"q": {}}}},
    {"name": "draft", "inputSchema": {"properties": {"text": {}}}},
    {"name": "change", "inputSchema": {"properties": {"id": {}, "text": {}, "mode": {"enum": ["preview", "do"]}}}},
]


@pytest.mark.parametrize("name", known_manifests())
def test_a_shipped_manifest_its_runbook_and_its_cases(name):
    (found,) = check_catalogue((name,), definitions=GOLDEN / "catalog")
    assert found.problems == ()


@pytest.mark.parametrize("name", known_manifests())
def test_each_rule_that_lowers_a_tier_has_a_case_that_needs_it(name):
    manifest = load_manifest(name)
    cases = parse_cases((folder_of(name) / "cases.toml").read_bytes(), "cases.toml")
    unnoticed = []
    for place, tool in enumerate(manifest.tools):
        for number in range(len(tool.tier_by)):
            fewer = msgspec.structs.replace(tool, tier_by=tool.tier_by[:number] + tool.tier_by[number + 1 :])
            tools = (*manifest.tools[:place], fewer, *manifest.tools[place + 1 :])
            if not failed_cases(msgspec.structs.replace(manifest, tools=tools), cases, {}):
                unnoticed.append(f"{tool.name}[{number}]")
    assert unnoticed == []


def test_the_whole_catalogue_is_checked_in_little_time():
    began = time.process_time()
    check_catalogue()
    assert time.process_time() - began < 2


def test_a_manifest_alone_adds_an_integration():
    (found,) = check_catalogue(("tracker",), OWN)
    assert (found.problems, found.tools, found.cases > 5) == ((), 8, True)


def test_a_good_one():
    assert check_manifest(parsed(GOOD), DEFINITIONS) == ()


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('tool = "change", arguments', 'tool = "chang", arguments', "compensation", "Did you mean change?"),
        ("{receipt:id}", "{receipt:di}", "compensation.arguments", "no value di"),
        ("{receipt:id}", "{recept:id}", "compensation", "is no place"),
        ('pre_read = { tool = "get", same = ["id"] }', "", "compensation.arguments", "needs a pre_read"),
        ("{pre_read:text}", "{text}", "pre_read", "Nothing uses it"),
        ('pre_read = { tool = "get"', 'pre_read = { tool = "draft"', "pre_read.tool", "tier read"),
        ('same = ["id"], path', 'same = ["*"], path', "confirm.same", "for draft lanes"),
        ('equals = "{text}"', 'equals = "{text"', "confirm.equals", "brace"),
        ('equals = "{text}"', "gone = true", "confirm.gone", "needs equals"),
        ('lane = { tool = "draft"', 'lane = { tool = "drat"', "draft_lane.tool", "Did you mean draft?"),
        ("It is a draft anyway.", " ", "draft_lane.dropped.mode", "Say why"),
        (
            'values = ["preview"], tier = "read"',
            'values = ["preview"], tier = "draft", irreversible = true',
            "tier_by[0].irreversible",
            "irreversible itself",
        ),
        ('say = "Change {id}"', 'say = "Change {id}"\nirreversible = true', "irreversible", "for some calls only"),
        (
            'compensation = { tool = "change", ',
            'compensation = { tool = "change", when = [{ path = "id", sql = "oracle" }], ',
            "compensation.when[0]",
            "no such SQL dialect",
        ),
        (
            "compensation = { ",
            'compensation = [{ tool = "chang", when = [{ path = "id", given = "present" }] }, { ',
            "compensation",
            "Did you mean change?",
        ),
        (
            "compensation = { ",
            'compensation = [{ tool = "draft" }, { ',
            "compensation",
            "comes last",
        ),
        ("draft_lane = { ", "draft_lane = [{ tool = 'drat' }, { ", "draft_lane", "comes last"),
        (
            "confirm = {",
            'state_pin = [{ tool = "get", fields = ["a"], pattern = "^(?P<value>x)" }]\nconfirm = {',
            "state_pin[0]",
            "exclude each other",
        ),
        (
            "confirm = {",
            'state_pin = [{ tool = "get", fields = ["a..b"] }]\nconfirm = {',
            "state_pin[0]",
            "not a path",
        ),
        (
            "confirm = {",
            'state_pin = [{ tool = "get", when = [{ path = "id", given = "present", values = ["x"] }] }]\nconfirm = {',
            "state_pin[0]",
            "exactly one test",
        ),
        ('scopes = ["secrets"]', 'scopes = ["secretes"]', "tools[3].scopes[0]", "Did you mean secrets?"),
        ('untrusted = ["made.title"]', 'untrusted = ["title"]', "untrusted[0]", "untrusted already"),
        (
            'path = "id", prefixes',
            'path = "id", normalise = "lower", prefixes',
            "targets[0].normalise",
            "Elsewhere thing is normalised by nothing",
        ),
        ('"#" = "named"', '"#" = "scope"', "targets[0].prefixes.#", "sensitive scopes"),
        ('"#" = "named"', '"" = "named"', "targets[0]", "empty prefix"),
        ('path = "id", prefixes', 'path = "id", parse = "figma", prefixes', "targets[0]", "Did you mean figma_url?"),
        ('values = ["preview"]', "values = []", "tier_by[0].values", "another test"),
        ('values = ["preview"]', 'values = ["preview"], given = "absent"', "tier_by[0]", "exactly one test"),
        (
            'values = ["preview"]',
            'values = ["preview"], when = [{ path = "mode", given = "absent" }]',
            "tier_by[0]",
            "never hold",
        ),
        (
            'values = ["preview"]',
            'values = ["preview"], when = [{ path = "mode", values = ["x"] }]',
            "tier_by[0]",
            "never hold",
        ),
        ('values = ["preview"]', 'sql = "oracle"', "tier_by[0]", "no such SQL dialect"),
        ("retrieval = true", "retrieval = false", "confine", "retrieval = true"),
        (
            "confine = { narrow = { ",
            'confine = { narrow = { wide = ["box"], ',
            "narrow.wide[0]",
            "no target of this kind",
        ),
        (
            "confine = { narrow = { ",
            'confine = { narrow = { beside = { kind = "box", template = "{q}/{q}" }, ',
            "confine.narrow",
            "no qualifier",
        ),
        ('add = "in:{id}"', 'add = "in:"', "confine.narrow", "needs one {id}"),
        ("confine = {", 'confine = { refuse = "No.", ', "confine", "Exactly one"),
        ('say = "Find {q}"', 'say = "Find {q}"\nconcurrency = -1', "concurrency", "0 to"),
    ],
)
def test_each_mistake_names_its_key_and_reason(old, new, key, says):
    text = changed(GOOD, old, new)
    if new.count("[{") > new.count("}]"):
        text = re.sub(rf"(?m)^({new.split(' ', 1)[0]} = .*)$", r"\1]", text)
    fault = refused(text)
    assert says in fault.message, fault
    assert fault.key.endswith(key), fault.key


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ('{ mode = "preview" }', True),
        ("{}", False),
        ('{ mode = "do" }', False),
        ('{ mode = "{mode}" }', False),
        ('{ mode = "preview", text = "" }', True),
        ('{ mode = "preview", text = "x" }', False),
        ('{ mode = "preview", text = "{text}" }', False),
        ('{ mode = "preview" }, same = ["text"]', False),
    ],
)
def test_a_confirm_read_may_be_a_read_by_its_fixed_arguments(arguments, fits):
    rules = """tier_by = [
  { path = "mode", values = ["preview"], tier = "read" },
  { path = "text", given = "filled", tier = "draft" },
]"""
    text = GOOD.replace('tier_by = [{ path = "mode", values = ["preview"], tier = "read" }]', rules, 1)
    text = text.replace(
        'confirm = { tool = "get", same = ["id"],', f'confirm = {{ tool = "change", arguments = {arguments},', 1
    )
    assert text.count("change") > GOOD.count("change")
    if fits:
        parsed(text)
    else:
        assert "tier read" in refused(text).message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('id = "{receipt:id}"', 'idd = "{receipt:id}"', "compensation gives change the argument idd"),
        (
            'pre_read = { tool = "get", same = ["id"] }',
            'pre_read = { tool = "get" }',
            "pre_read leaves out the argument id",
        ),
        (', mode = "It is a draft anyway."', "", "draft_lane loses the argument mode"),
        (
            'compensation = { tool = "change", ',
            'compensation = { tool = "change", when = [{ path = "mod", given = "present" }], ',
            "compensation.when names the argument mod",
        ),
        (
            'compensation = { tool = "change", ',
            'compensation = { tool = "change", when = [{ path = "mode", values = ["dew"] }], ',
            "compensation.when can never hold",
        ),
        (
            "confirm = {",
            'state_pin = [{ tool = "get", arguments = { id = "{id}" }, when = [{ path = "mod", given = "present" }] }]\nconfirm = {',
            "state_pin names the argument mod",
        ),
        ('mode = "It is', 'mod = "It is', "draft_lane drops the argument mod"),
        ('values = ["preview"]', 'values = ["preveiw"]', "tier_by[0] can never hold"),
        ('argument = "q"', 'argument = "query"', "confine names the argument query"),
        ('equals = "{text}"', 'equals = "{txt}"', "confirm names the argument txt"),
        ('path = "mode"', 'path = "mode.deep"', "change: "),
    ],
)
def test_what_does_not_fit_the_definitions(old, new, says):
    problems = check_manifest(parsed(changed(GOOD, old, new)), DEFINITIONS)
    if says == "change: ":
        assert problems == ()  # an open schema may have anything inside
    else:
        assert any(says in problem for problem in problems), problems


def test_a_nested_argument_that_a_closed_schema_does_not_have():
    nested = [
        *DEFINITIONS[:3],
        {
            "name": "change",
            "inputSchema": {
                "properties": {"id": {}, "text": {}, "mode": {"anyOf": [{"$ref": "#/$defs/M"}, {"type": "null"}]}},
                "$defs": {"M": {"type": "object", "properties": {"kind": {}}}},
            },
        },
    ]
    manifest = parsed(GOOD.replace('path = "mode"', 'path = "mode.kid"', 1))
    assert any("mode has no kid. Did you mean kind?" in problem for problem in check_manifest(manifest, nested))


def test_a_definition_without_a_schema_is_compared_by_name_and_verifies_nothing():
    bare = [{**one, "inputSchema": None} if one["name"] == "change" else one for one in DEFINITIONS]
    reason = "change: its definition was recorded without a schema, so it cannot be verified."
    assert reason in check_manifest(parsed(GOOD), bare)
    unverified = parsed(GOOD.replace("verified = true", "verified = false", 1))
    assert [one for one in check_manifest(unverified, bare) if one.startswith("change: ")] == []
    assert any("no such tool" in one for one in check_manifest(unverified, bare[1:]))


def test_the_report_names_what_is_wrong(tmp_path):
    shutil.copytree(OWN / "tracker", tmp_path / "tracker")
    (tmp_path / "tracker" / "runbook.md").unlink()
    cases = tmp_path / "tracker" / "cases.toml"
    cases.write_text(cases.read_text().replace('tier = "read"', 'tier = "draft"', 1))
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "tracker.json").write_text(json.dumps({"tools": [{"name": "me"}, {"name": "new"}]}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.toml").write_text("integration = 1")
    found = {one.name: one for one in check_catalogue((), tmp_path, tmp_path / "definitions")}
    said = {(problem.file, problem.key): problem.reason for problem in found["tracker"].problems}
    assert said["tracker/runbook.md", ""] == "There is no runbook."
    assert said["tracker/cases.toml", "cases[0] run_sql"] == "the tier is read."
    assert "new: the server has this tool and the manifest does not." in said.values() or any(
        "new: " in problem.reason for problem in found["tracker"].problems
    )
    assert found["tracker"].compared == ("tracker",)
    assert [problem.key for problem in found["broken"].problems] == ["integration"]
    assert load_manifest("git").integration == "git"
    with pytest.raises(ConfigError):
        check_catalogue(("trackr",), tmp_path)
