"""What the ledger holds and whether it verifies, by the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fronts.cli_help import FakeGate


def test_verify_names_the_first_bad_event(gate: FakeGate, tmp_path: Path) -> None:
    gate.admin.verify_ok = False
    result = gate.run("ledger", "verify")
    assert (result.exit_code, result.stdout) == (
        1,
        "The ledger does not verify: event 1 (ev-1): The event was changed.\n",
    )
    gate.admin.verify_ok = True
    note = tmp_path / "note.txt"
    note.write_text("callgate/main\n")
    assert "a checkpoint of size 2" in gate.run("ledger", "verify", "--checkpoint", note).stdout
    assert gate.run("ledger", "verify", "--checkpoint", tmp_path / "none").exit_code == 2


def test_verify_that_breaks_off_is_no_yes(gate: FakeGate) -> None:
    gate.admin.verify_fault = ValueError("x")
    assert gate.run("ledger", "verify").exit_code == 2


def test_ledger_files(gate: FakeGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "note.txt"
    assert gate.run("ledger", "checkpoint", "--out", note).exit_code == 0
    assert note.read_text() == gate.run("ledger", "checkpoint").stdout
    assert json.loads(gate.run("ledger", "proof", "ev-1").stdout)["event"] == "ev-1"
    assert gate.run("ledger", "proof", "ev-1", "--out", tmp_path / "no" / "x").exit_code == 2
    monkeypatch.chdir(tmp_path)
    assert gate.run("ledger", "export", "out").exit_code == 0
    assert gate.admin.acts == [("export_ledger", str(tmp_path / "out"))]


def test_events(gate: FakeGate) -> None:
    assert [line.split()[3] for line in gate.run("events").stdout.splitlines()] == ["decided", "asked"]
    assert "no such event" in gate.run("events", "--kind", "voted").stdout
    assert gate.run("events", "--since", "2h", "--limit", "1").exit_code == 0
    assert gate.run("events", "--since", "yesterday").exit_code == 2


def test_following_events_is_one_line_each(gate: FakeGate, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    real = gate.admin.events
    monkeypatch.setattr(gate.admin, "events", lambda which: _stop(asked, which, real))
    result = gate.run("events", "--follow", "--json")
    assert [json.loads(line)["index"] for line in result.stdout.splitlines()] == [0, 1]
    assert asked == [(-1, 0), (1, 20_000), (1, 20_000)]


async def _stop(asked: list[tuple[int, int]], which: Any, real: Any) -> Any:
    asked.append((which.after, which.wait_ms))
    if len(asked) == 3:
        from callgate.model.errors import StoreError

        raise StoreError("The gate stops.")
    return await real(which)
