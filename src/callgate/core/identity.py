"""From the verified claims of a token to who calls (DESIGN section 5; RFC 7519, RFC 8693, RFC 8707, RFC 9068).

The signature was checked before. Here it is decided what the claims may mean: the tenant follows the issuer's
configuration, the runtime must be registered and must be open to the person, nested ``act`` is only recorded.
Every refusal is an AuthError; nothing falls back to something weaker.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from callgate.model.base import Fact
from callgate.model.errors import AuthError, ConfigError
from callgate.model.identity import Credential, Delegate, Initiator, Runtime

MAX_CHAIN = 8
MAX_TEXT = 512
LATEST_S = 1 << 42
"""Beyond any date that fits into milliseconds below 2**53."""


class IssuerRules(Fact, frozen=True):
    """What one issuer's tokens may mean here."""

    issuer: str
    tenant: str
    resource: str
    """Our base URL, without a trailing slash."""
    own: bool = False
    """Our own issuer: only its ``task`` and ``integrations`` claims count."""
    audiences: tuple[str, ...] = ()
    """Further audience values that mean the whole gate."""
    prefix: str = ""
    """Put before ``sub``, so that subjects of two issuers of one tenant never meet."""
    reserved: tuple[str, ...] = ()
    """Prefixes of the tenant's other issuers: a bare ``sub`` must not begin with one."""
    leeway_ms: int = 60_000
    """Clock difference allowed for ``exp``, ``nbf`` and ``iat``."""


class Runtimes:
    """The registered runtimes of one tenant, by every name that means them. Built once per bundle."""

    def __init__(self, runtimes: tuple[Runtime, ...]) -> None:
        self._named: dict[str, Runtime] = {}
        for runtime in runtimes:
            for name in dict.fromkeys((runtime.id, *runtime.client_ids)):
                if name in self._named:
                    raise ConfigError(
                        f"The name {name!r} means two runtimes: {self._named[name].id!r} and {runtime.id!r}.",
                        key="runtimes",
                    )
                self._named[name] = runtime

    def of(self, name: str) -> Runtime | None:
        return self._named.get(name)


def credential_id(issuer: str, unique: str) -> str:
    """32 hex characters, stable for one token. ``unique`` is its ``jti``, or the hash of its signed part."""
    return hashlib.sha256(f"{len(issuer)}:{issuer}{unique}".encode()).hexdigest()[:32]


def read_credential(
    claims: Mapping[str, Any], rules: IssuerRules, runtimes: Runtimes, signed: str, now_ms: int
) -> Credential:
    """The credential that these verified claims are.

    ``signed`` is a hash of the signed part, used when there is no ``jti``: of the signed part, because an ECDSA
    signature can be rewritten without the key and a revocation must still bite. ``expires_ms`` of the result
    includes the leeway: from then on the token is not taken. Raises AuthError with the codes of flow.ports.Tokens.
    """
    if claims.get("iss") != rules.issuer:
        raise AuthError("The token is of another issuer.", code="bad_issuer")
    _refuse_other_kinds(claims)
    issued_ms, expires_ms = _times(claims, rules.leeway_ms, now_ms)
    integrations = _integrations(claims, rules)
    initiator, runtime, chain = identify(claims, rules, runtimes)
    jti = _text(claims, "jti") if "jti" in claims else ""
    return Credential(
        id=credential_id(rules.issuer, f"jti:{jti}" if jti else f"sha256:{signed}"),
        initiator=initiator,
        runtime=runtime,
        chain=chain,
        issued_ms=issued_ms,
        expires_ms=expires_ms,
        task=_text(claims, "task") if rules.own and "task" in claims else "",
        integrations=integrations,
    )


def identify(
    claims: Mapping[str, Any], rules: IssuerRules, runtimes: Runtimes
) -> tuple[Initiator, Runtime, tuple[Delegate, ...]]:
    """Initiator, runtime and the delegation behind the runtime.

    The runtime is the outermost ``act`` (RFC 8693 section 4.1), else ``client_id`` or ``azp``; a broken ``act`` is
    refused, never passed over.
    """
    subject = _text(claims, "sub")
    if not rules.prefix and subject.startswith(rules.reserved):
        raise AuthError("The token's subject begins with the prefix of another issuer.", code="bad_issuer")
    subject = rules.prefix + subject
    name, chain = _runtime_name(claims)
    runtime = runtimes.of(name)
    if runtime is None:
        raise AuthError(
            "The token names no registered assistant runtime.",
            code="unknown_runtime",
            hint="Sign in through a registered runtime, or have Platform register this one.",
        )
    if "*" not in runtime.users and subject not in runtime.users:
        raise AuthError(
            "This person may not use this assistant runtime.",
            code="runtime_not_yours",
            hint="Ask Platform to be added to the runtime's users.",
        )
    shown = claims.get("name")
    initiator = Initiator(
        tenant=rules.tenant,
        issuer=rules.issuer,
        subject=subject,
        name=shown if isinstance(shown, str) and _printable(shown) else "",
    )
    return initiator, runtime, chain


def _refuse_other_kinds(claims: Mapping[str, Any]) -> None:
    """What the same issuer signs for other uses (RFC 8725 section 3.12): ID tokens and refresh tokens that carry no
    telling ``typ`` header, and tokens bound to a key of the client (RFC 7800, RFC 9449), which cannot be checked here.
    """
    if "at_hash" in claims or "c_hash" in claims or claims.get("typ") in ("ID", "Refresh", "Offline", "Logout"):
        raise AuthError(
            "This is not an access token.", code="malformed", hint="Send the access token, not an ID or refresh token."
        )
    if "cnf" in claims:
        raise AuthError("The token is bound to a key of its client, which this gate cannot check.", code="malformed")


def _printable(text: str) -> bool:
    return 0 < len(text) <= MAX_TEXT and text.isprintable()


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not _printable(value):
        raise AuthError(f"The token's `{name}` is missing or not a plain text.", code="malformed")
    return value


def _moment_ms(claims: Mapping[str, Any], name: str) -> int:
    """A NumericDate (RFC 7519 section 2), in milliseconds."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LATEST_S:
        raise AuthError(f"The token's `{name}` is missing or no time.", code="malformed")
    return int(value * 1000)


def _times(claims: Mapping[str, Any], leeway_ms: int, now_ms: int) -> tuple[int, int]:
    """(issued, expires including the leeway)."""
    issued_ms = _moment_ms(claims, "iat")
    expires_ms = _moment_ms(claims, "exp") + leeway_ms
    starts_ms = max(issued_ms, _moment_ms(claims, "nbf") if "nbf" in claims else 0)
    if now_ms >= expires_ms:
        raise expired()
    if starts_ms > now_ms + leeway_ms:
        raise AuthError(
            "The token is not valid yet.", code="not_yet", hint="Compare the clocks of this host and of the issuer."
        )
    return issued_ms, expires_ms


def expired() -> AuthError:
    return AuthError("The token has expired.", code="expired", hint="Sign in again.")


def _integrations(claims: Mapping[str, Any], rules: IssuerRules) -> tuple[str, ...]:
    """The integrations this token is good for; empty: all. What leaves none is refused."""
    narrowed = _audience(claims.get("aud"), rules)
    if not rules.own or "integrations" not in claims:
        return narrowed
    named = claims["integrations"]
    if not isinstance(named, list) or not named or not all(isinstance(one, str) and one for one in named):
        raise AuthError("The token's `integrations` is no list of names.", code="malformed")
    both = tuple(one for one in dict.fromkeys(named) if not narrowed or one in narrowed)
    if not both:
        raise _bad_audience()
    return both


def _audience(value: object, rules: IssuerRules) -> tuple[str, ...]:
    """RFC 7519 section 4.1.3 and RFC 8707: one of our URLs must be in it."""
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list) or not named or not all(isinstance(one, str) for one in named):
        raise AuthError("The token's `aud` is missing or not a list of texts.", code="malformed")
    endpoint = f"{rules.resource}/mcp"
    whole = {rules.resource, f"{rules.resource}/", endpoint, f"{endpoint}/", *rules.audiences}
    found: list[str] = []
    for one in named:
        if one in whole:
            return ()
        name = one.removeprefix(f"{endpoint}/").removesuffix("/")
        if one.startswith(f"{endpoint}/") and name and "/" not in name:
            found.append(name)
    if not found:
        raise _bad_audience()
    return tuple(dict.fromkeys(found))


def _bad_audience() -> AuthError:
    return AuthError(
        "The token is not meant for this gate.",
        code="bad_audience",
        hint="Ask the issuer for a token with this gate's URL as its audience (RFC 8707).",
    )


def _runtime_name(claims: Mapping[str, Any]) -> tuple[str, tuple[Delegate, ...]]:
    """(name to look up, delegation behind it). Names with spaces match nothing: a space joins a foreign actor's
    issuer and subject, so that only a runtime registered as exactly ``issuer subject`` takes it.
    """
    if "act" in claims:
        acting, *behind = _delegates(claims["act"])
        name = "" if " " in acting.issuer + acting.subject else acting.subject
        if name and acting.issuer not in {"", claims.get("iss")}:
            name = f"{acting.issuer} {acting.subject}"
        return name, tuple(behind)
    for claim in ("client_id", "azp"):
        if claim in claims:
            name = _text(claims, claim)
            return "" if " " in name else name, ()
    return "", ()


def _delegates(act: object) -> list[Delegate]:
    """The nested actors, outermost first; at least one."""
    found: list[Delegate] = []
    while True:
        if not isinstance(act, dict) or len(found) > MAX_CHAIN:
            raise AuthError(f"The token's `act` is no object, or nests over {MAX_CHAIN} deep.", code="malformed")
        found.append(Delegate(subject=_text(act, "sub"), issuer=_text(act, "iss") if "iss" in act else ""))
        if "act" not in act:
            return found
        act = act["act"]
