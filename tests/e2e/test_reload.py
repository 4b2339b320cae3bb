"""Settings of a running gate: all of them change, or none and the reason."""

import contextlib
import http.client
import json
import os
import signal
import sqlite3
import threading

import pytest

from tests.e2e.harness import Gate, effects_in, free_port, gate_in
from tests.waiting import until

pytestmark = pytest.mark.e2e
WAIT_S = 20.0
SMALL = {"repo_path": "/srv/app"}
LARGE = {"repo_path": f"/srv/{'x' * 4096}"}
GATED = {"repo_path": "/srv/app", "branch_name": "gated-1"}


@pytest.fixture(autouse=True, scope="module")
def heard_hangups():
    """Under ``nohup`` a gate would inherit that hang-ups are ignored, and heed it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def effects(tmp_path):
    with effects_in(tmp_path) as effects:
        yield effects


@pytest.fixture
def gate(tmp_path, effects):
    def fixed_url(gate: Gate) -> None:
        gate.config = f'base_url = "http://127.0.0.1:{gate.port}"\n'

    with gate_in(tmp_path, prepare=fixed_url) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        yield gate


def edit(gate, old, new):
    path = gate.home / "config.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def reload(gate):
    return gate.command("reload")


def listens(port):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("GET", "/.well-known/jwks.json")
        return link.getresponse().status in (200, 404)
    except OSError:
        return False
    finally:
        link.close()


def status(gate):
    return gate.get("status")["config"]


def test_limits_and_addresses_change_and_the_ledger_names_the_keys(gate):
    before = status(gate)
    token = gate.token()
    other = free_port()
    former = gate.port
    edit(gate, f"port = {former}", f"port = {other}\n[limits]\nbody_bytes = 2048")
    assert status(gate)["state"] == "differs" and status(gate)["keys"] == ["limits.body_bytes", "listen.port"]
    done = reload(gate)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Changed: limits.body_bytes, listen.port. Listening on 127.0.0.1:{other}\n"
    assert status(gate)["state"] == "live" and status(gate)["digest"] != before["digest"]
    assert listens(other) and not listens(former)
    gate.port = other
    here = {"Host": f"127.0.0.1:{former}"}  # the gate's URL is the same as before, so is what tokens are for
    assert gate.call("git_status", SMALL, token=token, headers=here).status == 200
    assert gate.call("git_status", LARGE, token=token, headers=here).status == 413
    (event,) = gate.events(kind="config_reloaded")
    body = event["event"]["data"]["body"]
    assert body["keys"] == ["limits.body_bytes", "listen.port"] and body["by"] == "command"
    (started,) = gate.events(kind="gate_started")
    assert started["event"]["data"]["body"]["config"] == before["digest"]
    assert (body["before"], body["after"]) == (before["digest"], status(gate)["digest"])
    # Digests hold any five figures now and then.
    assert str(other) not in json.dumps(
        {name: value for name, value in body.items() if name not in ("before", "after")}
    )
    assert gate.verify()["ok"]


def test_calls_under_way_are_not_disturbed_by_a_new_address(gate, effects):
    token = gate.token()
    answers = []
    caller = threading.Thread(target=lambda: answers.append(gate.call("git_create_branch", GATED, token=token)))
    caller.start()
    until(effects.seen)
    former = gate.port
    edit(gate, f"port = {former}", f"port = {free_port()}")
    assert reload(gate).returncode == 0
    assert not listens(former)
    assert not answers
    effects.records.with_name(f"{effects.records.name}.go").touch()
    caller.join(WAIT_S)
    assert answers[0].status == 200 and not answers[0].result.get("isError"), answers[0].body


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[listen]", "[listen]\nhots = 1", ("listen.hots", "There is no such key", "Allowed: host, port")),
        ("[listen]", "[limits]\ncalls = 0\n[listen]", ("limits.calls", ">= 1")),
        ("[listen]", 'tenants = ["main", "other"]\n[listen]', ("tenants", "cannot change while the gate runs")),
        ("[listen]", '[local]\npeers = [1]\npath = "/tmp/x.sock"\n[listen]', ("local.", "Restart the gate")),
        ("base_url", "[limits]\ncalls = 5\n#", ("listen", "TOML")),
        ("http://127.0.0.1", "http://localhost", ("base_url", "cannot change while the gate runs")),
    ],
)
def test_whatever_is_wrong_nothing_changes(gate, old, new, words):
    before = status(gate)
    if words == ("listen", "TOML"):
        old, new, words = "[listen]", "[listen", ("config.toml",)
    edit(gate, old, f"{new}")
    edit(gate, "port", "# a comment\nport")
    done = reload(gate)
    assert done.returncode != 0 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and str(gate.home / "config.toml") in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    after = status(gate)
    assert after["digest"] == before["digest"] and after["state"] in ("differs", "unusable") and after["problem"]
    assert listens(gate.port) and gate.events(kind="config_reloaded") == []


def test_a_new_address_that_is_taken_changes_no_limit_either(gate, effects):
    edit(gate, f"port = {gate.port}", f"port = {effects.port}\n[limits]\nbody_bytes = 2048")
    done = reload(gate)
    assert done.returncode != 0 and "listens on" in done.stderr and "Nothing was changed" in done.stderr
    assert gate.call("git_status", LARGE, token=gate.token()).status == 200
    assert gate.events(kind="config_reloaded") == []


def test_without_a_fixed_url_the_address_is_the_urls(tmp_path):
    with gate_in(tmp_path) as gate:
        edit(gate, f"port = {gate.port}", f"port = {free_port()}")
        done = reload(gate)
        assert done.returncode != 0 and f'Set base_url = "http://127.0.0.1:{gate.port}"' in done.stderr
        assert listens(gate.port)


def test_a_hangup_reloads_a_gate_without_a_terminal(gate):
    edit(gate, "[listen]", "[limits]\nbody_bytes = 2048\n[listen]")
    os.kill(gate.process.pid, signal.SIGHUP)
    until(lambda: gate.events(kind="config_reloaded"))
    assert gate.events(kind="config_reloaded")[0]["event"]["data"]["body"]["by"] == "signal"
    assert gate.call("git_status", LARGE, token=gate.token()).status == 413
    edit(gate, "body_bytes = 2048", "body_bytes = 1")
    os.kill(gate.process.pid, signal.SIGHUP)
    until(lambda: "config_not_reloaded" in gate.stderr.read_text())
    assert "limits.body_bytes" in gate.stderr.read_text()
    assert gate.process.poll() is None and status(gate)["state"] == "unusable"


def test_only_comments_changed_is_no_event(gate):
    edit(gate, "[listen]", "# said\n[listen]")
    assert status(gate)["state"] == "differs" and status(gate)["keys"] == []
    assert reload(gate).stdout == "No setting changed.\n"
    assert status(gate)["state"] == "live" and gate.events(kind="config_reloaded") == []


def test_what_cannot_be_recorded_does_not_change(gate):
    former = gate.port
    edit(gate, f"port = {former}", f"port = {free_port()}\n[limits]\nbody_bytes = 2048")
    with contextlib.closing(sqlite3.connect(gate.home / "data/main/ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = reload(gate)
        other.execute("ROLLBACK")
    assert done.returncode == 2, done
    assert "store" in done.stderr
    assert listens(former)
    assert gate.events(kind="config_reloaded") == []
    assert gate.call("git_status", LARGE, token=gate.token()).status == 200
    assert reload(gate).returncode == 0
    assert len(gate.events(kind="config_reloaded")) == 1
