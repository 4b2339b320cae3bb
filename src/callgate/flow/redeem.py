"""Redeeming an approval: the frozen call is judged again with it as a fact and executed exactly once."""

import asyncio

import msgspec

from callgate.core.decide import decide
from callgate.core.toolbox import ToolProfile
from callgate.flow.execute import Executor
from callgate.flow.flight import Flight
from callgate.flow.hold import Holds
from callgate.flow.hold_rows import held, hold_digest, release, row
from callgate.flow.live import Connected
from callgate.flow.methods import MODERN
from callgate.flow.prepare import gather, rebound, renewed, reservations, twin
from callgate.flow.prepared import Prepared
from callgate.flow.run import ATTEMPTS, compiled, open_call, still
from callgate.flow.scribe import Scribe
from callgate.flow.tenancy import Tenancy
from callgate.flow.vote import still_answered
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
_NEVER_MS = 1 << 53
_encode = msgspec.json.Encoder(order="sorted").encode


class Redeemer:
    """Runs approved holds in tasks of their own, whether or not their author still waits."""

    def __init__(self, tenancy: Tenancy, executor: Executor, holds: Holds) -> None:
        self._tenancy = tenancy
        self._executor = executor
        self._holds = holds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beaten: set[str] = set()
        """Holds whose rows are not as they were left: no sweep mends that, a restart looks again."""
        self._stopped = False

    def start(self, hold_id: str) -> None:
        """Redeem in the background; once at a time for each hold."""
        if hold_id not in self._tasks and not self._stopped:
            task = asyncio.get_running_loop().create_task(self._guarded(hold_id))
            self._tasks[hold_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(hold_id, None))

    def stop(self) -> None:
        """The gate ends: what is approved from now on runs at the next start."""
        self._stopped = True

    def sweep(self) -> None:
        """Take up what a fault of the store left approved. Called by the second loop."""
        for hold in self._tenancy.live.holds.values():
            if hold.state is HoldState.APPROVED and hold.id not in self._beaten:
                self.start(hold.id)

    async def drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    async def _guarded(self, hold_id: str) -> None:
        try:
            await self.redeem(hold_id)
        except (StoreError, IntegrityError) as fault:
            # The hold stays approved: the next sweep takes it up, or the next start finds its call in doubt.
            self._tenancy.log("redeem_failed", {"hold": hold_id, "code": fault.code})
            if isinstance(fault, IntegrityError):
                self._beaten.add(hold_id)

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
        call = renewed(self._tenancy, frozen.call, tool, connected)
        prepared = Prepared(
            call=call,
            binding=rebound(self._tenancy, call, self._tenancy.clock.now_ms()),
            credential=_credential(frozen),
        )
        listed = tuple(key for question in hold.questions for key in question.findings)
        approval = Approval(hold=hold.id, findings=listed, alone=any(vote.alone for vote in hold.votes))
        # Judged before its state is read too: what is stopped by now sends nothing at all.
        first = self._decided(prepared, tool, connected, approval)
        if first[0].effect is not Effect.ALLOW:
            await self._void(hold, prepared, first[0], scribe, 2)
            return
        reason = self._changed(hold, frozen, prepared, tool, connected) or await self._state(hold, call, tool)
        if reason:
            await self._holds.end(hold, HoldState.VOID, reason)
            return
        exhausted: tuple[str, ...] = ()
        for attempt in range(2, ATTEMPTS + 2):
            epoch = self._tenancy.live.epoch
            decision, facts = self._decided(prepared, tool, connected, approval, exhausted)
            if decision.effect is not Effect.ALLOW:
                await self._void(hold, prepared, decision, scribe, attempt)
                return
            outcome = await self._execute(
                hold, prepared, decision, facts, scribe, connected, tool, approval, attempt, epoch
            )
            if outcome is None:
                return
            if outcome.which == f"hold:{hold.id}":
                self._beaten.add(hold.id)
                return
            exhausted = (*exhausted, outcome.which.removeprefix("counter:"))
        await self._holds.end(hold, HoldState.VOID, "contended")

    def _decided(
        self,
        prepared: Prepared,
        tool: ToolProfile,
        connected: Connected,
        approval: Approval | None,
        exhausted: tuple[str, ...] = (),
    ) -> tuple[Decision, Facts]:
        call = prepared.call
        facts = gather(
            self._tenancy,
            prepared,
            tool,
            connected,
            exhausted=exhausted,
            twin=twin(self._tenancy, call, tool),
            approval=approval,
        )
        rules = self._tenancy.live.contracts.get(call.contract)
        return decide(call, tool, rules, compiled(self._tenancy), facts), facts

    def _changed(
        self, hold: Hold, frozen: FrozenCall, prepared: Prepared, tool: ToolProfile, connected: Connected
    ) -> str:
        """Why the approval no longer fits the call; empty: it does. Says nothing of the target's state."""
        if hold_digest(self._tenancy, prepared.call, hold.questions, hold.state_pin) != hold.digest:
            return "call_changed"
        asked = hold.questions
        if self._tenancy.live.bundle is None or self._tenancy.live.bundle.digest != hold.bundle:
            fresh, _ = self._decided(prepared, tool, connected, None)
            if fresh.effect is not Effect.HOLD or frozenset(held(fresh)) != frozenset(frozen.findings):
                return "rules_changed"
            asked = fresh.questions
        return "" if still_answered(self._tenancy, hold, asked) else "approvers_changed"

    async def _state(self, hold: Hold, call: Call, tool: ToolProfile) -> str:
        """Why the state of the target voids the approval; empty: it is as it was."""
        try:
            return "" if await self._executor.read(call, tool) == hold.state_pin else "state_changed"
        except UpstreamError:
            return "state_unreadable"

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
        connected: Connected,
        tool: ToolProfile,
        approval: Approval,
        attempt: int,
        epoch: int,
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

        flight = Flight(
            call,
            tool,
            scribe,
            opened,
            (hold.decision_id, event.id),
            integration=connected.integration,
            protocol=MODERN if call.asks else "",
            permitted=lambda: still(self._tenancy, prepared, epoch, min(call.deadline_ms, hold.expires_ms), approval),
            epilogue=epilogue,
            watch=self._tenancy.observer.redeem(call, decision),
        )
        flight.cancelled = live.epoch != epoch and bool(live.halts_for(call) or self._revoked(call))
        answer = await self._executor.run(flight, _nobody)
        self._tenancy.observer.redeemed(flight.watch, answer)
        self._holds.wake(hold.id)
        return None

    def _revoked(self, call: Call) -> bool:
        return self._tenancy.live.revoked(call.credential, call.principal.initiator.subject, call.at_ms)


def _kept(answer: Served | Failed) -> Collected:
    if isinstance(answer, Served):
        return Collected(
            outcome="served",
            result=answer.result,
            error=answer.error,
            events=answer.events,
            receipt=answer.receipt,
            asked=answer.asked,
        )
    return Collected(
        outcome=answer.code, result=b"", error=b"", events=(), receipt=(), reason=answer.reason, unknown=answer.unknown
    )


def _credential(frozen: FrozenCall) -> Credential:
    """Whoever asked. An expired login does not void an approval; a revoked one or a disabled account does."""
    call = frozen.call
    return Credential(
        id=call.credential,
        initiator=call.principal.initiator,
        runtime=call.principal.runtime,
        chain=call.principal.chain,
        issued_ms=call.at_ms,
        expires_ms=_NEVER_MS,
        task=call.task,
    )


def _nobody(_: bytes) -> None:
    """The author's request is long over: progress goes nowhere."""
