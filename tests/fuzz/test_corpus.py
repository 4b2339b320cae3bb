"""Every kept input of fuzzing, played again: seeds, and whatever once found something."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_kept_inputs(name: str) -> None:
    target, kept = TARGETS[name], sorted((CORPUS / name).iterdir())
    assert kept
    for path in kept:
        data = path.read_bytes()
        try:
            target(data)
            target(data[: len(data) // 2])
        except AssertionError as fault:
            fault.add_note(str(path))
            raise
