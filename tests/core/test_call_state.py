"""The table of a call's life: reachable, closed, and no way out of a final state."""

import pytest

from callgate.core.call_state import FINAL, STEPS, replay, step
from callgate.model.errors import IntegrityError
from callgate.model.event import Attached, CallUnknown, Finished, GateStopped, HoldEnded, Voted
from callgate.model.terms import CallState

FINISHED = Finished(outcome="ok", duration_us=1, result="", result_bytes=0)


def test_no_final_state_has_a_way_out():
    assert not {state for state, _ in STEPS} & FINAL


def test_every_state_can_be_reached_and_left_unless_it_is_final():
    reached = {CallState.PROPOSED, *STEPS.values()}
    assert reached == set(CallState)
    left = {state for state, _ in STEPS}
    assert left | FINAL | {CallState.UNKNOWN} == set(CallState)


def test_what_is_no_event_of_a_call_moves_nothing():
    assert step(CallState.HELD, GateStopped(reason="x")) is CallState.HELD


def test_a_second_outcome_is_no_life_of_a_call():
    with pytest.raises(IntegrityError):
        replay([CallUnknown(reason="crash"), FINISHED])
    with pytest.raises(IntegrityError):
        replay([FINISHED])
    assert replay([Attached(to_call="call-1")]) is CallState.JOINED


def test_a_hold_cannot_end_in_a_state_that_is_no_end():
    with pytest.raises(IntegrityError):
        step(CallState.HELD, HoldEnded(hold="h", state="executing", reason=""))
    with pytest.raises(IntegrityError):
        step(
            CallState.STARTED,
            Voted(hold="h", question="q", yes=True, voter="p", method="m", alone=False, digest="", review_ms=0),
        )
