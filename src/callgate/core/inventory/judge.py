"""From everything that was read to one answer: which servers pass the gate, what they can do, what to change."""

from collections.abc import Iterable, Mapping

from callgate.core.inventory.codes import finding
from callgate.core.inventory.matching import (
    allows,
    gate_integration,
    is_blocked,
    is_remote_plain,
    same_gate,
    target_origin,
)
from callgate.core.inventory.programs import CommandLine, read_command
from callgate.core.inventory.reading import Allowlist, Entry, Grant, ProjectApproval, Reading
from callgate.core.inventory.secrecy import shown, split_url
from callgate.core.visible import all_visible, fold, scripts
from callgate.model.base import Fact
from callgate.model.inventory import COUNTED, ConfigFinding, ConnectionState, SeenServer, SeenTool
from callgate.model.terms import Tier

_LISTED_CLIENTS = frozenset({"codex", "claude-code"})
"""Clients that take a managed list of servers from a file."""
_MAX_TOOLS = 500


class KnownServer(Fact, frozen=True):
    """How an integration of the catalogue is recognised."""

    integration: str
    packages: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


class KnownTool(Fact, frozen=True):
    """A tool as the catalogue lists it. ``tier``: at worst; ``irreversible``: there is no way back."""

    name: str
    tier: Tier
    irreversible: bool = False


class Knowledge(Fact, frozen=True):
    """What the files themselves do not say."""

    gates: tuple[str, ...] = ()
    """URLs of gates."""
    servers: tuple[KnownServer, ...] = ()
    tools: dict[str, tuple[KnownTool, ...]] = {}
    """Integration to all its tools."""


class Judged(Fact, frozen=True):
    """One entry with what is known of it."""

    entry: Entry
    line: CommandLine | None
    integration: str
    gated: bool
    runs: bool
    """The client calls some of its tools without asking."""
    server: SeenServer


class Judge:
    """Holds what counts across files."""

    def __init__(self, readings: Iterable[Reading], knowledge: Knowledge, root: str) -> None:
        self._root = root.rstrip("/")
        self._readings = list(readings)
        self._knowledge = knowledge
        self._grants = [one for reading in self._readings for one in reading.grants]
        self._approvals = [one for reading in self._readings for one in reading.approvals]
        self._lists = [one for reading in self._readings for one in reading.allowlists]
        self._plugins = _plugins(self._readings)

    def servers(self) -> list[Judged]:
        entries = _newest([one for reading in self._readings for one in reading.entries])
        return [self._server(entry) for entry in entries]

    def _server(self, entry: Entry) -> Judged:
        line = read_command(entry.program, entry.args) if entry.program else None
        url = line.url if line is not None and line.url else entry.url
        gated = same_gate(url, self._knowledge.gates) if not (line and line.gate) else True
        integration = self._integration(line, url, gated=gated)
        listed = self._knowledge.tools.get(integration)
        general, tools = self._tools(entry, listed or ())
        server = SeenServer(
            client=entry.client,
            name=shown(entry.name),
            owner=entry.owner,
            file=entry.file,
            line=entry.line,
            state=self._state(entry),
            transport=entry.transport,
            target=_target(line, entry.url),
            integration=integration,
            gated=gated,
            tools=tools,
            tools_known=listed is not None,
        )
        runs = general == "runs" or any(tool.client == "runs" for tool in tools)
        return Judged(entry=entry, line=line, integration=integration, gated=gated, runs=runs, server=server)

    def _integration(self, line: CommandLine | None, url: str, *, gated: bool) -> str:
        if gated:
            name = line.gate_integration if line is not None and line.gate else gate_integration(url)
            return name if name in self._knowledge.tools else ""
        parts = split_url(url) if url else None
        host = parts.hostname.lower() if parts is not None and parts.hostname else ""
        for known in self._knowledge.servers:
            if host and host in known.hosts:
                return known.integration
            if line is not None:
                names = known.images if line.image else known.packages
                if (line.package or line.program).lower() in names:
                    return known.integration
        return ""

    def _state(self, entry: Entry) -> ConnectionState:
        state = entry.state
        if entry.plugin and entry.layer == "plugin" and state is ConnectionState.ON:
            state = ConnectionState.ON if self._plugins.get((entry.client, entry.plugin)) else ConnectionState.OFF
        if state is ConnectionState.WAITS:
            state = self._approved(entry)
        if state in COUNTED and is_blocked(entry, self._lists):
            return ConnectionState.BLOCKED
        return state

    def _approved(self, entry: Entry) -> ConnectionState:
        fitting = [one for one in self._approvals if self._reaches(one, entry)]
        if any(one.state is ConnectionState.OFF for one in fitting):
            return ConnectionState.OFF
        return ConnectionState.ON if fitting else ConnectionState.WAITS

    def _reaches(self, one: ProjectApproval | Grant, entry: Entry) -> bool:
        return (
            one.client == entry.client
            and one.server in ("", entry.name)
            and one.home in ("", entry.home)
            and self._folder(one.folder) in ("", self._folder(entry.folder))
        )

    def _folder(self, folder: str) -> str:
        """Below the root, without a slash at the end."""
        inside = folder.removeprefix(self._root) if folder.startswith(f"{self._root}/") else folder
        return inside.rstrip("/")

    def _tools(self, entry: Entry, listed: tuple[KnownTool, ...]) -> tuple[str, tuple[SeenTool, ...]]:
        """What the client does with tools that nothing names, and those that something names."""
        grants = [one for one in self._grants if self._reaches(one, entry)]
        general = "runs" if entry.runs or any(not one.tool and one.does == "runs" for one in grants) else "asks"
        if any(not one.tool and one.does == "denies" for one in grants):
            general = "denies"
        does: dict[str, str] = dict(entry.tools) | {one.tool: one.does for one in grants if one.tool}
        does |= {one.tool: one.does for one in grants if one.tool and one.does == "denies"}
        tiers = {tool.name: tool for tool in listed}
        names = sorted(tiers.keys() | does.keys())[:_MAX_TOOLS]
        tools = []
        for name in names:
            known = tiers.get(name)
            word = does.get(name, general)
            if general == "denies" or (entry.only is not None and name not in entry.only):
                word = "denies"
            tools.append(
                SeenTool(
                    name=shown(name),
                    tier="" if known is None else known.tier.name.lower(),
                    irreversible=known is not None and known.irreversible,
                    client=word,
                )
            )
        return general, tuple(tools)


def _plugins(readings: Iterable[Reading]) -> dict[tuple[str, str], bool]:
    """(client, plugin) to whether some file enables it."""
    found: dict[tuple[str, str], bool] = {}
    for reading in readings:
        for name, (enabled, _) in reading.plugins.items():
            key = (reading.file.client, name)
            found[key] = found.get(key, False) or enabled
    return found


def _newest(entries: list[Entry]) -> list[Entry]:
    """Of several versions of a plugin on the disk, the last by name."""
    kept: dict[tuple[str, ...], Entry] = {}
    for entry in sorted(entries, key=lambda one: (one.file, one.line, one.name)):
        plugin = (entry.client, entry.home, entry.plugin, entry.name) if entry.layer == "plugin" else ()
        kept[plugin or (entry.client, entry.file, str(entry.line), entry.folder, entry.name)] = entry
    return list(kept.values())


def _target(line: CommandLine | None, url: str) -> str:
    if line is None:
        return target_origin(url) if url else ""
    return f"{line.text} to {target_origin(line.url)}" if line.url else line.text


def server_findings(judged: list[Judged]) -> list[ConfigFinding]:
    """What can be said of one server, and of two of one name."""
    found: list[ConfigFinding] = []
    for one in judged:
        if one.server.state in COUNTED:
            found += [_of(one, code) for code in _codes(one)]
    return found + _shadows([one for one in judged if one.server.state in COUNTED])


def _codes(one: Judged) -> Iterable[str]:
    entry, line = one.entry, one.line
    if not entry.program and not entry.url:
        yield "no_target"
    elif not one.gated:
        open_tools = [tool for tool in one.server.tools if tool.client != "denies"]
        changes = any(tool.tier == Tier.EXECUTE.name.lower() for tool in open_tools)
        yield "direct_changes" if changes else "direct_server"
        if one.runs:
            yield "runs_without_asking"
    if line is not None:
        if line.in_shell:
            yield "shell_command"
        if not line.pinned and not line.gate:
            yield "unpinned_package"
    if is_remote_plain(entry.url or (line.url if line is not None else "")):
        yield "plain_http"
    if not all_visible(entry.name) or len(scripts("".join(filter(str.isalpha, entry.name)))) > 1:
        yield "misleading_name"


def _of(one: Judged, code: str) -> ConfigFinding:
    server = one.server
    return finding(code, file=server.file, line=server.line, client=server.client, server=server.name)


def _shadows(judged: list[Judged]) -> list[ConfigFinding]:
    """Entries of one client that a reader, or the client, takes for the same server."""
    found = []
    groups: dict[tuple[str, str], list[Judged]] = {}
    for one in judged:
        groups.setdefault((one.entry.client, fold(one.entry.name)), []).append(one)
    for group in groups.values():
        for one in group:
            others = [other for other in group if other is not one and _can_meet(one.entry, other.entry)]
            if any(other.entry.name != one.entry.name for other in others):
                found.append(_of(one, "misleading_name"))
            same = [other for other in others if other.entry.name == one.entry.name]
            if not one.gated and any(other.gated for other in same):
                found.append(_of(one, "gate_shadowed"))
            elif any(_differ(one.entry, other.entry) for other in same if other.gated == one.gated):
                found.append(_of(one, "name_shadowed"))
    return found


def _can_meet(one: Entry, other: Entry) -> bool:
    """Some session of the client reads both."""
    homes = {one.home, other.home} - {""}
    folders = {one.folder, other.folder} - {""}
    return len(homes) < 2 and len(folders) < 2


def _differ(one: Entry, other: Entry) -> bool:
    return (one.program, one.args, one.url) != (other.program, other.args, other.url)


def list_findings(readings: list[Reading], judged: list[Judged], lists: list[Allowlist]) -> list[ConfigFinding]:
    """What managed lists leave open beyond their own words, and clients without any."""
    found = []
    for reading in readings:
        for one in reading.allowlists:
            past = [each for each in judged if _let_past(one, each)]
            if past:
                names = ", ".join(sorted({each.server.name for each in past})[:5])
                found.append(
                    finding(
                        "allowlist_lets_past",
                        file=reading.file.path,
                        line=1,
                        client=reading.file.client,
                        says=f"Connected through it: {names}.",
                    )
                )
    limited = {one.client for one in lists}
    for client in sorted(_LISTED_CLIENTS - limited):
        files = sorted(reading.file.path for reading in readings if reading.file.client == client)
        if files and not any(reading.file.form == "codex-requirements" for reading in readings if client == "codex"):
            found.append(finding("no_allowlist", file=files[0], client=client))
    return found


def _let_past(one: Allowlist, each: Judged) -> bool:
    entry = each.entry
    if entry.client != one.client or each.gated or each.server.state not in COUNTED:
        return False
    if one.exclusive_file:
        return entry.file == one.exclusive_file
    return one.allowed is not None and any(allows(matcher, entry) for matcher in one.allowed)


def plugin_findings(readings: list[Reading]) -> list[ConfigFinding]:
    """Enabled plugins of which no file was found."""
    there = {(reading.file.client, reading.file.plugin) for reading in readings if reading.file.plugin}
    found = []
    for reading in readings:
        for name, (enabled, line) in reading.plugins.items():
            if enabled and (reading.file.client, name) not in there:
                found.append(
                    finding(
                        "plugin_unread",
                        file=reading.file.path,
                        line=line,
                        key=shown(name),
                        client=reading.file.client,
                    )
                )
    return found


def gate_findings(judged: list[Judged], gates: Mapping[str, object] | tuple[str, ...]) -> list[ConfigFinding]:
    """Entries that look like a gate of which nothing is known."""
    return [
        _of(one, "gate_unknown")
        for one in judged
        if one.server.state in COUNTED and one.line is not None and one.line.gate and not _known(one.line, gates)
    ]


def _known(line: CommandLine, gates: Mapping[str, object] | tuple[str, ...]) -> bool:
    return same_gate(line.url, tuple(gates)) if line.url else bool(gates)
