"""The governed way in, over all tenants: what the fronts call (flow/serving.py)."""

from collections.abc import Callable

import msgspec

from callgate.core.asks import may_lead_away
from callgate.core.binding import task_problem
from callgate.core.rounds import RoundSealer
from callgate.core.sessions import SessionSealer
from callgate.core.tally import Counts
from callgate.flow.announcing import Listener
from callgate.flow.explain import explained
from callgate.flow.house import Rooms
from callgate.flow.listening import StillHeard, may_subscribe
from callgate.flow.ports import Clock, Entropy, Opened, Outbound, Relay, Tokens, Wish
from callgate.flow.prepare import credential_problem
from callgate.flow.rounds import Rounds
from callgate.flow.rows import put
from callgate.flow.serving import EVERYTHING, Listing
from callgate.flow.vote import still_answered
from callgate.flow.watch import Observer
from callgate.model.answer import Answer, Failed, Request, Served
from callgate.model.call import SUBSCRIBE, Claims
from callgate.model.errors import AuthError, InputError, StoreError, UpstreamError
from callgate.model.event import TaskBound
from callgate.model.identity import Credential
from callgate.model.record import TaskBinding
from callgate.model.store import Conflict, Unit

SIDE_MS = 10_000
"""For what is relayed beside calls."""
_REASONS = {
    "expired": "The token has expired. Sign in again with: callgate login",
    "revoked": "The token was revoked. Sign in again with: callgate login",
    "account_disabled": "The account is disabled.",
}

_NO_SUCH_TOOL = Failed(
    call_id="",
    code="unknown_tool",
    reason="There is no tool or prompt of this name here.",
    unknown=False,
    next="Nothing was executed. List them again and use a name as it stands there.",
)


class Gatehouse:
    """Implements Serving. Each credential carries its tenant; nothing of another tenant is reachable from it."""

    def __init__(
        self,
        houses: dict[str, Rooms],
        tokens: Tokens,
        sessions: SessionSealer,
        clock: Clock,
        entropy: Entropy,
        *,
        same_host: bool,
        rounds: RoundSealer,
        calls: int = 1_024,
    ) -> None:
        """``calls``: in flight at most, over all tenants and integrations."""
        self._houses = houses
        self._tokens = tokens
        self._sessions = sessions
        self._clock = clock
        self._entropy = entropy
        self._same_host = same_host
        self._most = calls
        self._under_way = 0
        self._rounds = Rounds(rounds, clock, entropy)
        self.closing = False
        self.tokens_refused = Counts()
        """By code."""

    def limit(self, calls: int) -> None:
        """From now on; what is under way stays."""
        self._most = calls

    def authenticate(self, token: str) -> Credential:
        began_us = self._clock.monotonic_us()
        try:
            credential = self._known(token)
        except AuthError as fault:
            self.tokens_refused.add(fault.code)
            raise
        self._houses[credential.initiator.tenant].tenancy.observer.authenticated(began_us)
        return credential

    def _known(self, token: str) -> Credential:
        credential = self._tokens.verify(token, self._clock.now_ms())
        rooms = self._houses.get(credential.initiator.tenant)
        if rooms is None:
            raise AuthError("The token's issuer has no tenant at this gate.", code="bad_issuer")
        problem = credential_problem(rooms.tenancy, credential, "")
        if problem:
            raise AuthError(_REASONS[problem], code=problem)
        return credential

    def listing(self, credential: Credential, integration: str) -> Listing | None:
        if integration == EVERYTHING:
            return self._rooms(credential).aggregate.listing(credential)
        connected = self._rooms(credential).tenancy.live.connected.get(integration)
        return connected.listing if connected is not None and connected.pin is not None else None

    async def call(self, request: Request, relay: Relay) -> Answer:
        if self.closing:
            self._observer(request).turned_away(request, "closing")
            return Failed(
                call_id="",
                code="closing",
                reason="The gate is stopping.",
                unknown=False,
                next="Nothing was executed. Try again in a moment.",
            )
        if self._under_way >= self._most:
            self._observer(request).turned_away(request, "busy")
            return Failed(
                call_id="",
                code="busy",
                reason="The gate has as many calls under way as it takes.",
                unknown=False,
                next="Nothing was executed. Try again in a moment.",
            )
        if self._same_host and not request.same_host:
            request = msgspec.structs.replace(request, same_host=True)
        rooms = self._rooms(request.credential)
        if request.integration == EVERYTHING:
            meant = rooms.aggregate.meant(request)
            if meant is None:
                rooms.tenancy.observer.turned_away(request, "unknown_tool")
                return _NO_SUCH_TOOL
            request = meant
        if request.continued is not None:
            request = await _as_approved(rooms, self._rounds.opened(request))
        observer = rooms.tenancy.observer
        watch, answer = observer.begin(request), None
        self._under_way += 1
        try:
            answer = await rooms.runner.call(request, relay, watch)
            if isinstance(answer, Served) and answer.asked is not None:
                hold = await rooms.holds.find(answer.hold) if answer.hold else None
                assert watch.call is not None
                answer = self._rounds.sealed(request, answer, hold, watch.call)
        finally:
            self._under_way -= 1
            observer.end(watch, request, answer)
        return answer

    async def await_approval(self, credential: Credential, hold: str, wait_ms: int, relay: Relay) -> Answer:  # noqa: ARG002 - the port's
        return await self._rooms(credential).holds.await_(credential, hold, wait_ms)

    async def explain(self, credential: Credential, decision: str) -> dict[str, object] | None:
        return await explained(self._rooms(credential).tenancy, credential, decision)

    async def bind_task(self, credential: Credential, task: str) -> str:
        tenancy = self._rooms(credential).tenancy
        who = credential.initiator
        found = tenancy.live.tasks.get(task)
        problem = task_problem(found, who.issuer, who.subject, credential.runtime.id, self._clock.now_ms())
        if problem or found is None:
            raise InputError("There is no such open task for this login.", code=problem or "unknown_task")
        former = tenancy.live.bindings.get(credential.id)
        if (former is not None and former.task != task) or credential.task not in ("", task):
            raise _wider()
        if former is None:
            binding = TaskBinding(credential=credential.id, task=task, at_ms=self._clock.now_ms())
            event = tenancy.event(TaskBound(credential=credential.id, task=task))
            change = put(credential.id, binding, expect=0)
            if isinstance(await tenancy.write(Unit(events=(event,), changes=(change,))), Conflict):
                raise _wider()
        return f"Calls of this login now belong to the task: {found.title or found.id}"

    async def open_session(self, credential: Credential, integration: str, params: bytes, protocol: str) -> Opened:
        tenancy = self._rooms(credential).tenancy
        connected = tenancy.live.connected.get(integration)
        if connected is None:
            raise UpstreamError("This gate has no such integration.", code="unknown_integration")
        if tenancy.live.halted(credential, integration):
            raise UpstreamError("Calls like this are halted by an operator.", code="halted")
        return await tenancy.upstreams.of(connected.integration).initialize(params, protocol)

    async def end_session(self, credential: Credential, integration: str, session: str) -> None:
        rooms = self._rooms(credential)
        if integration == EVERYTHING:
            rooms.sessions.end_client(credential, session)
            return
        tenancy = rooms.tenancy
        connected = tenancy.live.connected.get(integration)
        if connected is not None and session:
            await tenancy.upstreams.of(connected.integration).end(session)

    async def set_level(
        self, credential: Credential, integration: str, level: str, session: str, protocol: str
    ) -> tuple[bytes, bytes]:
        tenancy = self._rooms(credential).tenancy
        connected = tenancy.live.connected.get(integration)
        if connected is None:
            raise UpstreamError("This gate has no such integration.", code="unknown_integration")
        if tenancy.live.halted(credential, integration):
            raise UpstreamError("Calls like this are halted by an operator.", code="halted")
        params = msgspec.json.encode({"level": level})
        request = Outbound("logging/setLevel", params, protocol, session, deadline_ms=SIDE_MS)
        async for message in await tenancy.upstreams.of(connected.integration).open(request):
            if message.is_response:
                if not may_lead_away(message.error, (), private=False):
                    raise UpstreamError("The server sends the person to an address.", code="not_governed")
                return message.result, message.error
        raise UpstreamError("The server did not answer.", code="lost")

    def listen(self, credential: Credential, listener: Listener, wish: Wish | None) -> Callable[[], None]:
        rooms = self._rooms(credential)
        asked = Request(
            credential=credential,
            integration=listener.integration,
            tool=SUBSCRIBE,
            method=SUBSCRIBE,
            arguments={},
            claims=Claims(),
            named_tasks=listener.tasks,
            same_host=self._same_host,
        )
        listener.may = StillHeard(rooms.tenancy, asked)
        return rooms.listeners.add(listener, wish)

    def may_listen(self, credential: Credential, integration: str) -> bool:
        tenancy = self._rooms(credential).tenancy
        if self.closing or credential_problem(tenancy, credential, integration):
            return False
        if tenancy.live.halted(credential, integration):
            return False
        connected = tenancy.live.connected.get(integration)
        return integration == EVERYTHING or (connected is not None and connected.pin is not None)

    async def may_subscribe(self, request: Request) -> bool:
        rooms = self._rooms(request.credential)
        return not self.closing and await may_subscribe(rooms.tenancy, rooms.runner.denials, request)

    def seal_session(
        self, credential: Credential, integration: str, session: str, protocol: str, asks: tuple[str, ...] = ()
    ) -> str:
        return self._sessions.seal(_owner(credential, integration), session, protocol, self._entropy.bytes(12), asks)

    def open_sealed_session(
        self, credential: Credential, integration: str, sealed: str
    ) -> tuple[str, str, tuple[str, ...]] | None:
        return self._sessions.open(_owner(credential, integration), sealed)

    @property
    def under_way(self) -> int:
        """Calls in flight, over all tenants."""
        return self._under_way

    def _observer(self, request: Request) -> Observer:
        return self._rooms(request.credential).tenancy.observer

    def _rooms(self, credential: Credential) -> Rooms:
        return self._houses[credential.initiator.tenant]


async def _as_approved(rooms: Rooms, request: Request) -> Request:
    """The next round of a call, as long as those who approved the first one still may."""
    continued = request.continued
    if continued is None or continued.state is None or not continued.state.hold or continued.problem:
        return request
    try:
        hold = await rooms.holds.find(continued.state.hold)
    except StoreError:
        hold = None
    if hold is not None and still_answered(rooms.tenancy, hold, hold.questions):
        return request
    return msgspec.structs.replace(request, continued=msgspec.structs.replace(continued, problem="round_unknown"))


def _wider() -> InputError:
    return InputError(
        "This login works under another task already; a task is never widened or changed.", code="wider_task"
    )


def _owner(credential: Credential, integration: str) -> tuple[str, ...]:
    who = credential.initiator
    return (who.tenant, who.issuer, who.subject, credential.runtime.id, integration)
