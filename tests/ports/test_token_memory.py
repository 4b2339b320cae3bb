"""What the verifier remembers, what our issuer publishes, which keys of a set are used."""

import base64
import json

import msgspec
import pytest
from joserfc.jwk import ECKey

from callgate.adapters.identity.jwks import parse_jwks
from callgate.adapters.identity.tokens import own_issuer
from callgate.core.identity import Runtimes
from callgate.model.errors import AuthError, InputError, UpstreamError
from callgate.model.identity import Runtime
from tests.fakes.identity import (
    ALGORITHMS,
    ANA,
    BASE,
    NOW_MS,
    RUNTIMES,
    Company,
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


# --- memory


def test_a_verified_token_is_remembered_until_it_expires(company, monkeypatch):
    checks = count_checks(monkeypatch)
    checked = verifier(company_issuer(company))
    token = company.token()
    first = checked.verify(token, NOW_MS)
    assert checked.verify(token, NOW_MS + 1) is first
    assert len(checks) == 1
    assert checked.verify(token, first.expires_ms - 1) is first
    assert code_of(checked, token, first.expires_ms) == "expired"


def count_checks(monkeypatch):
    checks = []
    import callgate.adapters.identity.tokens as module

    real = module.check_signature
    monkeypatch.setattr(module, "check_signature", lambda *given: (checks.append(1), real(*given)))
    return checks


def test_a_bad_token_is_remembered_for_a_moment(company, monkeypatch):
    checks = count_checks(monkeypatch)
    checked = verifier(company_issuer(company))
    head, payload, _ = company.token().split(".")
    bad = f"{head}.{payload}.{encode(bytes(64))}"
    assert [code_of(checked, bad) for _ in range(5)] == ["bad_signature"] * 5
    assert len(checks) == 1
    assert code_of(checked, bad, NOW_MS + 6_000) == "bad_signature"
    assert len(checks) == 2


def test_memory_is_bounded(company):
    checked = verifier(company_issuer(company), remembered=5, remembered_bad=5)
    tokens = [company.token(jti=str(number)) for number in range(12)]
    for token in tokens:
        checked.verify(token, NOW_MS)
        code_of(checked, f"{token[:-8]}AAAAAAAA")
    assert len(checked._good) == 5
    assert len(checked._bad) == 5


def test_changed_runtimes_bite_at_once(company):
    now = [RUNTIMES]
    checked = verifier(company_issuer(company), runtimes=lambda tenant: now[0])
    token = company.token()
    checked.verify(token, NOW_MS)
    now[0] = Runtimes((Runtime(id="codex", users=("corp:ben",)),))
    assert code_of(checked, token) == "runtime_not_yours"
    now[0] = RUNTIMES
    assert checked.verify(token, NOW_MS)


def test_changed_keys_bite_at_once(company):
    issuer = company_issuer(company)
    checked = verifier(issuer)
    token = company.token()
    checked.verify(token, NOW_MS)
    issuer.keys.keys = parse_jwks(Company().jwks(), ALGORITHMS)
    assert code_of(checked, token) == "bad_signature"


def test_a_rewritten_ecdsa_signature_is_the_same_credential(company):
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    checked = verifier(company_issuer(company))
    token = company.token(jti=None)
    head, payload, signature = token.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    other = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    again = checked.verify(f"{head}.{payload}.{encode(other)}", NOW_MS)
    assert again.id == checked.verify(token, NOW_MS).id


def test_the_verifier_keeps_no_token(company, checked):
    token = company.token()
    checked.verify(token, NOW_MS)
    assert token not in repr(checked.__dict__)
    assert token.split(".")[2] not in repr(checked._good)


# --- our issuer's papers


def test_our_jwks_verifies_our_tokens_and_holds_nothing_private():
    issuer = local_issuer(b"\7" * 32)
    listed = json.loads(issuer.jwks())["keys"]
    assert [sorted(one) for one in listed] == [["alg", "crv", "kid", "kty", "use", "x"]]
    table = parse_jwks(issuer.jwks(), ("Ed25519",))
    token, _ = issue(issuer)
    assert verifier(own_issuer(BASE, "main", BASE, table)).verify(token, NOW_MS)


def test_our_metadata_names_only_what_exists():
    assert json.loads(local_issuer().metadata()) == {"issuer": BASE, "jwks_uri": f"{BASE}/.well-known/jwks.json"}


def test_what_a_token_of_ours_says():
    token, _ = issue(local_issuer(), task="t-1", integrations=("git", "files"))
    head, payload, _ = (json.loads(base64.urlsafe_b64decode(one + "==")) if place < 2 else one
                        for place, one in enumerate(token.split(".")))  # fmt: skip
    assert (head["alg"], head["typ"]) == ("Ed25519", "at+jwt")
    assert payload | {"jti": "", "iat": 0, "exp": 0} == {
        "iss": BASE, "aud": [f"{BASE}/mcp/git", f"{BASE}/mcp/files"], "sub": "ana", "client_id": "codex",
        "act": {"sub": "codex"}, "name": "Ana", "task": "t-1", "integrations": ["git", "files"],
        "jti": "", "iat": 0, "exp": 0,
    }  # fmt: skip


def test_what_is_not_issued():
    issuer = local_issuer()
    with pytest.raises(AuthError) as caught:
        issuer.issue(
            msgspec.structs.replace(ANA, disabled=True), "codex", task="", integrations=(), now_ms=0, expires_ms=9_000
        )
    assert caught.value.code == "account_disabled"
    with pytest.raises(InputError):
        issue(issuer, expires_ms=NOW_MS)


def test_no_two_tokens_are_alike():
    issuer = local_issuer()
    assert len({issue(issuer)[1] for _ in range(20)}) == 20


def test_keys_a_set_may_hold_and_we_pass_over():
    good = Company()
    private = Company().key.as_dict(private=True, kid="private")
    weak = {"kty": "RSA", "kid": "weak", "n": encode(b"\xff" * 128), "e": "AQAB"}
    encryption = Company().key.as_dict(kid="enc", use="enc")
    curve = {"kty": "EC", "kid": "curve", "crv": "P-256", "x": encode(bytes(32)), "y": encode(bytes(32))}
    exchange = {"kty": "OKP", "kid": "x", "crv": "X25519", "x": encode(bytes(32))}
    table = parse_jwks(
        good.jwks(private, weak, encryption, curve, exchange, {"kty": "AKP", "kid": "pq"}, {}, {"kty": 7}), ALGORITHMS
    )
    assert len(table) == 1
    assert table.find(good.kid, "ES256") is not None


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[]}', b'{"keys":[1]}', b"<html>", b'{"keys":[],"keys":[]}',
             b'{"keys":[' + b"{}," * 200 + b"{}]}", b" " * 300_000]
)  # fmt: skip
def test_what_is_no_key_set(data):
    with pytest.raises(UpstreamError) as caught:
        parse_jwks(data, ALGORITHMS)
    assert caught.value.code == "bad_keys"


def test_a_key_bound_to_another_algorithm_is_not_used():
    key = ECKey.generate_key("P-256").as_dict(kid="k", alg="ES384")
    with pytest.raises(UpstreamError):
        parse_jwks(msgspec.json.encode({"keys": [key]}), ("ES256",))
