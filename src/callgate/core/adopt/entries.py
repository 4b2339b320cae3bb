"""The gate as each client writes it: the entry, and what the client does before a call.

The gate's own question, ``callgate_await_approval``, only waits for people's answers: clients never need to ask before
it. Everything else the client goes on asking about (``keep``), or the gate alone asks (``gate``): FACTS of Codex 0.169
and Claude Code 2.1.330, the vendors' documentation for the others. Windsurf has no such settings in files.
"""

import enum
from collections.abc import Mapping
from typing import Any

from callgate.core.adopt.connection import family
from callgate.core.adopt.edits import Edit, value_at
from callgate.core.inventory.document import Path
from callgate.model.base import Fact

AWAIT = "callgate_await_approval"
OVER_HTTP = frozenset({"codex", "claude-code"})
"""Clients that run a program for the headers of a connection, so that no token stands in a file."""
CONSUMED = frozenset(
    {"command", "args", "env", "cwd", "url", "httpUrl", "serverUrl", "headers", "type", "transport", "env_vars"}
    | {"http_headers", "env_http_headers", "bearer_token_env_var", "tcp", "headersHelper", "http_headers_helper"}
    | {"environment"}
)
"""Keys that say where and how to connect; all others of an entry stay."""


_ZED_ALLOWS = {"default": "allow"}


class Approvals(enum.StrEnum):
    """Who asks before a call."""

    KEEP = "keep"
    GATE = "gate"


class GateRoute(Fact, frozen=True):
    """How clients of this machine reach the gate."""

    url: str
    """Without a slash at the end."""
    program: str
    """Absolute path of the callgate command."""
    helpers: str
    """Folder with a header program per runtime."""

    def endpoint(self, integration: str) -> str:
        return f"{self.url}/mcp/{integration}" if integration else f"{self.url}/mcp"


def gate_entry(client: str, integration: str, link: GateRoute) -> dict[str, Any]:
    """``integration`` empty: all of the caller's at once."""
    runtime = family(client)
    if runtime == "codex":
        return {"url": link.endpoint(integration), "http_headers_helper": f"{link.helpers}/{runtime}"}
    if runtime == "claude-code":
        return {"type": "http", "url": link.endpoint(integration), "headersHelper": f"{link.helpers}/{runtime}"}
    return stdio_entry(runtime, integration, link)


def stdio_entry(runtime: str, integration: str, link: GateRoute) -> dict[str, Any]:
    """The command beside the client that speaks to the gate."""
    args = ["stdio", *([integration] if integration else []), "--runtime", runtime]
    if runtime == "opencode":
        return {"type": "local", "command": [link.program, *args]}
    kind = {"type": "stdio"} if runtime in {"vscode", "claude-code"} else {}
    return {**kind, "command": link.program, "args": args}


def words_of_entry(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Program and arguments of one of ``gate_entry``'s; an empty program when it has a URL."""
    command = entry.get("command", "")
    return tuple(command) if isinstance(command, list) else (command, *entry.get("args", ()))


def entry_edits(
    client: str, path: Path, top: Mapping[str, Any], entry: Mapping[str, Any], approvals: Approvals
) -> list[Edit]:
    """Of the file in which the entry stands. ``top``: all of it."""
    runtime, table = family(client), value_at(top, path)
    if runtime == "codex":
        return _codex(path, table, entry, approvals)
    kept = {key: value for key, value in table.items() if key not in CONSUMED}
    if runtime == "gemini":
        if isinstance(kept.get("includeTools"), list) and AWAIT not in kept["includeTools"]:
            kept["includeTools"] = [*kept["includeTools"], AWAIT]
        if approvals is Approvals.GATE:
            kept["trust"] = True
    edits = [Edit(path=path, value={**entry, **kept})]
    server = str(path[-1])
    if runtime == "zed":
        # Its list of tools takes no wildcards, so it goes on asking before all others.
        edits.append(Edit(path=("agent", "tool_permissions", "tools", f"mcp:{server}:{AWAIT}"), value=_ZED_ALLOWS))
    if runtime == "opencode" and isinstance(top.get("permission"), dict):
        # The last rule that matches counts.
        tool = "*" if approvals is Approvals.GATE else AWAIT
        edits.append(Edit(path=("permission", f"{server}_{tool}"), value="allow"))
    return edits


def _codex(path: Path, table: Mapping[str, Any], entry: Mapping[str, Any], approvals: Approvals) -> list[Edit]:
    """What goes goes last: comments that stand behind it have found their new place then."""
    edits = [Edit(path=(*path, key), value=value) for key, value in entry.items()]
    if isinstance(table.get("enabled_tools"), list):
        edits.append(Edit(path=(*path, "enabled_tools"), value=AWAIT, how="add"))
    tools = table.get("tools")
    if approvals is Approvals.GATE:
        edits.append(Edit(path=(*path, "default_tools_approval_mode"), value="approve"))
        for name, tool in tools.items() if isinstance(tools, dict) else ():
            if isinstance(tool, dict) and tool.get("approval_mode", "approve") != "approve":
                edits.append(Edit(path=(*path, "tools", name, "approval_mode"), value="approve"))
    elif table.get("default_tools_approval_mode") != "approve":
        edits.append(Edit(path=(*path, "tools", AWAIT, "approval_mode"), value="approve"))
    gone = [key for key in table if key in CONSUMED and key not in entry]
    return [*edits, *(Edit(path=(*path, key), how="drop") for key in gone)]


class SideEdit(Fact, frozen=True):
    """A further file of the client. ``make``: it is written when it is not there; otherwise the edit is left out."""

    place: str
    form: str
    edit: Edit
    make: bool = False


def edits_beside(client: str, server: str, *, home: str, folder: str, approvals: Approvals) -> list[SideEdit]:
    """``home`` and ``folder`` (of a project; empty: none) below the root."""
    runtime = family(client)
    if runtime == "claude-code":
        own = f"{folder}/.claude/settings.local.json" if folder else f"{home}/.claude/settings.json"
        rule = f"mcp__{server}" if approvals is Approvals.GATE else f"mcp__{server}__{AWAIT}"
        return [_beside(own, "claude-settings", ("permissions", "allow"), rule, make=True)]
    if runtime == "cursor":
        tool = "*" if approvals is Approvals.GATE else AWAIT
        return [
            _beside(f"{home}/.cursor/permissions.json", "cursor-permissions", ("mcpAllowlist",), f"{server}:{tool}"),
            _beside(
                f"{home}/.cursor/cli-config.json",
                "cursor-permissions",
                ("permissions", "allow"),
                f"Mcp({server}:{tool})",
            ),
        ]
    return []


def _beside(place: str, form: str, path: Path, value: str, *, make: bool = False) -> SideEdit:
    return SideEdit(place=place.lstrip("/"), form=form, edit=Edit(path=path, value=value, how="add"), make=make)
