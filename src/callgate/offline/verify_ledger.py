"""Check an export of a Callgate ledger, or one proof, on any machine.

    python verify_ledger.py EXPORT_DIR [--key VERIFIERKEY] [--checkpoint KEPT_NOTE] [--json]
    python verify_ledger.py --proof FILE --key VERIFIERKEY [--checkpoint KEPT_NOTE] [--json]

Needs Python 3.11 and the package ``cryptography``; imports nothing of Callgate, so it can be read, kept and run by
whoever does not trust the gate. The formats are described in docs/reference/ledger-format.md.
Exit codes: 0 everything fits, 1 it does not (the reason is printed), 2 the input cannot be used.

A ledger can show by itself only that it is *internally* consistent. That nothing was cut off its end, and that its
past was not rewritten by whoever holds the signing key, is shown by a checkpoint kept elsewhere (``--checkpoint``).
"""

import argparse
import base64
import dataclasses
import hashlib
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_LINE = 16 * 1024 * 1024
MAX_INT = 2**53 - 1
MAX_PROBLEMS = 50
HASH = 32
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""What comes of reading JSON and text that is not as it should be."""
_ENVELOPE = {"specversion", "id", "source", "type", "time", "datacontenttype", "data"}
_DATA = {"writer", "writer_seq", "tenant", "call", "principal", "same_host", "body"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class Unusable(Exception):
    """The input is not what it should be, so nothing can be said of the ledger."""


class Mismatch(Exception):
    """A signature, hash or proof does not fit."""


# -- signed notes and checkpoints (C2SP signed-note, tlog-checkpoint) --


def decode64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as fault:
        raise Mismatch("malformed base64") from fault
    if base64.b64encode(data).decode() != text:
        raise Mismatch("base64 in an unusual spelling")
    return data


@dataclasses.dataclass(frozen=True)
class LogKey:
    """An Ed25519 verifier key: ``<name>+<key id>+<base64>``."""

    name: str
    id: bytes
    public: Ed25519PublicKey

    @staticmethod
    def parse(text: str) -> "LogKey":
        name, _, rest = text.strip().partition("+")
        identity, _, encoded = rest.partition("+")
        try:
            raw = decode64(encoded)
            expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
        except (Mismatch, UnicodeEncodeError) as fault:
            raise Unusable("the verifier key is malformed") from fault
        if not name or len(raw) != HASH + 1 or raw[0] != 1 or identity != expected.hex():
            raise Unusable("the verifier key is malformed")
        return LogKey(name, expected, Ed25519PublicKey.from_public_bytes(raw[1:]))


def open_note(note: str, key: LogKey) -> str:
    """The signed text. Raises Mismatch."""
    try:
        note.encode()
    except (AttributeError, UnicodeEncodeError) as fault:
        raise Mismatch("malformed note") from fault
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or any(c < " " and c != "\n" for c in note):
        raise Mismatch("malformed note")
    text, found = text + "\n", False
    for line in signatures[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        raw = decode64(encoded)
        if dash != "—" or not name or len(raw) < 5:
            raise Mismatch("malformed signature line")
        if name == key.name and raw[:4] == key.id:
            try:
                key.public.verify(raw[4:], text.encode())
            except InvalidSignature as fault:
                raise Mismatch("its signature does not verify") from fault
            found = True
    if not found:
        raise Mismatch("it is not signed by this key")
    return text


def open_checkpoint(note: str, key: LogKey) -> tuple[str, int, bytes]:
    """(origin, size, root) of a signed checkpoint. Raises Mismatch."""
    lines = open_note(note, key).split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise Mismatch("malformed checkpoint")
    root = decode64(lines[2])
    if len(root) != HASH:
        raise Mismatch("malformed checkpoint")
    return lines[0], int(lines[1]), root


# -- the tree (RFC 6962 section 2.1) --


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def root_of_path(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to; takes what it uses off ``path``."""
    if not 0 <= index < size or (size > 1 and not path):
        raise Mismatch("the proof does not fit index and size")
    if size == 1:
        return leaf
    half, sibling = _split(size), path.pop()
    if index < half:
        return node_hash(root_of_path(index, half, leaf, path), sibling)
    return node_hash(sibling, root_of_path(index - half, size - half, leaf, path))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: list[bytes], root: bytes) -> None:
    path = list(proof)
    found = root_of_path(index, size, leaf, path)
    if path or found != root or any(len(item) != HASH for item in (leaf, root, *proof)):
        raise Mismatch("the inclusion proof does not lead to the root")


def roots_of_path(old: int, new: int, known: bytes | None, path: list[bytes]) -> tuple[bytes, bytes]:
    """Both roots that a consistency proof leads to; ``known`` is the old root while the old tree is a whole subtree."""
    if old == new and known is not None:
        return known, known
    if not path:
        raise Mismatch("the consistency proof is too short")
    last = path.pop()
    if old == new:
        return last, last
    half = _split(new)
    if old <= half:
        before, after = roots_of_path(old, half, known, path)
        return before, node_hash(after, last)
    before, after = roots_of_path(old - half, new - half, None, path)
    return node_hash(last, before), node_hash(last, after)


def verify_consistency(old: int, new: int, proof: list[bytes], old_root: bytes, new_root: bytes) -> None:
    if not 0 < old <= new or any(len(item) != HASH for item in (old_root, new_root, *proof)):
        raise Mismatch("the consistency proof does not fit the sizes")
    path = list(proof)
    if roots_of_path(old, new, old_root, path) != (old_root, new_root) or path:
        raise Mismatch("the consistency proof does not lead to both roots")


class Tree:
    """The roots of the complete subtrees so far, and the tiles above the leaves that are growing."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)
        self._growing: dict[int, bytes] = {}
        self.full: list[tuple[int, int, bytes]] = []
        """Completed tiles of level 1 and above: (level, index, hashes). For whoever stores them too."""

    def copy(self) -> "Tree":
        twin = Tree(self.size, self.peaks)
        twin._growing, twin.full = dict(self._growing), list(self.full)
        return twin

    def add(self, leaf: bytes) -> None:
        bits, height = self.size, 0
        while bits & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            bits, height = bits >> 1, height + 1
            if not height & 7:
                self._grow(height >> 3, leaf)
        self.peaks.append(leaf)
        self.size += 1

    def _grow(self, level: int, node: bytes) -> None:
        hashes = self._growing.get(level, b"") + node
        if len(hashes) == 256 * HASH:
            self.full.append((level, self.size >> (8 * level + 8), hashes))
            hashes = b""
        self._growing[level] = hashes

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        node = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            node = node_hash(peak, node)
        return node


# -- one event --


def _no_float(_: str) -> NoReturn:
    raise ValueError("a number is no integer")


def _integer(text: str) -> int:
    value = int(text)
    if abs(value) > MAX_INT:
        raise ValueError("an integer is beyond 2**53 - 1")
    return value


_decode = json.JSONDecoder(parse_float=_no_float, parse_int=_integer, parse_constant=_no_float).decode
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def read_event(line: bytes, tenant: str) -> tuple[str, str, int]:
    """(id, writer, writer sequence) of a canonical event. ValueError or TypeError says what is wrong with it."""
    text = line.decode()
    event = _decode(text)
    if _encode(event) != text:
        raise ValueError("it is not in canonical form")
    if not isinstance(event, dict) or set(event) != _ENVELOPE or event["specversion"] != "1.0":
        raise ValueError("it is not an event envelope")
    data = event["data"]
    if not isinstance(data, dict) or set(data) != _DATA or not isinstance(data["body"], dict):
        raise ValueError("its data are not those of an event")
    if event["type"] != f"callgate.{data['body'].get('kind')}.v1":
        raise ValueError("its type and its body differ")
    if data["tenant"] != tenant or event["source"] != f"callgate/{tenant}":
        raise ValueError("it belongs to another tenant")
    if not _TIME.fullmatch(event["time"]):
        raise ValueError("its time is malformed")
    identity, writer, sequence = event["id"], data["writer"], data["writer_seq"]
    if not isinstance(identity, str) or not isinstance(writer, str) or type(sequence) is not int:
        raise ValueError("its id, writer or sequence is malformed")
    return identity, writer, sequence


class _Seen:
    """Finds ids that occur twice: 24 bytes per event, sorted in 256 parts at the end."""

    def __init__(self) -> None:
        self._parts = [bytearray() for _ in range(256)]

    def add(self, identity: str, index: int) -> None:
        mark = hashlib.sha256(identity.encode()).digest()[:16]
        self._parts[mark[0]] += mark + index.to_bytes(8, "big")

    def again(self) -> Iterator[tuple[int, int]]:
        """(first index, index of the repetition)."""
        for part in self._parts:
            marks = sorted(bytes(part[at : at + 24]) for at in range(0, len(part), 24))
            for one, two in itertools.pairwise(marks):
                if one[:16] == two[:16]:
                    yield int.from_bytes(one[16:], "big"), int.from_bytes(two[16:], "big")


# -- the whole ledger, streaming --


@dataclasses.dataclass(frozen=True)
class Flaw:
    """One thing that does not fit. ``exact``: ``index`` is the event itself, else the place from which on to look."""

    text: str
    index: int = -1
    event: str = ""
    exact: bool = False


@dataclasses.dataclass
class LedgerReport:
    origin: str
    size: int
    root: str
    checkpoints: int
    signed: int
    """Events covered by the newest checkpoint that fits."""
    consistency: str
    flaws: list[Flaw]
    notes: list[str]

    @property
    def ok(self) -> bool:
        return not self.flaws

    @property
    def first(self) -> Flaw | None:
        """The flaw to look at first: the earliest event known exactly, else the earliest range."""
        return min(self.flaws, key=lambda flaw: (not flaw.exact, flaw.index < 0, flaw.index), default=None)


class LedgerCheck:
    """Takes a ledger's events in leaf order and compares them with its signed checkpoints.

    ``checkpoints`` are signed notes, ascending by size; ``kept`` is one that its holder kept elsewhere. ``start`` and
    ``peaks`` begin later than leaf 0: the first checkpoint reached proves the peaks.
    """

    def __init__(
        self,
        key: LogKey,
        origin: str,
        tenant: str,
        checkpoints: Iterable[str],
        *,
        kept: str = "",
        start: int = 0,
        peaks: Iterable[bytes] = (),
    ) -> None:
        self._key, self._origin, self._tenant, self._start = key, origin, tenant, start
        self.flaws: list[Flaw] = []
        self._tree, self._other = Tree(start, peaks), None  # type: Tree, Tree | None
        self._differs = Flaw("")
        self._stored, self._stored_from = b"", 0
        self._seen, self._last = _Seen(), dict[str, int]()
        self._good, self._broken, self._count = start, False, 0
        self._kept = self._open_kept(kept) if kept else None
        self._marks = self._open_marks(iter(checkpoints))
        self._mark = next(self._marks, None)
        self._compare()

    @property
    def size(self) -> int:
        return self._tree.size

    @property
    def kept_size(self) -> int:
        """Of the kept checkpoint; 0: there is none."""
        return self._kept[0] if self._kept else 0

    def tile(self, index: int, hashes: bytes) -> None:
        """The stored leaf hashes (a full or partial tile of level 0) for the events that come next."""
        self._stored, self._stored_from = hashes, index * 256

    def add(self, line: bytes | None) -> None:
        """The next event's bytes; None where the store has lost the row."""
        at = self._tree.size
        place = (at - self._stored_from) * HASH
        stored = self._stored[place : place + HASH]
        if line is None:
            self._flaw("the event is missing", at, exact=True)
            leaf = stored or bytes(HASH)
        else:
            leaf, identity = leaf_hash(line), self._read(line, at)
            if stored and stored != leaf and self._other is None:
                self._other, self._differs = self._tree.copy(), Flaw("", at, identity)
        if self._other is not None:
            self._other.add(stored or leaf)
        self._tree.add(leaf)
        self._compare()

    def take_tiles(self) -> list[tuple[int, int, bytes]]:
        """Tiles of level 1 and above that were completed since the last time: (level, index, hashes)."""
        tiles, self._tree.full = self._tree.full, []
        return tiles

    def compare_tile(self, tile: tuple[int, int, bytes], stored: bytes | None) -> None:
        """One of ``take_tiles`` with what the store has in its place."""
        level, index, hashes = tile
        if stored != hashes:
            self._flaw(f"tile {index} of level {level} is not that of the events")

    def finish(self, size: int | None = None, root: bytes | None = None) -> LedgerReport:
        """``size`` and ``root``: what the store (or the export) says of itself."""
        end = self._tree.size
        if self._other is not None:
            text = "the event and its stored leaf hash differ, and no checkpoint after it tells which is right"
            self._flaw(text, self._differs.index, self._differs.event, exact=True)
        if self._mark is not None or (size is not None and size > end):
            signed = f": a checkpoint of {self._mark[0]} is signed" if self._mark else ""
            self._flaw(f"the events end at {end}, there were more{signed}", end, exact=True)
        elif size is not None and size < end:
            self._flaw(f"there are more events than the {size} that there should be", size, exact=True)
        elif root is not None and root != self._tree.root():
            self._flaw("the stored root is not that of the events")
        if self._kept and self._kept[0] > end:
            text = f"the ledger ends at {end} and the kept checkpoint at {self._kept[0]}"
            self._flaw(f"{text}: its end was cut off, or an older copy was restored", end, exact=True)
        for first, index in self._seen.again():
            self._flaw(f"the event has the same id as event {first}", index, exact=True)
        notes = [] if self._good == end else [f"{end - self._good} events after the last fitting checkpoint"]
        kept = f"consistent with the kept checkpoint of size {self._kept[0]}" if self._kept else ""
        consistency = (kept if not self.flaws else "not consistent") if kept else "internal consistency only"
        return LedgerReport(
            self._origin, end, self._tree.root().hex(), self._count, self._good, consistency, self.flaws, notes
        )

    def _flaw(self, text: str, index: int = -1, event: str = "", *, exact: bool = False) -> None:
        if len(self.flaws) < MAX_PROBLEMS:
            self.flaws.append(Flaw(text, index, event, exact))

    def _read(self, line: bytes, at: int) -> str:
        try:
            identity, writer, sequence = read_event(line, self._tenant)
        except (ValueError, TypeError, RecursionError) as fault:
            reason = "it is not JSON" if isinstance(fault, json.JSONDecodeError) else str(fault)
            self._flaw(f"the event is malformed: {reason}", at, exact=True)
            return ""
        self._seen.add(identity, at)
        expected = self._last.get(writer, sequence - 1 if self._start else 0) + 1
        if sequence != expected:
            text = f"writer {writer} goes on with {sequence} instead of {expected}: an event is missing or moved"
            self._flaw(text, at, identity, exact=True)
        self._last[writer] = sequence
        return identity

    def _open_kept(self, note: str) -> tuple[int, bytes]:
        try:
            origin, size, root = open_checkpoint(note, self._key)
        except Mismatch as fault:
            raise Unusable(f"the kept checkpoint: {fault}") from fault
        if origin != self._origin or size < self._start:
            raise Unusable("the kept checkpoint is of another log, or older than the start of these events")
        return size, root

    def _open_marks(self, notes: Iterator[str]) -> Iterator[tuple[int, bytes]]:
        last = self._start
        for number, note in enumerate(notes):
            try:
                origin, size, root = open_checkpoint(note, self._key)
                if origin != self._origin or size < last:
                    raise Mismatch("it is of another log or out of order")
            except Mismatch as fault:
                self._flaw(f"checkpoint {number} was changed or forged: {fault}")
                continue
            self._count, last = self._count + 1, size
            yield size, root

    def _compare(self) -> None:
        size = self._tree.size
        while self._mark is not None and self._mark[0] == size:
            self._settle(size, self._mark[1])
            self._mark = next(self._marks, None)
        if self._kept and self._kept[0] == size and not self._broken and self._tree.root() != self._kept[1]:
            self._flaw(f"the first {size} events are not those of the kept checkpoint: the past was rewritten", 0)

    def _settle(self, size: int, signed: bytes) -> None:
        """Of events and stored hashes, which are those that were signed?"""
        if self._broken:
            return
        index, event = self._differs.index, self._differs.event
        if self._tree.root() == signed:
            if self._other is not None:
                self._flaw(f"stored leaf hash {index} was changed; the event fits its checkpoint", index, event)
            self._other, self._good = None, size
        elif self._other is not None and self._other.root() == signed:
            self._flaw("the event is not the one that was sealed: changed, deleted or moved", index, event, exact=True)
            self._tree, self._other, self._good = self._other, None, size
        else:
            text = f"events {self._good} to {size - 1} are not those of the checkpoint of size {size}"
            if self._other is not None:
                text += f"; events and stored leaf hashes, both changed, first differ at {index}"
            self._flaw(text, self._good)
            self._broken, self._other = True, None


# -- exports, proofs, command line --


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE):
            yield line.removesuffix(b"\n")


def _notes(path: Path) -> Iterator[str]:
    for line in _lines(path):
        yield str(json.loads(line)["note"])


def _tiles(path: Path) -> Iterator[tuple[int, bytes]]:
    for line in _lines(path) if path.exists() else ():
        tile = json.loads(line)
        if tile["level"] == 0:
            yield int(tile["index"]), base64.b64decode(tile["hashes"])


def verify_export(folder: Path, key: LogKey | None = None, kept: str = "") -> LedgerReport:
    """Check an export folder. Raises Unusable when it is none."""
    if not folder.is_dir():
        raise Unusable(f"there is no folder {folder}; a proof is checked with --proof FILE")
    try:
        head = json.loads((folder / "export.json").read_bytes())
        start, size, origin, tenant = int(head["start"]), int(head["size"]), str(head["origin"]), str(head["tenant"])
        peaks = [bytes.fromhex(item) for item in head.get("peaks", ())]
        trusted = key or LogKey.parse((folder / "verifier.key").read_text("utf-8"))
        if len(peaks) != start.bit_count() or start < 0 or any(len(item) != HASH for item in peaks):
            raise Unusable("the export starts later than leaf 0 and does not say from what tree")
        notes = _notes(folder / "checkpoints.jsonl")
        check = LedgerCheck(trusted, origin, tenant, notes, kept=kept, start=start, peaks=peaks)
        tiles = _tiles(folder / "tiles.jsonl")
        tile = next(tiles, None)
        for line in _lines(folder / "events.jsonl"):
            while tile is not None and tile[0] * 256 <= check.size:
                check.tile(*tile)
                tile = next(tiles, None)
            check.add(line)
        report = check.finish(size)
    except (OSError, *_UNREADABLE) as fault:
        raise Unusable(f"this is not an export: {type(fault).__name__}: {fault}") from fault
    if not report.checkpoints and report.ok:
        raise Unusable("the export holds no checkpoint, so there is nothing to compare with")
    covered = max(report.signed, check.kept_size)
    if report.ok and covered < report.size:
        # A gate exports up to a checkpoint: whoever took that away may have written what comes after the one before.
        text = (
            f"events {covered} to {report.size - 1} are under no checkpoint: nothing shows that they are the ledger's"
        )
        report.flaws.append(Flaw(text, covered))
    if key is None:
        report.notes.append("the key came with the export; pass the one you kept with --key")
    return report


def _read_proof(text: str) -> dict[str, Any]:
    """The JSON form, or C2SP tlog-proof, or ``old <size>``, hashes, empty line, checkpoint."""
    if text.startswith("{"):
        return dict(json.loads(text))
    head, _, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if lines[0].startswith("old "):
        old = int(lines[0][4:])
        return {"kind": "consistency", "old_size": old, "hashes": lines[1:], "checkpoint": checkpoint}
    if lines[0] != "c2sp.org/tlog-proof@v1" or not lines[1].startswith("extra ") or not lines[2].startswith("index "):
        raise ValueError("unknown form")
    event, index = decode64(lines[1][6:]).decode(), int(lines[2][6:])
    return {"kind": "inclusion", "index": index, "event": event, "hashes": lines[3:], "checkpoint": checkpoint}


def verify_proof(text: str, key: LogKey, kept: str = "") -> str:
    """What the proof shows, in one sentence. Raises Mismatch, or Unusable when it is no proof."""
    try:
        proof = _read_proof(text)
        hashes = [decode64(item) for item in proof["hashes"]]
        origin, size, root = open_checkpoint(proof["checkpoint"], key)
        kind, index = proof["kind"], proof.get("index", 0)
        if kind not in ("inclusion", "consistency") or type(index) is not int:
            raise ValueError("unknown kind or index")
        if kind == "inclusion":
            verify_inclusion(index, size, leaf_hash(proof["event"].encode()), hashes, root)
            return f"the event is leaf {index} of {origin} at size {size}"
        old_origin, old, old_root = open_checkpoint(kept or proof.get("old_checkpoint", ""), key)
        if old_origin != origin or old != proof["old_size"]:
            raise Mismatch("the proof is about another checkpoint")
    except _UNREADABLE as fault:
        raise Unusable(f"this is not a proof: {fault}") from fault
    verify_consistency(old, size, hashes, old_root, root)
    return f"{origin} at size {size} begins with the log at size {old}"


def _say(line: str, *, error: bool = False) -> None:
    """One line: what was checked may hold any text, and must not be able to draw a verdict of its own."""
    shown = "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in line)
    (sys.stderr if error else sys.stdout).write(shown + "\n")


def _print(report: LedgerReport) -> None:
    _say(f"{report.origin}: {report.size} events, {report.checkpoints} checkpoints, root {report.root}")
    for note in report.notes:
        _say(f"note: {note}")
    first = report.first
    if first is None:
        _say(f"OK: every event fits its checkpoints; {report.consistency}")
        return
    where = f"event {first.index} {first.event}".rstrip() + ": " if first.exact else ""
    _say(f"BAD: {where}{first.text}")
    for flaw in report.flaws:
        if flaw is not first:
            _say(f"also: {f'event {flaw.index}: ' if flaw.exact else ''}{flaw.text}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an export of a Callgate ledger, or one proof.")
    parser.add_argument("export", nargs="?", type=Path, help="folder of the export")
    parser.add_argument("--key", default="", help="verifier key line, or a file that holds it")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint kept elsewhere")
    parser.add_argument("--proof", type=Path, help="check this proof instead of an export")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        text = options.key if "+" in options.key or not options.key else Path(options.key).read_text("utf-8")
        key = LogKey.parse(text) if text else None
        kept = options.checkpoint.read_text("utf-8") if options.checkpoint else ""
        if options.proof is None and options.export is not None:
            report = verify_export(options.export, key, kept)
            found = dataclasses.asdict(report) | {"ok": report.ok, "first": report.first and vars(report.first)}
            if options.json:
                _say(json.dumps(found))
            else:
                _print(report)
            return 0 if report.ok else 1
        if options.proof is None or key is None:
            raise Unusable("give an export folder, or --proof with --key")
        found = {"ok": True, "shown": verify_proof(options.proof.read_text("utf-8"), key, kept)}
    except (OSError, UnicodeDecodeError, Unusable) as fault:
        _say(f"unusable: {fault}", error=True)
        return 2
    except Mismatch as fault:
        found = {"ok": False, "shown": str(fault)}
    _say(json.dumps(found) if options.json else f"{'OK' if found['ok'] else 'BAD'}: {found['shown']}")
    return 0 if found["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
