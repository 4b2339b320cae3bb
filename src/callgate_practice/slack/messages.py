"""Writing: messages, drafts, what is sent later, reactions, conversations."""

from callgate_practice.reply import JSON, ToolFailure, json_text
from callgate_practice.slack import workspace
from callgate_practice.slack.tools import SAME, SAY, TOOLS
from callgate_practice.slack.workspace import ME, SITE, TEAM
from callgate_practice.world import World

MOST = 5_000
"""Characters of a message."""
SOON_S, FAR_S = 120, 120 * 86_400
MANY = 8
"""People of a group message."""


def _written(given: JSON) -> str:
    text = str(given["message"])
    if not text:
        raise ToolFailure("no_text")
    if len(text) > MOST:
        raise ToolFailure("msg_too_long")
    return text


def _thread(world: World, home: JSON, given: JSON) -> str:
    ts = given.get("thread_ts") or ""
    if ts and world.get("message", f"{home['id']}/{ts}") is None:
        raise ToolFailure("thread_not_found")
    return str(ts)


@TOOLS.tool(
    "slack_send_message",
    "Post in a channel, in a thread or to a person.",
    "channel_id* message* thread_ts reply_broadcast:boolean draft_id unfurl_app_links:boolean",
    SAY,
)
def slack_send_message(world: World, given: JSON) -> JSON:
    home, text = workspace.channel(world, given["channel_id"]), _written(given)
    thread = _thread(world, home, given)
    if given.get("draft_id"):
        if world.get("draft", given["draft_id"]) is None:
            raise ToolFailure("draft_not_found")
        world.drop("draft", given["draft_id"])
    made = workspace.post(world, home, ME, text, thread_ts=thread)
    link = workspace.permalink(made)
    return json_text({"message_link": link, "message_context": {"message_ts": made["ts"], "channel_id": home["id"]}})


@TOOLS.tool("slack_send_message_draft", "Leave a draft for a person to send.", "channel_id* message* thread_ts", SAY)
def slack_send_message_draft(world: World, given: JSON) -> JSON:
    home, text = workspace.channel(world, given["channel_id"]), _written(given)
    thread = _thread(world, home, given)
    if world.every("draft", channel=home["id"], thread_ts=thread):
        raise ToolFailure("draft_already_exists")
    key = f"Dr{world.token('draft', 10).upper()}"
    world.put("draft", key, {"id": key, "channel": home["id"], "thread_ts": thread, "text": text})
    return json_text({"channel_link": f"https://app.slack.com/client/{TEAM}/{home['id']}"})


@TOOLS.tool(
    "slack_schedule_message",
    "Post later; it goes out by itself.",
    "channel_id* message* post_at*:integer thread_ts reply_broadcast:boolean",
    SAY,
)
def slack_schedule_message(world: World, given: JSON) -> JSON:
    home, text = workspace.channel(world, given["channel_id"]), _written(given)
    ahead = given["post_at"] - int(world.tick().timestamp())
    if not SOON_S <= ahead <= FAR_S:
        raise ToolFailure("time_in_past" if ahead < SOON_S else "time_too_far")
    key = f"Q{world.token('scheduled', 10).upper()}"
    row = {"id": key, "channel": home["id"], "text": text, "post_at": given["post_at"]}
    world.put("scheduled", key, {**row, "thread_ts": _thread(world, home, given)})
    return json_text({"scheduled_message_id": key, "channel_id": home["id"], "post_at": given["post_at"]})


@TOOLS.tool("slack_add_reaction", "Put an emoji on a message.", "channel_id* message_ts* emoji*", SAME)
def slack_add_reaction(world: World, given: JSON) -> JSON:
    held = workspace.message(world, given["channel_id"], given["message_ts"])
    emoji = given["emoji"].strip(":")
    if emoji not in EMOJIS:
        raise ToolFailure("invalid_name")
    people = held["reactions"].setdefault(emoji, [])
    if ME not in people:
        people.append(ME)
    world.put("message", f"{held['channel']}/{held['ts']}", held)
    return json_text({"ok": True})


EMOJIS = ("eyes", "fire", "heart", "tada", "thumbsup", "white_check_mark", "acme")


@TOOLS.tool(
    "slack_create_conversation",
    "Make a channel, or begin direct messages.",
    "user_ids:strings channel_name is_private:boolean",
    SAY,
)
def slack_create_conversation(world: World, given: JSON) -> JSON:
    people, name = given.get("user_ids") or [], given.get("channel_name") or ""
    if any(world.get("user", key) is None for key in people):
        raise ToolFailure("user_not_found")
    if name:
        kind = "private_channel" if given.get("is_private") else "public_channel"
        clean = "-".join(name.lower().split())
        if any(one["name"] == clean for one in world.every("channel")):
            raise ToolFailure("name_taken")
        made = workspace.add_channel(world, clean, sorted({ME, *people}), kind=kind)
    elif not people:
        raise ToolFailure("invalid_arguments")
    elif len(people) > MANY:
        raise ToolFailure("too_many_users")
    elif len(people) == 1:
        made = workspace.channel(world, people[0])
    else:
        made = workspace.add_channel(world, "", sorted({ME, *people}), kind="mpim")
    return json_text({"channel_id": made["id"], "channel_link": f"{SITE}/archives/{made['id']}"})
