"""Signed notes (C2SP signed-note v1) and checkpoints (C2SP tlog-checkpoint), with Ed25519 keys.

A note is text that ends in a newline, an empty line, then signature lines ``— <name> base64(key id || signature)``.
A checkpoint is a note whose text is three lines: origin, tree size, base64 of the RFC 6962 root.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from callgate.core.ledger.tree import HASH, MAX_SIZE
from callgate.model.errors import IntegrityError

ED25519 = b"\x01"
"""Signature type of plain Ed25519 notes."""
MAX_NOTE = 1_000_000
"""Longest note that is read, in characters; sixteen post-quantum signatures fit."""

_SIGNATURE = re.compile(r"— (\S+) (\S+)", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def key_id(name: str, public_key: bytes) -> bytes:
    """Four bytes that name a key in a signature line."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes) -> str:
    """``<name>+<key id, hex>+<base64 of type and public key>``: what an auditor keeps."""
    _check_name(name)
    _check_public(public_key)
    return f"{name}+{key_id(name, public_key).hex()}+{encode64(ED25519 + public_key)}"


def parse_verifier_key(text: str) -> tuple[str, bytes]:
    """(name, public key) of a verifier key line. Raises IntegrityError."""
    name, _, rest = text.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    _check_name(name)
    raw = decode64(encoded)
    if raw[:1] != ED25519 or len(raw) != 1 + HASH or identity != key_id(name, raw[1:]).hex():
        raise IntegrityError("This is not an Ed25519 verifier key.", code="bad_key")
    return name, raw[1:]


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The signed part of a checkpoint."""
    if not origin or not origin.isprintable() or not 0 <= size <= MAX_SIZE or len(root) != HASH:
        raise IntegrityError("A checkpoint cannot be made of these values.", code="bad_checkpoint")
    return f"{origin}\n{size}\n{encode64(root)}\n"


def parse_checkpoint(text: str) -> tuple[str, int, bytes]:
    """(origin, size, root). Extension lines are allowed and ignored. Raises IntegrityError."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines) or not _SIZE.fullmatch(lines[1]):
        raise IntegrityError("This is not a checkpoint.", code="bad_checkpoint")
    size, root = int(lines[1]), decode64(lines[2])
    if size > MAX_SIZE or len(root) != HASH:
        raise IntegrityError("This is not a checkpoint.", code="bad_checkpoint")
    return lines[0], size, root


def sign_note(text: str, name: str, sign: Callable[[bytes], bytes], public_key: bytes) -> str:
    """The note with one signature. ``sign`` is Ed25519 over the text's bytes (RFC 8032)."""
    _check_name(name)
    _check_public(public_key)
    _check_text(text)
    if not text.endswith("\n"):
        raise IntegrityError("The text of a note ends with a newline.", code="bad_note")
    signature = sign(text.encode())
    return f"{text}\n— {name} {encode64(key_id(name, public_key) + signature)}\n"


def verify_note(note: str, name: str, public_key: bytes) -> str:
    """The note's text, if this key signed it; signatures of other keys are ignored. Raises IntegrityError."""
    _check_public(public_key)
    text, lines = _split(note)
    known, found = key_id(name, public_key), False
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        raw = decode64(match[2]) if match else b""
        if match is None or len(raw) < 5:
            raise IntegrityError("A signature line of the note is malformed.", code="bad_note")
        if match[1] != name or raw[:4] != known:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(raw[4:], text.encode())
        except InvalidSignature as fault:
            raise IntegrityError("The note's signature does not verify.", code="bad_signature") from fault
        found = True
    if not found:
        raise IntegrityError("The note is not signed by the expected key.", code="unknown_key")
    return text


def encode64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode64(text: str) -> bytes:
    """Standard base64 with padding, in its one canonical spelling. Raises IntegrityError."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise IntegrityError("A value is not base64.", code="bad_base64") from fault
    if encode64(data) != text:
        raise IntegrityError("A value is not base64 in its canonical spelling.", code="bad_base64")
    return data


def _split(note: str) -> tuple[str, list[str]]:
    """Text with its final newline, and signature lines. The last empty line divides them."""
    if len(note) > MAX_NOTE:
        raise IntegrityError("The note is too long.", code="bad_note")
    _check_text(note)
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise IntegrityError("This is not a signed note.", code="bad_note")
    return text + "\n", signatures[:-1].split("\n")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        raise IntegrityError("A note is UTF-8.", code="bad_note") from fault
    if any(character < " " and character != "\n" for character in text):
        raise IntegrityError("A note holds no control characters.", code="bad_note")


def _check_name(name: str) -> None:
    if not name or "+" in name or any(item.isspace() or item < " " or "\ud800" <= item <= "\udfff" for item in name):
        raise IntegrityError("A key's name is text without spaces and plus signs.", code="bad_key")


def _check_public(public_key: bytes) -> None:
    if len(public_key) != HASH:
        raise IntegrityError("An Ed25519 public key has 32 bytes.", code="bad_key")
