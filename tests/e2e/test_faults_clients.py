"""Clients that leave or cancel at every step, and clocks that jump, at a running gate. See docs/reference/faults.md."""

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.bending import HANDSHAKE, BentGate, RawClient, bent_gate_in, call_of, told
from tests.e2e.harness import MODERN

pytestmark = pytest.mark.e2e
HOUR_MS = 3_600_000
ROUNDS = 96
GRACE_S = 3


@pytest.fixture(scope="module")
def gate(tmp_path_factory, effects):
    folder = tmp_path_factory.mktemp("g")

    def patient(gate: BentGate) -> None:
        rules = gate.files["rules.toml"]
        gate.files["rules.toml"] = rules.replace("grace_seconds = 0 ", f"grace_seconds = {GRACE_S} ", 1)

    with bent_gate_in(folder, prepare=patient) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        gate.bearer = gate.token(hours=24)
        yield gate
        assert gate.verify()["ok"]
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


@pytest.fixture(autouse=True)
def well(gate):
    yield
    gate.disk()
    gate.move_clock(0)
    assert told(gate.branch(f"after-{time.monotonic_ns()}", token=gate.bearer)) == ("served", "")


def calls_since(gate: BentGate, index: int) -> dict[str, list[dict]]:
    lives: dict[str, list[dict]] = {}
    for event in gate.events():
        if event["call"] and event["index"] >= index:
            lives.setdefault(event["call"], []).append(event["event"]["data"]["body"])
    return lives


def ends(life: list[dict]) -> list[str]:
    return [body.get("outcome") or body["reason"] for body in life if body["kind"] in ("finished", "unknown")]


def requests_under_way(gate: BentGate) -> int:
    name = "callgate_http_requests_in_flight "
    return next(
        int(float(line.split()[1])) for line in gate.api.get("metrics").decode().splitlines() if line.startswith(name)
    )


def waiting(gate: BentGate) -> set[str]:
    """Ids of open holds."""
    return {hold["id"] for hold in gate.get("holds")["holds"] if hold["state"] == "open"}


def how_it_ended(gate: BentGate, hold: str) -> list[str]:
    bodies = [event["event"]["data"]["body"] for event in gate.events(kind="hold_ended")]
    return [body["state"] for body in bodies if body["hold"] == hold]


def arrived(gate: BentGate, effects, name: str) -> None:
    gate.until(lambda: name in {effect.get("branch") for effect in effects.seen()})


def the_one_life(gate: BentGate, index: int) -> list[dict]:
    """Of the only call since ``index``, once it has ended."""

    def over() -> list[list[dict]]:
        return [life for life in calls_since(gate, index).values() if ends(life)]

    (life,) = gate.until(over, every_s=0.05)
    return life


@pytest.mark.parametrize(("era", "end"), [(MODERN, "cancelled"), (HANDSHAKE, "ok")])
def test_a_client_that_leaves_while_the_target_works(gate, effects, era, end):
    """2026-07-28: leaving cancels. In handshake eras it does not: the call ends and its outcome is kept."""
    Path(f"{effects.records}.go").unlink(missing_ok=True)
    index, name = len(gate.events()), f"gated-leaves-{era}"
    link = RawClient(gate, era).branch(name)
    arrived(gate, effects, name)
    link.close()
    if era == MODERN:
        life = the_one_life(gate, index)
    Path(f"{effects.records}.go").touch()
    life = the_one_life(gate, index)
    assert [body["kind"] for body in life] == ["decided", "unknown" if era == MODERN else "finished"]
    assert ends(life) == [end]


@pytest.mark.parametrize(("era", "end"), [(MODERN, "not_sent"), (HANDSHAKE, "ok")])
def test_a_client_that_leaves_while_its_permission_is_written(gate, effects, era, end):
    """The commit ends; after it nothing is sent for a call that was cancelled."""
    index, name = len(gate.events()), f"writes-{era}"
    client = RawClient(gate, era)
    idle = requests_under_way(gate)
    gate.disk("wait COMMIT ledger.db")
    link = client.branch(name)
    gate.until_it_waits()
    link.close()
    if era == MODERN:
        gate.until(lambda: requests_under_way(gate) == idle)
    gate.disk()
    assert ends(the_one_life(gate, index)) == [end]
    assert (name in {effect.get("branch") for effect in effects.seen()}) is (era == HANDSHAKE)


@pytest.mark.parametrize(("era", "state"), [(MODERN, "withdrawn"), (HANDSHAKE, "open")])
def test_a_client_that_leaves_while_people_are_asked(gate, effects, era, state):
    """Inside the grace wait. 2026-07-28: withdrawn. In handshake eras it goes on waiting for people."""
    client, idle = RawClient(gate, era), requests_under_way(gate)
    link = client.commit(f"/srv/{state}")
    (hold,) = gate.until(lambda: waiting(gate))
    link.close()
    if state == "withdrawn":
        gate.until(lambda: not waiting(gate), every_s=0.05)
        assert how_it_ended(gate, hold) == ["withdrawn"]
    else:
        gate.until(lambda: requests_under_way(gate) == idle, every_s=0.1)
        assert waiting(gate) == {hold}
        assert gate.deny(hold)["state"] == "denied"
    assert not [effect for effect in effects.seen() if effect["tool"] == "git_commit"]


def test_a_cancel_that_races_the_answer_has_one_outcome(gate, effects):
    """Many rounds, at any moment: before the send, at the target, after the answer. The target's own record says what
    happened, and the ledger agrees.
    """
    seed, index = random.Random(11), len(gate.events())
    delays = [seed.random() * 0.12 for _ in range(ROUNDS)]
    client = RawClient(gate, HANDSHAKE)
    answered: dict[str, str] = {}

    def race(number: int) -> None:
        link = client.branch(f"slow-race-{number}", number=100 + number)
        time.sleep(delays[number])  # the moment is the point
        assert client.cancel(100 + number) == 202
        body = link.getresponse().read()
        link.close()
        if body.startswith(b"{"):
            result = json.loads(body)["result"]
            answered[call_of(result)] = told(result)[0]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(race, range(ROUNDS)))
    gate.until(lambda: all(ends(life) for life in calls_since(gate, index).values()), every_s=0.1)
    lives = calls_since(gate, index)
    found = [end for life in lives.values() for end in ends(life)]
    assert all(len(ends(life)) == 1 for life in lives.values())
    happened = sum(str(effect.get("branch")).startswith("slow-race") for effect in effects.seen())
    assert found.count("ok") <= happened <= len(found) - found.count("not_sent")
    assert found.count("ok") >= 1
    assert len(set(found)) >= 2, "every round had the same order"
    for call, status in answered.items():
        assert ends(lives[call]) == (["ok"] if status == "served" else ends(lives[call]))


def status_of(gate: BentGate, token: str) -> int:
    return gate.modern("tools/list", {}, token=token).status


def test_a_clock_that_jumps_ahead_ends_logins_and_holds_and_no_call_under_way(gate, effects):
    """Back at the right time the login is good again; the hold that was over stays over."""
    go = Path(f"{effects.records}.go")
    go.unlink(missing_ok=True)
    token = gate.token(hours=1)
    held = RawClient(gate, HANDSHAKE).commit("/srv/ahead")
    (hold,) = gate.until(lambda: waiting(gate))
    found: list[dict] = []
    flying = threading.Thread(target=lambda: found.append(gate.branch("gated-ahead", token=token)))
    flying.start()
    arrived(gate, effects, "gated-ahead")
    gate.move_clock(10 * HOUR_MS)
    assert status_of(gate, token) == 401
    gate.until(lambda: not waiting(gate), every_s=0.1)
    go.touch()
    flying.join(30)
    assert told(found[0]) == ("served", ""), "its deadline goes by the monotonic clock"
    gate.move_clock(0)
    assert status_of(gate, token) == 200
    assert how_it_ended(gate, hold) == ["expired"]
    held.close()
    assert gate.verify()["ok"]


def test_a_clock_that_jumps_back_refuses_what_is_not_yet_and_the_ledger_goes_on(gate):
    """A login from the future is none until then, unless the gate has seen it already; new ones work."""
    before = len(gate.events())
    early = gate.token(hours=1)
    assert status_of(gate, early) == 200
    gate.move_clock(2 * HOUR_MS)
    later = gate.token(hours=1)
    gate.move_clock(-2 * HOUR_MS)
    assert status_of(gate, later) == 401
    assert status_of(gate, early) == 200
    token = gate.token(hours=1)
    answer = gate.branch("back", token=token)
    assert told(answer) == ("served", "")
    assert [body["kind"] for body in gate.life(call_of(answer))] == ["decided", "finished"]
    gate.move_clock(0)
    assert status_of(gate, later) == 401
    gate.move_clock(2 * HOUR_MS)
    assert status_of(gate, later) == 200
    assert told(gate.branch("forth", token=later)) == ("served", "")
    gate.move_clock(0)
    events = gate.events()
    assert [event["index"] for event in events] == list(range(len(events)))
    assert len(events) > before
    assert gate.verify()["ok"]
