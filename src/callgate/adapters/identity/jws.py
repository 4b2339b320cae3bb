"""Reading a compact JWS (RFC 7515) so that nobody can read it differently, and checking its signature.

The key and the algorithm never come from the token: ``alg`` only selects within what the issuer may use (RFC 8725
section 3.1), ``jwk``, ``jku``, ``x5u``, ``x5c`` and ``x5t`` are not looked at.
"""

import hashlib
import re
from typing import Any

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jws import JWSRegistry, deserialize_compact, serialize_compact
from joserfc.util import urlsafe_b64decode

from callgate.adapters.identity.jwks import PublicKey
from callgate.core.jsonrpc import parse_strict
from callgate.model.base import Fact
from callgate.model.config import Algorithm
from callgate.model.errors import AuthError, MalformedCall

MAX_TOKEN_BYTES = 16 << 10
ASYMMETRIC = frozenset(Algorithm)
_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\Z")


class SignedToken(Fact, frozen=True):
    """A token as it says of itself: nothing in it is verified yet."""

    raw: bytes
    algorithm: str
    kid: str | None
    kind: str
    """``typ`` in small letters, without ``application/`` (RFC 7515 section 4.1.9)."""
    claims: dict[str, Any]
    signed: str
    """SHA-256 hex of the signed part."""


class Algorithms(JWSRegistry):
    """Only the algorithms given; the header was read before, so the library does not read it again for meaning."""

    max_header_length = MAX_TOKEN_BYTES
    max_signature_length = 2 << 10

    def check_header(self, header: dict[str, Any]) -> None:
        """Nothing: see ``read``."""

    def get_alg(self, name: str) -> JWSAlgModel:
        if not self.allowed or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


def read(raw: bytes) -> SignedToken:
    """Raises AuthError: ``malformed``, or ``bad_algorithm`` for none and anything symmetric."""
    if len(raw) > MAX_TOKEN_BYTES or not _COMPACT.match(raw):
        raise _malformed("The token is not three parts of base64url, at most 16 KiB in all.")
    parts = raw.split(b".")
    header = _object(parts[0])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ASYMMETRIC:
        raise bad_algorithm()
    if "crit" in header or "b64" in header:
        raise _malformed("The token's header demands an extension.")
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise _malformed("The token's `kid` is no text.")
    kind = header.get("typ")
    return SignedToken(
        raw=raw,
        algorithm=algorithm,
        kid=kid,
        kind=kind.lower().removeprefix("application/") if isinstance(kind, str) else "",
        claims=_object(parts[1]),
        signed=hashlib.sha256(parts[0] + b"." + parts[1]).hexdigest(),
    )


def check_signature(token: SignedToken, key: PublicKey, algorithms: Algorithms) -> None:
    """Raises AuthError ``bad_signature``."""
    try:
        deserialize_compact(token.raw, key, registry=algorithms)
    except (JoseError, ValueError) as fault:
        raise AuthError("The token's signature does not verify.", code="bad_signature") from fault


def sign(header: dict[str, Any], payload: bytes, key: PublicKey, algorithms: Algorithms) -> str:
    """A compact JWS by a private key."""
    return serialize_compact(header, payload, key, registry=algorithms)


def bad_algorithm() -> AuthError:
    return AuthError("The token is signed in a way that is not taken here.", code="bad_algorithm")


def _malformed(message: str) -> AuthError:
    return AuthError(message, code="malformed")


def _object(part: bytes) -> dict[str, Any]:
    try:
        return parse_strict(urlsafe_b64decode(part))
    except (MalformedCall, ValueError) as fault:
        raise _malformed("A part of the token is not base64url of one JSON object without double keys.") from fault
