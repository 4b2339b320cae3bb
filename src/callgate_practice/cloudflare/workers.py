"""Workers, their builds and logs, zones, the container for code, URL scans, documentation."""

from callgate_practice.cloudflare.account import READ, TOOLS, need, paged, refused
from callgate_practice.reply import JSON, ToolFailure, json_text, text
from callgate_practice.world import World

LOOK = "r+d-"
PAGES = (("D1", "d1/get-started", "Make a database and query it."), ("KV", "kv/concepts", "Keys, values, namespaces."))


@TOOLS.tool("workers_list", "All workers.", "", LOOK)
def workers_list(world: World, _given: JSON) -> JSON:
    rows = [
        {
            "name": one["name"],
            "id": {"tag": one["id"]},
            "modified_on": one["modified_on"],
            "created_on": one["created_on"],
        }
        for one in world.every("worker")
    ]
    return json_text({"workers": rows[::-1], "count": len(rows)})


def _worker(world: World, given: JSON) -> JSON:
    return need(world, "worker", given["scriptName"], "retrieving worker script", 10007)


@TOOLS.tool("workers_get_worker", "One worker.", "scriptName*", LOOK)
def workers_get_worker(world: World, given: JSON) -> JSON:
    one = _worker(world, given)
    return text(f"name\tid\n{one['name']}\t{one['id']}")


@TOOLS.tool("workers_get_worker_code", "A worker's source.", "scriptName*", LOOK)
def workers_get_worker_code(world: World, given: JSON) -> JSON:
    return text(_worker(world, given)["code"])


@TOOLS.tool("workers_builds_list_builds", "Builds of a worker.", "workerId* page:number perPage:number", READ)
def workers_builds_list_builds(world: World, given: JSON) -> JSON:
    rows = [{**one, "log": len(one["log"])} for one in world.every("build", worker=given["workerId"])]
    return json_text({"builds": paged(rows, {"page": given.get("page"), "per_page": given.get("perPage")})})


@TOOLS.tool("workers_builds_get_build", "One build.", "buildUUID*", READ)
def workers_builds_get_build(world: World, given: JSON) -> JSON:
    one = need(world, "build", given["buildUUID"], "getting build")
    return json_text({name: value for name, value in one.items() if name != "log"})


@TOOLS.tool("workers_builds_get_build_logs", "The log of a build.", "buildUUID*", READ)
def workers_builds_get_build_logs(world: World, given: JSON) -> JSON:
    return text("\n".join(need(world, "build", given["buildUUID"], "getting build logs")["log"]))


@TOOLS.tool("query_worker_observability", "Logs of workers that fit filters.", "query*:object")
def query_worker_observability(world: World, given: JSON) -> JSON:
    query = given["query"]
    filters = (query.get("parameters") or {}).get("filters") or []
    names = {"$metadata.service": "worker", "$metadata.level": "level", "$metadata.message": "message"}
    rows = world.every("log")
    for rule in filters:
        held = names.get(str(rule.get("key")), "message")
        rows = [one for one in rows if str(rule.get("value", "")).lower() in str(one[held]).lower()]
    return json_text({"events": {"events": rows[: int(query.get("limit", 50))], "count": len(rows)}})


@TOOLS.tool("zones_list", "All zones.", "name status page:number perPage:number order direction=asc|desc", LOOK)
def zones_list(world: World, given: JSON) -> JSON:
    rows = [one for one in world.every("zone") if given.get("name", "") in one["name"]]
    kept = [one for one in rows if given.get("status", one["status"]) == one["status"]]
    return json_text({"zones": kept, "count": len(kept), "accountId": "acme"})


@TOOLS.tool("zone_details", "One zone.", "zoneId*", LOOK)
def zone_details(world: World, given: JSON) -> JSON:
    return json_text({"zone": need(world, "zone", given["zoneId"], "fetching zone details")})


@TOOLS.tool("search_cloudflare_documentation", "Find pages of the documentation.", "query*", READ)
def search_cloudflare_documentation(_world: World, given: JSON) -> JSON:
    words = given["query"].lower().split()
    hits = [row for row in PAGES if any(word in " ".join(row).lower() for word in words)]
    base = "https://developers.cloudflare.com"
    return text("\n".join(f"<result><url>{base}/{path}</url><text>{said}</text></result>" for _, path, said in hits))


@TOOLS.tool(
    "create_url_scan",
    "Look at a URL from outside; a public scan is seen by everybody (here nothing is fetched).",
    "url* visibility=Public|Unlisted screenshotResolution=desktop|mobile|tablet",
)
def create_url_scan(world: World, given: JSON) -> JSON:
    key = world.uuid("scan")
    made = {"uuid": key, "url": given["url"], "visibility": given.get("visibility", "Public"), "verdict": "unknown"}
    world.put("scan", key, {**made, "at": world.now()})
    return json_text({"scanId": key, "visibility": made["visibility"], "url": given["url"], "message": "Submitted"})


@TOOLS.tool("get_url_scan", "One scan.", "scanId*")
def get_url_scan(world: World, given: JSON) -> JSON:
    return json_text(need(world, "scan", given["scanId"], "getting URL scan"))


@TOOLS.tool("search_url_scans", "Scans that everybody can see.", "query size:integer")
def search_url_scans(world: World, given: JSON) -> JSON:
    rows = [one for one in world.every("scan", visibility="Public") if given.get("query", "") in one["url"]]
    return json_text({"results": rows[: int(given.get("size", 10))], "total": len(rows)})


def _running(world: World) -> None:
    if world.get("container", "here") is None:
        raise ToolFailure("Error: the container is not running. Initialize it first.")


@TOOLS.tool("container_initialize", "Start a container, or the same one new.")
def container_initialize(world: World, _given: JSON) -> JSON:
    for one in world.every("container file"):
        world.drop("container file", one["path"])
    world.put("container", "here", {"started": world.now()})
    return text("Created new container")


@TOOLS.tool("container_ping", "Does the container run?")
def container_ping(world: World, _given: JSON) -> JSON:
    _running(world)
    return text("pong")


def _file(world: World, given: JSON) -> JSON:
    _running(world)
    path = str(given["args"].get("path", ""))
    if world.get("container file", path) is None:
        raise refused("reading file", 404, 404, "File not found")
    return need(world, "container file", path, "reading file")


@TOOLS.tool("container_file_write", "Write a file in the container.", "args*:object")
def container_file_write(world: World, given: JSON) -> JSON:
    _running(world)
    path, content = str(given["args"].get("path", "")), str(given["args"].get("text", ""))
    world.put("container file", path, {"path": path, "text": content})
    return text(f"Wrote file: {path}")


@TOOLS.tool("container_file_read", "Read a file of the container.", "args*:object")
def container_file_read(world: World, given: JSON) -> JSON:
    return text(_file(world, given)["text"])


@TOOLS.tool("container_file_delete", "Delete a file of the container.", "args*:object")
def container_file_delete(world: World, given: JSON) -> JSON:
    one = _file(world, given)
    world.drop("container file", one["path"])
    return text(f"File deleted: {one['path']}")


@TOOLS.tool("container_files_list", "Files of the container.")
def container_files_list(world: World, _given: JSON) -> JSON:
    _running(world)
    return json_text({"resources": [one["path"] for one in world.every("container file")]})
