"""The assistants' own configuration, read as they read it: unknown keys are faults, a helper prints the headers."""

import json
import os
import subprocess
import tomllib
from dataclasses import dataclass, field

HELPER_S = 10
CODEX_KEYS = frozenset(
    """
    command args env env_vars cwd url bearer_token_env_var http_headers env_http_headers http_headers_helper auth oauth
    oauth_resource scopes enabled required startup_timeout_sec tool_timeout_sec enabled_tools disabled_tools
    default_tools_approval_mode tools supports_parallel_tool_calls startup_readiness tool_input_schema_max_bytes
    environment_id
    """.split()
)
CLAUDE_KEYS = frozenset(("type", "url", "headers", "headersHelper", "timeout", "alwaysLoad", "oauth"))


@dataclass
class Configured:
    """One server of an assistant's configuration."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    startup_s: float = 10.0
    silence_s: float = 300.0
    """Longest wait for an answer (Codex), or for an answer or progress (Claude Code)."""
    limit_s: float = float("inf")
    approval: str = "auto"


def codex(text: str, server: str, environment: dict[str, str]) -> Configured:
    """From ``config.toml``; AssertionError for what ``codex exec --strict-config`` refuses."""
    entry = tomllib.loads(text)["mcp_servers"][server]
    assert entry.keys() <= CODEX_KEYS, entry.keys() - CODEX_KEYS
    headers = dict(entry.get("http_headers", {}))
    headers |= {name: environment[variable] for name, variable in entry.get("env_http_headers", {}).items()}
    if "bearer_token_env_var" in entry:
        headers["Authorization"] = f"Bearer {environment[entry['bearer_token_env_var']]}"
    if "http_headers_helper" in entry:
        headers |= _helped(entry["http_headers_helper"], environment)
    return Configured(
        url=entry["url"],
        headers=headers,
        startup_s=entry.get("startup_timeout_sec", 10),
        silence_s=entry.get("tool_timeout_sec", 300),
        approval=entry.get("default_tools_approval_mode", "auto"),
    )


def claude_code(text: str, server: str, environment: dict[str, str]) -> Configured:
    """From ``.mcp.json``. A helper that fails leaves the headers out, and the assistant connects without them."""
    entry = json.loads(text)["mcpServers"][server]
    assert entry.keys() <= CLAUDE_KEYS, entry.keys() - CLAUDE_KEYS
    assert entry["type"] == "http"
    headers = dict(entry.get("headers", {}))
    if "headersHelper" in entry:
        named = {"CLAUDE_CODE_MCP_SERVER_NAME": server, "CLAUDE_CODE_MCP_SERVER_URL": entry["url"]}
        try:
            headers |= _helped(entry["headersHelper"], {**environment, **named})
        except (OSError, subprocess.SubprocessError, ValueError):
            pass
    limit = entry["timeout"] / 1000 if "timeout" in entry else float("inf")
    return Configured(url=entry["url"], headers=headers, limit_s=limit)


def _helped(program: str, environment: dict[str, str]) -> dict[str, str]:
    """A program without arguments that prints a JSON object of strings; its standard input is closed."""
    if not os.path.isabs(program):
        raise ValueError("a helper is named by its whole path")
    done = subprocess.run(
        [program], stdin=subprocess.DEVNULL, capture_output=True, timeout=HELPER_S, env=environment, check=True
    )
    found = json.loads(done.stdout)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("a helper prints names and values")
    return found
