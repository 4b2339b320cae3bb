"""What operators see of a real gate: health pages, metrics on a listener of its own, one line per call, the drain."""

import http.client
import json
import socket
import threading

import pytest

from tests.e2e.harness import STOP_S, effects_in, free_port, gate_in
from tests.figures import figures, total
from tests.waiting import until

pytestmark = [pytest.mark.e2e]
REPOSITORY = "/srv/app"


def ask(port, path, host=None, method="GET"):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        link.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
        reply = link.getresponse()
        return reply.status, reply.read()
    finally:
        link.close()


def states(port):
    status, body = ask(port, "/readyz")
    return status, {one["name"]: one["state"] for one in json.loads(body)["checks"]}


def test_a_gate_is_watched_from_start_to_stop(tmp_path):
    metrics = free_port()

    def prepare(gate):
        gate.config = f'[metrics]\nlisten = "127.0.0.1:{metrics}"\n[log]\nformat = "json"\ncalls = true\n'

    with effects_in(tmp_path) as effects, gate_in(tmp_path, prepare=prepare) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        token = gate.token()
        assert ask(gate.port, "/livez") == (200, b'{"status":"alive"}')
        assert ask(gate.port, "/livez", method="HEAD") == (200, b"")
        assert ask(gate.port, "/readyz", host="evil.example")[0] == 421
        assert ask(gate.port, "/metrics")[0] == 404, "not on the port that others reach"
        assert ask(metrics, "/metrics", host="evil.example")[0] == 421
        status, found = states(gate.port)
        assert (status, set(found.values())) == (200, {"ok"}), found

        before = figures(ask(metrics, "/metrics")[1].decode())
        for _ in range(3):
            gate.call("git_status", {"repo_path": REPOSITORY}, token=token)
        gate.call("git_commit", {"repo_path": REPOSITORY, "message": "m"}, token=token)
        assert gate.call("git_status", {"repo_path": REPOSITORY}, token="x.y.z").status == 401
        after = figures(ask(metrics, "/metrics")[1].decode())
        assert total(after, "callgate_calls_total", integration="git", answer="served") == 3
        assert total(after, "callgate_calls_total", effect="hold", answer="pending") == 1
        assert total(after, "callgate_executions_total", outcome="ok") == 3
        assert total(after, "callgate_call_step_seconds_count", step="auth") == 4
        assert total(after, "callgate_call_step_seconds_count", step="upstream") == 3
        assert 0 < total(after, "callgate_call_step_seconds_sum", step="upstream") < 30
        assert total(after, "callgate_http_requests_refused_total", status="401") == 1
        assert total(after, "callgate_tokens_refused_total") == 1
        assert total(after, "callgate_holds_waiting") >= 1
        assert total(after, "callgate_upstream_state", integration="git", state="ready") == 1
        assert total(after, "callgate_ledger_events") > total(before, "callgate_ledger_events")
        assert total(after, "callgate_ledger_bytes") > 10_000
        assert total(after, "callgate_ledger_batch_units_count") >= 7
        assert total(after, "callgate_build_info") == 1
        assert total(after, "process_resident_memory_bytes") > 1 << 20

        _keys_go_and_come_back(gate)
        _drains(gate, effects, token, metrics)
        _one_line_per_call(gate, token)


def _keys_go_and_come_back(gate):
    key = next((gate.home / "keys").rglob("kek.key"))
    away = key.with_name("away")
    key.rename(away)
    until(lambda: states(gate.port)[0] == 503)
    assert states(gate.port)[1]["keys"] == "fail"
    away.rename(key)
    until(lambda: states(gate.port)[0] == 200)


def _drains(gate, effects, token, metrics):
    answers = []
    arguments = {"repo_path": REPOSITORY, "branch_name": "gated-1"}
    caller = threading.Thread(target=lambda: answers.append(gate.call("git_create_branch", arguments, token=token)))
    caller.start()
    until(lambda: any(one.get("branch") == "gated-1" for one in effects.seen()))
    process = gate.process
    process.terminate()
    for port in (gate.port, metrics):
        until(lambda port=port: states(port)[0] == 503)
        assert states(port)[1]["draining"] == "fail"
        assert ask(port, "/livez")[0] == 200
    told = gate.call("git_status", {"repo_path": REPOSITORY}, token=token)
    assert told.facts["codes"] == ["closing"]
    (effects.records.parent / f"{effects.records.name}.go").touch()
    caller.join(20)
    assert answers[0].result["isError"] is False
    assert process.wait(STOP_S) == 0
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", metrics), timeout=2):
        pass


def _one_line_per_call(gate, token):
    text = gate.stderr.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    told = [line for line in lines if line["logger"] == "callgate.calls"]
    assert len(told) == 5
    served = [line for line in told if line["answer"] == "served" and line["tier"] == "read"]
    assert len(served) == 3
    assert all(line["call"].startswith("call-") and line["decision"].startswith("ev-") for line in served)
    assert all(line["upstream_us"] > 0 and line["whole_us"] >= line["upstream_us"] for line in served)
    assert {line["level"] for line in told} == {"info"}
    for word in (token, "gated-1", REPOSITORY, "ana", "codex"):
        assert word not in "".join(json.dumps(line) for line in told)


def test_without_settings_there_is_no_listener_and_no_line(tmp_path):
    with effects_in(tmp_path) as effects, gate_in(tmp_path) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        gate.call("git_status", {"repo_path": REPOSITORY}, token=gate.token())
        assert "whole_us" not in gate.stderr.read_text()
        assert gate.stop() == 0


def test_a_metrics_address_that_is_taken_stops_the_start(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as link:
        taken = link.getsockname()[1]

        def prepare(gate):
            gate.config = f'[metrics]\nlisten = "127.0.0.1:{taken}"\n'

        with gate_in(tmp_path, prepare=prepare, begin=False) as gate:
            done = gate.command("serve")
            assert done.returncode == 2
            assert "metrics.listen" in done.stderr


def test_a_store_whose_files_go_is_not_ready_and_says_what_to_do(tmp_path):
    with effects_in(tmp_path) as effects, gate_in(tmp_path) as gate:
        gate.add("git", url=effects.url, allow_private=True)
        token = gate.token()
        assert states(gate.port)[0] == 200
        ledger = next((gate.home / "data").rglob("ledger.db"))
        ledger.rename(ledger.with_name("away.db"))
        refused = gate.call("git_status", {"repo_path": REPOSITORY}, token=token)
        assert refused.result["isError"] is True
        until(lambda: states(gate.port)[0] == 503)
        status, body = ask(gate.port, "/readyz")
        told = json.loads(body)
        assert told["status"] == "not_ready"
        broken = [one for one in told["checks"] if one["state"] == "fail"]
        assert broken and all(one["todo"] for one in broken)
        assert str(tmp_path) not in body.decode(), "no path of the machine"
        text = gate.command("metrics").stdout
        assert total(figures(text), "callgate_ledger_writable", tenant="main") == 0
        assert total(figures(text), "callgate_store_errors_total") >= 1
        assert ask(gate.port, "/livez")[0] == 200
        lines = gate.stderr.read_text()
        assert "call_refused" in lines or "outcome_not_recorded" in lines
