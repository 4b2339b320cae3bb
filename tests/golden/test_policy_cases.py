"""The shipped cases, run as `callgate policy test` runs them; and what a failing one looks like."""

import pytest

from callgate.core.policy.bundle import parse_bundle
from callgate.core.policy.cases import run_cases
from callgate.core.policy.load import load_policies
from callgate.model.errors import ConfigError
from callgate.policies import starter

FILES = starter("ana")
BUNDLE = parse_bundle(FILES, {})
RESULTS = run_cases(BUNDLE, FILES)


@pytest.mark.parametrize("result", RESULTS, ids=lambda r: f"{r.file}: {r.name}")
def test_the_shipped_cases_hold(result):
    assert result.got == result.want


def test_they_cover_every_policy_and_every_tier():
    assert len(RESULTS) >= 20
    said = " ".join(result.want for result in RESULTS)
    for policy in load_policies(BUNDLE.policies):
        assert policy.id in said
    text = b"".join(FILES[name] for name in FILES if name.startswith("cases/"))
    for tier in (b"read", b"draft", b"execute"):
        assert b'tier = "%s"' % tier in text


def test_a_removed_policy_makes_a_case_fail_that_names_it():
    guards = FILES["guards.cedar"].replace(b'["unattended", "service"]', b'["service"]')
    results = run_cases(parse_bundle({**FILES, "guards.cedar": guards}, {}), FILES)
    failed = [result for result in results if not result.passed]
    assert failed
    assert any(
        result.want == "deny; findings policy/policy_deny/unattended-no-execute; permits permit-execute"
        and result.got == "allow; findings none; permits permit-execute"
        for result in failed
    )


def one(text):
    return run_cases(BUNDLE, {"cases/a.toml": text.encode(), "rules.toml": b"not read"})


CALL = 'call = { tier = "read" }'


def test_only_what_a_case_names_is_compared():
    (result,) = one(f'[[case]]\nname = "A."\n{CALL}\nwant = {{ effect = "allow" }}')
    assert result.passed
    (result,) = one(f'[[case]]\nname = "A."\n{CALL}\nwant = {{ effect = "allow", risk = 1 }}')
    assert (result.passed, result.want, result.got) == (
        False,
        "allow; findings none; risk 1",
        "allow; findings none; risk 0",
    )


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (f'[[case]]\nname = "A."\n{CALL}\nwant = {{ effect = "no" }}', "case[0].want.effect", "deny"),
        (f'[[case]]\nname = "A."\n{CALL}\nwnat = {{ effect = "allow" }}', "case[0].wnat", "want"),
        ('[[case]]\nname = "A."\nwant = { effect = "allow" }', "case[0].call", "missing"),
        (f'[[case]]\nname = "A."\n{CALL}\nwant = {{ effect = "allow" }}\n' * 2, "case[1].name", "name"),
        ("case = 1", "case", "array"),
    ],
)
def test_a_case_that_cannot_be_read_says_where(text, key, said):
    with pytest.raises(ConfigError, match=said) as fault:
        one(text)
    assert (fault.value.file, fault.value.key) == ("cases/a.toml", key)
