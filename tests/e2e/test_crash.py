"""``kill -9`` while calls are in flight: what was answered is recorded, what happened was decided, the rest is in doubt."""

import concurrent.futures
import http.client
import os
import random
import sqlite3
import time

import pytest

from callgate.adapters.identity.keyring import Keyring
from callgate.app.system import SystemEntropy
from callgate.core.ledger.canonical import body_bytes
from callgate.core.ledger.seal import Sealer
from tests.e2e.harness import Effects, Gate, effects_in, gate_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
ROUNDS = int(os.environ.get("CALLGATE_CRASH_ROUNDS", "10"))
IN_FLIGHT = 64
REPOSITORY = "/srv/app"


def fly(gate: Gate, token: str, round_: int, number: int) -> dict | None:
    """One call; None when the gate died before it answered."""
    kind = "slow" if number % 4 else "never"
    arguments = {"repo_path": REPOSITORY, "branch_name": f"{kind}-{round_}-{number}"}
    try:
        if number % 8 == 1:
            return gate.call("git_status", {"repo_path": REPOSITORY}, token=token).result
        if number % 8 == 2:
            return gate.call(
                "git_commit", {"repo_path": REPOSITORY, "message": f"m-{round_}-{number}"}, token=token
            ).result
        return gate.call("git_create_branch", arguments, token=token).result
    except (OSError, AssertionError, ValueError, IndexError, http.client.HTTPException):
        return None


def crash(gate: Gate, token: str, round_: int, seed: random.Random) -> list[dict]:
    """Kill the gate at some moment with all calls in flight; the answers that were given."""
    with concurrent.futures.ThreadPoolExecutor(IN_FLIGHT) as pool:
        flights = [pool.submit(fly, gate, token, round_, number) for number in range(IN_FLIGHT)]
        time.sleep(seed.random() * 0.25)  # the moment is the point: anywhere among the commits
        gate.kill()
        return [answer for answer in (flight.result() for flight in flights) if answer is not None]


def test_nothing_is_lost_by_kill_9(tmp_path):
    seed = random.Random(7)
    with effects_in(tmp_path) as effects, gate_in(tmp_path, begin=False) as gate:
        gate.start()
        gate.add("git", url=effects.url, allow_private=True)
        token = gate.token(hours=24)
        told: dict[str, str] = {}
        for round_ in range(ROUNDS):
            for answer in crash(gate, token, round_, seed):
                facts = answer.get("structuredContent", {})
                call = answer.get("_meta", {}).get("io.callgate/call") or facts.get("call_id")
                assert call, answer
                if facts.get("status") != "refused" or facts.get("decision_id"):
                    told[call] = facts.get("status", "served")
                # Else: beyond the limit of denials that are recorded one by one.
            gate.start()
            check(gate, effects, told)
        assert {"served", "pending_approval"} <= set(told.values())
        status = gate.get("status")
        assert status["doubts"], "no round left a call in doubt"
        assert gate.verify()["ok"]
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


def check(gate: Gate, effects: Effects, told: dict[str, str]) -> None:
    lives: dict[str, list[dict]] = {}
    for event in gate.events():
        if event["call"]:
            body = {**event["event"]["data"]["body"], "at_ms": event["at_ms"]}
            lives.setdefault(event["call"], []).append(body)
    kinds = {call: [body["kind"] for body in bodies] for call, bodies in lives.items()}
    ends = {"served": ("finished",), "refused": ("decided",), "pending_approval": ("asked",)}
    for call, status in told.items():
        assert kinds[call][0] == "decided", (call, status, kinds[call])
        assert kinds[call][-1] in ends.get(status, ("finished", "unknown")), (call, status, kinds[call])
    starts = [body for bodies in lives.values() for body in bodies if _starts(body)]
    started = {call for call, bodies in lives.items() if any(map(_starts, bodies))}
    for call in started:
        assert kinds[call].count("finished") + kinds[call].count("unknown") == 1, (call, kinds[call])
    doubts = {doubt["call"] for doubt in gate.get("status")["doubts"]}
    assert doubts == {call for call in started if "unknown" in kinds[call]}
    effects_were_decided(gate, effects, starts)
    counters_agree(gate, starts)


def _starts(body: dict) -> bool:
    return body["kind"] == "decided" and body["effect"] == "allow"


def effects_were_decided(gate: Gate, effects: Effects, starts: list[dict]) -> None:
    """Each effect that the target recorded happened once, under one Decided(allow) for exactly its arguments."""
    keys = Keyring.open(gate.home / "keys", ("main",), SystemEntropy(), create=False).tenant("main")
    sealer = Sealer(keys.kek, keys.correlation, keys.pseudonym)
    allowed = [body["arguments_tag"] for body in starts if body["tool"] == "git_create_branch"]
    seen = effects.seen()
    assert {effect["tool"] for effect in seen} <= {"git_create_branch"}, "nobody approved anything"
    assert len({effect["branch"] for effect in seen}) == len(seen), "an effect happened twice"
    for effect in seen:
        body = body_bytes({"repo_path": REPOSITORY, "branch_name": effect["branch"]})
        assert allowed.count(sealer.tag(body, starts[0]["at_ms"])) == 1, effect


def counters_agree(gate: Gate, starts: list[dict]) -> None:
    """What is reserved is what was allowed, minute by minute, and open holds are counted as such."""
    (database,) = (gate.home / "data").rglob("ledger.db")
    link = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        counters = dict(link.execute("SELECT name, used FROM counters").fetchall())
    finally:
        link.close()
    rates = {int(name.rpartition(":")[2]): used for name, used in counters.items() if name.startswith("rate:initiator")}
    minutes = [body["at_ms"] / 60_000 for body in starts]
    if all(0.01 < minute % 1 < 0.99 for minute in minutes):
        counted = {minute: sum(int(one) == minute for one in minutes) for minute in rates}
        assert rates == counted
    waiting = sum(used for name, used in counters.items() if name.startswith("holds:"))
    assert waiting == gate.get("status")["open_holds"]
