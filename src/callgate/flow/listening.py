"""What servers announce, to the clients that listen. Lists are the confirmed ones, so an announcement is a hint to
look again; a change of a resource goes to whoever subscribed to it, and nothing else of a server goes anywhere.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from callgate.core.decide import decide
from callgate.core.loglevels import severity
from callgate.core.message import Message
from callgate.flow.announcing import LISTS, Heard, Listener
from callgate.flow.asking import without_waiting
from callgate.flow.denials import DenialLimit
from callgate.flow.ports import StandingStream, Wish
from callgate.flow.prepare import gather, prepare, reservations
from callgate.flow.scribe import Scribe
from callgate.flow.serving import EVERYTHING
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Request
from callgate.model.errors import UpstreamError
from callgate.model.store import Conflict, Unit
from callgate.model.terms import Effect, Outcome

Key = TypeVar("Key")
FIRST_PAUSE_S, LAST_PAUSE_S = 1.0, 60.0
"""Before a standing stream that ended is opened again."""
QUIET_S = 1.0
"""A list is announced at most once in this time."""
MOST_REFUSALS = 64
"""Requests on one standing stream that are told no; what comes beyond is dropped."""
MAX_LOG = 64 << 10
_NO_STREAM = frozenset(
    ("not_found", "session_gone", "unauthorized", "forbidden", "closed", "address_refused", "credential")
)
_ANNOUNCED = {f"notifications/{kind}/list_changed": kind for kind in LISTS}
OWN = Wish(lists=LISTS)
"""Of a session of the gate's own."""
UPDATED, LOGGED = "notifications/resources/updated", "notifications/message"


class _Source(NamedTuple):
    """One standing stream of a server. Those for lists alone are shared; all others are of one client."""

    integration: str
    wish: Wish


class Listeners:
    """Of one tenant."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._by_name: dict[str, dict[Listener, None]] = {}
        self._behind: dict[_Source, dict[Listener, None]] = {}
        self._pumps: dict[_Source, asyncio.Task[None]] = {}
        self._quiet: dict[tuple[str, str], bool] = {}
        """(integration, list) announced just now -> announce it once more when the time is over."""
        tenancy.changed.append(self._all_lists)

    def add(self, listener: Listener, wish: Wish | None) -> Callable[[], None]:
        """Listen until the returned function is called. ``wish``: what the server is asked for; None: nothing."""
        name = listener.integration
        self._by_name.setdefault(name, {})[listener] = None
        source = _Source(name, wish) if wish is not None else None
        if source is not None:
            self._behind.setdefault(source, {})[listener] = None
            self._start(source)
        return lambda: self._remove(listener, source)

    def attend(self) -> None:
        """Listen to every confirmed server over HTTP, whoever else does: what it says of its lists is looked at when
        it says it. A local server is heard anyway. Those that had no stream are asked again.
        """
        for name, connected in self._tenancy.live.connected.items():
            if connected.pin is not None and connected.integration.url:
                self._start(_Source(name, OWN))

    def _start(self, source: _Source) -> None:
        pump = self._pumps.get(source)
        if pump is None or pump.done():
            self._pumps[source] = asyncio.get_running_loop().create_task(self._pump(source))

    def _remove(self, listener: Listener, source: _Source | None) -> None:
        _drop(self._by_name, listener.integration, listener)
        if source is not None and _drop(self._behind, source, listener):
            task = self._pumps.pop(source, None)
            if task is not None:
                task.cancel()

    async def close(self) -> None:
        for task in (tasks := list(self._pumps.values())):
            task.cancel()
        self._pumps.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def announce(self, integration: str, kind: str) -> None:
        """This list may read otherwise now. What comes faster than once in a second is said once, a second later."""
        key = (integration, kind)
        if key in self._quiet:
            self._quiet[key] = True
            return
        self._quiet[key] = False
        asyncio.get_running_loop().call_later(QUIET_S, self._again, key)
        everywhere = self._by_name.get(EVERYTHING, ()) if kind == "tools" else ()
        for listener in (*self._by_name.get(integration, ()), *everywhere):
            if kind in listener.lists:
                listener.send(Heard(kind=kind))

    def _again(self, key: tuple[str, str]) -> None:
        if self._quiet.pop(key, False):
            self.announce(*key)

    def _all_lists(self, integration: str) -> None:
        for kind in LISTS:
            self.announce(integration, kind)

    async def _pump(self, source: _Source) -> None:
        pause = FIRST_PAUSE_S
        while True:
            connected = self._tenancy.live.connected.get(source.integration)
            if connected is None:
                return
            try:
                stream = await self._tenancy.upstreams.of(connected.integration).listen(source.wish)
            except TimeoutError:
                pass
            except UpstreamError as fault:
                if fault.code in _NO_STREAM:
                    return
            else:
                try:
                    if await self._relayed(source, stream):
                        pause = FIRST_PAUSE_S
                finally:
                    await stream.close()
            await asyncio.sleep(pause)
            pause = min(LAST_PAUSE_S, pause * 2)

    async def _relayed(self, source: _Source, stream: StandingStream) -> bool:
        """Whether anything came."""
        refused, came = 0, False
        async for message in stream:
            came = True
            if message.id is not None:
                refused += 1
                if refused <= MOST_REFUSALS:
                    await stream.refuse(message)
            else:
                self._heard(source, message)
        return came

    def _heard(self, source: _Source, message: Message) -> None:
        """INVARIANT: what a server logs reaches the one client of a session, never those who share a stream."""
        kind = _ANNOUNCED.get(message.method)
        if kind is not None:
            self.announce(source.integration, kind)
        elif message.method == UPDATED:
            uri = _uri(message.params)
            for listener in self._behind.get(source, ()):
                if uri in listener.uris and listener.may(uri):
                    listener.send(Heard(kind="updated", uri=uri))
        elif message.method == LOGGED and source.wish.session and len(message.params) <= MAX_LOG:
            self._logged(source, message.params)

    def _logged(self, source: _Source, params: bytes) -> None:
        try:
            said = _log.decode(params)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return
        how = severity(said.level)
        for listener in self._behind.get(source, ()):
            wanted = listener.level()
            if how is not None and wanted is not None and how >= wanted:
                listener.send(Heard(kind="message", params=msgspec.json.encode(said)))


class _Log(msgspec.Struct, omit_defaults=True):
    level: str
    data: msgspec.Raw
    logger: str | None = None


class _Updated(msgspec.Struct):
    uri: str


_log = msgspec.json.Decoder(_Log)
_updated = msgspec.json.Decoder(_Updated)


def _uri(params: bytes) -> str:
    try:
        return _updated.decode(params).uri
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""


def _drop(table: dict[Key, dict[Listener, None]], key: Key, listener: Listener) -> bool:
    """Whether it was the last one there."""
    found = table.get(key)
    if found is None:
        return False
    found.pop(listener, None)
    if found:
        return False
    del table[key]
    return True


class StillHeard:
    """What was subscribed to, judged again whenever something that counts has changed. Nothing is recorded: what is not
    told is not there.
    """

    def __init__(self, tenancy: Tenancy, request: Request) -> None:
        """``request``: a subscription of this login, with any URI."""
        self._tenancy = tenancy
        self._request = request
        self._epoch = -1
        self._known: dict[str, bool] = {}

    def __call__(self, uri: str) -> bool:
        live = self._tenancy.live
        if self._epoch != live.epoch:
            self._epoch, self._known = live.epoch, {}
        known = self._known.get(uri)
        if known is None:
            known = self._known[uri] = self._judged(uri)
        return known

    def _judged(self, uri: str) -> bool:
        live, request = self._tenancy.live, msgspec.structs.replace(self._request, arguments={"uri": uri})
        connected = live.connected.get(request.integration)
        if connected is None or live.rules is None:
            return False
        prepared, tool, rules = prepare(self._tenancy, request, connected)
        facts = gather(self._tenancy, prepared, tool, connected)
        return decide(prepared.call, tool, rules, live.rules, facts).effect is Effect.ALLOW


async def may_subscribe(tenancy: Tenancy, denials: DenialLimit, request: Request) -> bool:
    """Judge a subscription that no request of its own carries to the server (2026-07-28). StoreError."""
    connected = tenancy.live.connected.get(request.integration)
    if connected is None or tenancy.live.rules is None:
        return False
    prepared, tool, rules = prepare(tenancy, request, connected)
    call = prepared.call
    scribe = Scribe.begin(tenancy, call.id)
    facts = gather(tenancy, prepared, tool, connected)
    decision = without_waiting(decide(call, tool, rules, tenancy.live.rules, facts))
    allowed, credential = decision.effect is Effect.ALLOW, request.credential.id
    if not allowed and denials.over(credential):
        denials.beyond(credential)
        return False
    events = [scribe.decided(call, decision, attempt=1)]
    context = scribe.context(events[0].id, call, facts, decision)
    if allowed:
        events.append(scribe.finished(call, Outcome.OK, b"", 0))
    unit = Unit(
        events=tuple(events),
        guards=reservations(tenancy, call) if allowed else (),
        sealed=(context,),
        keys=scribe.keys,
        names=tuple(scribe.names),
    )
    written = not isinstance(await tenancy.write(unit), Conflict)
    if not allowed:
        denials.count(credential)
    return allowed and written
