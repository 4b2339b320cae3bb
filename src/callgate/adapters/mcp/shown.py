"""A listing prepared once per load: list and discovery results, header rules, versions."""

import msgspec

from callgate.adapters.mcp.answers import SERVER_INFO
from callgate.adapters.mcp.config import ERAS, HANDSHAKE, MODERN
from callgate.adapters.mcp.control import CONTROL_TOOLS, RESERVED
from callgate.adapters.mcp.headers import PARAM_PREFIX, ParamHeaders
from callgate.adapters.mcp.wire import encode
from callgate.flow.serving import Listing


class _Named(msgspec.Struct, frozen=True):
    name: str


_tools = msgspec.json.Decoder(list[msgspec.Raw])
_named = msgspec.json.Decoder(_Named)
_KEPT = 1_024
_OURS = ("tools", "tools.listChanged")


class ShownListing:
    """One listing with everything that does not change from request to request."""

    def __init__(self, listing: Listing, ttl_ms: int) -> None:
        self.listing = listing
        self.bridged = listing.bridged
        self.versions = ERAS if listing.bridged else tuple(version for version in ERAS if version in listing.eras)
        self.modern = tuple(version for version in self.versions if version in MODERN)
        self.handshake = tuple(version for version in self.versions if version in HANDSHAKE)
        self.server = listing.server
        self.headers: dict[str, ParamHeaders] = {
            tool: tuple((_header(name), tuple(path.split("."))) for name, path in declared)
            for tool, declared in listing.headers
        }
        tools = _with_control(listing.tools)
        cached = b'"ttlMs":%d,"cacheScope":"private","_meta":{"%b":%b}' % (
            ttl_ms,
            SERVER_INFO.encode(),
            listing.server,
        )
        lists = {
            "tools/list": (b"tools", tools),
            "prompts/list": (b"prompts", listing.prompts),
            "resources/templates/list": (b"resourceTemplates", listing.templates),
        }
        self.lists_handshake = {method: b'{"%b":%b}' % named for method, named in lists.items()}
        """Results by method, like ``lists_modern``."""
        self.lists_modern = {
            method: b'{"resultType":"complete","%b":%b,%b}' % (*named, cached) for method, named in lists.items()
        }
        self.offers = frozenset((*_OURS, *listing.offers))
        """Capabilities in handshake eras; the gate has tools of its own, and says when what is confirmed changes."""
        self.offers_modern = frozenset((*_OURS, *listing.offers_modern))
        self.discovered = b'{"resultType":"complete","supportedVersions":%b,"capabilities":%b%b,%b}' % (
            encode(self.versions),
            encode(_capabilities(self.offers_modern)),
            b',"instructions":%b' % encode(listing.instructions) if listing.instructions else b"",
            cached,
        )

    def initialized(self, protocol: str) -> bytes:
        """An InitializeResult that offers what the server offers and the gate relays; name, version and instructions
        are the pinned ones.
        """
        instructions = self.listing.instructions
        return b'{"protocolVersion":%b,"capabilities":%b,"serverInfo":%b%b}' % (
            encode(protocol),
            encode(_capabilities(self.offers)),
            self.server,
            b',"instructions":%b' % encode(instructions) if instructions else b"",
        )


_RELAYED = (
    "tools", "tools.listChanged", "prompts", "prompts.listChanged", "resources", "resources.listChanged",
    "resources.subscribe", "completions", "logging",
)  # fmt: skip
"""Capabilities, and with a dot what of them (``resources.subscribe``), that the gate relays where a server has them."""


def _capabilities(offers: frozenset[str]) -> dict[str, dict[str, bool]]:
    declared: dict[str, dict[str, bool]] = {}
    for offer in _RELAYED:
        name, _, flag = offer.partition(".")
        if offer in offers:
            declared.setdefault(name, {}).update({flag: True} if flag else {})
    return declared


def _header(name: str) -> bytes:
    lower = name.lower().encode()
    return lower if lower.startswith(PARAM_PREFIX) else PARAM_PREFIX + lower


def _with_control(tools: bytes) -> bytes:
    """The integration's tools, then ours; nobody else's may carry a reserved name."""
    theirs = [tool for tool in _tools.decode(tools) if not _named.decode(tool).name.startswith(RESERVED)]
    return b"[%b]" % b",".join([*(bytes(tool) for tool in theirs), *CONTROL_TOOLS])


class ShownListings:
    """Prepared listings by identity: serving hands out the same object until something changes."""

    def __init__(self, ttl_ms: int) -> None:
        self._ttl_ms = ttl_ms
        self._kept: dict[int, ShownListing] = {}

    def of(self, listing: Listing) -> ShownListing:
        shown = self._kept.get(id(listing))
        if shown is None or shown.listing is not listing:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            shown = self._kept[id(listing)] = ShownListing(listing, self._ttl_ms)
        return shown
