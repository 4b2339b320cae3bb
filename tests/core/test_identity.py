"""What verified claims mean."""

import pytest

from callgate.core.identity import MAX_CHAIN, IssuerRules, Runtimes, credential_id, identify, read_credential
from callgate.model.errors import AuthError, ConfigError
from callgate.model.identity import Delegate, Runtime
from callgate.model.terms import RuntimeKind

NOW_MS = 1_800_000_000_000
NOW = NOW_MS // 1000
BASE = "https://gate.example"
RULES = IssuerRules(issuer="https://login.example", tenant="main", resource=BASE)
OWN = IssuerRules(issuer=BASE, tenant="main", resource=BASE, own=True, leeway_ms=5_000)
RUNTIMES = Runtimes(
    (
        Runtime(id="codex", client_ids=("client-7",)),
        Runtime(id="robot", kind=RuntimeKind.SERVICE, users=("ben",)),
        Runtime(id="partner", client_ids=("https://partner.example agent-7",)),
    )
)


def claims(**changes):
    good = {
        "iss": RULES.issuer, "aud": BASE, "sub": "ana", "client_id": "codex", "iat": NOW - 10, "exp": NOW + 600,
    }  # fmt: skip
    return {name: value for name, value in (good | changes).items() if value is not None}


def code_of(changes, rules=RULES, now_ms=NOW_MS):
    with pytest.raises(AuthError) as caught:
        read_credential(claims(**changes), rules, RUNTIMES, "ff", now_ms)
    return caught.value.code


def credential(rules=RULES, now_ms=NOW_MS, **changes):
    return read_credential(claims(**changes), rules, RUNTIMES, "ff", now_ms)


def test_a_plain_token():
    found = credential(name="Ana", jti="one")
    assert found.initiator.tenant == "main"
    assert (found.initiator.issuer, found.initiator.subject, found.initiator.name) == (RULES.issuer, "ana", "Ana")
    assert found.runtime.id == "codex"
    assert found.chain == ()
    assert found.id == credential_id(RULES.issuer, "jti:one")
    assert found.integrations == ()
    assert found.issued_ms == (NOW - 10) * 1000
    assert found.expires_ms == (NOW + 600) * 1000 + 60_000


@pytest.mark.parametrize("claim", ["tenant", "tid", "org_id", "https://callgate/tenant"])
def test_no_claim_moves_the_tenant(claim):
    assert credential(**{claim: "other"}).initiator.tenant == "main"


def test_the_outermost_act_is_the_runtime_and_the_rest_is_only_recorded():
    act = {"sub": "client-7", "act": {"sub": "unknown-to-us", "iss": "https://x.example", "act": {"sub": "third"}}}
    initiator, runtime, chain = identify(claims(act=act, client_id="robot"), RULES, RUNTIMES)
    assert runtime.id == "codex"
    assert chain == (Delegate(subject="unknown-to-us", issuer="https://x.example"), Delegate(subject="third"))
    assert initiator.subject == "ana"


def nested(depth):
    act = {"sub": "last"}
    for _ in range(depth):
        act = {"sub": "codex", "act": act}
    return act


def test_the_chain_is_bounded():
    assert len(credential(act=nested(MAX_CHAIN)).chain) == MAX_CHAIN
    assert code_of({"act": nested(MAX_CHAIN + 1)}) == "malformed"


@pytest.mark.parametrize(
    "act", ["codex", {}, [], {"sub": ""}, {"sub": 7}, {"sub": "codex", "act": "x"}, {"sub": "codex", "act": {}},
            {"sub": "codex\n"}, {"sub": "codex", "iss": 3}, True, 0]
)  # fmt: skip
def test_a_broken_act_never_falls_back_to_the_client(act):
    assert code_of({"act": act}) == "malformed"


def test_a_null_act_is_broken_too():
    with pytest.raises(AuthError) as caught:
        identify(claims() | {"act": None}, RULES, RUNTIMES)
    assert caught.value.code == "malformed"


def test_azp_is_the_runtime_when_there_is_no_client_id():
    assert credential(client_id=None, azp="client-7").runtime.id == "codex"


@pytest.mark.parametrize(
    "changes",
    [{"client_id": None}, {"client_id": "codex2"}, {"act": {"sub": "nobody"}}, {"client_id": "*"},
     {"client_id": "https://partner.example agent-7"}, {"act": {"sub": "https://partner.example agent-7"}}],
)  # fmt: skip
def test_an_unregistered_runtime(changes):
    assert code_of(changes) == "unknown_runtime"


def test_an_actor_of_another_issuer_needs_to_be_registered_as_that():
    assert credential(act={"sub": "agent-7", "iss": "https://partner.example"}).runtime.id == "partner"
    assert code_of({"act": {"sub": "codex", "iss": "https://partner.example"}}) == "unknown_runtime"
    assert credential(act={"sub": "codex", "iss": RULES.issuer}).runtime.id == "codex"


def test_a_runtime_of_somebody_else():
    assert code_of({"client_id": "robot"}) == "runtime_not_yours"
    assert credential(client_id="robot", sub="ben").runtime.id == "robot"


def test_two_runtimes_may_not_share_a_name():
    with pytest.raises(ConfigError):
        Runtimes((Runtime(id="codex"), Runtime(id="other", client_ids=("codex",))))


@pytest.mark.parametrize(
    ("audience", "integrations"),
    [(BASE, ()), (f"{BASE}/", ()), (f"{BASE}/mcp", ()), ([f"{BASE}/mcp/git"], ("git",)), (f"{BASE}/mcp/git/", ("git",)),
     ([f"{BASE}/mcp/git", f"{BASE}/mcp/files", "https://else.example"], ("git", "files")),
     ([f"{BASE}/mcp/git", BASE], ())],
)  # fmt: skip
def test_audiences_that_are_ours(audience, integrations):
    assert credential(aud=audience).integrations == integrations


@pytest.mark.parametrize(
    "audience",
    ["https://else.example", "https://gate.example.evil.example", f"{BASE}/other", f"{BASE}/mcp/a/b", f"{BASE}/mcp//",
     BASE.upper(), f"{BASE}/mcp/git?x=1/y"],
)  # fmt: skip
def test_audiences_that_are_not(audience):
    assert code_of({"aud": audience}) == "bad_audience"


@pytest.mark.parametrize("audience", [[], "", 7, {"x": 1}, [BASE, 7], None])
def test_audiences_that_are_none(audience):
    assert code_of({"aud": audience}) in {"malformed", "bad_audience"}


def test_configured_audiences_mean_the_whole_gate():
    rules = IssuerRules(issuer=RULES.issuer, tenant="main", resource=BASE, audiences=("api://gate",))
    assert credential(rules, aud="api://gate").integrations == ()


def test_task_and_integrations_count_only_from_our_own_issuer():
    assert credential(task="t-1", integrations=["git"]).task == ""
    assert credential(task="t-1", integrations=["git"]).integrations == ()
    own = credential(OWN, iss=BASE, task="t-1", integrations=["git"])
    assert (own.task, own.integrations) == ("t-1", ("git",))


def test_audience_and_integrations_narrow_each_other_and_never_to_everything():
    found = credential(OWN, iss=BASE, aud=[f"{BASE}/mcp/git", f"{BASE}/mcp/files"], integrations=["files", "mail"])
    assert found.integrations == ("files",)
    assert code_of({"iss": BASE, "aud": f"{BASE}/mcp/git", "integrations": ["mail"]}, OWN) == "bad_audience"
    for empty in ([], [""], "git", {"git": 1}):
        assert code_of({"iss": BASE, "integrations": empty}, OWN) == "malformed"


@pytest.mark.parametrize("task", ["", 7, ["t-1"]])
def test_a_broken_task_is_refused_not_dropped(task):
    assert code_of({"iss": BASE, "task": task}, OWN) == "malformed"


def test_times_with_leeway():
    assert credential(exp=NOW - 59)
    assert code_of({"exp": NOW - 60}) == "expired"
    assert credential(exp=NOW - 60, now_ms=NOW_MS - 1)
    assert credential(nbf=NOW + 60)
    assert code_of({"nbf": NOW + 60}, now_ms=NOW_MS - 1) == "not_yet"
    assert code_of({"iat": NOW + 61}) == "not_yet"
    assert code_of({"iss": BASE, "exp": NOW - 5}, OWN) == "expired"
    assert credential(exp=NOW + 0.5).expires_ms == NOW_MS + 500 + 60_000


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", ["1800000000", True, -1, 1e300, float("nan"), [1], 1 << 60])
def test_times_that_are_none(claim, value):
    assert code_of({claim: value}) == "malformed"


@pytest.mark.parametrize("claim", ["exp", "iat", "sub", "aud"])
def test_what_must_be_there(claim):
    assert code_of({claim: None}) == "malformed"


@pytest.mark.parametrize("subject", ["", 7, "a" * 513, "ana\n", "an\u202ea", ["ana"]])
def test_odd_subjects(subject):
    assert code_of({"sub": subject}) == "malformed"


@pytest.mark.parametrize("issuer", ["https://login.example/", "https://LOGIN.example", None, 7, BASE])
def test_the_issuer_is_compared_exactly(issuer):
    assert code_of({"iss": issuer}) == "bad_issuer"


def test_equal_subjects_of_two_issuers_stay_two_people():
    corp = IssuerRules(issuer=RULES.issuer, tenant="main", resource=BASE, prefix="corp:")
    local = IssuerRules(issuer=BASE, tenant="main", resource=BASE, own=True, reserved=("corp:",))
    assert credential(corp).initiator.subject == "corp:ana"
    assert credential(local, iss=BASE).initiator.subject == "ana"
    assert code_of({"iss": BASE, "sub": "corp:ana"}, local) == "bad_issuer"
    assert code_of({"client_id": "robot", "sub": "ben"}, corp) == "runtime_not_yours"


def test_the_id_without_a_jti_is_of_the_signed_part():
    assert credential().id == credential_id(RULES.issuer, "sha256:ff")
    assert credential().id != credential(jti="ff").id
    assert code_of({"jti": 7}) == "malformed"


def test_ids_of_two_issuers_never_meet():
    assert credential_id("https://a", "b") != credential_id("https://a" + "b", "")


def test_an_unfit_name_is_left_out():
    assert credential(name="Ana\n").initiator.name == ""
    assert credential(name=7).initiator.name == ""


@pytest.mark.parametrize("extra", [{"at_hash": "x"}, {"c_hash": "x"}, {"typ": "ID"}, {"typ": "Refresh"}])
def test_an_id_or_refresh_token_is_no_access_token(extra):
    assert code_of(extra) == "malformed"
    assert credential(typ="Bearer", auth_time=1, nonce="x")


def test_a_token_bound_to_a_key_is_refused():
    assert code_of({"cnf": {"jkt": "x"}}) == "malformed"
