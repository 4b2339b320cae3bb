"""What a server says of itself: its protocol versions, name, instructions and all its tools. All of it is untrusted."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from callgate.adapters.upstream import wire
from callgate.flow.ports import Discovered, Exchange, Opened, Outbound
from callgate.model.errors import UpstreamError

MAX_TOOLS = 2_000
MAX_BYTES = 8 * 1024 * 1024
MAX_PAGES = 200
MAX_TEXT = 64 * 1024
"""Characters of the server's instructions that are kept."""
DEADLINE_MS = 30_000
PROBE_MS = 10_000
"""For the question that older servers may leave unanswered."""


class Probe(NamedTuple):
    """The three moves of an upstream that discovery needs."""

    open: Callable[[Outbound], Awaitable[Exchange]]
    initialize: Callable[[bytes, str], Awaitable[Opened]]
    end: Callable[[str], Awaitable[None]]


class _ServerInfo(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Meta(msgspec.Struct):
    server: _ServerInfo = msgspec.field(default_factory=_ServerInfo, name="io.modelcontextprotocol/serverInfo")


class _Said(msgspec.Struct):
    """InitializeResult and DiscoverResult, as far as they are used."""

    protocolVersion: str = ""  # noqa: N815 - the wire's names
    supportedVersions: tuple[str, ...] = ()  # noqa: N815
    serverInfo: _ServerInfo = msgspec.field(default_factory=_ServerInfo)  # noqa: N815
    instructions: str | None = None
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _Page(msgspec.Struct):
    tools: list[msgspec.Raw]
    nextCursor: str | None = None  # noqa: N815


async def discover(probe: Probe) -> Discovered:
    """Try every era over HTTP. UpstreamError when none works, or when the tool list cannot be used."""
    eras: list[str] = []
    said = await _stateless(probe)
    if said is not None:
        eras.append(wire.STATELESS)
    first: Opened | None = None
    failure: UpstreamError | None = None
    for version in wire.HANDSHAKE:
        try:
            opened = await probe.initialize(_offer(version), version)
        except UpstreamError as fault:
            failure = failure or fault
            if first is None:
                # A server that takes no initialize at all will not take an older one.
                break
            continue
        if opened.protocol not in eras:
            eras.append(opened.protocol)
        if first is None:
            first = opened
        else:
            await probe.end(opened.session)
    if first is not None:
        said = said or _decode(first.result)
    if said is None:
        raise failure or wire.fault("initialize_failed")
    tools = await list_tools(probe, eras[0], first.session if first is not None else "")
    if first is not None:
        await probe.end(first.session)
    return summary(said, tuple(sorted(eras, reverse=True)), tools)


def summary(said: "_Said", eras: tuple[str, ...], tools: tuple[bytes, ...]) -> Discovered:
    server = said.serverInfo if said.serverInfo.name else said.meta.server
    return Discovered(
        name=server.name[:256],
        version=server.version[:256],
        instructions=(said.instructions or "")[:MAX_TEXT],
        eras=eras,
        tools=tools,
    )


def _offer(version: str) -> bytes:
    return msgspec.json.encode({"protocolVersion": version, "capabilities": {}, "clientInfo": wire.CLIENT})


def _decode(result: bytes) -> _Said:
    try:
        return msgspec.json.decode(result, type=_Said)
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise wire.fault("initialize_failed") from fault


async def _stateless(probe: Probe) -> _Said | None:
    try:
        result = await _ask(probe, Outbound("server/discover", b"{}", wire.STATELESS, deadline_ms=PROBE_MS))
        said = _decode(result)
    except UpstreamError:
        # Servers of the handshake eras answer this in many ways, all of them a no.
        return None
    return said if wire.STATELESS in said.supportedVersions else None


async def _ask(probe: Probe, request: Outbound) -> bytes:
    async for message in await probe.open(request):
        if message.error:
            raise wire.fault("rejected")
        if message.is_response:
            return message.result
    raise wire.fault("rejected")


async def list_tools(probe: Probe, protocol: str, session: str) -> tuple[bytes, ...]:
    """Raw JSON of every tool, over all pages. UpstreamError ``bad_listing`` beyond 2,000 tools or 8 MiB."""
    found: list[bytes] = []
    size = 0
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        params = msgspec.json.encode({"cursor": cursor}) if cursor is not None else b"{}"
        request = Outbound(
            "tools/list",
            params,
            protocol,
            session if protocol != wire.STATELESS else "",
            deadline_ms=DEADLINE_MS,
        )
        page = _page(await _ask(probe, request))
        found += (bytes(tool) for tool in page.tools)
        size += sum(len(tool) for tool in page.tools)
        if len(found) > MAX_TOOLS or size > MAX_BYTES:
            raise wire.fault("bad_listing")
        cursor = page.nextCursor
        if cursor is None:
            return tuple(found)
        if cursor in seen:
            break
        seen.add(cursor)
    raise wire.fault("bad_listing")


def _page(result: bytes) -> _Page:
    try:
        return msgspec.json.decode(result, type=_Page)
    except (msgspec.MsgspecError, RecursionError) as fault:
        raise wire.fault("bad_listing") from fault


async def discover_bridged(probe: Probe, opened: Opened) -> Discovered:
    """For a server whose one session is the gate's own (stdio)."""
    tools = await list_tools(probe, opened.protocol, opened.session)
    return summary(_decode(opened.result), (opened.protocol,), tools)
