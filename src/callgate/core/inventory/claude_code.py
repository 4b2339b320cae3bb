"""Claude Code: settings in their layers, .mcp.json, ~/.claude.json, managed files; and Claude Desktop."""

from callgate.core.inventory.codex import is_wide, runs_anything
from callgate.core.inventory.document import Spot
from callgate.core.inventory.reading import Allowlist, Matcher, ProjectApproval, Reading
from callgate.core.inventory.servers import read_rule, read_server
from callgate.model.inventory import ConnectionState

_CLIENT = "claude-code"
_MANAGED_ONLY = ("allowManagedMcpServersOnly", "strictKnownMarketplaces", "allowManagedHooksOnly")
_NOBODY = frozenset({"bypassPermissions", "dontAsk", "auto"})


def read_settings(reading: Reading) -> None:
    """``settings.json``, ``settings.local.json``, ``managed-settings.json``."""
    top = reading.open_json(comments=True)
    if top is not None:
        _permissions(reading, top.at("permissions"))
        _projects_servers(reading, top)
        for name, spot in top.at("enabledPlugins").items():
            reading.plugins[name] = (spot.value is not False, spot.line)
        _hooks(reading, top.at("hooks"))
        _lists(reading, top)
    reading.finish(top)


def _permissions(reading: Reading, spot: Spot) -> None:
    for key, does in (("allow", "runs"), ("ask", "asks"), ("deny", "denies")):
        for rule in spot.at(key).texts():
            read_rule(reading, rule, does)
    mode = spot.at("defaultMode")
    if mode.word in _NOBODY:
        reading.find("asks_nobody", mode)


def _projects_servers(reading: Reading, top: Spot) -> None:
    whole = top.at("enableAllProjectMcpServers")
    if whole.flag():
        reading.find("approves_projects", whole)
        _approve(reading, ConnectionState.ON, "")
    for name in top.at("enabledMcpjsonServers").texts():
        _approve(reading, ConnectionState.ON, name)
    for name in top.at("disabledMcpjsonServers").texts():
        _approve(reading, ConnectionState.OFF, name)


def _approve(reading: Reading, state: ConnectionState, server: str, folder: str = "") -> None:
    file = reading.file
    reading.approvals.append(
        ProjectApproval(client=_CLIENT, state=state, server=server, home=file.home, folder=folder or file.folder)
    )


def _hooks(reading: Reading, hooks: Spot) -> None:
    for event in ("PreToolUse", "PermissionRequest"):
        for group in hooks.at(event).each():
            for inner in group.at("hooks").each():
                if inner.at("type").text() in ("command", "http") and inner.at("onFailure").text() != "block":
                    reading.find("hook_fails_open", inner)


def _lists(reading: Reading, top: Spot) -> None:
    managed = reading.file.layer == "managed"
    allowed, denied = top.at("allowedMcpServers"), top.at("deniedMcpServers")
    if managed:
        if allowed.there and not top.at("allowManagedMcpServersOnly").flag():
            reading.find("allowlist_not_final", allowed)
        if not top.at("strictKnownMarketplaces").there:
            reading.find("markets_open", top)
    else:
        for key in _MANAGED_ONLY:
            if top.at(key).there:
                reading.find("setting_ignored", top.at(key))
    if allowed.there or denied.there:
        rules = _matchers(reading, allowed, judge=managed)
        reading.allowlists.append(
            Allowlist(
                client=_CLIENT,
                allowed=rules if allowed.there and managed else None,
                denied=_matchers(reading, denied, judge=False),
                home=reading.file.home,
            )
        )


def _matchers(reading: Reading, spot: Spot, *, judge: bool) -> tuple[Matcher, ...]:
    rules = []
    for one in spot.each():
        url, command, name = one.at("serverUrl"), one.at("serverCommand"), one.at("serverName")
        if url.there:
            rule = Matcher(kind="wildcard" if "*" in url.text() else "url", values=(url.text(),))
            if judge and is_wide(rule):
                reading.find("allowlist_wide", url)
        elif command.there:
            rule = Matcher(kind="command", values=command.texts())
            if judge and runs_anything(rule.values[0] if rule.values else "", rule.values[1:]):
                reading.find("allowlist_program", command)
        else:
            rule = Matcher(kind="name", values=(name.text(),))
            if judge:
                reading.find("allowlist_by_name", name)
        rules.append(rule)
    return tuple(rules)


def read_project_servers(reading: Reading) -> None:
    """``.mcp.json``: connected when its user has approved it."""
    _servers_file(reading, ConnectionState.WAITS)


def read_managed_servers(reading: Reading) -> None:
    """``managed-mcp.json``: where it is, nothing else is connected."""
    reading.allowlists.append(Allowlist(client=_CLIENT, exclusive_file=reading.file.path))
    _servers_file(reading, ConnectionState.ON)


def _servers_file(reading: Reading, state: ConnectionState) -> None:
    top = reading.open_json(comments=False)
    spots = [] if top is None else top.at("mcpServers").below()
    for spot in spots:
        read_server(reading, spot, state=state)
    reading.finish(top, spots)


def read_state(reading: Reading) -> None:
    """``~/.claude.json``: servers of the user, and of each project."""
    top = reading.open_json(comments=False)
    if top is None:
        reading.finish(None)
        return
    spots = top.at("mcpServers").below()
    for spot in spots:
        read_server(reading, spot)
    for folder, project in top.at("projects").items():
        reading.projects.append(folder)
        off = set(project.at("disabledMcpServers").texts())
        for name, spot in project.at("mcpServers").items():
            spots.append(spot)
            state = ConnectionState.OFF if name in off else ConnectionState.ON
            read_server(reading, spot, folder=folder, state=state)
        for name in project.at("enabledMcpjsonServers").texts():
            _approve(reading, ConnectionState.ON, name, folder)
        for name in project.at("disabledMcpjsonServers").texts():
            _approve(reading, ConnectionState.OFF, name, folder)
        for rule in project.at("allowedTools").texts():
            read_rule(reading, rule, "runs")
    if top.at("claudeAiMcpEverConnected").there:
        reading.unknown("connectors of the claude.ai account")
    elif top.at("oauthAccount").there:
        reading.unknown("connectors of the claude.ai account, if it has any")
    reading.finish(top, spots)


def read_desktop(reading: Reading) -> None:
    """``claude_desktop_config.json`` of Claude Desktop."""
    _servers_file(reading, ConnectionState.ON)
    reading.unknown("connectors of the claude.ai account, if it has any")


def read_extension(reading: Reading) -> None:
    """``manifest.json`` of an installed desktop extension: what it runs, and the tools it says it has."""
    top = reading.open_json(comments=False)
    if top is None:
        reading.finish(None)
        return
    config = top.at("server", "mcp_config")
    name = top.at("name").text() or reading.file.plugin
    if config.there:
        tools = [(tool.at("name").text(), "asks") for tool in top.at("tools").each()]
        read_server(reading, config, tools=[one for one in tools if one[0]], name=name)
    reading.finish(top, [config])


def read_extension_settings(reading: Reading) -> None:
    """Settings of a desktop extension: secrets in clear; whether it is enabled."""
    top = reading.open_json(comments=False)
    if top is not None and not top.at("isEnabled").flag(default=True):
        reading.plugins[reading.file.plugin] = (False, 1)
    reading.finish(top)


def read_installed(reading: Reading) -> None:
    """``installed_plugins.json``: names of plugins, to tell which enabled one was not found."""
    top = reading.open_json(comments=False)
    reading.finish(top)
