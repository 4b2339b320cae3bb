"""Tokens of our own issuer and of a company's, good and bad: each bad one with its own code."""

import base64
import hashlib
import hmac
import json

import pytest
from joserfc.jwk import OctKey

from callgate.adapters.identity.issuer import TokenIssuer
from callgate.adapters.identity.jwks import FixedKeys, KeyTable, parse_jwks
from callgate.adapters.identity.tokens import TrustedIssuer, own_issuer
from callgate.core.identity import IssuerRules
from tests.fakes.identity import (
    ALGORITHMS,
    BASE,
    COMPANY,
    NOW,
    NOW_MS,
    Company,
    SeededEntropy,
    code_of,
    company_issuer,
    encode,
    issue,
    local_issuer,
    verifier,
)


@pytest.fixture(scope="module")
def company():
    return Company()


@pytest.fixture
def checked(company):
    return verifier(company_issuer(company))


# --- good ones


def test_our_own_token():
    issuer = local_issuer()
    checked = verifier(own_issuer(BASE, "main", BASE, issuer.keys))
    token, known_as = issue(issuer, task="t-1", integrations=("git",))
    found = checked.verify(token, NOW_MS)
    assert found.id == known_as
    assert (found.task, found.integrations, found.runtime.id) == ("t-1", ("git",), "codex")
    assert (found.initiator.tenant, found.initiator.issuer, found.initiator.name) == ("main", BASE, "Ana")


@pytest.mark.parametrize("kind", ["EC", "RSA", "OKP"])
def test_a_company_token(kind):
    company = Company(kind)
    found = verifier(company_issuer(company)).verify(company.token(), NOW_MS)
    assert found.initiator.subject == "corp:ana"
    assert found.initiator.issuer == COMPANY


def test_a_retired_key_of_ours_still_verifies_until_it_is_taken_away():
    old = local_issuer()
    token, _ = issue(old)
    both = TokenIssuer(BASE, BASE, b"\1" * 32, SeededEntropy(), previous=(bytes(32),))
    assert verifier(own_issuer(BASE, "main", BASE, both.keys)).verify(token, NOW_MS)
    alone = TokenIssuer(BASE, BASE, b"\1" * 32, SeededEntropy())
    assert code_of(verifier(own_issuer(BASE, "main", BASE, alone.keys)), token) == "unknown_key"


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "application/jwt"])
def test_kinds_of_access_tokens(checked, company, kind):
    assert checked.verify(company.token({"typ": kind}), NOW_MS)


@pytest.mark.parametrize("kind", [None, "id_token+jwt", "logout+jwt", 7, "secevent+jwt", ""])
def test_kinds_of_other_tokens(checked, company, kind):
    assert code_of(checked, company.token({"typ": kind})) == "malformed"


def test_our_own_issuer_takes_only_access_tokens():
    issuer = local_issuer()
    checked = verifier(own_issuer(BASE, "main", BASE, issuer.keys))
    token, _ = issue(issuer)
    head, payload, _ = token.split(".")
    other = encode(json.loads(base64.urlsafe_b64decode(head + "==")) | {"typ": "JWT"})
    signature = issuer._key.private_key.sign(f"{other}.{payload}".encode())
    assert checked.verify(token, NOW_MS)
    assert code_of(checked, f"{other}.{payload}.{encode(signature)}") == "malformed"


# --- bad ones


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"exp": NOW - 61}, "expired"),
        ({"nbf": NOW + 120}, "not_yet"),
        ({"iat": NOW + 120}, "not_yet"),
        ({"iss": "https://evil.example"}, "bad_issuer"),
        ({"iss": None}, "bad_issuer"),
        ({"aud": "https://else.example"}, "bad_audience"),
        ({"client_id": None}, "unknown_runtime"),
        ({"client_id": "nobody"}, "unknown_runtime"),
        ({"client_id": "robot"}, "runtime_not_yours"),
        ({"sub": None}, "malformed"),
        ({"act": "codex"}, "malformed"),
        ({"exp": None}, "malformed"),
    ],
)
def test_signed_claims_that_do_not_do(checked, company, changes, code):
    assert code_of(checked, company.token(**changes)) == code


def unsigned(header, claims):
    return f"{encode(header)}.{encode(claims)}."


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_none(checked, company, name):
    token = unsigned({"alg": name, "kid": company.kid, "typ": "at+jwt"}, company.claims())
    assert code_of(checked, token) == "bad_algorithm"


@pytest.mark.parametrize("form", ["pem", "jwk", "raw"])
def test_hmac_with_the_public_key(checked, company, form):
    public = {
        "pem": company.key.as_pem(private=False),
        "jwk": json.dumps(company.key.as_dict(private=False)).encode(),
        "raw": company.jwks(),
    }[form]
    signed = f"{encode({'alg': 'HS256', 'kid': company.kid, 'typ': 'at+jwt'})}.{encode(company.claims())}"
    tag = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    assert code_of(checked, f"{signed}.{encode(tag)}") == "bad_algorithm"


def test_no_list_of_algorithms_makes_none_or_hmac_good():
    shared = OctKey.generate_key(256)
    lax = ("none", "HS256", "ES256")
    rules = IssuerRules(issuer=COMPANY, tenant="main", resource=BASE)
    checked = verifier(TrustedIssuer(rules, lax, FixedKeys(KeyTable([shared], lax))))
    head = {"alg": "HS256", "typ": "at+jwt"}
    signed = f"{encode(head)}.{encode(Company().claims())}"
    tag = hmac.new(shared.raw_value, signed.encode(), hashlib.sha256).digest()
    assert code_of(checked, f"{signed}.{encode(tag)}") == "bad_algorithm"
    assert code_of(checked, unsigned({"alg": "none", "typ": "at+jwt"}, Company().claims())) == "bad_algorithm"


@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "ES256K", "A128KW", "dir", "RSA-OAEP", "Ed25519", "PS256", 7])
def test_other_algorithms(checked, company, algorithm):
    signed = f"{encode({'alg': algorithm, 'kid': company.kid, 'typ': 'at+jwt'})}.{encode(company.claims())}"
    assert code_of(checked, f"{signed}.{encode(bytes(64))}") == "bad_algorithm"


def test_an_allowed_algorithm_on_a_key_of_another_kind(checked, company):
    _, payload, signature = company.token().split(".")
    for algorithm in ("RS256", "EdDSA"):
        header = encode({"alg": algorithm, "kid": company.kid, "typ": "at+jwt"})
        assert code_of(checked, f"{header}.{payload}.{signature}") == "unknown_key"


def test_a_symmetric_key_in_the_set_is_no_key(company):
    shared = OctKey.generate_key(256)
    listed = company.jwks(shared.as_dict(private=True, kid="shared") | {"alg": "ES256"})
    table = parse_jwks(listed, (*ALGORITHMS, "HS256"))
    assert table.find("shared", "ES256") is None
    assert table.find("shared", "HS256") is None
    assert table.find(company.kid, "ES256") is not None


def attacker_headers(attacker):
    public = attacker.key.as_dict(private=False)
    return [
        {"jwk": public},
        {"jwk": public, "kid": None},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/chain"},
        {"x5c": [base64.b64encode(b"certificate").decode()]},
        {"x5t": "thumbprint", "x5t#S256": "thumbprint"},
        {"jku": 7, "jwk": "no key", "x5c": "no list"},
    ]


@pytest.mark.parametrize("place", range(7))
def test_keys_in_the_header_are_never_used(checked, company, place):
    attacker = Company()
    attacker.kid = company.kid
    header = attacker_headers(attacker)[place]
    head = {"alg": "ES256", "kid": company.kid, "typ": "at+jwt"} | header
    head = {name: value for name, value in head.items() if value is not None}
    assert code_of(checked, raw_token(attacker, head)) == "bad_signature"
    if head.get("kid"):
        assert checked.verify(raw_token(company, head), NOW_MS).runtime.id == "codex"


def raw_token(signer, head, payload=None):
    """Signed over exactly these bytes, past the library's own checks."""
    body = encode(signer.claims()) if payload is None else encode(payload)
    signed = f"{encode(head)}.{body}"
    model = __import__("joserfc.jws").jws.JWSRegistry.algorithms[head["alg"]]
    return f"{signed}.{encode(model.sign(signed.encode(), signer.key))}"


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": True}]
)
def test_critical_headers_are_refused(checked, company, header):
    head = {"alg": "ES256", "kid": company.kid, "typ": "at+jwt"} | header
    assert code_of(checked, raw_token(company, head)) == "malformed"


def test_an_unknown_header_that_is_not_critical_is_passed_over(checked, company):
    head = {"alg": "ES256", "kid": company.kid, "typ": "JWT", "nonce": "abc"}
    assert checked.verify(raw_token(company, head), NOW_MS)


@pytest.mark.parametrize("kid", ["other", "", "../../etc/passwd", "' or 1=1"])
def test_an_unknown_key(checked, company, kid):
    assert code_of(checked, company.token({"kid": kid})) == "unknown_key"


def test_without_a_key_id_the_only_key_is_meant():
    company, second = Company(), Company()
    assert verifier(company_issuer(company)).verify(company.token({"kid": None}), NOW_MS)
    rules = IssuerRules(issuer=COMPANY, tenant="main", resource=BASE)
    listed = company.jwks(second.key.as_dict(kid="ec-2"))
    two = TrustedIssuer(rules, ALGORITHMS, FixedKeys(parse_jwks(listed, ALGORITHMS)))
    assert code_of(verifier(two), company.token({"kid": None})) == "unknown_key"


def test_a_key_id_that_is_no_text(checked, company):
    assert code_of(checked, raw_token(company, {"alg": "ES256", "kid": 7, "typ": "JWT"})) == "malformed"


def test_a_tampered_payload(checked, company):
    head, _, signature = company.token().split(".")
    assert code_of(checked, f"{head}.{encode(company.claims(sub='ben'))}.{signature}") == "bad_signature"


def test_a_signature_of_another_token(checked, company):
    head, payload, _ = company.token().split(".")
    assert code_of(checked, f"{head}.{payload}.{company.token(sub='ben').split('.')[2]}") == "bad_signature"


@pytest.mark.parametrize(
    "signature", ["", "AA", encode(bytes(64)), encode(b"\xff" * 64), encode(bytes(65)), "AAA", "AAAAA"]
)
def test_broken_signatures(checked, company, signature):
    head, payload, _ = company.token().split(".")
    assert code_of(checked, f"{head}.{payload}.{signature}") == "bad_signature"


def shapes(token):
    head, payload, signature = token.split(".")
    return [
        "", ".", "..", "...", "a", "a.b", head, f"{head}.{payload}", f"{token}.", f".{token}", f"{token}.{signature}",
        f"{head}..{signature}", f".{payload}.{signature}", f" {token}", f"{token}\n", token.replace(".", ". "),
        f"{head}=.{payload}.{signature}", f"{head}.{payload}=.{signature}", "Bearer " + token, token + "\0",
        token.replace("e", "é", 1), "ｅ" + token[1:], "\ud800", f"{encode([1])}.{payload}.{signature}",
        f"{encode(b'{')}.{payload}.{signature}", f"{head}.{encode([])}.{signature}", f"{head}.{encode(b'null')}.{signature}",
    ]  # fmt: skip


def test_shapes_that_are_no_token(checked, company):
    for shape in shapes(company.token()):
        assert code_of(checked, shape) == "malformed", shape


def test_a_huge_token_is_refused_before_it_is_read(checked, company):
    assert code_of(checked, company.token(extra="x" * 16_384)) == "malformed"
    assert code_of(checked, "." * 10_000_000) == "malformed"


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":"%s","sub":"ana","sub":"ben"}' % COMPANY.encode(),
        b'{"iss":"%s","sub":"ana","Sub":"ben"}' % COMPANY.encode(),
        b'{"iss":"%s","act":{"sub":"codex","sub":"robot"}}' % COMPANY.encode(),
        b'{"iss":"%s","sub":"\\ud800"}' % COMPANY.encode(),
        b'{"iss":"%s","exp":NaN}' % COMPANY.encode(),
        b'{"iss":"%s","exp":1e999}' % COMPANY.encode(),
        b'{"iss":"%s","a":%s1%s}' % (COMPANY.encode(), b"[" * 100, b"]" * 100),
        b"\xff\xfe",
        b'{"iss":"%s"} {}' % COMPANY.encode(),
    ],
)
def test_payloads_that_two_readers_could_read_differently(checked, company, payload):
    assert code_of(checked, company.token(payload=payload)) == "malformed"


def test_duplicate_header_members(checked, company):
    head = b'{"alg":"none","alg":"ES256","kid":"%s","typ":"JWT"}' % company.kid.encode()
    assert code_of(checked, raw_token_bytes(company, head)) == "malformed"


def raw_token_bytes(signer, head):
    signed = f"{encode(head)}.{encode(signer.claims())}"
    model = __import__("joserfc.jws").jws.JWSRegistry.algorithms["ES256"]
    return f"{signed}.{encode(model.sign(signed.encode(), signer.key))}"


def test_an_issuer_may_not_speak_for_another():
    mine, other = Company(), Company()
    ours = local_issuer()
    checked = verifier(company_issuer(mine), own_issuer(BASE, "main", BASE, ours.keys))
    assert code_of(checked, mine.token(iss=BASE)) == "bad_algorithm"
    assert code_of(checked, other.token()) == "bad_signature"
    token, _ = issue(ours)
    _, payload, signature = token.split(".")
    assert code_of(checked, f"{encode({'alg': 'ES256', 'kid': mine.kid, 'typ': 'at+jwt'})}.{payload}.{signature}") == (
        "bad_algorithm"
    )


def test_the_algorithm_list_is_per_issuer(company):
    checked = verifier(company_issuer(company, ("ES256", "ES384")))
    assert checked.verify(company.token(), NOW_MS)
    head = {"alg": "RS256", "kid": company.kid, "typ": "JWT"}
    assert code_of(checked, f"{encode(head)}.{encode(company.claims())}.{encode(bytes(256))}") == "bad_algorithm"
