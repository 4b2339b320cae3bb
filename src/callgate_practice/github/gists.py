"""Gists: texts of one's own, outside every repository; a public one is seen by everybody."""

from callgate_practice.github.state import ME
from callgate_practice.github.tools import READ, TOOLS, WRITE, not_found, paged
from callgate_practice.reply import JSON, json_text
from callgate_practice.world import World

SITE = "https://gist.github.com"


def _shown(one: JSON) -> JSON:
    return {**one, "html_url": f"{SITE}/{ME}/{one['id']}"}


def _gist(world: World, given: JSON, what: str, verb: str) -> JSON:
    found = world.get("gist", given["gist_id"])
    if found is None:
        raise not_found(what, verb, f"/gists/{given['gist_id']}")
    return found


@TOOLS.tool(
    "create_gist", "Put a text where a link leads to it.", "filename* content* description public:boolean", WRITE
)
def create_gist(world: World, given: JSON) -> JSON:
    key = world.token("gist", 32)
    files = {given["filename"]: {"content": given["content"]}}
    made = {"id": key, "description": given.get("description", ""), "public": given.get("public", False)}
    world.put("gist", key, {**made, "files": files, "owner": ME, "created_at": world.now()})
    return json_text({"id": key, "url": f"{SITE}/{ME}/{key}"})


@TOOLS.tool("get_gist", "One gist.", "gist_id*", READ)
def get_gist(world: World, given: JSON) -> JSON:
    return json_text(_shown(_gist(world, given, "get gist", "GET")))


@TOOLS.tool("list_gists", "Gists of a person.", "username since page:number perPage:number", READ)
def list_gists(world: World, given: JSON) -> JSON:
    rows = world.every("gist", owner=given.get("username") or ME)
    return json_text([_shown(one) for one in paged(rows, given)])


@TOOLS.tool("update_gist", "Write a file of a gist.", "gist_id* filename* content* description", WRITE)
def update_gist(world: World, given: JSON) -> JSON:
    one = _gist(world, given, "update gist", "PATCH")
    one["files"][given["filename"]] = {"content": given["content"]}
    one["description"] = given.get("description", one["description"])
    world.put("gist", one["id"], one)
    return json_text({"id": one["id"], "url": f"{SITE}/{ME}/{one['id']}"})
