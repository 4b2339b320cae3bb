"""Pages: search, read, make, change, move, and their text as Markdown."""

from callgate_practice.notion import markdown
from callgate_practice.notion.library import (
    add_block,
    children,
    invalid,
    need,
    new,
    not_found,
    opened,
    paged,
    parent_of,
    plain,
    properties,
    save,
    schema_of,
    title_of,
)
from callgate_practice.notion.tools import CHANGE, LOOK, PAGED, TOOLS, answer
from callgate_practice.reply import JSON
from callgate_practice.world import World

KINDS = ("replace_content", "update_content", "insert_content", "replace_content_range")


@TOOLS.tool("API-post-search", "Find pages and data sources by title.", "query sort:any filter:any" + PAGED, CHANGE)
def post_search(world: World, given: JSON) -> JSON:
    wanted = opened(given.get("filter") or {}).get("value")
    word = str(given.get("query", "")).lower()
    rows = [one for one in world.every("page") if word in title_of(one).lower()]
    rows += [one for one in world.every("data_source") if word in plain(one["title"]).lower()]
    kept = [one for one in rows if not one["in_trash"] and wanted in (None, one["object"])]
    order = opened(given.get("sort") or {})
    if order:
        kept.sort(key=lambda one: str(one["last_edited_time"]), reverse=order.get("direction") != "ascending")
    return answer(paged(kept, given))


@TOOLS.tool("API-retrieve-a-page", "One page.", "page_id* filter_properties", LOOK)
def retrieve_a_page(world: World, given: JSON) -> JSON:
    return answer(need(world, "page", given["page_id"]))


@TOOLS.tool("API-retrieve-a-page-property", "One property of a page.", "page_id* property_id*" + PAGED, LOOK)
def retrieve_a_page_property(world: World, given: JSON) -> JSON:
    page = need(world, "page", given["page_id"])
    value = page["properties"].get(given["property_id"])
    if value is None:
        raise not_found("property", given["property_id"])
    return answer({"object": "property_item", "id": given["property_id"], **value})


@TOOLS.tool("API-post-page", "Make a page.", "parent*:any properties*:any children:list icon cover", CHANGE)
def post_page(world: World, given: JSON) -> JSON:
    parent = parent_of(world, given["parent"])
    values = properties(given["properties"], schema_of(world, parent))
    made = new(world, "page", parent, properties=values, icon=given.get("icon"), cover=given.get("cover"))
    home = {"type": "page_id", "page_id": made["id"]}
    for place, one in enumerate(opened(given.get("children") or []), 1):
        block = opened(one)
        kind = block.get("type") or next(iter(block))
        add_block(world, home, kind, block[kind], place)
    return answer(made)


@TOOLS.tool(
    "API-patch-page",
    "Change a page's properties, or put it in the trash or back.",
    "page_id* properties:any in_trash:boolean archived:boolean icon:any cover:any",
    CHANGE,
)
def patch_page(world: World, given: JSON) -> JSON:
    page = need(world, "page", given["page_id"])
    if "properties" in given:
        page["properties"] |= properties(given["properties"], schema_of(world, page["parent"]))
    page["in_trash"] = given.get("in_trash", given.get("archived", page["in_trash"]))
    page |= {name: opened(given[name]) for name in ("icon", "cover") if name in given}
    return answer(save(world, page))


@TOOLS.tool("API-move-page", "Put a page below another one.", "page_id* parent*:any", CHANGE)
def move_page(world: World, given: JSON) -> JSON:
    page = need(world, "page", given["page_id"])
    parent = parent_of(world, given["parent"])
    if parent.get("page_id") == page["id"]:
        raise invalid("A page cannot be its own parent.")
    return answer(save(world, {**page, "parent": parent}))


@TOOLS.tool("API-retrieve-page-markdown", "A page's text as Markdown.", "page_id* include_transcript:boolean", LOOK)
def retrieve_page_markdown(world: World, given: JSON) -> JSON:
    return answer(_text(world, need(world, "page", given["page_id"])))


def _text(world: World, page: JSON) -> JSON:
    text = "\n".join(markdown.line(one) for one in children(world, page["id"]))
    return {"object": "page_markdown", "id": page["id"], "markdown": text, "truncated": False}


@TOOLS.tool(
    "API-update-page-markdown",
    "Write a page's text: all of it, or parts.",
    f"page_id* type*={'|'.join(KINDS)} replace_content:any update_content:any insert_content:any"
    " replace_content_range:any",
    CHANGE,
)
def update_page_markdown(world: World, given: JSON) -> JSON:
    page, kind = need(world, "page", given["page_id"]), given["type"]
    change = opened(given.get(kind))
    if not isinstance(change, dict):
        raise invalid(f"body.{kind} should be defined.")
    before = _text(world, page)["markdown"]
    keep = kind != "replace_content"
    if kind == "replace_content":
        after = str(change.get("new_str", ""))
    elif kind == "update_content":
        after = _replaced(before, change.get("content_updates", []))
    elif kind == "insert_content":
        after = _inserted(before, change)
    else:
        start, end = _range(before, str(change.get("content_range", "")))
        after = before[:start] + str(change.get("content", "")) + before[end:]
    _write(world, page, after, keep=keep)
    return answer(_text(world, page))


def _replaced(text: str, updates: list[JSON]) -> str:
    for one in updates:
        if one["old_str"] not in text:
            raise invalid("old_str was not found in the page.")
        text = text.replace(one["old_str"], one["new_str"], -1 if one.get("replace_all_matches") else 1)
    return text


def _inserted(text: str, change: JSON) -> str:
    content = str(change.get("content", ""))
    if change.get("after"):
        _, end = _range(text, change["after"])
        return f"{text[:end]}\n{content}{text[end:]}"
    first = (change.get("position") or {}).get("type") == "start"
    return f"{content}\n{text}" if first else f"{text}\n{content}"


def _range(text: str, selection: str) -> tuple[int, int]:
    """Of "first words...last words"."""
    head, dots, tail = selection.partition("...")
    start = text.find(head)
    end = text.find(tail, start + len(head)) if dots else start
    if start < 0 or end < 0:
        raise invalid("The selection was not found in the page.")
    return start, end + len(tail if dots else head)


def _write(world: World, page: JSON, text: str, *, keep: bool) -> None:
    """Lines that stay as they were keep their block, unless everything is replaced."""
    rows = children(world, page["id"])
    free = {markdown.line(one): one for one in reversed(rows)} if keep else {}
    home, kept = {"type": "page_id", "page_id": page["id"]}, set()
    for place, (kind, inner) in enumerate(markdown.parse(text), 1):
        line = markdown.line({"type": kind, kind: inner})
        held = free.pop(line, None)
        if held is None:
            add_block(world, home, kind, inner, place)
        else:
            kept.add(held["id"])
            world.put("block", held["id"], {**held, "order": place})
    for one in rows:
        if one["id"] not in kept:
            world.drop("block", one["id"])
