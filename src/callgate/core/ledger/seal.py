"""What keeps personal values out of the ledger: commitments, tags, pseudonyms and sealed fields of one tenant.

Every key is used for one purpose: purposes are split off by keyed BLAKE2b with a label. A call's own random key seals its
fields and salts its commitments; deleting its wrapped form makes both unreadable for good, and the tree still
verifies. Randomness comes in as arguments; a nonce is 12 random bytes that are never used again.
"""

import base64
import datetime as dt
import functools
import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callgate.model.errors import IntegrityError

KEY = 32
NONCE = 12
_DAY_MS = 86_400_000
_CACHED = 16_384
_LONGEST_CACHED = 256
_LABEL = b"callgate/v1/"
_TIME_PREFIX = 11
"""Characters of an id that hold its time, for ``call-`` ids to about four minutes."""
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5C for value in range(256))
_sha256 = hashlib.sha256
_PREFIXES = {"person": "p-", "actor": "p-", "delegate": "p-", "target": "t-", "receipt": "r-", "reason": "r-"}


def _mac(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) with a 32-byte key; a third faster than ``hmac.digest`` on short data."""
    block = key + bytes(32)
    return _sha256(block.translate(_OUTER) + _sha256(block.translate(_INNER) + data).digest()).digest()


class _Mac:
    """HMAC-SHA256 under a key used many times: both of its first blocks are hashed once."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key + bytes(32)
        self._inner = _sha256(block.translate(_INNER))
        self._outer = _sha256(block.translate(_OUTER))

    def digest(self, data: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()


def _derive(key: bytes, label: bytes, data: bytes = b"") -> bytes:
    """A key of its own for one purpose: keyed BLAKE2b (RFC 7693), one pass where HMAC takes two."""
    return hashlib.blake2b(_LABEL + label + b"\x00" + data, key=key, digest_size=KEY).digest()


def _joined(*parts: bytes) -> bytes:
    """Length-prefixed, so that no two lists of parts give the same bytes."""
    return b"".join([len(part).to_bytes(4, "big") + part for part in parts])


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _open(cipher: AESGCM, data: bytes, context: bytes) -> bytes:
    try:
        return cipher.decrypt(data[:NONCE], data[NONCE:], context)
    except (InvalidTag, ValueError) as fault:
        raise IntegrityError("A sealed value cannot be opened: it or its context was changed.", code="seal") from fault


def _seal(cipher: AESGCM, nonce: bytes, plaintext: bytes, context: bytes) -> bytes:
    if len(nonce) != NONCE:
        raise IntegrityError("A nonce has 12 bytes.", code="seal")
    return nonce + cipher.encrypt(nonce, plaintext, context)


class Wrapper:
    """Encrypts call keys under a tenant's key-encryption key."""

    def __init__(self, kek: bytes) -> None:
        # A subkey per few minutes of calls: random nonces under one key are safe for 2**32 calls in all
        # (NIST SP 800-38D, 8.3), which a busy gate reaches within weeks.
        @functools.lru_cache(maxsize=64)
        def cipher(times: str) -> AESGCM:
            return AESGCM(_derive(kek, b"wrap", _text(times)))

        self._cipher = cipher

    def wrap(self, owner: str, key: bytes, nonce: bytes) -> bytes:
        return _seal(self._cipher(owner[:_TIME_PREFIX]), nonce, key, _text(owner))

    def unwrap(self, owner: str, wrapped: bytes) -> bytes:
        return _open(self._cipher(owner[:_TIME_PREFIX]), wrapped, _text(owner))


class CallKey:
    """The random key of one call (or of one event that belongs to no call)."""

    __slots__ = ("_cipher", "_key", "_wrapper")

    def __init__(self, key: bytes, wrapper: Wrapper) -> None:
        if len(key) != KEY:
            raise IntegrityError("A key has 32 bytes.", code="seal")
        self._key = key
        self._wrapper = wrapper
        self._cipher: AESGCM | None = None

    def __repr__(self) -> str:
        return "CallKey(…)"

    def wrapped(self, owner: str, nonce: bytes) -> bytes:
        """The key, encrypted for its row in the key database: nonce and ciphertext."""
        return self._wrapper.wrap(owner, self._key, nonce)

    def salt(self, field: str) -> bytes:
        """Salt of one field's commitment; shown to whoever is to check the commitment."""
        return _derive(self._key, b"commitment", _text(field))

    @property
    def cipher(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(_derive(self._key, b"seal"))
        return self._cipher


def commitment_of(salt: bytes, data: bytes) -> str:
    """HMAC-SHA256 of the data under its salt, hex: hides the data, binds to it."""
    return _mac(salt, data).hex()


class Sealer:
    """All keyed operations of one tenant, from its three 32-byte keys.

    ``kek`` wraps call keys and seals names, ``correlation`` makes tags, ``pseudonym`` makes pseudonyms.
    """

    def __init__(self, kek: bytes, correlation: bytes, pseudonym: bytes) -> None:
        if {len(kek), len(correlation), len(pseudonym)} != {KEY}:
            raise IntegrityError("A key has 32 bytes.", code="seal")
        self._wrapper = Wrapper(kek)
        self._names = AESGCM(_derive(kek, b"names"))
        self._equal = _Mac(_derive(correlation, b"equal"))
        months = _Mac(_derive(correlation, b"month"))
        kinds = {kind: _Mac(_derive(pseudonym, b"pseudonym", _text(kind))) for kind in _PREFIXES}

        # Caches per instance: a shared one would outlive the tenant's keys.
        @functools.lru_cache(maxsize=64)
        def month_key(day: int) -> _Mac:
            date = dt.datetime.fromtimestamp(day * 86_400, dt.UTC)
            return _Mac(months.digest(f"{date.year:04d}-{date.month:02d}".encode()))

        def pseudonym_of(kind: str, value: str) -> str:
            mac = kinds[kind].digest(_text(value))
            return _PREFIXES[kind] + base64.b32encode(mac[:20]).decode("ascii").lower()[:26]

        self._month_key = month_key
        self._fresh_pseudonym = pseudonym_of
        self._pseudonym = functools.lru_cache(maxsize=_CACHED)(pseudonym_of)

    def new_key(self, random32: bytes) -> CallKey:
        """A call key made of 32 fresh random bytes."""
        return CallKey(random32, self._wrapper)

    def unwrap(self, owner: str, wrapped: bytes) -> CallKey:
        """Raises IntegrityError when it is not this owner's key, or was changed."""
        return CallKey(self._wrapper.unwrap(owner, wrapped), self._wrapper)

    def commitment(self, key: CallKey, field: str, data: bytes) -> str:
        """Salted commitment to one field of the call, 64 hex characters."""
        return commitment_of(key.salt(field), data)

    def tag(self, data: bytes, at_ms: int) -> str:
        """Correlation tag, 64 hex characters: the same for equal data in one UTC month of one tenant."""
        return self._month_key(at_ms // _DAY_MS).digest(data).hex()

    def equal_tag(self, *parts: str | bytes) -> str:
        """Tag of a list of parts, 64 hex characters: says of rows whether they are alike, at any time."""
        joined = _joined(*[part if isinstance(part, bytes) else _text(part) for part in parts])
        return self._equal.digest(joined).hex()

    def pseudonym(self, kind: str, value: str) -> str:
        """``p-`` for kinds ``person``, ``actor``, ``delegate``, ``t-`` for ``target``, ``r-`` for ``receipt`` and ``reason``, then 26 base32 characters."""
        if kind not in _PREFIXES:
            raise IntegrityError("There is no such kind of pseudonym.", code="seal")
        if len(value) > _LONGEST_CACHED:
            return self._fresh_pseudonym(kind, value)
        return self._pseudonym(kind, value)

    def seal(self, key: CallKey, tenant: str, event: str, field: str, plaintext: bytes, nonce: bytes) -> bytes:
        """Nonce and AES-256-GCM ciphertext of one field, bound to tenant, event and field."""
        return _seal(key.cipher, nonce, plaintext, _joined(_text(tenant), _text(event), _text(field)))

    def open(self, key: CallKey, tenant: str, event: str, field: str, data: bytes) -> bytes:
        """Raises IntegrityError when the data or any of tenant, event and field is not what was sealed."""
        return _open(key.cipher, data, _joined(_text(tenant), _text(event), _text(field)))

    def seal_name(self, pseudonym: str, value: bytes, nonce: bytes) -> bytes:
        """What a pseudonym stands for, for its erasable row."""
        return _seal(self._names, nonce, value, _text(pseudonym))

    def open_name(self, pseudonym: str, data: bytes) -> bytes:
        """Raises IntegrityError when it is not this pseudonym's row."""
        return _open(self._names, data, _text(pseudonym))
