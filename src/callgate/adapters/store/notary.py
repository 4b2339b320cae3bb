"""When a checkpoint is due, and how it is signed."""

from collections.abc import Callable

from callgate.core.ledger.note import checkpoint_text, sign_note
from callgate.model.store import CheckpointRow

EVERY_US = 1_000_000
EVERY_LEAVES = 1_000


class Notary:
    """Signs the head of one log: a second after the first unsigned leaf, or when 1,000 leaves are unsigned.

    ``origin`` is the checkpoint's origin line and the key's name; ``sign`` signs with Ed25519 under ``public_key``.
    """

    def __init__(self, origin: str, sign: Callable[[bytes], bytes], public_key: bytes, signed: int) -> None:
        self._origin = origin
        self._sign = sign
        self._public_key = public_key
        self.signed = signed
        """Size of the newest signed checkpoint."""
        self._since_us: int | None = None

    def due(self, size: int, now_us: int) -> bool:
        if size <= self.signed:
            self._since_us = None
            return False
        if self._since_us is None:
            self._since_us = now_us
        return size - self.signed >= EVERY_LEAVES or now_us - self._since_us >= EVERY_US

    def wait_s(self, now_us: int) -> float | None:
        """Seconds until the leaves last seen by ``due`` want a checkpoint; None: there are none."""
        return None if self._since_us is None else max(0, self._since_us + EVERY_US - now_us) / 1e6

    def put_off(self, now_us: int) -> None:
        """It could not be written: try again in a second."""
        self._since_us = now_us

    def note(self, size: int, root: bytes, at_ms: int) -> CheckpointRow:
        text = checkpoint_text(self._origin, size, root)
        return CheckpointRow(size=size, at_ms=at_ms, note=sign_note(text, self._origin, self._sign, self._public_key))

    def done(self, size: int) -> None:
        """The checkpoint of this size is durable."""
        self.signed = size
        self._since_us = None
