"""Canvases: documents of sections, each with an id that every change renews."""

from callgate_practice.reply import JSON, ToolFailure, json_text
from callgate_practice.slack.tools import CHANGE, LOOK, SAY, TOOLS
from callgate_practice.slack.workspace import SITE, TEAM
from callgate_practice.world import World

EDITS = ("append", "prepend", "replace", "delete")


def _link(key: str) -> str:
    return f"{SITE}/docs/{TEAM}/{key}"


def _sections(title: str, content: str) -> list[str]:
    return [f"# {title}", *(part.strip() for part in content.split("\n\n") if part.strip())]


def _ids(canvas: JSON) -> list[str]:
    return [f"temp:C:{canvas['version']}{number:03d}" for number in range(len(canvas["sections"]))]


@TOOLS.tool("slack_create_canvas", "Make a canvas that nobody else sees yet.", "title* content*", SAY)
def slack_create_canvas(world: World, given: JSON) -> JSON:
    key = f"F0{world.token('canvas', 8).upper()}"
    sections = _sections(given["title"], given["content"])
    world.put("canvas", key, {"id": key, "title": given["title"], "sections": sections, "version": 1})
    return json_text({"canvas_id": key, "canvas_url": _link(key)})


def _canvas(world: World, given: JSON) -> JSON:
    found = world.get("canvas", given["canvas_id"])
    if found is None:
        raise ToolFailure("canvas_not_found")
    return found


@TOOLS.tool("slack_read_canvas", "A canvas, with the ids of its sections.", "canvas_id*", LOOK)
def slack_read_canvas(world: World, given: JSON) -> JSON:
    canvas = _canvas(world, given)
    mapping = dict(zip(_ids(canvas), canvas["sections"], strict=True))
    content = "\n\n".join(canvas["sections"])
    return json_text({"markdown_content": content, "section_id_mapping": mapping, "canvas_url": _link(canvas["id"])})


@TOOLS.tool(
    "slack_update_canvas",
    "Change sections of a canvas, all of them or none.",
    "canvas_id* sections:objects action=append|prepend|replace content section_id",
    CHANGE,
)
def slack_update_canvas(world: World, given: JSON) -> JSON:
    canvas = _canvas(world, given)
    edits = given.get("sections") or [
        {"edit_type": given.get("action"), "section_id": given.get("section_id"), "content": given.get("content", "")}
    ]
    parts: list[list[str]] = [[one] for one in canvas["sections"]]
    known = {key: place for place, key in enumerate(_ids(canvas))}
    for edit in edits:
        _edit(parts, known, edit)
    sections = [one for part in parts for one in part]
    world.put("canvas", canvas["id"], {**canvas, "sections": sections, "version": canvas["version"] + 1})
    return json_text({"canvas_id": canvas["id"], "canvas_url": _link(canvas["id"])})


def _edit(parts: list[list[str]], known: dict[str, int], edit: JSON) -> None:
    kind, key, content = edit.get("edit_type"), edit.get("section_id"), edit.get("content", "")
    if kind not in EDITS:
        raise ToolFailure("invalid_arguments")
    if not key:
        if kind not in ("append", "prepend"):
            raise ToolFailure("section_id_required")
        parts.insert(len(parts) if kind == "append" else 1, [content])
        return
    if key not in known:
        raise ToolFailure("section_not_found")
    here = parts[known[key]]
    if kind == "append":
        here.append(content)
    elif kind == "prepend":
        here.insert(0, content)
    else:
        here[:] = [content] if kind == "replace" else []
