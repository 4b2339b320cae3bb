"""Whose account a target sees: asked of its server by the gate itself, as the manifest says, and held to.

The first account that is seen counts as confirmed. Another one holds every call of the integration until a person
confirms it; one that cannot be told twice in a row stops them. A server that is away says nothing.
"""

import asyncio

import msgspec

from callgate.core.ledger.canonical import canonical, digest
from callgate.core.paths import Selector
from callgate.core.receipt import content_of
from callgate.core.visible import shorten
from callgate.flow.connect import ALL_ERAS, HANDSHAKE_ERAS, connect
from callgate.flow.live import Connected
from callgate.flow.methods import outcome_of, params_of
from callgate.flow.ports import Exchange, Outbound, Upstream
from callgate.flow.rows import put
from callgate.flow.tenancy import Tenancy
from callgate.model.call import TOOLS_CALL
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.event import ActorSeen, NewEvent
from callgate.model.manifest import WhoAmI
from callgate.model.store import Conflict, Kind, NameRow, Unit
from callgate.model.terms import Outcome
from callgate.model.tool import Integration, IntegrationPin

WAIT_MS = 4_000
"""For each step; all of it ends before a call that waits for it gives up (``flow.drift.LOOK_S``)."""
LONGEST = 256
"""Characters of an account's name."""
MISSES = 2
"""Looks without an answer that can be read, before calls are stopped."""
_MODERN = ALL_ERAS[0]
_CLIENT = {"name": "callgate", "version": "whoami"}
_encode = msgspec.json.encode


async def look_for_account(tenancy: Tenancy, name: str) -> None:
    """Ask once, and let what calls are judged by follow from the answer."""
    asked = tenancy.live.connected.get(name)
    if asked is None or asked.pin is None or asked.whoami is None:
        return
    if asked.whoami.tool in asked.drift.held:
        # Nobody knows what it would be asked of.
        return
    try:
        seen = await account_of(tenancy.upstreams.of(asked.integration), asked.pin, asked.whoami)
    except UpstreamError as fault:
        tenancy.log("whoami_failed", {"integration": name, "code": fault.code})
        return
    connected = tenancy.live.connected.get(name)
    if connected is None or connected.pin is None or connected.pin.digest != asked.pin.digest:
        return
    if seen and not connected.pin.account:
        await _first(tenancy, connected, connected.pin, seen)
    else:
        await _noted(tenancy, connected, seen)


async def account_of(upstream: Upstream, pin: IntegrationPin, whoami: WhoAmI) -> str:
    """The account that the server acts as; empty: its answer does not say. UpstreamError: there was no answer."""
    try:
        async with asyncio.timeout(2 * WAIT_MS / 1000):
            result = await _asked(upstream, pin, whoami)
    except (TimeoutError, OutcomeUnknown) as fault:
        raise UpstreamError("The server did not say whose account it uses.", code="lost") from fault
    found = Selector(whoami.path).one(content_of(result, whoami.result)) if result else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    text = str(found).strip()
    return text if text.isprintable() and len(text) <= LONGEST else ""


async def account_now(tenancy: Tenancy, integration: Integration, pin: IntegrationPin) -> str:
    """The account that its target sees now; empty: it cannot be told, or nothing of it was ever confirmed. Calls are
    judged by it from then on.
    """
    whoami = connect(integration, pin, tenancy).whoami
    if whoami is None or integration.name not in tenancy.live.pins:
        return ""
    try:
        seen = await account_of(tenancy.upstreams.of(integration), pin, whoami)
    except UpstreamError:
        return ""
    connected = tenancy.live.connected.get(integration.name)
    if connected is not None and connected.pin is not None and connected.pin.account:
        await _noted(tenancy, connected, seen)
    return seen


def other_account(former: IntegrationPin, account: str) -> tuple[str, ...]:
    """What who confirms has to read; empty: it is the account that was confirmed, or none can be told."""
    if not former.account or account in ("", former.account):
        return ()
    now, before = shorten(account, LONGEST), shorten(former.account, LONGEST)
    return (f"It acts as {now} at its target; confirmed was {before}.",)


def offered_digest(pin: IntegrationPin, former: IntegrationPin | None, account: str) -> str:
    """What a confirmation has to name: the pin, and the account too when it is another one than before."""
    if former is None or not former.account or account in ("", former.account):
        return pin.digest
    return digest(canonical([pin.digest, digest(account.encode())]))


def actor_seen(
    tenancy: Tenancy, integration: str, account: str, change: str, names: list[NameRow], by: str = ""
) -> NewEvent:
    """``change`` and ``by`` as in ActorSeen."""
    actor = tenancy.name("actor", f"{integration}|{account}", names) if account else ""
    return tenancy.event(ActorSeen(integration=integration, actor=actor, change=change, by=by))


async def _asked(upstream: Upstream, pin: IntegrationPin, whoami: WhoAmI) -> bytes:
    """JSON of the tool's result; empty: it was an error."""
    session, protocol = "", ""
    if not upstream.integration.command:
        protocol = next((era for era in pin.eras if era == _MODERN), "")
        if not protocol:
            wanted = next((era for era in pin.eras if era in HANDSHAKE_ERAS), HANDSHAKE_ERAS[0])
            hello = _encode({"protocolVersion": wanted, "capabilities": {}, "clientInfo": _CLIENT})
            opened = await upstream.initialize(hello, wanted)
            session, protocol = opened.session, opened.protocol
    request = Outbound(
        method=TOOLS_CALL,
        params=params_of(TOOLS_CALL, whoami.tool, _encode(whoami.arguments), b""),
        protocol=protocol,
        session=session,
        name=whoami.tool,
        deadline_ms=WAIT_MS,
    )
    try:
        return await _answer(await upstream.open(request))
    finally:
        if session:
            await upstream.end(session)


async def _answer(exchange: Exchange) -> bytes:
    async for message in exchange:
        if message.is_response:
            return message.result if outcome_of(TOOLS_CALL, message) == (Outcome.OK, "") else b""
        if message.id is not None:
            error = {"code": -32601, "message": "The gate asks for itself: there is nobody to answer."}
            await exchange.answer(_encode({"jsonrpc": "2.0", "id": message.id, "error": error}))
    raise UpstreamError("The server ended its answer early.", code="lost")


async def _missed(tenancy: Tenancy, connected: Connected) -> None:
    connected.misses += 1
    told = not connected.account_problem and connected.misses >= MISSES
    if told and connected.pin is not None and connected.pin.account:
        connected.account_problem = "unknown"
        tenancy.live.epoch += 1
        await tenancy.write(Unit(events=(actor_seen(tenancy, connected.integration.name, "", "unknown", []),)))


async def _first(tenancy: Tenancy, connected: Connected, pin: IntegrationPin, seen: str) -> None:
    """Nobody has seen an account here before."""
    name = connected.integration.name
    names: list[NameRow] = []
    changed = msgspec.structs.replace(pin, account=seen)
    row = put(name, changed, expect=tenancy.live.version(Kind.PIN, name))
    event = actor_seen(tenancy, name, seen, "first", names)
    if isinstance(await tenancy.write(Unit(events=(event,), changes=(row,), names=tuple(names))), Conflict):
        return
    connected.pin, connected.account, connected.misses = changed, seen, 0


async def _noted(tenancy: Tenancy, connected: Connected, seen: str) -> None:
    if not seen:
        await _missed(tenancy, connected)
        return
    problem = "" if connected.pin is None or seen == connected.pin.account else "changed"
    former = (connected.account, connected.account_problem)
    connected.account, connected.account_problem, connected.misses = seen, problem, 0
    if former == (seen, problem):
        return
    tenancy.live.epoch += 1
    names: list[NameRow] = []
    change = problem or "back"
    event = actor_seen(tenancy, connected.integration.name, seen, change, names)
    await tenancy.write(Unit(events=(event,), names=tuple(names)))
