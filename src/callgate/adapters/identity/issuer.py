"""Our own token issuer: Ed25519 access tokens in the JWT profile of RFC 9068, with ``act`` of RFC 8693."""

from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from callgate.adapters.identity.jwks import KeyTable
from callgate.adapters.identity.jws import Algorithms, sign
from callgate.core.identity import credential_id
from callgate.flow.ports import Entropy
from callgate.model.errors import AuthError, InputError
from callgate.model.identity import Account

ALGORITHM = "Ed25519"
JWKS_PATH = "/.well-known/jwks.json"


class TokenIssuer:
    """Implements flow.ports.Issuer. ``seed`` is the 32-byte private key, ``previous`` retired ones still verified."""

    def __init__(
        self, issuer: str, resource: str, seed: bytes, entropy: Entropy, *, previous: tuple[bytes, ...] = ()
    ) -> None:
        """``issuer`` and ``resource`` are URLs without a trailing slash; for the first tenant both are the base URL."""
        self.issuer = issuer
        self._resource = resource
        self._entropy = entropy
        self._key = _key(seed)
        self._public = tuple(_public(one) for one in (self._key, *map(_key, previous)))
        self._algorithms = Algorithms(algorithms=(ALGORITHM,))
        self._header = {"alg": ALGORITHM, "kid": self._key.thumbprint(), "typ": "at+jwt"}

    def issue(
        self, account: Account, runtime: str, *, task: str, integrations: tuple[str, ...], now_ms: int, expires_ms: int
    ) -> tuple[str, str]:
        """(token, credential id). Times are cut to whole seconds.

        Raises AuthError (``account_disabled``) and InputError (``bad_expiry``).
        """
        if account.disabled:
            raise AuthError("This account is disabled.", code="account_disabled")
        issued_s, expires_s = now_ms // 1000, expires_ms // 1000
        if expires_s <= issued_s:
            raise InputError("A token must expire after it is issued.", code="bad_expiry")
        jti = self._entropy.bytes(16).hex()
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": [f"{self._resource}/mcp/{one}" for one in integrations] or self._resource,
            "sub": account.subject,
            "client_id": runtime,
            "act": {"sub": runtime},
            "iat": issued_s,
            "exp": expires_s,
            "jti": jti,
        }
        claims |= {"name": account.name} if account.name else {}
        claims |= {"task": task} if task else {}
        claims |= {"integrations": integrations} if integrations else {}
        token = sign(dict(self._header), msgspec.json.encode(claims), self._key, self._algorithms)
        return token, credential_id(self.issuer, f"jti:{jti}")

    @property
    def keys(self) -> KeyTable:
        """What tokens of this issuer are verified with."""
        return KeyTable(self._public, (ALGORITHM,))

    def jwks(self) -> bytes:
        """The public keys as a JWK set (RFC 7517)."""
        listed = [one.as_dict(kid=one.thumbprint(), alg=ALGORITHM, use="sig") for one in self._public]
        return msgspec.json.encode({"keys": listed}, order="sorted")

    def metadata(self) -> bytes:
        """Authorization server metadata (RFC 8414): what exists, and no endpoint that does not.

        Arrays that would be empty are left out, as section 3.2 demands.
        """
        return msgspec.json.encode({"issuer": self.issuer, "jwks_uri": f"{self._resource}{JWKS_PATH}"})


def _key(seed: bytes) -> OKPKey:
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed))


def _public(key: OKPKey) -> OKPKey:
    return OKPKey.import_key(key.public_key, {"kid": key.thumbprint()})
