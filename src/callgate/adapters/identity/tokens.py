"""Bearer tokens of every known issuer (flow.ports.Tokens).

The hot path is one SHA-256 and a look into a bounded table: a token seen before costs no signature check until it
expires, the issuer's keys change, or the runtimes change. Revocation and halts are flow's, on every call.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from callgate.adapters.identity.jwks import FixedKeys, KeysFromFile, KeysFromUrl, KeySource, KeyTable
from callgate.adapters.identity.jws import MAX_TOKEN_BYTES, Algorithms, bad_algorithm, check_signature, read
from callgate.core.identity import IssuerRules, Runtimes, expired, read_credential
from callgate.flow.ports import Clock
from callgate.model.config import Config, IssuerConfig
from callgate.model.errors import AuthError
from callgate.model.identity import Credential

OWN_LEEWAY_MS = 5_000
REMEMBERED = 10_000
"""Verified tokens kept."""
REMEMBERED_BAD = 2_000
BAD_MS = 5_000
"""How long a refused token is answered from memory."""
POLL_SECONDS = 30
_DEAR = frozenset({"bad_signature", "bad_audience", "expired"})
"""Refusals found only after or by the signature check, which no change of runtimes heals."""

log = logging.getLogger(__name__)


class TrustedIssuer:
    """One issuer: what its tokens mean, how they may be signed, and where its keys come from."""

    def __init__(
        self, rules: IssuerRules, algorithms: Sequence[str], keys: KeySource, kinds: frozenset[str] = frozenset()
    ) -> None:
        """``kinds``: values of ``typ`` that are taken; empty: ``at+jwt`` (RFC 9068) and ``JWT``."""
        self.rules = rules
        self.algorithms = Algorithms(algorithms=tuple(algorithms))
        self.keys = keys
        self.kinds = kinds or frozenset({"at+jwt", "jwt"})


def own_issuer(
    issuer: str, tenant: str, resource: str, keys: KeyTable, reserved: tuple[str, ...] = ()
) -> TrustedIssuer:
    """Our own issuer: Ed25519, ``at+jwt`` only, and its ``task`` and ``integrations`` claims count."""
    rules = IssuerRules(
        issuer=issuer, tenant=tenant, resource=resource, own=True, reserved=reserved, leeway_ms=OWN_LEEWAY_MS
    )
    return TrustedIssuer(rules, ("Ed25519",), FixedKeys(keys), frozenset({"at+jwt"}))


def company_issuers(config: Config, home: Path) -> tuple[TrustedIssuer, ...]:
    """The issuers of the configuration. Raises ConfigError for a key file that cannot be used."""
    return tuple(_company_issuer(one, config, home) for one in config.issuers)


def reserved_prefixes(config: Config, tenant: str) -> tuple[str, ...]:
    """What a subject without a prefix must not begin with in this tenant."""
    return tuple(one.subject_prefix for one in config.issuers if one.tenant == tenant and one.subject_prefix)


def _company_issuer(one: IssuerConfig, config: Config, home: Path) -> TrustedIssuer:
    rules = IssuerRules(
        issuer=one.issuer,
        tenant=one.tenant,
        resource=config.resource,
        audiences=one.audiences,
        prefix=one.subject_prefix,
        reserved=reserved_prefixes(config, one.tenant),
    )
    keys: KeySource
    if one.jwks_file:
        keys = KeysFromFile(one.issuer, home / one.jwks_file, one.algorithms)
    else:
        keys = KeysFromUrl(one.issuer, one.jwks_url, one.algorithms, allow_http=one.allow_http)
    return TrustedIssuer(rules, one.algorithms, keys)


class _Good(NamedTuple):
    credential: Credential
    issuer: TrustedIssuer
    keys: KeyTable
    runtimes: Runtimes


class _Bad(NamedTuple):
    code: str
    message: str
    hint: str
    until_ms: int


class TokenVerifier:
    """Used from one event loop. ``runtimes`` gives a tenant's registered runtimes, the same object while unchanged."""

    def __init__(
        self,
        issuers: Sequence[TrustedIssuer],
        runtimes: Callable[[str], Runtimes],
        clock: Clock,
        *,
        remembered: int = REMEMBERED,
        remembered_bad: int = REMEMBERED_BAD,
    ) -> None:
        self._issuers = {one.rules.issuer: one for one in issuers}
        self._runtimes = runtimes
        self._clock = clock
        self._good: OrderedDict[bytes, _Good] = OrderedDict()
        self._bad: OrderedDict[bytes, _Bad] = OrderedDict()
        self._most_good = remembered
        self._most_bad = remembered_bad
        self._wanted = asyncio.Event()

    def verify(self, token: str, now_ms: int) -> Credential:
        """AuthError with a code of flow.ports.Tokens, or ``unknown_key``: the issuer's keys do not have this one
        (now); they are looked for in the background, so the same token may be good a moment later.
        """
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            raise AuthError("The token is longer than 16 KiB or not ASCII.", code="malformed")
        raw = token.encode()
        digest = hashlib.sha256(raw).digest()
        known = self._good.get(digest)
        if known is not None:
            if self._holds(known):
                if now_ms >= known.credential.expires_ms:
                    raise expired()
                self._good.move_to_end(digest)
                return known.credential
            del self._good[digest]
        return self._verify_new(raw, digest, now_ms)

    def _holds(self, known: _Good) -> bool:
        return known.issuer.keys.keys is known.keys and self._runtimes(known.issuer.rules.tenant) is known.runtimes

    def _verify_new(self, raw: bytes, digest: bytes, now_ms: int) -> Credential:
        refused = self._bad.get(digest)
        if refused is not None and now_ms < refused.until_ms:
            raise AuthError(refused.message, code=refused.code, hint=refused.hint)
        try:
            verified = self._check(raw, now_ms)
        except AuthError as fault:
            if fault.code in _DEAR:
                self._bad[digest] = _Bad(fault.code, fault.message, fault.hint, now_ms + BAD_MS)
                _bound(self._bad, self._most_bad)
            raise
        self._good[digest] = verified
        _bound(self._good, self._most_good)
        return verified.credential

    def _check(self, raw: bytes, now_ms: int) -> _Good:
        token = read(raw)
        named = token.claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise AuthError("The token's issuer is not trusted here.", code="bad_issuer")
        if token.algorithm not in (issuer.algorithms.allowed or ()):
            raise bad_algorithm()
        if token.kind not in issuer.kinds:
            raise AuthError("The token's `typ` is not that of an access token.", code="malformed")
        keys = issuer.keys.keys
        key = keys.find(token.kid, token.algorithm) if keys is not None else None
        if keys is None or key is None:
            raise self._unknown_key(issuer, now_ms)
        check_signature(token, key, issuer.algorithms)
        runtimes = self._runtimes(issuer.rules.tenant)
        credential = read_credential(token.claims, issuer.rules, runtimes, token.signed, now_ms)
        return _Good(credential, issuer, keys, runtimes)

    def _unknown_key(self, issuer: TrustedIssuer, now_ms: int) -> AuthError:
        looking = issuer.keys.want(now_ms)
        if looking:
            self._wanted.set()
        return AuthError(
            "The token is signed with a key that the issuer is not known to have.",
            code="unknown_key",
            hint="The issuer's keys are being fetched; try again in a few seconds." if looking else "Sign in again.",
        )

    async def refresh(self) -> None:
        """Look for new keys of every issuer for which it is time. Raises nothing for what an issuer did."""
        now_ms = self._clock.now_ms()
        due = [one.keys for one in self._issuers.values() if one.keys.due(now_ms)]
        await asyncio.gather(*(keys.refresh(now_ms) for keys in due))

    async def run(self) -> None:
        """Keep the keys fresh until cancelled."""
        while True:
            self._wanted.clear()
            await self.refresh()
            try:
                await asyncio.wait_for(self._wanted.wait(), POLL_SECONDS)
            except TimeoutError:
                continue


def _bound(table: OrderedDict[bytes, _Good] | OrderedDict[bytes, _Bad], most: int) -> None:
    while len(table) > most:
        table.popitem(last=False)
