"""D1 databases, R2 buckets, KV namespaces, Hyperdrive configurations."""

import json
import sqlite3

from callgate_practice.cloudflare import databases
from callgate_practice.cloudflare.account import DELETE, MAKE, READ, TOOLS, need, paged, refused
from callgate_practice.reply import JSON, json_text
from callgate_practice.world import World

PAGES = "page:number? per_page:number?"


@TOOLS.tool("d1_databases_list", "All databases.", f"name:string? {PAGES}", READ)
def d1_databases_list(world: World, given: JSON) -> JSON:
    rows = [one for one in world.every("database") if (given.get("name") or "") in one["name"]]
    return json_text({"result": paged(rows, given), "result_info": {"total_count": len(rows)}})


@TOOLS.tool(
    "d1_database_create",
    "Make a database.",
    "name* primary_location_hint=wnam|enam|weur|eeur|apac|oc?",
    MAKE,
)
def d1_database_create(world: World, given: JSON) -> JSON:
    if world.every("database", name=given["name"]):
        raise refused("creating D1 database", 400, 7502, f"Database with name '{given['name']}' already exists.")
    return json_text(databases.add(world, given["name"]))


def _database(world: World, given: JSON, doing: str) -> JSON:
    return need(world, "database", given["database_id"], f"{doing} D1 database", 7404)


@TOOLS.tool("d1_database_get", "One database.", "database_id*", READ)
def d1_database_get(world: World, given: JSON) -> JSON:
    return json_text(_database(world, given, "getting"))


@TOOLS.tool("d1_database_delete", "Delete a database with all it holds.", "database_id*", DELETE)
def d1_database_delete(world: World, given: JSON) -> JSON:
    databases.drop(world, _database(world, given, "deleting")["uuid"])
    return json_text(None)


@TOOLS.tool("d1_database_query", "Run SQL: reading or writing.", "database_id* sql* params:strings?", MAKE)
def d1_database_query(world: World, given: JSON) -> JSON:
    database = _database(world, given, "querying")
    try:
        return json_text(databases.run(world, database, given["sql"], given.get("params") or []))
    except sqlite3.Error as fault:
        raise refused("querying D1 database", 400, 7500, f"{fault}: SQLITE_ERROR") from None


@TOOLS.tool(
    "r2_buckets_list",
    "All buckets.",
    "cursor:string? direction=asc|desc? name_contains:string? per_page:number? start_after:string?",
    READ,
)
def r2_buckets_list(world: World, given: JSON) -> JSON:
    rows = [one for one in world.every("bucket") if (given.get("name_contains") or "") in one["name"]]
    rows.sort(key=lambda one: str(one["name"]), reverse=given.get("direction") == "desc")
    return json_text({"buckets": paged(rows, given), "count": len(rows)})


@TOOLS.tool("r2_bucket_create", "Make a bucket.", "name*", MAKE)
def r2_bucket_create(world: World, given: JSON) -> JSON:
    if world.get("bucket", given["name"]) is not None:
        raise refused("creating R2 bucket", 409, 10004, "The bucket you tried to create already exists")
    made = {"name": given["name"], "creation_date": world.now(), "location": "WEUR", "storage_class": "Standard"}
    return json_text(world.put("bucket", given["name"], made))


@TOOLS.tool("r2_bucket_get", "One bucket.", "name*", READ)
def r2_bucket_get(world: World, given: JSON) -> JSON:
    return json_text(need(world, "bucket", given["name"], "getting R2 bucket", 10006))


@TOOLS.tool("r2_bucket_delete", "Delete a bucket.", "name*", DELETE)
def r2_bucket_delete(world: World, given: JSON) -> JSON:
    need(world, "bucket", given["name"], "deleting R2 bucket", 10006)
    world.drop("bucket", given["name"])
    return json_text({})


@TOOLS.tool("kv_namespaces_list", "All namespaces.", "params:object", READ)
def kv_namespaces_list(world: World, given: JSON) -> JSON:
    order = given.get("params", {})
    rows = [{"id": one["id"], "title": one["title"]} for one in world.every("namespace")]
    rows.sort(key=lambda one: str(one[order.get("order", "id")]), reverse=order.get("direction") == "desc")
    return json_text({"namespaces": paged(rows, order), "count": len(rows)})


def _titled(world: World, title: str, doing: str) -> None:
    if world.every("namespace", title=title):
        raise refused(doing, 400, 10014, f"a namespace with the title '{title}' already exists")


@TOOLS.tool("kv_namespace_create", "Make a namespace.", "title*", MAKE)
def kv_namespace_create(world: World, given: JSON) -> JSON:
    _titled(world, given["title"], "creating KV namespace")
    key = world.token("namespace", 32)
    return json_text(world.put("namespace", key, {"id": key, "title": given["title"], "supports_url_encoding": True}))


@TOOLS.tool("kv_namespace_get", "One namespace.", "namespace_id*", READ)
def kv_namespace_get(world: World, given: JSON) -> JSON:
    return json_text(need(world, "namespace", given["namespace_id"], "getting KV namespace", 10013))


@TOOLS.tool("kv_namespace_update", "Rename a namespace.", "namespace_id* title*", MAKE)
def kv_namespace_update(world: World, given: JSON) -> JSON:
    held = need(world, "namespace", given["namespace_id"], "updating KV namespace", 10013)
    _titled(world, given["title"], "updating KV namespace")
    return json_text(world.put("namespace", held["id"], {**held, "title": given["title"]}))


@TOOLS.tool("kv_namespace_delete", "Delete a namespace with its keys.", "namespace_id*", DELETE)
def kv_namespace_delete(world: World, given: JSON) -> JSON:
    held = need(world, "namespace", given["namespace_id"], "deleting KV namespace", 10013)
    world.drop("namespace", held["id"])
    return json_text({"success": True})


@TOOLS.tool(
    "hyperdrive_configs_list",
    "All configurations.",
    "page:integer? per_page:integer? order=id|name? direction=asc|desc?",
    READ,
)
def hyperdrive_configs_list(world: World, given: JSON) -> JSON:
    rows = world.every("hyperdrive")
    order = given.get("order") or "id"
    rows.sort(key=lambda one: str(one[order]), reverse=given.get("direction") == "desc")
    return json_text({"configs": paged(rows, given), "count": len(rows)})


def _hyperdrive(world: World, given: JSON, doing: str) -> JSON:
    return need(world, "hyperdrive", given["hyperdrive_id"], f"{doing} Hyperdrive config", 2001)


@TOOLS.tool("hyperdrive_config_get", "One configuration, without its password.", "hyperdrive_id*", READ)
def hyperdrive_config_get(world: World, given: JSON) -> JSON:
    return json_text(_hyperdrive(world, given, "getting"))


@TOOLS.tool("hyperdrive_config_delete", "Delete a configuration.", "hyperdrive_id*", DELETE)
def hyperdrive_config_delete(world: World, given: JSON) -> JSON:
    held = _hyperdrive(world, given, "deleting")
    world.drop("hyperdrive", held["id"])
    return json_text({"success": True})


ORIGIN = ("database", "host", "port", "scheme", "user")
CACHING = ("disabled", "max_age", "stale_while_revalidate")


@TOOLS.tool(
    "hyperdrive_config_edit",
    "Change a configuration: where the queries go, and how they are cached.",
    "hyperdrive_id* name:string? database:string? host:string? port:integer? scheme=postgresql? user:string?"
    " caching_disabled:boolean? caching_max_age:integer? caching_stale_while_revalidate:integer?",
    MAKE,
)
def hyperdrive_config_edit(world: World, given: JSON) -> JSON:
    held = _hyperdrive(world, given, "editing")
    held["name"] = given.get("name") or held["name"]
    held["origin"] |= {name: given[name] for name in ORIGIN if given.get(name) is not None}
    found = {name: given.get(f"caching_{name}") for name in CACHING}
    held["caching"] |= {name: value for name, value in found.items() if value is not None}
    return json_text(json.loads(json.dumps(world.put("hyperdrive", held["id"], held))))
