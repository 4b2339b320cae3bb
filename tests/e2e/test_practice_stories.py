"""One day of each integration behind a real gate, with the vendors' tool names and the shipped manifests.

A read is allowed, what only prepares runs, what changes something waits, says what it is, and runs once; its receipt
stands in the ledger; the way back that the manifest names brings the state back as far as the manifest says.
"""

import json
import time
from typing import Any

import msgspec
import pytest

from callgate.catalog.loader import load_manifest
from callgate.core.per_call import PerCall
from callgate.core.receipt import content_of
from callgate.core.steps import StepPlan
from callgate.core.variants import of_variant
from callgate.model.terms import Tier
from callgate.model.tool import ToolManifest
from tests.e2e.harness import PASSPHRASE
from tests.e2e.practice_stand import INTEGRATIONS, MANIFESTS, PracticeStand, practice_stand
from tests.e2e.rules import everyday
from tests.e2e.stories import ANA, FOR_GOOD, STORIES, Arguments, Changes, one, titled

pytestmark = pytest.mark.e2e
RULES = everyday(INTEGRATIONS, domains=("work",))
KINDS = (
    "github.repository github.owner gmail.mailbox gmail.recipient drive.file drive.folder figma.file figma.plan"
    " notion.page notion.data_source slack.channel slack.direct slack.user cloudflare.account cloudflare.namespace"
    " cloudflare.database cloudflare.container"
)
DOMAINS = f"""
[work]
title = "Work"
owner = "ana"
targets = {json.dumps([f"{kind}:*" for kind in KINDS.split()])}
"""
ASK = """
@id("ask-execute") @reason("Somebody looks at every change.") @owner("ana") @effect("hold") @ask("meant")
forbid (principal, action == Callgate::Action::"execute", resource);
"""


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stories")
    with practice_stand(folder, contract=RULES, domains=DOMAINS, policies=ASK) as found:
        yield found


def known(integration: str, tool: str) -> ToolManifest:
    """What the shipped manifest says of a tool of the practice server."""
    name, _, variant = MANIFESTS[integration].partition("/")
    manifest = load_manifest(name)
    meant = of_variant(manifest, variant) if variant else manifest
    return next(one for one in meant.tools if one.name == tool)


def whole(result: Any) -> str:
    return json.dumps(result, ensure_ascii=False)


def kinds(changes: list[tuple[str, str, str]]) -> Changes:
    return sorted({(change, kind) for change, kind, _ in changes})


def held(stand: PracticeStand, integration: str, tool: str, arguments: Arguments) -> dict[str, Any]:
    """What who answers reads. The world is as it was."""
    before = stand[integration].state()
    waiting = stand.ask(integration, tool, **arguments).facts
    assert waiting["status"] == "pending_approval", waiting
    assert stand[integration].rows(before) == []
    return stand.gate.get("holds", waiting["approval_id"])


def approved(stand: PracticeStand, integration: str, shown: dict[str, Any]) -> Any:
    hold = shown["hold"]["id"]
    stand.gate.act("holds", hold, "approve", act={"digest": shown["digest"]})
    return stand.gate.await_approval(hold, token=stand.token, integration=integration)


def receipt_of(answer: Any) -> dict[str, str]:
    return answer.result["_meta"]["io.callgate/receipt"]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.integration)
def test_a_day(stand, story):
    place = stand[story.integration]
    tool, arguments, holds = story.look(place)
    if story.reads:
        answer = stand.ask(story.integration, tool, **arguments)
    else:
        answer = approved(stand, story.integration, held(stand, story.integration, tool, arguments))
    assert holds in answer.text

    begun = place.state()
    if story.prepare is not None:
        tool, arguments = story.prepare(place)
        prepared = stand.ask(story.integration, tool, **arguments)
        assert not prepared.result.get("isError"), prepared.result
        assert kinds(place.changes(begun)) == story.prepared

    before = place.state()
    tool, arguments = story.act(place)
    manifest = known(story.integration, tool)
    was = pre_read(stand, story.integration, manifest, arguments)
    shown = held(stand, story.integration, tool, arguments)
    assert story.says in shown["hold"]["sentence"]
    assert any(target.startswith(story.target) for target in shown["targets"])
    assert shown["undo"] == story.undo
    answer = approved(stand, story.integration, shown)
    assert not answer.result.get("isError"), answer.result
    assert kinds(place.changes(before)) == story.changed
    assert len([kind for change, kind, _ in place.changes(before) if change == "made"]) <= len(story.changed)
    receipt = receipt_of(answer)
    assert tuple(receipt) == story.receipt
    recorded(stand, shown["call"], receipt)

    ways = PerCall(manifest, manifest.tier).of(manifest.tier, arguments).ways_back
    if story.left is None:
        assert not ways
        return
    (step,) = ways
    back = StepPlan(step).make(arguments, receipt, was)
    if known(story.integration, step.tool).tier is Tier.EXECUTE:
        done = approved(stand, story.integration, held(stand, story.integration, step.tool, back))
    else:
        done = stand.ask(story.integration, step.tool, **back)
    assert not done.result.get("isError"), done.result
    assert kinds(place.changes(before)) == story.left, place.rows(before)


def pre_read(stand: PracticeStand, integration: str, manifest: ToolManifest, arguments: Arguments) -> Any:
    """What the manifest has read before such a call; a person does it here."""
    if manifest.pre_read is None:
        return None
    made = StepPlan(manifest.pre_read).make(arguments)
    found = stand.ask(integration, manifest.pre_read.tool, **made)
    return content_of(msgspec.json.encode(found.result), manifest.pre_read.result)


def recorded(stand: PracticeStand, call: str, receipt: dict[str, str]) -> None:
    """The ledger has the permission once, the outcome once, and its receipt under pseudonyms."""
    rows = stand.gate.get("events", call=call, limit=100)["events"]
    bodies = [row["event"]["data"]["body"] for row in rows]
    assert [body["effect"] for body in bodies if body["kind"] == "decided"] == ["hold", "allow"]
    (finished,) = [body for body in bodies if body["kind"] == "finished"]
    assert finished["outcome"] == "ok"
    assert [name for name, _ in finished["receipt"]["values"]] == list(receipt)
    assert all(value.startswith("r-") for _, value in finished["receipt"]["values"])
    assert not any(value in json.dumps(bodies) for value in receipt.values() if len(value) > 8)


def test_who_answers_sees_what_leaves_and_what_is_sensitive(stand):
    letter = {"user_google_email": ANA, "to": "guest@outside.example", "subject": "Hello", "body": "Secret."}
    shown = held(stand, "mail", "send_gmail_message", letter)
    marks = {one["path"]: (one["sink"], one["sensitive"]) for one in shown["arguments"]}
    assert marks == {
        "user_google_email": (False, False),
        "to": (True, False),
        "subject": (True, False),
        "body": (True, True),
    }
    said = stand.gate.command("holds", "show", shown["hold"]["id"]).stdout
    assert "body * out sensitive" in said


@pytest.mark.parametrize(("integration", "tool", "made"), FOR_GOOD, ids=[row[0] for row in FOR_GOOD])
def test_what_cannot_be_undone_says_so(stand, integration, tool, made):
    shown = held(stand, integration, tool, made(stand[integration]))
    assert shown["undo"] == "No. It cannot be undone."
    assert "This cannot be undone." in shown["hold"]["why"]
    assert any(question["ask"] == "acceptable" for question in shown["questions"])


def test_a_person_takes_something_back_with_the_command(stand):
    place = stand["cloudflare"]
    before = place.state()
    shown = held(stand, "cloudflare", "kv_namespace_create", {"title": "trial"})
    assert shown["undo"] == "Yes, with kv_namespace_delete, from what its answer says it made."
    made = receipt_of(approved(stand, "cloudflare", shown))
    assert kinds(place.changes(before)) == [("made", "namespace")]
    back = json.dumps({"namespace_id": made["namespace"]})
    words = ("call", "cloudflare", "kv_namespace_delete", back, "--passphrase-fd", "0", "--json")
    done = stand.gate.command(*words, stdin=PASSPHRASE)
    assert done.returncode == 3, done.stderr
    waiting = json.loads(done.stdout)["result"]["structuredContent"]
    stand.gate.approve(waiting["approval_id"])
    # The command has left, so nobody waits for the answer of what was approved.
    for _ in range(400):
        if not place.rows(before):
            return
        time.sleep(0.05)
    pytest.fail("it is still there")


def test_the_account_at_the_target_is_seen_and_another_one_holds_everything(stand):
    rows = {row["name"]: row for row in stand.gate.get("integrations")["integrations"]}
    mine = one(stand["notion"], "user", name="ana")
    assert {name: rows[name]["actor"] for name in ("github", "cloudflare", "notion", "slack")} == {
        "github": "ana",
        "cloudflare": "acme",
        "notion": mine["id"],
        "slack": "robot",
    }
    page = {"page_id": titled(stand["notion"], "Handbook")}
    stand.ask("notion", "API-retrieve-page-markdown", **page)
    decided = stand.gate.get("events", kind="decided", limit=1)["events"][-1]
    assert stand.gate.get("explain", decided["id"])["actor"] == mine["id"]

    other = one(stand["notion"], "user", name="ben")["id"]
    stand["notion"].world.put("user", mine["id"], mine | {"id": other})
    try:
        seen = json.loads(stand.gate.command("integrations", "refresh", "notion", "--json").stdout)
        assert any(other in said for said in (*seen["changes"], *seen["warnings"]))
        waiting = stand.ask("notion", "API-retrieve-page-markdown", **page).facts
        assert waiting["status"] == "pending_approval"
        assert "account_changed" in waiting["codes"]
        assert "acts as another account" in stand.gate.command("status").stdout.replace("\n", " ")
    finally:
        stand["notion"].world.put("user", mine["id"], mine)
        stand.gate.command("integrations", "refresh", "notion")
    assert "Ask before you ship" in stand.ask("notion", "API-retrieve-page-markdown", **page).text
