"""What befalls the process: signals, too many clients, a log that nobody reads, files that go. See docs/reference/faults.md."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.bending import HANDSHAKE, BentGate, RawClient, bent_gate_in, call_of, told
from tests.e2e.harness import MODERN, PASSPHRASE

pytestmark = pytest.mark.e2e
IN_FLIGHT = 64
SILENT = 2
"""Of them, on targets that never answer."""
LIMITS = {
    "callgate.app.serving DRAIN_S": 1.0,
    "callgate.app.system MOST_DESCRIPTORS": 1024,
    "callgate.app.operators KEYS_EVERY_US": 200_000,
}
ENDS_S = 15.0
"""Drain, giving up and the end together, on a busy machine."""


@pytest.fixture(scope="module")
def home(tmp_path_factory, effects):
    with bent_gate_in(tmp_path_factory.mktemp("g"), limits=LIMITS) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        gate.bearer = gate.token(hours=24)
        yield gate


@pytest.fixture
def gate(home):
    """Running, and well before and after."""
    if home.process is None:
        home.start()
    home.stderr.write_text("")
    yield home
    home.disk()
    if home.process is None:
        home.start()
    assert told(home.branch(f"after-{time.monotonic_ns()}", token=home.bearer)) == ("served", "")
    assert "Traceback" not in home.stderr.read_text()


class Flights:
    """Calls under way, each in a thread of its own."""

    def __init__(self, gate: BentGate, names: list[str]) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(len(names))
        self._flying = {name: self._pool.submit(gate.branch, name, token=gate.bearer) for name in names}

    def landed(self) -> dict[str, dict]:
        found = {name: flight.result(60) for name, flight in self._flying.items()}
        self._pool.shutdown()
        return found


def aloft(gate, effects, *names: str) -> Flights:
    """All of them have reached the target."""
    flights = Flights(gate, list(names))
    gate.until(lambda: {one["branch"] for one in effects.seen()} >= set(names))
    return flights


def check_every_life(gate: BentGate, answers: list[dict]) -> None:
    """What was answered is recorded, and every permission has exactly one end."""
    kinds: dict[str, list[str]] = {}
    for event in gate.events():
        if event["call"]:
            kinds.setdefault(event["call"], []).append(event["event"]["data"]["body"]["kind"])
    held = {call for call, life in kinds.items() if "asked" in life}
    for answer in answers:
        wanted = {"served": "finished", "unknown": "unknown"}[told(answer)[0]]
        assert kinds[call_of(answer)] == ["decided", wanted]
    for call, life in kinds.items():
        assert life.count("finished") + life.count("unknown") == (call not in held), (call, life)
    assert gate.verify()["ok"]


@pytest.mark.parametrize("signals", [1, 2])
def test_a_stop_with_64_in_flight_loses_nothing_and_ends_in_time(gate, effects, signals):
    """Two of them never end. The second signal waits for nobody."""
    go = Path(f"{effects.records}.go")
    go.unlink(missing_ok=True)
    kind = "gated" if signals == 1 else "never"
    names = [f"{'never' if i < SILENT else kind}-{signals}-{i}" for i in range(IN_FLIGHT)]
    flights = aloft(gate, effects, *names)
    began = time.monotonic()
    gate.process.send_signal(signal.SIGTERM)
    gate.until(lambda: gate.health()[1]["draining"] == "fail")
    late = gate.branch("late", token=gate.bearer)
    assert (told(late)[0], late["structuredContent"]["codes"]) == ("failed", ["closing"])
    if signals == 1:
        go.touch()
    else:
        gate.process.send_signal(signal.SIGTERM)
    answers = flights.landed()
    assert gate.process.wait(ENDS_S) == 0
    assert time.monotonic() - began < ENDS_S
    gate.kill()
    lost = {name for name, answer in answers.items() if told(answer)[0] == "unknown"}
    assert lost == {name for name in names if name.startswith("never")}
    assert "late" not in {one["branch"] for one in effects.seen()}
    gate.start()
    check_every_life(gate, list(answers.values()))
    assert gate.doubts() >= {call_of(answers[name]) for name in lost}
    started = gate.events(kind="gate_started")[-1]
    assert started["event"]["data"]["body"]["recovered_unknown"] == 0, "all ends were recorded before the process ended"


def test_whoever_waits_for_people_is_answered_when_the_gate_stops(gate):
    held = gate.call("git_commit", {"repo_path": "/srv/app", "message": "Wait"}, token=gate.bearer).facts
    found = []
    waiting = threading.Thread(
        target=lambda: found.append(gate.await_approval(held["approval_id"], token=gate.bearer, wait=45).facts)
    )
    waiting.start()
    gate.until(lambda: requests_under_way(gate) >= 1)
    began = time.monotonic()
    assert gate.stop() == 0
    waiting.join(20)
    assert time.monotonic() - began < 20
    assert found[0]["status"] == "pending_approval"
    gate.start()
    assert gate.deny(held["approval_id"])["state"] == "denied", "it still waits after the restart"


def test_standing_streams_end_whole_with_the_gate(gate):
    links = [RawClient(gate, era).listen() for era in (MODERN, HANDSHAKE)]
    streams = [link.getresponse() for link in links]
    assert [stream.status for stream in streams] == [200, 200]
    began = time.monotonic()
    assert gate.stop() == 0
    assert time.monotonic() - began < ENDS_S
    assert b'"resultType":"complete"' in streams[0].read(), "an IncompleteRead would be a stream that was cut"
    streams[1].read()
    for link in links:
        link.close()


def requests_under_way(gate: BentGate) -> int:
    text = gate.api.get("metrics").decode()
    return next(
        int(float(line.split()[1]))
        for line in text.splitlines()
        if line.startswith("callgate_http_requests_in_flight ")
    )


def resident_kib(gate: BentGate) -> int:
    status = Path(f"/proc/{gate.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def descriptors(gate: BentGate) -> int:
    return len(os.listdir(f"/proc/{gate.process.pid}/fd"))


def quick(gate: BentGate) -> float:
    began = time.monotonic()
    assert told(gate.branch(f"quick-{time.monotonic_ns()}", token=gate.bearer)) == ("served", "")
    return time.monotonic() - began


def test_2000_idle_sessions_cost_the_gate_nothing_that_grows(gate):
    """A session is sealed into its own id: neither memory nor descriptors are kept for it."""
    link = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=20)
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    headers["Authorization"] = f"Bearer {gate.bearer}"
    sessions = set()

    def open_one(number: int) -> None:
        message = {"jsonrpc": "2.0", "id": number, "method": "initialize", "params": hello}
        link.request("POST", "/mcp/git", json.dumps(message), headers)
        reply = link.getresponse()
        reply.read()
        assert reply.status == 200
        sessions.add(reply.getheader("mcp-session-id"))

    for number in range(100):
        open_one(number)
    memory, files = resident_kib(gate), descriptors(gate)
    for number in range(100, 2_000):
        open_one(number)
    assert len(sessions) == 2_000
    assert resident_kib(gate) - memory < 4_000, "KiB, under 2 KiB each"
    assert descriptors(gate) - files < 10
    assert quick(gate) < 5
    link.close()


def test_2000_open_connections_are_bounded_and_newcomers_are_served(gate):
    """At most 512 here (half of what the limit of descriptors allows): idle ones make room, and the store, the targets
    and the local API keep what they need.
    """
    memory, files = resident_kib(gate), descriptors(gate)
    with contextlib.ExitStack() as links:
        for _ in range(2_000):
            links.enter_context(socket.create_connection(("127.0.0.1", gate.port), timeout=20))
        assert quick(gate) < 5
        assert gate.health()[0] == 200
        gate.until(lambda: descriptors(gate) - files < 600)
        assert resident_kib(gate) - memory < 20_000, "KiB, under 10 KiB each"
        assert gate.get("status")["doubts"] is not None
    gate.until(lambda: descriptors(gate) - files < 20)


def served_with(gate: BentGate, **streams: object) -> subprocess.Popen:
    """The gate started by hand, its standard streams as given."""
    if gate.process is not None:
        assert gate.stop() == 0
    words = [*gate.program, "serve"]
    gate.process = subprocess.Popen(words, env=gate.environment, cwd=gate.folder, start_new_session=True, **streams)
    gate.until(lambda: answers(gate))
    return gate.process


def answers(gate: BentGate) -> bool:
    try:
        return gate.health()[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def nobody_reads() -> int:
    ours, theirs = os.pipe()
    os.close(ours)
    return theirs


def full_pipe() -> tuple[int, int]:
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(theirs, bytes(4096))
    os.set_blocking(theirs, True)
    return ours, theirs


def close_stderr() -> None:
    os.close(2)


@pytest.mark.parametrize("target", ["stalled", "gone", "closed"])
def test_no_call_waits_for_a_log_and_none_is_refused_without_one(gate, target):
    """Stalled: a pipe that is full. Gone: nobody reads it (EPIPE). Closed: there is no standard error at all."""
    ours, theirs = full_pipe() if target == "stalled" else (-1, nobody_reads())
    more = {"preexec_fn": close_stderr} if target == "closed" else {"stderr": theirs}
    process = served_with(gate, stdout=subprocess.DEVNULL, **more)
    os.close(theirs)
    gate.disk("fail COMMIT ledger.db")
    for number in range(5):
        assert gate.branch(f"unlogged-{target}-{number}", token=gate.bearer, timeout=20)["isError"]
    gate.disk()
    assert told(gate.branch(f"logged-{target}", token=gate.bearer, timeout=20)) == ("served", "")
    process.send_signal(signal.SIGTERM)
    assert process.wait(ENDS_S) == 0
    if ours >= 0:
        os.close(ours)
    gate.kill()


def test_a_gate_whose_output_nobody_reads_serves(gate):
    theirs = nobody_reads()
    process = served_with(gate, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    assert told(gate.branch("unread", token=gate.bearer)) == ("served", "")
    process.send_signal(signal.SIGTERM)
    assert process.wait(ENDS_S) == 0
    gate.kill()


def test_keys_that_go_while_it_runs_are_told_and_stop_nothing(gate):
    """They are in memory; a gate that started now would not."""
    keys = sorted((gate.home / "keys").rglob("*.key"))
    gate.until(lambda: gate.health()[1]["keys"] == "ok")
    for key in keys:
        key.rename(key.with_suffix(".away"))
    try:
        gate.until(lambda: gate.health()[1]["keys"] == "fail")
        assert told(gate.branch("keyless", token=gate.bearer)) == ("served", "")
        assert gate.stop() == 0
        refused = gate.command("serve")
        assert refused.returncode == 2
        assert "backup" in refused.stderr
    finally:
        for key in keys:
            key.with_suffix(".away").rename(key)


def test_a_policy_broken_on_disk_changes_nothing_until_somebody_proposes_it(gate):
    rules = gate.home / "policies" / "rules.toml"
    good = rules.read_text()
    try:
        rules.write_text("broken")
        assert told(gate.branch("broken-rules", token=gate.bearer)) == ("served", "")
        assert gate.get("status")["pending_files"]
        proposed = gate.command("policy", "propose", "--passphrase-fd", "0", stdin=PASSPHRASE)
        assert proposed.returncode != 0
        assert "rules.toml" in proposed.stderr
        assert gate.stop() == 0
        gate.start()
        assert gate.health()[1]["policy"] == "ok"
        assert told(gate.branch("broken-rules-2", token=gate.bearer)) == ("served", "")
    finally:
        rules.write_text(good)


def test_a_first_policy_that_is_broken_is_refused_by_init(tmp_path):
    gate = BentGate(tmp_path)
    gate.files["rules.toml"] = "broken"
    with pytest.raises(AssertionError, match=r"rules\.toml"):
        gate.init()
    assert gate.command("serve").returncode == 2


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))


def test_a_start_on_a_full_disk_is_refused_in_one_line(gate):
    assert gate.stop() == 0
    words = [*gate.program, "serve"]
    done = subprocess.run(
        words,
        check=False,
        env=gate.environment,
        cwd=gate.folder,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=no_room,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("callgate: ")


def read_only(gate: BentGate) -> subprocess.Popen:
    """Started where the home cannot be written: as root in a mount namespace, else by its modes."""
    place = str(gate.home)
    script = f'mount --bind "{place}" "{place}" && mount -o remount,ro,bind "{place}" && exec "$@"'
    words = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", *gate.program, "serve"]
    return subprocess.Popen(
        words,
        env=gate.environment,
        cwd=gate.folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_home_that_cannot_be_written_is_refused_in_one_line(gate):
    assert gate.stop() == 0
    if os.getuid() == 0:
        if shutil.which("unshare") is None:
            pytest.skip("there is no unshare")
        probe = ["unshare", "-m", "--propagation", "private", "mount", "--bind", "/tmp", "/tmp"]
        if subprocess.run(probe, capture_output=True, check=False).returncode:
            pytest.skip("this root cannot mount")
        process = read_only(gate)
        said = process.communicate(timeout=40)[1]
    else:
        modes = {path: path.stat().st_mode for path in (gate.home, *gate.home.rglob("*"))}
        for path in modes:
            path.chmod(0o500 if path.is_dir() else 0o400)
        try:
            process = gate.command("serve")
            said = process.stderr
        finally:
            for path, mode in modes.items():
                path.chmod(mode)
    assert process.returncode == 2
    assert len(said.strip().splitlines()) == 1, said
    assert said.startswith("callgate: ")
