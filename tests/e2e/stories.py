"""What is done on one day with each practice server, and what of it changes its world."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.e2e.practice_stand import PracticePlace

ANA = "ana@acme.example"
WEB = {"owner": "acme", "repo": "web"}
Arguments = dict[str, Any]
Changes = list[tuple[str, str]]


class Story(NamedTuple):
    """``arguments`` and the like may need ids of the world: they are made from it."""

    integration: str
    look: Callable[[PracticePlace], tuple[str, Arguments, str]]
    """Tool, arguments, and what its answer holds."""
    prepare: Callable[[PracticePlace], tuple[str, Arguments]] | None
    prepared: Changes
    act: Callable[[PracticePlace], tuple[str, Arguments]]
    says: str
    target: str
    undo: str
    changed: Changes
    receipt: tuple[str, ...]
    left: Changes | None = []
    """What the way back leaves changed; None: the manifest names none."""
    reads: bool = True
    """A read is allowed without a question."""


def one(place: PracticePlace, kind: str, **members: Any) -> Arguments:
    return next(
        row for row in place.world.every(kind) if all(row.get(name) == value for name, value in members.items())
    )


def titled(place: PracticePlace, title: str) -> str:
    """A page of Notion."""
    return next(row["id"] for row in place.world.every("page") if title in json.dumps(row["properties"]))


STORIES = [
    Story(
        "github",
        lambda _: ("issue_read", {**WEB, "method": "get", "issue_number": 2}, "Cart counts wrong"),
        lambda _: ("pull_request_review_write", {**WEB, "method": "create", "pullNumber": 3, "body": "Looks right"}),
        [("made", "review")],
        lambda _: (
            "issue_write",
            {**WEB, "method": "update", "issue_number": 1, "title": "Blank", "labels": ["chore"], "state": "closed"},
        ),
        '"update" the issue 1 "Blank" in "acme"/"web"',
        "github.repository:acme/web",
        "Yes, with issue_write, from the state before it.",
        [("changed", "issue")],
        ("number", "url"),
    ),
    Story(
        "gmail",
        lambda place: (
            "get_thread",
            {"threadId": one(place, "message", subject="Invoice 1042")["threadId"]},
            "1,200 EUR",
        ),
        lambda _: ("create_draft", {"to": ["ben@acme.example"], "subject": "Cart", "body": "Soon."}),
        [("made", "draft")],
        lambda place: (
            "apply_sensitive_thread_label",
            {"threadId": one(place, "message", subject="Invoice 1042")["threadId"], "labelOption": "TRASH"},
        ),
        'to "TRASH"',
        "gmail.mailbox:me",
        "Yes, with unlabel_thread.",
        [("changed", "message")],
        ("thread",),
        [("changed", "message")],
    ),
    Story(
        "mail",
        lambda place: (
            "get_gmail_message_content",
            {"message_id": one(place, "message", subject="Invoice 1042")["id"], "user_google_email": ANA},
            "1,200 EUR",
        ),
        lambda _: (
            "draft_gmail_message",
            {"user_google_email": ANA, "to": "guest@outside.example", "subject": "Order", "body": "On its way."},
        ),
        [("made", "draft")],
        lambda _: (
            "send_gmail_message",
            {"user_google_email": ANA, "to": "guest@outside.example", "subject": "Order", "body": "On its way."},
        ),
        'to "guest@outside.example"',
        "gmail.recipient:guest@outside.example",
        "No. It cannot be undone. It could be prepared only, with draft_gmail_message.",
        [("made", "left the house"), ("made", "message")],
        ("message",),
        None,
    ),
    Story(
        "drive",
        lambda place: (
            "get_drive_file_content",
            {"file_id": one(place, "file", name="Release plan")["id"], "user_google_email": ANA},
            "The cart goes out on Monday",
        ),
        lambda place: (
            "create_drive_file",
            {
                "user_google_email": ANA,
                "file_name": "Notes",
                "content": "x",
                "folder_id": one(place, "file", name="Shop")["id"],
            },
        ),
        [("made", "file")],
        lambda place: (
            "update_drive_file",
            {"user_google_email": ANA, "file_id": one(place, "file", name="Guide")["id"], "name": "Guide of 2026"},
        ),
        'name "Guide of 2026"',
        "drive.file:",
        "Not through this integration; by hand in the target.",
        [("changed", "file")],
        ("file",),
        None,
    ),
    Story(
        "slack",
        lambda place: ("slack_read_channel", {"channel_id": one(place, "channel", name="general")["id"]}, "on Monday"),
        lambda place: (
            "slack_send_message_draft",
            {"channel_id": one(place, "channel", name="general")["id"], "message": "It is out."},
        ),
        [("made", "draft")],
        lambda place: (
            "slack_send_message",
            {"channel_id": one(place, "channel", name="general")["id"], "message": "It is out."},
        ),
        '"It is out."',
        "slack.channel:C0",
        "No. It cannot be undone. It could be prepared only, with slack_send_message_draft.",
        [("made", "message")],
        ("message", "channel", "link"),
        None,
    ),
    Story(
        "notion",
        lambda place: ("API-retrieve-page-markdown", {"page_id": titled(place, "Handbook")}, "Ask before you ship"),
        None,
        [],
        lambda place: (
            "API-patch-page",
            {
                "page_id": titled(place, "Release notes"),
                "properties": {"title": {"title": [{"text": {"content": "Release notes of May"}}]}},
            },
        ),
        "Change the page",
        "notion.page:",
        "Yes, with API-patch-page, from the state before it.",
        [("changed", "page")],
        ("page",),
    ),
    Story(
        "figma",
        lambda place: ("get_metadata", {"fileKey": place.world.every("file")[0]["key"]}, "id="),
        None,
        [],
        lambda place: (
            "create_new_file",
            {"fileName": "Sketch", "planKey": place.world.every("file")[0]["plan"], "editorType": "design"},
        ),
        'Create the empty Figma file "Sketch"',
        "figma.plan:",
        "Not through this integration; by hand in the target.",
        [("made", "file")],
        ("file",),
        None,
        reads=False,
    ),
    Story(
        "cloudflare",
        lambda place: (
            "d1_database_query",
            {"database_id": place.world.every("database")[0]["uuid"], "sql": "select count(*) as n from sqlite_master"},
            '"n"',
        ),
        lambda _: ("container_initialize", {}),
        [("made", "container")],
        lambda place: (
            "kv_namespace_update",
            {"namespace_id": place.world.every("namespace")[0]["id"], "title": "renamed"},
        ),
        'to "renamed"',
        "cloudflare.namespace:",
        "Yes, with kv_namespace_update, from the state before it.",
        [("changed", "namespace")],
        ("namespace",),
    ),
]
FOR_GOOD = [
    ("github", "delete_repository", lambda _: WEB),
    ("drive", "manage_drive_access", lambda place: {
        "user_google_email": ANA, "file_id": one(place, "file", name="Minutes")["id"], "action": "grant",
        "share_with": "guest@outside.example", "role": "reader",
    }),
    ("cloudflare", "d1_database_delete", lambda place: {"database_id": place.world.every("database")[0]["uuid"]}),
]  # fmt: skip
