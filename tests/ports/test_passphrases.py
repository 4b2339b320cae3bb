"""Passphrases of local accounts."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callgate.adapters.identity import passphrase as module
from callgate.adapters.identity.passphrase import MAX_BYTES, Cost, ScryptPassphrases, suggest
from callgate.model.errors import InputError
from tests.fakes.identity import SeededEntropy

CHEAP = Cost(ln=10, r=8, p=1)
GOOD = "correct horse battery"


@pytest.fixture
def passphrases():
    return ScryptPassphrases(SeededEntropy(), CHEAP)


def test_the_right_one_and_others(passphrases):
    verifier = passphrases.make(GOOD)
    assert passphrases.check(verifier, GOOD)
    for other in ("", GOOD + " ", GOOD.upper(), GOOD[:-1], "x" * 5_000):
        assert not passphrases.check(verifier, other)


def test_the_encoding_holds_its_parameters_and_no_passphrase(passphrases):
    verifier = passphrases.make(GOOD)
    assert verifier.startswith("$scrypt$ln=10,r=8,p=1$")
    assert GOOD not in verifier
    assert verifier != passphrases.make(GOOD)
    assert ScryptPassphrases(SeededEntropy()).check(verifier, GOOD)


def test_it_is_scrypt_of_rfc_7914(passphrases):
    salt, found = (module._bytes(one) for one in passphrases.make(GOOD).split("$")[-2:])
    assert hashlib.scrypt(GOOD.encode(), salt=salt, n=1024, r=8, p=1, dklen=32) == found


def test_the_default_cost_is_the_recommended_one():
    """OWASP's password storage advice names N=2**15, r=8, p=3."""
    assert Cost() == Cost(ln=15, r=8, p=3)
    assert Cost().bearable


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "passphrase_short"), ("short", "passphrase_short"), ("x" * 9, "passphrase_short"),
     ("x" * (MAX_BYTES + 1), "passphrase_long"), ("é" * 513, "passphrase_long"), ("é" * 1_000_000, "passphrase_long"),
     ("line\nline\nline", "passphrase_text"), ("zero\0zero\0zero", "passphrase_text"), ("half\ud800halves", "passphrase_text")],
)  # fmt: skip
def test_what_is_no_passphrase(passphrases, text, code):
    with pytest.raises(InputError) as caught:
        passphrases.make(text)
    assert caught.value.code == code
    assert len(text) < 3 or text not in str(caught.value)


def test_the_edges(passphrases):
    for text in ("x" * 10, "x" * MAX_BYTES, "é" * 512):
        assert passphrases.check(passphrases.make(text), text)


def test_the_same_text_typed_on_two_keyboards(passphrases):
    verifier = passphrases.make("caf\u00e9 au lait")
    assert passphrases.check(verifier, "cafe\u0301\u00a0au\u2003lait")


BROKEN = [
    "", "x", "$scrypt$", "$scrypt$ln=10,r=8,p=1$AAAA$AAAA", "$2b$12$abc", "$scrypt$ln=31,r=8,p=1$" + "A" * 22 + "$" + "A" * 43,
    "$scrypt$ln=10,r=99,p=99$" + "A" * 22 + "$" + "A" * 43, "$scrypt$ln=00,r=0,p=0$" + "A" * 22 + "$" + "A" * 43,
]  # fmt: skip


@pytest.mark.parametrize("verifier", BROKEN)
def test_an_unknown_account_costs_as_much_work(passphrases, verifier, monkeypatch):
    done = []
    real = module._hash
    monkeypatch.setattr(module, "_hash", lambda data, salt, cost: (done.append(cost), real(data, salt, cost))[1])
    assert not passphrases.check(verifier, GOOD)
    assert done == [CHEAP]
    assert not passphrases.check(passphrases.make(GOOD), "x\n" * 10)
    assert done == [CHEAP] * 3


def test_an_unknown_account_is_never_matched(passphrases):
    assert not passphrases.check("", "")
    assert not passphrases.check(passphrases.make(GOOD)[:-1], GOOD)


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=10, max_size=80))
def test_what_is_made_checks(text):
    passphrases = ScryptPassphrases(SeededEntropy(), CHEAP)
    assert passphrases.check(passphrases.make(text), text)


@given(st.binary(min_size=10, max_size=10))
def test_suggestions_are_readable_and_lose_no_bit(random):
    words = suggest(random).split("-")
    assert [len(one) for one in words] == [5] * 5
    assert all(set(one[0::2]) <= set("bdfgjklmnprstvwz") and set(one[1::2]) <= set("aeiu") for one in words)
    back = b""
    for one in words:
        bits = 0
        for letter, alphabet in reversed(list(zip(one, (module._CONSONANTS, module._VOWELS) * 3, strict=False))):
            bits = bits * len(alphabet) + alphabet.index(letter)
        back += bits.to_bytes(2, "big")
    assert back == random


def test_a_suggestion_is_a_passphrase(passphrases):
    assert passphrases.make(suggest(bytes(range(10))))
    with pytest.raises(ValueError):
        suggest(b"short")
