"""Sessions that the gate itself has with HTTP servers of the handshake eras (DESIGN section 6, "Upstream sessions").

For calls whose client brings none: those of the endpoint for everything, approved ones, and reads of the state that
an approval is bound to. A server that may keep state never sees two principals, or two tasks, in one session.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from callgate import __version__
from callgate.flow.connect import ALL_ERAS, HANDSHAKE_ERAS
from callgate.flow.live import Connected
from callgate.flow.ports import Outbound, Upstream
from callgate.flow.tenancy import Tenancy
from callgate.model.call import Call
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.identity import Credential
from callgate.model.terms import TaskState

MOST = 512
"""Sessions of one tenant at one time."""
MOST_OF_ONE = 64
"""Of one person with one runtime: the state that a server keeps for others is not lost by who opens many."""
IDLE_MS = 10 * 60_000
_STATELESS = ALL_ERAS[0]
_CLIENT = {"name": "callgate", "version": __version__}
_AS_IT_IS = frozenset(("not_sent", "busy", "closed", "stopped", "address_refused", "credential"))
"""Codes that say already that nothing was sent."""

Key = tuple[str, ...]


class HeldSession:
    """How to speak to a server for one caller. ``session`` and ``protocol`` as in ``Outbound``."""

    __slots__ = ("call", "key", "protocol", "session", "upstream", "used_ms", "users")

    def __init__(self, session: str = "", protocol: str = "", key: Key = (), upstream: Upstream | None = None) -> None:
        self.session = session
        self.protocol = protocol
        self.key = key
        self.upstream = upstream
        self.call: Call | None = None
        """The last one that used it."""
        self.used_ms = 0
        self.users = 0


class GateSessions:
    """Of one tenant. Nothing here is decided on: a session carries calls that were allowed without it."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._held: dict[Key, HeldSession] = {}
        self._opening: dict[Key, asyncio.Task[HeldSession]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._held)

    async def take(self, call: Call, client: str) -> HeldSession:
        """The session for this call, opened on first use; ``give`` it back. ``client`` tells sessions of one caller
        apart where there is no task. UpstreamError: there is none, and nothing of the call was sent.
        """
        connected = self._tenancy.live.connected.get(call.integration)
        if connected is None or connected.pin is None or connected.integration.command:
            return HeldSession()
        if _STATELESS in connected.pin.eras:
            return HeldSession(protocol=_STATELESS)
        key = _key(connected, call, client)
        upstream = self._tenancy.upstreams.of(connected.integration)
        held = self._held.get(key)
        if held is not None and held.upstream is not upstream:
            self._drop(held)
            held = None
        if held is None:
            left_ms = max(1, call.deadline_ms - self._tenancy.clock.now_ms())
            try:
                async with asyncio.timeout(left_ms / 1000):
                    held = await self._opened(key, upstream, connected.pin.eras)
            except TimeoutError as fault:
                raise UpstreamError(
                    "The server opened no session in time; nothing was sent.", code="not_sent"
                ) from fault
        held.users += 1
        held.call, held.used_ms = call, self._tenancy.clock.now_ms()
        return held

    @asynccontextmanager
    async def lent(self, call: Call, outbound: Outbound) -> AsyncIterator[Outbound]:
        """The request as it goes in this caller's session, with the time that is left. UpstreamError as ``take``."""
        held = await self.take(call, outbound.session)
        left = max(1, call.deadline_ms - self._tenancy.clock.now_ms())
        try:
            yield msgspec.structs.replace(outbound, session=held.session, protocol=held.protocol, deadline_ms=left)
        except UpstreamError as fault:
            if fault.code == "session_gone":
                self.forget(held)
            raise
        finally:
            self.give(held)

    def give(self, held: HeldSession) -> None:
        held.users -= 1
        if held.key:
            held.used_ms = self._tenancy.clock.now_ms()

    def forget(self, held: HeldSession) -> None:
        """The server does not know it any more: the next call opens another."""
        if self._held.get(held.key) is held:
            del self._held[held.key]

    def end_client(self, credential: Credential, client: str) -> None:
        """The client ended its session on the endpoint for everything."""
        mine = (credential.initiator.issuer, credential.initiator.subject, credential.runtime.id, "client", client)
        for held in tuple(self._held.values()):
            if client and held.key[2:] == mine:
                self._drop(held)

    def sweep(self) -> None:
        """End what nobody uses any more: idle, its task closed, its login revoked, its integration changed."""
        for held in tuple(self._held.values()):
            if not held.users and self._over(held):
                self._drop(held)

    async def close(self) -> None:
        for held in tuple(self._held.values()):
            self._drop(held)
        await asyncio.gather(*self._opening.values(), *self._ending, return_exceptions=True)

    async def _opened(self, key: Key, upstream: Upstream, eras: tuple[str, ...]) -> HeldSession:
        task = self._opening.get(key)
        if task is None:
            self._make_room(key)
            task = self._opening[key] = asyncio.get_running_loop().create_task(self._open(key, upstream, eras))
            task.add_done_callback(lambda _: self._opening.pop(key, None))
        return await asyncio.shield(task)

    async def _open(self, key: Key, upstream: Upstream, eras: tuple[str, ...]) -> HeldSession:
        protocol = next((version for version in eras if version in HANDSHAKE_ERAS), HANDSHAKE_ERAS[0])
        params = msgspec.json.encode({"protocolVersion": protocol, "capabilities": {}, "clientInfo": _CLIENT})
        try:
            opened = await upstream.initialize(params, protocol)
        except OutcomeUnknown as fault:
            raise UpstreamError("The server opened no session; nothing was sent.", code="not_sent") from fault
        except UpstreamError as fault:
            if fault.code in _AS_IT_IS:
                raise
            said = f"{fault.message} It opened no session; nothing of the call was sent."
            raise UpstreamError(said, code="no_session") from fault
        held = self._held[key] = HeldSession(opened.session, opened.protocol, key, upstream)
        held.used_ms = self._tenancy.clock.now_ms()
        return held

    def _make_room(self, key: Key) -> None:
        who = _who(key)
        mine = [one for one in (*self._held, *self._opening) if who and _who(one) == who]
        if len(mine) < MOST_OF_ONE and len(self._held) + len(self._opening) < MOST:
            return
        alone = len(mine) >= MOST_OF_ONE
        idle = [held for held in self._held.values() if not held.users and (not alone or _who(held.key) == who)]
        if not idle:
            raise UpstreamError("The gate has as many sessions with servers as it takes.", code="busy")
        self._drop(min(idle, key=lambda held: held.used_ms))

    def _over(self, held: HeldSession) -> bool:
        live, call = self._tenancy.live, held.call
        if self._tenancy.clock.now_ms() - held.used_ms >= IDLE_MS:
            return True
        if call is None:
            return False
        task = live.tasks.get(call.task) if call.task else None
        if call.task and (task is None or task.state is not TaskState.OPEN):
            return True
        subject = call.principal.initiator.subject
        account = live.accounts.get(subject)
        if live.revoked(call.credential, subject, held.used_ms) or (account is not None and account.disabled):
            return True
        connected = live.connected.get(call.integration)
        return connected is None or self._tenancy.upstreams.of(connected.integration) is not held.upstream

    def _drop(self, held: HeldSession) -> None:
        self.forget(held)
        if held.upstream is not None and held.session:
            self._spawn(held.upstream.end(held.session))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _who(key: Key) -> Key:
    """Issuer, subject and runtime; empty: the session is nobody's own."""
    return key[2:5]


def _key(connected: Connected, call: Call, client: str) -> Key:
    """(integration, actor), and for servers that keep state the principal and its task or client session."""
    integration = connected.integration
    common = (integration.name, connected.actor)
    if not connected.stateful:
        return common
    who = call.principal
    mine = (who.initiator.issuer, who.initiator.subject, who.runtime.id)
    return (*common, *mine, "task", call.task) if call.task else (*common, *mine, "client", client)
