"""What targets do wrong, behind a running gate: what the assistant is told, what the ledger says, and that nothing is
sent twice. See docs/reference/faults.md.
"""

import concurrent.futures
import itertools
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.bending import bent_gate_in, call_of, told
from tests.e2e.harness import SERVERS
from tests.fakes.servers import faulty_http, faulty_stdio

pytestmark = pytest.mark.e2e
TIMEOUT_MS = 2_000
UNKNOWN = ("unknown", "outcome_unknown", "unknown", "outcome_unknown")
SERVED = ("served", "", "finished", "ok")
TOO_LARGE = ("failed", "too_large", "finished", "too_large")
OVER_HTTP = {
    "before": UNKNOWN,
    "status": UNKNOWN,
    "body": UNKNOWN,
    "events": UNKNOWN,
    "twice": SERVED,
    "echo": SERVED,
    "late": UNKNOWN,
    "foreign": UNKNOWN,
    "text": UNKNOWN,
    "binary": UNKNOWN,
    "most": SERVED,
    "length": TOO_LARGE,
    "chunks": TOO_LARGE,
    "event": TOO_LARGE,
    "redirect": ("failed", "redirect", "finished", "protocol_error"),
    "head": UNKNOWN,
    "slow": UNKNOWN,
    "drip": UNKNOWN,
    "never": UNKNOWN,
}
"""Kind: status and code of the answer; last event, with its outcome or reason."""
OVER_STDIO = {
    "errors": SERVED,
    "floods": SERVED,
    "garbage": SERVED,
    "twice": SERVED,
    "late": UNKNOWN,
    "never": UNKNOWN,
    "foreign": UNKNOWN,
    "length": TOO_LARGE,
    "stdin": SERVED,
    "hangs": UNKNOWN,
    "exits": UNKNOWN,
    "stdout": UNKNOWN,
}
"""The last ones end the child, or have it ended."""


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    with faulty_http.faulty_http(tmp_path_factory.mktemp("t")) as http:
        yield http


@pytest.fixture(scope="module")
def child(tmp_path_factory):
    return tmp_path_factory.mktemp("c") / "stdio.jsonl"


@pytest.fixture(scope="module")
def gate(tmp_path_factory, http, child, effects):
    names = ("http", "child", "away")
    limits = {"callgate.adapters.upstream.supervise LAST_BACKOFF": 0.4}
    folder = tmp_path_factory.mktemp("g")
    with bent_gate_in(folder, limits=limits, integrations=names, call_timeout_ms=TIMEOUT_MS) as gate:
        gate.add("http", url=http.url, allow_private=True, manifest="git")
        gate.add("away", url=effects.url, allow_private=True, manifest="git")
        command = (sys.executable, str(SERVERS / "faulty_stdio.py"), str(child))
        gate.add("child", command=command, confined=False, manifest="git")
        gate.bearer = gate.token(hours=24)
        yield gate
        assert gate.stop() == 0
        assert "Traceback" not in gate.stderr.read_text()


@pytest.fixture(scope="module")
def over_http(gate, http):
    """Every fault at once; in 2026-07-28."""
    with concurrent.futures.ThreadPoolExecutor(len(OVER_HTTP)) as pool:
        flying = {
            kind: pool.submit(gate.branch, f"{kind}-1", token=gate.bearer, integration="http") for kind in OVER_HTTP
        }
        return {kind: flight.result() for kind, flight in flying.items()}


@pytest.fixture(scope="module")
def unanswered(gate):
    """Those that only wait, at once."""
    kinds = ("late", "never", "foreign")
    with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
        flying = {kind: pool.submit(gate.branch, f"{kind}-1", token=gate.bearer, integration="child") for kind in kinds}
        return {kind: flight.result() for kind, flight in flying.items()}


def ended(gate, answer) -> tuple[str, str, str, str]:
    """As in the tables above."""
    status, code = told(answer)
    lives = gate.life(call_of(answer))
    last = lives[-1]
    assert [body["kind"] for body in lives] == ["decided", last["kind"]]
    return status, code, last["kind"], last.get("outcome") or last.get("reason")


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_what_a_server_does_wrong_over_http_has_one_known_end(gate, http, over_http, kind):
    answer = over_http[kind]
    assert ended(gate, answer) == OVER_HTTP[kind]
    assert (call_of(answer) in gate.doubts()) is (OVER_HTTP[kind] is UNKNOWN)
    assert http.seen().count(f"{kind}-1") == 1, "nothing is sent twice"
    if kind in ("twice", "echo"):
        assert answer["content"][0]["text"] == "first"


def test_after_all_that_the_target_is_served(gate, over_http):
    assert over_http
    for number in range(5):
        assert told(gate.branch(f"well-{number}", token=gate.bearer, integration="http")) == ("served", "")


def test_a_server_that_refuses_connections_was_sent_nothing_and_comes_back(gate, effects):
    effects.stop()
    answer = gate.branch("refused", token=gate.bearer, integration="away")
    assert ended(gate, answer) == ("failed", "not_sent", "finished", "not_sent")
    assert call_of(answer) not in gate.doubts()
    effects.start()
    assert told(gate.branch("back", token=gate.bearer, integration="away")) == ("served", "")


@pytest.mark.parametrize("kind", OVER_STDIO)
def test_what_a_child_does_wrong_has_one_known_end(gate, child, unanswered, kind):
    answer = unanswered.get(kind) or gate.branch(f"{kind}-1", token=gate.bearer, integration="child")
    assert ended(gate, answer) == OVER_STDIO[kind]
    assert (call_of(answer) in gate.doubts()) is (OVER_STDIO[kind] is UNKNOWN)
    if kind == "twice":
        assert answer["content"][0]["text"] == "first"
    if kind == "hangs":
        # One child serves everybody: one that hangs answers nobody, until somebody ends it.
        seen = [json.loads(line) for line in child.read_text().splitlines()]
        os.kill(seen[-1]["pid"], signal.SIGKILL)
    serves(gate, f"next-{kind}")
    seen = [json.loads(line)["branch"] for line in child.read_text().splitlines()]
    assert seen.count(f"{kind}-1") == 1, "nothing is sent twice"


def serves(gate, name: str) -> None:
    """The child does, within a few tries. Each has a name of its own: one that meets the end of a child is in doubt, and
    the same again would wait for a person.
    """
    numbers = itertools.count(1)

    def served() -> bool:
        branch = f"{name}-again-{next(numbers)}"
        return told(gate.branch(branch, token=gate.bearer, integration="child"))[0] == "served"

    gate.until(served, every_s=0.25, most_s=30)


def test_a_child_that_exits_at_its_start_was_sent_nothing_and_comes_back(gate, child):
    stop = Path(f"{child}.stop")
    stop.touch()
    try:
        assert ended(gate, gate.branch("exits-2", token=gate.bearer, integration="child")) == UNKNOWN
        answer = gate.branch("unsent", token=gate.bearer, integration="child")
        assert ended(gate, answer) == ("failed", "not_sent", "finished", "not_sent")
    finally:
        stop.unlink()
    serves(gate, "restarted")
    assert "unsent" not in child.read_text()


def test_the_tables_name_every_fault_of_the_servers():
    assert set(OVER_HTTP) == set(faulty_http.FAULTS)
    assert set(OVER_STDIO) == set(faulty_stdio.FAULTS)
