"""The sealed state between rounds."""

import msgspec
import pytest

from callgate.core.asks import unasked
from callgate.core.rounds import RoundSealer, input_required, read_asked
from callgate.model.inquiry import ELICIT, InputAsked, RoundState

SEALER = RoundSealer(b"k" * 32)
ABOUT = ("acme", "https://issuer.example", "ana", "codex", "git", "tools/call", "git_status", "digest")
STATE = RoundState(
    number=2,
    first="call-1",
    before="call-1",
    wanted=InputAsked(asked={"who": unasked(ELICIT)}, state="s-1"),
    expires_ms=1_000,
    hold="hold-1",
    findings=("duty/x/",),
)


def sealed() -> str:
    return SEALER.seal(ABOUT, STATE, b"n" * 12)


def test_a_state_comes_back_whole() -> None:
    assert SEALER.open(ABOUT, sealed()) == STATE


@pytest.mark.parametrize("place", range(len(ABOUT)))
def test_about_anything_else_it_does_not_open(place: int) -> None:
    about = (*ABOUT[:place], "other", *ABOUT[place + 1 :])
    assert SEALER.open(about, sealed()) is None


def test_every_changed_character_is_seen() -> None:
    text = sealed()
    for at in range(0, len(text), 7):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        assert SEALER.open(ABOUT, changed) is None
    for other in ("", "A", text + "A", text + "-TAMPERED", text[:-4], text + "=", " " + text, text.replace("A", "é")):
        assert other == text or SEALER.open(ABOUT, other) is None
    assert RoundSealer(b"o" * 32).open(ABOUT, text) is None


def test_what_the_client_gets_has_our_state_only() -> None:
    told = msgspec.json.decode(input_required(STATE.wanted, "sealed"))
    assert told == {
        "resultType": "input_required",
        "inputRequests": {"who": {"method": ELICIT, "params": {}}},
        "requestState": "sealed",
    }
    bare = InputAsked(asked={}, state="s-1")
    assert "inputRequests" not in msgspec.json.decode(input_required(bare, "sealed"))


def test_a_round_may_want_nothing_but_its_state_back() -> None:
    found = read_asked(b'{"resultType":"input_required","requestState":"s"}', (), private=False)
    assert found == InputAsked(asked={}, state="s")
    assert read_asked(b'{"resultType":"input_required"}', (), private=False) == "bad_inquiry"
    assert read_asked(b'{"resultType":"input_required","requestState":"s","requestState":"t"}', (), private=False) == (
        "bad_inquiry"
    )
