"""The life of a call, as the ledger tells it. Everything that moves a call's state is in the one table below.

A final state has no way out; replaying a call's events gives its state. What does not fit the table is not a call
that this gate recorded: IntegrityError.
"""

from collections.abc import Iterable

from callgate.model.errors import IntegrityError
from callgate.model.event import Asked, Attached, CallUnknown, Decided, EventBody, Finished, HoldEnded, Voted
from callgate.model.terms import CallState

S = CallState

STEPS: dict[tuple[CallState, str], CallState] = {
    (S.PROPOSED, "decided:allow"): S.STARTED,
    (S.PROPOSED, "decided:deny"): S.REFUSED,
    (S.PROPOSED, "decided:hold"): S.HELD,
    (S.PROPOSED, "attached"): S.JOINED,
    (S.HELD, "asked"): S.HELD,
    (S.HELD, "voted"): S.HELD,
    (S.HELD, "decided:allow"): S.STARTED,
    # Judged again at redemption, with another outcome: the hold ends right after.
    (S.HELD, "decided:deny"): S.HELD,
    (S.HELD, "decided:hold"): S.HELD,
    (S.HELD, "hold_ended:denied"): S.REFUSED,
    (S.HELD, "hold_ended:expired"): S.EXPIRED,
    (S.HELD, "hold_ended:withdrawn"): S.WITHDRAWN,
    (S.HELD, "hold_ended:void"): S.VOID,
    # Judged again before the send: the permission was taken back, and the outcome says that nothing was sent.
    (S.STARTED, "decided:deny"): S.STARTED,
    (S.STARTED, "decided:hold"): S.STARTED,
    (S.STARTED, "finished"): S.FINISHED,
    (S.STARTED, "unknown"): S.UNKNOWN,
}

FINAL = frozenset({S.JOINED, S.REFUSED, S.WITHDRAWN, S.EXPIRED, S.VOID, S.FINISHED})


def word(body: EventBody) -> str:
    """The table's word for an event; empty: it does not move a call."""
    match body:
        case Decided():
            return f"decided:{body.effect}"
        case Asked():
            return "asked"
        case Voted():
            return "voted"
        case HoldEnded():
            return f"hold_ended:{body.state}"
        case Finished():
            return "finished"
        case CallUnknown():
            return "unknown"
        case Attached():
            return "attached"
        case _:
            return ""


def step(state: CallState, body: EventBody) -> CallState:
    """The state after one event. Raises IntegrityError for a step that is not in the table."""
    said = word(body)
    if not said:
        return state
    after = STEPS.get((state, said))
    if after is None:
        raise IntegrityError(f"A call that is {state.value} cannot go on with {said}.", code="illegal_step")
    return after


def replay(bodies: Iterable[EventBody]) -> CallState:
    """The state of a call after all its events, in ledger order."""
    state = CallState.PROPOSED
    for body in bodies:
        state = step(state, body)
    return state
