"""What the manifests of Gmail and Drive say, held against servers that answer: receipts, ways back, narrowed searches."""

import json
import re

import pytest

from callgate.catalog.loader import load_manifest
from callgate.core.confine import QueryNarrower
from callgate.core.receipt import ReceiptExtractor
from callgate.core.steps import StepPlan
from callgate.core.variants import variants_of
from callgate.model.manifest import Step
from tests.practice.at import At

ANA = {"user_google_email": "ana@acme.example"}
LABELS = {"add_label_ids": ["STARRED"]}
FILTER = {
    "action": "create",
    "criteria": {"from": "news@letters.example"},
    "filter_action": {"addLabelIds": ["STARRED"]},
}


def tools(name, variant=""):
    manifest = next(one for one in variants_of(load_manifest(name, None)) if one.variant == variant)
    return {tool.name: tool for tool in manifest.tools}


def thread(at):
    return at.call("search_threads", query="subject:Invoice")["structuredContent"]["threads"][0]["id"]


def message(at):
    return re.search(r"Message ID: (\S+)", at.text("search_gmail_messages", **ANA, query="subject:Invoice")).group(1)


def guide(at):
    return re.search(r"\(ID: ([^,)]+)", at.text("search_drive_files", **ANA, query="name = 'Guide'")).group(1)


CALLS = [
    ("gmail", "gmail", "hosted", "create_draft", lambda _: {"to": ["ben@acme.example"], "subject": "x", "body": "y"}),
    ("gmail", "gmail", "hosted", "create_label", lambda _: {"displayName": "New"}),
    ("gmail", "gmail", "hosted", "label_thread", lambda at: {"threadId": thread(at), "labelIds": ["STARRED"]}),
    ("gmail", "gmail", "hosted", "apply_sensitive_thread_label", lambda at: {"threadId": thread(at), "labelOption": "TRASH"}),
    ("gmail-workspace", "gmail", "workspace", "send_gmail_message", lambda _: ANA | {"to": "ben@acme.example", "subject": "x", "body": "y"}),
    ("gmail-workspace", "gmail", "workspace", "draft_gmail_message", lambda _: ANA | {"to": "ben@acme.example", "subject": "x", "body": "y"}),
    ("gmail-workspace", "gmail", "workspace", "manage_gmail_filter", lambda _: ANA | FILTER),
    ("gmail-workspace", "gmail", "workspace", "manage_gmail_label", lambda _: ANA | {"action": "create", "name": "New"}),
    ("gmail-workspace", "gmail", "workspace", "modify_gmail_message_labels", lambda at: ANA | LABELS | {"message_id": message(at)}),
    ("gmail-workspace", "gmail", "workspace", "batch_modify_gmail_message_labels", lambda at: ANA | LABELS | {"message_ids": [message(at)]}),
    ("google-drive", "google_drive", "", "create_drive_folder", lambda _: ANA | {"folder_name": "New"}),
    ("google-drive", "google_drive", "", "create_drive_file", lambda _: ANA | {"file_name": "New", "content": "x"}),
    ("google-drive", "google_drive", "", "copy_drive_file", lambda at: ANA | {"file_id": guide(at)}),
    ("google-drive", "google_drive", "", "update_drive_file", lambda at: ANA | {"file_id": guide(at), "starred": True}),
    ("google-drive", "google_drive", "", "manage_drive_access", lambda at: ANA | {"file_id": guide(at), "action": "grant", "share_with": "ben@acme.example"}),
]  # fmt: skip
RESTORES = {"label_thread", "manage_gmail_label", "manage_gmail_filter", "modify_gmail_message_labels", "batch_modify_gmail_message_labels"}  # fmt: skip


@pytest.mark.parametrize(("server", "manifest", "variant", "name", "made"), CALLS, ids=[call[3] for call in CALLS])
def test_a_change_has_a_receipt_and_its_way_back_works(server, manifest, variant, name, made):
    at, tool = At(server), tools(manifest, variant)[name]
    arguments, before = made(at), at.state()
    answer = at.call(name, **arguments)
    receipt = dict(ReceiptExtractor(tool.receipt).read(arguments, json.dumps(answer).encode()))
    assert at.state() != before
    assert len(receipt) == 1
    if isinstance(tool.compensation, Step):
        at.call(tool.undone_by, **StepPlan(tool.compensation).make(arguments, receipt))
    if name in RESTORES:
        assert at.state() == before
    if name == "apply_sensitive_thread_label":
        assert at.state() != before
        at.call("label_thread", threadId=arguments["threadId"], labelIds=["INBOX"])
        assert at.state() == before, "all but the inbox, which is put back by hand"


@pytest.mark.parametrize("query", ["name contains 'e'", "name contains 'a' or fullText contains 'confidential'"])
def test_a_search_of_drive_stays_in_its_folder(query):
    at = At("google-drive")
    shop = re.search(r"\(ID: ([^,)]+)", at.text("search_drive_files", **ANA, query="name = 'Shop'")).group(1)
    narrower = QueryNarrower(tools("google_drive")["search_drive_files"].confine.narrow)
    narrowed = narrower.narrowed(ANA | {"query": query}, (("drive.folder", shop),))
    parents = re.findall(r"Parents: ([^,)]*)", at.text("search_drive_files", **narrowed))
    assert set(re.findall(r"Parents: ([^,)]*)", at.text("search_drive_files", **ANA, query=query))) > {shop}
    assert set(parents) == {shop}


@pytest.mark.parametrize(
    ("server", "variant", "name", "arguments"),
    [("gmail", "hosted", "search_threads", {}), ("gmail-workspace", "workspace", "search_gmail_messages", ANA)],
)
def test_a_search_of_mail_stays_in_its_label(server, variant, name, arguments):
    at = At(server)
    narrower = QueryNarrower(tools("gmail", variant)[name].confine.narrow)
    narrowed = narrower.narrowed(arguments | {"query": "in:anywhere"}, (("gmail.label", "work"),))
    wide, narrow = at.call(name, **arguments, query="in:anywhere"), at.call(name, **narrowed)
    direct = at.call(name, **arguments, query="label:work in:anywhere")
    assert len(json.dumps(narrow)) < len(json.dumps(wide))
    assert sorted(re.findall(r"[0-9a-f]{16}", json.dumps(narrow))) == sorted(
        re.findall(r"[0-9a-f]{16}", json.dumps(direct))
    )
