"""What must hold of any house at any quiet moment, read from its ledger, its store and what reached the target."""

from collections import Counter
from typing import Any

from callgate.flow.live import OPEN_HOLDS
from callgate.model.event import Asked, CallUnknown, Decided, Finished, HoldEnded, Voted
from callgate.model.terms import HoldState
from tests.fakes.house import House
from tests.fakes.upstream import arguments_of, tool_of

EXECUTED = ("git_commit", "git_create_branch", "git_add")
"""Tools that nothing but a governed call uses: never a state pin."""
FINAL = ("EXPIRED", "WITHDRAWN", "VOID", "DENIED")


async def check_rules(house: House) -> None:
    """No task of the house may be running."""
    by_call = await _by_call(house)
    for call, bodies in by_call.items():
        _one_life(call, bodies)
    await _effects_were_decided(house, by_call)
    await _open_calls_are_those_without_outcome(house, by_call)
    await _holds_are_what_the_events_say(house, by_call)
    await _counters_agree(house)


async def _by_call(house: House) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for envelope in await house.envelopes():
        if envelope.data.call:
            found.setdefault(envelope.data.call, []).append(envelope.data.body)
    return found


def _one_life(call: str, bodies: list[Any]) -> None:
    """Started at most once, and nothing after the end."""
    starts = [place for place, body in enumerate(bodies) if isinstance(body, Decided) and body.effect == "allow"]
    assert len(starts) <= 1, (call, bodies)
    ends = [place for place, body in enumerate(bodies) if isinstance(body, Finished | CallUnknown)]
    assert len(ends) <= 1, (call, bodies)
    if ends:
        assert starts and starts[0] < ends[0], (call, bodies)
        assert ends[0] == len(bodies) - 1, (call, bodies)
    over = [place for place, body in enumerate(bodies) if isinstance(body, HoldEnded)]
    assert len(over) <= 1, (call, bodies)
    if over:
        assert not starts, (call, bodies)
        assert not any(isinstance(body, Asked | Voted) for body in bodies[over[0] + 1 :]), (call, bodies)


async def _effects_were_decided(house: House, by_call: dict[str, list[Any]]) -> None:
    """Each request that reached the target has one durable Decided(allow), and no more requests than decisions."""
    sent = Counter(tool_of(one) for one in house.upstream.sent if tool_of(one) in EXECUTED)
    allowed = Counter(
        body.tool
        for bodies in by_call.values()
        for body in bodies
        if isinstance(body, Decided) and body.effect == "allow"
    )
    for tool, number in sent.items():
        assert number <= allowed[tool], (tool, number, allowed[tool])
    for one in house.upstream.sent:
        assert tool_of(one), arguments_of(one)


async def _open_calls_are_those_without_outcome(house: House, by_call: dict[str, list[Any]]) -> None:
    unfinished, unknown = set(), set()
    for call, bodies in by_call.items():
        if any(isinstance(body, Decided) and body.effect == "allow" for body in bodies):
            if isinstance(bodies[-1], CallUnknown):
                unknown.add(call)
            elif not isinstance(bodies[-1], Finished):
                unfinished.add(call)
    stored = await house.store.open_calls()
    assert {call.call_id for call in stored if call.unknown} == unknown
    assert {call.call_id for call in stored if not call.unknown} == unfinished


async def _holds_are_what_the_events_say(house: House, by_call: dict[str, list[Any]]) -> None:
    for hold in await house.holds_in():
        bodies = by_call[hold.call_id]
        ended = [body for body in bodies if isinstance(body, HoldEnded)]
        started = any(isinstance(body, Decided) and body.effect == "allow" for body in bodies)
        over = bool(bodies) and isinstance(bodies[-1], Finished | CallUnknown)
        match hold.state:
            case HoldState.OPEN | HoldState.APPROVED:
                assert not ended
                assert not started
            case HoldState.EXECUTING:
                assert started
                assert not over
            case HoldState.EXECUTED:
                assert started
                assert over
            case final:
                assert [body.state for body in ended] == [final.value]
        votes = [(body.question, body.yes) for body in bodies if isinstance(body, Voted)]
        assert [(vote.question, vote.yes) for vote in hold.votes] == votes
    live = {hold.id for hold in house.live.holds.values()}
    assert live == {
        hold.id
        for hold in await house.holds_in()
        if hold.state in OPEN_HOLDS or (hold.state is HoldState.EXECUTED and not hold.ended)
    }


async def _counters_agree(house: House) -> None:
    """Open holds as counted are open holds as stored; calls of a task are its started calls."""
    waiting = Counter(
        f"holds:{hold.task}" if hold.task else f"holds:{hold.contract}:{hold.issuer}:{hold.initiator}:{hold.runtime}"
        for hold in await house.holds_in(HoldState.OPEN, HoldState.APPROVED)
    )
    known = {
        guard.counter
        for unit in house.store.units
        for guard in unit.guards
        if getattr(guard, "counter", "").startswith("holds:")
    }
    for name in known | set(waiting):
        assert await house.store.counter(name) == waiting[name], name
    started = Counter(
        envelope.data.body.task
        for envelope in await house.envelopes("decided")
        if envelope.data.body.effect == "allow" and envelope.data.body.task
    )
    for task, number in started.items():
        assert await house.store.counter(f"calls:{task}") in (0, number), task
