"""Tools, their pins and what a manifest knows of them (DESIGN section 13)."""

from typing import Any

from callgate.model.base import Fact
from callgate.model.classification import Classification
from callgate.model.terms import Tier


class Target(Fact, frozen=True):
    """The typed resource a call touches, e.g. kind ``git.repository``, id ``/srv/app``."""

    kind: str
    id: str
    domain: str = ""
    """Data domain it belongs to; empty: none is known."""

    @property
    def text(self) -> str:
        return f"{self.kind}:{self.id}"


class TargetRule(Fact, frozen=True):
    """Selects targets from arguments: ``path`` is a dotted argument path, ``[]`` walks an array.

    ``template`` builds the id from several arguments (``{owner}/{repo}``); then ``path`` is empty.
    """

    kind: str
    path: str = ""
    template: str = ""
    normalise: str = ""
    """``posix_path`` (made absolute-looking and dot-free), ``lower``, or empty."""


class ReceiptRule(Fact, frozen=True):
    """One value of a receipt. Exactly one of the sources is set."""

    name: str
    structured: str = ""
    """Dotted path in structuredContent."""
    json_text: str = ""
    """Dotted path in the JSON of the first text block."""
    pattern: str = ""
    """Anchored regular expression with one named group ``value`` over the first text block."""
    argument: str = ""
    """Dotted argument path: the last resort."""


class PinRead(Fact, frozen=True):
    """A read whose answer is part of ``state_pin``; ``arguments`` values may be ``{argument}`` references."""

    tool: str
    arguments: dict[str, Any] = {}


class TierRule(Fact, frozen=True):
    """Tier by argument: if the value at ``path`` is one of ``values``, the tool has ``tier`` for this call."""

    path: str
    values: tuple[Any, ...]
    tier: Tier


class ToolManifest(Fact, frozen=True):
    """What the catalogue says of one tool."""

    name: str
    tier: Tier
    say: str
    """One sentence with ``{argument}`` places, for people."""
    tier_by: tuple[TierRule, ...] = ()
    targets: tuple[TargetRule, ...] = ()
    sinks: tuple[str, ...] = ()
    """Dotted paths of arguments through which data can leave or effects be aimed."""
    trusted: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    receipt: tuple[ReceiptRule, ...] = ()
    state_pin: tuple[PinRead, ...] = ()
    compensation: str = ""
    """Name of the tool that undoes this one; empty: none."""
    irreversible: bool = False
    admin: bool = False
    money: bool = False
    idempotent: bool = False
    retrieval: bool = False
    """A search: without a target it reaches everything the account sees."""
    sets_session_target: bool = False
    """It chooses what later calls of the same session aim at, so it needs a session that no other caller is in."""


class Manifest(Fact, frozen=True):
    """One integration of the catalogue."""

    integration: str
    title: str
    vendor: str
    verified: bool
    """False: it may only raise tiers above EXECUTE's default handling, never lower them."""
    verified_against: str
    verified_on: str
    stateful: bool
    per_person: bool
    tools: tuple[ToolManifest, ...]
    digest: str = ""


class ToolPin(Fact, frozen=True):
    """A tool definition as confirmed by a person. ``digest`` covers the whole tool object."""

    integration: str
    name: str
    digest: str
    """SHA-256 hex of the canonical tool object."""
    definition: bytes
    """The tool object's JSON as the server sent it, canonically encoded."""
    classification: Classification | None = None
    """What the rules made of it and the person saw, where no manifest was meant to say it."""


class PromptPin(Fact, frozen=True):
    """A prompt or resource template as confirmed by a person; ``name`` is the prompt's name or the URI template."""

    name: str
    digest: str
    """SHA-256 hex of the canonical object."""
    definition: bytes
    """As in ToolPin."""


class IntegrationPin(Fact, frozen=True):
    """Everything of a server that a model would read, pinned at once."""

    integration: str
    server_name: str
    server_version: str
    instructions: str
    eras: tuple[str, ...]
    """Protocol versions the upstream speaks, newest first."""
    tools: tuple[ToolPin, ...]
    digest: str
    origin: str
    """For stdio: digest of command and arguments; for HTTP: the URL's origin."""
    confirmed_ms: int = 0
    confirmed_by: str = ""
    offers: tuple[str, ...] | None = None
    """Capabilities in handshake eras: ``tools``, ``prompts``, ``resources``, ``completions``, ``logging``, and with a
    dot what they are declared with (``resources.subscribe``). None: confirmed before anything but tools was read.
    """
    offers_modern: tuple[str, ...] = ()
    """The same for 2026-07-28."""
    prompts: tuple[PromptPin, ...] = ()
    templates: tuple[PromptPin, ...] = ()


NO_MANIFEST = "none"


class Integration(Fact, frozen=True):
    """A connected target system. Secrets stand in it by reference only (``env:NAME``, ``file:PATH``)."""

    name: str
    actor: str
    """Account the target sees, as far as known; ``local`` for a local server."""
    team: str = ""
    url: str = ""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    """For stdio children: name to value or secret reference."""
    headers: dict[str, str] = {}
    """For HTTP: header to secret reference."""
    cwd: str = ""
    readable: tuple[str, ...] = ()
    """Paths a confined child may read beside the system's own."""
    writable: tuple[str, ...] = ()
    confined: bool = True
    allow_private: bool = False
    """The address may be loopback or private."""
    manifest: str = ""
    """Name of a manifest; empty: the one of the integration's name, if there is one; NO_MANIFEST: none."""
    max_concurrency: int = 64
    stage: str = "production"
    created_ms: int = 0
    asks: tuple[str, ...] = ()
    """What its server may ask clients inside a call: ``elicitation``, ``sampling``, ``roots``."""
