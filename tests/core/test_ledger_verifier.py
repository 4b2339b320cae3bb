"""The offline verifier on whole and on spoiled exports."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from callgate.core.ledger.export import CHECKPOINTS, EVENTS, HEAD, TILES
from callgate.core.ledger.note import checkpoint_text, encode64, sign_note
from callgate.core.ledger.tree import leaf_hash
from callgate.offline import verify_ledger
from callgate.offline.verify_ledger import LedgerCheck, LedgerReport, LogKey, Unusable, verify_export
from tests.fakes.ledger import (
    LEDGER_SIZE,
    ORIGIN,
    PUBLIC,
    SIGNER,
    TENANT,
    VKEY,
    Ed25519PrivateKey,
    LedgerInMemory,
    edited,
    event,
    lines_of,
    note,
    write_lines,
)

KEY = LogKey.parse(VKEY)


def first(report: LedgerReport) -> tuple[int, str]:
    assert not report.ok
    assert report.first is not None
    return report.first.index, report.first.text


def spoil(export: Path, name: str, change) -> None:
    lines = lines_of(export / name)
    write_lines(export / name, change(lines))


def test_a_whole_export_verifies(export: Path, ledger: LedgerInMemory) -> None:
    report = verify_export(export, KEY)
    assert report.ok
    assert (report.size, report.signed, report.checkpoints) == (LEDGER_SIZE, LEDGER_SIZE, 7)
    assert report.root == ledger.frontier.root().hex()
    assert report.consistency == "internal consistency only"
    assert report.notes == []


def test_a_key_that_came_with_the_export_is_said(export: Path) -> None:
    assert any("key came with the export" in item for item in verify_export(export).notes)


@pytest.mark.parametrize("at", [0, 1, 99, 100, 255, 256, 511, 512, 699])
@pytest.mark.parametrize("tiles", [True, False])
def test_an_edited_event_is_named(ledger: LedgerInMemory, tmp_path: Path, at: int, tiles: bool) -> None:
    export = ledger.export(tmp_path / "e", tiles=tiles)
    spoil(export, EVENTS, lambda lines: [*lines[:at], edited(lines[at]), *lines[at + 1 :]])
    index, text = first(verify_export(export, KEY))
    if tiles:
        assert index == at
        assert "not the one that was sealed" in text
    else:
        assert index == at // 100 * 100
        assert f"events {index} to {index + 99}" in text


def test_two_edited_events_are_both_named(export: Path) -> None:
    spoil(export, EVENTS, lambda lines: [edited(line) if at in (50, 430) else line for at, line in enumerate(lines)])
    report = verify_export(export, KEY)
    assert [flaw.index for flaw in report.flaws] == [50, 430]
    assert all("not the one that was sealed" in flaw.text for flaw in report.flaws)


@pytest.mark.parametrize("at", [0, 37, 256, 699])
@pytest.mark.parametrize("tiles", [True, False])
def test_a_deleted_event_is_named(ledger: LedgerInMemory, tmp_path: Path, at: int, tiles: bool) -> None:
    export = ledger.export(tmp_path / "e", tiles=tiles)
    spoil(export, EVENTS, lambda lines: lines[:at] + lines[at + 1 :])
    index, _ = first(verify_export(export, KEY))
    # Without stored hashes it is the next event of the same writer that shows the gap (two writers take turns).
    assert index == at if tiles or at == 699 else index in {at, at + 1}


@pytest.mark.parametrize("tiles", [True, False])
def test_swapped_events_are_named(ledger: LedgerInMemory, tmp_path: Path, tiles: bool) -> None:
    export = ledger.export(tmp_path / "e", tiles=tiles)
    spoil(export, EVENTS, lambda lines: [*lines[:300], lines[302], lines[301], lines[300], *lines[303:]])
    assert first(verify_export(export, KEY))[0] == 300


def test_a_swapped_writer_sequence_is_named(export: Path) -> None:
    def swap(lines: list[bytes]) -> list[bytes]:
        lines[400], lines[402] = event(400, 202, "w0"), event(402, 201, "w0")
        return lines

    report = verify_export(export, KEY)
    assert report.ok
    spoil(export, EVENTS, swap)
    assert first(verify_export(export, KEY))[0] == 400


def test_a_gap_of_a_writer_is_named_even_when_it_was_signed() -> None:
    events = [event(0, 1), event(1, 2), event(2, 4), event(3, 1, "w2")]
    index, text = first(checked(events))
    assert index == 2
    assert "goes on with 4 instead of 3" in text


def test_a_writer_that_does_not_start_at_one_is_named() -> None:
    assert first(checked([event(0, 1), event(1, 2, "w2")]))[0] == 1


def test_an_id_that_occurs_twice_is_named_even_when_it_was_signed() -> None:
    index, text = first(checked([event(0, 1), event(5, 2), event(6, 3), event(5, 4)]))
    assert index == 3
    assert "same id as event 1" in text


def checked(events: list[bytes]) -> LedgerReport:
    built = LedgerInMemory(0)
    built.frontier, _ = built.frontier.append([leaf_hash(item) for item in events])
    check = LedgerCheck(KEY, ORIGIN, TENANT, [note(len(events), built.frontier.root())])
    for item in events:
        check.add(item)
    return check.finish(len(events))


@pytest.mark.parametrize("at", [0, 250, 299, 699])
def test_an_edited_leaf_tile_is_told_from_an_edited_event(export: Path, at: int) -> None:
    def change(lines: list[bytes]) -> list[bytes]:
        tile = json.loads(lines[at // 256])
        raw = bytearray(verify_ledger.decode64(tile["hashes"]))
        raw[at % 256 * 32] ^= 1
        tile["hashes"] = encode64(bytes(raw))
        lines[at // 256] = json.dumps(tile).encode()
        return lines

    spoil(export, TILES, change)
    index, text = first(verify_export(export, KEY))
    assert index == at
    assert f"stored leaf hash {at} was changed" in text


def test_event_and_leaf_tile_edited_together_still_fail(export: Path) -> None:
    lines = lines_of(export / EVENTS)
    lines[320] = edited(lines[320])
    write_lines(export / EVENTS, lines)
    tile = json.loads(lines_of(export / TILES)[1])
    raw = bytearray(verify_ledger.decode64(tile["hashes"]))
    raw[64 * 32 : 65 * 32] = leaf_hash(lines[320])
    tile["hashes"] = encode64(bytes(raw))
    spoil(export, TILES, lambda old: [old[0], json.dumps(tile).encode(), old[2]])
    index, text = first(verify_export(export, KEY))
    assert index == 300
    assert "events 300 to 399" in text


def test_a_cut_end_is_seen_by_the_checkpoints_left(export: Path) -> None:
    spoil(export, EVENTS, lambda lines: lines[:650])
    index, text = first(verify_export(export, KEY))
    assert index == 650
    assert "a checkpoint of 700 is signed" in text


def older(tmp_path: Path) -> Path:
    """What the same ledger was at 500 events: consistent in itself."""
    return LedgerInMemory(500).export(tmp_path / "old")


def test_a_restored_older_copy_needs_a_kept_checkpoint(ledger: LedgerInMemory, tmp_path: Path) -> None:
    assert verify_export(older(tmp_path), KEY).consistency == "internal consistency only"
    report = verify_export(older(tmp_path), KEY, ledger.checkpoints[600])
    index, text = first(report)
    assert index == 500
    assert "older copy was restored" in text
    assert report.consistency == "not consistent"


@pytest.mark.parametrize("size", [100, 600, 700])
def test_a_kept_checkpoint_that_fits_is_said(export: Path, ledger: LedgerInMemory, size: int) -> None:
    report = verify_export(export, KEY, ledger.checkpoints[size])
    assert report.ok
    assert report.consistency == f"consistent with the kept checkpoint of size {size}"


def test_a_kept_checkpoint_between_the_ledgers_own_counts(ledger: LedgerInMemory, export: Path) -> None:
    root = LedgerInMemory(333).frontier.root()
    assert verify_export(export, KEY, note(333, root)).ok


def test_a_rewritten_past_with_the_same_key_is_seen(tmp_path: Path, ledger: LedgerInMemory) -> None:
    rewritten = LedgerInMemory(LEDGER_SIZE, writers=1).export(tmp_path / "r")
    assert verify_export(rewritten, KEY).ok
    _, text = first(verify_export(rewritten, KEY, ledger.checkpoints[300]))
    assert "the past was rewritten" in text


def signed(origin: str, size: int) -> str:
    """By the log's own key, for another origin."""
    return sign_note(checkpoint_text(origin, size, bytes(32)), ORIGIN, SIGNER.sign, PUBLIC)


def test_checkpoints_out_of_order_are_named(export: Path) -> None:
    spoil(export, CHECKPOINTS, lambda lines: [lines[0], lines[2], lines[1], *lines[3:]])
    assert first(verify_export(export, KEY))[1].startswith(
        "checkpoint 2 was changed or forged: it is of another log or out"
    )


def test_a_kept_checkpoint_of_another_log_is_unusable(export: Path) -> None:
    for kept in (signed("other.example/log", 300), forged(300, bytes(32)), "text"):
        with pytest.raises(Unusable):
            verify_export(export, KEY, kept)


def forged(size: int, root: bytes) -> str:
    return note(size, root, Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.mark.parametrize(
    "make",
    [
        lambda good: forged(300, bytes(32)),
        lambda good: good.replace("300\n", "301\n", 1),
        lambda good: good.replace(ORIGIN + "\n", "other.example/log\n", 1),
        lambda good: good[:-8] + "AAAA=\n",
        lambda good: note(300, bytes(32), origin="other.example/log"),
        lambda good: "",
        lambda good: signed("other.example/log", 300),
    ],
)
def test_a_forged_checkpoint_is_named(export: Path, ledger: LedgerInMemory, make) -> None:
    text = make(ledger.checkpoints[300])
    line = json.dumps({"note": text}).encode()
    spoil(export, CHECKPOINTS, lambda lines: [*lines[:2], line, *lines[3:]])
    _, found = first(verify_export(export, KEY))
    assert found.startswith("checkpoint 2 was changed or forged")


def test_a_checkpoint_with_another_root_signed_by_the_key_itself_is_seen(export: Path) -> None:
    line = json.dumps({"note": note(300, bytes(32))}).encode()
    spoil(export, CHECKPOINTS, lambda lines: [*lines[:2], line, *lines[3:]])
    index, text = first(verify_export(export, KEY))
    assert index == 200
    assert "events 200 to 299" in text


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "malformed"),
        (b"[]", "envelope"),
        (b"", "not JSON"),
        (event(5, 3).replace(b'"writer_seq":3', b'"writer_seq":3.0'), "no integer"),
        (event(5, 3).replace(b'"writer_seq":3', b'"writer_seq":9007199254740993'), "2**53"),
        (event(5, 3).replace(b'{"data"', b'{ "data"'), "canonical"),
        (event(5, 3).replace(b'"tenant":"local"', b'"tenant":"other"'), "tenant"),
        (event(5, 3).replace(b"callgate.attached.v1", b"callgate.decided.v1"), "type and its body"),
        (event(5, 3).replace(b'"same_host":false,', b""), "data"),
        (event(5, 3).replace(b".005Z", b"Z"), "time"),
        (event(5, 3).replace(b'"call-1"', b'"\\ud800"'), "malformed"),
    ],
)
def test_a_malformed_event_is_named(export: Path, line: bytes, why: str) -> None:
    spoil(export, EVENTS, lambda lines: [*lines[:444], line, *lines[445:]])
    index, text = first(verify_export(export, KEY))
    assert index == 444
    assert why in text


def test_deep_nesting_is_refused_quietly(export: Path) -> None:
    spoil(export, EVENTS, lambda lines: [*lines[:3], b"[" * 200_000, *lines[4:]])
    assert first(verify_export(export, KEY))[0] == 3


@pytest.mark.parametrize("start", [100, 300, 600])
@pytest.mark.parametrize("tiles", [True, False])
def test_an_export_may_begin_later(ledger: LedgerInMemory, tmp_path: Path, start: int, tiles: bool) -> None:
    export = ledger.export(tmp_path / "part", start=start, tiles=tiles)
    report = verify_export(export, KEY, ledger.checkpoints[600])
    assert report.ok
    assert report.root == ledger.frontier.root().hex()
    spoil(export, EVENTS, lambda lines: [*lines[:20], edited(lines[20]), *lines[21:]])
    assert first(verify_export(export, KEY))[0] == (start + 20 if tiles else start)
    with pytest.raises(Unusable):
        verify_export(export, KEY, ledger.checkpoints[100] if start > 100 else "x")


def test_wrong_peaks_are_seen(ledger: LedgerInMemory, tmp_path: Path) -> None:
    export = ledger.export(tmp_path / "part", start=300)
    head = json.loads((export / HEAD).read_bytes())
    head["peaks"][0] = "00" * 32
    (export / HEAD).write_text(json.dumps(head))
    assert not verify_export(export, KEY).ok


@pytest.mark.parametrize("name", [HEAD, EVENTS, CHECKPOINTS])
def test_a_missing_file_is_unusable(export: Path, name: str) -> None:
    (export / name).unlink()
    with pytest.raises(Unusable):
        verify_export(export, KEY)


def test_no_checkpoint_at_all_is_unusable(export: Path) -> None:
    (export / CHECKPOINTS).write_bytes(b"")
    with pytest.raises(Unusable):
        verify_export(export, KEY)


def test_events_under_no_checkpoint_are_not_believed(ledger: LedgerInMemory, export: Path) -> None:
    """Without its last checkpoint and its tiles an end that somebody wrote looks like any other."""
    spoil(export, CHECKPOINTS, lambda lines: lines[:-1])
    (export / TILES).unlink()
    spoil(export, EVENTS, lambda lines: [*lines[:650], edited(lines[650]), *lines[651:]])
    report = verify_export(export, KEY)
    assert not report.ok
    assert first(report) == (600, "events 600 to 699 are under no checkpoint: nothing shows that they are the ledger's")
    assert report.signed == 600
    assert "100 events after" in report.notes[0]


def test_a_kept_checkpoint_covers_the_end(ledger: LedgerInMemory, export: Path) -> None:
    spoil(export, CHECKPOINTS, lambda lines: lines[:-1])
    assert not verify_export(export, KEY).ok
    assert not verify_export(export, KEY, ledger.checkpoints[300]).ok
    assert verify_export(export, KEY, ledger.checkpoints[700]).ok


def test_more_events_than_said_are_named(ledger: LedgerInMemory, export: Path) -> None:
    spoil(export, EVENTS, lambda lines: [*lines, event(9999, 351, "w0")])
    assert first(verify_export(export, KEY))[0] == 700


def feed(ledger: LedgerInMemory, missing: int = -1, bad: int = -1) -> LedgerReport:
    """As the gate checks its own store: rows by index, tiles of every level, the stored head."""
    check = LedgerCheck(KEY, ORIGIN, TENANT, list(ledger.checkpoints.values()))
    leaf_tiles = dict(ledger.leaf_tiles())
    for at, line in enumerate(ledger.events):
        if at % 256 == 0:
            check.tile(at // 256, leaf_tiles[at // 256])
        check.add(None if at == missing else edited(line) if at == bad else line)
    for tile in check.take_tiles():
        check.compare_tile(tile, ledger.tiles.get((tile[0], tile[1])))
    return check.finish(ledger.frontier.size, ledger.frontier.root())


def test_a_store_checks_itself_with_the_same_code(ledger: LedgerInMemory) -> None:
    assert feed(ledger).ok
    assert first(feed(ledger, missing=512)) == (512, "the event is missing")
    assert first(feed(ledger, bad=512))[0] == 512


def test_upper_tiles_are_compared() -> None:
    ledger = LedgerInMemory(65_536 + 3, every=20_000)
    assert feed(ledger).ok
    ledger.tiles[1, 0] = bytes(8192)
    assert first(feed(ledger)) == (-1, "tile 0 of level 1 is not that of the events")


def test_a_stored_root_that_is_not_the_events_is_seen(ledger: LedgerInMemory) -> None:
    check = LedgerCheck(KEY, ORIGIN, TENANT, [])
    for line in ledger.events:
        check.add(line)
    assert "stored root" in first(check.finish(LEDGER_SIZE, bytes(32)))[1]


def test_the_file_stands_alone(tmp_path: Path, export: Path) -> None:
    source = Path(verify_ledger.__file__)
    tree = ast.parse(source.read_text("utf-8"))
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    roots = {name.split(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}
    copy = shutil.copy(source, tmp_path / "elsewhere.py")
    done = subprocess.run([sys.executable, "-I", copy, export], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode("utf-8").rstrip().endswith("internal consistency only")
