"""Google Drive: folders filter, access comes and goes, what is changed is changed back."""

import re

import pytest

from tests.practice.at import At

ANA, TEAM = "ana@acme.example", "team@acme.example"
WHO = {"user_google_email": ANA}


@pytest.fixture
def drive():
    return At("google-drive")


def key_of(drive, name):
    return found(drive.text("search_drive_files", **WHO, query=f"name = '{name}'"), r"\(ID: ([^,)]+)")


def found(said, pattern):
    hit = re.search(pattern, said)
    assert hit, said
    return hit.group(1)


def names(said):
    return set(re.findall(r'Name: "([^"]+)"', said))


def test_searches_filter_and_say_the_folder(drive):
    money, shop = key_of(drive, "Finance"), key_of(drive, "Shop")

    def hits(query, **more):
        said = drive.text("search_drive_files", **WHO, query=query, page_size=50, **more)
        return names(said), set(re.findall(r"Parents: (\S+),", said))

    assert hits(f"'{money}' in parents") == ({"Salaries", "Budget"}, {money})
    assert hits("fullText contains 'plan'")[0] == {"Release plan", "Budget"}
    assert hits(f"fullText contains 'plan' and '{shop}' in parents") == ({"Release plan"}, {shop})
    assert hits("plan")[1] == {money, shop}
    assert hits("mimeType = 'text/csv'")[0] == {"prices.csv"}
    assert hits("name contains 'bud' and trashed = false")[0] == {"Budget"}
    assert "400" in drive.fails("search_drive_files", **WHO, query="name = 'a' and what is this")
    assert names(drive.text("list_drive_items", **WHO, folder_id=money)) == {"Salaries", "Budget"}


def test_a_file_is_made_changed_and_trashed(drive):
    before = drive.state()
    folder = key_of(drive, "Assistant drafts")
    said = drive.call("create_drive_file", **WHO, file_name="n.md", content="one", folder_id=folder)
    key = found(said["structuredContent"]["result"], r"\(ID: ([^,)]+)")
    made = drive.state()
    drive.call("update_drive_file", **WHO, file_id=key, name="m.md", content="two")
    assert drive.text("get_drive_file_content", **WHO, file_id=key).endswith("two")
    drive.call("update_drive_file", **WHO, file_id=key, name="n.md", content="one")
    assert drive.state() == made
    drive.call("update_drive_file", **WHO, file_id=key, trashed=True)
    assert names(drive.text("list_drive_items", **WHO, folder_id=folder)) == set()
    assert names(drive.text("search_drive_files", **WHO, query="n.md")) == set()
    drive.call("update_drive_file", **WHO, file_id=key, trashed=False)
    assert drive.state() == made
    assert drive.changes(before) == [("made", "file", key)]
    assert "404" in drive.fails("get_drive_file_content", **WHO, file_id="none")
    assert "404" in drive.fails("create_drive_file", **WHO, file_name="x", content="x", folder_id="none")


def test_a_file_is_moved_and_moved_back(drive):
    before = drive.state()
    plan, shop, money = (key_of(drive, name) for name in ("Release plan", "Shop", "Finance"))
    drive.call("update_drive_file", **WHO, file_id=plan, add_parents=money, remove_parents=shop)
    assert "Release plan" in names(drive.text("list_drive_items", **WHO, folder_id=money))
    drive.call("update_drive_file", **WHO, file_id=plan, add_parents=shop, remove_parents=money)
    assert drive.state() == before


def test_access_is_granted_seen_and_revoked(drive):
    before = drive.state()
    key = key_of(drive, "Salaries")
    at = {**WHO, "file_id": key}
    assert "404" in drive.fails("get_drive_file_content", user_google_email=TEAM, file_id=key)
    said = drive.text("manage_drive_access", **at, action="grant", share_with=TEAM, role="reader")
    permission = found(said, r"\[id: ([^\]]+)\]")
    assert "Confidential" in drive.text("get_drive_file_content", user_google_email=TEAM, file_id=key)
    assert permission in drive.text("get_drive_file_permissions", **at)
    drive.call("manage_drive_access", **at, action="revoke", permission_id=permission)
    assert drive.state() == before
    drive.call("set_drive_file_permissions", **at, link_sharing="reader")
    assert "Public access: yes" in drive.text("check_drive_file_public_access", **WHO, file_name="Salaries")
    drive.call("set_drive_file_permissions", **at, link_sharing="off")
    assert drive.state() == before
    assert "404" in drive.fails("manage_drive_access", **at, action="revoke", permission_id="p-none")
    assert "Invalid action" in drive.fails("manage_drive_access", **at, action="explode")
    drive.call("manage_drive_access", **at, action="transfer_owner", new_owner_email="x@outside.example")
    assert drive.state() != before


def test_a_copy_lies_where_it_is_told(drive):
    drafts = key_of(drive, "Assistant drafts")
    drive.call("copy_drive_file", **WHO, file_id=key_of(drive, "Budget"), parent_folder_id=drafts, new_name="B2")
    assert names(drive.text("list_drive_items", **WHO, folder_id=drafts)) == {"B2"}
    drive.call("create_drive_folder", **WHO, folder_name="In it", parent_folder_id=drafts)
    assert names(drive.text("list_drive_items", **WHO, folder_id=drafts, file_type="folder")) == {"In it"}


def test_a_url_that_the_server_is_told_to_fetch_is_noted_and_not_fetched(drive):
    before = drive.state()
    drive.call("create_drive_file", **WHO, file_name="x", fileUrl="http://127.0.0.1:1/secret")
    assert ("made", "fetched", "1") in drive.changes(before)
    assert "AI assistants" in drive.text("get_drive_file_content", **WHO, file_id=key_of(drive, "Minutes"))
    link = drive.text("get_drive_shareable_link", **WHO, file_id=key_of(drive, "Budget"))
    assert "Sharing: off" in link
    assert "https://" in drive.text("get_drive_file_download_url", **WHO, file_id=key_of(drive, "Budget"))
