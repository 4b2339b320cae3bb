"""Grouping held findings into questions, and what goes with a decision."""

from callgate.core.plan import log_depths, obligations
from callgate.core.questions import addressed, questions
from callgate.model.bundle import Duty
from callgate.model.decision import Finding
from callgate.model.terms import Ask, Effect, LogDepth, Tier
from callgate.model.tool import Target


def held(code, ask, ask_of="", **changes):
    return Finding(
        gate="g", code=code, effect=Effect.HOLD, reason=f"{code.upper()}.", ask=ask, ask_of=ask_of, **changes
    )


def test_one_question_per_kind_and_person_in_a_fixed_order():
    found = [
        held("d", Ask.ACCEPTABLE),
        held("b", Ask.DOMAIN, "finance"),
        held("a", Ask.MEANT),
        held("c", Ask.DOMAIN, "eng"),
        held("e", Ask.MEANT),
    ]
    asked = questions(found, {"eng": "Engineering"}, quorum=2)
    assert [q.id for q in asked] == ["meant", "domain:eng", "domain:finance", "acceptable"]
    assert [q.quorum for q in asked] == [1, 1, 1, 2]
    assert asked[0].findings == ("g/a/", "g/e/")
    assert asked[0].text == "Did you mean this? A. E."
    assert asked[1].text == "May this be done in Engineering? C."
    assert asked[2].text == "May this be done in finance? B."
    assert questions(reversed(found), {}, 2)[0].findings == asked[0].findings


def test_what_does_not_count_is_not_asked():
    found = [
        held("a", Ask.MEANT, discharged=True),
        held("b", Ask.MEANT, shadow=True),
        Finding(gate="g", code="c", effect=Effect.DENY, ask=Ask.MEANT),
        Finding(gate="g", code="d", effect=Effect.HOLD),
    ]
    assert questions(found, {}, 1) == ()


def test_the_owner_of_the_domain_is_asked_once_per_domain():
    targets = tuple(Target(kind="k", id=str(n), domain=d) for n, d in enumerate(("b", "a", "b")))
    found = addressed(held("x", Ask.DOMAIN, path="p"), targets)
    assert [(f.ask_of, f.path, f.ask) for f in found] == [("a", "p:a", Ask.DOMAIN), ("b", "p:b", Ask.DOMAIN)]
    assert len({f.key for f in found}) == 2


def test_where_nobody_owns_the_data_security_is_asked():
    for targets in ((), (Target(kind="k", id="1"),)):
        (found,) = addressed(held("x", Ask.DOMAIN), targets)
        assert (found.ask, found.ask_of) == (Ask.ACCEPTABLE, "security")


def test_a_finding_that_already_names_whom_to_ask_stays():
    for finding in (held("x", Ask.DOMAIN, "eng"), held("x", Ask.MEANT)):
        assert addressed(finding, (Target(kind="k", id="1", domain="a"),)) == (finding,)


def test_a_higher_tier_never_keeps_less():
    depths = log_depths(
        (
            Duty(tier=Tier.EXECUTE, approval=None, log_depth=LogDepth.METADATA),
            Duty(tier=Tier.READ, approval=None, log_depth=LogDepth.ARGUMENTS),
        )
    )
    assert depths == dict.fromkeys(Tier, LogDepth.ARGUMENTS)
    assert log_depths(()) == dict.fromkeys(Tier, LogDepth.METADATA)


def test_the_state_is_pinned_only_when_a_call_is_held():
    for effect in Effect:
        kinds = [o.kind for o in obligations(effect, LogDepth.FULL, state_pin=True)]
        assert kinds == (["log", "state_pin"] if effect is Effect.HOLD else ["log"])
        assert [o.value for o in obligations(effect, LogDepth.FULL, state_pin=False)] == ["full"]
