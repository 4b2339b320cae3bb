"""What several tests of the core stand on."""

from pathlib import Path

import pytest

from tests.fakes.ledger import LEDGER_SIZE, LedgerInMemory


@pytest.fixture(scope="module")
def ledger() -> LedgerInMemory:
    return LedgerInMemory(LEDGER_SIZE)


@pytest.fixture
def export(ledger: LedgerInMemory, tmp_path: Path) -> Path:
    return ledger.export(tmp_path / "export")
