"""Connecting integrations: read what a server offers, pin it by a person's word, compile it, notice drift."""

import msgspec

from callgate.core.ledger.canonical import canonical, digest
from callgate.core.toolbox import Toolbox, compile_toolbox
from callgate.flow.live import Connected
from callgate.flow.ports import Discovered
from callgate.flow.serving import Listing
from callgate.flow.tenancy import Tenancy
from callgate.model.errors import InputError, UpstreamError
from callgate.model.event import DriftSeen
from callgate.model.store import Unit
from callgate.model.tool import Integration, IntegrationPin, ToolPin

HANDSHAKE_ERAS = ("2025-11-25", "2025-06-18", "2025-03-26")
ALL_ERAS = ("2026-07-28", *HANDSHAKE_ERAS)
_UNREADABLE = frozenset({"bad_definition", "bad_listing"})
_encode = msgspec.json.Encoder(order="sorted").encode


def make_pin(integration: Integration, found: Discovered) -> IntegrationPin:
    """The pin a person would confirm. Covers each whole tool object, the server's words and where it runs.

    Raises InputError when a tool object is not one (no JSON object, no name, name twice).
    """
    tools: dict[str, ToolPin] = {}
    for raw in found.tools:
        name, definition = _tool(raw)
        if not name or name in tools:
            raise InputError("The server lists a tool without a name, or the same name twice.", code="bad_definition")
        tools[name] = ToolPin(integration=integration.name, name=name, digest=digest(definition), definition=definition)
    origin = digest(canonical(list(integration.command))) if integration.command else integration.url
    bare = IntegrationPin(
        integration=integration.name,
        server_name=found.name,
        server_version=found.version,
        instructions=found.instructions,
        eras=found.eras,
        tools=tuple(tools.values()),
        digest="",
        origin=origin,
    )
    return msgspec.structs.replace(bare, digest=_pin_digest(bare))


def _tool(raw: bytes) -> tuple[str, bytes]:
    """(name, canonical definition) of one listed tool; the name is empty when it has none."""
    try:
        tool = msgspec.json.decode(raw)
        definition = _encode(tool)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as fault:
        raise InputError("The server lists a tool that is not JSON.", code="bad_definition") from fault
    name = tool.get("name") if isinstance(tool, dict) else None
    return (name if isinstance(name, str) else ""), definition


def _pin_digest(pin: IntegrationPin) -> str:
    return digest(
        canonical(
            {
                "integration": pin.integration,
                "server": [pin.server_name, pin.server_version],
                "instructions": digest(pin.instructions.encode()),
                "eras": list(pin.eras),
                "origin": digest(pin.origin.encode()),
                "tools": [[digest(tool.name.encode()), tool.digest] for tool in pin.tools],
            }
        )
    )


def connect(integration: Integration, pin: IntegrationPin | None, tenancy: Tenancy) -> Connected:
    """Compile an integration for serving. Everything that does not depend on a call happens here."""
    manifest = tenancy.catalogue.of(integration, tenancy.live.bundle)
    toolbox = compile_toolbox(integration, pin, manifest, tenancy.live.domains)
    return Connected(integration=integration, pin=pin, toolbox=toolbox, listing=_listing(integration, pin, toolbox))


def reconnect(tenancy: Tenancy) -> None:
    """Compile every integration again (after a start, or when the bundle changed)."""
    live = tenancy.live
    for name in tuple(live.connected):
        if name not in live.integrations:
            del live.connected[name]
    for name, integration in live.integrations.items():
        former = live.connected.get(name)
        live.connected[name] = connect(integration, live.pins.get(name), tenancy)
        if former is not None and former.pin == live.pins.get(name):
            live.connected[name].drifted = former.drifted


async def look_for_drift(tenancy: Tenancy, name: str) -> None:
    """Compare what the server says now with the pin; a changed definition holds its tool's calls.

    An answer that is no list of tools confirms none of them; a server that is away says nothing.
    """
    connected = tenancy.live.connected.get(name)
    if connected is None or connected.pin is None:
        return
    try:
        seen = make_pin(connected.integration, await tenancy.upstreams.of(connected.integration).discover())
        drifted, digest_seen = changed_tools(connected.pin, seen), seen.digest
    except (UpstreamError, InputError) as fault:
        tenancy.log("discovery_failed", {"integration": name, "code": fault.code})
        if fault.code not in _UNREADABLE:
            return
        drifted, digest_seen = frozenset(tool.name for tool in connected.pin.tools), ""
    if drifted == connected.drifted:
        return
    connected.drifted = drifted
    tenancy.live.epoch += 1
    if drifted:
        event = tenancy.event(
            DriftSeen(integration=name, pinned=connected.pin.digest, seen=digest_seen, tools=tuple(sorted(drifted)))
        )
        await tenancy.write(Unit(events=(event,)))


def changed_tools(pinned: IntegrationPin, seen: IntegrationPin) -> frozenset[str]:
    """Pinned tools that the server now defines otherwise, or no longer has."""
    now = {tool.name: tool.digest for tool in seen.tools}
    return frozenset(tool.name for tool in pinned.tools if now.get(tool.name) != tool.digest)


def _listing(integration: Integration, pin: IntegrationPin | None, toolbox: Toolbox) -> Listing:
    server = (
        {"name": pin.server_name, "version": pin.server_version} if pin else {"name": integration.name, "version": ""}
    )
    bridged = bool(integration.command)
    return Listing(
        integration=integration.name,
        tools=b"[" + b",".join(toolbox.listing) + b"]",
        server=_encode(server),
        instructions=pin.instructions if pin else "",
        eras=ALL_ERAS if bridged else (pin.eras if pin else ()),
        bridged=bridged,
        headers=tuple((tool.name, tool.headers) for tool in toolbox.tools.values() if tool.headers),
    )
