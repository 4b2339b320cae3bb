"""The state behind Notion: pages of blocks, data sources of pages, comments. All of them the REST API's objects."""

import json
from typing import Any

from callgate_practice.reply import JSON, ToolFailure
from callgate_practice.world import World

ME, BEN = "0a0aa0aa-0001-4000-8000-00000000a0aa", "0b0bb0bb-0002-4000-8000-00000000b0bb"
SITE = "https://www.notion.so"
Parent = JSON
"""{"type": "page_id", "page_id": …}; also data_source_id, database_id, block_id and workspace."""
ALIASES = ("page_id", "data_source_id", "database_id", "block_id", "workspace")


def api_error(status: int, code: str, message: str) -> ToolFailure:
    """The API's error object as the server hands it on: text, without a flag."""
    body = {"object": "error", "status": status, "code": code, "message": message}
    return ToolFailure(json.dumps({"status": "error"} | body))


def not_found(what: str, key: str) -> ToolFailure:
    return api_error(404, "object_not_found", f"Could not find {what} with ID: {key}.")


def invalid(message: str) -> ToolFailure:
    return api_error(400, "validation_error", message)


def opened(value: Any) -> Any:
    """Clients may hand an object over as its JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise invalid("body failed validation: a value is no JSON object.") from None


def key_of(text: str) -> str:
    """An id with or without its dashes."""
    plain = text.replace("-", "")
    return "-".join((plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:])) if len(plain) == 32 else text


def need(world: World, kind: str, key: str) -> JSON:
    found = world.get(kind, key_of(key))
    if found is None:
        raise not_found(kind.replace("_", " "), key)
    return found


def parent_of(world: World, value: Any) -> Parent:
    """Checked: it is there. A database stands for its data source."""
    given = opened(value)
    for name in ALIASES:
        if isinstance(given, dict) and (name in given or given.get("type") == name):
            break
    else:
        raise invalid("body.parent should be defined.")
    if name == "workspace":
        return {"type": "workspace", "workspace": True}
    key = key_of(str(given.get(name, "")))
    if name == "database_id":
        name, key = "data_source_id", need(world, "database", key)["data_sources"][0]["id"]
    need(world, name.removesuffix("_id"), key)
    return {"type": name, name: key}


def rich(text: str) -> list[JSON]:
    return [{"type": "text", "text": {"content": text, "link": None}, "plain_text": text}]


def plain(parts: Any) -> str:
    """Of rich text as clients write it or as the API shows it."""
    if not isinstance(parts, list):
        return str(parts or "")
    return "".join(str(one.get("plain_text") or one.get("text", {}).get("content", "")) for one in map(opened, parts))


def stamp(world: World, body: JSON) -> JSON:
    return {**body, "last_edited_time": world.now(), "last_edited_by": {"object": "user", "id": ME}}


def save(world: World, body: JSON) -> JSON:
    return world.put(body["object"], body["id"], stamp(world, body))


def new(world: World, kind: str, parent: Parent, **more: object) -> JSON:
    key = world.uuid(kind)
    made = {"object": kind, "id": key, "parent": parent, "created_time": world.now(), "in_trash": False, **more}
    if kind == "page":
        made |= {"url": f"{SITE}/{key.replace('-', '')}", "icon": made.get("icon"), "cover": made.get("cover")}
    return save(world, made)


def title_of(page: JSON) -> str:
    for value in page["properties"].values():
        if value.get("type") == "title":
            return plain(value["title"])
    return ""


def properties(given: Any, schema: JSON | None) -> JSON:
    """Values of a page with their types, as the API shows them. Without a schema the page has a title alone."""
    found: JSON = {}
    for name, raw in opened(given).items():
        value = opened(raw)
        kind = (schema or {}).get(name, {}).get("type") or ("title" if schema is None and name == "title" else "")
        if not kind:
            raise invalid(f"{name} is not a property that exists.")
        inner = value.get(kind) if isinstance(value, dict) and kind in value else value
        found[name] = {"type": kind, kind: rich(plain(inner)) if kind in ("title", "rich_text") else inner}
    return found


def schema_of(world: World, parent: Parent) -> JSON | None:
    """Of the data source that a page lies in."""
    if parent["type"] != "data_source_id":
        return None
    found: JSON = need(world, "data_source", parent["data_source_id"])["properties"]
    return found


def children(world: World, key: str) -> list[JSON]:
    """Blocks of a page or a block in their order, without the trashed ones."""
    rows = [
        one
        for one in world.every("block")
        if one["parent"].get("page_id") == key or one["parent"].get("block_id") == key
    ]
    return sorted((one for one in rows if not one["in_trash"]), key=lambda one: float(one["order"]))


def add_block(world: World, parent: Parent, kind: str, inner: JSON, order: float) -> JSON:
    body = {**inner, "rich_text": rich(plain(inner.get("rich_text", [])))}
    return new(world, "block", parent, type=kind, has_children=False, order=order, **{kind: body})


def shown(body: JSON) -> JSON:
    """Without what is the state's own."""
    return {name: value for name, value in body.items() if name != "order"}


def paged(rows: list[JSON], given: JSON, kind: str = "list") -> JSON:
    start, size = int(given.get("start_cursor") or 0), min(int(given.get("page_size") or 100), 100)
    more = start + size < len(rows)
    page = [shown(one) for one in rows[start : start + size]]
    return {"object": kind, "results": page, "has_more": more, "next_cursor": str(start + size) if more else None}
