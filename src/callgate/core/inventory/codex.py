"""Codex: config.toml in its layers, profiles, plugins, marketplaces, and requirements.toml."""

from collections.abc import Iterator

from callgate.core.inventory.document import Spot
from callgate.core.inventory.programs import base_name, read_command
from callgate.core.inventory.reading import Allowlist, Matcher, ProjectApproval, Reading
from callgate.core.inventory.secrecy import split_url
from callgate.core.inventory.servers import listed, read_server
from callgate.model.inventory import ConnectionState

_MODES = {"approve": "runs", "auto": "asks", "writes": "asks", "prompt": "asks"}
_TRUST = {"trusted": ConnectionState.ON, "untrusted": ConnectionState.OFF}
_TOOL_HOOKS = ("PreToolUse", "PermissionRequest")


def read_config(reading: Reading) -> None:
    """``config.toml`` of any layer, ``managed_config.toml``, and ``<profile>.config.toml``."""
    top = reading.open_toml()
    if top is None:
        reading.finish(None)
        return
    servers = top.at("mcp_servers").below()
    state = ConnectionState.WAITS if reading.file.layer == "project" else ConnectionState.ON
    for spot in servers:
        _server(reading, spot, state)
    for name, spot in top.at("projects").items():
        reading.projects.append(name)
        trust = _TRUST.get(spot.at("trust_level").text())
        if trust is not None:
            reading.approvals.append(ProjectApproval(client="codex", state=trust, home=reading.file.home, folder=name))
    for name, spot in top.at("plugins").items():
        reading.plugins[name] = (spot.at("enabled").flag(default=True), spot.line)
        servers += [inner for _, inner in spot.at("mcp_servers").items()]
        _plugin_servers(reading, spot)
    _modes(reading, top)
    for spot in top.at("profiles").below():
        _modes(reading, spot)
    read_hooks(reading, top.at("hooks"))
    if top.at("features", "apps").flag() or top.at("features", "connectors").flag() or top.at("apps").there:
        reading.unknown("apps of the ChatGPT account")
    reading.finish(top, servers)


def _server(reading: Reading, spot: Spot, state: ConnectionState) -> None:
    default = _MODES.get(spot.at("default_tools_approval_mode").text(), "asks")
    tools = dict.fromkeys(spot.at("enabled_tools").texts(), default)
    for name, inner in spot.at("tools").items():
        tools[name] = _MODES.get(inner.at("approval_mode").text(), default)
    tools |= dict(listed(spot.at("disabled_tools"), "denies"))
    only = spot.at("enabled_tools").texts() if spot.at("enabled_tools").there else None
    read_server(reading, spot, state=state, tools=tools.items(), only=only, runs=default == "runs")


def _plugin_servers(reading: Reading, plugin: Spot) -> None:
    """Settings for servers that a plugin brings: they say what the client does, not where it connects."""
    for server, spot in plugin.at("mcp_servers").items():
        if spot.at("default_tools_approval_mode").text() == "approve":
            reading.grant(server, "", "runs")
        for name, _ in listed(spot.at("disabled_tools"), "denies"):
            reading.grant(server, name, "denies")


def _modes(reading: Reading, spot: Spot) -> None:
    sandbox = spot.at("sandbox_mode").text() == "danger-full-access"
    if spot.at("approval_policy").word == "never" and sandbox:
        reading.find("asks_nobody", spot.at("approval_policy"))


def read_hooks(reading: Reading, hooks: Spot) -> None:
    """Hooks before a tool's call: none of Codex's stops the call when it breaks."""
    for event in _TOOL_HOOKS:
        for group in hooks.at(event).each():
            if any(inner.at("type").text() == "command" for inner in group.at("hooks").each()):
                reading.find("hook_fails_open", group)


def read_plugin_hooks(reading: Reading) -> None:
    top = reading.open_json(comments=False)
    if top is not None:
        read_hooks(reading, top.at("hooks"))
    reading.finish(top)


def read_requirements(reading: Reading) -> None:
    """``requirements.toml``: what the administrator leaves open."""
    top = reading.open_toml()
    if top is None:
        reading.finish(None)
        return
    servers = top.at("mcp_servers")
    plugin_rules = list(_plugin_rules(top))
    if servers.there:
        rules = [rule for name, spot in servers.items() for rule in _identity(reading, spot, name)]
        covered = bool(plugin_rules) or not rules
        reading.allowlists.append(
            Allowlist(client="codex", allowed=tuple(rules + [rule for rule, _ in plugin_rules]), plugins=covered)
        )
        if not covered:
            reading.find("allowlist_skips_plugins", servers)
    else:
        reading.find("no_allowlist", line=1, says="requirements.toml has no [mcp_servers].")
    if not top.at("marketplaces", "restrict_to_allowed_sources").flag():
        reading.find("markets_open", top.at("marketplaces"))
    read_hooks(reading, top.at("hooks"))
    reading.finish(top, servers.below() + [spot for _, spot in plugin_rules])


def _plugin_rules(top: Spot) -> Iterator[tuple[Matcher, Spot]]:
    for plugin in top.at("plugins").below():
        for name, spot in plugin.at("mcp_servers").items():
            identity = spot.at("identity")
            if identity.there:
                for rule in _matchers(identity, name):
                    yield rule, spot


def _identity(reading: Reading, spot: Spot, name: str) -> list[Matcher]:
    identity = spot.at("identity")
    rules = list(_matchers(identity, name))
    if not rules:
        reading.find("allowlist_by_name", spot, server=name)
        return [Matcher(kind="name", values=(name,), name=name)]
    for rule in rules:
        if is_wide(rule):
            reading.find("allowlist_wide", identity, server=name)
        if rule.kind == "program":
            reading.find("allowlist_program", identity, server=name)
    return rules


def _matchers(identity: Spot, name: str) -> Iterator[Matcher]:
    url, command = identity.at("url"), identity.at("command")
    if url.there:
        yield _matcher(url, name, {"exact": "url", "prefix": "prefix", "regex": "regex"}, "url")
    if command.there:
        yield _command_matcher(command, name)


def _command_matcher(spot: Spot, name: str) -> Matcher:
    """A plain command is compared alone, whatever ``args`` stand beside it (Codex 0.169, tried); only the form
    ``{ executable, args = [{ match, value }] }`` compares arguments, each at its place.
    """
    if spot.is_text():
        return Matcher(kind="program", values=(spot.text(),), name=name)
    args = list(spot.at("args").each())
    program = spot.at("executable").text()
    if all(one.at("match").text() == "exact" for one in args):
        return Matcher(kind="command", values=(program, *(one.at("value").text() for one in args)), name=name)
    return Matcher(kind="program", values=(program,), name=name)


def _matcher(spot: Spot, name: str, kinds: dict[str, str], plain: str) -> Matcher:
    if spot.is_text():
        return Matcher(kind=plain, values=(spot.text(),), name=name)
    kind = kinds.get(spot.at("match").text(), plain)
    key = "expression" if spot.at("expression").there else "value"
    return Matcher(kind=kind, values=(spot.at(key).text(),), name=name)


def is_wide(rule: Matcher) -> bool:
    """It also fits hosts or programs that nobody had in mind."""
    text = rule.values[0] if rule.values else ""
    if rule.kind == "prefix":
        parts = split_url(text)
        return parts is None or not parts.path
    if rule.kind == "regex":
        return not (text.startswith("^") and text.endswith("$")) or ".*" in text.split("/")[2:3] or "\\." not in text
    if rule.kind == "wildcard":
        parts = split_url(text.replace("*", "x"))
        return parts is None or "*" in text.partition("://")[2].partition("/")[0].partition(":")[0] or not parts.path
    return False


def runs_anything(program: str, args: tuple[str, ...]) -> bool:
    """A program that runs whatever its arguments name."""
    line = read_command(program, args)
    return line.in_shell or (not args and base_name(program) in {"npx", "uvx", "node", "python", "python3", "docker"})


def read_marketplace(reading: Reading) -> None:
    """``marketplace.json``: names plugins; what they bring stands in their own files."""
    top = reading.open_json(comments=False)
    reading.finish(top)


def read_plugin_servers(reading: Reading) -> None:
    """``.mcp.json`` or ``plugin.json`` of a plugin, of Codex and of Claude Code alike."""
    top = reading.open_json(comments=False)
    spots: list[Spot] = []
    if top is not None:
        servers = top.at("mcpServers")
        if not servers.there and not top.at("name").there:
            servers = top  # a plugin's .mcp.json may name servers at its top
        if not servers.is_text():  # a text is a path to a file that is read by itself
            spots = [spot for _, spot in servers.items() if isinstance(spot.value, dict)]
        for spot in spots:
            read_server(reading, spot)
        hooks = top.at("hooks")
        if isinstance(hooks.value, dict):
            read_hooks(reading, hooks)
    reading.finish(top, spots)
