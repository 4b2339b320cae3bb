"""What a server says of itself: its protocol versions, name, instructions, and all its tools, prompts and resource
templates. All of it is untrusted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from callgate.adapters.upstream import wire
from callgate.flow.ports import Discovered, Exchange, Opened, Outbound
from callgate.model.errors import UpstreamError

MAX_TOOLS = 2_000
"""Objects of one list, like MAX_BYTES and MAX_PAGES."""
MAX_BYTES = 8 * 1024 * 1024
MAX_PAGES = 200
LISTING_S = 60.0
"""For all pages of one list."""
MAX_TEXT = 64 * 1024
"""Characters of the server's instructions that are kept."""
DEADLINE_MS = 30_000
PROBE_MS = 10_000
"""For the question that older servers may leave unanswered."""


_MEMBERS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/templates/list": "resourceTemplates",
}


class Probe(NamedTuple):
    """The three moves of an upstream that discovery needs."""

    open: Callable[[Outbound], Awaitable[Exchange]]
    initialize: Callable[[bytes, str], Awaitable[Opened]]
    end: Callable[[str], Awaitable[None]]


class _ServerInfo(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Capability(msgspec.Struct):
    """As far as it is used; whatever else stands in it."""

    subscribe: bool | None = None
    listChanged: bool | None = None  # noqa: N815 - the wire's name


class _Capabilities(msgspec.Struct):
    """ServerCapabilities; ``null`` stands for absent."""

    tools: _Capability | None = None
    prompts: _Capability | None = None
    resources: _Capability | None = None
    completions: _Capability | None = None
    logging: _Capability | None = None

    def names(self) -> tuple[str, ...]:
        found: list[str] = []
        for name in self.__struct_fields__:
            capability: _Capability | None = getattr(self, name)
            if capability is not None:
                found.append(name)
                found += [f"{name}.{flag}" for flag in capability.__struct_fields__ if getattr(capability, flag)]
        return tuple(found)


class _Meta(msgspec.Struct):
    server: _ServerInfo = msgspec.field(default_factory=_ServerInfo, name="io.modelcontextprotocol/serverInfo")


class _Said(msgspec.Struct):
    """InitializeResult and DiscoverResult, as far as they are used."""

    protocolVersion: str = ""  # noqa: N815 - the wire's names
    supportedVersions: tuple[str, ...] = ()  # noqa: N815
    serverInfo: _ServerInfo = msgspec.field(default_factory=_ServerInfo)  # noqa: N815
    instructions: str | None = None
    capabilities: _Capabilities = msgspec.field(default_factory=_Capabilities)
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _Page(msgspec.Struct):
    """A page of any of the lists."""

    tools: list[msgspec.Raw] | None = None
    prompts: list[msgspec.Raw] | None = None
    resourceTemplates: list[msgspec.Raw] | None = None  # noqa: N815 - the wire's names
    nextCursor: str | None = None  # noqa: N815


async def discover(probe: Probe) -> Discovered:
    """Try every era over HTTP. UpstreamError when none works, or when the tool list cannot be used."""
    eras: list[str] = []
    modern = await _stateless(probe)
    if modern is not None:
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
    older = _decode(first.result) if first is not None else None
    if modern is None and older is None:
        raise failure or wire.fault("initialize_failed")
    found = await _summary(
        probe, modern, older, tuple(sorted(eras, reverse=True)), eras[0], first.session if first is not None else ""
    )
    if first is not None:
        await probe.end(first.session)
    return found


async def _summary(
    probe: Probe, modern: "_Said | None", older: "_Said | None", eras: tuple[str, ...], protocol: str, session: str
) -> Discovered:
    """``modern`` and ``older``: what it says of itself in 2026-07-28 and in handshake eras; not both None."""
    said = modern or older
    assert said is not None
    server = said.serverInfo if said.serverInfo.name else said.meta.server
    offers = older.capabilities.names() if older is not None else ()
    offers_modern = modern.capabilities.names() if modern is not None else ()
    offered = {*offers, *offers_modern}

    async def every(method: str, capability: str) -> tuple[bytes, ...]:
        """Servers of resources need not know templates, so a refusal of a list is an empty one, unless it is the
        one list that a server says to have.
        """
        if capability not in offered and capability != "tools":
            return ()
        try:
            return await list_all(probe, method, protocol, session)
        except UpstreamError as fault:
            if fault.code != "rejected" or (capability in offered and method != "resources/templates/list"):
                raise
            return ()

    return Discovered(
        name=server.name[:256],
        version=server.version[:256],
        instructions=(said.instructions or "")[:MAX_TEXT],
        eras=eras,
        tools=await every("tools/list", "tools"),
        offers=offers,
        offers_modern=offers_modern,
        prompts=await every("prompts/list", "prompts"),
        templates=await every("resources/templates/list", "resources"),
    )


def _offer(version: str) -> bytes:
    return msgspec.json.encode({"protocolVersion": version, "capabilities": {}, "clientInfo": wire.CLIENT})


def _decode(result: bytes) -> _Said:
    try:
        return msgspec.json.decode(result, type=_Said)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
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


async def list_all(probe: Probe, method: str, protocol: str, session: str) -> tuple[bytes, ...]:
    """Raw JSON of every object, over all pages. UpstreamError ``bad_listing`` beyond 2,000 of them, 8 MiB with the
    cursors, or a minute.
    """
    try:
        async with asyncio.timeout(LISTING_S):
            return await _all_pages(probe, method, protocol, session)
    except TimeoutError as slow:
        raise wire.fault("bad_listing") from slow


async def _all_pages(probe: Probe, method: str, protocol: str, session: str) -> tuple[bytes, ...]:
    found: list[bytes] = []
    size = 0
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        params = msgspec.json.encode({"cursor": cursor}) if cursor is not None else b"{}"
        request = Outbound(
            method,
            params,
            protocol,
            session if protocol != wire.STATELESS else "",
            deadline_ms=DEADLINE_MS,
        )
        page = _page(await _ask(probe, request))
        listed = getattr(page, _MEMBERS[method])
        if listed is None:
            raise wire.fault("bad_listing")
        found += map(bytes, listed)
        size += sum(map(len, listed)) + len(page.nextCursor or "")
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
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise wire.fault("bad_listing") from fault


async def discover_bridged(probe: Probe, opened: Opened) -> Discovered:
    """For a server whose one session is the gate's own (stdio)."""
    said = _decode(opened.result)
    return await _summary(probe, None, said, (opened.protocol,), opened.protocol, opened.session)
