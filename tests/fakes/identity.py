"""A fixed clock, seeded entropy and a company issuer for tests of tokens."""

import hashlib

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import urlsafe_b64encode

from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.jwks import FixedKeys, parse_jwks
from callgate.adapters.identity.jws import Algorithms, sign
from callgate.adapters.identity.tokens import TokenVerifier, TrustedIssuer
from callgate.core.identity import IssuerRules, Runtimes
from callgate.model.errors import AuthError
from callgate.model.identity import Account, Runtime

NOW_MS = 1_800_000_000_000
NOW = NOW_MS // 1000
BASE = "http://127.0.0.1:8700"
COMPANY = "https://login.example"


class SeededEntropy:
    """Deterministic, never repeats."""

    def __init__(self, seed: str = "seed") -> None:
        self._seed = seed
        self._count = 0

    def bytes(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed}:{self._count}".encode()).digest(size)


class SetClock:
    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        return self.ms

    def monotonic_us(self) -> int:
        return self.ms * 1000


class Company:
    """Another issuer: signs what a test wants it to, rightly or wrongly."""

    def __init__(self, kind: str = "EC") -> None:
        self.kind = kind
        if kind == "EC":
            self.key, self.algorithm = ECKey.generate_key("P-256"), "ES256"
        elif kind == "RSA":
            self.key, self.algorithm = RSAKey.generate_key(2048), "RS256"
        else:
            self.key, self.algorithm = OKPKey.import_key(Ed25519PrivateKey.generate()), "EdDSA"
        self.kid = f"{kind.lower()}-1"

    def jwks(self, *further: dict) -> bytes:
        return msgspec.json.encode({"keys": [self.key.as_dict(kid=self.kid, use="sig"), *further]})

    def claims(self, **changes: object) -> dict:
        """Good claims; a value of None takes one away."""
        good = {
            "iss": COMPANY,
            "aud": BASE,
            "sub": "ana",
            "client_id": "codex",
            "iat": NOW - 10,
            "exp": NOW + 600,
            "jti": "token-1",
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def token(self, header: dict | None = None, payload: bytes | None = None, **changes: object) -> str:
        head = {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt"} | (header or {})
        head = {name: value for name, value in head.items() if value is not None}
        body = msgspec.json.encode(self.claims(**changes)) if payload is None else payload
        return sign(head, body, self.key, Algorithms(algorithms=(head["alg"],)))


def encode(value: object) -> str:
    return urlsafe_b64encode(value if isinstance(value, bytes) else msgspec.json.encode(value)).decode()


RUNTIMES = Runtimes((Runtime(id="codex"), Runtime(id="robot", users=("ben",))))
ANA = Account(subject="ana", name="Ana", team="web", verifier="", created_ms=0)
ALGORITHMS = ("ES256", "RS256", "EdDSA")


def company_issuer(company, algorithms=ALGORITHMS):
    rules = IssuerRules(issuer=COMPANY, tenant="main", resource=BASE, prefix="corp:")
    return TrustedIssuer(rules, algorithms, FixedKeys(parse_jwks(company.jwks(), algorithms)))


def local_issuer(seed=bytes(32)):
    return TokenIssuer(BASE, BASE, seed, SeededEntropy())


def verifier(*issuers, runtimes=lambda tenant: RUNTIMES, **sizes):
    return TokenVerifier(issuers, runtimes, SetClock(), **sizes)


def code_of(checked, token, now_ms=NOW_MS):
    with pytest.raises(AuthError) as caught:
        checked.verify(token, now_ms)
    assert len(token) < 40 or token[:40] not in f"{caught.value} {caught.value.hint}"
    return caught.value.code


def issue(issuer, **changes):
    asked = {"task": "", "integrations": (), "now_ms": NOW_MS, "expires_ms": NOW_MS + 600_000} | changes
    return issuer.issue(ANA, "codex", **asked)
