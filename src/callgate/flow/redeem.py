"""Redeeming an approval: the frozen call is judged again with it as a fact and executed exactly once."""

import asyncio

import msgspec

from callgate.core.decide import decide
from callgate.core.toolbox import ToolProfile
from callgate.flow.execute import Executor, Flight
from callgate.flow.hold import Holds, release, row
from callgate.flow.live import Connected
from callgate.flow.prepare import Prepared, gather, rebound, renewed, reservations
from callgate.flow.run import ATTEMPTS, compiled, open_call
from callgate.flow.scribe import Scribe
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Failed, Served
from callgate.model.call import Call
from callgate.model.decision import Decision
from callgate.model.errors import IntegrityError, StoreError, UpstreamError
from callgate.model.facts import Facts
from callgate.model.hold import Approval, FrozenCall, Hold
from callgate.model.identity import Credential
from callgate.model.record import Collected
from callgate.model.store import Conflict, Put, SealedRow, Unit
from callgate.model.terms import Effect, HoldState

_frozen = msgspec.json.Decoder(FrozenCall)
_encode = msgspec.json.Encoder(order="sorted").encode


class Redeemer:
    """Runs approved holds in tasks of their own, whether or not their author still waits."""

    def __init__(self, tenancy: Tenancy, executor: Executor, holds: Holds) -> None:
        self._tenancy = tenancy
        self._executor = executor
        self._holds = holds
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, hold_id: str) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(hold_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _guarded(self, hold_id: str) -> None:
        try:
            await self.redeem(hold_id)
        except (StoreError, IntegrityError) as fault:
            # The hold stays approved; the next start redeems it, or finds its call in doubt.
            self._tenancy.log("redeem_failed", {"hold": hold_id, "code": fault.code})

    async def redeem(self, hold_id: str) -> None:
        hold = self._tenancy.live.holds.get(hold_id)
        if hold is None or hold.state is not HoldState.APPROVED:
            return
        if hold.expires_ms <= self._tenancy.clock.now_ms():
            await self._holds.end(hold, HoldState.EXPIRED, "expired")
            return
        key = await self._tenancy.store.key(hold.call_id)
        sealed = [found for found in await self._tenancy.store.sealed(hold.call_id) if found.field == "frozen"]
        if key is None or not sealed:
            await self._holds.end(hold, HoldState.VOID, "erased")
            return
        scribe = Scribe.resume(self._tenancy, hold.call_id, key)
        frozen = _frozen.decode(scribe.open(sealed[0]))
        connected = self._tenancy.live.connected.get(hold.integration)
        tool = connected.toolbox.tools.get(hold.tool) if connected else None
        if connected is None or tool is None or tool.pin.digest != frozen.definition:
            await self._holds.end(hold, HoldState.VOID, "definition_changed")
            return
        await self._judge(hold, frozen, scribe, connected, tool)

    async def _judge(
        self, hold: Hold, frozen: FrozenCall, scribe: Scribe, connected: Connected, tool: ToolProfile
    ) -> None:
        call = renewed(self._tenancy, frozen.call)
        try:
            pin = await self._executor.read(call, tool)
        except UpstreamError:
            await self._holds.end(hold, HoldState.VOID, "state_unreadable")
            return
        if pin != hold.state_pin:
            await self._holds.end(hold, HoldState.VOID, "state_changed")
            return
        prepared = Prepared(
            call=call,
            binding=rebound(self._tenancy, call, self._tenancy.clock.now_ms()),
            credential=_credential(frozen, self._tenancy.clock.now_ms()),
        )
        listed = tuple(key for question in hold.questions for key in question.findings)
        approval = Approval(hold=hold.id, findings=listed, alone=any(vote.alone for vote in hold.votes))
        exhausted: tuple[str, ...] = ()
        for attempt in range(2, ATTEMPTS + 2):
            facts = gather(self._tenancy, prepared, tool, connected, exhausted=exhausted, approval=approval)
            rules = self._tenancy.live.contracts.get(call.contract)
            decision = decide(call, tool, rules, compiled(self._tenancy), facts)
            if decision.effect is not Effect.ALLOW:
                await self._void(hold, prepared, decision, scribe, attempt)
                return
            outcome = await self._execute(hold, prepared, decision, facts, scribe, tool, attempt)
            if outcome is None:
                return
            if outcome.which == f"hold:{hold.id}":
                return
            exhausted = (*exhausted, outcome.which.removeprefix("counter:"))
        await self._holds.end(hold, HoldState.VOID, "contended")

    async def _void(self, hold: Hold, prepared: Prepared, decision: Decision, scribe: Scribe, attempt: int) -> None:
        event = scribe.decided(prepared.call, decision, attempt=attempt, hold=hold.id)
        reason = "refused" if decision.effect is Effect.DENY else "new_findings"
        await self._holds.end(hold, HoldState.VOID, reason, event, names=tuple(scribe.names))

    async def _execute(
        self,
        hold: Hold,
        prepared: Prepared,
        decision: Decision,
        facts: Facts,
        scribe: Scribe,
        tool: ToolProfile,
        attempt: int,
    ) -> Conflict | None:
        """None: it ran (or is known not to have). A Conflict: nothing was sent."""
        call, live = prepared.call, self._tenancy.live
        epoch = live.epoch
        event = scribe.decided(call, decision, attempt=attempt, hold=hold.id)
        opened = open_call(self._tenancy, call, tool, hold.id)
        executing = msgspec.structs.replace(hold, state=HoldState.EXECUTING, version=hold.version + 1)
        unit = Unit(
            events=(event,),
            guards=reservations(self._tenancy, call),
            changes=(row(executing, hold.version), release(hold)),
            opened=(opened,),
            sealed=(scribe.context(event.id, call, facts, decision),),
            names=tuple(scribe.names),
        )
        outcome = await self._tenancy.write(unit)
        if isinstance(outcome, Conflict):
            return outcome
        scribe.names = []
        live.opened(opened)

        def epilogue(answer: Served | Failed) -> tuple[tuple[Put, ...], tuple[SealedRow, ...]]:
            done = msgspec.structs.replace(executing, state=HoldState.EXECUTED, version=executing.version + 1)
            return (row(done, executing.version),), (scribe.seal(hold.id, "collected", _encode(_kept(answer))),)

        flight = Flight(call, tool, scribe, opened, (hold.decision_id, event.id), epilogue=epilogue)
        flight.cancelled = live.epoch != epoch and bool(live.halts_for(call) or self._revoked(call))
        await self._executor.run(flight, _nobody)
        self._holds.wake(hold.id)
        return None

    def _revoked(self, call: Call) -> bool:
        return self._tenancy.live.revoked(call.credential, call.principal.initiator.subject, call.at_ms)


def _kept(answer: Served | Failed) -> Collected:
    if isinstance(answer, Served):
        return Collected(
            outcome="served", result=answer.result, error=answer.error, events=answer.events, receipt=answer.receipt
        )
    return Collected(outcome=answer.code, result=b"", error=b"", events=(), receipt=())


def _credential(frozen: FrozenCall, now_ms: int) -> Credential:
    """Whoever asked. An expired login does not void an approval; a revoked one or a disabled account does."""
    call = frozen.call
    return Credential(
        id=call.credential,
        initiator=call.principal.initiator,
        runtime=call.principal.runtime,
        chain=call.principal.chain,
        issued_ms=call.at_ms,
        expires_ms=now_ms + 1,
        task=call.task,
    )


def _nobody(_: bytes) -> None:
    """The author's request is long over: progress goes nowhere."""
