"""Blocks, and comments on pages and blocks."""

from typing import Any

from callgate_practice.notion.library import (
    ME,
    add_block,
    children,
    invalid,
    key_of,
    need,
    new,
    not_found,
    opened,
    paged,
    plain,
    rich,
    save,
    shown,
)
from callgate_practice.notion.tools import CHANGE, LOOK, PAGED, TOOLS, answer
from callgate_practice.reply import JSON
from callgate_practice.world import World


def _holder(world: World, key: str) -> tuple[str, str]:
    """Kind and id of what has the blocks: a page or a block."""
    full = key_of(key)
    for kind in ("page", "block"):
        if world.get(kind, full) is not None:
            return kind, full
    raise not_found("block", key)


@TOOLS.tool("API-get-block-children", "The blocks in a page or a block.", "block_id*" + PAGED, LOOK)
def get_block_children(world: World, given: JSON) -> JSON:
    _, key = _holder(world, given["block_id"])
    return answer(paged(children(world, key), given))


@TOOLS.tool("API-retrieve-a-block", "One block.", "block_id*", LOOK)
def retrieve_a_block(world: World, given: JSON) -> JSON:
    return answer(shown(need(world, "block", given["block_id"])))


@TOOLS.tool("API-patch-block-children", "Add blocks to a page or a block.", "block_id* children*:list after", CHANGE)
def patch_block_children(world: World, given: JSON) -> JSON:
    kind, key = _holder(world, given["block_id"])
    given_blocks = opened(given["children"])
    if not isinstance(given_blocks, list) or not given_blocks:
        raise invalid("body.children should be an array with blocks.")
    rows = children(world, key)
    low = float(rows[-1]["order"]) if rows else 0.0
    high = low + len(given_blocks) + 1
    if given.get("after"):
        low, high = _gap(rows, key_of(given["after"]))
    step = (high - low) / (len(given_blocks) + 1)
    parent = {"type": f"{kind}_id", f"{kind}_id": key}
    made = [
        add_block(world, parent, *_written(one), low + step * (place + 1)) for place, one in enumerate(given_blocks)
    ]
    if kind == "block":
        save(world, {**need(world, "block", key), "has_children": True})
    return answer(paged(made, {}))


def _gap(rows: list[JSON], after: str) -> tuple[float, float]:
    """The orders between which new blocks go."""
    for place, one in enumerate(rows):
        if one["id"] == after:
            low = float(one["order"])
            return low, float(rows[place + 1]["order"]) if place + 1 < len(rows) else low + 1
    raise not_found("block", after)


def _written(one: Any) -> tuple[str, JSON]:
    """(type, content) of a block as a client writes it."""
    block = opened(one)
    kinds = [name for name, value in block.items() if isinstance(value, dict)] if isinstance(block, dict) else []
    if not kinds:
        raise invalid("body.children[0] should have a block type.")
    kind = block.get("type", kinds[0])
    return str(kind), block.get(kind, {})


@TOOLS.tool("API-update-a-block", "Change a block, or bring it back.", "block_id* type:any archived:boolean", CHANGE)
def update_a_block(world: World, given: JSON) -> JSON:
    block = need(world, "block", given["block_id"])
    if "archived" in given:
        block["in_trash"] = given["archived"]
    change = opened(given.get("type", {}))
    inner = change.get(block["type"], change)
    if "rich_text" in inner or "text" in inner:
        inner = {**inner, "rich_text": rich(plain(inner.get("rich_text") or inner.get("text")))}
        inner.pop("text", None)
    block[block["type"]] = {**block[block["type"]], **inner}
    return answer(shown(save(world, block)))


@TOOLS.tool("API-delete-a-block", "Put a block in the trash.", "block_id*", CHANGE)
def delete_a_block(world: World, given: JSON) -> JSON:
    block = need(world, "block", given["block_id"])
    return answer({**shown(save(world, {**block, "in_trash": True})), "archived": True})


@TOOLS.tool("API-retrieve-a-comment", "Comments on a page or a block.", "block_id*" + PAGED, LOOK)
def retrieve_a_comment(world: World, given: JSON) -> JSON:
    _, key = _holder(world, given["block_id"])
    rows = [one for one in world.every("comment") if key in one["parent"].values()]
    return answer(paged(rows, given))


@TOOLS.tool("API-create-a-comment", "Comment on a page.", "parent*:any rich_text*:list", CHANGE)
def create_a_comment(world: World, given: JSON) -> JSON:
    parent = opened(given["parent"])
    page = need(world, "page", str(parent.get("page_id", "")) if isinstance(parent, dict) else "")
    said = rich(plain(opened(given["rich_text"])))
    home = {"type": "page_id", "page_id": page["id"]}
    return answer(new(world, "comment", home, rich_text=said, created_by={"object": "user", "id": ME}))
