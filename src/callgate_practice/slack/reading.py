"""Reading and searching. Each hit says in which channel it stands, by name and id."""

from callgate_practice.reply import JSON, ToolFailure, json_text, text
from callgate_practice.slack import workspace
from callgate_practice.slack.messages import EMOJIS
from callgate_practice.slack.tools import LOOK, TOOLS
from callgate_practice.slack.workspace import ME
from callgate_practice.world import World

SEARCHED = (
    " content_types context_channel_id cursor limit:integer after before include_bots:boolean sort sort_dir"
    " response_format include_context:boolean max_context_length:integer only_my_channels:boolean"
)
PAGED = " limit:integer cursor response_format"
PUBLIC = frozenset({"public_channel"})
ALL = frozenset({"public_channel", "private_channel", "im", "mpim"})


def _page(rows: list[JSON], given: JSON, size: int = 20) -> tuple[list[JSON], str]:
    start, count = int(given.get("cursor") or 0), int(given.get("limit") or size)
    more = f"\nCursor: {start + count}" if start + count < len(rows) else ""
    return rows[start : start + count], more


def _told(world: World, one: JSON) -> str:
    home = world.get("channel", one["channel"]) or {}
    thread = f"\nThread: {one['thread_ts']}" if one["thread_ts"] else ""
    return (
        f"Channel: {workspace.label(world, home)} (ID: {one['channel']})\n"
        f"From: {workspace.user_name(world, one['user'])} (ID: {one['user']})\n"
        f"Message_ts: {one['ts']}{thread}\nPermalink: {workspace.permalink(one)}\nText: {one['text']}"
    )


def _search(world: World, given: JSON, kinds: frozenset[str]) -> JSON:
    rows = workspace.find(world, given["query"], kinds)
    if not given.get("include_bots"):
        rows = [one for one in rows if not (world.get("user", one["user"]) or {}).get("is_bot")]
    low, high = float(given.get("after") or 0), float(given.get("before") or "inf")
    page, more = _page([one for one in rows if low < float(one["ts"]) < high], given)
    hits = [f"### Result {number} of {len(rows)}\n{_told(world, one)}" for number, one in enumerate(page, 1)]
    said = "\n\n".join([f'# Search Results for: "{given["query"]}"', *(hits or ["No results found."])])
    return json_text({"results": said + more})


@TOOLS.tool("slack_search_public", "Find messages in public channels.", "query*" + SEARCHED, LOOK)
def slack_search_public(world: World, given: JSON) -> JSON:
    return _search(world, given, PUBLIC)


@TOOLS.tool(
    "slack_search_public_and_private",
    "Find messages in everything one can read.",
    "query* channel_types" + SEARCHED,
    LOOK,
)
def slack_search_public_and_private(world: World, given: JSON) -> JSON:
    wanted = given.get("channel_types")
    return _search(world, given, frozenset(wanted.split(",")) & ALL if wanted else ALL)


@TOOLS.tool("slack_search_channels", "Find channels.", "query* channel_types include_archived:boolean" + PAGED, LOOK)
def slack_search_channels(world: World, given: JSON) -> JSON:
    words = given["query"].lower().split()
    kinds = frozenset((given.get("channel_types") or "public_channel").split(","))
    rows = [
        one
        for one in world.every("channel")
        if one["kind"] in kinds & {"public_channel", "private_channel"}
        and (one["kind"] == "public_channel" or ME in one["members"])
        and all(word in f"{one['name']} {one['topic']}" for word in words)
    ]
    page, more = _page(rows, given)
    told = [f"Name: #{one['name']} (ID: {one['id']})\nTopic: {one['topic']}\nType: {one['kind']}" for one in page]
    return json_text({"results": "\n\n".join(told or ["No channels found."]) + more})


@TOOLS.tool("slack_search_users", "Find people.", "query*" + PAGED, LOOK)
def slack_search_users(world: World, given: JSON) -> JSON:
    words = given["query"].lower().split()
    rows = [one for one in world.every("user") if all(word in f"{one['name']} {one['email']}" for word in words)]
    page, more = _page(rows, given)
    told = [f"Name: {one['name']} (ID: {one['id']})\nEmail: {one['email']}" for one in page]
    return json_text({"results": "\n\n".join(told or ["No users found."]) + more})


@TOOLS.tool("slack_search_emojis", "Find the names of emoji.", "query*", LOOK)
def slack_search_emojis(_world: World, given: JSON) -> JSON:
    return json_text({"emojis": [name for name in EMOJIS if given["query"].strip(":").lower() in name]})


def _between(rows: list[JSON], given: JSON) -> list[JSON]:
    low, high = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
    return [one for one in rows if low <= float(one["ts"]) <= high]


@TOOLS.tool("slack_read_channel", "What stands in a channel, newest first.", "channel_id* latest oldest" + PAGED, LOOK)
def slack_read_channel(world: World, given: JSON) -> JSON:
    home = workspace.channel(world, given["channel_id"])
    rows = [one for one in world.every("message", channel=home["id"]) if not one["thread_ts"]]
    page, more = _page(_between(rows, given)[::-1], given, 100)
    head = f"Channel: {workspace.label(world, home)} (ID: {home['id']})"
    return json_text({"messages": "\n\n".join([head, *(_told(world, one) for one in page)]) + more})


@TOOLS.tool("slack_read_thread", "A message and its answers.", "channel_id* message_ts* latest oldest" + PAGED, LOOK)
def slack_read_thread(world: World, given: JSON) -> JSON:
    parent = workspace.message(world, given["channel_id"], given["message_ts"])
    rows = world.every("message", channel=parent["channel"], thread_ts=parent["ts"])
    page, more = _page(_between([parent, *rows], given), given, 100)
    return json_text({"messages": "\n\n".join(_told(world, one) for one in page) + more})


@TOOLS.tool("slack_read_user_profile", "A person.", "user_id include_locale:boolean response_format", LOOK)
def slack_read_user_profile(world: World, given: JSON) -> JSON:
    found = world.get("user", given.get("user_id") or ME)
    if found is None:
        raise ToolFailure("user_not_found")
    return json_text({"result": f"Name: {found['name']}\nUser ID: {found['id']}\nEmail: {found['email']}"})


@TOOLS.tool(
    "slack_list_channel_members",
    "Who is in a channel.",
    "channel_id* include_deleted:boolean include_bots:boolean" + PAGED,
    LOOK,
)
def slack_list_channel_members(world: World, given: JSON) -> JSON:
    home = workspace.channel(world, given["channel_id"])
    people = [world.get("user", key) or {} for key in home["members"]]
    page, more = _page([one for one in people if given.get("include_bots") or not one["is_bot"]], given, 30)
    told = [one["id"] if given.get("response_format") == "ids_only" else f"{one['name']} ({one['id']})" for one in page]
    return json_text({"members": "\n".join(told) + more, "channel_id": home["id"]})


@TOOLS.tool("slack_get_reactions", "The emoji on a message.", "channel_id* message_ts*", LOOK)
def slack_get_reactions(world: World, given: JSON) -> JSON:
    held = workspace.message(world, given["channel_id"], given["message_ts"])
    rows = [{"name": name, "count": len(people), "users": people} for name, people in held["reactions"].items()]
    return json_text({"reactions": rows})


@TOOLS.tool("slack_read_file", "What a file holds.", "file_id*", LOOK)
def slack_read_file(world: World, given: JSON) -> JSON:
    found = world.get("file", given["file_id"])
    if found is None:
        raise ToolFailure("file_not_found")
    workspace.channel(world, found["channel"])
    mark = world.token("mark", 8)
    return text(f"Name: {found['name']}\n<file_content_{mark}>\n{found['text']}\n</file_content_{mark}>")
