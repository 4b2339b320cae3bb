"""From a durable permission to a durable outcome: send, wait, record, answer.

INVARIANT: nothing is sent before its Decided event is durable, and nothing is answered before its outcome is.
"""

import asyncio
from functools import partial

import msgspec

from callgate.core.asks import allowed, capabilities_of, may_lead_away
from callgate.core.message import STREAM_ENDED, Message
from callgate.core.rounds import read_asked
from callgate.core.toolbox import ToolProfile
from callgate.flow.asking import Asking
from callgate.flow.confining import confined
from callgate.flow.drift import looked_at, may_leave, to_look_again
from callgate.flow.flight import Flight, priced
from callgate.flow.lanes import Lanes
from callgate.flow.methods import ASKED, AWAY, meta_of, name_of, outcome_of, params_of
from callgate.flow.ports import Exchange, Outbound, Relay, always
from callgate.flow.prepare import is_idempotent
from callgate.flow.refusals import after_failure, in_doubt
from callgate.flow.sessions import GateSessions
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Failed, Served, ToolResult
from callgate.model.call import TOOLS_CALL, Call
from callgate.model.errors import IntegrityError, OutcomeUnknown, StoreError, UpstreamError
from callgate.model.event import CallUnknown
from callgate.model.inquiry import InputAsked
from callgate.model.store import Conflict, OpenCall, Unit
from callgate.model.terms import Outcome, Tier

CANCEL_GRACE_S = 2.0
_encode = msgspec.json.encode
_result = msgspec.json.Decoder(ToolResult)
_ANSWERED = {"too_large": Outcome.TOO_LARGE} | dict.fromkeys(
    ("redirect", "unauthorized", "forbidden", "session_gone", "not_found", "rate_limited", "rejected"),
    Outcome.PROTOCOL_ERROR,
)
"""Codes of faults where the server had the request and said no; every other one means that nothing was sent."""


class Executor:
    """Runs flights of one tenant."""

    def __init__(self, tenancy: Tenancy, sessions: GateSessions) -> None:
        self._tenancy = tenancy
        self._sessions = sessions
        self._clock = tenancy.clock
        self._lanes = Lanes(tenancy.clock)
        self._flying: set[Flight] = set()
        self._reads: set[Exchange] = set()
        self._stopped = False

    async def run(self, flight: Flight, relay: Relay) -> Served | Failed:
        """Send, and record how it ended. Never raises for what the target did."""
        if self._stopped:
            flight.cancelled = flight.closing = True
        self._flying.add(flight)
        try:
            return await self._run(flight, relay)
        finally:
            self._flying.remove(flight)

    async def _run(self, flight: Flight, relay: Relay) -> Served | Failed:
        watch = flight.watch
        watch.decision_id = flight.decided[-1]
        watch.sent_us = self._clock.monotonic_us()
        try:
            # What a server says on the way is not looked through.
            told = relay if flight.tool.answer_filter is None else _drop
            if flight.tool.limits:
                async with self._lanes.lent(flight.call, flight.tool.limits):
                    response = await self._attempts(flight, told)
            else:
                response = await self._attempts(flight, told)
        except OutcomeUnknown as fault:
            self._came(flight, fault.code)
            reason = "closing" if flight.closing else "cancelled" if flight.cancelled else fault.code
            return await self._unknown(flight, reason)
        except UpstreamError as fault:
            outcome = _ANSWERED.get(fault.code, Outcome.NOT_SENT)
            return await self._failed(flight, outcome, fault, self._came(flight, fault.code))
        return await self._finished(flight, response, self._came(flight))

    def _leaving(self, flight: Flight) -> str:
        """The ``traceparent`` that goes with a request of the call; empty: none."""
        span = flight.watch.span
        return "" if span is None else span.sending(flight.call.integration, self._clock.monotonic_us())

    def _came(self, flight: Flight, fault: str = "") -> int:
        """Microseconds since the send began."""
        watch = flight.watch
        watch.call, watch.fault, watch.answered_us = flight.call, fault, self._clock.monotonic_us()
        if fault and (flight.closing or not flight.cancelled):
            self._tenancy.log("call_without_answer", watch.where(fault))
        return watch.answered_us - watch.sent_us

    async def cancel(self, flight: Flight) -> None:
        """The client gave up. Before the send nothing is executed; after it the target is told and given 2 s."""
        flight.cancelled = True
        if flight.exchange is not None:
            await _give_up(flight.exchange)

    async def stop(self) -> None:
        """Wait no longer for what runs: as if every client gave up, and so is what comes after. Takes 2 s at most; each
        call then ends within 2 s more.
        """
        self._stopped = True
        for flight in self._flying:
            flight.closing = True
        ending = [self.cancel(flight) for flight in self._flying]
        await asyncio.gather(*ending, *(_give_up(exchange) for exchange in self._reads))

    async def read(self, call: Call, tool: ToolProfile) -> str:
        """Keyed digest of the tool's state_pin reads; empty when it has none. UpstreamError: could not be read."""
        reads = tool.state_reads(call.arguments)
        if not reads:
            return ""
        contents: list[bytes] = []
        for read in reads:
            body = _encode(read.arguments(call.arguments))
            outbound = self._outbound(call, read.tool, body, "", "", progress=False)
            message = await self._in_own_session(call, outbound, None, _drop)
            said = read.state(message.result) if outcome_of(TOOLS_CALL, message) == (Outcome.OK, "") else None
            if said is None:
                raise UpstreamError(
                    "The state that the approval would be bound to cannot be read.",
                    code="state_unreadable",
                    hint=f"Nothing was executed. See first that {read.tool} answers for the same target.",
                )
            contents.append(said)
        return self._tenancy.sealer.equal_tag("state-pin", *(content.hex() for content in contents))

    async def _attempts(self, flight: Flight, relay: Relay) -> Message:
        call, tool = flight.call, flight.tool
        rules = self._tenancy.live.contracts[call.contract].contract.retry
        send = self._exchange if flight.protocol else self._in_own_session
        attempt = 1
        while True:
            await self._must_be_sendable(flight)
            outbound = self._outbound(
                call,
                call.tool,
                call.body,
                flight.session,
                flight.protocol,
                progress=flight.progress,
                tool_profile=tool,
                traceparent=self._leaving(flight),
                method=call.method,
                log_level=flight.log_level,
            )
            if flight.more or call.asks:
                outbound = self._in_rounds(flight, outbound)
            try:
                return await send(call, outbound, flight, relay)
            except OutcomeUnknown:
                raise
            except UpstreamError as fault:
                if fault.code == "stopped" and to_look_again(self._tenancy.live, flight):
                    continue
                if attempt >= rules.attempts or fault.code != "not_sent" or not is_idempotent(tool):
                    raise
                pause_ms = rules.backoff_ms * attempt
                if self._clock.now_ms() + pause_ms >= call.deadline_ms:
                    raise
            await asyncio.sleep(pause_ms / 1000)
            attempt += 1

    async def _must_be_sendable(self, flight: Flight) -> None:
        if flight.call.integration in self._tenancy.live.unseen:
            await looked_at(self._tenancy, flight.call.integration)
        if flight.closing:
            raise UpstreamError("The gate is stopping.", code="closing")
        if flight.cancelled:
            raise UpstreamError("The client cancelled before anything was sent.", code="cancelled")
        if not flight.permitted():
            raise UpstreamError("What permitted the call changed before it was sent.", code="stopped")

    async def _in_own_session(self, call: Call, outbound: Outbound, flight: Flight | None, relay: Relay) -> Message:
        """As ``_exchange``, in the gate's own session for this caller."""
        async with self._sessions.lent(call, outbound) as mine:
            return await self._exchange(call, mine, flight, relay)

    async def _exchange(self, call: Call, outbound: Outbound, flight: Flight | None, relay: Relay) -> Message:
        integration = self._tenancy.live.integrations.get(call.integration)
        if integration is None or (flight is not None and flight.integration != integration):
            raise UpstreamError("The integration was removed or changed.", code="integration_changed")
        permitted = always if flight is None else partial(may_leave, self._tenancy.live, flight)
        exchange = await self._tenancy.upstreams.of(integration).open(outbound, permitted)
        if flight is not None:
            flight.exchange = exchange
            if flight.cancelled:
                await self.cancel(flight)
        else:
            self._reads.add(exchange)
        try:
            return await self._until_answered(exchange, flight, relay)
        finally:
            self._reads.discard(exchange)
            if flight is not None and flight.asking is not None:
                await flight.asking.close()

    async def _until_answered(self, exchange: Exchange, flight: Flight | None, relay: Relay) -> Message:
        async for message in exchange:
            if message.is_response:
                return message
            if message.id is not None:
                await self._asked_back(exchange, message, flight)
            elif message.method == "notifications/cancelled" and flight is not None and flight.asking is not None:
                flight.asking.withdrawn(message.params)
            elif message.method == "notifications/progress":
                relay(message.params)
            elif message.method == "notifications/message" or message is STREAM_ENDED:
                relay(message.raw)
        raise OutcomeUnknown("The server ended the answer before the result.", code="lost")

    async def _asked_back(self, exchange: Exchange, message: Message, flight: Flight | None) -> None:
        if flight is None:
            await _refuse(exchange, message)
            return
        if flight.asking is None:
            flight.asking = Asking(self._tenancy, flight.call, flight.behind, flight.permitted)
        await flight.asking.take(exchange, message)

    def _outbound(
        self,
        call: Call,
        tool: str,
        arguments: bytes,
        session: str,
        protocol: str,
        *,
        progress: bool,
        tool_profile: ToolProfile | None = None,
        traceparent: str = "",
        method: str = TOOLS_CALL,
        log_level: str = "",
    ) -> Outbound:
        meta = meta_of(call.id if progress else "", traceparent, log_level, protocol)
        return Outbound(
            method=method,
            params=params_of(method, tool, arguments, meta),
            protocol=protocol,
            session=session,
            name=name_of(method, tool, call.arguments),
            log_level=log_level,
            traceparent=traceparent,
            parameters=() if tool_profile is None else tool_profile.header_values(call.arguments),
            deadline_ms=max(1, call.deadline_ms - self._clock.now_ms()),
        )

    def _in_rounds(self, flight: Flight, outbound: Outbound) -> Outbound:
        """With what the client behind the call can be asked by now, and what it answers."""
        words = self._words(flight)
        capabilities = _encode(capabilities_of(words)) if words else b""
        params = outbound.params[:-1] + flight.more + b"}" if flight.more else outbound.params
        return msgspec.structs.replace(outbound, params=params, capabilities=capabilities)

    def _words(self, flight: Flight) -> tuple[str, ...]:
        words = flight.behind.words if flight.behind is not None else flight.call.asks
        return allowed(words, flight.integration.asks)

    def _may_pass(self, flight: Flight, error: bytes) -> bool:
        """An error can ask the person, too."""
        return may_lead_away(error, self._words(flight), private=flight.integration.allow_private)

    def _asked(self, flight: Flight, response: Message) -> InputAsked | None:
        """What the server wants answered, when it may ask for that."""
        words = self._words(flight)
        if not words or response.error:
            return None
        found = read_asked(response.result, words, private=flight.integration.allow_private)
        if isinstance(found, str):
            self._tenancy.log("input_not_passed_on", {"code": found, "integration": flight.integration.name})
            return None
        return found

    async def _finished(self, flight: Flight, response: Message, duration_us: int) -> Served | Failed:
        call, tool = flight.call, flight.tool
        if tool.answer_filter is not None or (tool.narrower is not None and call.derived_from):
            response = confined(self._tenancy, call, tool, response)
        outcome, problem = outcome_of(call.method, response)
        asked = self._asked(flight, response) if problem == ASKED else None
        if asked is not None:
            outcome, problem = Outcome.INPUT_REQUIRED, ""
        elif response.error and not self._may_pass(flight, response.error):
            problem = AWAY
        flight.watch.outcome = outcome._value_
        owed = () if call.tier is Tier.EXECUTE else None
        reads = outcome is not Outcome.OK or call.tier is Tier.READ
        receipt = None if asked else (() if reads else tool.receipt_of(call.arguments, response.result)) or owed
        delivered = response.error or response.result
        event = flight.scribe.finished(call, outcome, delivered, duration_us, receipt)
        if problem:
            answer: Served | Failed = Failed(
                call_id=call.id,
                code="not_governed",
                reason=problem,
                unknown=False,
                next="Tell the operator of this gate.",
            )
        else:
            answer = Served(
                call_id=call.id,
                result=response.result,
                error=response.error,
                events=(*flight.decided, event.id),
                receipt=receipt or (),
                method=call.method,
                asked=asked,
            )
        changes, sealed = flight.epilogue(answer) if flight.epilogue else ((), ())
        unit = Unit(
            events=(event,), changes=changes, closed=(call.id,), sealed=sealed, names=tuple(flight.scribe.names)
        )
        return await self._record(flight, unit, answer)

    async def _failed(
        self, flight: Flight, outcome: Outcome, fault: UpstreamError, duration_us: int
    ) -> Served | Failed:
        call = flight.call
        flight.watch.outcome = outcome.value
        event = flight.scribe.finished(call, outcome, b"", duration_us, () if call.tier is Tier.EXECUTE else None)
        answer = Failed(
            call_id=call.id,
            code=fault.code,
            reason=fault.message,
            unknown=False,
            next=after_failure(fault.code, sent=outcome is not Outcome.NOT_SENT, own_session=not flight.protocol),
        )
        changes, sealed = flight.epilogue(answer) if flight.epilogue else ((), ())
        unit = Unit(
            events=(event,), changes=changes, closed=(call.id,), sealed=sealed, names=tuple(flight.scribe.names)
        )
        return await self._record(flight, unit, answer)

    async def _unknown(self, flight: Flight, reason: str) -> Served | Failed:
        call = flight.call
        flight.watch.outcome = "unknown"
        event = self._tenancy.event(CallUnknown(reason=reason), call=call.id)
        confirm = flight.tool.confirm
        answer = in_doubt(
            call.id,
            "outcome_unknown",
            "The request was sent and no answer came. The effect may have happened.",
            look=confirm.advice(call.arguments) if confirm is not None else "",
        )
        changes, sealed = flight.epilogue(answer) if flight.epilogue else ((), ())
        doubt = msgspec.structs.replace(flight.opened, unknown=True)
        unit = Unit(events=(event,), changes=changes, opened=(doubt,), sealed=sealed, names=tuple(flight.scribe.names))
        return await self._record(flight, unit, answer, doubt=doubt)

    async def _record(
        self, flight: Flight, unit: Unit, answer: Served | Failed, doubt: OpenCall | None = None
    ) -> Served | Failed:
        live = self._tenancy.live
        try:
            recorded = not isinstance(await self._tenancy.write(priced(self._tenancy, flight, unit)), Conflict)
        except (StoreError, IntegrityError):
            recorded = False
        if not recorded:
            flight.watch.outcome = "unrecorded"
            self._tenancy.log("outcome_not_recorded", flight.watch.where("store_failed"))
        self._tenancy.observer.executed(flight.watch, flight.call)
        if not recorded:
            live.opened(msgspec.structs.replace(flight.opened, unknown=True))
            return in_doubt(
                flight.call.id,
                "store_failed",
                "The call ran, but its outcome could not be recorded, so it is not shown.",
            )
        if doubt is None:
            live.closed(flight.call.id)
        else:
            live.opened(doubt)
        return answer


async def _give_up(exchange: Exchange) -> None:
    try:
        async with asyncio.timeout(CANCEL_GRACE_S):
            await exchange.cancel()
    except (TimeoutError, UpstreamError):
        return


def _drop(_: bytes) -> None:
    """Relay for exchanges that nobody watches."""


async def _refuse(exchange: Exchange, message: Message) -> None:
    error = {"code": -32601, "message": "This gate does not pass server requests to the assistant."}
    try:
        await exchange.answer(_encode({"jsonrpc": "2.0", "id": message.id, "error": error}))
    except UpstreamError:
        # The call itself was sent: its own answer may still come, whatever becomes of this one.
        return
