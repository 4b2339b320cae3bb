"""What the store does wrong under a running gate: nothing is executed that was not recorded, nothing told that was not,
and all is well again without a restart. See docs/reference/faults.md.
"""

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

from tests.e2e.bending import bent_gate_in, call_of, told

pytestmark = pytest.mark.e2e
FAILS = "fail COMMIT ledger.db"
ROOM = 20_000
"""Bytes: less than the files of the store have."""
MINUTE_MS = 60_000
LIMITS = {"callgate.adapters.store.files BUSY_S": 0.3, "callgate.flow.readiness STALLED_US": 300_000}


@pytest.fixture(scope="module")
def home(tmp_path_factory, effects):
    with bent_gate_in(tmp_path_factory.mktemp("g"), limits=LIMITS) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        gate.bearer = gate.token(hours=24)
        yield gate
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


@pytest.fixture
def gate(home):
    """Whatever befalls it, the same process is well afterwards: ready, serving, its ledger whole, nothing left open."""
    pid = home.process.pid
    yield home
    home.disk()
    home.room(None)
    assert told(home.branch(f"after-{len(home.events())}", token=home.bearer)) == ("served", "")
    home.until(lambda: home.health() == (200, dict.fromkeys(home.health()[1], "ok")), every_s=0.2)
    assert home.verify()["ok"]
    home.until(lambda: not unended(home), every_s=0.2)
    assert home.process.pid == pid


def unended(gate) -> set[str]:
    """Calls that the ledger gives a permission and no end."""
    starts, ends = set(), set()
    for event in gate.events():
        body = event["event"]["data"]["body"]
        if body["kind"] == "decided" and body["effect"] == "allow":
            starts.add(event["call"])
        if body["kind"] in ("finished", "unknown"):
            ends.add(event["call"])
    return starts - ends


def check_refused(gate, effects, *names: str) -> None:
    """Told in words, executed nowhere, and the ledger has nothing of them."""
    before = len(gate.events())
    for name in names:
        answer = gate.branch(name, token=gate.bearer)
        assert told(answer) == ("failed", "store_failed")
        assert "Nothing was executed" in answer["structuredContent"]["next"]
    assert not {effect.get("branch") for effect in effects.seen()} & set(names)
    assert len(gate.events()) == before


def until_not_ready(gate) -> None:
    """It looks once a second."""
    gate.until(lambda: gate.health()[1]["store"] == "fail", every_s=0.1)


@contextlib.contextmanager
def database(gate):
    """A connection of somebody else."""
    (path,) = (gate.home / "data").rglob("ledger.db")
    link = sqlite3.connect(path, isolation_level=None, timeout=10)
    try:
        yield link
    finally:
        link.close()


def test_a_commit_that_fails_once_refuses_its_call(gate, effects):
    gate.disk(FAILS)
    check_refused(gate, effects, "once")
    gate.disk()
    assert told(gate.branch("once-more", token=gate.bearer)) == ("served", "")


def test_a_commit_that_fails_for_a_minute_refuses_all_calls_and_then_none(gate, effects):
    """The wall clock passes meanwhile; people can look and cannot act, what waits for them goes on waiting."""
    held = gate.call("git_commit", {"repo_path": "/srv/app", "message": "Minute"}, token=gate.bearer).facts
    gate.disk(FAILS)
    for second in (1, 15, 30, 45, 60):
        gate.move_clock(second * 1000)
        check_refused(gate, effects, f"minute-{second}", f"minute-{second}-b")
        until_not_ready(gate)
    assert [hold["state"] for hold in gate.get("holds")["holds"]] == ["open"]
    with pytest.raises(Exception, match="(?i)store|write|record"):
        gate.approve(held["approval_id"])
    gate.disk()
    assert told(gate.branch("minute-over", token=gate.bearer)) == ("served", "")
    gate.approve(held["approval_id"])
    collected = gate.await_approval(held["approval_id"], token=gate.bearer).result
    assert told(collected) == ("served", "")
    assert [one["message"] for one in effects.seen() if one["tool"] == "git_commit"] == ["Minute"]
    gate.move_clock(0)


def test_a_store_that_another_process_has_locked_refuses_and_can_be_read(gate, effects):
    with database(gate) as other:
        other.execute("BEGIN IMMEDIATE")
        check_refused(gate, effects, "locked")
        until_not_ready(gate)
        assert gate.get("status")["events"] > 0
        other.execute("ROLLBACK")
    assert told(gate.branch("unlocked", token=gate.bearer)) == ("served", "")


def test_a_disk_that_hangs_holds_calls_back_and_nothing_else(gate, effects):
    """Neither written nor failed: the loop lives, people can look, and the calls go on once it does."""
    gate.disk("wait COMMIT ledger.db")
    found: list[dict] = []
    names = [f"hung-{number}" for number in range(3)]

    def fly(name: str) -> None:
        found.append(gate.branch(name, token=gate.bearer))

    flying = [threading.Thread(target=fly, args=(name,)) for name in names]
    for thread in flying:
        thread.start()
    gate.until_it_waits()
    until_not_ready(gate)
    assert gate.send(b"", method="GET", path="/livez").status == 200
    assert gate.get("status")["events"] > 0
    assert not {effect.get("branch") for effect in effects.seen()} & set(names)
    assert not found
    gate.disk()
    for thread in flying:
        thread.join(30)
    assert [told(answer) for answer in found] == [("served", "")] * len(names)


def test_a_commit_that_says_it_failed_and_did_not_is_found_out(gate):
    gate.disk("lose COMMIT ledger.db")
    answer = gate.branch("lost-word", token=gate.bearer)
    gate.disk()
    assert told(answer) == ("served", "")
    assert [body["kind"] for body in gate.life(call_of(answer))] == ["decided", "finished"]


def test_a_disk_that_is_full_at_the_permission_executes_nothing(gate, effects):
    gate.room(ROOM)
    check_refused(gate, effects, "full", "full-b")
    until_not_ready(gate)
    gate.room(None)
    assert told(gate.branch("roomy", token=gate.bearer)) == ("served", "")


@pytest.mark.parametrize("fault", ["fails", "full"])
def test_a_disk_that_fails_at_the_outcome_leaves_the_call_in_doubt(gate, effects, fault):
    """The answer is not shown, the call is listed, and the ledger says unknown as soon as it can be written."""
    go = Path(f"{effects.records}.go")
    go.unlink(missing_ok=True)
    name = f"gated-{fault}"
    found: list[dict] = []
    flying = threading.Thread(target=lambda: found.append(gate.branch(name, token=gate.bearer)))
    flying.start()
    gate.until(lambda: name in {effect.get("branch") for effect in effects.seen()})
    if fault == "full":
        gate.room(ROOM)
    else:
        gate.disk(FAILS)
    go.touch()
    flying.join(30)
    (answer,) = found
    assert told(answer) == ("unknown", "store_failed")
    assert "Created branch" not in str(answer)
    assert call_of(answer) in gate.doubts()
    assert [body["kind"] for body in gate.life(call_of(answer))] == ["decided"]
    gate.disk()
    gate.room(None)
    last = gate.until(lambda: gate.life(call_of(answer))[1:], every_s=0.1)
    assert [(body["kind"], body["reason"]) for body in last] == [("unknown", "not_recorded")]
    assert call_of(answer) in gate.doubts()
    assert [effect.get("branch") for effect in effects.seen()].count(name) == 1


def test_keys_that_cannot_be_written_refuse_and_are_not_lost(gate, effects):
    gate.disk("fail COMMIT keys.db")
    names = [f"keys-{number}" for number in range(20)]
    answers = []
    for name in names:
        answers.append(gate.branch(name, token=gate.bearer))
        gate.move_clock(len(answers) * 500)
    refused = {name for name, answer in zip(names, answers, strict=True) if told(answer) == ("failed", "store_failed")}
    assert refused
    assert not refused & {effect.get("branch") for effect in effects.seen()}
    gate.disk()
    gate.move_clock(0)


def test_everything_refused_here_is_in_the_log_without_its_values(gate):
    gate.disk(FAILS)
    gate.branch("unheard-of", token=gate.bearer)
    gate.disk()
    gate.until(lambda: "call_refused_store" in gate.stderr.read_text())
    assert "unheard-of" not in gate.stderr.read_text()
