"""One call, from request to answer: judge, commit, execute. The order of DESIGN section 3."""

import asyncio

import msgspec

from callgate.core.asks import allowed as allowed_words
from callgate.core.contract import ContractRules
from callgate.core.decide import Rules, decide
from callgate.core.toolbox import ToolProfile
from callgate.flow.asking import client_behind, without_waiting
from callgate.flow.confining import narrowed, only_too_wide
from callgate.flow.denials import DenialLimit
from callgate.flow.drift import looked_at
from callgate.flow.execute import Executor
from callgate.flow.flight import Flight
from callgate.flow.hold import Holds, Inflight
from callgate.flow.live import Connected
from callgate.flow.ports import Relay
from callgate.flow.prepare import (
    as_round,
    equal,
    gather,
    is_idempotent,
    prepare,
    reservations,
    resolved,
    twin,
)
from callgate.flow.prepared import Prepared
from callgate.flow.refusals import not_recorded, refusal
from callgate.flow.rounds import RoundAnswers, round_events, round_guards
from callgate.flow.scribe import Scribe
from callgate.flow.tenancy import Tenancy
from callgate.flow.watch import Watch
from callgate.model.answer import Answer, Failed, Refused, Request
from callgate.model.call import Call
from callgate.model.decision import Decision, Finding
from callgate.model.errors import IntegrityError, StoreError, UpstreamError
from callgate.model.event import Attached
from callgate.model.facts import Facts
from callgate.model.hold import Approval
from callgate.model.store import Conflict, OpenCall, Unit
from callgate.model.terms import Effect, Outcome

ATTEMPTS = 3
_CONTENDED = Finding(
    gate="rate",
    code="contended",
    effect=Effect.DENY,
    reason="Other calls changed the same counters three times.",
)


class Runner:
    """Governs the calls of one tenant."""

    def __init__(self, tenancy: Tenancy, executor: Executor, holds: Holds) -> None:
        self._tenancy = tenancy
        self._executor = executor
        self._holds = holds
        self.denials = DenialLimit(tenancy)
        self._running: dict[str, asyncio.Task[Answer]] = {}
        self._tasks: set[asyncio.Task[Answer]] = set()

    async def call(self, request: Request, relay: Relay, watch: Watch | None = None) -> Answer:
        """Runs in a task of its own, so that a client that leaves cancels the call, never a commit."""
        inflight = Inflight(watch)
        task = asyncio.get_running_loop().create_task(self._guarded(request, relay, inflight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            inflight.cancelled = True
            if inflight.flight is not None:
                await self._executor.cancel(inflight.flight)
            elif inflight.hold:
                await self._holds.withdraw(inflight.hold)
            raise

    async def drain(self) -> None:
        """Wait for what runs. New calls are no longer let in by the caller."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def flush(self) -> None:
        """Write what was counted instead of recorded."""
        await self.denials.flush()

    async def _guarded(self, request: Request, relay: Relay, inflight: Inflight) -> Answer:
        try:
            return await self._govern(request, relay, inflight)
        except StoreError as fault:
            self._tenancy.log("call_refused_store", inflight.watch.where(fault.code))
            return not_recorded("store_failed", "The gate cannot record the call, so it is not executed.")
        except IntegrityError as fault:
            self._tenancy.log("call_refused_integrity", inflight.watch.where(fault.code))
            return not_recorded("integrity", "The ledger of this gate does not verify, so nothing is executed.")

    async def _govern(self, request: Request, relay: Relay, inflight: Inflight, wider: str = "") -> Answer:
        """``wider``: id of the call in whose place this one is judged, from the start."""
        if request.integration in self._tenancy.live.unseen:
            await looked_at(self._tenancy, request.integration)
        connected = self._tenancy.live.connected.get(request.integration)
        if connected is None:
            return not_recorded("unknown_integration", "This gate has no such integration.")
        prepared, tool, rules = prepare(self._tenancy, request, connected)
        if request.continued is not None or (request.asks and request.inquire is None):
            prepared = as_round(prepared, request)
        if wider:
            prepared = msgspec.structs.replace(
                prepared, call=msgspec.structs.replace(prepared.call, derived_from=wider)
            )
        inflight.watch.call = prepared.call
        scribe = Scribe.begin(self._tenancy, prepared.call.id)
        narrower = narrowed(self._tenancy, prepared, tool, rules)
        if narrower is not None:
            prepared = msgspec.structs.replace(prepared, narrows=True)
        try:
            answer = await self._decide(request, prepared, tool, rules, connected, scribe, relay, inflight)
        finally:
            if inflight.alone:
                del self._running[inflight.alone]
                inflight.alone = ""
        if narrower is None or not only_too_wide(answer):
            return answer
        return await self._govern(
            msgspec.structs.replace(request, arguments=narrower), relay, inflight, prepared.call.id
        )

    async def _decide(
        self,
        request: Request,
        prepared: Prepared,
        tool: ToolProfile | None,
        rules: ContractRules | None,
        connected: Connected,
        scribe: Scribe,
        relay: Relay,
        inflight: Inflight,
    ) -> Answer:
        exhausted: tuple[str, ...] = ()
        for attempt in range(1, ATTEMPTS + 1):
            facts = gather(
                self._tenancy,
                prepared,
                tool,
                connected,
                exhausted=exhausted,
                twin=twin(self._tenancy, prepared.call, tool),
            )
            epoch = self._tenancy.live.epoch
            decision = decide(prepared.call, tool, rules, compiled(self._tenancy), facts)
            if prepared.continued is not None:
                decision = without_waiting(decision)
            self._tenancy.observer.judged(inflight.watch, decision)
            if decision.effect is Effect.DENY or tool is None:
                return await self._refuse(prepared, decision, facts, scribe, attempt)
            allowed = decision.effect is Effect.ALLOW
            free = attempt > 1 or (allowed and is_idempotent(tool) and prepared.continued is None)
            first = None if free else self._first(prepared, inflight)
            if first is not None or not allowed:
                waited = (
                    await self._join(prepared, scribe, *first)
                    if first is not None
                    else await self._hold(prepared, tool, decision, facts, scribe, attempt, inflight)
                )
                if isinstance(waited, Conflict):
                    exhausted = (*exhausted, waited.which.removeprefix("counter:"))
                    continue
                return waited
            unit, opened, event = self._permission(prepared, tool, decision, facts, scribe, attempt)
            self._tenancy.live.opened(opened)
            try:
                outcome = await self._tenancy.write(unit)
            except (StoreError, IntegrityError):
                self._tenancy.live.closed(prepared.call.id)
                raise
            if isinstance(outcome, Conflict):
                self._tenancy.live.closed(prepared.call.id)
                if outcome.which.startswith("counter:"):
                    exhausted = (*exhausted, outcome.which.removeprefix("counter:"))
                continue
            return await self._fly(request, prepared, tool, connected, scribe, relay, inflight, opened, event, epoch)
        decision = msgspec.structs.replace(decision, effect=Effect.DENY, findings=(_CONTENDED, *decision.findings))
        return await self._refuse(prepared, decision, facts, scribe, ATTEMPTS)

    async def _fly(
        self,
        request: Request,
        prepared: Prepared,
        tool: ToolProfile,
        connected: Connected,
        scribe: Scribe,
        relay: Relay,
        inflight: Inflight,
        opened: OpenCall,
        event: str,
        epoch: int,
    ) -> Answer:
        """The permission is durable. ``epoch``: of the state it was judged on."""
        live = self._tenancy.live
        flight = Flight(
            prepared.call,
            tool,
            scribe,
            opened,
            (event,),
            integration=connected.integration,
            permitted=lambda: still(self._tenancy, prepared, epoch, prepared.call.deadline_ms),
            session=request.session,
            protocol=request.protocol,
            progress=request.progress,
            log_level=request.log_level,
            watch=inflight.watch,
        )
        flight.cancelled = inflight.cancelled
        if request.inquire is not None:
            flight.behind = client_behind(prepared, connected, request)
        inflight.flight = flight
        if live.epoch != epoch:
            again = judged_again(self._tenancy, prepared)
            if again is not None:
                return await self._stopped(flight, prepared, *again)
        if prepared.continued is not None:
            return await self._next_round(flight, prepared, connected, relay)
        return await self._executor.run(flight, relay)

    async def _next_round(self, flight: Flight, prepared: Prepared, connected: Connected, relay: Relay) -> Answer:
        """With the answers that may leave; an answer that cannot be recorded keeps the call from being sent."""
        answers = RoundAnswers(self._tenancy)
        words = allowed_words(prepared.call.asks, connected.integration.asks)
        try:
            flight.more = await answers.admit(prepared, connected, words)
        except (StoreError, IntegrityError):
            flight.cancelled = True
        answer = await self._executor.run(flight, relay)
        await answers.ended(flight.watch.outcome)
        return answer

    async def _hold(
        self,
        prepared: Prepared,
        tool: ToolProfile,
        decision: Decision,
        facts: Facts,
        scribe: Scribe,
        attempt: int,
        inflight: Inflight,
    ) -> Answer | Conflict:
        """A call that cannot be frozen, because the state it would be bound to cannot be read, is recorded too."""
        try:
            return await self._holds.open(prepared, tool, decision, facts, scribe, attempt, inflight)
        except UpstreamError as fault:
            unreadable = Finding(gate="hold", code=fault.code, effect=Effect.DENY, reason=fault.message)
            findings = (unreadable, *decision.findings)
            denied = msgspec.structs.replace(decision, effect=Effect.DENY, findings=findings, questions=())
            await self._refuse(prepared, denied, facts, scribe, attempt)
            return Failed(
                call_id=prepared.call.id,
                code=fault.code,
                reason=fault.message,
                unknown=False,
                next=fault.hint or "Nothing was executed. Try again later.",
            )

    def _permission(
        self, prepared: Prepared, tool: ToolProfile, decision: Decision, facts: Facts, scribe: Scribe, attempt: int
    ) -> tuple[Unit, OpenCall, str]:
        call = prepared.call
        event = scribe.decided(call, decision, attempt=attempt)
        opened = open_call(self._tenancy, call, tool)
        unit = Unit(
            events=(event, *round_events(self._tenancy, prepared)),
            guards=(*reservations(self._tenancy, call), *round_guards(prepared)),
            opened=(opened,),
            sealed=(scribe.context(event.id, call, facts, decision),),
            keys=scribe.keys,
            names=tuple(scribe.names),
        )
        scribe.names = []
        return unit, opened, event.id

    async def _refuse(
        self, prepared: Prepared, decision: Decision, facts: Facts, scribe: Scribe, attempt: int
    ) -> Refused:
        call = prepared.call
        if self.denials.over(prepared.credential.id):
            self.denials.beyond(prepared.credential.id)
            return refusal(call, "", decision, facts)
        event = scribe.decided(call, decision, attempt=attempt)
        unit = Unit(
            events=(event,),
            sealed=(scribe.context(event.id, call, facts, decision),),
            keys=scribe.keys,
            names=tuple(scribe.names),
        )
        await self._tenancy.write(unit)
        if not prepared.narrows:
            self.denials.count(prepared.credential.id)
        return refusal(call, event.id, decision, facts)

    async def _stopped(self, flight: Flight, prepared: Prepared, decision: Decision, facts: Facts) -> Refused:
        """Something that counts changed between the commit and the send: the permission is taken back."""
        call = prepared.call
        flight.watch.decision = decision
        event = flight.scribe.decided(call, decision, attempt=ATTEMPTS + 1)
        ended = flight.scribe.finished(call, Outcome.NOT_SENT, b"", 0)
        await self._tenancy.write(Unit(events=(event, ended), closed=(call.id,), names=tuple(flight.scribe.names)))
        self._tenancy.live.closed(call.id)
        return refusal(call, event.id, decision, facts)

    def _first(self, prepared: Prepared, inflight: Inflight) -> tuple[str, asyncio.Task[Answer] | None] | None:
        """The equal call that came before and has not ended: (its hold or "", its task). None: this one is the first.

        INVARIANT: nothing is awaited between this look and the entry it makes, so two equal calls never both run.
        """
        tag = equal(self._tenancy, prepared.call)
        waiting, running = self._tenancy.live.equal_holds.get(tag), self._running.get(tag)
        if waiting is not None:
            return waiting, None
        if running is not None:
            return "", running
        inflight.alone = tag
        task: asyncio.Task[Answer] | None = asyncio.current_task()
        assert task is not None
        self._running[tag] = task
        return None

    async def _join(
        self, prepared: Prepared, scribe: Scribe, waiting: str, running: asyncio.Task[Answer] | None
    ) -> Answer | Conflict:
        """An equal call of the same person, runtime and task is not executed twice: it gets the first one's answer.

        A Conflict names the rate that is used up.
        """
        live = self._tenancy.live
        tag = equal(self._tenancy, prepared.call)
        to_call = live.holds[waiting].call_id if waiting else next(reversed(live.equal_calls.get(tag, ())), "")
        who = scribe.who(prepared.call.principal, prepared.call.credential)
        event = self._tenancy.event(Attached(to_call=to_call), call=prepared.call.id, who=who)
        rates = tuple(one for one in reservations(self._tenancy, prepared.call) if one.counter.startswith("rate:"))
        outcome = await self._tenancy.write(Unit(events=(event,), guards=rates, names=tuple(scribe.names)))
        if isinstance(outcome, Conflict):
            return outcome
        if running is None:
            return await self._holds.collect(waiting)
        return await asyncio.shield(running)


def still(tenancy: Tenancy, prepared: Prepared, epoch: int, until_ms: int, approval: Approval | None = None) -> bool:
    """Whether what was allowed on the state of ``epoch`` is allowed now. Time passes without a change of state: what
    may last until ``until_ms`` or the end of the login is not sent after it.
    """
    now = tenancy.clock.now_ms()
    if now >= until_ms:
        return False
    unchanged = tenancy.live.epoch == epoch and now < prepared.credential.expires_ms
    return unchanged or judged_again(tenancy, prepared, approval) is None


def judged_again(
    tenancy: Tenancy, prepared: Prepared, approval: Approval | None = None
) -> tuple[Decision, Facts] | None:
    """An allowed call, judged on what is live now. None: it is allowed still, or its integration is gone, which the
    executor sees.
    """
    live = tenancy.live
    connected = live.connected.get(prepared.call.integration)
    if connected is None:
        return None
    tool = connected.toolbox.find(prepared.call.method, prepared.call.tool)
    now = msgspec.structs.replace(prepared, call=resolved(prepared.call, tool), contract_problem=None)
    facts = gather(tenancy, now, tool, connected, approval=approval)
    decision = decide(now.call, tool, live.contracts.get(now.call.contract), compiled(tenancy), facts)
    return None if decision.effect is Effect.ALLOW else (decision, facts)


def open_call(tenancy: Tenancy, call: Call, tool: ToolProfile, hold: str = "") -> OpenCall:
    idempotent = is_idempotent(tool)
    return OpenCall(
        call_id=call.id,
        equal="" if idempotent else equal(tenancy, call),
        integration=call.integration,
        tool=call.tool,
        task=call.task,
        at_ms=call.at_ms,
        hold=hold,
        idempotent=idempotent,
    )


def compiled(tenancy: Tenancy) -> Rules:
    rules = tenancy.live.rules
    if rules is None:
        raise StoreError("No policy bundle is live.", code="no_bundle")
    return rules
