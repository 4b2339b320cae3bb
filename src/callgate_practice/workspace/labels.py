"""Labels and filters of Gmail through the community's Workspace server."""

from callgate_practice import queries
from callgate_practice.gmail import mailbox
from callgate_practice.gmail.mailbox import MAILBOXES
from callgate_practice.reply import JSON, ToolFailure, wrapped
from callgate_practice.workspace.mail import TOOLS, WHO
from callgate_practice.workspace.speech import CHANGE, LOOK, OUTPUT, account, api_error
from callgate_practice.world import World


@TOOLS.tool("list_gmail_labels", "All labels.", f"{WHO} prefix compact:boolean include_system:boolean", LOOK, OUTPUT)
def list_gmail_labels(world: World, given: JSON) -> JSON:
    box = account("list_gmail_labels", given, MAILBOXES)
    rows = [one for one in mailbox.labels(world, box) if one["name"].startswith(given.get("prefix", "") or "")]
    if given.get("include_system") is False:
        rows = [one for one in rows if one["type"] == "user"]
    return wrapped("\n".join([f"Found {len(rows)} labels:", *(f"- {one['name']} (ID: {one['id']})" for one in rows)]))


@TOOLS.tool(
    "manage_gmail_label",
    "Make, rename or delete a label.",
    f"{WHO} action*=create|update|delete name label_id label_list_visibility=labelShow|labelShowIfUnread|labelHide"
    " message_list_visibility=show|hide background_color text_color clear_color:boolean",
    CHANGE,
    OUTPUT,
)
def manage_gmail_label(world: World, given: JSON) -> JSON:
    box = account("manage_gmail_label", given, MAILBOXES)
    if given["action"] == "create":
        if not given.get("name"):
            raise ToolFailure("Error calling tool 'manage_gmail_label': a name is needed to create a label")
        made = mailbox.add_label(world, box, given["name"])
        return wrapped(f"Label created successfully!\nName: {made['name']}\nID: {made['id']}")
    held = world.get("label", given.get("label_id", ""))
    if held is None or held["mailbox"] != box:
        raise api_error("manage_gmail_label", 404, "Requested entity was not found.")
    if given["action"] == "update":
        world.put("label", held["id"], {**held, "name": given.get("name", held["name"])})
        return wrapped(f"Label updated successfully!\nName: {given.get('name', held['name'])}\nID: {held['id']}")
    world.drop("label", held["id"])
    for one in world.every("message", mailbox=box):
        if held["id"] in one["labels"]:
            mailbox.relabel(world, one, [], [held["id"]])
    return wrapped(f"Label '{held['name']}' (ID: {held['id']}) deleted successfully!")


@TOOLS.tool("list_gmail_filters", "What happens to mail that comes in.", WHO, LOOK, OUTPUT)
def list_gmail_filters(world: World, given: JSON) -> JSON:
    box = account("list_gmail_filters", given, MAILBOXES)
    rows = world.every("filter", mailbox=box)
    lines = [f"Filter ID: {one['id']}\n  Criteria: {one['criteria']}\n  Actions: {one['action']}" for one in rows]
    return wrapped("\n\n".join([f"Found {len(rows)} filters:", *lines]))


@TOOLS.tool(
    "manage_gmail_filter",
    "Make, delete or apply a filter; one that forwards sends mail away.",
    f"{WHO} action* criteria:object filter_action:object filter_id dry_run:boolean max_messages:integer",
    CHANGE,
    OUTPUT,
)
def manage_gmail_filter(world: World, given: JSON) -> JSON:
    box, action = account("manage_gmail_filter", given, MAILBOXES), given["action"]
    if action == "create":
        if not given.get("criteria") or not given.get("filter_action"):
            raise ToolFailure("Error calling tool 'manage_gmail_filter': criteria and filter_action are needed")
        key = f"filter-{world.token('filter', 10)}"
        made = {"id": key, "mailbox": box, "criteria": given["criteria"], "action": given["filter_action"]}
        world.put("filter", key, made)
        return wrapped(f"Filter created successfully!\nFilter ID: {key}")
    held = world.get("filter", given.get("filter_id", ""))
    if held is None or held["mailbox"] != box:
        raise api_error("manage_gmail_filter", 404, "Requested entity was not found.")
    if action == "delete":
        world.drop("filter", held["id"])
        return wrapped(f"Filter deleted successfully!\nFilter ID: {held['id']}")
    if action != "apply":
        raise ToolFailure(f"Error calling tool 'manage_gmail_filter': unknown action '{action}'")
    return _apply(world, box, held, given)


def _apply(world: World, box: str, held: JSON, given: JSON) -> JSON:
    """To mail that is there already; with ``dry_run`` it counts alone."""
    text = " ".join(f"{name}:{value}" for name, value in held["criteria"].items() if name in mailbox.LANGUAGE.keys)
    query = queries.parse(text, mailbox.LANGUAGE)
    rows = [one for one in world.every("message", mailbox=box) if mailbox.matches(one, query)]
    rows = rows[: int(given.get("max_messages", 500))]
    if given.get("dry_run"):
        return wrapped(f"Dry run: the filter {held['id']} matches {len(rows)} messages.")
    for one in rows:
        mailbox.relabel(world, one, held["action"].get("addLabelIds", []), held["action"].get("removeLabelIds", []))
    return wrapped(f"Filter {held['id']} applied to {len(rows)} messages.")


def _relabel(world: World, tool: str, box: str, keys: list[str], given: JSON) -> list[str]:
    add, remove = given.get("add_label_ids") or [], given.get("remove_label_ids") or []
    if not (add or remove):
        raise ToolFailure(f"Error calling tool '{tool}': at least one of add_label_ids or remove_label_ids is needed")
    try:
        mailbox.known_labels(world, box, [*add, *remove])
        rows = [mailbox.message(world, box, key) for key in keys]
    except ToolFailure as fault:
        raise api_error(tool, 404 if "found" in str(fault) else 400, str(fault)) from None
    for one in rows:
        mailbox.relabel(world, one, add, remove)
    said = [f"Added labels: {', '.join(add)}"] if add else []
    return said + ([f"Removed labels: {', '.join(remove)}"] if remove else [])


@TOOLS.tool(
    "modify_gmail_message_labels",
    "Put labels on a message, or take them off.",
    f"{WHO} message_id* add_label_ids:strings remove_label_ids:strings",
    CHANGE,
    OUTPUT,
)
def modify_gmail_message_labels(world: World, given: JSON) -> JSON:
    box = account("modify_gmail_message_labels", given, MAILBOXES)
    said = _relabel(world, "modify_gmail_message_labels", box, [given["message_id"]], given)
    return wrapped("\n".join(["Message labels updated successfully!", f"Message ID: {given['message_id']}", *said]))


@TOOLS.tool(
    "batch_modify_gmail_message_labels",
    "The same for several messages or threads.",
    f"{WHO} message_ids:strings thread_ids:strings add_label_ids:strings remove_label_ids:strings verify:boolean",
    CHANGE,
    OUTPUT,
)
def batch_modify_gmail_message_labels(world: World, given: JSON) -> JSON:
    box = account("batch_modify_gmail_message_labels", given, MAILBOXES)
    keys = list(given.get("message_ids") or ())
    for key in given.get("thread_ids") or ():
        keys += [one["id"] for one in world.every("message", mailbox=box, threadId=key)]
    said = _relabel(world, "batch_modify_gmail_message_labels", box, keys, given)
    what = "message" if given.get("message_ids") else "thread"
    asked = given.get(f"{what}_ids") or ()
    head = f"Label changes for {len(asked)} {what} ID(s): {'; '.join(said)}"
    return wrapped(f"{head}\nApplied: {len(asked)}/{len(asked)}")
