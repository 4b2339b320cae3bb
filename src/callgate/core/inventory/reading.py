"""One configuration file being read: what every client's reader adds to."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from callgate.core.inventory.codes import finding
from callgate.core.inventory.document import BadDocument, Document, Path, Spot
from callgate.core.inventory.jsonc import parse_json
from callgate.core.inventory.programs import secret_arguments
from callgate.core.inventory.secrecy import is_token, looks_secret, shown, url_secrets
from callgate.core.inventory.toml import parse_toml
from callgate.model.base import Fact
from callgate.model.inventory import ConfigFinding, ConnectionState, UnseenSource

_ARGUMENT_LISTS = frozenset({"args", "command", "arguments"})
_MAX_KEY_PARTS = 12
URL_KEYS = frozenset({"url", "serverUrl", "httpUrl"})
_TABLES_OF_VALUES = frozenset({"env", "environment", "headers", "http_headers", "set"})
_MAX_FINDINGS = 500
"""Of one file."""


class ConfigFile(Fact, frozen=True):
    """A file as it was found. ``path`` starts at the root that is read."""

    client: str
    form: str
    """Which reader takes it."""
    layer: str
    """``user``, ``project``, ``local``, ``managed``, ``system``, ``plugin``, ``extension``."""
    owner: str
    path: str
    text: bytes
    home: str = ""
    """Home folder it belongs to; empty: every user's."""
    folder: str = ""
    """Project it belongs to; empty: every project."""
    plugin: str = ""
    """Name of the plugin or extension it belongs to."""
    place: str = ""
    """Below the root, as it is named there; ``path`` is what may be shown."""
    for_others: bool = False
    """Other users can read it."""
    by_others: bool = False
    """Other users can change it."""


class Entry(Fact, frozen=True):
    """One server as a file names it, secrets included: it never leaves the core."""

    client: str
    name: str
    layer: str
    owner: str
    file: str
    line: int
    place: str = ""
    """Of the file, as in ConfigFile."""
    path: Path = ()
    """Of the entry in the file."""
    home: str = ""
    folder: str = ""
    plugin: str = ""
    state: ConnectionState = ConnectionState.ON
    transport: str = "unknown"
    program: str = ""
    args: tuple[str, ...] = ()
    url: str = ""
    runs: bool = False
    """The client calls its tools without asking."""
    tools: tuple[tuple[str, str], ...] = ()
    """Names of tools the file mentions, each with ``asks``, ``runs`` or ``denies``."""
    only: tuple[str, ...] | None = None
    """No other tools than these are offered to the model; None: all are."""


class Grant(Fact, frozen=True):
    """A setting outside the server's entry that says what the client does with its tools.

    Empty ``server``: every server. Empty ``tool``: every tool of it.
    """

    client: str
    server: str
    tool: str
    does: str
    home: str = ""
    folder: str = ""


class ProjectApproval(Fact, frozen=True):
    """A setting that connects, or does not, what a project's file brings. Empty ``server``: all of them."""

    client: str
    state: ConnectionState
    server: str = ""
    home: str = ""
    folder: str = ""


class Matcher(Fact, frozen=True):
    """One line of a managed list of servers."""

    kind: str
    """``name``, ``url``, ``prefix``, ``regex``, ``wildcard``, ``command``, ``program``."""
    values: tuple[str, ...]
    name: str = ""
    """Only for a server of this name; empty: for any."""


class Allowlist(Fact, frozen=True):
    """A managed list. Without ``allowed`` only ``denied`` counts; an empty one allows nothing."""

    client: str
    allowed: tuple[Matcher, ...] | None = None
    denied: tuple[Matcher, ...] = ()
    plugins: bool = True
    """It also counts for servers of plugins."""
    exclusive_file: str = ""
    """Only servers of this file are connected."""
    home: str = ""


class Reading:
    """Everything that one file says."""

    def __init__(self, file: ConfigFile) -> None:
        self.file = file
        self.entries: list[Entry] = []
        self.findings: list[ConfigFinding] = []
        self.unseen: list[UnseenSource] = []
        self.grants: list[Grant] = []
        self.approvals: list[ProjectApproval] = []
        self.allowlists: list[Allowlist] = []
        self.plugins: dict[str, tuple[bool, int]] = {}
        """Name to whether it is enabled, and the line."""
        self.projects: list[str] = []
        """Folders of projects that the file names."""
        self._notes: list[Path] = []

    def open_json(self, *, comments: bool) -> Spot | None:
        return self._open(lambda text: parse_json(text, comments=comments))

    def open_toml(self) -> Spot | None:
        return self._open(parse_toml)

    def _open(self, parse: Any) -> Spot | None:
        data = self.file.text
        if data.startswith(b"\xef\xbb\xbf"):
            self.find("byte_order_mark", line=1)
            data = data[3:]
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as fault:
            self.find("bad_file", line=data.count(b"\n", 0, fault.start) + 1, says="It is not UTF-8.")
            return None
        if not text.strip():
            return None
        try:
            document: Document = parse(text)
        except BadDocument as fault:
            self.find("bad_file", line=fault.line, says=fault.reason)
            return None
        for path, line in document.doubles:
            self.find("key_twice", line=line, key=shown_key(path))
        spot = Spot.top(document, self._notes)
        spot.table()
        return spot

    def find(
        self, code: str, spot: Spot | None = None, *, line: int = 0, key: str = "", server: str = "", says: str = ""
    ) -> None:
        if len(self.findings) >= _MAX_FINDINGS:
            return
        self.findings.append(
            finding(
                code,
                file=self.file.path,
                line=spot.line if spot is not None else line,
                key=shown_key(spot.path) if spot is not None else key,
                client=self.file.client,
                server=shown(server) if server else "",
                says=says,
            )
        )

    def unknown(self, what: str) -> None:
        """Something that no file lists."""
        seen = UnseenSource(client=self.file.client, what=what, file=self.file.path, owner=self.file.owner)
        if seen not in self.unseen:
            self.unseen.append(seen)

    def grant(self, server: str, tool: str, does: str) -> None:
        file = self.file
        self.grants.append(
            Grant(client=file.client, server=server, tool=tool, does=does, home=file.home, folder=file.folder)
        )

    def finish(self, top: Spot | None, servers: Iterable[Spot] = ()) -> None:
        """Wrong types that were met, secrets anywhere in the file, and who else can get at it."""
        for path in self._notes:
            line = top.line_of(path) if top is not None else 0
            self.find("bad_value", line=line, key=shown_key(path))
        if top is not None:
            names = {spot.path: name_of(spot) for spot in servers}
            secrets = list(islice(_secrets(top, names), _MAX_FINDINGS))
            for spot, server in sorted(secrets, key=lambda one: (one[0].line, shown_key(one[0].path))):
                self.find("secret_in_clear", spot, server=server)
            if secrets and self.file.for_others:
                self.find("secret_for_others")
        if self.file.by_others:
            self.find("writable_by_others")


def name_of(spot: Spot) -> str:
    return str(spot.path[-1]) if spot.path else ""


def shown_key(path: Path) -> str:
    """Dotted, each name made safe to show."""
    text = ""
    for part in path[:_MAX_KEY_PARTS]:
        text += f"[{part}]" if isinstance(part, int) else ("." if text else "") + shown(part, 80)
    return text


def _secrets(top: Spot, servers: Mapping[Path, str]) -> Iterator[tuple[Spot, str]]:
    """Every text of the file that is a secret in clear, with the server it belongs to."""
    waiting = [(top, "")]
    while waiting:
        spot, server = waiting.pop()
        server = servers.get(spot.path, server)
        if isinstance(spot.value, str):
            if _is_secret(spot, inside=bool(server)):
                yield spot, server
        elif isinstance(spot.value, dict):
            waiting += [(inner, server) for _, inner in spot.items()]
        elif isinstance(spot.value, list):
            inner = list(spot.each())
            if name_of(spot) in _ARGUMENT_LISTS:
                texts = [one.value if isinstance(one.value, str) else "" for one in inner]
                yield from ((inner[number], server) for number in secret_arguments(texts))
                inner = [one for one in inner if not isinstance(one.value, str)]
            waiting += [(one, server) for one in inner]


def _is_secret(spot: Spot, *, inside: bool) -> bool:
    """Outside of a server's entry only what is a token by its shape, or stands in a table of values."""
    names = [part for part in spot.path if isinstance(part, str)]
    name = names[-1] if names else ""
    if name in URL_KEYS:
        return bool(url_secrets(spot.value))
    if inside or _TABLES_OF_VALUES.intersection(names[:-1]):
        return looks_secret(spot.value, name)
    return is_token(spot.value)
