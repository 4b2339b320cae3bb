"""Strings planted in arguments, headers, tokens, passphrases, credentials and results are looked for everywhere after.

Allowed places, and no other: ``keys.db`` holds wrapped keys and sealed names, ``sealed`` rows of ``ledger.db`` hold
ciphertext; neither holds a planted string in clear, so the search leaves no file out. Credentials of upstreams stand
in the gate's environment, which is no file.
"""

import base64
import json
import os
import signal
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.harness import Gate, effects_in, gate_in
from tests.e2e.test_operators import until
from tests.e2e.test_traces import SERVER, collector

pytestmark = pytest.mark.e2e
WORD = "PLANTED"
CREDENTIAL = f"{WORD}-upstream-credential-7391"
PASSWORD = f"{WORD}-passphrase-5120"


def plant(name: str) -> str:
    return f"{WORD}-{name}-{abs(hash(name)) % 10_000}"


def disguises(secret: str) -> set[bytes]:
    """A secret as it could stand in a file."""
    plain = secret.encode()
    found = {plain, plain.hex().encode(), quote(secret).encode(), plain.decode().encode("utf-16-le")}
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + plain + b"x" * (3 - (shift + len(plain)) % 3))
        found.add(coded[4:-4])
    return found


def hunt(gate: Gate, secrets: set[str], *, without: tuple[str, ...] = ()) -> list[str]:
    """Files of the home, the state folder and the log that hold a secret in any disguise."""
    wanted = {secret: disguises(secret) for secret in secrets}
    found = []
    for path in sorted(gate.folder.rglob("*")):
        if not path.is_file() or path.name.startswith(without) or path.is_relative_to(gate.folder / "elsewhere"):
            continue
        data = path.read_bytes()
        found += [f"{path.name}: {secret}" for secret, forms in wanted.items() if any(form in data for form in forms)]
    return found


def act(gate: Gate, effects, token: str) -> tuple[set[str], list[bytes]]:
    """Calls of every kind of end; returns what was planted, and every answer that is not a result of the target."""
    secrets = {token, PASSWORD, CREDENTIAL}
    answers: list[bytes] = []

    def call(name: str, tool: str, arguments: dict, **more):
        secret = plant(name)
        secrets.add(secret)
        filled = json.loads(json.dumps({"repo_path": "/srv/app", **arguments}).replace("@", secret))
        headers = {"X-Secret": plant("header"), "Cookie": f"id={plant('cookie')}", "traceparent": plant("trace")}
        secrets.update(headers.values())
        return gate.call(tool, filled, token=token, headers=headers, meta={"callId": plant("meta")}, **more)

    call("target", "git_status", {"repo_path": "/srv/@"})
    call("served", "git_create_branch", {"branch_name": "@"})
    for kind in ("garbage", "ask", "huge"):
        answers.append(call(kind, "git_create_branch", {"branch_name": f"{kind}-@"}).body)
    pending = call("held", "git_commit", {"message": "@"})
    answers.append(pending.body)
    gate.approve(pending.facts["approval_id"], passphrase=PASSWORD)
    gate.await_approval(pending.facts["approval_id"], token=token)
    denied = call("denied", "git_commit", {"message": "@", "repo_path": "/srv/other"})
    gate.deny(denied.facts["approval_id"], passphrase=PASSWORD)
    answers.append(denied.body)
    answers.append(call("schema", "git_status", {"repo_path": {"deep": "@"}}).body)
    answers.append(call("undeclared", "git_status", {"@": "@"}).body)
    answers.append(call("unknown", "git_@", {}).body)
    answers.append(gate.send(f'{{"jsonrpc":"2.0","id":1,{plant("malformed")}'.encode(), token=token).body)
    answers.append(gate.send({"x": plant("shape")}, token=token).body)
    answers.append(gate.send(b"{}", token=plant("bad token")).body)
    answers.append(gate.send(b"{}", token=token, path=f"/mcp/{plant('path')}").body)
    with pytest.raises(Exception, match="wrong"):
        gate.act("tokens", act={"runtime": "codex"}, passphrase=plant("wrong passphrase"))
    secrets |= {plant(name) for name in ("malformed", "shape", "bad token", "path", "wrong passphrase", "meta")}
    died = call("died", "git_create_branch", {"branch_name": "die-@"})
    assert died.facts["status"] == "unknown", died.facts
    effects.stop()
    answers.append(call("nobody", "git_create_branch", {"branch_name": "@"}).body)
    effects.start()
    assert call("again", "git_status", {}).text
    return secrets, answers


def talkative(url: str):
    """Everything that a gate can say of its calls is on."""

    def prepare(gate: Gate) -> None:
        log = '[log]\nlevel = "debug"\nformat = "json"\ncalls = true\n'
        gate.config = f'{log}[telemetry]\notlp_endpoint = "{url}"\n'

    return prepare


def test_nothing_planted_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.e2e.harness.PASSPHRASE", PASSWORD)
    (tmp_path / "elsewhere").mkdir()
    with (
        collector() as (url, spans),
        effects_in(tmp_path / "elsewhere") as effects,
        gate_in(tmp_path, begin=False, prepare=talkative(url)) as gate,
    ):
        gate.start(UPSTREAM_CREDENTIAL=CREDENTIAL)
        integration = {"url": effects.url, "allow_private": True, "headers": {"X-Key": "env:UPSTREAM_CREDENTIAL"}}
        wanted = {"integration": {"name": "git", "actor": "robot", **integration}, "everyday": "none"}
        found = gate.act("integrations", "look", act=wanted, passphrase=PASSWORD)
        gate.act("integrations", act={**wanted, "digest": found["digest"]}, passphrase=PASSWORD)
        token = gate.act("tokens", act={"runtime": "codex"}, passphrase=PASSWORD)["token"]
        secrets, answers = act(gate, effects, token)
        for answer in answers:
            assert WORD.encode() not in answer, answer[:400]
        # A receipt says by name what was made (a commit, a branch): that is what it is for, and its names can be erased.
        events = [{**one, "summary": ""} if one["kind"] == "finished" else one for one in gate.events()]
        seen = json.dumps(events) + gate.api.get("status").decode() + gate.api.get("doctor").decode()
        seen += gate.api.get("metrics").decode() + gate.send(b"", method="GET", path="/readyz").body.decode()
        assert "callgate_calls_total" in seen
        assert WORD not in seen
        assert token not in seen
        until(lambda: sum(span.kind == SERVER for span in tuple(spans)) >= 10)
        # Running: what is in write-ahead logs counts too.
        assert hunt(gate, secrets) == []
        gate.process.send_signal(signal.SIGABRT)
        gate.process.wait(30)
        gate.kill()
        assert hunt(gate, secrets) == []
        gate.start()
        assert gate.verify()["ok"]
        assert gate.stop() == 0
        assert hunt(gate, secrets) == []
        assert '"answer":"served"' in gate.stderr.read_text(), "there was something to find them in"
        assert not {secret for secret in secrets if secret in str(spans)}
        assert not list(Path(tmp_path).rglob("core*"))


def test_the_hunt_finds_what_is_there(tmp_path):
    gate = Gate(tmp_path)
    secret = plant("planted")
    for number, form in enumerate(disguises(secret)):
        (tmp_path / f"f{number}").write_bytes(b"before " + form + b" after")
    assert len(hunt(gate, {secret})) == len(disguises(secret))
    coded = base64.b64encode(b"ab" + secret.encode() + b"cdef")
    (tmp_path / "coded").write_bytes(coded)
    assert any(name.startswith("coded") for name in hunt(gate, {secret}))


def test_every_file_of_the_home_is_its_owners_alone(tmp_path):
    with gate_in(tmp_path) as gate:
        gate.token()
        loose = [
            str(path)
            for path in (gate.home, *gate.home.rglob("*"))
            if not path.is_symlink() and path.stat().st_mode & 0o077 and not path.is_socket()
        ]
        assert loose == []
        assert os.stat(gate.home / "run" / "gate.sock").st_mode & 0o077 == 0
