"""Searches that reach beyond the rules, at a real gate and a real server that a manifest alone describes."""

import json
import shutil
import sys

import pytest

from tests.e2e.harness import PASSPHRASE, ROOT, SERVERS, gate_in

pytestmark = pytest.mark.e2e
RULES = """
name = "notes"
objective = "Work on notes."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["notes", "local-work"]
prohibited = ["tracker.project:payroll", "scope:financial"]
irreversible = true
[[scopes]]
integration = "tracker"
"""
DOMAIN = """
[notes]
title = "Notes"
owner = "ana"
targets = ["tracker.project:web", "tracker.project:books", "tracker.note:*", "tracker.database:main"]

[payroll]
title = "Payroll"
owner = "ben"
targets = ["tracker.project:payroll"]
"""


def prepare(gate):
    gate.contracts = {"notes.toml": RULES}
    gate.files["domains.toml"] += DOMAIN
    gate.files["rules.toml"] = gate.files["rules.toml"].replace("[stages]", '[stages]\ntracker = "production"')


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("confined")
    with gate_in(folder, prepare=prepare, begin=False) as gate:
        shutil.copytree(ROOT / "tests/golden/manifests/tracker", gate.home / "manifests" / "tracker")
        gate.start()
        gate.ask("policy", "propose", "--passphrase-fd", "0")
        digest = gate.get("policy")["proposals"][0]["digest"]
        assert gate.command("policy", "approve", digest, "--passphrase-fd", "0", stdin=PASSPHRASE).returncode == 0
        gate.add("tracker", command=[sys.executable, str(SERVERS / "tracker.py")], confined=False)
        gate.good = gate.token()
        yield gate
        assert gate.verify()["ok"]
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


def call(gate, tool, **arguments):
    return gate.call(tool, arguments, token=gate.good, integration="tracker").result


def texts(result):
    return [block["text"] for block in result["content"]]


def codes(result):
    return result["structuredContent"]["codes"]


def test_a_search_is_narrowed_to_what_the_rules_name(gate):
    before = len(gate.events())
    found = call(gate, "search_notes", query="plan")
    answer, note = texts(found)
    said = json.loads(answer)
    assert said["query"] == "plan project:books project:web"
    assert {one["project"] for one in said["notes"]} == {"web", "books"}
    assert "tracker.project:web" in note
    assert "tracker.project:books" in note
    bodies = [(one["call"], one["event"]["data"]["body"]) for one in gate.events()[before:] if one["kind"] == "decided"]
    (wide, first), (_, second) = bodies
    assert (first["effect"], second["effect"]) == ("deny", "allow")
    assert second["derived_from"] == wide
    assert [finding["code"] for finding in first["findings"]][0] == "global_retrieval"


def test_a_search_that_names_its_project_is_judged_as_it_is(gate):
    assert len(texts(call(gate, "search_notes", query="plan project:web"))) == 1
    assert codes(call(gate, "search_notes", query="plan project:payroll"))[0] == "prohibited"
    assert codes(call(gate, "search_notes", query="plan project:web project:payroll"))[0] == "prohibited"


@pytest.mark.parametrize(
    "query", ["plan OR project:payroll", "(plan", 'plan "', "{plan payroll}", "plan | x", "a not b"]
)
def test_a_query_that_could_get_out_is_refused(gate, query):
    result = call(gate, "search_notes", query=query)
    assert result["isError"]
    assert "global_retrieval" in codes(result)
    assert "payroll plan" not in json.dumps(result)


def test_items_outside_are_taken_out_and_counted(gate):
    answer, note = texts(call(gate, "list_notes"))
    assert {one["project"] for one in json.loads(answer)["notes"]} == {"web", "books"}
    assert "1 item lies outside" in note
    assert "payroll" not in answer + note


def test_what_can_be_neither_is_refused_with_its_reason(gate):
    result = call(gate, "read_report")
    assert {"global_retrieval", "sensitive_scope"} <= set(codes(result))
    assert "read single notes instead" in json.dumps(result)


def test_sql_that_only_reads_runs_and_other_sql_waits(gate):
    assert texts(call(gate, "run_sql", sql="select * from notes")) == ['{"ran": "select * from notes"}']
    waiting = call(gate, "run_sql", sql="delete from notes")
    assert "approval" in json.dumps(waiting)
    assert not any("ran" in text for text in texts(waiting))


def test_what_the_manifest_says_of_a_writing_tool_counts_too(gate):
    """Tier by argument, targets, receipt, the way back and what has none: all from a folder of the home."""
    drafted = call(gate, "write_note", project="web", title="sketch", draft=True)
    made = drafted["_meta"]["io.callgate/receipt"]
    assert made == {"id": json.loads(texts(drafted)[0])["id"], "number": made["id"]}
    last = gate.get("events", kind="decided", limit=1)["events"][-1]["event"]["data"]
    assert (last["body"]["tier"], last["body"]["effect"], len(last["body"]["targets"])) == ("draft", "allow", 1)
    explained = gate.get("explain", last["call"])
    assert explained["actor"] == "robot"

    written = call(gate, "write_note", project="web", title="plan of May")
    assert set(written["_meta"]["io.callgate/receipt"]) == {"id", "number"}
    (finished,) = [
        row["event"]["data"]["body"]
        for row in gate.get("events", call=written["_meta"]["io.callgate/call"], limit=20)["events"]
        if row["kind"] == "finished"
    ]
    assert [name for name, _ in finished["receipt"]["values"]] == ["id", "number"]

    assert "prohibited" in codes(call(gate, "write_note", project="payroll", title="x"))
    assert "bad_target" in codes(call(gate, "drop_note", note="0x7"))
    undeclared = call(gate, "write_note", project="web", title="x", also="payroll")
    assert undeclared["isError"]

    back = call(gate, "drop_note", note=written["_meta"]["io.callgate/receipt"]["id"])
    shown = gate.get("holds", back["structuredContent"]["approval_id"])
    assert shown["undo"] == "No. It cannot be undone."
    assert shown["hold"]["sentence"] == f'Drop the note "{written["_meta"]["io.callgate/receipt"]["id"]}"'
