"""Every kind of event has a sentence for people, with the names behind its pseudonyms."""

import msgspec
import pytest

from callgate.core.ledger.events import KINDS
from callgate.flow.narrate import sentence_of, subject_of
from callgate.model.event import Decided
from tests.fakes.events import sample, tag_of


@pytest.mark.parametrize("kind", KINDS, ids=tag_of)
def test_a_kind_has_a_sentence(kind):
    body = sample(kind)
    if isinstance(body, Decided):
        body = msgspec.structs.replace(body, effect="deny")
    names = {pseudonym: f"name of {pseudonym}" for pseudonym in subject_of(body)}
    said = sentence_of(body, "Ana", names)
    assert said != kind.__name__, "it has no sentence of its own"
    assert len(said) >= 10
    if names and tag_of(kind) not in ("task_closed",):
        assert "name of" in said or tag_of(kind) in ("integration_changed", "finished")


@pytest.mark.parametrize("effect", ["allow", "draft", "hold", "deny"])
def test_a_decision_says_what_follows(effect):
    body = msgspec.structs.replace(sample(Decided), effect=effect, findings=())
    assert "for Ana" in sentence_of(body, "Ana", {})
