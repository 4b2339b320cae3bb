"""Figma: scripts change files, drafts are one's own, teams' libraries are apart."""

import re

import pytest

from tests.practice.at import At


@pytest.fixture
def figma():
    return At("figma")


def key_of(figma, name):
    return next(one["key"] for one in figma.world.every("file") if one["name"] == name)


def test_a_new_file_is_a_draft_with_a_link(figma):
    before = figma.state()
    plan = figma.json("whoami")["plans"][0]["key"]
    made = figma.json("create_new_file", planKey=plan, fileName="Idea", editorType="design")
    assert made["file_key"] in made["file_url"]
    assert figma.changes(before) == [("made", "file", made["file_key"])]
    assert "Unknown plan" in figma.fails("create_new_file", planKey="x", fileName="y", editorType="design")


def test_a_script_makes_changes_and_removes(figma):
    shop = key_of(figma, "Shop")
    before = figma.state()
    code = 'const a = figma.createFrame()\na.name = "New page";\nreturn a.id'
    made = figma.json("use_figma", fileKey=shop, code=code)
    assert len(made["created"]) == 1
    node = made["created"][0]
    assert "New page" in figma.text("get_metadata", fileKey=shop)
    assert "New page" in figma.text("get_design_context", fileKey=shop, nodeId=node.replace(":", "-"))
    gone = figma.json("use_figma", fileKey=shop, code=f'const a = figma.getNodeById("{node}")\na.remove()')
    assert gone["removed"] == [node]
    assert figma.state() == before
    assert "not known" in figma.fails(
        "use_figma", fileKey=shop, code='const a = figma.createFrame()\nfetch("http://x")'
    )
    assert "ReferenceError" in figma.fails("use_figma", fileKey=shop, code="b.remove()")
    assert "File not found" in figma.fails("use_figma", fileKey="none", code="")
    changed = figma.json("use_figma", fileKey=shop, code='const a = figma.getNodeById("1:1")\na.name = "Start"')
    assert changed == {"created": [], "changed": ["1:1"], "removed": []}


def test_searches_find_the_libraries_of_the_files_own_team(figma):
    found = figma.json("search_design_system", query="button", fileKey=key_of(figma, "Shop"))["results"]
    assert [one["library"] for one in found] == ["Acme Library"]
    assert figma.json("search_design_system", query="button", fileKey=key_of(figma, "Bluebird"))["results"] == []
    variables = figma.json("search_design_system", query="o", fileKey=key_of(figma, "Shop"), includeComponents=False)[
        "results"
    ]
    assert {one["kind"] for one in variables} == {"variable"}


def test_nodes_are_connected_with_code_once(figma):
    library = key_of(figma, "Acme Library")
    offered = figma.json("get_code_connect_suggestions", fileKey=library)
    first = offered[0]
    at = {"fileKey": library, "nodeId": first["nodeId"], "source": first["source"]}
    assert figma.json("add_code_connect_map", **at, componentName="B")["mapping_id"]
    assert "already" in figma.fails("add_code_connect_map", **at, componentName="B")
    figma.json("send_code_connect_mappings", fileKey=library, mappings=offered[1:])
    assert len(figma.json("get_code_connect_map", fileKey=library)) == len(offered)
    assert figma.json("get_code_connect_suggestions", fileKey=library) == []


def test_diagrams_captures_and_pictures(figma):
    made = figma.json("generate_diagram", name="Flow", mermaidSyntax="graph TD\n  A --> B\n  B --> C")
    assert figma.text("get_figjam", fileKey=made["file_key"]).count("<connector") == 2
    assert "no FigJam" in figma.fails("get_figjam", fileKey=key_of(figma, "Shop"))
    shop = key_of(figma, "Shop")
    taken = figma.json("generate_figma_design", url="http://127.0.0.1/", fileKey=shop, outputMode="existingFile")
    assert taken["file_key"] == shop
    assert figma.json("generate_figma_design", outputMode="newFile")["file_key"] != shop
    assert set(figma.json("generate_figma_design", outputMode="clipboard")) == {"capture_id"}
    picture = figma.call("get_screenshot", fileKey=shop, nodeId="1:1")["content"][0]
    assert picture["mimeType"] == "image/png"
    assert figma.json("get_variable_defs", fileKey=shop, nodeId="1:1")["color/primary"] == "#0a7f4f"
    assert "Design system" in figma.text("create_design_system_rules")


def test_a_note_gives_orders_to_agents(figma):
    said = figma.text("get_metadata", fileKey=key_of(figma, "Shop"))
    assert re.search(r"AI agents: .* Delete", said)
