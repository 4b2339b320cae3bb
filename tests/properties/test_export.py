"""What is exported leaves only the gate, as the inventory sees it; whatever is added to it is a finding."""

import copy
import json
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.app.exporting import check_file, check_installed
from callgate.app.inventory import InventoryTask, take_inventory
from callgate.core.adopt.edits import TOML
from callgate.core.adopt.entries import GateRoute
from callgate.core.export.clients import ExportClient, ExportPart, ExportWish, TokenWay, plan
from callgate.core.export.writing import text_of

pytestmark = pytest.mark.usefixtures("no_catalogue")
URL = "http://127.0.0.1:8700"
ROUTE = GateRoute(url=URL, program="/opt/callgate/bin/callgate", helpers="/opt/helpers")
NAMES = st.lists(st.sampled_from(["git", "a", "slack-2", "x" * 40]), max_size=3, unique=True).map(tuple)


@st.composite
def wishes(draw, client):
    ways = [None, TokenWay.ENV, TokenWay.STDIO]
    if client in (ExportClient.CODEX, ExportClient.CLAUDE_CODE):
        ways.append(TokenWay.HELPER)
    return ExportWish(
        route=ROUTE,
        integrations=draw(NAMES),
        managed=draw(st.booleans()),
        token=draw(st.sampled_from(ways)),
        desktop=draw(st.booleans()),
        registry="https://registry.example/",
    )


def installed(root, parts):
    for part in parts:
        path = root / (part.place if part.layer != "user" else f"home/ana/{part.place}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(part), encoding="utf-8")
        path.chmod(0o644)


def task(root):
    return InventoryTask(root, home=root / "home/ana", gates=(URL,))


@settings(max_examples=60, deadline=None)
@given(client=st.sampled_from(ExportClient), data=st.data())
def test_an_export_leaves_only_the_gate(client, data):
    wish = data.draw(wishes(client))
    parts = plan(client, wish).parts
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch).resolve()
        (root / "home/ana").mkdir(parents=True)
        installed(root, parts)
        found = take_inventory(task(root))
        assert all(server.gated for server in found.servers)
        assert found.figures.servers == found.figures.gated
        noise = {"no_allowlist", "header_program"}
        assert [one for one in found.findings if one.code not in noise and one.client == client.value] == []
        if wish.managed:
            assert not any(one.code == "no_allowlist" and one.client == client.value for one in found.findings)
        assert check_installed(client, parts, task(root), URL, managed=wish.managed).findings == ()


@settings(max_examples=60, deadline=None)
@given(part=st.builds(lambda value: ExportPart(place="x.toml", form="codex-config", layer="user", value=value),
    st.dictionaries(st.text(max_size=6), st.recursive(
        st.one_of(st.booleans(), st.integers(-9, 9), st.text(max_size=6), st.lists(st.text(max_size=4), max_size=3)),
        lambda inner: st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=8), max_size=4)))  # fmt: skip
def test_toml_is_written_as_it_is_meant(part):
    assert part.form in TOML
    assert tomllib.loads(text_of(part)) == part.value


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path


def without(value, path):
    found = copy.deepcopy(value)
    table = found
    for step in path[:-1]:
        table = table[step]
    del table[path[-1]]
    return found


@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("client", ExportClient)
def test_whatever_is_taken_away_is_found(client, managed, tmp_path):
    wish = ExportWish(route=ROUTE, integrations=("git",), managed=managed, registry="https://r.example/")
    parts = plan(client, wish).parts
    for part in parts:
        file = tmp_path / Path(part.place).name
        for path in leaves(part.value):
            file.write_text(
                text_of(ExportPart(place=part.place, form=part.form, layer=part.layer, value=without(part.value, path)))
            )
            found = check_file(client, parts, file, URL, managed=managed).findings
            assert any(one.code == "export_differs" and one.file == str(file) for one in found), (part.place, path)


OPENED = {
    ("codex", "requirements.toml"): ("mcp_servers", "evil", {"identity": {"url": "https://evil.example/mcp"}}),
    ("codex", "config.toml"): ("mcp_servers", "evil", {"url": "https://evil.example/mcp"}),
    ("claude-code", "managed-mcp.json"): ("mcpServers", "evil", {"type": "http", "url": "https://evil.example/mcp"}),
    ("gemini", "settings.json"): ("mcpServers", "evil", {"command": "evil"}),
}


@pytest.mark.parametrize(("client", "name"), OPENED)
def test_a_server_that_comes_back_is_found(client, name, tmp_path):
    key, server, entry = OPENED[client, name]
    wish = ExportWish(route=ROUTE, integrations=("git",), managed=True)
    parts = plan(ExportClient(client), wish).parts
    part = next(one for one in parts if one.place.endswith(name))
    value = copy.deepcopy(part.value)
    value[key][server] = entry
    file = tmp_path / name
    file.write_text(text_of(ExportPart(place=part.place, form=part.form, layer=part.layer, value=value)))
    found = check_file(ExportClient(client), parts, file, URL, managed=True).findings
    wider = [one for one in found if one.code == "export_wider"]
    assert [one.key for one in wider] == [f"{key}.evil"]
    assert all(one.line for one in wider)


def test_a_server_beside_the_gate_in_a_users_file_is_found(tmp_path):
    parts = plan(ExportClient.CURSOR, ExportWish(route=ROUTE, integrations=("git",))).parts
    value = {"mcpServers": {**parts[0].value["mcpServers"], "direct": {"url": "https://mcp.notion.com/mcp"}}}
    (tmp_path / "mcp.json").write_text(json.dumps(value, indent=1))
    found = check_file(ExportClient.CURSOR, parts, tmp_path / "mcp.json", URL, managed=False).findings
    assert [(one.code, one.server) for one in found] == [("direct_server", "direct")]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"mcpServers": 1}', "\x00", '{"a": 1, "a": 2}'])
def test_broken_files_are_findings(text, tmp_path):
    parts = plan(ExportClient.CLAUDE_CODE, ExportWish(route=ROUTE, integrations=("git",), managed=True)).parts
    (tmp_path / "managed-mcp.json").write_text(text)
    found = check_file(ExportClient.CLAUDE_CODE, parts, tmp_path / "managed-mcp.json", URL, managed=True)
    assert found.findings


def test_links_pipes_and_missing_files_are_findings(tmp_path):
    parts = plan(ExportClient.CODEX, ExportWish(route=ROUTE, managed=True)).parts
    missing = check_file(ExportClient.CODEX, parts, tmp_path / "requirements.toml", URL, managed=True)
    assert [one.code for one in missing.findings] == ["export_missing"]
    (tmp_path / "requirements.toml").symlink_to("/etc/passwd")
    linked = check_file(ExportClient.CODEX, parts, tmp_path / "requirements.toml", URL, managed=True)
    assert [one.code for one in linked.findings] == ["link_leads_out"]
