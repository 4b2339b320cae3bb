"""What a server asks the client inside a call, and what goes back.

A request is checked and shown to the client as the server's; the answer leaves towards the integration, so it is
judged as a call of its own, derived from the running one, before a byte of it is sent. Nothing in it approves anything.
"""

import asyncio
from typing import Any, NamedTuple

import msgspec

from callgate.core.asks import allowed, answer_of, declined, definition_of, read_inquiry
from callgate.core.decide import decide
from callgate.core.ledger.canonical import body_bytes, digest
from callgate.core.message import Message
from callgate.core.toolbox import ToolProfile
from callgate.flow.live import Connected
from callgate.flow.ports import Exchange, Permitted
from callgate.flow.prepare import gather, reservations
from callgate.flow.prepared import Prepared
from callgate.flow.scribe import Scribe
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Request
from callgate.model.base import Fact
from callgate.model.call import Call
from callgate.model.decision import Decision, Finding
from callgate.model.errors import IntegrityError, MalformedCall, StoreError, UpstreamError
from callgate.model.event import AsksRefused, CallUnknown
from callgate.model.facts import Facts
from callgate.model.inquiry import ASKS, ROOTS, Inquire, Inquiry
from callgate.model.store import Conflict, OpenCall, Unit
from callgate.model.terms import Effect, Outcome, Tier
from callgate.model.tool import ToolManifest, ToolPin

MOST_ASKS = 16
"""Requests that one call's server may have shown to the client."""
MOST_REFUSALS = 64
"""Requests of one call that are told no; what comes beyond is dropped and counted."""
ATTEMPTS = 3
_SAY = {ROOTS: "Tell the server which folders the assistant works in."}
_METHODS = frozenset(ASKS.values())
_SAY_ANSWER = "Answer what the server asked."
_REFUSED = b'"error":{"code":-32601,"message":"This gate does not pass server requests to the assistant."}'
_CANNOT_WAIT = Finding(
    gate="asks",
    code="cannot_wait",
    effect=Effect.DENY,
    reason="Answers to a server cannot wait for people. Call again without them if the call itself may wait.",
)
_encode = msgspec.json.encode


class GivenAnswer(Fact, frozen=True):
    """An answer that may be sent: its permission is durable."""

    call: Call
    scribe: Scribe
    opened: OpenCall


class ClientBehind(NamedTuple):
    """Who can be asked in a running call, and for what."""

    parent: Prepared
    connected: Connected
    words: tuple[str, ...]
    """As core.asks.declared gives them."""
    inquire: Inquire


def client_behind(prepared: Prepared, connected: Connected, request: Request) -> ClientBehind | None:
    """None: nobody can be asked, or nothing may be. The session may be older than what is configured now."""
    if request.inquire is None or not request.asks or not connected.integration.asks:
        return None
    words = allowed(request.asks, connected.integration.asks)
    return ClientBehind(prepared, connected, words, request.inquire)


def without_waiting(decision: Decision) -> Decision:
    """The decision of a call that carries answers: what would wait for people is denied."""
    if decision.effect not in (Effect.HOLD, Effect.DRAFT):
        return decision
    return msgspec.structs.replace(
        decision, effect=Effect.DENY, findings=(_CANNOT_WAIT, *decision.findings), questions=()
    )


class AnswerJudge:
    """Judges what a client answers to a server, as a call derived from the running one."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy

    async def admit(
        self, parent: Prepared, connected: Connected, asked: Inquiry, answer: dict[str, Any]
    ) -> GivenAnswer | None:
        """None: it may not leave. StoreError, IntegrityError: it could not be recorded."""
        try:
            call, tool = self._derived(parent.call, asked, answer_of(asked, answer))
        except MalformedCall:
            return None
        prepared = msgspec.structs.replace(parent, call=call, contract_problem=None)
        scribe = Scribe.begin(self._tenancy, call.id)
        exhausted: tuple[str, ...] = ()
        for attempt in range(1, ATTEMPTS + 1):
            decision, facts = self._decided(prepared, tool, connected, exhausted)
            may = decision.effect is Effect.ALLOW
            opened = _open(call)
            event = scribe.decided(call, decision, attempt=attempt)
            unit = Unit(
                events=(event,),
                guards=reservations(self._tenancy, call) if may else (),
                opened=(opened,) if may else (),
                sealed=(scribe.context(event.id, call, facts, decision),),
                keys=scribe.keys,
                names=tuple(scribe.names),
            )
            outcome = await self._tenancy.write(unit)
            if not isinstance(outcome, Conflict):
                scribe.names = []
                if may:
                    self._tenancy.live.opened(opened)
                return GivenAnswer(call=call, scribe=scribe, opened=opened) if may else None
            exhausted = (*exhausted, outcome.which.removeprefix("counter:"))
        return None

    async def ended(self, given: GivenAnswer, outcome: Outcome | None) -> None:
        """Record how the sending ended; None: nobody knows."""
        live, call = self._tenancy.live, given.call
        if outcome is None:
            doubt = msgspec.structs.replace(given.opened, unknown=True)
            event = self._tenancy.event(CallUnknown(reason="lost"), call=call.id)
            await self._tenancy.write(Unit(events=(event,), opened=(doubt,)))
            live.opened(doubt)
            return
        event = given.scribe.finished(call, outcome, b"", 0)
        await self._tenancy.write(Unit(events=(event,), closed=(call.id,), names=tuple(given.scribe.names)))
        live.closed(call.id)

    def _derived(self, parent: Call, asked: Inquiry, arguments: dict[str, Any]) -> tuple[Call, ToolProfile]:
        """An answer goes where the call goes, so it has the call's targets. It changes nothing by itself: what the
        call may change was judged at the call's own tier, and the answer is at most a draft.
        """
        definition = definition_of(asked)
        manifest = ToolManifest(name=asked.method, tier=Tier.READ, say=_SAY.get(asked.method, _SAY_ANSWER))
        pin = ToolPin(
            integration=parent.integration, name=asked.method, digest=digest(definition), definition=definition
        )
        tool = ToolProfile(pin, manifest, self._tenancy.live.domains, "", verified=True)
        call = msgspec.structs.replace(
            parent,
            id=self._tenancy.new_id("call"),
            tool=asked.method,
            tier=Tier.READ if asked.method == ROOTS else min(parent.tier, Tier.DRAFT),
            arguments=arguments,
            body=body_bytes(arguments),
            pin=pin.digest,
            at_ms=self._tenancy.clock.now_ms(),
            derived_from=parent.id,
        )
        return call, tool

    def _decided(
        self, prepared: Prepared, tool: ToolProfile, connected: Connected, exhausted: tuple[str, ...]
    ) -> tuple[Decision, Facts]:
        live, call = self._tenancy.live, prepared.call
        if live.rules is None:
            raise StoreError("No policy bundle is live.", code="no_bundle")
        facts = gather(self._tenancy, prepared, tool, connected, exhausted=exhausted)
        decision = decide(call, tool, live.contracts.get(call.contract), live.rules, facts)
        return without_waiting(decision), facts


class Asking:
    """Requests of a server inside one running call. Belongs to the task that reads the exchange."""

    def __init__(
        self,
        tenancy: Tenancy,
        call: Call,
        behind: ClientBehind | None,
        permitted: Permitted,
    ) -> None:
        """Without somebody ``behind`` nobody can be asked, and everything is refused."""
        self._tenancy = tenancy
        self._judge = AnswerJudge(tenancy)
        self._call = call
        self._behind = behind
        self._permitted = permitted
        self._shown = 0
        self._refused: list[tuple[str, str]] = []
        """(method, code), the first ones."""
        self._count = 0
        self._tasks: dict[int | str, asyncio.Task[None]] = {}
        self._waiting: set[int | str] = set()
        """Ids of the server for which the client is still asked."""

    async def take(self, exchange: Exchange, message: Message) -> None:
        """One request of the server: shown to the client, or refused."""
        assert message.id is not None
        if message.method == "ping":
            await _tell(exchange, message.id, b'"result":{}')
            return
        behind = self._behind
        found = "off" if behind is None else self._checked(behind, message)
        if behind is None or isinstance(found, str):
            await self._refuse(exchange, message, str(found))
            return
        self._shown += 1
        key = message.id
        self._waiting.add(key)
        task = asyncio.get_running_loop().create_task(self._serve(behind, exchange, key, found))
        self._tasks[key] = task

    def withdrawn(self, params: bytes) -> None:
        """The server needs an answer no more (notifications/cancelled)."""
        try:
            key = msgspec.json.decode(params, type=_Withdrawn).requestId
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return
        if key in self._waiting:
            self._tasks[key].cancel()

    async def close(self) -> None:
        """The call ends: nobody is asked any more; what is being sent is recorded first."""
        for key in tuple(self._waiting):
            self._tasks[key].cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        if self._count:
            await self._record()

    def _checked(self, behind: ClientBehind, message: Message) -> Inquiry | str:
        if self._shown >= MOST_ASKS:
            return "too_many"
        if message.id in self._tasks:
            return "id_used"
        private = behind.connected.integration.allow_private
        return read_inquiry(message.method, message.params, behind.words, private=private)

    async def _refuse(self, exchange: Exchange, message: Message, code: str) -> None:
        assert message.id is not None
        self._count += 1
        if self._count <= MOST_REFUSALS:
            # The ledger takes no words of a server: they could be anything.
            self._refused.append((message.method if message.method in _METHODS else "other", code))
            await _tell(exchange, message.id, _REFUSED)

    async def _serve(self, behind: ClientBehind, exchange: Exchange, key: int | str, asked: Inquiry) -> None:
        try:
            answer = await behind.inquire(asked)
        except asyncio.CancelledError:
            return
        finally:
            self._waiting.discard(key)
        try:
            given = None
            if answer is not None:
                given = await self._judge.admit(behind.parent, behind.connected, asked, answer)
            if given is None:
                await _tell(exchange, key, declined(asked.method))
            elif not self._permitted():
                await self._judge.ended(given, Outcome.NOT_SENT)
            else:
                sent = await _tell(exchange, key, b'"result":' + given.call.body)
                await self._judge.ended(given, sent)
        except (StoreError, IntegrityError) as fault:
            self._tenancy.log("answer_not_recorded", {"code": fault.code})
            await _tell(exchange, key, declined(asked.method))

    async def _record(self) -> None:
        body = AsksRefused(
            count=self._count,
            methods=tuple(dict.fromkeys(method for method, _ in self._refused)),
            codes=tuple(dict.fromkeys(code for _, code in self._refused)),
        )
        try:
            await self._tenancy.write(Unit(events=(self._tenancy.event(body, call=self._call.id),)))
        except (StoreError, IntegrityError) as fault:
            self._tenancy.log("asks_not_recorded", {"code": fault.code})


class _Withdrawn(msgspec.Struct):
    requestId: int | str  # noqa: N815 - the wire's name


async def _tell(exchange: Exchange, key: int | str, member: bytes) -> Outcome | None:
    """Answer the server's request: how it went; None: nobody knows."""
    try:
        await exchange.answer(b'{"jsonrpc":"2.0","id":%b,%b}' % (_encode(key), member))
    except UpstreamError as fault:
        # The call itself was sent: its own answer may still come, whatever becomes of this one.
        return _FAILED.get(fault.code)
    return Outcome.OK


_FAILED = {"rejected": Outcome.PROTOCOL_ERROR, "closed": Outcome.NOT_SENT}


def _open(call: Call) -> OpenCall:
    return OpenCall(
        call_id=call.id,
        equal="",
        integration=call.integration,
        tool=call.tool,
        task=call.task,
        at_ms=call.at_ms,
        idempotent=True,
    )
