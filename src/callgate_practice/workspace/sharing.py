"""Who may see a file of Google Drive, and changing that."""

from callgate_practice.reply import JSON, ToolFailure, wrapped
from callgate_practice.workspace import drive_world
from callgate_practice.workspace.drive import TOOLS, WHO, file_of
from callgate_practice.workspace.drive_world import ACCOUNTS
from callgate_practice.workspace.speech import CHANGE, LOOK, OUTPUT, account, api_error
from callgate_practice.world import World

ROLES = ("reader", "commenter", "writer")
LINKS = ("off", *ROLES)


def _permission(one: JSON) -> str:
    who = one.get("emailAddress") or one.get("domain")
    said = f"{one['type'].capitalize()}: {who}" if who else "Anyone with the link"
    return f"  - {said} ({one['role']}) [id: {one['id']}]"


@TOOLS.tool("get_drive_file_permissions", "Who may see a file.", f"{WHO} file_id*", LOOK, OUTPUT)
def get_drive_file_permissions(world: World, given: JSON) -> JSON:
    one = file_of(world, "get_drive_file_permissions", given)
    rows = [_permission(row) for row in one["permissions"]]
    head = [f"File: {one['name']}", f"ID: {one['id']}", f"Sharing: {one['link_sharing']}", "Permissions:"]
    return wrapped("\n".join([*head, *rows]))


@TOOLS.tool("check_drive_file_public_access", "Is a file public?", f"{WHO} file_name* drive_id", LOOK, OUTPUT)
def check_drive_file_public_access(world: World, given: JSON) -> JSON:
    box = account("check_drive_file_public_access", given, ACCOUNTS)
    rows = [one for one in world.every("file", name=given["file_name"]) if drive_world.may_see(one, box)]
    if not rows:
        return wrapped(f"No file found with name '{given['file_name']}'")
    public = "yes" if rows[0]["link_sharing"] != "off" else "no"
    return wrapped(f"File: {rows[0]['name']}\nID: {rows[0]['id']}\nPublic access: {public}")


@TOOLS.tool(
    "manage_drive_access",
    "Grant, change or revoke access, or hand a file over.",
    f"{WHO} file_id* action* share_with role share_type permission_id recipients:objects send_notification:boolean"
    " email_message expiration_time allow_file_discovery:boolean new_owner_email move_to_new_owners_root:boolean",
    CHANGE,
    OUTPUT,
)
def manage_drive_access(world: World, given: JSON) -> JSON:
    one = file_of(world, "manage_drive_access", given)
    acts = {
        "grant": _grant,
        "grant_batch": _grant_batch,
        "update": _update,
        "revoke": _revoke,
        "transfer_owner": _transfer,
    }
    if given["action"] not in acts:
        raise ToolFailure(f"Error calling tool 'manage_drive_access': Invalid action '{given['action']}'")
    said = acts[given["action"]](world, one, given)
    drive_world.touch(world, one)
    return wrapped(said)


def _add(world: World, one: JSON, given: JSON) -> JSON:
    role, kind = given.get("role") or "reader", given.get("share_type") or "user"
    if role not in ROLES:
        raise ToolFailure(f"Error calling tool 'manage_drive_access': Invalid role '{role}'")
    made = {"id": f"p-{world.token('permission', 8)}", "role": role, "type": kind}
    if kind in ("user", "group"):
        if not given.get("share_with") and not given.get("email"):
            raise ToolFailure("Error calling tool 'manage_drive_access': share_with is required for this action")
        made["emailAddress"] = given.get("share_with") or given["email"]
    elif kind == "domain":
        made["domain"] = given.get("share_with", "")
    else:
        one["link_sharing"] = role
    one["permissions"].append(made)
    return made


def _grant(world: World, one: JSON, given: JSON) -> str:
    return f"Successfully shared '{one['name']}'\n\nPermission created:\n{_permission(_add(world, one, given))}"


def _grant_batch(world: World, one: JSON, given: JSON) -> str:
    rows = [_permission(_add(world, one, recipient)) for recipient in given.get("recipients") or ()]
    head = f"Batch share results for '{one['name']}'\n\nSummary: {len(rows)} succeeded, 0 failed\n\nResults:"
    return "\n".join([head, *rows])


def _held(one: JSON, given: JSON) -> JSON:
    for row in one["permissions"]:
        if row["id"] == given.get("permission_id"):
            found: JSON = row
            return found
    raise api_error("manage_drive_access", 404, f"Permission not found: {given.get('permission_id')}.")


def _update(_world: World, one: JSON, given: JSON) -> str:
    row = _held(one, given)
    row["role"] = given.get("role") or row["role"]
    return f"Successfully updated permission on '{one['name']}'\n\nUpdated permission:\n{_permission(row)}"


def _revoke(_world: World, one: JSON, given: JSON) -> str:
    row = _held(one, given)
    one["permissions"].remove(row)
    if row["type"] == "anyone":
        one["link_sharing"] = "off"
    return f"Successfully removed permission from '{one['name']}'\n\nPermission ID '{row['id']}' has been revoked."


def _transfer(_world: World, one: JSON, given: JSON) -> str:
    if not given.get("new_owner_email"):
        raise ToolFailure("Error calling tool 'manage_drive_access': new_owner_email is required")
    for row in one["permissions"]:
        if row["role"] == "owner":
            row["role"] = "writer"
    new = {"id": f"p-owner-{one['version']}", "role": "owner", "type": "user", "emailAddress": given["new_owner_email"]}
    one["permissions"].append(new)
    one["owner"] = given["new_owner_email"]
    said = f"New owner: {given['new_owner_email']}\nPrevious owner now has editor access."
    return f"Successfully transferred ownership of '{one['name']}'\n\n{said}"


@TOOLS.tool(
    "set_drive_file_permissions",
    "Set what everybody with the link may do.",
    f"{WHO} file_id* link_sharing writers_can_share:boolean copy_requires_writer_permission:boolean",
    CHANGE,
    OUTPUT,
)
def set_drive_file_permissions(world: World, given: JSON) -> JSON:
    one = file_of(world, "set_drive_file_permissions", given)
    wanted = given.get("link_sharing") or one["link_sharing"]
    if wanted not in LINKS:
        raise ToolFailure(f"Error calling tool 'set_drive_file_permissions': Invalid link_sharing '{wanted}'")
    one["permissions"] = [row for row in one["permissions"] if row["type"] != "anyone"]
    if wanted != "off":
        one["permissions"].append({"id": "anyoneWithLink", "role": wanted, "type": "anyone"})
    one["link_sharing"] = wanted
    for name in ("writers_can_share", "copy_requires_writer_permission"):
        if name in given:
            one[name] = given[name]
    drive_world.touch(world, one)
    return wrapped(f"Permission settings updated for '{one['name']}'\nLink sharing: {wanted}")
