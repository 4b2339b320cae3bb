"""Evidence: what the gate's own readers and the offline verifier make of notes, proofs, exports, stores and backups."""

import contextlib
import functools
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import rfc8785

from callgate.adapters.home import archive
from callgate.adapters.store.sqlite import open_sqlite
from callgate.core.ledger.canonical import body_bytes, canonical
from callgate.core.ledger.events import decode_event
from callgate.core.ledger.note import parse_checkpoint, parse_verifier_key, verifier_key, verify_note
from callgate.core.ledger.proof import (
    InclusionProof,
    check_consistency,
    check_inclusion,
    parse_proof,
    proof_json,
    proof_text,
    prove_consistency,
    prove_inclusion,
)
from callgate.flow.verifying import verified
from callgate.flow.views.ledger import VerifyEnd
from callgate.model.errors import CallgateError, InputError, IntegrityError, MalformedCall
from callgate.model.store import Unit
from callgate.offline import verify_ledger as offline
from tests.fakes.ledger import ORIGIN, PUBLIC, SIGNER, TENANT, VKEY, LedgerInMemory
from tests.fakes.stores import StillClock, event
from tests.fuzz.looping import run
from tests.fuzz.taking import Taking

LEDGER = LedgerInMemory(6, every=3)
KEY = offline.LogKey.parse(VKEY)
NOTES = [LEDGER.checkpoints[3], LEDGER.checkpoints[6]]
PROOFS = (
    prove_inclusion(LEDGER.events[2], 2, NOTES[1], LEDGER.reader().read),
    prove_consistency(NOTES[0], NOTES[1], LEDGER.reader().read),
)


def bent(text: str, taking: Taking) -> str:
    """With one place replaced."""
    place, size = taking.number(65_535) % (len(text) + 1), taking.number(40)
    patch = taking.rest().decode("utf-8", "replace")
    return text[:place] + patch + text[place + size :]


def outcome(faults: tuple[type[Exception], ...], read: Callable[[], Any]) -> Any:
    try:
        return read()
    except faults:
        return None


def note(data: bytes) -> None:
    """The gate and the offline verifier open the same notes; nothing but what was signed opens."""
    taking = Taking(data)
    which = taking.number(3)
    text = bent(NOTES[which & 1], taking) if which < 2 else taking.rest().decode("utf-8", "surrogateescape")
    mine = outcome((IntegrityError,), lambda: parse_checkpoint(verify_note(text, ORIGIN, PUBLIC)))
    other = outcome((offline.Mismatch,), lambda: offline.open_checkpoint(text, KEY))
    assert mine == other
    assert mine is None or mine in [(ORIGIN, size, LEDGER.frontiers[size].root()) for size in (3, 6)]
    outcome((IntegrityError,), lambda: parse_checkpoint(text))
    known = outcome((IntegrityError,), lambda: parse_verifier_key(text))
    theirs = outcome((offline.Unusable,), lambda: offline.LogKey.parse(text))
    if known is not None:
        assert theirs is not None
        assert (theirs.name, theirs.public.public_bytes_raw()) == known


def proof(data: bytes) -> None:
    """A proof shows what is so, in both readers, or nothing."""
    taking = Taking(data)
    which, form = taking.number(1), taking.number(1)
    whole = PROOFS[which]
    text = bent(proof_json(whole).decode() if form else proof_text(whole), taking)
    shown = outcome((offline.Unusable, offline.Mismatch), lambda: offline.verify_proof(text, KEY, NOTES[0]))
    if shown is not None:
        assert shown in (
            f"the event is leaf 2 of {ORIGIN} at size 6",
            f"{ORIGIN} at size 6 begins with the log at size 3",
        ), shown
    mine = outcome((IntegrityError,), lambda: parse_proof(text.encode("utf-8", "surrogatepass")))
    if mine is None:
        return
    inclusion = isinstance(mine, InclusionProof)
    check = check_inclusion if inclusion else functools.partial(check_consistency, kept=NOTES[0])
    with contextlib.suppress(IntegrityError):
        check(mine, ORIGIN, PUBLIC)
        assert shown is not None or not text.startswith("{")
        if inclusion:
            assert (mine.index, mine.event.encode()) == (2, LEDGER.events[2])


def values(data: bytes) -> None:
    """One value has one canonical form, that of RFC 8785; bodies keep every number."""
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(data)
        written = outcome((IntegrityError,), lambda: canonical(said))
        if written is not None:
            assert json.loads(written) == said
            assert canonical(json.loads(written)) == written
            assert rfc8785.dumps(said) == written
        if isinstance(said, dict):
            body = outcome((MalformedCall,), lambda: body_bytes(said))
            if body is not None:
                assert repr(sorted_value(json.loads(body))) == repr(sorted_value(said))
                assert body_bytes(json.loads(body)) == body
    mine = outcome((IntegrityError,), lambda: decode_event(data))
    theirs = outcome((ValueError, TypeError, RecursionError), lambda: offline.read_event(data, TENANT))
    if mine is not None and theirs is not None:
        assert theirs == (mine.id, mine.data.writer, mine.data.writer_seq)


def sorted_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: sorted_value(value[key]) for key in sorted(value)}
    return [sorted_value(one) for one in value] if isinstance(value, list) else value


@functools.cache
def folder() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
    folder.kept = kept  # type: ignore[attr-defined]
    return Path(kept.name)


@functools.cache
def exported() -> dict[str, bytes]:
    made = LEDGER.export(folder() / "made")
    return {path.name: path.read_bytes() for path in sorted(made.iterdir())}


def export(data: bytes) -> None:
    """A bent export is reported or unusable; one that is found good holds the events that were signed."""
    taking = Taking(data)
    files = dict(exported())
    for _ in range(1 + taking.number(1)):
        name = taking.pick(sorted(files))
        content = files[name]
        place, size = taking.number(65_535) % (len(content) + 1), taking.number(255)
        patch = taking.until(b"\n\xff")
        files[name] = content[:place] + patch + content[place + size :]
    place = folder() / "bent"
    place.mkdir(exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    for kept in ("", NOTES[1]):
        try:
            report = offline.verify_export(place, KEY, kept)
        except offline.Unusable:
            continue
        if report.ok:
            lines = files["events.jsonl"].split(b"\n")[: report.signed]
            assert lines == LEDGER.events[: report.signed]
            assert report.origin == ORIGIN
            assert not kept or report.size >= 6
    outcome((offline.Unusable,), lambda: offline.verify_export(place))


STORE = {"tenant": "acme", "origin": "callgate/acme"}


async def checked(place: Path) -> VerifyEnd | None:
    store = open_sqlite(
        place, "acme", sign=SIGNER.sign, origin=ORIGIN, public_key=PUBLIC, clock=StillClock(), writer="w1",
        create=False, prefill=0,
    )  # fmt: skip
    try:
        async for line in verified(store, ORIGIN, verifier_key(ORIGIN, PUBLIC), ""):
            if isinstance(line, VerifyEnd):
                return line
    finally:
        await store.close()
    return None


async def filled(place: Path) -> VerifyEnd:
    store = open_sqlite(
        place, "acme", sign=SIGNER.sign, origin=ORIGIN, public_key=PUBLIC, clock=StillClock(), writer="w1", prefill=0
    )
    for number in range(3):
        await store.commit(Unit(events=(event(f"ev-{number}"),)))
    await store.close()
    end = await checked(place)
    assert end is not None
    assert end.ok
    return end


@functools.cache
def stored() -> tuple[dict[str, bytes], VerifyEnd]:
    place = folder() / "store"
    place.mkdir()
    end = run(filled(place))
    return {path.name: path.read_bytes() for path in sorted(place.iterdir()) if path.is_file()}, end


def database(data: bytes) -> None:
    """A store with changed bytes opens and is judged, or is refused; found good, it is the ledger that was sealed."""
    taking = Taking(data)
    files, good = stored()
    files = dict(files)
    for _ in range(1 + taking.number(2)):
        name = taking.pick([name for name, content in sorted(files.items()) if content])
        content = files[name]
        place = int.from_bytes(taking.take(3), "big") % (len(content) + 1)
        patch = taking.take(taking.number(16))
        files[name] = content[:place] + patch + content[place + len(patch) :]
    target = folder() / "spoiled"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name, content in files.items():
        (target / name).write_bytes(content)
    end = outcome((CallgateError,), lambda: run(checked(target)))
    if end is not None and end.ok:
        assert (end.events, end.root) == (good.events, good.root)


MEMBERS = {"config.toml": b"a = 1\n", "data/main/ledger.db": bytes(range(256)) * 2, "empty": b""}
SECRET = "a passphrase of the backup"
derived = functools.cache(archive.Derivation.key)


def packed(*, encrypted: bool) -> bytes:
    file = io.BytesIO()
    derivation = archive.Derivation(salt="ab" * 16, ln=14) if encrypted else None
    header = archive.ArchiveHeader(created_ms=1, version="1", derivation=derivation)
    with mock.patch.object(archive.Derivation, "key", derived):
        writer = archive.ArchiveWriter(file, header, SECRET)
    for name, content in MEMBERS.items():
        writer.add(archive.Member(name, len(content)), (content,))
    writer.end(SIGNER.sign)
    return file.getvalue()


def known_key(derivation: archive.Derivation, passphrase: str) -> bytes:
    """Any other costs a quarter of a second, and opens nothing."""
    if derivation != archive.Derivation(salt="ab" * 16, ln=14):
        raise InputError("Another key.", code="wrong_passphrase")
    return derived(derivation, passphrase)


@functools.cache
def packs() -> tuple[bytes, bytes]:
    return packed(encrypted=False), packed(encrypted=True)


def unpacked(data: bytes) -> dict[str, bytes]:
    with mock.patch.object(archive.Derivation, "key", known_key):
        reader = archive.ArchiveReader(io.BytesIO(data), lambda: SECRET)
    found = {}
    for member, parts in reader.members():
        found[member.name] = b"".join(parts)
        assert len(found[member.name]) == member.size
    reader.end()
    reader.check_signature(PUBLIC)
    return found


def backup(data: bytes) -> None:
    """A bent backup gives what was packed, or InputError before anything of it counts."""
    taking = Taking(data)
    which = taking.number(2)
    pack = packs()[which & 1]
    place, size = taking.number(65_535) % (len(pack) + 1), taking.number(255)
    patch = taking.rest()
    spoiled = pack[:place] + patch + pack[place + size :] if which < 2 else patch
    found = outcome((InputError,), lambda: unpacked(spoiled))
    assert found is None or (found == MEMBERS and spoiled in packs())
    assert unpacked(pack) == MEMBERS
