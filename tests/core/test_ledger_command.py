"""The offline verifier as a command: exit codes, words, proofs, and files of any content."""

import json
from pathlib import Path

import pytest

from callgate.core.ledger.export import CHECKPOINTS, EVENTS, HEAD, TILES
from callgate.core.ledger.proof import proof_json, proof_text, prove_consistency, prove_inclusion
from callgate.offline.verify_ledger import main
from tests.core.test_ledger_verifier import signed, spoil
from tests.fakes.ledger import (
    ORIGIN,
    VKEY,
    LedgerInMemory,
    edited,
    note,
)


def run(capsys, *arguments: object) -> tuple[int, str]:
    code = main([str(item) for item in arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_exit_codes_and_words(capsys, export: Path, ledger: LedgerInMemory, tmp_path: Path) -> None:
    kept = tmp_path / "kept.note"
    kept.write_text(ledger.checkpoints[600])
    code, out = run(capsys, export, "--key", VKEY)
    assert code == 0
    assert "internal consistency only" in out
    code, out = run(capsys, export, "--key", export / "verifier.key", "--checkpoint", kept, "--json")
    assert code == 0
    assert json.loads(out)["consistency"].startswith("consistent with")
    spoil(export, EVENTS, lambda lines: [*lines[:444], edited(lines[444]), *lines[445:]])
    code, out = run(capsys, export, "--key", VKEY)
    assert code == 1
    assert f"BAD: event 444 ev-{444:026d}: the event is not the one that was sealed" in out
    code, out = run(capsys, export, "--json")
    assert code == 1
    assert json.loads(out)["first"]["index"] == 444
    assert run(capsys, tmp_path / "nowhere")[0] == 2
    assert run(capsys)[0] == 2
    assert run(capsys, export, "--key", "a+b+c")[0] == 2
    assert run(capsys, export, "--key", "\udcff+00000000+AQ==")[0] == 2
    assert run(capsys, export, "--checkpoint", tmp_path / "none")[0] == 2


@pytest.mark.parametrize("form", [proof_text, lambda proof: proof_json(proof).decode()])
def test_proofs_on_the_command_line(capsys, ledger: LedgerInMemory, tmp_path: Path, form) -> None:
    read, file, kept = ledger.reader().read, tmp_path / "proof", tmp_path / "kept.note"
    kept.write_text(ledger.checkpoints[300])
    inclusion = prove_inclusion(ledger.events[123], 123, ledger.checkpoints[600], read)
    consistency = prove_consistency(ledger.checkpoints[300], ledger.checkpoints[700], read)
    file.write_text(form(inclusion))
    code, out = run(capsys, "--proof", file, "--key", VKEY)
    assert code == 0
    assert "leaf 123" in out
    file.write_text(form(prove_inclusion(ledger.events[124], 123, ledger.checkpoints[600], read)))
    assert run(capsys, "--proof", file, "--key", VKEY)[0] == 1
    file.write_text(form(consistency))
    assert run(capsys, "--proof", file, "--key", VKEY, "--checkpoint", kept, "--json")[0] == 0
    kept.write_text(note(300, bytes(32)))
    assert run(capsys, "--proof", file, "--key", VKEY, "--checkpoint", kept)[0] == 1
    kept.write_text(signed("other.example/log", 300))
    assert run(capsys, "--proof", file, "--key", VKEY, "--checkpoint", kept) == (
        1,
        "BAD: the proof is about another checkpoint\n",
    )
    kept.write_text(ledger.checkpoints[200])
    assert "another checkpoint" in run(capsys, "--proof", file, "--key", VKEY, "--checkpoint", kept)[1]
    file.write_text("nothing")
    assert run(capsys, "--proof", file, "--key", VKEY)[0] == 2
    file.write_text(form(inclusion))
    assert run(capsys, "--proof", file)[0] == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (HEAD, b'{"start":0,"size":1e999,"origin":"o","tenant":"t"}'),
        (HEAD, b'{"start":Infinity,"size":7,"origin":"o","tenant":"t"}'),
        (HEAD, b"[" * 100_000),
        (CHECKPOINTS, b"[" * 100_000),
        (TILES, b'{"level":0,"index":1e999,"hashes":""}'),
    ],
)
def test_an_export_of_odd_numbers_and_depths_is_unusable(capsys, export: Path, name: str, content: bytes) -> None:
    (export / name).write_bytes(content)
    assert run(capsys, export, "--key", VKEY)[0] == 2


def test_a_checkpoint_with_half_a_surrogate_pair_is_named(capsys, export: Path) -> None:
    odd = json.dumps({"note": signed(ORIGIN, 700).replace("\n\n", "\ud800\n\n", 1)})
    with (export / CHECKPOINTS).open("a") as file:
        file.write(odd + "\n")
    code, out = run(capsys, export, "--key", VKEY)
    assert code == 1
    assert "was changed or forged" in out


@pytest.mark.parametrize(
    "change",
    [{"index": 123.0}, {"index": True}, {"index": 1e400}, {"kind": "another"}, {"kind": None}, {"event": "\ud800"}],
)
def test_a_proof_with_a_value_of_another_type_is_none(capsys, ledger: LedgerInMemory, tmp_path: Path, change) -> None:
    proof = prove_inclusion(ledger.events[1], 1, ledger.checkpoints[600], ledger.reader().read)
    file = tmp_path / "proof"
    file.write_text(json.dumps({**json.loads(proof_json(proof)), **change}))
    assert run(capsys, "--proof", file, "--key", VKEY)[0] == 2
    file.write_text('{"a":' + "[" * 100_000)
    assert run(capsys, "--proof", file, "--key", VKEY)[0] == 2


_DRAWN = "x: 3 events\nOK: every event fits its checkpoints\x1b[8m\u202e\u2028"


def _said(export: Path, **more: object) -> None:
    head = json.loads((export / HEAD).read_bytes())
    (export / HEAD).write_text(json.dumps({**head, **more}))


def _renamed(export: Path, name: str) -> None:
    """``name``: a member with a text of each event from the 101st on."""

    def named(line: bytes) -> bytes:
        event = json.loads(line)
        place = event if name in event else event["data"]
        place[name] = _DRAWN + place[name]
        return json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    spoil(export, EVENTS, lambda lines: [*lines[:100], *map(named, lines[100:])])


@pytest.mark.parametrize(
    "change",
    [
        lambda export: _said(export, origin=_DRAWN),
        lambda export: _said(export, origin="\ud800"),
        lambda export: _said(export, size=_DRAWN),
        lambda export: _renamed(export, "id"),
        lambda export: _renamed(export, "writer"),
    ],
)
def test_an_export_cannot_draw_on_the_screen(capsys, export: Path, change) -> None:
    change(export)
    code, out = run(capsys, export, "--key", VKEY)
    assert code != 0
    assert all(line.isprintable() for line in out.split("\n"))
    assert not any(line.startswith("OK") for line in out.split("\n"))


@pytest.mark.parametrize(
    "change", [{"index": _DRAWN}, {"hashes": [_DRAWN]}, {"checkpoint": _DRAWN}, {"event": _DRAWN}, {"kind": _DRAWN}]
)
def test_a_proof_cannot_draw_on_the_screen(capsys, ledger: LedgerInMemory, tmp_path: Path, change) -> None:
    file, read = tmp_path / "proof", ledger.reader().read
    proof = json.loads(proof_json(prove_inclusion(ledger.events[123], 123, ledger.checkpoints[600], read)))
    file.write_text(json.dumps({**proof, **change}))
    code, out = run(capsys, "--proof", file, "--key", VKEY)
    assert code != 0
    assert all(line.isprintable() for line in out.split("\n"))
