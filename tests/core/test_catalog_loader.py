"""The catalogue: shipped manifests, an operator's own, and every mistake by name."""

import re

import msgspec
import pytest

from callgate.catalog.fitting import check_manifest
from callgate.catalog.loader import known_manifests, load_manifest
from callgate.model.errors import ConfigError
from callgate.model.terms import Tier
from tests.fakes.catalog import changed, definitions, parsed, refused

GOOD = """
integration = "things"
title = "Things"
vendor = "Acme"
verified = true
verified_against = "things 1.0"
verified_on = "2026-11-22"
stateful = false
per_person = false

[[tools]]
name = "look"
tier = "read"
say = "Look at {id}"
targets = [{ kind = "thing", path = "id" }]

[[tools]]
name = "change"
tier = "execute"
say = "Change {id}"
compensation = "restore"
tier_by = [{ path = "mode", values = ["preview"], tier = "read" }]
receipt = [{ name = "id", structured = "made.id" }]
state_pin = [{ tool = "look", arguments = { id = "{id}" } }]

[[tools]]
name = "restore"
tier = "execute"
say = "Restore {id}"
"""
DEFINITIONS = [
    {"name": "look", "inputSchema": {"properties": {"id": {}}, "required": ["id"]}},
    {"name": "change", "inputSchema": {"properties": {"id": {}, "mode": {}}}},
    {"name": "restore", "inputSchema": {"properties": {"id": {}}}},
]


@pytest.mark.parametrize("name", ["git", "filesystem"])
def test_shipped_manifests_fit_the_definitions_they_were_verified_against(name):
    manifest = load_manifest(name)
    assert manifest.verified
    assert check_manifest(manifest, definitions(name)) == ()
    assert re.fullmatch("[0-9a-f]{64}", manifest.digest)
    assert name in known_manifests()


@pytest.mark.parametrize("name", ["git", "filesystem"])
def test_no_tool_that_the_vendor_calls_a_write_is_called_a_read(name):
    vendor = {tool["name"]: tool["annotations"]["readOnlyHint"] for tool in definitions(name)}
    ours = {tool.name: tool.tier is Tier.READ for tool in load_manifest(name).tools}
    assert ours == vendor


def test_a_good_manifest():
    manifest = parsed(GOOD)
    assert [tool.tier for tool in manifest.tools] == [Tier.READ, Tier.EXECUTE, Tier.EXECUTE]
    assert check_manifest(manifest, DEFINITIONS) == ()
    assert parsed("# comment\n" + GOOD).digest == manifest.digest
    assert parsed(GOOD.replace("Look at", "See")).digest != manifest.digest


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('vendor = "Acme"', 'vendr = "Acme"', "vendr", "Did you mean vendor?"),
        ('vendor = "Acme"', 'vendor = ""', "vendor", "empty"),
        ('integration = "things"', 'integration = "other"', "integration", "folder is named things"),
        ('vendor = "Acme"', 'vendor = "Acme"\ndigest = "x"', "digest", "no such key"),
        ('"2026-11-22"', '"yesterday"', "verified", "YYYY-MM-DD"),
        ('"things 1.0"', '""', "verified", "verified against"),
        ('tier = "read"\nsay', 'tier = "reed"\nsay', "tools[0].tier", "Did you mean read?"),
        ('kind = "thing", path = "id"', 'kind = "thing", pth = "id"', "tools[0].targets[0].pth", "Did you mean path?"),
        ('kind = "thing", path = "id"', 'kind = "a thing", path = "id"', "tools[0] look.targets[0].kind", "letters"),
        ('path = "id" }', 'path = "id..x" }', "tools[0] look.targets[0]", "path of names"),
        ('path = "id" }', 'path = "id", normalise = "posix" }', "tools[0] look.targets[0]", "posix_path"),
        ('path = "id" }', 'path = "id", template = "{id}" }', "tools[0] look.targets[0]", "exactly one"),
        ("Look at {id}", "Look at {id", "tools[0] look.say", "brace"),
        ("Look at {id}", "", "tools[0] look.say", "sentence"),
        (
            'compensation = "restore"',
            'compensation = "restor"',
            "tools[1] change.compensation",
            "Did you mean restore?",
        ),
        (
            'compensation = "restore"',
            'compensation = "restore"\nirreversible = true',
            "tools[1] change.irreversible",
            "not irreversible",
        ),
        ('tool = "look"', 'tool = "lok"', "tools[1] change.state_pin[0].tool", "Did you mean look?"),
        ('tool = "look"', 'tool = "restore"', "tools[1] change.state_pin[0].tool", "tier read"),
        ('{ id = "{id}" }', '{ id = "x{id}" }', "tools[1] change.state_pin[0]", "not a mix"),
        ('{ id = "{id}" }', "{ id = 1.5 }", "tools[1].state_pin[0].arguments.id", "whole number"),
        ('"preview"], tier = "read"', '"preview"], tier = "execute"', "tools[1] change.tier_by[0].tier", "worst case"),
        ('["preview"]', "[]", "tools[1] change.tier_by[0].values", "At least one"),
        ('structured = "made.id"', 'pattern = "id (?P<value>x)"', "tools[1] change.receipt[0]", "starts with ^"),
        ('structured = "made.id"', 'structured = "a", argument = "b"', "tools[1] change.receipt[0]", "exactly one"),
        ('name = "change"', 'name = "look"', "tools[1] look.name", "twice"),
        ('Look at {id}"', 'Look at {id}"\nsets_session_target = true', "tools[0] look.sets_session_target", "stateful"),
    ],
)
def test_each_mistake_names_file_key_and_reason(old, new, key, says):
    fault = refused(changed(GOOD, old, new))
    assert fault.key == key
    assert says in fault.message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "Look at {id}",
            "Look at {ide}",
            "look: say names the argument ide, which the tool does not declare. Did you mean id?",
        ),
        ('path = "id" }', 'path = "thing.id" }', "look: targets names the argument thing"),
        ('path = "mode"', 'path = "mod"', "change: tier_by names the argument mod"),
        ('{ id = "{id}" }', '{ id = "{name}" }', "change: state_pin names the argument name"),
        ('{ id = "{id}" }', '{ ident = "{id}" }', "change: state_pin gives look the argument ident"),
        ('{ id = "{id}" }', '{ ident = "{id}" }', "change: state_pin leaves out the argument id of look."),
        ('structured = "made.id"', 'argument = "identity"', "change: receipt names the argument identity"),
        (
            'name = "restore"\ntier',
            'name = "restored"\ntier',
            "restore: the server has this tool and the manifest does not.",
        ),
        (
            'name = "restore"\ntier',
            'name = "restored"\ntier',
            "restored: the server has no such tool. Did you mean restore?",
        ),
        ('compensation = "restore"', 'sinks = ["body[]"]', "change: sinks names the argument body"),
    ],
)
def test_what_does_not_fit_the_definitions(old, new, says):
    text = changed(GOOD, old, new)
    if "restored" in new:
        text = text.replace('compensation = "restore"', "")
    assert any(problem.startswith(says) for problem in check_manifest(parsed(text), DEFINITIONS))


def test_a_state_pin_of_a_tool_that_the_server_lost():
    assert "change: state_pin reads look, which the server does not have." in check_manifest(
        parsed(GOOD), DEFINITIONS[1:]
    )


def test_a_folder_of_ones_own_is_looked_at_first(tmp_path):
    for name in ("things", "git"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.toml").write_text(GOOD.replace('"things"', f'"{name}"', 1))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.toml").write_text("")
    found = known_manifests(tmp_path)
    assert {"filesystem", "git", "things"} <= set(found)
    assert not {"empty", "file.toml"} & set(found)
    assert load_manifest("things", tmp_path) == msgspec.structs.replace(parsed(GOOD))
    assert load_manifest("git", tmp_path).title == "Things"
    assert load_manifest("git").title == "Git"
    assert load_manifest("filesystem", tmp_path).title == "Files"


@pytest.mark.parametrize("name", ["gti", "../git", "/etc", "", "git/../git", "Git", "."])
def test_a_manifest_that_is_not_there(name):
    with pytest.raises(ConfigError) as caught:
        load_manifest(name)
    assert "filesystem, " in caught.value.message


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError):
        known_manifests(tmp_path / "none")


def test_a_mistake_in_ones_own_folder_names_its_path(tmp_path):
    (tmp_path / "things").mkdir()
    file = tmp_path / "things" / "manifest.toml"
    file.write_text("x = 1")
    with pytest.raises(ConfigError) as caught:
        load_manifest("things", tmp_path)
    assert (caught.value.file, caught.value.key) == (str(file), "x")


def test_a_key_that_is_younger_leaves_the_digests_of_older_files_as_they_are():
    assert parsed(GOOD).digest == "c5cdc814e15c600cb88d0141ec5f5bec75ea61060cc4fc4fda7daa36eb6d3b0d"
    aimed = GOOD.replace("stateful = false", "stateful = true", 1)
    unset, aiming = (
        aimed.replace('Look at {id}"', f'Look at {{id}}"\nsets_session_target = {value}', 1)
        for value in ("false", "true")
    )
    assert parsed(unset).digest == parsed(aimed).digest != parsed(aiming).digest
