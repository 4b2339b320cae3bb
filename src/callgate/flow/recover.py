"""After a crash: every call without an outcome is in doubt, approved holds run, and the counters still fit."""

import msgspec

from callgate.flow.hold import Holds, row
from callgate.flow.redeem import Redeemer
from callgate.flow.tenancy import Tenancy
from callgate.model.event import CallUnknown
from callgate.model.store import Put, Unit
from callgate.model.terms import HoldState

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
        doubts = tuple(msgspec.structs.replace(call, unknown=True) for call in batch)
        events = tuple(tenancy.event(CallUnknown(reason="crash"), call=call.call_id) for call in batch)
        ended: list[Put] = []
        for call in batch:
            hold = live.holds.get(call.hold)
            if hold is not None and hold.state is HoldState.EXECUTING:
                done = msgspec.structs.replace(
                    hold, state=HoldState.EXECUTED, ended="in_doubt", version=hold.version + 1
                )
                ended.append(row(done, hold.version))
        await tenancy.write(Unit(events=events, opened=doubts, changes=tuple(ended)))
        for doubt in doubts:
            live.opened(doubt)
    return len(lost)


async def resume_holds(tenancy: Tenancy, holds: Holds, redeemer: Redeemer) -> None:
    """Holds outlive the process: expired ones end, approved ones run."""
    await holds.expire()
    for hold in tuple(tenancy.live.holds.values()):
        if hold.state is HoldState.APPROVED:
            redeemer.start(hold.id)
