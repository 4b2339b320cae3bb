"""Where assistants keep their configuration: paths below the root, a home, or a project, and who reads which.

``*`` stands for one name. Files of three systems stand side by side: a folder that is read may be another machine's.
"""

from collections.abc import Callable, Iterator

from callgate.core.inventory import claude_code, codex, editors
from callgate.core.inventory.document import BadDocument
from callgate.core.inventory.jsonc import parse_json
from callgate.core.inventory.reading import Reading
from callgate.model.base import Fact

FORMS: dict[str, Callable[[Reading], None]] = {
    "codex-config": codex.read_config,
    "codex-requirements": codex.read_requirements,
    "plugin": codex.read_plugin_servers,
    "codex-hooks": codex.read_plugin_hooks,
    "claude-settings": claude_code.read_settings,
    "claude-servers": claude_code.read_project_servers,
    "claude-managed": claude_code.read_managed_servers,
    "claude-state": claude_code.read_state,
    "claude-desktop": claude_code.read_desktop,
    "extension": claude_code.read_extension,
    "extension-settings": claude_code.read_extension_settings,
    "servers": editors.read_servers,
    "cursor-permissions": editors.read_cursor_permissions,
    "code-servers": editors.read_code_servers,
    "code-settings": editors.read_code_settings,
    "code-workspace": editors.read_workspace,
    "devcontainer": editors.read_devcontainer,
    "zed": editors.read_zed,
    "gemini": editors.read_gemini,
    "opencode": editors.read_opencode,
}


class Place(Fact, frozen=True):
    """``plugin``: which ``*`` of the path is the plugin's name, and with a second one the marketplace's."""

    path: str
    client: str
    form: str
    layer: str
    plugin: tuple[int, ...] = ()


class LoginPlace(Fact, frozen=True):
    """A file that is there when somebody is signed in. ``words``: key names of which one must be in it."""

    path: str
    kind: str
    words: tuple[str, ...] = ()


def _place(path: str, client: str, form: str, layer: str, plugin: tuple[int, ...] = ()) -> Place:
    return Place(path=path, client=client, form=form, layer=layer, plugin=plugin)


_MAC = "Library/Application Support"
_WINDOWS = "AppData/Roaming"

MACHINE: tuple[Place, ...] = (
    _place("etc/codex/config.toml", "codex", "codex-config", "system"),
    _place("etc/codex/managed_config.toml", "codex", "codex-config", "managed"),
    _place("etc/codex/requirements.toml", "codex", "codex-requirements", "managed"),
    *(
        _place(f"{folder}/{name}", "claude-code", form, "managed")
        for folder in ("etc/claude-code", f"{_MAC}/ClaudeCode", "Program Files/ClaudeCode", "ProgramData/ClaudeCode")
        for name, form in (
            ("managed-settings.json", "claude-settings"),
            ("managed-settings.d/*.json", "claude-settings"),
            ("managed-mcp.json", "claude-managed"),
        )
    ),
    *(
        _place(f"{folder}/{name}", "gemini", "gemini", "system")
        for folder in ("etc/gemini-cli", f"{_MAC}/GeminiCli", "ProgramData/gemini-cli")
        for name in ("system-defaults.json", "settings.json")
    ),
    *(
        _place(f"{folder}/opencode.json{end}", "opencode", "opencode", "managed")
        for folder in ("etc/opencode", f"{_MAC}/opencode", "ProgramData/opencode")
        for end in ("", "c")
    ),
)


def _code(folder: str, client: str) -> Iterator[Place]:
    for profile in ("", "profiles/*/"):
        yield _place(f"{folder}/{profile}mcp.json", client, "code-servers", "user")
        yield _place(f"{folder}/{profile}settings.json", client, "code-settings", "user")


_CODE_HOMES = (
    *((f"{base}/{name}/User", client) for base in (".config", _MAC, _WINDOWS) for name, client in (
        ("Code", "vscode"), ("Code - Insiders", "vscode-insiders"), ("VSCodium", "vscodium"))),
    (".vscode-server/data/User", "vscode-remote"),
    (".vscode-server/data/Machine", "vscode-remote"),
    (".vscode-server-insiders/data/User", "vscode-remote"),
    (".vscode-server-insiders/data/Machine", "vscode-remote"),
    (".vscode-remote/data/Machine", "vscode-remote"),
)  # fmt: skip

HOME: tuple[Place, ...] = (
    _place(".codex/config.toml", "codex", "codex-config", "user"),
    _place(".codex/*.config.toml", "codex", "codex-config", "user"),
    _place(".codex/hooks.json", "codex", "codex-hooks", "user"),
    *(
        _place(f".codex/plugins/cache/*/*/*/{name}", "codex", form, "plugin", (1, 0))
        for name, form in (
            (".mcp.json", "plugin"),
            (".codex-plugin/plugin.json", "plugin"),
            ("plugin.json", "plugin"),
            ("hooks/hooks.json", "codex-hooks"),
        )
    ),
    _place(".claude.json", "claude-code", "claude-state", "user"),
    _place(".claude/settings.json", "claude-code", "claude-settings", "user"),
    _place(".claude/settings.local.json", "claude-code", "claude-settings", "local"),
    *(
        _place(f".claude/plugins/cache/*/*/*/{name}", "claude-code", form, "plugin", (1, 0))
        for name, form in (
            (".mcp.json", "plugin"),
            (".claude-plugin/plugin.json", "plugin"),
            ("hooks/hooks.json", "claude-settings"),
        )
    ),
    _place(".cursor/mcp.json", "cursor", "servers", "user"),
    _place(".cursor/permissions.json", "cursor", "cursor-permissions", "user"),
    _place(".cursor/cli-config.json", "cursor", "cursor-permissions", "user"),
    _place(".config/cursor/cli-config.json", "cursor", "cursor-permissions", "user"),
    *(place for folder, client in _CODE_HOMES for place in _code(folder, client)),
    _place(".copilot/mcp-config.json", "copilot", "servers", "user"),
    _place(".codeium/windsurf/mcp_config.json", "windsurf", "servers", "user"),
    _place(".codeium/windsurf-next/mcp_config.json", "windsurf", "servers", "user"),
    _place(".codeium/mcp_config.json", "windsurf", "servers", "user"),
    _place(".gemini/settings.json", "gemini", "gemini", "user"),
    _place(".gemini/extensions/*/gemini-extension.json", "gemini", "gemini", "extension", (0,)),
    *(
        _place(f"{folder}/settings.json", "zed", "zed", "user")
        for folder in (".config/zed", f"{_MAC}/Zed", f"{_WINDOWS}/Zed", ".var/app/dev.zed.Zed/config/zed")
    ),
    *(_place(f".config/opencode/{name}", "opencode", "opencode", "user")
      for name in ("opencode.json", "opencode.jsonc", "config.json")),
    *(
        place
        for base in (".config", _MAC, _WINDOWS)
        for place in (
            _place(f"{base}/Claude/claude_desktop_config.json", "claude-desktop", "claude-desktop", "user"),
            _place(f"{base}/Claude/Claude Extensions/*/manifest.json", "claude-desktop", "extension", "extension", (0,)),
            _place(
                f"{base}/Claude/Claude Extensions Settings/*.json",
                "claude-desktop",
                "extension-settings",
                "extension",
                (0,),
            ),
        )
    ),
)  # fmt: skip

PROJECT: tuple[Place, ...] = (
    _place(".codex/config.toml", "codex", "codex-config", "project"),
    _place(".mcp.json", "claude-code", "claude-servers", "project"),
    _place(".claude/settings.json", "claude-code", "claude-settings", "project"),
    _place(".claude/settings.local.json", "claude-code", "claude-settings", "local"),
    _place(".cursor/mcp.json", "cursor", "servers", "project"),
    _place(".cursor/permissions.json", "cursor", "cursor-permissions", "project"),
    _place(".cursor/cli.json", "cursor", "cursor-permissions", "project"),
    _place(".vscode/mcp.json", "vscode", "code-servers", "project"),
    _place(".vscode/settings.json", "vscode", "code-settings", "project"),
    _place(".devcontainer/devcontainer.json", "vscode", "devcontainer", "project"),
    _place("*.code-workspace", "vscode", "code-workspace", "project"),
    _place(".windsurf/mcp_config.json", "windsurf", "servers", "project"),
    _place(".gemini/settings.json", "gemini", "gemini", "project"),
    _place(".zed/settings.json", "zed", "zed", "project"),
    _place("opencode.json", "opencode", "opencode", "project"),
    _place("opencode.jsonc", "opencode", "opencode", "project"),
    _place(".opencode/opencode.json", "opencode", "opencode", "project"),
    _place(".opencode/opencode.jsonc", "opencode", "opencode", "project"),
)
MARKERS = frozenset(place.path.split("/")[0] for place in PROJECT)
"""Names in a folder that make it a project worth looking at; one begins with ``*``."""


def _login(kind: str, *paths: str, words: tuple[str, ...] = ()) -> Iterator[LoginPlace]:
    for path in paths:
        yield LoginPlace(path=path, kind=kind, words=words)


LOGINS: tuple[LoginPlace, ...] = (
    *_login("GitHub CLI (gh)", ".config/gh/hosts.yml", f"{_WINDOWS}/GitHub CLI/hosts.yml"),
    *_login("GitLab CLI (glab)", ".config/glab-cli/config.yml"),
    *_login("Git credentials", ".git-credentials", ".config/git/credentials"),
    *_login("Git credential helper", ".gitconfig", ".config/git/config", words=("helper",)),
    *_login("SSH keys", ".ssh/id_rsa", ".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_ed25519_sk"),
    *_login("AWS CLI", ".aws/credentials", ".aws/sso/cache/*.json"),
    *_login("Google Cloud CLI", ".config/gcloud/credentials.db", ".config/gcloud/application_default_credentials.json"),
    *_login("Azure CLI", ".azure/msal_token_cache.json", ".azure/msal_token_cache.bin", ".azure/accessTokens.json"),
    *_login("Kubernetes", ".kube/config"),
    *_login("Docker registry", ".docker/config.json", words=("auth", "identitytoken", "credsStore", "credHelpers")),
    *_login("Passwords for hosts (.netrc)", ".netrc", "_netrc"),
    *_login("npm registry", ".npmrc", words=("_authToken", "_auth", "_password")),
    *_login("Python package index", ".pypirc", words=("password", "username")),
    *_login("Rust registry", ".cargo/credentials.toml", ".cargo/credentials"),
    *_login("Cloudflare CLI (wrangler)", ".config/.wrangler/config/default.toml", ".wrangler/config/default.toml"),
    *_login("Stripe CLI", ".config/stripe/config.toml"),
    *_login("Neon CLI", ".config/neonctl/credentials.json"),
    *_login("Vercel CLI", ".local/share/com.vercel.cli/auth.json"),
    *_login("Fly CLI", ".fly/config.yml"),
    *_login("DigitalOcean CLI", ".config/doctl/config.yaml"),
    *_login("Supabase CLI", ".supabase/access-token"),
    *_login("Terraform", ".terraform.d/credentials.tfrc.json"),
    *_login("Vault", ".vault-token"),
    *_login("rclone", ".config/rclone/rclone.conf"),
)
EMPTY_BYTES = 3
"""A login's file of at most this size holds nothing: ``{}`` is what stays behind after signing out."""


def holds_words(text: bytes, words: tuple[str, ...]) -> bool:
    """A key of one of these names stands in it, in lines or in JSON. Values are not looked at."""
    wanted = {word.lower() for word in words}
    if text.lstrip().startswith(b"{"):
        try:
            document = parse_json(text.decode("utf-8", "replace"), comments=True)
        except BadDocument:
            return False
        return any(str(path[-1]).lower() in wanted for path in document.lines if path)
    return any(_line_key(line) in wanted for line in text.decode("utf-8", "replace").splitlines())


def _line_key(line: str) -> str:
    """``_authtoken`` of ``//registry.example/:_authToken=…``, ``helper`` of ``helper = store``."""
    return line.partition("=")[0].strip().rpartition(":")[2].lower()
