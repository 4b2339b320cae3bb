"""Figma's tools. No schemas of them are published; the argument names follow the vendor's documentation."""

from callgate_practice.figma import files, script
from callgate_practice.figma.files import PLANS, link
from callgate_practice.reply import JSON, ToolFailure, json_text, text
from callgate_practice.toolset import Toolset
from callgate_practice.world import World

TOOLS = Toolset("figma", "Figma", files.populate, catalog=("figma",), volatile=frozenset({"version"}))
NODE = "fileKey* nodeId*"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
"""What every screenshot shows."""


@TOOLS.tool("whoami", "Who the server acts as, and in which plans.")
def whoami(_world: World, _given: JSON) -> JSON:
    plans = [{"key": key, "name": name, "seat": "full"} for key, name in PLANS.items()]
    return json_text({"handle": "ana", "email": "ana@acme.example", "plans": plans})


@TOOLS.tool("create_new_file", "Make an empty file among one's drafts.", "planKey* fileName* editorType*=design|figjam")
def create_new_file(world: World, given: JSON) -> JSON:
    if given["planKey"] not in PLANS:
        raise ToolFailure(f"Unknown plan: {given['planKey']}")
    made = files.add_file(world, given["fileName"], given["planKey"], editor=given["editorType"], drafts=True)
    return json_text({"file_key": made["key"], "file_url": link(made)})


@TOOLS.tool("use_figma", "Run a script in a file: make, change, delete or look.", "fileKey* code* description")
def use_figma(world: World, given: JSON) -> JSON:
    return json_text(script.run(world, files.file(world, given), given["code"]))


def _xml(one: JSON) -> str:
    said = f' text="{one["text"]}"' if one["text"] else ""
    return f'<{one["type"].lower()} id="{one["id"]}" name="{one["name"]}"{said} />'


@TOOLS.tool("get_metadata", "Names and places of nodes, as XML.", "fileKey* nodeId")
def get_metadata(world: World, given: JSON) -> JSON:
    home = files.file(world, given)
    rows = [files.node(world, given)] if given.get("nodeId") else world.every("node", file=home["key"])
    return text("\n".join([f'<file key="{home["key"]}" name="{home["name"]}">', *map(_xml, rows), "</file>"]))


@TOOLS.tool("get_figjam", "What stands on a board, as XML.", "fileKey* nodeId includeImagesOfNodes:boolean")
def get_figjam(world: World, given: JSON) -> JSON:
    home = files.file(world, given)
    if home["editor"] != "figjam":
        raise ToolFailure("This file is no FigJam board.")
    return text("\n".join(map(_xml, world.every("node", file=home["key"]))))


CONTEXT = NODE + " clientLanguages clientFrameworks forceCode:boolean"


@TOOLS.tool("get_design_context", "Code that looks like a node.", CONTEXT)
def get_design_context(world: World, given: JSON) -> JSON:
    one = files.node(world, given)
    name = "".join(part.title() for part in one["name"].split())
    return text(f"export default function {name}() {{\n  return <div>{one['text'] or one['name']}</div>\n}}\n")


@TOOLS.tool("get_screenshot", "A picture of a node.", NODE)
def get_screenshot(world: World, given: JSON) -> JSON:
    files.node(world, given)
    return {"content": [{"type": "image", "mimeType": "image/png", "data": PIXEL}]}


@TOOLS.tool("get_variable_defs", "Variables with their values.", NODE)
def get_variable_defs(world: World, given: JSON) -> JSON:
    files.node(world, given)
    return json_text({one["name"]: one["value"] for one in world.every("asset", kind="variable")})


KINDS = "includeComponents:boolean includeVariables:boolean includeStyles:boolean"


@TOOLS.tool("search_design_system", "Find components and variables of libraries.", f"query* fileKey* {KINDS}")
def search_design_system(world: World, given: JSON) -> JSON:
    plan = files.file(world, given)["plan"]
    wanted = {"component": given.get("includeComponents", True), "variable": given.get("includeVariables", True)}
    hits = []
    for one in world.every("asset"):
        home = world.get("file", one["file"]) or {}
        if home.get("plan") == plan and wanted[one["kind"]] and given["query"].lower() in one["name"].lower():
            hits.append({**one, "library": home["name"], "file_key": home["key"]})
    return json_text({"results": hits})


@TOOLS.tool("generate_diagram", "Make a board from Mermaid text.", "name* mermaidSyntax* userIntent")
def generate_diagram(world: World, given: JSON) -> JSON:
    made = files.add_file(world, given["name"], next(iter(PLANS)), editor="figjam", drafts=True)
    for line in given["mermaidSyntax"].splitlines()[1:]:
        if line.strip():
            files.add_node(world, made, "CONNECTOR", line.strip()[:60])
    return json_text({"file_key": made["key"], "file_url": link(made)})


@TOOLS.tool(
    "generate_figma_design",
    "Turn a page into a design, in a new file or in one that is named.",
    "url fileKey fileName planKey outputMode=newFile|existingFile|clipboard",
)
def generate_figma_design(world: World, given: JSON) -> JSON:
    capture = world.token("capture", 12)
    if given.get("outputMode") == "clipboard":
        return json_text({"capture_id": capture})
    if given.get("fileKey"):
        home = files.file(world, given)
    else:
        plan = given.get("planKey") or next(iter(PLANS))
        home = files.add_file(world, given.get("fileName") or "Captured page", plan, drafts=True)
    made = files.add_node(world, home, "FRAME", f"Capture {given.get('url', '')}".strip())
    files.changed(world, home)
    return json_text({"capture_id": capture, "file_key": home["key"], "file_url": link(home), "node_id": made["id"]})


@TOOLS.tool("create_design_system_rules", "Text of a rule file for front ends.", "clientLanguages clientFrameworks")
def create_design_system_rules(_world: World, _given: JSON) -> JSON:
    return text("# Design system\n\nUse components of the library before you make new ones.\n")


def _mappings(world: World, home: JSON) -> list[JSON]:
    return world.every("mapping", file=home["key"])


def _connect(world: World, home: JSON, one: JSON) -> JSON:
    node = files.node(world, {"fileKey": home["key"], "nodeId": one.get("nodeId", "")})
    key = f"{home['key']}/{node['id']}"
    if world.get("mapping", key) is not None:
        raise ToolFailure(f"The node {node['id']} is connected to code already.")
    made = {"id": f"map-{world.token('mapping', 8)}", "file": home["key"], "node": node["id"]}
    return world.put("mapping", key, {**made, "source": one.get("source"), "name": one.get("componentName")})


@TOOLS.tool("get_code_connect_map", "Which nodes belong to which code.", "fileKey* nodeId")
def get_code_connect_map(world: World, given: JSON) -> JSON:
    rows = _mappings(world, files.file(world, given))
    return json_text({one["node"]: {"codeConnectSrc": one["source"], "codeConnectName": one["name"]} for one in rows})


@TOOLS.tool("add_code_connect_map", "Connect a node with code.", NODE + " source* componentName* label")
def add_code_connect_map(world: World, given: JSON) -> JSON:
    return json_text({"mapping_id": _connect(world, files.file(world, given), given)["id"]})


@TOOLS.tool("get_code_connect_suggestions", "Which nodes could belong to which code.", "fileKey* nodeId")
def get_code_connect_suggestions(world: World, given: JSON) -> JSON:
    home = files.file(world, given)
    taken = {one["node"] for one in _mappings(world, home)}
    rows = [one for one in world.every("node", file=home["key"], type="COMPONENT") if one["id"] not in taken]
    return json_text(
        [{"nodeId": one["id"], "source": f"src/{one['name']}.tsx", "componentName": one["name"]} for one in rows]
    )


@TOOLS.tool("send_code_connect_mappings", "Connect several nodes with code.", "fileKey* nodeId mappings*:objects")
def send_code_connect_mappings(world: World, given: JSON) -> JSON:
    home = files.file(world, given)
    return json_text({"mapping_ids": [_connect(world, home, one)["id"] for one in given["mappings"]]})
