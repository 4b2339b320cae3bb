"""Verification keys of issuers: JWK sets (RFC 7517) held ready, read from a file or fetched in the background.

``keys`` is what the hot path sees: a table in memory, replaced whole. Nothing here waits while a token is verified.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from callgate.core.jsonrpc import parse_strict
from callgate.core.settings import check_url
from callgate.model.errors import CallgateError, ConfigError, MalformedCall, UpstreamError

MAX_SET_BYTES = 256 << 10
MAX_KEYS = 100
FETCH_SECONDS = 10
REFRESH_MS = 15 * 60_000
"""A set that came by URL is fetched again this often."""
RETRY_MS = 60_000
"""And at most this often, whatever asks for it."""
STALE_MS = 24 * 3_600_000
"""Keys that could not be confirmed for so long are no longer used."""
_RSA_MODULUS_CHARACTERS = 342
"""2048 bits in base64url."""

PublicKey = RSAKey | ECKey | OKPKey

log = logging.getLogger(__name__)


class KeyTable:
    """Keys by (key id, algorithm); immutable. ``source`` is a digest of what it was made from."""

    def __init__(self, keys: Iterable[PublicKey], algorithms: Sequence[str], source: str = "") -> None:
        self.source = source
        self._keys: dict[tuple[str, str], PublicKey] = {}
        self._all: dict[str, list[PublicKey]] = {}
        for key in keys:
            for algorithm in JWSRegistry.filter_algorithms(key, list(algorithms)):
                self._keys.setdefault((key.kid or "", algorithm.name), key)
                self._all.setdefault(algorithm.name, []).append(key)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key a token asks for. Without a ``kid``: the only key there is for the algorithm, if it is one."""
        if kid is not None:
            return self._keys.get((kid, algorithm)) if kid else None
        only = self._all.get(algorithm, ())
        return only[0] if len(only) == 1 else None


def parse_jwks(data: bytes, algorithms: Sequence[str]) -> KeyTable:
    """Public signature keys of a JWK set. Keys of other kinds are passed over (RFC 7517 section 5): symmetric ones,
    ones for encryption, private ones (nobody else may hold them), RSA below 2048 bits, unknown curves.

    Raises UpstreamError (``bad_keys``) when it is no JWK set or no key is left.
    """
    if len(data) > MAX_SET_BYTES:
        raise UpstreamError(f"The key set is larger than {MAX_SET_BYTES} bytes.", code="bad_keys")
    try:
        listed = parse_strict(data).get("keys")
    except MalformedCall as fault:
        raise UpstreamError("The key set is not JSON.", code="bad_keys") from fault
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise UpstreamError(f"A key set has `keys`, a list of at most {MAX_KEYS} keys.", code="bad_keys")
    keys = [key for one in listed if isinstance(one, dict) and (key := _public_key(one)) is not None]
    table = KeyTable(keys, algorithms, hashlib.sha256(data).hexdigest())
    if not table:
        raise UpstreamError(f"The key set has no usable public key for {', '.join(algorithms)}.", code="bad_keys")
    return table


def _public_key(jwk: dict[str, Any]) -> PublicKey | None:
    if "d" in jwk or jwk.get("use", "sig") != "sig":
        return None
    try:
        match jwk.get("kty"):
            case "RSA" if isinstance(jwk.get("n"), str) and len(jwk["n"]) >= _RSA_MODULUS_CHARACTERS:
                return RSAKey.import_key(jwk)
            case "EC":
                return ECKey.import_key(jwk)
            case "OKP" if jwk.get("crv") in {"Ed25519", "Ed448"}:
                return OKPKey.import_key(jwk)
            case _:
                return None
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        return None


class KeySource(Protocol):
    """Where the keys of one issuer come from."""

    @property
    def keys(self) -> KeyTable | None:
        """None: there are none yet, or they went stale."""

    def want(self, now_ms: int) -> bool:
        """A token names a key that is not here. True: it is worth looking again (then refresh soon)."""

    def due(self, now_ms: int) -> bool: ...

    async def refresh(self, now_ms: int) -> None:
        """Look again; on failure the old keys stay. Raises nothing for what the source did."""


class FixedKeys:
    """Keys that are known from the start: our own issuer's."""

    def __init__(self, keys: KeyTable) -> None:
        self.keys: KeyTable | None = keys

    def want(self, now_ms: int) -> bool:  # noqa: ARG002 - the port's signature
        return False

    def due(self, now_ms: int) -> bool:  # noqa: ARG002
        return False

    async def refresh(self, now_ms: int) -> None:
        """Nothing to look at."""


class _Refreshed:
    """When to look again, and which table holds until then."""

    def __init__(self, issuer: str, algorithms: Sequence[str]) -> None:
        self._issuer = issuer
        self._algorithms = tuple(algorithms)
        self.keys: KeyTable | None = None
        self._wanted = False
        self._tried_ms: int | None = None

    def want(self, now_ms: int) -> bool:
        self._wanted = True
        return self.due(now_ms)

    def due(self, now_ms: int) -> bool:
        if self._tried_ms is None or now_ms < self._tried_ms:
            return True
        wait = RETRY_MS if self._wanted or self.keys is None else REFRESH_MS
        return now_ms - self._tried_ms >= wait

    def _take(self, data: bytes) -> None:
        """Same bytes, same table: what was verified with it stays verified."""
        if self.keys is not None and self.keys.source == hashlib.sha256(data).hexdigest():
            return
        self.keys = parse_jwks(data, self._algorithms)
        log.info("keys of an issuer loaded", extra={"issuer": self._issuer, "keys": len(self.keys)})

    def _failed(self, fault: CallgateError) -> None:
        log.warning("keys of an issuer not loaded", extra={"issuer": self._issuer, "code": fault.code})


class KeysFromFile(_Refreshed):
    """A JWK set in a file, read again when its content changes."""

    def __init__(self, issuer: str, path: Path, algorithms: Sequence[str]) -> None:
        """Raises ConfigError when the file cannot be used."""
        super().__init__(issuer, algorithms)
        self._path = path
        try:
            self._take(self._read())
        except UpstreamError as fault:
            raise ConfigError(fault.message, file=str(path), key="keys") from fault

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                return file.read(MAX_SET_BYTES + 1)
        except OSError as fault:
            raise UpstreamError(f"The key set cannot be read: {fault.strerror}.", code="bad_keys") from fault

    async def refresh(self, now_ms: int) -> None:
        self._tried_ms, self._wanted = now_ms, False
        try:
            self._take(self._read())
        except UpstreamError as fault:
            self._failed(fault)


class KeysFromUrl(_Refreshed):
    """A JWK set at a URL: https, or http on a loopback address where that is configured. No redirect is followed."""

    def __init__(self, issuer: str, url: str, algorithms: Sequence[str], *, allow_http: bool = False) -> None:
        """Raises ConfigError for a URL that may not be fetched."""
        check_url(url, "jwks_url", allow_http=allow_http)
        super().__init__(issuer, algorithms)
        self._url = url
        self._confirmed_ms = 0

    async def refresh(self, now_ms: int) -> None:
        self._tried_ms, self._wanted = now_ms, False
        try:
            self._take(await self._fetch())
            self._confirmed_ms = now_ms
        except UpstreamError as fault:
            self._failed(fault)
            if now_ms - self._confirmed_ms >= STALE_MS:
                self.keys = None

    async def _fetch(self) -> bytes:
        import aiohttp  # noqa: PLC0415 - 0.2 s of a start and its memory, that only issuers with a URL pay

        timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
        headers = {"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers, auto_decompress=False) as client,
                client.get(self._url, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise UpstreamError(f"The key set's URL answered {answer.status}.", code="bad_keys")
                data = bytearray()
                async for piece in answer.content.iter_any():
                    data += piece
                    if len(data) > MAX_SET_BYTES:
                        raise UpstreamError(f"The key set is larger than {MAX_SET_BYTES} bytes.", code="bad_keys")
                return bytes(data)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            raise UpstreamError("The key set could not be fetched.", code="bad_keys") from fault
