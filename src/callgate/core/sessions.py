"""Session ids that clients of handshake eras hold: sealed to their owner, so that nobody else can use them."""

import msgspec

from callgate.core.sealing import TextSealer

MAX_SEALED = 2048
_KEPT = 4_096


class _Inside(msgspec.Struct, frozen=True, array_like=True):
    session: str
    protocol: str
    asks: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Inside).decode


class SessionSealer:
    """The owner is what a session is about, so a foreign one does not open."""

    def __init__(self, key: bytes) -> None:
        self._sealer = TextSealer(key, MAX_SEALED)
        self._opened: dict[tuple[tuple[str, ...], str], tuple[str, str, tuple[str, ...]]] = {}
        """What opened before, by owner and sealed text: a session comes with each call."""

    def seal(
        self, owner: tuple[str, ...], session: str, protocol: str, nonce: bytes, asks: tuple[str, ...] = ()
    ) -> str:
        """``asks``: what the client can be asked in this session."""
        inside = msgspec.json.encode(_Inside(session, protocol, asks))
        return self._sealer.seal(inside, _owner(owner), nonce)

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
        opened = self._sealer.open(sealed, _owner(owner))
        if opened is None:
            return None
        try:
            inside = _decode(opened)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return inside.session, inside.protocol, inside.asks


def _owner(parts: tuple[str, ...]) -> bytes:
    return msgspec.json.encode(parts)
