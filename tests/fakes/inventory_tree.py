"""A machine as people have it, written below a folder: every client, several layers, a gate's home, logins."""

import json
from pathlib import Path

GATE = "http://127.0.0.1:8700"
SECRETS = {
    "github": "ghp_" + "A1b2C3d4E5" * 4,
    "slack": "xoxb-" + "123456789012-abcdefABCDEF",
    "openai": "sk-" + "proj-Zx9Yw8Vu7Ts6Rq5Po4Nm3",
    "password": "correct-horse-7-staple",
    "url_path": "NjA0ZGVm" + "YWJjMTIzNDU2Nzg5MGFiY2RlZg",
    "database": "postgres://app:s3cr3t-pw-99@db.internal:5432/main",
    "bearer": "Zm9vYmFy" + "MTIzNDU2Nzg5MGFiY2RlZmdoaQ",
}
"""Made up here; each has the shape of a real one."""


def put(root: Path, path: str, text: object, mode: int = 0o600) -> Path:
    """``text``: a text, bytes, or something to write as JSON."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    data = text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text, indent=2)).encode()
    file.write_bytes(data)
    file.chmod(mode)
    return file


def machine(root: Path) -> Path:
    """Returns the root."""
    codex(root)
    claude(root)
    editors(root)
    around(root)
    return root


def gate_home(root: Path, home: str = "home/ana") -> None:
    put(root, f"{home}/.local/share/callgate/config.toml", '[listen]\nhost = "127.0.0.1"\nport = 8700\n')
    (root / home / ".local/share/callgate").chmod(0o700)


def codex(root: Path) -> None:
    put(
        root,
        "home/ana/.codex/config.toml",
        f"""\
model = "gpt-5"
approval_policy = "on-request"

[mcp_servers.git]
url = "{GATE}/mcp/git"
bearer_token_env_var = "CALLGATE_TOKEN"
default_tools_approval_mode = "approve"

[mcp_servers.files]
command = "npx"
args = ["-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/home/ana"]
disabled_tools = ["write_file"]

[mcp_servers.files.tools.read_text_file]
approval_mode = "approve"

[mcp_servers.issues]
command = "docker"
args = ["run", "-i", "--rm", "-e", "GITHUB_PERSONAL_ACCESS_TOKEN", "ghcr.io/github/github-mcp-server"]
env = {{ GITHUB_PERSONAL_ACCESS_TOKEN = "{SECRETS["github"]}" }}

[mcp_servers.old]
command = "node"
args = ["server.js"]
enabled = false

[projects."/home/ana/web"]
trust_level = "trusted"

[projects."/home/ana/strange"]
trust_level = "untrusted"

[plugins."reports@team"]
enabled = true

[[hooks.PreToolUse]]
matcher = "mcp__.*"
[[hooks.PreToolUse.hooks]]
type = "command"
command = "/usr/local/bin/note"
""",
    )
    put(root, "home/ana/.codex/work.config.toml", '[mcp_servers.git]\nurl = "https://git.example/mcp"\n')
    put(root, "home/ana/web/.codex/config.toml", '[mcp_servers.db]\ncommand = "uvx"\nargs = ["db-server"]\n')
    put(root, "home/ana/strange/.codex/config.toml", '[mcp_servers.odd]\nurl = "https://odd.example/mcp"\n')
    put(
        root,
        "home/ana/.codex/plugins/cache/team/reports/1.2.0/.mcp.json",
        {"mcpServers": {"reports": {"url": "https://reports.example/mcp"}}},
    )
    put(
        root,
        "etc/codex/requirements.toml",
        f"""\
[mcp_servers.git.identity]
url = "{GATE}/mcp/git"
[mcp_servers.files.identity]
command = "npx"
[mcp_servers.issues.identity]
command = "docker"
[mcp_servers.db.identity]
url = {{ match = "prefix", value = "https://db.example" }}
""",
        0o644,
    )


def claude(root: Path) -> None:
    put(
        root,
        "home/ana/.claude.json",
        {
            "oauthAccount": {"emailAddress": "ana@example.com"},
            "claudeAiMcpEverConnected": ["Notion"],
            "mcpServers": {
                "slack": {
                    "command": "npx",
                    "args": ["-y", "@modelcontextprotocol/server-slack"],
                    "env": {"SLACK_BOT_TOKEN": SECRETS["slack"], "SLACK_TEAM_ID": "T0123456789"},
                }
            },
            "projects": {
                "/home/ana/web": {
                    "mcpServers": {"notes": {"type": "http", "url": "https://mcp.notion.com/mcp"}},
                    "enabledMcpjsonServers": ["sentry"],
                    "disabledMcpjsonServers": ["legacy"],
                    "allowedTools": ["mcp__sentry__search_issues"],
                }
            },
        },
    )
    put(
        root,
        "home/ana/.claude/settings.json",
        {
            "permissions": {
                "allow": ["Bash(ls:*)", "mcp__slack", "mcp__notes__search"],
                "deny": ["mcp__slack__slack_post_message"],
            },
            "enabledPlugins": {"lint@team": True, "gone@team": True},
            "hooks": {
                "PreToolUse": [
                    {"matcher": "*", "hooks": [{"type": "command", "command": "check", "onFailure": "block"}]},
                    {"matcher": "*", "hooks": [{"type": "http", "url": "http://127.0.0.1:9/x"}]},
                ]
            },
        },
    )
    put(
        root,
        "home/ana/.claude/plugins/cache/team/lint/0.1.0/.mcp.json",
        {"lint": {"command": "python3", "args": ["-m", "lint_server"]}},
    )
    put(
        root,
        "home/ana/web/.mcp.json",
        {
            "mcpServers": {
                "sentry": {"type": "http", "url": "https://mcp.sentry.dev/mcp"},
                "legacy": {"type": "sse", "url": "http://legacy.example/sse"},
                "waiting": {"command": "uvx", "args": ["mcp-server-git==2026.10.19"]},
            }
        },
        0o644,
    )
    put(
        root,
        "etc/claude-code/managed-settings.json",
        {
            "allowedMcpServers": [
                {"serverName": "slack"},
                {"serverUrl": "https://*/mcp"},
                {"serverUrl": f"{GATE}/mcp/*"},
                {"serverCommand": ["python3", "-m", "lint_server"]},
            ],
            "deniedMcpServers": [{"serverUrl": "http://legacy.example/*"}],
        },
        0o644,
    )


def editors(root: Path) -> None:
    put(
        root,
        "home/ana/.cursor/mcp.json",
        {
            "mcpServers": {
                "callgate": {"command": "/home/ana/.venv/bin/callgate", "args": ["stdio", "--runtime", "cursor"]},
                "zap": {"url": f"https://actions.zapier.example/mcp/{SECRETS['url_path']}/sse"},
            }
        },
    )
    put(root, "home/ana/.cursor/permissions.json", '{\n  // runs alone\n  "mcpAllowlist": ["zap:*"],\n}\n')
    put(
        root,
        "home/ana/.config/Code/User/mcp.json",
        """\
{
  // asked for at start
  "inputs": [{ "type": "promptString", "id": "key", "password": true }],
  "servers": {
    "figma": { "type": "http", "url": "https://mcp.figma.com/mcp" },
    "asked": { "command": "npx", "args": ["-y", "tool@1.0.0"], "env": { "API_KEY": "${input:key}" } },
  },
}
""",
    )
    put(
        root,
        "home/ana/.config/Code - Insiders/User/settings.json",
        {"chat.tools.global.autoApprove": True, "chat.mcp.discovery.enabled": {"claude-desktop": True}},
    )
    put(
        root,
        "home/ana/web/.vscode/mcp.json",
        {"servers": {"db": {"command": "db-mcp", "args": ["--dsn", SECRETS["database"]]}}},
        0o664,
    )
    put(
        root,
        "home/ana/.codeium/windsurf/mcp_config.json",
        {"mcpServers": {"pay": {"serverUrl": "https://mcp.stripe.com", "disabledTools": ["create_refund"],
                                "headers": {"Authorization": f"Bearer {SECRETS['bearer']}"}}}},
    )  # fmt: skip
    put(
        root,
        "home/ana/.gemini/settings.json",
        {
            "mcp": {"excluded": ["off"]},
            "mcpServers": {
                "trusted": {"httpUrl": "https://trusted.example/mcp", "trust": True, "includeTools": ["look"]},
                "off": {"command": "off-server"},
            },
        },
    )
    put(
        root,
        "home/ana/.config/zed/settings.json",
        """\
{
  // Zed
  "context_servers": {
    "pg": { "source": "custom", "command": "pg-mcp", "args": [], "env": { "PGPASSWORD": "PASSWORD-HERE" } },
    "ext": { "settings": { "database_url": "postgresql://postgres@localhost/x" } },
  },
  "agent": { "tool_permissions": { "default": "confirm", "tools": { "mcp:pg:query": { "default": "allow" } } } },
}
""".replace("PASSWORD-HERE", SECRETS["password"]),
    )
    put(
        root,
        "home/ana/.config/opencode/opencode.json",
        {
            "mcp": {
                "mem": {"type": "local", "command": ["npx", "-y", "@modelcontextprotocol/server-memory"]},
                "gate": {
                    "type": "remote",
                    "url": "http://localhost:8700/mcp",
                    "headers": {"Authorization": "Bearer {env:T}"},
                },
            },
            "permission": {"*": "ask", "mem_read_graph": "allow"},
        },
    )
    put(
        root,
        "home/ana/.config/Claude/claude_desktop_config.json",
        {
            "mcpServers": {
                "bridge": {"command": "npx", "args": ["mcp-remote@0.1.29", "https://far.example/mcp", "--header",
                                                      f"Authorization: Bearer {SECRETS['openai']}"]}
            }
        },
    )  # fmt: skip
    put(
        root,
        "home/ana/.config/Claude/Claude Extensions/ant.dir.example/manifest.json",
        {
            "name": "desk-files",
            "server": {"type": "node", "mcp_config": {"command": "node", "args": ["${__dirname}/index.js"]}},
            "tools": [{"name": "list_files", "description": "x"}, {"name": "delete_file"}],
        },
    )


def around(root: Path) -> None:
    put(root, "home/ana/.config/gh/hosts.yml", "github.com:\n    oauth_token: " + SECRETS["github"] + "\n")
    put(root, "home/ana/.git-credentials", "https://ana:" + SECRETS["password"] + "@git.example\n")
    put(root, "home/ana/.gitconfig", "[user]\n\tname = Ana\n[credential]\n\thelper = store\n")
    put(root, "home/ana/.aws/credentials", "[default]\naws_secret_access_key = " + SECRETS["bearer"] + "\n")
    put(root, "home/ana/.npmrc", "//packages.example/:_authToken=" + SECRETS["bearer"] + "\n")
    put(root, "home/ana/.netrc", "machine x login ana password " + SECRETS["password"] + "\n")
    put(root, "home/ana/.kube/config", "apiVersion: v1\nusers: []\n")
    put(root, "home/ana/.docker/config.json", {"auths": {"registry.example": {"auth": SECRETS["bearer"]}}})
    put(root, "home/ben/.config/gh/hosts.yml", "{}\n")
    gate_home(root)
