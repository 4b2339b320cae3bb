"""Session ids that clients of handshake eras hold: sealed to their owner, so that nobody else can use them."""

import base64
import binascii

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
MAX_SEALED = 2048
_KEPT = 4_096


class _Inside(msgspec.Struct, frozen=True, array_like=True):
    session: str
    protocol: str
    asks: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Inside).decode


class SessionSealer:
    """AES-256-GCM under one key; the owner is the associated data, so a foreign session does not open."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._opened: dict[tuple[tuple[str, ...], str], tuple[str, str, tuple[str, ...]]] = {}
        """What opened before, by owner and sealed text: a session comes with each call."""

    def seal(
        self, owner: tuple[str, ...], session: str, protocol: str, nonce: bytes, asks: tuple[str, ...] = ()
    ) -> str:
        """``asks``: what the client can be asked in this session."""
        inside = msgspec.json.encode(_Inside(session, protocol, asks))
        return _text(nonce + self._aead.encrypt(nonce, inside, _owner(owner)))

    def open(self, owner: tuple[str, ...], sealed: str) -> tuple[str, str, tuple[str, ...]] | None:
        """(session, protocol, asks); None: not ours or not this owner's."""
        known = self._opened.get((owner, sealed))
        if known is None:
            known = self._unsealed(owner, sealed)
            if known is not None:
                if len(self._opened) >= _KEPT:
                    self._opened.clear()
                self._opened[owner, sealed] = known
        return known

    def _unsealed(self, owner: tuple[str, ...], sealed: str) -> tuple[str, str, tuple[str, ...]] | None:
        if len(sealed) > MAX_SEALED or not sealed.isascii():
            return None
        try:
            data = base64.b64decode(sealed + "=" * (-len(sealed) % 4), b"-_", validate=True)
            if _text(data) != sealed:
                # Another spelling of the same bytes would be another session to whoever looks it up.
                return None
            inside = _decode(self._aead.decrypt(data[:_NONCE], data[_NONCE:], _owner(owner)))
        except (InvalidTag, ValueError, binascii.Error, msgspec.MsgspecError):
            return None
        return inside.session, inside.protocol, inside.asks


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _owner(parts: tuple[str, ...]) -> bytes:
    return msgspec.json.encode(parts)
