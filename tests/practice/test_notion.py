"""Notion: blocks, pages, data sources; the trash gives back; errors stand in the text without a flag."""

import json

import pytest

from callgate_practice.notion.library import BEN
from tests.practice.at import At


@pytest.fixture
def notion():
    return At("notion")


def page(notion, title):
    found = notion.json("API-post-search", query=title, filter={"property": "object", "value": "page"})["results"]
    return found[0]["id"]


def source(notion):
    wanted = {"property": "object", "value": "data_source"}
    return notion.json("API-post-search", query="Tasks", filter=wanted)["results"][0]["id"]


def paragraph(text):
    return {"type": "paragraph", "paragraph": {"rich_text": [{"text": {"content": text}}]}}


def markdown(notion, key):
    return notion.json("API-retrieve-page-markdown", page_id=key)["markdown"]


def error(said):
    body = json.loads(said)
    assert body["status"] != "error" or body["object"] == "error"
    return body["code"]


def test_a_page_is_made_changed_moved_and_trashed(notion):
    drafts, public = page(notion, "Assistant drafts"), page(notion, "Public")
    title = {"title": {"title": [{"text": {"content": "News"}}]}}
    made = notion.json(
        "API-post-page", parent={"page_id": drafts}, properties=title, children=[paragraph("One"), paragraph("Two")]
    )
    assert made["object"] == "page"
    assert made["url"].endswith(made["id"].replace("-", ""))
    assert markdown(notion, made["id"]) == "One\nTwo"
    before = notion.state()
    notion.call("API-patch-page", page_id=made["id"], properties={"title": {"title": [{"text": {"content": "X"}}]}})
    notion.call("API-patch-page", page_id=made["id"], properties=title)
    assert notion.state() == before
    notion.call("API-move-page", page_id=made["id"], parent={"type": "page_id", "page_id": public})
    assert notion.json("API-retrieve-a-page", page_id=made["id"])["parent"]["page_id"] == public
    notion.call("API-move-page", page_id=made["id"], parent={"type": "page_id", "page_id": drafts})
    assert notion.state() == before
    assert notion.json("API-patch-page", page_id=made["id"], in_trash=True)["in_trash"] is True
    assert notion.json("API-post-search", query="News")["results"] == []
    notion.call("API-patch-page", page_id=made["id"], in_trash=False)
    assert notion.state() == before
    assert error(notion.fails("API-retrieve-a-page", page_id="none")) == "object_not_found"
    assert error(notion.fails("API-post-page", parent={}, properties=title)) == "validation_error"


def test_an_error_is_not_flagged(notion):
    result = notion.tools.call(notion.world, "API-retrieve-a-page", {"page_id": "none"})
    assert "isError" not in result
    assert json.loads(result["content"][0]["text"])["status"] == 404


def test_blocks_are_added_deleted_and_brought_back(notion):
    key = page(notion, "Handbook")
    before = notion.state()
    rows = notion.json("API-get-block-children", block_id=key)["results"]
    made = notion.json("API-patch-block-children", block_id=key, children=[paragraph("Between")], after=rows[0]["id"])[
        "results"
    ]
    assert [row.split()[0] for row in markdown(notion, key).splitlines()] == ["How", "Between", "Ask"]
    with_it = notion.state()
    assert notion.json("API-delete-a-block", block_id=made[0]["id"])["in_trash"] is True
    assert "Between" not in markdown(notion, key)
    notion.call("API-update-a-block", block_id=made[0]["id"], archived=False)
    assert notion.state() == with_it
    assert notion.changes(before) == [("made", "block", made[0]["id"])]
    change = {"paragraph": {"rich_text": [{"text": {"content": "New"}}]}}
    notion.call("API-update-a-block", block_id=made[0]["id"], type=change)
    shown = notion.json("API-retrieve-a-block", block_id=made[0]["id"])
    assert shown["paragraph"]["rich_text"][0]["plain_text"] == "New"
    assert error(notion.fails("API-patch-block-children", block_id=key, children=[])) == "validation_error"
    inner = notion.json("API-patch-block-children", block_id=made[0]["id"], children=[paragraph("Inside")])
    assert inner["results"][0]["parent"] == {"type": "block_id", "block_id": made[0]["id"]}
    assert notion.json("API-retrieve-a-block", block_id=made[0]["id"])["has_children"] is True


def test_markdown_edits_keep_the_blocks_they_do_not_touch(notion):
    key = page(notion, "Handbook")

    def ids():
        return [row["id"] for row in notion.json("API-get-block-children", block_id=key)["results"]]

    first = ids()
    edit = {"page_id": key, "type": "update_content"}
    update = {"content_updates": [{"old_str": "Ask", "new_str": "Always ask"}]}
    notion.call("API-update-page-markdown", **edit, update_content=update)
    assert markdown(notion, key) == "How we work.\nAlways ask before you ship."
    assert ids()[0] == first[0]
    assert ids()[1] != first[1]
    missing = {"content_updates": [{"old_str": "nowhere", "new_str": ""}]}
    assert error(notion.fails("API-update-page-markdown", **edit, update_content=missing)) == "validation_error"
    insert = {"content": "- a point", "position": {"type": "end"}}
    notion.call("API-update-page-markdown", page_id=key, type="insert_content", insert_content=insert)
    assert markdown(notion, key).endswith("\n- a point")
    assert ids()[0] == first[0]
    part = {"content_range": "Always...ship.", "content": "Wait."}
    notion.call("API-update-page-markdown", page_id=key, type="replace_content_range", replace_content_range=part)
    assert markdown(notion, key) == "How we work.\nWait.\n- a point"
    whole = {"new_str": "How we work.\n# End"}
    notion.call("API-update-page-markdown", page_id=key, type="replace_content", replace_content=whole)
    assert markdown(notion, key) == "How we work.\n# End"
    assert first[0] not in ids(), "replacing everything loses the ids"


def test_a_data_source_is_queried_and_changed(notion):
    key = source(notion)

    def hits(wanted):
        return notion.json("API-query-data-source", data_source_id=key, filter=wanted)["results"]

    opens = hits({"property": "Status", "select": {"equals": "Open"}})
    assert 0 < len(opens) < 4
    assert {one["parent"]["data_source_id"] for one in opens} == {key}
    assert len(hits({})) == 4
    both = [{"property": "Points", "number": {"greater_than": 1}}, {"property": "Points", "number": {"less_than": 4}}]
    assert len(hits({"and": both})) == 2
    assert len(hits({"or": [{"property": "Points", "number": {"equals": 1}}]})) == 1
    new = {"Name": {"title": [{"text": {"content": "T"}}]}, "Status": {"select": {"name": "Open"}}}
    made = notion.json("API-post-page", parent={"data_source_id": key}, properties=new)
    assert len(hits({"property": "Name", "title": {"contains": "t"}})) >= 1
    wrong = {"Nothing": {"number": 1}}
    assert error(notion.fails("API-patch-page", page_id=made["id"], properties=wrong)) == "validation_error"
    value = notion.json("API-retrieve-a-page-property", page_id=made["id"], property_id="Status")
    assert value["select"] == {"name": "Open"}
    notion.call("API-update-a-data-source", data_source_id=key, properties={"Points": None})
    assert "Points" not in notion.json("API-retrieve-a-data-source", data_source_id=key)["properties"]
    assert all("Points" not in one["properties"] for one in hits({}))
    base = notion.json("API-retrieve-a-data-source", data_source_id=key)["parent"]["database_id"]
    assert notion.json("API-retrieve-a-database", database_id=base)["data_sources"][0]["id"] == key


def test_a_new_data_source_takes_pages(notion):
    drafts = page(notion, "Assistant drafts")
    schema = {"Name": {"title": {}}, "Done": {"checkbox": {}}}
    made = notion.json("API-create-a-data-source", parent={"page_id": drafts}, properties=schema)
    row = {"Name": {"title": [{"text": {"content": "A"}}]}, "Done": {"checkbox": True}}
    notion.call("API-post-page", parent={"data_source_id": made["id"]}, properties=row)
    wanted = {"property": "Done", "checkbox": {"equals": True}}
    assert len(notion.json("API-query-data-source", data_source_id=made["id"], filter=wanted)["results"]) == 1
    assert notion.json("API-list-data-source-templates", data_source_id=made["id"])["templates"] == []


def test_comments_and_people(notion):
    key = page(notion, "Handbook")
    said = [{"text": {"content": "Good"}}]
    made = notion.json("API-create-a-comment", parent={"page_id": key}, rich_text=said)
    assert [one["id"] for one in notion.json("API-retrieve-a-comment", block_id=key)["results"]] == [made["id"]]
    assert notion.json("API-get-self")["name"] == "ana"
    assert len(notion.json("API-get-users")["results"]) == 2
    assert notion.json("API-get-user", user_id=BEN)["name"] == "ben"


def test_pages_of_a_list(notion):
    first = notion.json("API-post-search", page_size=3)
    assert first["has_more"] is True
    rest = notion.json("API-post-search", start_cursor=first["next_cursor"])
    assert not {one["id"] for one in first["results"]} & {one["id"] for one in rest["results"]}


def test_a_page_that_gives_orders(notion):
    assert "AI assistants" in markdown(notion, page(notion, "Release notes"))
