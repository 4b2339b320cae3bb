r"""A backup in one file: named members in a stream of frames, signed as a whole, encrypted under a passphrase or not.

    callgate-backup 1\n
    header      4 bytes of length, JSON: when, and how the key follows from the passphrase
    frames      4 bytes of length (top bit: the last one), payload; each but the last holds 1 MiB of the stream
    last frame  Ed25519 signature of the digest of header and stream

Encrypted, each payload is AES-256-GCM under a key of this file alone, the nonce is its number and whether it is the
last, and the header is authenticated with it (the STREAM construction, https://eprint.iacr.org/2015/189): a frame
that was changed, moved, doubled or left out does not open. The stream holds members, one after another: 2 bytes of
length, JSON with name and size, the bytes; a length of 0 ends it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, BinaryIO, NamedTuple, NoReturn

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta

from callgate.model.base import Fact
from callgate.model.errors import InputError

MAGIC = b"callgate-backup 1\n"
FRAME = 1 << 20
SIGNATURE = 64
MAX_HEADER = 4096
MAX_NAME = 4096
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that nobody encoded."""
_LAST = 1 << 31
_TAG = 16
_CONTEXT = b"callgate-backup-v1\0"


class Derivation(Fact, frozen=True):
    """scrypt (RFC 7914); memory is 2**ln * r * 128 bytes."""

    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    """16 bytes, hex."""
    ln: int = 17
    r: int = 8
    p: int = 1

    def key(self, passphrase: str) -> bytes:
        """InputError when nobody could bear the cost, so it is not ours."""
        if not (14 <= self.ln <= 20 and self.r == 8 and 1 <= self.p <= 4):
            damaged("its header asks for a key that no backup has")
        size = (1 << self.ln) * self.r * 128
        salt = bytes.fromhex(self.salt)
        return hashlib.scrypt(
            passphrase.encode(), salt=salt, n=1 << self.ln, r=self.r, p=self.p, maxmem=size + (4 << 20), dklen=32
        )


class ArchiveHeader(Fact, frozen=True):
    created_ms: int
    version: str
    """Of the Callgate that wrote it."""
    derivation: Derivation | None = None
    """None: not encrypted."""


class Member(NamedTuple):
    name: str
    size: int


def damaged(what: str) -> NoReturn:
    raise InputError(f"This backup cannot be used: {what}.", code="bad_backup", hint="Nothing was restored.")


def signed_text(digest: bytes) -> bytes:
    """What the last frame's signature is over. No checkpoint begins like this, so neither passes for the other."""
    return _CONTEXT + digest


class ArchiveWriter:
    """Writes to ``file`` from its start. OSError as the file raises it."""

    def __init__(self, file: BinaryIO, header: ArchiveHeader, passphrase: str = "") -> None:
        self._file = file
        raw = msgspec.json.encode(header)
        self._bound = hashlib.sha256(raw).digest()
        self._cipher = AESGCM(header.derivation.key(passphrase)) if header.derivation is not None else None
        self._hash = hashlib.sha256(self._bound)
        self._waiting = bytearray()
        self._number = 0
        file.write(MAGIC + len(raw).to_bytes(4, "big") + raw)

    def add(self, member: Member, parts: Iterable[bytes]) -> None:
        """ValueError when the parts are not as long as the member says."""
        raw = msgspec.json.encode(member)
        self._write(len(raw).to_bytes(2, "big") + raw)
        left = member.size
        for part in parts:
            left -= len(part)
            self._write(part)
        if left:
            raise ValueError(f"{member.name} is not as long as it was")

    def end(self, sign: Callable[[bytes], bytes]) -> None:
        self._write(bytes(2))
        if self._waiting:
            self._frame(bytes(self._waiting), last=False)
        self._frame(sign(signed_text(self._hash.digest())), last=True)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._waiting += data
        while len(self._waiting) >= FRAME:
            self._frame(bytes(self._waiting[:FRAME]), last=False)
            del self._waiting[:FRAME]

    def _frame(self, payload: bytes, *, last: bool) -> None:
        if self._cipher is not None:
            payload = self._cipher.encrypt(_nonce(self._number, last=last), payload, self._bound)
        self._number += 1
        self._file.write((len(payload) | (_LAST if last else 0)).to_bytes(4, "big") + payload)


class ArchiveReader:
    """Reads what ``ArchiveWriter`` wrote. InputError ``bad_backup`` for anything else; a wrong passphrase is
    ``wrong_passphrase``.
    """

    def __init__(self, file: BinaryIO, passphrase: Callable[[], str]) -> None:
        """``passphrase`` is asked when it is encrypted."""
        self._file = file
        if self._exactly(len(MAGIC)) != MAGIC:
            damaged("it is no backup of Callgate, or of a newer one")
        size = int.from_bytes(self._exactly(4), "big")
        if size > MAX_HEADER:
            damaged("its header is too long")
        raw = self._exactly(size)
        try:
            self.header = msgspec.json.decode(raw, type=ArchiveHeader)
        except UNREADABLE:
            damaged("its header cannot be read")
        self._bound = hashlib.sha256(raw).digest()
        derivation = self.header.derivation
        self._cipher = AESGCM(derivation.key(passphrase())) if derivation is not None else None
        self._hash = hashlib.sha256(self._bound)
        self._ready = b""
        self._at = 0
        self._number = 0
        self._signature = b""

    def members(self) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Each with its bytes, which are to be read before the next one."""
        while size := int.from_bytes(self._take(2), "big"):
            if size > MAX_NAME:
                damaged("the name of a member is too long")
            try:
                member = msgspec.json.decode(self._take(size), type=Member)
            except UNREADABLE:
                damaged("the name of a member cannot be read")
            if member.size < 0:
                damaged("a member has no size")
            yield member, self._parts(member.size)

    def end(self) -> None:
        """After the last member: nothing follows but the signature."""
        if self._at != len(self._ready) or self._next() or len(self._signature) != SIGNATURE:
            damaged("it does not end where it should")
        if self._file.read(1):
            damaged("something follows its end")

    def check_signature(self, public: bytes) -> None:
        """Ed25519, after ``end``. Nothing of the stream may be used before it holds."""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(self._signature, signed_text(self._hash.digest()))
        except InvalidSignature:
            damaged("it was changed after it was made, or made with another key")

    def _parts(self, size: int) -> Iterator[bytes]:
        while size:
            part = self._take(min(size, FRAME))
            size -= len(part)
            yield part

    def _take(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            if self._at == len(self._ready) and not self._next():
                damaged("it is cut off")
            part = self._ready[self._at : self._at + size - len(found)]
            self._at += len(part)
            found += part
        self._hash.update(found)
        return found

    def _next(self) -> bool:
        """Make the next frame ready; False: it was the last one, which is the signature."""
        if self._signature:
            damaged("it is cut off")
        size = int.from_bytes(self._exactly(4), "big")
        last, size = bool(size & _LAST), size & ~_LAST
        tag = _TAG if self._cipher is not None else 0
        if not tag < size <= (SIGNATURE if last else FRAME) + tag:
            damaged("a part has a length that no part has")
        payload = self._exactly(size)
        if self._cipher is not None:
            payload = self._opened(payload, last=last)
        self._number += 1
        if last:
            self._signature = payload
            return False
        self._ready, self._at = payload, 0
        return True

    def _opened(self, payload: bytes, *, last: bool) -> bytes:
        assert self._cipher is not None
        try:
            return self._cipher.decrypt(_nonce(self._number, last=last), payload, self._bound)
        except InvalidTag as fault:
            if self._number == 0:
                raise InputError(
                    "The passphrase is wrong, or the backup was changed at its beginning.",
                    code="wrong_passphrase",
                    hint="Nothing was restored.",
                ) from fault
            damaged(f"part {self._number + 1} was changed, moved or left out")

    def _exactly(self, size: int) -> bytes:
        found = self._file.read(size)
        if len(found) != size:
            damaged("it is cut off")
        return found


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
