"""Slack: messages are links, searches keep to their channels, drafts wait, canvases take edits against fresh ids."""

import re

import pytest

from tests.practice.at import At


@pytest.fixture
def slack():
    return At("slack")


def channel(slack, name):
    types = "public_channel,private_channel"
    said = slack.json("slack_search_channels", query=name, channel_types=types)["results"]
    return re.search(rf"#{name} \(ID: (\w+)\)", said).group(1)


def places(slack, query, tool="slack_search_public_and_private", **more):
    said = slack.json(tool, query=query, **more)["results"]
    return set(re.findall(r"^Channel: (.+) \(ID: ", said, flags=re.MULTILINE))


def test_a_message_has_a_link_and_is_read(slack):
    before = slack.state()
    general = channel(slack, "general")
    sent = slack.json("slack_send_message", channel_id=general, message="Hello all")
    ts = sent["message_context"]["message_ts"]
    assert sent["message_link"] == f"https://acme.slack.com/archives/{general}/p{ts.replace('.', '')}"
    assert slack.changes(before) == [("made", "message", f"{general}/{ts}")]
    assert "Hello all" in slack.json("slack_read_channel", channel_id=general, limit=1)["messages"]
    slack.call("slack_send_message", channel_id=general, message="Under it", thread_ts=ts)
    assert "Under it" in slack.json("slack_read_thread", channel_id=general, message_ts=ts)["messages"]
    assert "Under it" not in slack.json("slack_read_channel", channel_id=general)["messages"]
    assert slack.fails("slack_send_message", channel_id="C0NONE", message="x") == "channel_not_found"
    assert slack.fails("slack_send_message", channel_id=general, message="x" * 5001) == "msg_too_long"
    assert slack.fails("slack_send_message", channel_id=general, message="x", thread_ts="1.2") == "thread_not_found"


def test_a_person_is_a_channel_too(slack):
    sent = slack.json("slack_send_message", channel_id="U0GUEST", message="Only you")
    assert sent["message_context"]["channel_id"].startswith("D")
    assert "Only you" in slack.json("slack_read_channel", channel_id="U0GUEST")["messages"]
    assert places(slack, "only in:@guest") == {"DM with guest"}


def test_searches_keep_to_their_channels(slack):
    assert places(slack, "release") == {"#general", "#finance", "DM with ben"}
    assert places(slack, "release", "slack_search_public") == {"#general"}
    assert places(slack, "release in:finance") == {"#finance"}
    assert places(slack, f"release in:<#{channel(slack, 'general')}>") == {"#general"}
    assert places(slack, "release in:general in:finance") == {"#general", "#finance"}
    assert places(slack, "release -in:finance") == {"#general", "DM with ben"}
    assert places(slack, "release", channel_types="im") == {"DM with ben"}
    assert places(slack, "from:@ana") >= {"#general"}
    assert "#finance" not in places(slack, "from:@ana")
    assert places(slack, "deploy") == set()
    assert places(slack, "deploy", include_bots=True) == {"#deploys"}
    assert places(slack, "has:link") == {"#general"}
    assert places(slack, "before:2020-01-01") == set()


def test_a_draft_waits_and_is_sent_by_its_id(slack):
    before = slack.state()
    general = channel(slack, "general")
    draft = slack.json("slack_send_message_draft", channel_id=general, message="Later")
    assert draft == {"channel_link": f"https://app.slack.com/client/T0ACME/{general}"}, "it names no draft"
    (made,) = slack.changes(before)
    assert made[:2] == ("made", "draft")
    assert slack.fails("slack_send_message_draft", channel_id=general, message="x") == "draft_already_exists"
    slack.call("slack_send_message", channel_id=general, message="Later", draft_id=made[2])
    assert [row[:2] for row in slack.changes(before)] == [("made", "message")]
    arguments = {one.name for one in slack.tools.tools["slack_send_message_draft"].arguments}
    assert arguments <= {one.name for one in slack.tools.tools["slack_send_message"].arguments}


def test_what_is_scheduled_is_in_the_future(slack):
    general = channel(slack, "general")
    later = {"channel_id": general, "message": "x"}
    assert slack.fails("slack_schedule_message", **later, post_at=1) == "time_in_past"
    assert slack.fails("slack_schedule_message", **later, post_at=1 << 40) == "time_too_far"
    moment = int(slack.world.tick().timestamp()) + 3600
    assert slack.json("slack_schedule_message", **later, post_at=moment)["scheduled_message_id"]


def test_reactions_are_idempotent(slack):
    general = channel(slack, "general")
    ts = slack.json("slack_send_message", channel_id=general, message="x")["message_context"]["message_ts"]
    at = {"channel_id": general, "message_ts": ts}
    slack.call("slack_add_reaction", **at, emoji="eyes")
    before = slack.state()
    slack.call("slack_add_reaction", **at, emoji=":eyes:")
    assert slack.state() == before
    assert slack.json("slack_get_reactions", **at)["reactions"] == [{"name": "eyes", "count": 1, "users": ["U0ANA"]}]
    assert slack.fails("slack_add_reaction", **at, emoji="none") == "invalid_name"


def test_conversations_are_made(slack):
    made = slack.json("slack_create_conversation", channel_name="New place", is_private=True, user_ids=["U0BEN"])
    assert channel(slack, "new-place") == made["channel_id"]
    assert slack.fails("slack_create_conversation", channel_name="general") == "name_taken"
    assert slack.fails("slack_create_conversation", user_ids=["U0NOBODY"]) == "user_not_found"
    assert slack.fails("slack_create_conversation") == "invalid_arguments"
    members = slack.json("slack_list_channel_members", channel_id=made["channel_id"], response_format="ids_only")
    assert members["members"].split() == ["U0ANA", "U0BEN"]


def test_a_channel_one_is_not_in_does_not_exist(slack):
    board = next(one for one in slack.world.every("channel") if one["name"] == "board")["id"]
    assert slack.fails("slack_read_channel", channel_id=board) == "channel_not_found"
    assert slack.fails("slack_send_message", channel_id=board, message="x") == "channel_not_found"


def test_a_canvas_takes_edits_against_fresh_ids_alone(slack):
    made = slack.json("slack_create_canvas", title="Plan", content="One.\n\nTwo.")
    assert made["canvas_url"].endswith(made["canvas_id"])
    at = {"canvas_id": made["canvas_id"]}
    before = slack.state()
    ids = list(slack.json("slack_read_canvas", **at)["section_id_mapping"])
    slack.call("slack_update_canvas", **at, sections=[{"edit_type": "replace", "section_id": ids[1], "content": "1."}])
    assert slack.fails("slack_update_canvas", **at, action="replace", section_id=ids[1], content="x") == (
        "section_not_found"
    )
    fresh = list(slack.json("slack_read_canvas", **at)["section_id_mapping"])
    slack.call("slack_update_canvas", **at, action="replace", section_id=fresh[1], content="One.")
    assert slack.state() == before
    slack.call("slack_update_canvas", **at, action="append", content="## proposed")
    assert slack.json("slack_read_canvas", **at)["markdown_content"].endswith("## proposed")
    assert slack.fails("slack_read_canvas", canvas_id="F0NONE") == "canvas_not_found"


def test_people_files_and_orders_from_a_bot(slack):
    assert "ben" in slack.json("slack_search_users", query="ben")["results"]
    assert "ana" in slack.json("slack_read_user_profile")["result"]
    assert slack.json("slack_search_emojis", query="ey") == {"emojis": ["eyes"]}
    assert "Buy chairs." in slack.text("slack_read_file", file_id="F0NOTES")
    assert "@assistant" in slack.json("slack_read_channel", channel_id=channel(slack, "deploys"))["messages"]
