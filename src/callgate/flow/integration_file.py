"""The file about one integration in the home: how it is connected, what its tools count as, and why.

It says what counts; it does not decide it. A person may edit it, and ``callgate integrations apply`` makes that count.
"""

from collections.abc import Iterator, Sequence

import msgspec

from callgate.core.strict import StrictReader, read_toml
from callgate.core.toml_text import array, comment, quoted, table
from callgate.flow.views.integrations import DiscoveryView, ToolView, by_tier
from callgate.model.base import Fact
from callgate.model.terms import Tier
from callgate.model.tool import Integration

_TEXTS = ("url", "cwd", "actor", "team", "manifest")
_LISTS = ("command", "readable", "writable", "asks")
_TABLES = ("environment", "headers")
_FLAGS = (("confined", True), ("allow_private", False))
_UNDO = {
    "by_tool": "Taken back by {}.",
    "by_hand": "Taken back by hand.",
    "perhaps_none": "It may not be possible to take back.",
    "none": "It cannot be taken back.",
    "unknown": "Whether it can be taken back is unknown.",
}
_HEAD = """\
How the gate connects {name}, and what its tools count as. The gate writes this file; what counts is what was
confirmed. You may change a tier and add a reason, as in: reason = "It writes drafts only". It counts after:
  callgate integrations apply {name}
"""


class ToolEntry(Fact, frozen=True):
    """One tool of such a file."""

    tier: Tier
    reason: str = ""


class IntegrationEntry(Fact, frozen=True):
    """Such a file. Everything but ``tools`` is as in Integration."""

    name: str
    url: str = ""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    headers: dict[str, str] = {}
    cwd: str = ""
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    confined: bool = True
    allow_private: bool = False
    manifest: str = ""
    actor: str = ""
    team: str = ""
    asks: tuple[str, ...] = ()
    tools: dict[str, ToolEntry] = {}


def read_file(data: bytes, file: str) -> IntegrationEntry:
    """Raises ConfigError with file, key and what is allowed."""
    return StrictReader(file).read(IntegrationEntry, read_toml(data, file))


def connected_otherwise(entry: IntegrationEntry, integration: Integration) -> tuple[str, ...]:
    """Keys in which the file differs from how it is connected."""
    keys = [one.name for one in msgspec.structs.fields(IntegrationEntry) if one.name != "tools"]
    return tuple(key for key in keys if getattr(entry, key) != getattr(integration, key))


def file_text(integration: Integration, found: DiscoveryView, tools: Sequence[ToolView]) -> bytes:
    """``found``: what was confirmed; ``tools``: as they count now."""
    lines = [comment(line) for line in _HEAD.format(name=integration.name).splitlines()]
    lines += ["", *_connection(integration), "", *_about(integration, found)]
    for heading, group in by_tier(tools):
        lines += ["", comment(f"{heading}.")]
        lines += [line for tool in group for line in _tool(tool)]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _connection(integration: Integration) -> Iterator[str]:
    yield f"name = {quoted(integration.name)}"
    for key in (*_TEXTS, *_LISTS, *_TABLES):
        value = getattr(integration, key)
        if value:
            written = quoted if key in _TEXTS else array if key in _LISTS else table
            yield f"{key} = {written(value)}"
    for key, usual in _FLAGS:
        value = getattr(integration, key)
        if value is not usual:
            yield f"{key} = {str(value).lower()}"


def _about(integration: Integration, found: DiscoveryView) -> Iterator[str]:
    server = f"{found.server_name} {found.server_version}".strip() or "it does not say"
    yield comment(f"Server: {server}; speaks {', '.join(found.eras)}.")
    yield comment(f"Confirmed definitions: {found.digest}")
    if found.manifest:
        yield comment(f"Manifest: {found.manifest}, digest {found.manifest_digest}")
    elif integration.manifest:
        yield comment("Manifest: none, as it was asked for; rules proposed the tiers.")
    else:
        yield comment("Manifest: the catalogue has none of its name; rules proposed the tiers.")
    own = [tool for tool in found.tools if not tool.is_method]
    unknown = sum(not tool.aims for tool in own)
    if unknown:
        yield comment(f"Unknown: what {unknown} of {len(own)} tools aim at, so no rule can name it.")
    nobody = sum(tool.decided_by == "nobody" for tool in own)
    if nobody and found.manifest:
        yield comment(f"The manifest does not know {nobody} of them; they count as changing things.")


def _tool(tool: ToolView) -> Iterator[str]:
    yield ""
    yield f"[tools.{quoted(tool.tool)}]"
    yield comment(_why(tool))
    if tool.ruling_void:
        yield comment(f"{tool.ruled_by} said otherwise ({tool.ruled_reason}) of another definition; it counts no more.")
    if tool.asked_tier:
        yield comment(f"{tool.asked_by} asks for {tool.asked_tier}, which waits for another person of Security.")
    if tool.tier != "read":
        yield comment(_UNDO[tool.way_back].format(tool.undone_by))
    yield f"tier = {quoted(tool.tier)}"
    if tool.decided_by == "person":
        yield f"reason = {quoted(tool.ruled_reason)}"


def _why(tool: ToolView) -> str:
    if tool.decided_by == "person":
        return f"By {tool.ruled_by}; without that it is {tool.own_tier}."
    if tool.decided_by == "manifest":
        return f"By the manifest: {tool.say}."
    if tool.decided_by == "unverified":
        return f"The manifest is not verified for this server, so it counts as the worst: {tool.say}."
    if tool.decided_by == "rules":
        return f"By rules, confidence {tool.confidence}: {' '.join(tool.reasons)}"
    return "Nobody knows it, so it counts as the worst."
