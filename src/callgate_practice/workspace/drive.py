"""Practice server for Google Drive: find, read, make and change files."""

from callgate_practice.reply import JSON, ToolFailure, wrapped
from callgate_practice.toolset import Toolset
from callgate_practice.workspace import drive_world as drive
from callgate_practice.workspace.drive_query import compile_query
from callgate_practice.workspace.drive_world import ACCOUNTS, DOC, FOLDER, link
from callgate_practice.workspace.speech import CHANGE, LOOK, MAKE, OUTPUT, account, api_error
from callgate_practice.world import World

TOOLS = Toolset(
    "google-drive",
    "Google Drive",
    drive.populate,
    catalog=("google_drive",),
    volatile=frozenset({"modifiedTime", "version"}),
)
WHO = "user_google_email*"
FIND = (
    " page_size:integer page_token drive_id include_items_from_all_drives:boolean corpora file_type detailed:boolean"
    " order_by"
)


def file_of(world: World, tool: str, given: JSON, name: str = "file_id") -> JSON:
    """One that the account may see."""
    box = account(tool, given, ACCOUNTS)
    found = world.get("file", given[name])
    if found is None or not drive.may_see(found, box):
        raise api_error(tool, 404, f"File not found: {given[name]}.")
    return found


def _line(one: JSON) -> str:
    parents = ", ".join(one["parents"])
    return (
        f'- Name: "{one["name"]}" (ID: {one["id"]}, Type: {one["mimeType"]}, Parents: {parents}, '
        f"Modified: {one['modifiedTime']}) Link: {link(one)}"
    )


def _page(rows: list[JSON], given: JSON, title: str) -> JSON:
    start, size = int(given.get("page_token") or 0), int(given.get("page_size", 10))
    page = rows[start : start + size]
    lines = [f"Found {len(page)} {title}:", *(_line(one) for one in page)]
    if start + size < len(rows):
        lines.append(f"nextPageToken: {start + size}")
    return wrapped("\n".join(lines))


def _of_type(rows: list[JSON], given: JSON) -> list[JSON]:
    kind = {"folder": FOLDER, "doc": DOC, "document": DOC, "csv": "text/csv", "text": "text/plain"}
    wanted = kind.get(given.get("file_type") or "", given.get("file_type"))
    return [one for one in rows if not wanted or one["mimeType"] == wanted]


@TOOLS.tool(
    "search_drive_files",
    "Find files by words or in Drive's query language.",
    f"{WHO} query*{FIND} include_trashed:boolean",
    LOOK,
    OUTPUT,
)
def search_drive_files(world: World, given: JSON) -> JSON:
    box = account("search_drive_files", given, ACCOUNTS)
    try:
        wanted = compile_query(given["query"])
    except ValueError:
        raise api_error("search_drive_files", 400, "Invalid Value") from None
    rows = [one for one in world.every("file") if drive.may_see(one, box) and wanted(one)]
    deep = given.get("include_trashed") or "trashed" in given["query"]
    kept = [one for one in rows if (deep or not one["trashed"]) and one["id"] != "root"]
    return _page(_of_type(kept, given), given, f"files for {box} matching '{given['query']}'")


@TOOLS.tool(
    "list_drive_items",
    "What lies in a folder.",
    f"{WHO} folder_id{FIND} resource_type query include_organizers:boolean",
    LOOK,
    OUTPUT,
)
def list_drive_items(world: World, given: JSON) -> JSON:
    box, folder = account("list_drive_items", given, ACCOUNTS), given.get("folder_id", "root")
    rows = [one for one in world.every("file", trashed=False) if folder in one["parents"] and drive.may_see(one, box)]
    return _page(_of_type(rows, given), given, f"items in folder '{folder}' for {box}")


@TOOLS.tool("get_drive_file_content", "What a file holds.", f"{WHO} file_id*", LOOK, OUTPUT)
def get_drive_file_content(world: World, given: JSON) -> JSON:
    one = file_of(world, "get_drive_file_content", given)
    head = f'File: "{one["name"]}" (ID: {one["id"]}, Type: {one["mimeType"]})\nLink: {link(one)}'
    return wrapped(f"{head}\n\n--- CONTENT ---\n{one['content']}")


@TOOLS.tool("get_drive_file_download_url", "Where to download a file.", f"{WHO} file_id* export_format", LOOK, OUTPUT)
def get_drive_file_download_url(world: World, given: JSON) -> JSON:
    one = file_of(world, "get_drive_file_download_url", given)
    return wrapped(f"Download URL for {one['name']}: https://drive.google.com/uc?id={one['id']}&export=download")


@TOOLS.tool("get_drive_shareable_link", "The links of a file.", f"{WHO} file_id*", LOOK, OUTPUT)
def get_drive_shareable_link(world: World, given: JSON) -> JSON:
    one = file_of(world, "get_drive_shareable_link", given)
    return wrapped(f"File: {one['name']}\nID: {one['id']}\nSharing: {one['link_sharing']}\nView: {link(one)}")


def _folder(world: World, tool: str, given: JSON, name: str) -> str:
    key = given.get(name) or "root"
    held = world.get("file", key)
    if held is None or held["mimeType"] != FOLDER:
        raise api_error(tool, 404, f"File not found: {key}.")
    return str(key)


@TOOLS.tool("create_drive_folder", "Make a folder.", f"{WHO} folder_name* parent_folder_id", MAKE, OUTPUT)
def create_drive_folder(world: World, given: JSON) -> JSON:
    box = account("create_drive_folder", given, ACCOUNTS)
    parent = _folder(world, "create_drive_folder", given, "parent_folder_id")
    made = _add(world, box, given["folder_name"], parent, mimeType=FOLDER)
    return wrapped(
        f"Successfully created folder '{made['name']}' (ID: {made['id']}) in folder '{parent}' for {box}. Link: {link(made)}"
    )


def _add(world: World, box: str, name: str, parent: str, **more: object) -> JSON:
    """It inherits who may see the folder."""
    made = drive.add_file(world, name, parent, **{"owner": box, **more})
    held = world.get("file", parent)
    mine = {**made["permissions"][0], "emailAddress": box}
    rest = [one for one in held["permissions"] if one["role"] != "owner"] if held else []
    return world.put("file", made["id"], {**made, "permissions": [mine, *rest]})


@TOOLS.tool(
    "create_drive_file",
    "Make a file from text, or from a URL that the server fetches (here it only notes which).",
    f"{WHO} file_name* content folder_id mime_type fileUrl base64_content content_mime_type base64_sha256",
    MAKE,
    OUTPUT,
)
def create_drive_file(world: World, given: JSON) -> JSON:
    box = account("create_drive_file", given, ACCOUNTS)
    content = given.get("content") or given.get("base64_content") or ""
    if given.get("fileUrl"):
        content = f"(fetched from {given['fileUrl']})"
        world.put("fetched", world.count("fetched"), {"url": given["fileUrl"]})
    if not content:
        raise ToolFailure("Error calling tool 'create_drive_file': You must provide either 'content' or 'fileUrl'.")
    parent = _folder(world, "create_drive_file", given, "folder_id")
    kind = given.get("mime_type") or "text/plain"
    made = _add(world, box, given["file_name"], parent, content=content, mimeType=kind)
    return wrapped(
        f"Successfully created file '{made['name']}' (ID: {made['id']}) in folder '{parent}' for {box}. Link: {link(made)}"
    )


@TOOLS.tool(
    "copy_drive_file", "Copy a file.", f"{WHO} file_id* new_name parent_folder_id copy_comments:boolean", MAKE, OUTPUT
)
def copy_drive_file(world: World, given: JSON) -> JSON:
    one = file_of(world, "copy_drive_file", given)
    default = {"parent_folder_id": one["parents"][0] if one["parents"] else "root"}
    parent = _folder(world, "copy_drive_file", {**default, **given}, "parent_folder_id")
    name = given.get("new_name") or f"Copy of {one['name']}"
    box = given["user_google_email"]
    made = _add(world, box, name, parent, content=one["content"], mimeType=one["mimeType"])
    said = f"Original file ID: {one['id']}\nNew file ID: {made['id']}\nNew file name: {name}\nFile type: {made['mimeType']}"
    where = f"Location: {parent}\n\nView copied file: {link(made)}"
    return wrapped(f"Successfully copied '{one['name']}'\n\n{said}\n{where}")


FIELDS = {"name": "name", "description": "description", "mime_type": "mimeType", "starred": "starred"}
FIELDS |= {"trashed": "trashed", "writers_can_share": "writersCanShare", "properties": "properties"}
FIELDS |= {"copy_requires_writer_permission": "copyRequiresWriterPermission"}


@TOOLS.tool(
    "update_drive_file",
    "Rename, move, trash or overwrite a file.",
    f"{WHO} file_id* name description mime_type add_parents remove_parents starred:boolean trashed:boolean"
    " writers_can_share:boolean copy_requires_writer_permission:boolean properties:object content file_path file_url"
    " source_format mode",
    CHANGE,
    OUTPUT,
)
def update_drive_file(world: World, given: JSON) -> JSON:
    one = file_of(world, "update_drive_file", given)
    changes = {FIELDS[name]: given[name] for name in FIELDS if given.get(name) is not None}
    removed = (given.get("remove_parents") or "").split(",")
    added = [key for key in (given.get("add_parents") or "").split(",") if key]
    changes["parents"] = [key for key in one["parents"] if key not in removed] + added
    if given.get("content") is not None:
        changes["content"] = (one["content"] if given.get("mode") == "append" else "") + given["content"]
    if given.get("file_url"):
        world.put("fetched", world.count("fetched"), {"url": given["file_url"]})
        changes["content"] = f"(fetched from {given['file_url']})"
    said = [f"  - {name}: {one.get(name)!r} -> {value!r}" for name, value in changes.items() if one.get(name) != value]
    one |= changes
    drive.touch(world, one)
    head = f"✅ Successfully updated file: {one['name']}\n   File ID: {one['id']}\n"
    return wrapped("\n".join([head, "Changes applied:", *said, f"\nView file: {link(one)}"]))
