"""Two people, two operating-system users: what is another person's to answer needs another person."""

import json
import os
import select
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callgate.cli import client as command_client
from callgate.cli.outcome import CommandError
from callgate.cli.people import Person
from tests.e2e.harness import PASSPHRASE, Gate, effects_in, gate_in

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two operating-system users"),
]
BEN = 54_321
STRANGER = 54_322
BENS = "a passphrase of ben"


@pytest.fixture(scope="module")
def shared():
    """A folder that other users can reach; those of pytest are one user's alone."""
    with tempfile.TemporaryDirectory(prefix="callgate-team-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def gate(shared):
    def team(gate: Gate) -> None:
        gate.config = f'[local]\npeers = [{BEN}]\npath = "{shared}/gate.sock"\n'
        del gate.files["cases/execute.toml"]  # cases of the starter rules, which these are not
        rules = gate.files["rules.toml"].replace('ask = "meant"', 'ask = "acceptable"')
        gate.files["rules.toml"] = rules.replace('security = ["ana"]', 'security = ["ana", "ben"]')

    with effects_in(shared) as effects, gate_in(shared, begin=False, profile="team", prepare=team) as gate:
        gate.start()
        gate.act("accounts", act={"subject": "ben", "passphrase": BENS, "team": "home"})
        gate.add("git", url=effects.url, allow_private=True)
        gate.effects = effects
        yield gate
        assert gate.stop() == 0


def as_user(uid: int, work: Callable[[], Any]) -> Any:
    """What ``work`` returns, done by a process of another operating-system user."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            try:
                said: Any = work()
            except (CommandError, OSError) as fault:
                said = {"fault": f"{type(fault).__name__}: {fault}"}
            os.write(write, json.dumps(said).encode())
        finally:
            os._exit(0)
    os.close(write)
    data = b""
    try:
        while select.select([read], [], [], 30)[0] and (part := os.read(read, 65_536)):
            data += part
    finally:
        os.close(read)
        os.waitpid(child, 0)
    return json.loads(data)


def socket_of(gate: Gate, path: Path) -> command_client.Gate:
    made = command_client.Gate(gate.home)
    made._socket = path
    return made


def approving(gate: Gate, path: Path, hold: str, account: str, passphrase: str) -> Callable[[], Any]:
    def work() -> Any:
        api = socket_of(gate, path)
        shown = json.loads(api.get("holds", hold))
        return json.loads(
            api.act("holds", hold, "approve", by=Person(account, passphrase), act={"digest": shown["digest"]})
        )

    return work


def held(gate: Gate, token: str, message: str) -> str:
    arguments = {"repo_path": "/srv/app", "message": message}
    answer = gate.call("git_commit", arguments, token=token)
    assert answer.facts["status"] == "pending_approval", answer.facts
    return answer.facts["approval_id"]


def committed(gate: Gate) -> list[str]:
    return [effect["message"] for effect in gate.effects.seen() if effect["tool"] == "git_commit"]


def test_a_second_person_from_a_second_user_answers(gate, shared):
    token = gate.token()
    hold = held(gate, token, "for two")
    path = shared / "gate.sock"

    alone = as_user(BEN, approving(gate, path, hold, "ana", PASSPHRASE))
    assert "fault" in alone, "the one who asked cannot answer, wherever she sits"
    same = as_user(0, approving(gate, gate.home / "run" / "gate.sock", hold, "ben", BENS))
    assert "second person" in same["fault"], "the gate's own user never counts as a second person"
    same = as_user(0, approving(gate, path, hold, "ben", BENS))
    assert "second person" in same["fault"], "nor through the other socket"
    assert committed(gate) == []

    done = as_user(BEN, approving(gate, path, hold, "ben", BENS))
    assert done.get("alone") is False, done
    assert gate.await_approval(hold, token=token).text.startswith("Changes committed")
    assert committed(gate) == ["for two"]
    (vote,) = gate.events(kind="voted")
    assert vote["event"]["data"]["same_host"] is False
    assert vote["event"]["data"]["body"]["alone"] is False


def test_strangers_and_wrong_passphrases_stay_outside(gate, shared):
    token = gate.token()
    hold = held(gate, token, "for nobody")
    path = shared / "gate.sock"
    stranger = as_user(STRANGER, approving(gate, path, hold, "ben", BENS))
    assert "fault" in stranger
    wrong = as_user(BEN, approving(gate, path, hold, "ben", "not his passphrase"))
    assert "passphrase" in wrong["fault"]
    out = gate.home / "made-for-ben"
    written = as_user(BEN, lambda: socket_of(gate, path).post("ledger", "export", body={"folder": str(out)}).decode())
    assert "own operating-system user" in written["fault"], "nobody else has the gate's user write files"
    assert not out.exists()
    keys = as_user(BEN, lambda: [path.name for path in gate.home.iterdir()])
    assert "PermissionError" in keys["fault"]
    home = as_user(BEN, approving(gate, gate.home / "run" / "gate.sock", hold, "ben", BENS))
    assert "fault" in home
    assert "for nobody" not in committed(gate)


def test_policy_changes_need_the_second_person_too(gate, shared):
    rules = gate.home / "policies" / "rules.toml"
    rules.write_text(rules.read_text().replace("initiator = 600", "initiator = 601"))
    proposed = gate.act("policy", "propose", act={})
    assert proposed["who"] == ["ben"]

    def approve(account: str, passphrase: str) -> Callable[[], Any]:
        def work() -> Any:
            api = socket_of(gate, shared / "gate.sock")
            act = {"digest": proposed["digest"]}
            return json.loads(api.act("policy", "approve", by=Person(account, passphrase), act=act))

        return work

    assert "fault" in as_user(BEN, approve("ana", PASSPHRASE))
    assert "fault" in as_user(0, approve("ben", BENS))
    assert gate.get("policy")["digest"] != proposed["digest"]
    assert as_user(BEN, approve("ben", BENS))["state"] == "approved"
    assert gate.get("policy")["digest"] == proposed["digest"]
