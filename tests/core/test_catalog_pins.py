"""What approvals are bound to: of answers that change by themselves, the part that says what was there."""

import json

import msgspec
import pytest

from callgate.catalog.loader import load_manifest
from callgate.core.state_read import StateRead

ISSUE = """# Issue SHOP-1A in **acme**

**Description**: Crash
**Culprit**: checkout
**First Seen**: 2026-11-01T00:00:00.000Z
**Last Seen**: {seen}
**Occurrences**: {count}
**Users Impacted**: 7
**Status**: {status}
**Platform**: python
"""
PAGE = {"object": "page", "id": "1", "last_edited_time": "2026-11-01T00:00:00.000Z", "in_trash": False}


def reads(integration, tool):
    (known,) = [one for one in load_manifest(integration).tools if one.name == tool]
    return [StateRead(read) for read in known.state_pin]


def state(read, text):
    return read.state(msgspec.json.encode({"content": [{"type": "text", "text": text}]}))


def test_an_issue_that_is_seen_again_is_the_same_one():
    for read in reads("sentry", "update_issue"):
        first = state(read, ISSUE.format(seen="2026-11-02", count=4, status="unresolved"))
        assert first == state(read, ISSUE.format(seen="2026-11-03", count=5, status="unresolved")) == b"unresolved"
        assert first != state(read, ISSUE.format(seen="2026-11-02", count=4, status="resolved"))
        assert state(read, "No such issue") is None
        faked = ISSUE.format(seen="x", count=4, status="resolved").replace("Crash", "Crash\n**Status**: unresolved")
        assert state(read, faked) is None


@pytest.mark.parametrize("tool", ["API-patch-page", "API-update-a-block", "API-delete-a-block"])
def test_a_page_that_nobody_edited_is_the_same_one(tool):
    (read,) = reads("notion", tool)
    first = state(read, json.dumps(PAGE | {"request_id": "a", "icon": {"url": "https://x.example/1"}}))
    assert first == state(read, json.dumps(PAGE | {"request_id": "b", "icon": {"url": "https://x.example/2"}}))
    for change in ({"last_edited_time": "2026-11-02T00:00:00.000Z"}, {"in_trash": True}):
        assert first != state(read, json.dumps(PAGE | change)), change
    assert state(read, json.dumps({"object": "error", "status": 404, "code": "object_not_found"})) is None


def test_where_a_page_lies_and_what_a_source_has():
    (moved,) = reads("notion", "API-move-page")
    here = {**PAGE, "parent": {"type": "page_id", "page_id": "2"}}
    assert state(moved, json.dumps(here)) == state(moved, json.dumps(here | {"last_edited_time": "later"}))
    assert state(moved, json.dumps(here)) != state(moved, json.dumps(here | {"parent": {"type": "workspace"}}))
    (source,) = reads("notion", "API-update-a-data-source")
    known = {"id": "3", "properties": {"Name": {"id": "title"}}, "title": [], "request_id": "a"}
    assert state(source, json.dumps(known)) == state(source, json.dumps(known | {"request_id": "b"}))
    assert state(source, json.dumps(known)) != state(source, json.dumps(known | {"properties": {}}))


def test_a_topic_whose_counters_moved_is_the_same_one():
    (read,) = reads("sns", "set_topic_attributes")
    topic = {"Policy": "{}", "DisplayName": "", "SubscriptionsConfirmed": "1"}
    first = state(read, json.dumps({"Attributes": topic}))
    assert first == state(read, json.dumps({"Attributes": topic | {"SubscriptionsConfirmed": "2"}}))
    assert first != state(read, json.dumps({"Attributes": topic | {"Policy": '{"Id": "x"}'}}))
    assert state(read, json.dumps({"error": "no", "code": "NotFound"})) is None
    (sent,) = reads("sns", "publish")
    assert state(sent, json.dumps({"Attributes": topic})) != state(
        sent, json.dumps({"Attributes": topic | {"SubscriptionsConfirmed": "2"}})
    )
