"""After a crash, or a time without a store: every call without an outcome is in doubt, approved holds run, and the
counters still fit.
"""

from collections.abc import Sequence

import msgspec

from callgate.flow.hold import Holds
from callgate.flow.hold_rows import row
from callgate.flow.redeem import Redeemer
from callgate.flow.tenancy import Tenancy
from callgate.model.errors import IntegrityError, StoreError
from callgate.model.event import CallUnknown, Finished
from callgate.model.store import Kind, OpenCall, Put, Unit
from callgate.model.terms import HoldState, Outcome

AT_ONCE = 500


async def recover(tenancy: Tenancy) -> int:
    """Mark what was in flight as unknown; returns how many calls. To be done before anything is served."""
    live = tenancy.live
    calls = await tenancy.store.open_calls()
    for call in calls:
        live.opened(call)
    lost = [call for call in calls if not call.unknown]
    for start in range(0, len(lost), AT_ONCE):
        batch = lost[start : start + AT_ONCE]
        await _doubt(tenancy, batch, "crash")
    return len(lost)


async def settle(tenancy: Tenancy) -> None:
    """Once the store writes again: the ledger learns how the calls ended that it could not record. Quiet until then."""
    if not tenancy.unsettled:
        return
    opened = tenancy.live.open_calls
    ended = {call_id for call_id in tenancy.unsettled if call_id not in opened or opened[call_id].unknown}
    try:
        stored = {call.call_id: call for call in await tenancy.store.open_calls() if call.call_id in ended}
        lost = [call for call in stored.values() if not call.unknown]
        sent = [call for call in lost if call.call_id in opened]
        for start in range(0, len(sent), AT_ONCE):
            await _doubt(tenancy, sent[start : start + AT_ONCE], "not_recorded")
        # The permission of an approval is left to the next start: its hold runs in the store alone.
        await _unsent(tenancy, [call for call in lost if call.call_id not in opened and not call.hold])
        for call_id in ended - stored.keys():
            await _durable(tenancy, call_id)
    except (StoreError, IntegrityError):
        return
    tenancy.unsettled -= ended


async def _unsent(tenancy: Tenancy, calls: Sequence[OpenCall]) -> None:
    """Their permission became durable after all, when their callers had been told that nothing runs."""
    if calls:
        body = Finished(outcome=Outcome.NOT_SENT.value, duration_us=0, result="", result_bytes=0)
        events = tuple(tenancy.event(body, call=call.call_id) for call in calls)
        await tenancy.write(Unit(events=events, closed=tuple(call.call_id for call in calls)))


async def _durable(tenancy: Tenancy, call_id: str) -> None:
    """Its outcome stands in the ledger: only the word of that was lost."""
    call = tenancy.live.open_calls.get(call_id)
    if call is not None:
        hold = await tenancy.store.get(Kind.HOLD, call.hold) if call.hold else None
        tenancy.live.load((hold,) if hold is not None else ())
        tenancy.live.closed(call_id)


async def _doubt(tenancy: Tenancy, calls: Sequence[OpenCall], reason: str) -> None:
    live = tenancy.live
    doubts = tuple(msgspec.structs.replace(call, unknown=True) for call in calls)
    events = tuple(tenancy.event(CallUnknown(reason=reason), call=call.call_id) for call in calls)
    ended: list[Put] = []
    for call in calls:
        hold = live.holds.get(call.hold)
        if hold is not None and hold.state is HoldState.EXECUTING:
            done = msgspec.structs.replace(hold, state=HoldState.EXECUTED, ended="in_doubt", version=hold.version + 1)
            ended.append(row(done, hold.version))
    await tenancy.write(Unit(events=events, opened=doubts, changes=tuple(ended)))
    for doubt in doubts:
        live.opened(doubt)


async def resume_holds(tenancy: Tenancy, holds: Holds, redeemer: Redeemer) -> None:
    """Holds outlive the process: expired ones end, approved ones run."""
    await holds.expire()
    for hold in tuple(tenancy.live.holds.values()):
        if hold.state is HoldState.APPROVED:
            redeemer.start(hold.id)
