"""What ``callgate inventory`` saw: connected servers, their tools, findings, ways around (DESIGN section 13).

Nothing here holds a secret: a finding says file, line and key. Paths start at the root that was read.
"""

import enum

from callgate.model.base import Fact


class Severity(enum.IntEnum):
    """How bad a finding is. In files and JSON by its lower-case name."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3


class ConnectionState(enum.StrEnum):
    """Whether the client connects to a server."""

    ON = "on"
    WAITS = "waits"
    """One approval of its user away: a project's file that nobody has trusted so far."""
    OFF = "off"
    BLOCKED = "blocked"
    """Managed settings keep it from connecting."""


COUNTED = frozenset({ConnectionState.ON, ConnectionState.WAITS})
"""Servers that count: the client connects to them, or one click does."""


class SeenTool(Fact, frozen=True):
    """A tool of a connected server, as far as files tell."""

    name: str
    tier: str = ""
    """``read``, ``draft``, ``execute``; empty: the catalogue does not know it."""
    irreversible: bool = False
    client: str = "asks"
    """What the client does before a call: ``asks``, ``runs`` it without asking, or ``denies`` it."""


class SeenServer(Fact, frozen=True):
    """One connection of one client to one server."""

    client: str
    name: str
    owner: str
    """Whose setting it is: ``user ana``, ``project /srv/app``, ``managed``, ``system``, ``plugin NAME``."""
    file: str
    line: int
    state: ConnectionState
    transport: str
    """``stdio``, ``http``, ``sse``, or ``unknown``."""
    target: str
    """The URL's origin, or the program with the package it runs. Never an argument, a path of a URL or a query."""
    integration: str = ""
    """What the catalogue calls this system; empty: unknown."""
    gated: bool = False
    """Its calls pass a Callgate."""
    tools: tuple[SeenTool, ...] = ()
    tools_known: bool = False
    """All its tools are in ``tools``, as the catalogue lists them. Otherwise it may have any."""


class ConfigFinding(Fact, frozen=True):
    """Something to change. ``code`` is stable; the sentences may change."""

    code: str
    severity: str
    """``info``, ``low``, ``medium``, ``high``."""
    file: str
    line: int
    """0: the file as a whole."""
    says: str
    fix: str
    key: str = ""
    """Dotted key in the file; empty: none."""
    client: str = ""
    server: str = ""


class AmbientLogin(Fact, frozen=True):
    """A login on this machine that an assistant with a shell can use, past any gate. Presence alone."""

    kind: str
    file: str
    owner: str


class UnseenSource(Fact, frozen=True):
    """Something that may bring tools and that no file here lists."""

    client: str
    what: str
    file: str = ""
    owner: str = ""


class InventoryFigures(Fact, frozen=True):
    """What a manager asks first. Servers that are off or blocked do not count."""

    servers: int = 0
    gated: int = 0
    coverage_percent: int = 0
    """Servers behind the gate of 100 seen, rounded down; 0 when none was seen."""
    tools_known: int = 0
    servers_without_known_tools: int = 0
    changes_things: int = 0
    """Known tools of tier execute that are not denied by the client."""
    cannot_be_undone: int = 0
    secrets_in_clear: int = 0
    ways_around: int = 0
    """Servers past the gate and logins that a shell can use."""
    unseen: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    info: int = 0


class Inventory(Fact, frozen=True):
    """The whole answer, sorted."""

    schema: int
    root: str
    figures: InventoryFigures
    servers: tuple[SeenServer, ...]
    findings: tuple[ConfigFinding, ...]
    logins: tuple[AmbientLogin, ...]
    unseen: tuple[UnseenSource, ...]
    gates: tuple[str, ...]
    """Origins of gates whose homes were found."""
    files_read: int
    complete: bool
    """False: a limit ended the search, or something could not be read; findings say what."""
