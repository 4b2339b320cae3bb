"""The files of each client. Sources: measured behaviour of Codex 0.169 and Claude Code 2.1.330; the vendors' pages on
Cursor's permissions.json and hooks, VS Code's enterprise policies and Gemini CLI's system settings.
"""

import enum
import shlex
from collections.abc import Callable
from typing import Any

from callgate.core.adopt.entries import AWAIT, GateRoute, gate_entry, stdio_entry
from callgate.core.inventory.document import Path
from callgate.model.base import Fact
from callgate.model.errors import InputError

TOKEN = "CALLGATE_TOKEN"  # noqa: S105 - the name of a variable
ALL = "callgate"
"""The entry for everything at once."""


class ExportClient(enum.StrEnum):
    """Clients for which files are written."""

    CODEX = "codex"
    CLAUDE_CODE = "claude-code"
    CURSOR = "cursor"
    VSCODE = "vscode"
    GEMINI = "gemini"


class TokenWay(enum.StrEnum):
    """How a client gets its token: from its environment, from the program that login leaves, or over stdio."""

    ENV = "env"
    HELPER = "helper"
    STDIO = "stdio"


class ExportWish(Fact, frozen=True):
    """``integrations`` empty: one entry for everything."""

    route: GateRoute
    integrations: tuple[str, ...] = ()
    managed: bool = False
    token: TokenWay | None = None
    """None: what suits the client."""
    desktop: bool = False
    """A person sits beside it, whom the client may ask too."""
    registry: str = ""
    """URL of a registry of MCP servers that lists the gate alone (VS Code)."""

    @property
    def servers(self) -> tuple[tuple[str, str], ...]:
        """(name of the entry, integration)."""
        return tuple((name, name) for name in self.integrations) or ((ALL, ""),)


class ExportPart(Fact, frozen=True):
    """One file. ``only``: tables and lists that may hold nothing but what stands here."""

    place: str
    form: str
    layer: str
    value: dict[str, Any]
    only: tuple[Path, ...] = ()


class ExportPlan(Fact, frozen=True):
    parts: tuple[ExportPart, ...]
    notes: tuple[str, ...] = ()


def plan(client: ExportClient, wish: ExportWish) -> ExportPlan:
    """Raises InputError for what the client cannot do."""
    return _PLANS[client, wish.managed](wish)


def _entry(client: ExportClient, integration: str, wish: ExportWish) -> dict[str, Any]:
    shared = TokenWay.ENV if client in (ExportClient.CODEX, ExportClient.CLAUDE_CODE) else TokenWay.STDIO
    own = TokenWay.HELPER if shared is TokenWay.ENV else shared
    way = wish.token or (shared if wish.managed else own)
    if way is TokenWay.HELPER:
        if own is not TokenWay.HELPER:
            raise InputError(
                f"{client.value} runs no program for headers.", code="bad_export", hint="Use env or stdio."
            )
        return gate_entry(client.value, integration, wish.route)
    if way is TokenWay.STDIO:
        return stdio_entry(client.value, integration, wish.route)
    url = wish.route.endpoint(integration)
    match client:
        case ExportClient.CODEX:
            return {"url": url, "bearer_token_env_var": TOKEN}
        case ExportClient.CLAUDE_CODE:
            return {"type": "http", "url": url, "headers": {"Authorization": f"Bearer ${{{TOKEN}}}"}}
        case ExportClient.GEMINI:
            return {"httpUrl": url, "headers": {"Authorization": f"Bearer ${TOKEN}"}}
    kind = {"type": "http"} if client is ExportClient.VSCODE else {}
    return {**kind, "url": url, "headers": {"Authorization": f"Bearer ${{env:{TOKEN}}}"}}


def _entries(client: ExportClient, wish: ExportWish) -> dict[str, dict[str, Any]]:
    return {name: _entry(client, integration, wish) for name, integration in wish.servers}


def _codex_servers(wish: ExportWish) -> dict[str, Any]:
    """Without a person, Codex refuses whatever it would ask about: then the gate alone asks."""
    asking = {"tools": {AWAIT: {"approval_mode": "approve"}}, "default_tools_approval_mode": "auto"}
    mode = asking if wish.desktop else {"default_tools_approval_mode": "approve"}
    return {name: entry | mode for name, entry in _entries(ExportClient.CODEX, wish).items()}


def _codex(wish: ExportWish) -> ExportPlan:
    value = {"mcp_servers": _codex_servers(wish)}
    part = ExportPart(place=".codex/config.toml", form="codex-config", layer="user", value=value)
    return ExportPlan(parts=(part,), notes=(_USER_ONLY,))


def _codex_managed(wish: ExportWish) -> ExportPlan:
    servers = _codex_servers(wish)
    requirements = {
        "allow_managed_hooks_only": True,
        "mcp_servers": {name: {"identity": _identity(entry)} for name, entry in servers.items()},
        # Without a table for plugins Codex connects what they bring, whatever the list says.
        "plugins": {f"{ALL}@{ALL}": {"mcp_servers": {ALL: {"identity": {"url": wish.route.endpoint("")}}}}},
        "marketplaces": {"restrict_to_allowed_sources": True, "allowed_sources": {}},
    }
    return ExportPlan(
        parts=(
            ExportPart(
                place="etc/codex/requirements.toml",
                form="codex-requirements",
                layer="managed",
                value=requirements,
                only=(("mcp_servers",), ("plugins",), ("marketplaces", "allowed_sources")),
            ),
            ExportPart(
                place="etc/codex/config.toml",
                form="codex-config",
                layer="system",
                value={"mcp_servers": servers},
                only=(("mcp_servers",),),
            ),
        ),
        notes=("Codex runs a call when a hook breaks, so no hook is written: the list of servers is the control.",),
    )


def _identity(entry: dict[str, Any]) -> dict[str, Any]:
    """Arguments beside a plain command would not be compared (Codex 0.169, tried)."""
    if "url" in entry:
        return {"url": entry["url"]}
    args = [{"match": "exact", "value": one} for one in entry["args"]]
    return {"command": {"executable": entry["command"], "args": args}}


def _claude_rules(wish: ExportWish) -> list[str]:
    """In -p a tool without a rule is refused."""
    end = f"__{AWAIT}" if wish.desktop else ""
    return [f"mcp__{name}{end}" for name, _ in wish.servers]


def _claude(wish: ExportWish) -> ExportPlan:
    servers = {"mcpServers": _entries(ExportClient.CLAUDE_CODE, wish)}
    rules = {"permissions": {"allow": _claude_rules(wish)}}
    return ExportPlan(
        parts=(
            ExportPart(place=".claude.json", form="claude-state", layer="user", value=servers),
            ExportPart(place=".claude/settings.json", form="claude-settings", layer="user", value=rules),
        ),
        notes=(_USER_ONLY,),
    )


def _claude_managed(wish: ExportWish) -> ExportPlan:
    servers = _entries(ExportClient.CLAUDE_CODE, wish)
    allowed = [
        {"serverUrl": entry["url"]} if "url" in entry else {"serverCommand": [entry["command"], *entry["args"]]}
        for entry in servers.values()
    ]
    names = "|".join(servers)
    refuse = "echo 'Only servers behind Callgate may be used here.' >&2; exit 2"
    settings = {
        "allowManagedMcpServersOnly": True,
        "allowedMcpServers": allowed,
        "strictKnownMarketplaces": [],
        "allowManagedHooksOnly": True,
        "permissions": {"allow": _claude_rules(wish), "disableBypassPermissionsMode": "disable"},
        "hooks": {
            "PreToolUse": [
                {
                    "matcher": f"mcp__(?!(?:{names})__).*",
                    "hooks": [
                        {"type": "command", "command": f"/bin/sh -c {shlex.quote(refuse)}", "onFailure": "block"}
                    ],
                }
            ]
        },
    }
    return ExportPlan(
        parts=(
            ExportPart(
                place="etc/claude-code/managed-mcp.json",
                form="claude-managed",
                layer="managed",
                value={"mcpServers": servers},
                only=(("mcpServers",),),
            ),
            ExportPart(
                place="etc/claude-code/managed-settings.json",
                form="claude-settings",
                layer="managed",
                value=settings,
                only=(("allowedMcpServers",), ("strictKnownMarketplaces",)),
            ),
        )
    )


def _cursor(wish: ExportWish) -> ExportPlan:
    tool = AWAIT if wish.desktop else "*"
    names = [name for name, _ in wish.servers]
    cli = {
        "version": 1,
        "editor": {"vimMode": False},
        "permissions": {"allow": [f"Mcp({name}:{tool})" for name in names], "deny": []},
    }
    return ExportPlan(
        parts=(
            ExportPart(
                place=".cursor/mcp.json",
                form="servers",
                layer="user",
                value={"mcpServers": _entries(ExportClient.CURSOR, wish)},
            ),
            ExportPart(
                place=".cursor/permissions.json",
                form="cursor-permissions",
                layer="user",
                value={"mcpAllowlist": [f"{name}:{tool}" for name in names]},
            ),
            ExportPart(place=".cursor/cli-config.json", form="cursor-permissions", layer="user", value=cli),
        ),
        notes=(_USER_ONLY,),
    )


def _cursor_managed(wish: ExportWish) -> ExportPlan:
    command = f"{shlex.quote(wish.route.program)} hook cursor --gate {shlex.quote(wish.route.url)}"
    value = {"version": 1, "hooks": {"beforeMCPExecution": [{"command": command, "failClosed": True, "timeout": 30}]}}
    return ExportPlan(
        parts=(ExportPart(place="etc/cursor/hooks.json", form="hooks", layer="managed", value=value),),
        notes=(
            "No file limits which servers Cursor connects: allow only the gate in the team's dashboard as well.",
            "The hook stops the calls of all others, and every call when it breaks.",
            "The user's own files still name the gate: callgate export cursor.",
        ),
    )


def _vscode(wish: ExportWish) -> ExportPlan:
    folder = ".config/Code/User"
    settings = {"chat.tools.global.autoApprove": False, "chat.mcp.discovery.enabled": False}
    return ExportPlan(
        parts=(
            ExportPart(
                place=f"{folder}/mcp.json",
                form="code-servers",
                layer="user",
                value={"servers": _entries(ExportClient.VSCODE, wish)},
            ),
            ExportPart(place=f"{folder}/settings.json", form="code-settings", layer="user", value=settings),
        ),
        notes=(_USER_ONLY, "VS Code keeps what was approved in a state of its own: no file can approve a tool."),
    )


def _vscode_managed(wish: ExportWish) -> ExportPlan:
    if not wish.registry:
        raise InputError(
            "VS Code's policies limit servers to those of a registry, not to URLs.",
            code="bad_export",
            hint="Add --registry URL, of a registry that lists the gate alone.",
        )
    value = {
        "ChatMCP": "registry",
        "McpGalleryServiceUrl": wish.registry,
        "ChatToolsAutoApprove": False,
        "ChatAgentExtensionTools": False,
    }
    return ExportPlan(
        parts=(ExportPart(place="etc/vscode/policy.json", form="policy", layer="managed", value=value),),
        notes=("The user's own files still name the gate: callgate export vscode.",),
    )


def _gemini_value(wish: ExportWish) -> dict[str, Any]:
    """A server of the system's file replaces one of the same name in the user's, so a list of names is enough."""
    entries = _entries(ExportClient.GEMINI, wish)
    trust = {} if wish.desktop else {"trust": True}
    return {"mcpServers": {name: entry | trust for name, entry in entries.items()}, "mcp": {"allowed": list(entries)}}


def _gemini(wish: ExportWish) -> ExportPlan:
    part = ExportPart(
        place=".gemini/settings.json",
        form="gemini",
        layer="user",
        value=_gemini_value(wish),
        only=(("mcp", "allowed"),),
    )
    return ExportPlan(parts=(part,), notes=(_USER_ONLY,))


def _gemini_managed(wish: ExportWish) -> ExportPlan:
    part = ExportPart(
        place="etc/gemini-cli/settings.json",
        form="gemini",
        layer="system",
        value=_gemini_value(wish) | {"security": {"disableYoloMode": True}},
        only=(("mcp", "allowed"), ("mcpServers",)),
    )
    return ExportPlan(
        parts=(part,),
        notes=("Whoever may set GEMINI_CLI_SYSTEM_SETTINGS_PATH reads another file: set it where users cannot.",),
    )


_USER_ONLY = "These are files of the user, who can change them: only managed files limit a client to the gate."
_PLANS: dict[tuple[ExportClient, bool], Callable[[ExportWish], ExportPlan]] = {
    (ExportClient.CODEX, False): _codex,
    (ExportClient.CODEX, True): _codex_managed,
    (ExportClient.CLAUDE_CODE, False): _claude,
    (ExportClient.CLAUDE_CODE, True): _claude_managed,
    (ExportClient.CURSOR, False): _cursor,
    (ExportClient.CURSOR, True): _cursor_managed,
    (ExportClient.VSCODE, False): _vscode,
    (ExportClient.VSCODE, True): _vscode_managed,
    (ExportClient.GEMINI, False): _gemini,
    (ExportClient.GEMINI, True): _gemini_managed,
}
