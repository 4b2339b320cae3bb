"""What servers say of themselves now, against what was confirmed.

Looked for at start, every few minutes, when a server says that a list changed, and before the next call is sent to a
server whose connection was made anew: until then nothing of a call leaves (``Live.unseen``).
"""

import asyncio
from functools import partial

from callgate.core.drift import judge_drift, read_fields, unreadable
from callgate.core.methods import TEMPLATES_LIST
from callgate.core.toolbox import MAX_NAME
from callgate.core.visible import shorten
from callgate.flow.connect import beside, by_rules, pinned
from callgate.flow.flight import Flight
from callgate.flow.live import Connected, Live
from callgate.flow.tenancy import Tenancy
from callgate.flow.views.drift import ChangeView
from callgate.flow.whoami import look_for_account
from callgate.model.call import PROMPTS_GET
from callgate.model.drift import Drift, DriftKind
from callgate.model.errors import CallgateError, InputError, UpstreamError
from callgate.model.event import DriftSeen
from callgate.model.store import Unit
from callgate.model.tool import IntegrationPin

LOOK_S = 10.0
"""How long a call waits for the definitions to be listed again."""
MOST_TOLD = 100
"""Names of one kind in an event."""
MOST_AN_HOUR, HOUR_MS = 20, 3_600_000
"""Times that another drift of one integration is recorded."""
MOST_LOOKS = 3
"""For one call, of a server that goes on saying that something changed."""
MEANS = {
    DriftKind.NOTED: "Models go on reading what was confirmed.",
    DriftKind.IN_FORCE: "What was confirmed stays in force; calls that need the new are refused.",
    DriftKind.NEW: "Nobody is offered it before it is confirmed.",
    DriftKind.HELD: "Calls that rest on it wait until it is confirmed.",
}
"""What becomes of a change, for people."""
_UNREADABLE = frozenset({"bad_definition", "bad_listing"})


async def look_for_drift(tenancy: Tenancy, name: str) -> None:
    """Compare what the server says now with the pin; what that means is core.drift's.

    An answer that is no list confirms nothing; a server that is away says nothing.
    """
    live = tenancy.live
    mark = live.unseen.get(name)
    connected = live.connected.get(name)
    if connected is None or connected.pin is None:
        live.unseen.pop(name, None)
        return
    pin, integration = connected.pin, connected.integration
    try:
        found = await tenancy.upstreams.of(integration).discover()
        seen = await pinned(integration, found, classified=by_rules(integration, tenancy))
        drift = await beside(found, partial(drift_of, connected, pin, seen))
    except (UpstreamError, InputError) as fault:
        tenancy.log("discovery_failed", {"integration": name, "code": fault.code})
        if fault.code not in _UNREADABLE:
            return
        drift = unreadable(pin, fault.code)
    now = live.connected.get(name)
    if now is None or now.pin is None or now.pin.digest != pin.digest:
        # Confirmed or removed meanwhile: what was compared is of yesterday.
        return
    await use_drift(tenancy, now, drift)
    # After the judgement: it calls a tool of the server.
    await look_for_account(tenancy, name)
    if mark is not None and live.unseen.get(name) == mark:
        del live.unseen[name]


async def looked_at(tenancy: Tenancy, name: str, seconds: float | None = LOOK_S) -> bool:
    """Wait until the definitions were listed and judged; all who wait share one look. False: they were not, or the
    server said meanwhile that they changed again.
    """
    for _ in range(MOST_LOOKS):
        task = tenancy.looks.get(name)
        fresh = task is None or task.done()
        if task is None or fresh:
            task = tenancy.looks[name] = asyncio.get_running_loop().create_task(_look(tenancy, name))
        await asyncio.wait((task,), timeout=seconds)
        # One that was under way may have begun before the change: then another follows.
        if fresh or not task.done() or name not in tenancy.live.unseen:
            break
    return name not in tenancy.live.unseen


def may_leave(live: Live, flight: Flight) -> bool:
    """Asked right before the first byte of a call: is it permitted, and its server the one that was looked at?"""
    return flight.call.integration not in live.unseen and flight.permitted()


def to_look_again(live: Live, flight: Flight) -> bool:
    """A call was stopped right before it left: because its server has to be looked at first? UpstreamError when that
    comes to no end.
    """
    if flight.call.integration not in live.unseen:
        return False
    flight.looks += 1
    if flight.looks >= MOST_LOOKS:
        raise UpstreamError(
            "The server's definitions could not be looked at since it was connected to anew; nothing was sent.",
            code="definitions_unseen",
        )
    return True


async def _look(tenancy: Tenancy, name: str) -> None:
    try:
        await look_for_drift(tenancy, name)
    except CallgateError as fault:
        tenancy.log("look_failed", {"integration": name, "code": fault.code})


async def use_drift(tenancy: Tenancy, connected: Connected, found: Drift) -> None:
    """It counts at once. Recorded when it is another than before; of a server that says something else all the time the
    rest of an hour is recorded when that is over, as it is then.
    """
    drift = found.brief()
    if drift != connected.drift:
        connected.drift, connected.drift_untold = drift, bool(drift.changes)
        tenancy.live.epoch += 1
    if not connected.drift_untold or connected.pin is None:
        return
    now = tenancy.clock.now_ms()
    told = tuple(at for at in connected.drift_told if now - HOUR_MS < at <= now)
    if len(told) >= MOST_AN_HOUR:
        tenancy.log("drift_not_recorded", {"integration": connected.integration.name})
        return
    body = DriftSeen(
        integration=connected.integration.name,
        pinned=connected.pin.digest,
        seen=drift.seen,
        tools=_told(drift.held),
        noted=_told(drift.keys(DriftKind.NOTED)),
        newer=_told(drift.newer),
        new=_told(drift.keys(DriftKind.NEW)),
    )
    await tenancy.write(Unit(events=(tenancy.event(body),)))
    connected.drift_untold, connected.drift_told = False, (*told, now)


def drift_of(connected: Connected, pin: IntegrationPin, seen: IntegrationPin) -> Drift:
    tools = connected.toolbox.tools.values()
    return judge_drift(pin, seen, {tool.name: read_fields(tool.manifest) for tool in tools if tool.manifest})


def change_views(drift: Drift) -> tuple[ChangeView, ...]:
    return tuple(
        ChangeView(
            name=change.key,
            field=change.field,
            kind=change.kind.name.lower(),
            means=MEANS[change.kind],
            old=change.old,
            new=change.new,
        )
        for change in drift.changes
    )


def _told(keys: frozenset[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Drift keys as they stand in the ledger: names of prompts and templates are not told, and no more than some."""
    words = sorted({_word(key) for key in keys})
    return tuple(words[:MOST_TOLD]) + ((f"and {len(words) - MOST_TOLD} more",) if len(words) > MOST_TOLD else ())


def _word(key: str) -> str:
    method, _, name = key.partition(" ")
    if not key:
        return "server"
    return method if name and method in (PROMPTS_GET, TEMPLATES_LIST) else shorten(key, MAX_NAME)
