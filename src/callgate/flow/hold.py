"""Holds: freeze a call, let people find it, give its author the outcome. Votes are in vote.py, execution in redeem.py."""

import asyncio

import msgspec

from callgate.core.toolbox import ToolProfile
from callgate.flow.execute import Executor
from callgate.flow.flight import Flight
from callgate.flow.hold_rows import counter, held, hold_digest, place, release, row
from callgate.flow.live import OPEN_HOLDS
from callgate.flow.methods import method_of, pending_next
from callgate.flow.prepare import equal, sticky
from callgate.flow.prepared import Prepared
from callgate.flow.refusals import in_doubt
from callgate.flow.rows import noun
from callgate.flow.scribe import Scribe, question_ref
from callgate.flow.tenancy import Tenancy
from callgate.flow.watch import Watch
from callgate.model.answer import Answer, Failed, Pending, Refused, Served
from callgate.model.call import Call
from callgate.model.decision import Decision, Finding
from callgate.model.errors import InputError
from callgate.model.event import Asked, HoldEnded, NewEvent
from callgate.model.facts import Facts
from callgate.model.hold import FrozenCall, Hold
from callgate.model.identity import Credential
from callgate.model.record import Collected
from callgate.model.store import Conflict, Kind, NameRow, Put, Reserve, Unit
from callgate.model.terms import Effect, HoldState

WAIT_AT_MOST_MS = 45_000
_encode = msgspec.json.Encoder(order="sorted").encode
_collected = msgspec.json.Decoder(Collected)
_NOT_AGAIN = "It will not be sent again under this approval. Look in the target before calling again."
_ENDED = {
    HoldState.DENIED: "A person said no. Do not try another way to the same end.",
    HoldState.EXPIRED: "Nobody answered in time; nothing was executed. Ask the person before calling again.",
    HoldState.WITHDRAWN: "The call was withdrawn; nothing was executed.",
    HoldState.VOID: "Something the approval was bound to changed; nothing was executed. Look again, then call again.",
}


class Inflight:
    """Where a call stands, for a client that gives up."""

    def __init__(self, watch: Watch | None = None) -> None:
        self.watch = watch or Watch()
        self.cancelled = False
        self.flight: Flight | None = None
        self.hold = ""
        self.alone = ""
        """Tag under which equal calls find this one; empty: it is not entered."""


class Holds:
    """Frozen calls of one tenant."""

    def __init__(self, tenancy: Tenancy, executor: Executor) -> None:
        self._tenancy = tenancy
        self._executor = executor
        self._changed: dict[str, asyncio.Event] = {}
        self._closing = False

    async def open(
        self,
        prepared: Prepared,
        tool: ToolProfile,
        decision: Decision,
        facts: Facts,
        scribe: Scribe,
        attempt: int,
        inflight: Inflight,
    ) -> Answer | Conflict:
        """Freeze the call with its questions; wait a short grace; answer Pending or what came of it.

        A Conflict names the counter that is full. Raises UpstreamError: the state to bind to cannot be read.
        """
        full = await self._full(prepared.call)
        if full is not None:
            return full
        pin = await self._executor.read(prepared.call, tool)
        hold = self._make(prepared, decision, pin)
        unit = self._unit(prepared, tool, decision, facts, scribe, attempt, hold)
        hold = msgspec.structs.replace(hold, decision_id=unit.events[0].id)
        outcome = await self._tenancy.write(unit)
        if isinstance(outcome, Conflict):
            return outcome
        scribe.names = []
        inflight.hold = hold.id
        bundle = self._tenancy.live.bundle
        grace = bundle.waiting.grace_ms if bundle else 0
        if grace and not inflight.cancelled:
            await self._wait(hold.id, grace)
        if inflight.cancelled:
            await self.withdraw(hold.id)
        return await self.collect(hold.id)

    async def _full(self, call: Call) -> Conflict | None:
        """What would find no place to wait reads nothing from its target. The unit that holds it has the last word."""
        bundle = self._tenancy.live.bundle
        assert bundle is not None
        who = call.principal.initiator
        name = place(who.issuer, who.subject, call.principal.runtime.id, call.contract, call.task)
        used = await self._tenancy.store.counter(name)
        return Conflict(which=f"counter:{name}", found=used) if used >= bundle.waiting.max_open else None

    async def collect(self, hold_id: str) -> Answer:
        """What its author is told. From the outcome on, an equal call is a new one; ``answer`` goes on saying it."""
        answer = await self.answer(hold_id)
        hold = self._tenancy.live.holds.get(hold_id)
        if hold is not None and hold.state is HoldState.EXECUTED:
            await self._leave(hold, "collected")
        return answer

    async def _leave(self, hold: Hold, reason: str) -> None:
        """An executed hold no longer answers equal calls."""
        done = msgspec.structs.replace(hold, ended=reason, version=hold.version + 1)
        await self._tenancy.write(Unit(changes=(row(done, hold.version),)))

    async def await_(self, credential: Credential, hold_id: str, wait_ms: int) -> Answer:
        """For ``callgate_await_approval``. InputError when the hold is not this caller's."""
        hold = await self.find(hold_id)
        who = credential.initiator
        mine = hold is not None and (hold.initiator, hold.issuer, hold.runtime) == (
            who.subject,
            who.issuer,
            credential.runtime.id,
        )
        if hold is None or not mine or not _covers(credential, hold):
            raise InputError("There is no such approval for this login.", code="unknown_approval")
        if hold.state in OPEN_HOLDS and not self._in_doubt(hold):
            await self._wait(hold_id, min(wait_ms, WAIT_AT_MOST_MS))
        answer = await self.answer(hold_id)
        if isinstance(answer, Served) and answer.asked is not None:
            # What the server asks belongs to the call itself: the next equal one collects it.
            return _input_needed(answer.call_id)
        return await self.collect(hold_id)

    async def find(self, hold_id: str) -> Hold | None:
        live = self._tenancy.live.holds.get(hold_id)
        if live is not None:
            return live
        stored = await self._tenancy.store.get(Kind.HOLD, hold_id)
        found: Hold | None = noun(stored) if stored else None
        return found

    async def answer(self, hold_id: str) -> Answer:
        """What the author of a frozen call is told now."""
        hold = await self.find(hold_id)
        if hold is None:
            return Failed(
                call_id="", code="unknown_approval", reason="There is no such approval.", unknown=False, next=""
            )
        if self._in_doubt(hold):
            return _sent(hold)
        match hold.state:
            case HoldState.OPEN | HoldState.APPROVED | HoldState.EXECUTING:
                return pending(hold)
            case HoldState.EXECUTED:
                return await self._outcome(hold)
            case _:
                finding = Finding(
                    gate="hold", code=hold.state.value, effect=Effect.DENY, reason=_ENDED[hold.state], path=hold.ended
                )
                return Refused(
                    call_id=hold.call_id, decision_id=hold.decision_id, findings=(finding,), next=_ENDED[hold.state]
                )

    def _in_doubt(self, hold: Hold) -> bool:
        """It was sent, and its outcome could not be recorded."""
        call = self._tenancy.live.open_calls.get(hold.call_id)
        return hold.state is HoldState.EXECUTING and call is not None and call.unknown

    async def withdraw(self, hold_id: str) -> None:
        """The client cancelled inside the grace wait."""
        hold = self._tenancy.live.holds.get(hold_id)
        if hold is not None and hold.state is HoldState.OPEN:
            await self.end(hold, HoldState.WITHDRAWN, "cancelled")

    async def end(
        self,
        hold: Hold,
        state: HoldState,
        reason: str,
        *more: NewEvent,
        changes: tuple[Put, ...] = (),
        names: tuple[NameRow, ...] = (),
    ) -> bool:
        """Compare-and-set into a final state; False: somebody else was first."""
        done = msgspec.structs.replace(hold, state=state, ended=reason, version=hold.version + 1)
        event = self._tenancy.event(HoldEnded(hold=hold.id, state=state.value, reason=reason), call=hold.call_id)
        unit = Unit(events=(*more, event), changes=(row(done, hold.version), release(hold), *changes), names=names)
        outcome = await self._tenancy.write(unit)
        self.wake(hold.id)
        return not isinstance(outcome, Conflict)

    async def expire(self) -> None:
        """End what is over. Called by the second loop."""
        now = self._tenancy.clock.now_ms()
        for hold in tuple(self._tenancy.live.holds.values()):
            if hold.expires_ms > now:
                continue
            if hold.state is HoldState.OPEN:
                await self.end(hold, HoldState.EXPIRED, "expired")
            elif hold.state is HoldState.EXECUTED:
                await self._leave(hold, "not_collected")

    async def halt(self, matches: tuple[str, ...], why: str = "halted") -> int:
        """A kill switch, or the end of a task, cancels what is held. ``matches`` are hold ids."""
        ended = 0
        for hold_id in matches:
            hold = self._tenancy.live.holds.get(hold_id)
            if hold is not None and hold.state in (HoldState.OPEN, HoldState.APPROVED):
                ended += await self.end(hold, HoldState.VOID, why)
        return ended

    def wake(self, hold_id: str) -> None:
        changed = self._changed.pop(hold_id, None)
        if changed is not None:
            changed.set()

    def stop(self) -> None:
        """The gate ends: nobody is kept waiting for people. What waits for them stays as it is."""
        self._closing = True
        for hold_id in tuple(self._changed):
            self.wake(hold_id)

    async def _wait(self, hold_id: str, wait_ms: int) -> None:
        if self._closing:
            return
        changed = self._changed.setdefault(hold_id, asyncio.Event())
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await changed.wait()
        except TimeoutError:
            return

    def _make(self, prepared: Prepared, decision: Decision, pin: str) -> Hold:
        call, live, now = prepared.call, self._tenancy.live, self._tenancy.clock.now_ms()
        bundle = live.bundle
        assert bundle is not None
        who = call.principal.initiator
        return Hold(
            id=self._tenancy.new_id("hold"),
            call_id=call.id,
            decision_id="",
            state=HoldState.OPEN,
            digest=hold_digest(self._tenancy, call, decision.questions, pin),
            equal=equal(self._tenancy, call),
            sticky=sticky(self._tenancy, call),
            questions=decision.questions,
            votes=(),
            initiator=who.subject,
            issuer=who.issuer,
            runtime=call.principal.runtime.id,
            contract=call.contract,
            task=call.task,
            integration=call.integration,
            tool=call.tool,
            bundle=decision.bundle,
            state_pin=pin,
            opened_ms=now,
            expires_ms=now + bundle.waiting.expires_ms,
            version=1,
        )

    def _unit(
        self,
        prepared: Prepared,
        tool: ToolProfile,
        decision: Decision,
        facts: Facts,
        scribe: Scribe,
        attempt: int,
        hold: Hold,
    ) -> Unit:
        call = prepared.call
        bundle = self._tenancy.live.bundle
        assert bundle is not None
        decided = scribe.decided(call, decision, attempt=attempt)
        asked = self._tenancy.event(
            Asked(
                hold=hold.id,
                questions=tuple(map(question_ref, hold.questions)),
                digest=hold.digest,
                state_pin=hold.state_pin,
                expires_ms=hold.expires_ms,
            ),
            call=call.id,
        )
        frozen = FrozenCall(call=call, definition=tool.pin.digest, findings=held(decision))
        hold = msgspec.structs.replace(hold, decision_id=decided.id)
        return Unit(
            events=(decided, asked),
            guards=(Reserve(counter=counter(hold), amount=1, limit=bundle.waiting.max_open),),
            changes=(row(hold, 0),),
            sealed=(
                scribe.context(decided.id, call, facts, decision),
                scribe.seal(hold.id, "frozen", _encode(frozen)),
            ),
            keys=scribe.keys,
            names=tuple(scribe.names),
        )

    async def _outcome(self, hold: Hold) -> Served | Failed:
        if hold.ended == "in_doubt":
            return _sent(hold)
        key = await self._tenancy.store.key(hold.call_id)
        sealed = [found for found in await self._tenancy.store.sealed(hold.call_id) if found.field == "collected"]
        if key is None or not sealed:
            return Failed(
                call_id=hold.call_id,
                code="erased",
                reason="The call ran once; its result is no longer kept.",
                unknown=False,
                next="",
            )
        scribe = Scribe.resume(self._tenancy, hold.call_id, key)
        kept = _collected.decode(scribe.open(sealed[-1]))
        if kept.outcome == "served":
            return Served(
                call_id=hold.call_id,
                result=kept.result,
                error=kept.error,
                events=kept.events,
                receipt=kept.receipt,
                method=method_of(hold.tool),
                asked=kept.asked,
                hold=hold.id,
            )
        return Failed(
            call_id=hold.call_id, code=kept.outcome, reason=kept.reason, unknown=kept.unknown, next=_NOT_AGAIN
        )


def _input_needed(call_id: str) -> Failed:
    return Failed(
        call_id=call_id,
        code="input_needed",
        reason="The call was approved and sent, and its server asks for something before it gives a result.",
        unknown=False,
        next="Make the same call again with the same arguments: its answer is what the server asks.",
    )


def _covers(credential: Credential, hold: Hold) -> bool:
    """The login may see what became of the hold: its task and its integrations allow for it."""
    return credential.task in ("", hold.task) and (
        not credential.integrations or hold.integration in credential.integrations
    )


def _sent(hold: Hold) -> Failed:
    return in_doubt(hold.call_id, "outcome_unknown", "The approved call was sent and no answer came.")


def pending(hold: Hold) -> Pending:
    return Pending(
        call_id=hold.call_id,
        decision_id=hold.decision_id,
        hold=hold.id,
        questions=hold.questions,
        findings=_asked(hold),
        expires_ms=hold.expires_ms,
        next=pending_next(hold.tool),
    )


def _asked(hold: Hold) -> tuple[Finding, ...]:
    """What the questions are about, from the keys they discharge."""
    return tuple(
        Finding(gate=gate, code=code, effect=Effect.HOLD, path=path, reason=question.text)
        for question in hold.questions
        for gate, code, path in (key.split("/", 2) for key in question.findings)
    )
