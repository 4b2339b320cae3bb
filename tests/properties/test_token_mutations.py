"""No mutation of a valid token verifies: neither as text, nor by member."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.adapters.identity.jwks import FixedKeys, parse_jwks
from callgate.adapters.identity.tokens import TokenVerifier, TrustedIssuer
from callgate.core.identity import IssuerRules, Runtimes
from callgate.model.errors import AuthError
from callgate.model.identity import Runtime
from tests.fakes.identity import BASE, COMPANY, NOW_MS, Company, SetClock, encode

CODES = {
    "expired", "not_yet", "bad_signature", "bad_issuer", "bad_audience", "bad_algorithm", "unknown_runtime",
    "runtime_not_yours", "malformed", "unknown_key",
}  # fmt: skip
ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
COMPANIES = [Company("EC"), Company("RSA"), Company("OKP")]
RUNTIMES = Runtimes((Runtime(id="codex"),))
TEXT = st.text(
    alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0é", min_size=1, max_size=6
)


def verifier(company):
    rules = IssuerRules(issuer=COMPANY, tenant="main", resource=BASE)
    issuer = TrustedIssuer(rules, ALGORITHMS, FixedKeys(parse_jwks(company.jwks(), ALGORITHMS)))
    return TokenVerifier([issuer], lambda tenant: RUNTIMES, SetClock())


READY = [(verifier(company), company.token()) for company in COMPANIES]


def refused(checked, token):
    with pytest.raises(AuthError) as caught:
        checked.verify(token, NOW_MS)
    assert caught.value.code in CODES


def test_the_unchanged_ones_verify():
    assert {checked.verify(token, NOW_MS).runtime.id for checked, token in READY} == {"codex"}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(READY), st.data())
def test_no_changed_text_verifies(ready, data):
    checked, token = ready
    start = data.draw(st.integers(0, len(token)))
    end = data.draw(st.integers(start, min(len(token), start + 6)))
    changed = token[:start] + data.draw(TEXT | st.just("")) + token[end:]
    if changed != token:
        refused(checked, changed)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from([BASE, COMPANY, "codex", "none"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(READY),
    st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "act", "client_id", "task", "integrations", "jti", "x"]),
    JSON,
)
def test_no_changed_claim_verifies(ready, claim, value):
    checked, token = ready
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = encode(json.dumps(claims | {claim: value}).encode())
    if changed != payload:
        refused(checked, f"{head}.{changed}.{signature}")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(READY),
    st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "x5u", "cty"]),
    JSON,
)
def test_no_changed_header_verifies(ready, member, value):
    checked, token = ready
    head, payload, signature = token.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    changed = encode(json.dumps(header | {member: value}).encode())
    if changed != head:
        refused(checked, f"{changed}.{payload}.{signature}")


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_signed_payload_is_a_credential_or_a_refusal(value):
    company, (checked, _) = COMPANIES[2], READY[2]
    claims = company.claims() | (value if isinstance(value, dict) else {"act": value})
    try:
        found = checked.verify(company.token(payload=json.dumps(claims).encode()), NOW_MS)
    except AuthError as fault:
        assert fault.code in CODES
    else:
        assert found.initiator.tenant == "main"
        assert found.runtime.id == "codex"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused_with_a_code(text):
    refused(READY[0][0], text)
