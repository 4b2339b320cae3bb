"""Databases, their data sources, and people."""

from typing import Any

from callgate_practice.notion.library import (
    ME,
    invalid,
    need,
    new,
    not_found,
    opened,
    paged,
    parent_of,
    plain,
    rich,
    save,
)
from callgate_practice.notion.tools import CHANGE, LOOK, PAGED, TOOLS, answer
from callgate_practice.reply import JSON
from callgate_practice.world import World


@TOOLS.tool("API-get-self", "Who the server acts as.", "", LOOK)
def get_self(world: World, _given: JSON) -> JSON:
    return answer(need(world, "user", ME))


@TOOLS.tool("API-get-users", "People.", PAGED, LOOK)
def get_users(world: World, given: JSON) -> JSON:
    return answer(paged(world.every("user"), given))


@TOOLS.tool("API-get-user", "One person.", "user_id*", LOOK)
def get_user(world: World, given: JSON) -> JSON:
    return answer(need(world, "user", given["user_id"]))


@TOOLS.tool("API-retrieve-a-database", "A database with its data sources.", "database_id*", LOOK)
def retrieve_a_database(world: World, given: JSON) -> JSON:
    return answer(need(world, "database", given["database_id"]))


@TOOLS.tool("API-retrieve-a-data-source", "A data source with its properties.", "data_source_id*", LOOK)
def retrieve_a_data_source(world: World, given: JSON) -> JSON:
    return answer(need(world, "data_source", given["data_source_id"]))


@TOOLS.tool("API-list-data-source-templates", "Templates of a data source.", "data_source_id*" + PAGED, LOOK)
def list_data_source_templates(world: World, given: JSON) -> JSON:
    need(world, "data_source", given["data_source_id"])
    return answer({"templates": [], "has_more": False, "next_cursor": None})


@TOOLS.tool(
    "API-query-data-source",
    "Pages of a data source that fit a filter.",
    "data_source_id* filter_properties:list filter:any sorts:list archived:boolean in_trash:boolean" + PAGED,
    CHANGE,
)
def query_data_source(world: World, given: JSON) -> JSON:
    source = need(world, "data_source", given["data_source_id"])
    wanted = opened(given.get("filter") or {})
    rows = [
        one
        for one in world.every("page", in_trash=given.get("in_trash", False))
        if one["parent"].get("data_source_id") == source["id"] and _fits(one, wanted)
    ]
    for order in reversed(opened(given.get("sorts") or [])):
        rule = opened(order)
        rows.sort(key=lambda one: str(_value(one, rule["property"])), reverse=rule.get("direction") == "descending")
    return answer(paged(rows, given))


def _value(page: JSON, name: str) -> Any:
    """Of a property, as text, number or truth."""
    held = page["properties"].get(name)
    if held is None:
        return None
    value = held[held["type"]]
    if held["type"] in ("title", "rich_text"):
        return plain(value)
    return value.get("name") if isinstance(value, dict) else value


def _fits(page: JSON, wanted: JSON) -> bool:
    if not wanted:
        return True
    if "and" in wanted or "or" in wanted:
        parts = [_fits(page, opened(one)) for one in wanted.get("and") or wanted.get("or") or []]
        return all(parts) if "and" in wanted else any(parts)
    if "property" not in wanted:
        raise invalid("body.filter should have a property.")
    value = _value(page, wanted["property"])
    rules = [rule for name, rule in wanted.items() if name != "property" and isinstance(rule, dict)]
    return all(_holds(value, sign, operand) for rule in rules for sign, operand in rule.items())


def _holds(value: Any, sign: str, operand: Any) -> bool:
    if sign == "is_empty":
        return (value in (None, "")) is bool(operand)
    if sign in ("contains", "starts_with"):
        held, word = str(value or "").lower(), str(operand).lower()
        return word in held if sign == "contains" else held.startswith(word)
    if sign in ("greater_than", "less_than"):
        above = value is not None and (value > operand if sign == "greater_than" else value < operand)
        return bool(above)
    if sign in ("equals", "does_not_equal"):
        return bool(value == operand) is (sign == "equals")
    raise invalid(f"body.filter has an unknown condition {sign}.")


def _schema(given: Any) -> JSON:
    """Each property with its type, which is its one member."""
    found: JSON = {}
    for name, raw in opened(given).items():
        value = opened(raw)
        if isinstance(value, dict) and value:
            kind = value.get("type") or next(iter(value))
            found[name] = {**value, "type": kind}
        else:
            found[name] = None
    return found


@TOOLS.tool(
    "API-create-a-data-source", "Make a data source below a page.", "parent*:any properties*:any title:list", CHANGE
)
def create_a_data_source(world: World, given: JSON) -> JSON:
    parent = parent_of(world, given["parent"])
    title = rich(plain(opened(given.get("title") or [])))
    base = new(world, "database", parent, title=title)
    home = {"type": "database_id", "database_id": base["id"]}
    made = new(world, "data_source", home, title=title, description=[], properties=_schema(given["properties"]))
    world.put("database", base["id"], {**base, "data_sources": [{"id": made["id"], "name": plain(title)}]})
    return answer(made)


@TOOLS.tool(
    "API-update-a-data-source",
    "Change a data source; a property set to null is dropped with its values.",
    "data_source_id* title:list description:list properties:any",
    CHANGE,
)
def update_a_data_source(world: World, given: JSON) -> JSON:
    source = need(world, "data_source", given["data_source_id"])
    source |= {name: rich(plain(opened(given[name]))) for name in ("title", "description") if name in given}
    changes = _schema(given.get("properties") or {})
    for name in [name for name, value in changes.items() if value is None]:
        if name not in source["properties"]:
            raise not_found("property", name)
        del source["properties"][name], changes[name]
        for page in world.every("page"):
            if page["parent"].get("data_source_id") == source["id"] and page["properties"].pop(name, None):
                save(world, page)
    source["properties"] |= changes
    return answer(save(world, source))
