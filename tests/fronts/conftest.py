"""What several tests of the fronts stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.local_gate import local_gate
from tests.fronts.cli_help import FakeGate


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGate]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("CALLGATE_HOME", raising=False)
    with local_gate(tmp_path) as admin:
        yield FakeGate(tmp_path, admin)
