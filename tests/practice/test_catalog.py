"""Names are the vendors': every practice tool is in the collected definitions, with the same arguments."""

import ast
import json
import os
import pathlib

import pytest

from callgate_practice import servers
from tests.practice.at import At

ROOT = pathlib.Path(__file__).parents[2]
CATALOG = pathlib.Path(os.environ.get("CALLGATE_TEST_CATALOG", ROOT.parent / "shared" / "catalog")) / "tools"
LEAST = {
    "github": 40,
    "gmail": 13,
    "gmail-workspace": 14,
    "google-drive": 13,
    "figma": 16,
    "notion": 24,
    "slack": 19,
    "cloudflare": 30,
}
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


def vendor(server):
    """Name -> definition, of the collected files."""
    files = [CATALOG / f"{name}.json" for name in servers.toolset(server).catalog]
    if not all(file.is_file() for file in files):
        pytest.skip("the collected definitions are not here: set CALLGATE_TEST_CATALOG")
    return {tool["name"]: tool for file in files for tool in json.loads(file.read_text())["tools"]}


def kind(schema):
    """JSON types that a schema admits at its top; empty: any."""
    parts = schema.get("anyOf") or schema.get("oneOf") or [schema]
    found = {str(part.get("type", "")) for part in parts} - {""}
    return found | ({"number"} if "integer" in found else set())


@pytest.mark.parametrize("server", servers.SERVERS)
def test_tools_and_arguments_are_the_vendors(server):
    known = vendor(server)
    for tool in servers.toolset(server).tools.values():
        assert tool.name in known
        theirs = known[tool.name]
        if theirs["inputSchema"] is None:
            continue  # the vendor publishes none
        ours = tool.definition()["inputSchema"]
        assert ours["properties"].keys() == theirs["inputSchema"].get("properties", {}).keys(), tool.name
        assert set(ours.get("required", ())) == set(theirs["inputSchema"].get("required", ())), tool.name
        for name, schema in ours["properties"].items():
            wanted = kind(theirs["inputSchema"]["properties"][name])
            assert not (kind(schema) and wanted) or kind(schema) & wanted, (tool.name, name)
        assert tool.say != theirs["description"]


@pytest.mark.parametrize("server", servers.SERVERS)
def test_hints_and_shape_of_answers_are_the_vendors(server):
    for name, theirs in vendor(server).items():
        tool = servers.toolset(server).tools.get(name)
        if tool is None:
            continue
        ours = tool.definition()
        hints = {key: value for key, value in (theirs.get("annotations") or {}).items() if key in HINTS}
        assert ours.get("annotations", {}) == hints, name
        assert ("outputSchema" in ours) == bool(theirs.get("outputSchema")), name


@pytest.mark.parametrize("server", servers.SERVERS)
def test_enough_tools_of_each(server):
    assert len(servers.toolset(server).tools) >= LEAST[server]


@pytest.mark.parametrize("server", servers.SERVERS)
def test_a_world_follows_from_its_seed(server):
    one, same, other = At(server), At(server), At(server, seed=2)
    assert one.everything() == same.everything()
    assert one.everything() != other.everything() or server == "figma"
    assert one.everything().keys() == other.everything().keys()


FITS = {"string": "x", "number": 1, "integer": 1, "boolean": True, "object": {}, "any": {}}
JUNK = ("", "none", 7, -1, None, True, [], ["x"], {}, {"a": 1}, [{}], [{"type": 5}], {"type": "x", "x": 5}, [[[]]])


@pytest.mark.parametrize("server", servers.SERVERS)
def test_every_tool_takes_nonsense_without_a_fault(server):
    """Whatever stands in one argument, the answer is a result, and what failed has changed nothing."""
    at = At(server)
    for tool in at.tools.tools.values():
        rest = {one.name: one.choices[0] if one.choices else FITS.get(one.kind, []) for one in tool.arguments}
        for one in tool.arguments:
            for junk in JUNK:
                before = at.everything() if junk == 7 else None
                result = at.tools.call(at.world, tool.name, rest | {one.name: junk})
                assert result["content"], tool.name
                assert not (before and result.get("isError")) or at.everything() == before


def test_the_practice_servers_stand_apart():
    """Neither package imports the other."""

    def imported(package):
        for path in (ROOT / "src" / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    yield from (alias.name.split(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield node.module.split(".")[0]

    assert "callgate_practice" not in set(imported("callgate"))
    assert "callgate" not in set(imported("callgate_practice"))
