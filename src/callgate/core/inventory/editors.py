"""Cursor, VS Code, Windsurf, Zed, Gemini CLI, opencode: one file of servers each, and what they run without asking."""

import re

from callgate.core.inventory.document import Spot
from callgate.core.inventory.reading import Reading, name_of
from callgate.core.inventory.servers import listed, read_server
from callgate.model.inventory import ConnectionState

_CURSOR_RULE = re.compile(r"Mcp\(([^:()]*):([^()]*)\)")
_ZED_TOOL = re.compile(r"mcp:([^:]+):(.+)")


def read_servers(reading: Reading) -> None:
    """``{"mcpServers": {…}}`` of Cursor, Windsurf and the Copilot clients, with their lists of tools."""
    top = reading.open_json(comments=True)
    spots = [] if top is None else top.at("mcpServers").below()
    for spot in spots:
        tools = listed(spot.at("disabledTools"), "denies")
        for key in ("alwaysAllow", "autoApprove"):
            tools += listed(spot.at(key), "runs") if isinstance(spot.at(key).value, list) else []
        offered = spot.at("tools").texts() if isinstance(spot.at("tools").value, list) else ("*",)
        only = None if "*" in offered else offered
        read_server(reading, spot, tools=[*((name, "asks") for name in only or ()), *tools], only=only)
    reading.finish(top, spots)


def read_cursor_permissions(reading: Reading) -> None:
    """``permissions.json`` and ``cli-config.json`` or ``cli.json``."""
    top = reading.open_json(comments=True)
    if top is not None:
        for rule in top.at("mcpAllowlist").texts():
            server, _, tool = rule.partition(":")
            if server == "*" and tool in ("", "*"):
                reading.find("asks_nobody", top.at("mcpAllowlist"))
            reading.grant(_any(server), _any(tool), "runs")
        for key, does in (("allow", "runs"), ("deny", "denies")):
            for rule in top.at("permissions", key).texts():
                found = _CURSOR_RULE.fullmatch(rule.strip())
                if found:
                    reading.grant(_any(found[1]), _any(found[2]), does)
        if top.at("approvalMode").word in ("unrestricted", "auto", "yolo"):
            reading.find("asks_nobody", top.at("approvalMode"))
    reading.finish(top)


def _any(name: str) -> str:
    return "" if name.strip() == "*" else name.strip()


def read_code_servers(reading: Reading) -> None:
    """``mcp.json`` of VS Code: servers, and inputs that are asked for."""
    top = reading.open_json(comments=True)
    spots = [] if top is None else top.at("servers").below()
    for spot in spots:
        read_server(reading, spot)
    reading.finish(top, spots)


def read_code_settings(reading: Reading) -> None:
    """``settings.json`` of VS Code and its kin; keys with dots are names here, not paths."""
    top = reading.open_json(comments=True)
    spots = [] if top is None else _code_settings(reading, top)
    reading.finish(top, spots)


def read_workspace(reading: Reading) -> None:
    """``*.code-workspace``: settings, and servers, of several folders."""
    top = reading.open_json(comments=True)
    spots = [] if top is None else _code_settings(reading, top.at("settings"))
    reading.finish(top, spots)


def read_devcontainer(reading: Reading) -> None:
    """``devcontainer.json``: what VS Code is given inside the container."""
    top = reading.open_json(comments=True)
    spots: list[Spot] = []
    if top is not None:
        code = top.at("customizations", "vscode")
        spots = code.at("mcp", "servers").below()
        for spot in spots:
            read_server(reading, spot)
        spots += _code_settings(reading, code.at("settings"))
    reading.finish(top, spots)


def _code_settings(reading: Reading, top: Spot) -> list[Spot]:
    nested = top.at("mcp")
    spots = top.at("mcp.servers").below()
    if isinstance(nested.value, dict):
        spots += nested.at("servers").below()
    for spot in spots:
        read_server(reading, spot)
    for key in ("chat.tools.global.autoApprove", "chat.tools.autoApprove"):
        if top.at(key).value is True:
            reading.find("asks_nobody", top.at(key))
    discovery = top.at("chat.mcp.discovery.enabled").value
    if discovery is True or (isinstance(discovery, dict) and any(on is True for on in discovery.values())):
        reading.find("takes_over_servers", top.at("chat.mcp.discovery.enabled"))
    return spots


def read_zed(reading: Reading) -> None:
    """``settings.json`` of Zed: ``context_servers``, tool permissions."""
    top = reading.open_json(comments=True)
    spots = [] if top is None else top.at("context_servers").below()
    for spot in spots:
        if (spot.at("source").word == "extension") or _is_extension(spot):
            reading.unknown("servers of Zed's extensions")
            continue
        read_server(reading, spot)
    if top is not None:
        agent = top.at("agent")
        permissions = agent.at("tool_permissions")
        if agent.at("always_allow_tool_actions").flag():
            reading.find("asks_nobody", agent.at("always_allow_tool_actions"))
        if permissions.at("default").text() == "allow":
            reading.find("asks_nobody", permissions.at("default"))
        for name, spot in permissions.at("tools").items():
            found = _ZED_TOOL.fullmatch(name)
            does = {"allow": "runs", "deny": "denies"}.get(spot.at("default").text())
            if found and does:
                reading.grant(found[1], found[2], does)
    reading.finish(top, spots)


def _is_extension(spot: Spot) -> bool:
    """Only settings of a server that an extension brings stand here."""
    table = spot.value if isinstance(spot.value, dict) else {}
    return bool(table) and "command" not in table and "url" not in table


def read_gemini(reading: Reading) -> None:
    """``settings.json`` of Gemini CLI, and ``gemini-extension.json``."""
    top = reading.open_json(comments=True)
    spots = [] if top is None else top.at("mcpServers").below()
    if top is not None:
        allowed = top.at("mcp", "allowed") if top.at("mcp", "allowed").there else top.at("allowMCPServers")
        excluded = {*top.at("mcp", "excluded").texts(), *top.at("excludeMCPServers").texts()}
        names = allowed.texts() if allowed.there else None
        for spot in spots:
            off = name_of(spot) in excluded or (names is not None and name_of(spot) not in names)
            _gemini_server(reading, spot, ConnectionState.OFF if off else ConnectionState.ON)
        defined = {name_of(spot) for spot in spots}
        if names is not None and reading.file.layer == "system" and not defined.issuperset(names):
            # A server of the system's own file replaces one of its name in the user's.
            reading.find("allowlist_by_name", allowed)
        for spot in (top.at("tools", "autoAccept"), top.at("autoAccept")):
            if spot.value is True:
                reading.find("asks_nobody", spot)
        mode = top.at("general", "defaultApprovalMode")
        if mode.word == "yolo":
            reading.find("asks_nobody", mode)
    reading.finish(top, spots)


def _gemini_server(reading: Reading, spot: Spot, state: ConnectionState) -> None:
    trusted = spot.at("trust").flag()
    only = spot.at("includeTools").texts() if spot.at("includeTools").there else None
    tools = [(name.partition("(")[0], "runs" if trusted else "asks") for name in only or ()]
    tools += listed(spot.at("excludeTools"), "denies")
    read_server(reading, spot, state=state, tools=tools, only=only, runs=trusted)


def read_opencode(reading: Reading) -> None:
    """``opencode.json``: servers under ``mcp``; everything runs without asking unless it is told to ask."""
    top = reading.open_json(comments=True)
    table = None if top is None else top.at("mcp")
    spots: list[Spot] = []
    if top is not None and table is not None:
        nested = table.at("servers")
        usable = isinstance(nested.value, dict) and "type" not in nested.value and "url" not in nested.value
        spots = [spot for _, spot in (nested if usable else table).items() if isinstance(spot.value, dict)]
        permission = top.at("permission")
        asks = permission.value in ("ask", "deny") or _asks_all(permission)
        for spot in spots:
            read_server(reading, spot, runs=not asks)
        if permission.value == "allow" or (isinstance(permission.value, dict) and permission.value.get("*") == "allow"):
            reading.find("asks_nobody", permission)
        _opencode_tools(reading, top, [name_of(spot) for spot in spots])
    reading.finish(top, spots)


def _asks_all(permission: Spot) -> bool:
    return isinstance(permission.value, dict) and permission.value.get("*") in ("ask", "deny")


def _opencode_tools(reading: Reading, top: Spot, servers: list[str]) -> None:
    """``tools`` and ``permission`` name a tool ``server_tool``, with wildcards."""
    rules = {name: "denies" for name, value in _flat(top.at("tools")).items() if value is False}
    words = {"allow": "runs", "ask": "asks", "deny": "denies"}
    rules |= {name: words[value] for name, value in _flat(top.at("permission")).items() if value in words}
    for rule, does in rules.items():
        for server in servers:
            if rule.startswith(f"{server}_"):
                reading.grant(server, _any(rule[len(server) + 1 :]), does)


def _flat(spot: Spot) -> dict[str, object]:
    """Only what is a plain value; anything else is another kind of rule."""
    if not isinstance(spot.value, dict):
        return {}
    return {name: value for name, value in spot.value.items() if isinstance(value, bool | str)}
