"""What a client's entry connects to, as an integration: secrets become references, variables of the client are named.

Every literal value of a header, and every value of the environment that is not plainly harmless, counts as a secret:
its place is a file.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from callgate.core.inventory.programs import secret_arguments
from callgate.core.inventory.reading import Entry
from callgate.core.inventory.secrecy import looks_secret, names_secret, split_url, url_secrets
from callgate.core.ledger.canonical import canonical, digest
from callgate.model.base import Fact
from callgate.model.tool import NO_MANIFEST, Integration

MAX_SECRET = 60_000
"""Characters; the gate reads 64 KiB."""
_HARMLESS = re.compile(
    r"(?:|true|false|[a-z]{1,16}|\d{1,10}|(?:~|\.{0,2})/[\w./@+-]{0,300}|https?://[\w.:\[\]-]{1,200}(?:/[\w./-]{0,200})?)",
    re.ASCII,
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
_SCHEMED = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,30}) (\S+)", re.ASCII)
_OWN_HEADERS = frozenset({"accept", "content-type", "user-agent", "mcp-protocol-version"})
"""The gate sets these itself."""
_BRACED = re.compile(r"\$\{[^}]*\}")
_VARIABLES: dict[str, re.Pattern[str] | None] = {
    "codex": None,
    "claude-desktop": None,
    "claude-code": _BRACED,
    "cursor": _BRACED,
    "vscode": _BRACED,
    "gemini": re.compile(r"\$\{[^}]*\}|\$[A-Za-z_]\w*|%[A-Za-z_]\w*%", re.ASCII),
    "windsurf": _BRACED,
    "zed": None,
    "opencode": re.compile(r"\{(?:env|file):[^}]*\}"),
}
_FROM_ENVIRONMENT = {
    "claude-code": re.compile(r"\$\{([A-Za-z_]\w*)\}", re.ASCII),
    "cursor": re.compile(r"\$\{env:([A-Za-z_]\w*)\}", re.ASCII),
    "vscode": re.compile(r"\$\{env:([A-Za-z_]\w*)\}", re.ASCII),
    "gemini": re.compile(r"\$\{?([A-Za-z_]\w*)\}?", re.ASCII),
    "windsurf": re.compile(r"\$\{env:([A-Za-z_]\w*)\}", re.ASCII),
    "opencode": re.compile(r"\{env:([A-Za-z_]\w*)\}", re.ASCII),
}
_SIGNS_IN = ("auth", "oauth", "oauth_resource", "scopes", "authProviderType", "targetAudience")


class CannotMove(Exception):
    """The entry is for a person. ``code`` of core.adopt.codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Connection(Fact, frozen=True):
    """Where and how an entry connects. Holds secrets: it never leaves memory."""

    url: str = ""
    command: tuple[str, ...] = ()
    cwd: str = ""
    environment: dict[str, str] = {}
    """Plain values and references."""
    secret_environment: dict[str, str] = {}
    headers: dict[str, str] = {}
    """References, with a scheme before them or not."""
    secret_headers: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Connection(url={bool(self.url)}, command={self.command[:1]!r})"

    @property
    def digest(self) -> str:
        return digest(canonical(msgspec.to_builtins(self)))

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of its secrets."""
        return (*self.secret_environment, *self.secret_headers)

    def secret_files(self) -> dict[str, str]:
        """Name of the file to the value."""
        found = {f"env-{name}": value for name, value in self.secret_environment.items()}
        return found | {f"header-{name.lower()}": value for name, value in self.secret_headers.items()}

    def integration(self, name: str, folder: str, *, manifest: str) -> Integration:
        """``folder``: where this integration's secrets are kept."""
        environment = {key: f"file:{folder}/env-{key}" for key in self.secret_environment}
        headers = {key: f"file:{folder}/header-{key.lower()}" for key in self.secret_headers}
        return Integration(
            name=name,
            actor="local" if self.command else "",
            url=self.url,
            command=self.command,
            cwd=self.cwd,
            environment=self.environment | environment,
            headers=self.headers | headers,
            allow_private=is_near(self.url),
            manifest=manifest or NO_MANIFEST,
        )


def is_near(url: str) -> bool:
    """It leads to this machine or a private network, as far as the URL itself says."""
    parts = split_url(url) if url else None
    host = (parts.hostname or "").lower() if parts is not None else ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or (bool(host) and "." not in host) or host.endswith((".local", ".internal", ".lan"))


def family(client: str) -> str:
    """Clients that read the same files are one."""
    return "vscode" if client in ("vscode", "vscode-insiders", "vscodium", "vscode-remote") else client


def connection_of(entry: Entry, table: Mapping[str, Any], *, person: str, folder: str) -> Connection:
    """``table``: the entry as it stands in the file. ``person`` and ``folder``: absolute paths of the home and of the
    project, empty when there is none. Raises CannotMove.
    """
    reader = _Reader(entry, table, person, folder)
    if any(table.get(key, False) is not False for key in _SIGNS_IN):
        raise CannotMove("signs_in")
    if any(key in table for key in ("headersHelper", "http_headers_helper")):
        raise CannotMove("header_program")
    if "envFile" in table:
        raise CannotMove("env_file")
    if "environment_id" in table:
        raise CannotMove("remote_environment")
    return reader.local() if entry.program else reader.remote()


class _Reader:
    """One entry."""

    def __init__(self, entry: Entry, table: Mapping[str, Any], person: str, folder: str) -> None:
        self._entry = entry
        self._folder = folder
        command = table.get("command")
        # Older files of Zed have program, arguments and environment in a table of their own.
        self._table = {**table, **command} if isinstance(command, dict) else table
        self._client = family(entry.client)
        self._variables = _VARIABLES[self._client]
        self._known = {"${userHome}": person} if self._client in ("cursor", "vscode") and person else {}
        if self._known and folder:
            self._known |= {
                "${workspaceFolder}": folder,
                "${workspaceFolderBasename}": folder.rsplit("/", maxsplit=1)[-1],
            }

    def local(self) -> Connection:
        entry = self._entry
        if any(True for _ in secret_arguments(entry.args)):
            raise CannotMove("secret_argument")
        plain, secret = self._environment()
        return Connection(
            command=tuple(self._filled(word) for word in (entry.program, *entry.args)),
            cwd=self._filled(self._text("cwd")) or self._folder,
            environment=plain,
            secret_environment=secret,
        )

    def remote(self) -> Connection:
        entry = self._entry
        if not entry.url:
            raise CannotMove("no_target")
        parts = split_url(entry.url)
        if entry.transport == "sse" or (parts is not None and parts.path.rstrip("/").endswith("/sse")):
            raise CannotMove("old_transport")
        if self._client == "gemini" and "httpUrl" not in self._table and self._table.get("type") != "http":
            raise CannotMove("old_transport")
        url = self._filled(entry.url)
        if url_secrets(url):
            raise CannotMove("secret_url")
        references, secret = self._headers()
        return Connection(url=url, headers=references, secret_headers=secret)

    def _environment(self) -> tuple[dict[str, str], dict[str, str]]:
        plain: dict[str, str] = {}
        secret: dict[str, str] = {}
        for name, value in (self._texts("env") | self._texts("environment")).items():
            if not _NAME.fullmatch(name):
                raise CannotMove("bad_value")
            known = self._reference(value)
            if known:
                plain[name] = known
            elif _HARMLESS.fullmatch(filled := self._filled(value)) and not _is_secret(filled, name):
                plain[name] = filled
            else:
                secret[name] = _keepable(filled)
        for name in self._list("env_vars"):
            plain.setdefault(name, f"env:{name}")
        return plain, secret

    def _headers(self) -> tuple[dict[str, str], dict[str, str]]:
        references: dict[str, str] = {}
        secret: dict[str, str] = {}
        for name, value in (self._texts("headers") | self._texts("http_headers")).items():
            if name.lower() in _OWN_HEADERS:
                continue
            if not _HEADER.fullmatch(name):
                raise CannotMove("bad_value")
            schemed = _SCHEMED.fullmatch(value)
            known = self._reference(value)
            if not known and schemed and (rest := self._reference(schemed[2])):
                known = f"{schemed[1]} {rest}"
            if known:
                references[name] = known
            else:
                secret[name] = _keepable(self._filled(value))
        for name, variable in self._texts("env_http_headers").items():
            references[name] = f"env:{variable}"
        token = self._text("bearer_token_env_var")
        if token:
            references["Authorization"] = f"Bearer env:{token}"
        return references, secret

    def _reference(self, value: str) -> str:
        """``env:NAME`` when the client puts a variable of its environment here; empty: it does not."""
        pattern = _FROM_ENVIRONMENT.get(self._client)
        found = pattern.fullmatch(value) if pattern is not None else None
        return f"env:{found[1]}" if found else ""

    def _filled(self, text: str) -> str:
        """Without variables of the client; CannotMove when one is left."""
        for name, value in self._known.items():
            text = text.replace(name, value)
        if self._variables is not None and self._variables.search(text):
            raise CannotMove("client_variable")
        return text

    def _text(self, key: str) -> str:
        value = self._table.get(key, "")
        if not isinstance(value, str):
            raise CannotMove("bad_value")
        return value

    def _texts(self, key: str) -> dict[str, str]:
        table = self._table.get(key) or {}
        if not isinstance(table, dict):
            raise CannotMove("bad_value")
        found = {name: str(value) if type(value) is int else value for name, value in table.items()}
        if not all(isinstance(value, str) for value in found.values()):
            raise CannotMove("bad_value")
        return found

    def _list(self, key: str) -> list[str]:
        found = self._table.get(key) or []
        if not isinstance(found, list) or not all(isinstance(one, str) and _NAME.fullmatch(one) for one in found):
            raise CannotMove("bad_value")
        return found


def _is_secret(value: str, name: str) -> bool:
    return bool(value) and (names_secret(name) or looks_secret(value, name) or bool(url_secrets(value)))


def _keepable(value: str) -> str:
    """A value that a file gives back as it was."""
    if not value or len(value) > MAX_SECRET or value.endswith(("\n", "\r")) or "\0" in value:
        raise CannotMove("bad_value")
    return value
