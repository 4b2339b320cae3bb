"""Passphrases of local accounts (flow.ports.Passphrases): scrypt (RFC 7914) with its parameters beside the hash.

``$scrypt$ln=15,r=8,p=3$<salt>$<hash>``, base64 without padding. 2**15 * 8 * 128 bytes = 32 MiB for about a quarter
of a second: call it in a worker thread, one at a time.
"""

import base64
import hashlib
import hmac
import re
import unicodedata

from callgate.flow.ports import Entropy
from callgate.model.base import Fact
from callgate.model.errors import InputError

MIN_CHARACTERS = 10
MAX_BYTES = 1_024
SUGGESTED_BYTES = 10
"""Random bytes of one suggestion: 80 bits."""
_CONSONANTS = "bdfgjklmnprstvwz"
_VOWELS = "aeiu"
_ENCODED = re.compile(
    r"\$scrypt\$ln=(?P<ln>\d{1,2}),r=(?P<r>\d{1,2}),p=(?P<p>\d{1,2})"
    r"\$(?P<salt>[A-Za-z0-9+/]{22})\$(?P<hash>[A-Za-z0-9+/]{43})\Z"
)


class Cost(Fact, frozen=True):
    """scrypt's parameters; memory is 2**ln * r * 128 bytes, time grows with ``p`` too."""

    ln: int = 15
    r: int = 8
    p: int = 3

    @property
    def bearable(self) -> bool:
        """Nobody who can write a verifier can make checking it cost more than 256 MiB or 16 passes."""
        return 10 <= self.ln <= 18 and 1 <= self.r <= 8 and 1 <= self.p <= 16


class ScryptPassphrases:
    def __init__(self, entropy: Entropy, cost: Cost | None = None) -> None:
        self._entropy = entropy
        self._cost = cost or Cost()

    def make(self, passphrase: str) -> str:
        """The verifier to store. Raises InputError: ``passphrase_short``, ``passphrase_long``, ``passphrase_text``."""
        if len(passphrase) < MIN_CHARACTERS:
            raise InputError(f"A passphrase has at least {MIN_CHARACTERS} characters.", code="passphrase_short")
        if len(passphrase.encode(errors="replace")) > MAX_BYTES:
            raise InputError(f"A passphrase has at most {MAX_BYTES} bytes.", code="passphrase_long")
        data = _prepared(passphrase)
        if data is None:
            raise InputError("A passphrase has no control characters.", code="passphrase_text")
        salt = self._entropy.bytes(16)
        cost = self._cost
        return f"$scrypt$ln={cost.ln},r={cost.r},p={cost.p}${_text(salt)}${_text(_hash(data, salt, cost))}"

    def check(self, verifier: str, passphrase: str) -> bool:
        """Constant-time. As slow for an empty or unreadable verifier, and then False."""
        read = _ENCODED.match(verifier)
        cost = Cost(int(read["ln"]), int(read["r"]), int(read["p"])) if read else self._cost
        data = _prepared(passphrase)
        if read is None or data is None or not cost.bearable:
            _hash(b"", bytes(16), self._cost)
            return False
        found = _hash(data, _bytes(read["salt"]), cost)
        return hmac.compare_digest(found, _bytes(read["hash"]))


def suggest(random: bytes) -> str:
    """A passphrase that is easy to read out and to type: five made-up words, 80 bits from ten random bytes."""
    if len(random) < SUGGESTED_BYTES:
        raise ValueError(f"{SUGGESTED_BYTES} random bytes are needed")
    pairs = (int.from_bytes(random[at : at + 2], "big") for at in range(0, SUGGESTED_BYTES, 2))
    return "-".join(_word(pair) for pair in pairs)


def _word(bits: int) -> str:
    """16 bits as consonant, vowel, consonant, vowel, consonant."""
    letters = []
    for alphabet in (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _CONSONANTS):
        bits, at = divmod(bits, len(alphabet))
        letters.append(alphabet[at])
    return "".join(letters)


def _prepared(passphrase: str) -> bytes | None:
    """The OpaqueString profile (RFC 8265 section 4.2): other spaces become plain ones, then NFC. None when it is
    too long, or has control characters or half surrogates.
    """
    if len(passphrase) > MAX_BYTES or any(unicodedata.category(one) in {"Cc", "Cs"} for one in passphrase):
        return None
    spaced = "".join(" " if unicodedata.category(one) == "Zs" else one for one in passphrase)
    data = unicodedata.normalize("NFC", spaced).encode()
    return data if len(data) <= 3 * MAX_BYTES else None


def _hash(data: bytes, salt: bytes, cost: Cost) -> bytes:
    size = (1 << cost.ln) * cost.r * 128
    return hashlib.scrypt(data, salt=salt, n=1 << cost.ln, r=cost.r, p=cost.p, maxmem=size + (4 << 20), dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
