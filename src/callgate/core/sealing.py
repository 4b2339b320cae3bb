"""Texts that clients keep for the gate: nobody else can make, read or change one, or use it for something else."""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class TextSealer:
    """AES-256-GCM (NIST SP 800-38D) under one key, as base64url without padding (RFC 4648)."""

    def __init__(self, key: bytes, limit: int) -> None:
        """``limit``: characters of a sealed text that are looked at."""
        self._aead = AESGCM(key)
        self._limit = limit

    def seal(self, inside: bytes, about: bytes, nonce: bytes) -> str:
        """``about``: what it opens for alone. ``nonce``: 12 random bytes, used once."""
        return _text(nonce + self._aead.encrypt(nonce, inside, about))

    def open(self, sealed: str, about: bytes) -> bytes | None:
        """None: not ours, changed, or about something else."""
        if len(sealed) > self._limit or not sealed.isascii():
            return None
        try:
            data = base64.b64decode(sealed + "=" * (-len(sealed) % 4), b"-_", validate=True)
            if _text(data) != sealed:
                # Another spelling of the same bytes is not what was given out, and would be another text to whoever
                # looks it up.
                return None
            return self._aead.decrypt(data[:_NONCE], data[_NONCE:], about)
        except (InvalidTag, ValueError, binascii.Error):
            return None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
