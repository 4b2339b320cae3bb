"""A server's entry, in the spellings of all clients: what differs between them is asked for by name."""

import re
from collections.abc import Iterable

from callgate.core.inventory.document import Spot
from callgate.core.inventory.reading import Entry, Reading, name_of
from callgate.model.inventory import ConnectionState

MAX_ENTRIES = 1_000
_KINDS = {
    "stdio": "stdio",
    "local": "stdio",
    "sse": "sse",
    "http": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "streamablehttp": "http",
    "remote": "http",
    "ws": "http",
}
MCP_TOOL = re.compile(r"mcp__(?P<server>.+?)(?:__(?P<tool>.*))?", re.DOTALL)
"""How Claude Code, Codex and others name a tool of a server in settings."""


def read_server(
    reading: Reading,
    spot: Spot,
    *,
    state: ConnectionState = ConnectionState.ON,
    folder: str = "",
    tools: Iterable[tuple[str, str]] = (),
    only: tuple[str, ...] | None = None,
    runs: bool = False,
    name: str = "",
) -> None:
    """Adds the entry and what can be said of it alone."""
    if not isinstance(spot.value, dict):
        spot.table()
        return
    if len(reading.entries) >= MAX_ENTRIES:
        reading.find("search_ended", line=spot.line, says=f"Only {MAX_ENTRIES} servers of one file are read.")
        return
    program, args = _command(spot)
    url = next((found for key in ("url", "serverUrl", "httpUrl") if (found := spot.at(key).text())), "")
    if spot.at("disabled").flag() or not spot.at("enabled").flag(default=True):
        state = ConnectionState.OFF
    kind = _KINDS.get(_kind(spot).lower(), "")
    file = reading.file
    reading.entries.append(
        Entry(
            client=file.client,
            name=name or name_of(spot),
            layer=file.layer,
            owner=file.owner,
            file=file.path,
            line=spot.line,
            place=file.place,
            path=spot.path,
            home=file.home,
            folder=folder or file.folder,
            plugin=file.plugin,
            state=state,
            transport="stdio" if program else (kind if kind != "stdio" else "") or ("http" if url else "unknown"),
            program=program,
            args=args,
            url="" if program else url,
            runs=runs,
            tools=tuple(tools),
            only=only,
        )
    )
    for key in ("headersHelper", "http_headers_helper"):
        if spot.at(key).there:
            reading.find("header_program", spot.at(key), server=name_of(spot))


def _kind(spot: Spot) -> str:
    for key in ("type", "transport"):
        if spot.at(key).is_text():
            return spot.at(key).text()
    return ""


def _command(spot: Spot) -> tuple[str, tuple[str, ...]]:
    """Program and arguments; the command is a text, a list (opencode), or a table of its own (Zed, older)."""
    command = spot.at("command")
    if isinstance(command.value, list):
        words = command.texts()
        return (words[0], words[1:]) if words else ("", ())
    if isinstance(command.value, dict):
        return command.at("path").text(), command.at("args").texts()
    return command.text(), spot.at("args").texts()


def listed(spot: Spot, does: str) -> list[tuple[str, str]]:
    """Names of tools in a list, each with what the client does with them."""
    return [(name, does) for name in spot.texts() if name]


def read_rule(reading: Reading, rule: str, does: str) -> None:
    """``mcp__server__tool``, ``mcp__server__*`` or ``mcp__server`` in a list of permissions."""
    found = MCP_TOOL.fullmatch(rule.strip())
    if found is None:
        return
    tool = found["tool"] or ""
    if found["server"] == "*" and does == "runs":
        return  # such a rule is not taken
    reading.grant("" if found["server"] == "*" else found["server"], "" if tool == "*" else tool, does)
