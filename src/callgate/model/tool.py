"""Tools, their pins and what a manifest knows of them (DESIGN section 13)."""

from typing import Any

from callgate.model.base import Fact
from callgate.model.classification import Classification
from callgate.model.manifest import (
    Condition,
    ConfirmRead,
    DraftLane,
    Narrowing,
    PreRead,
    SensitiveScope,
    Step,
    Variant,
    WhoAmI,
)
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


class KindBy(Fact, frozen=True):
    """The kind of a target by the value of another argument; a value that is not listed makes the target unclear."""

    path: str
    kinds: dict[str, str]


class TargetRule(Fact, frozen=True):
    """Selects targets from arguments: ``path`` is a dotted argument path, ``[]`` walks an array.

    ``template`` builds the id from several arguments (``{owner}/{repo}``), one of which may walk an array; then ``path``
    is empty.
    """

    kind: str
    path: str = ""
    template: str = ""
    normalise: str = ""
    """One of NORMALISERS in core/selectors.py, or empty."""
    id: str = ""
    """A fixed id, in place of path and template."""
    parse: str = ""
    """One of PARSERS in core/parsers.py: the id inside of a URL or a longer text. With ``path`` only."""
    default: str = ""
    """The id when the argument is absent."""
    prefixes: dict[str, str] = {}
    """Beginning of the value -> kind: ``#general`` is another kind than ``C024BE91L``."""
    kind_by: KindBy | None = None
    when: tuple[Condition, ...] = ()
    """The rule counts when all hold; a condition on a value of an unexpected shape makes the target unclear."""


class ItemFilter(Fact, frozen=True, kw_only=True):
    """Where the items of an answer stand, and what each of them is. What is not inside is taken out and counted."""

    items: str
    """Path to the array of items, with ``[]`` at its end; ``[]`` alone: the answer itself is the array."""
    target: TargetRule
    """Its paths start at the item."""


class Confinement(Fact, frozen=True, kw_only=True):
    """How a search that names no target is kept from reaching everything; exactly one is set."""

    narrow: Narrowing | None = None
    filter: ItemFilter | None = None
    refuse: str = ""
    """Why it cannot be kept inside, for people."""


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
    part: str = ""
    """Like ``pattern``, over the value that ``structured`` or ``json_text`` found: a number at the end of a URL."""


class PinRead(Fact, frozen=True):
    """A read whose answer is part of ``state_pin``; ``arguments`` values may be ``{argument}`` references."""

    tool: str
    arguments: dict[str, Any] = {}
    fields: tuple[str, ...] = ()
    """Paths in the answer's JSON that alone count; empty: the whole answer does."""
    pattern: str = ""
    """Like that of a receipt: the part of the first text block that alone counts."""
    when: tuple[Condition, ...] = ()
    """It is made for calls of which none of these fails; empty: for all."""


class TierRule(Condition, frozen=True, kw_only=True):
    """Tier by argument: when its own condition and all of ``when`` hold, the tool has ``tier`` for this call."""

    tier: Tier
    when: tuple[Condition, ...] = ()
    irreversible: bool = False
    """Also what this makes a draft cannot be taken back. Left out, a call below execute can be."""


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
    """Paths of result fields that hold the system's own facts; everything else is untrusted."""
    sensitive: tuple[str, ...] = ()
    receipt: tuple[ReceiptRule, ...] = ()
    state_pin: tuple[PinRead, ...] = ()
    compensation: Step | str | tuple[Step, ...] = ""
    """The call that undoes this one, or the name of its tool alone; empty: none. Of several the first whose conditions
    hold."""
    irreversible: bool = False
    admin: bool = False
    money: bool = False
    idempotent: bool = False
    retrieval: bool = False
    """A search: without a target it reaches everything the account sees."""
    sets_session_target: bool = False
    """It chooses what later calls of the same session aim at, so it needs a session that no other caller is in."""
    variants: tuple[str, ...] = ()
    """Variants that have this tool; empty: all of them."""
    untrusted: tuple[str, ...] = ()
    """Paths inside of ``trusted`` ones that are not."""
    scopes: tuple[SensitiveScope, ...] = ()
    pre_read: PreRead | None = None
    draft_lane: DraftLane | tuple[DraftLane, ...] | None = None
    """Of several the first whose conditions hold."""
    confirm: ConfirmRead | None = None
    confine: Confinement | None = None
    price_micro_usd: int | None = None
    """Cost of one call; None: the integration's."""
    concurrency: int | None = None
    """Calls of this tool at once; None: the integration's."""

    @property
    def undone_by(self) -> str:
        """Name of the tool that undoes this one, of several with commas between; empty: none."""
        if isinstance(self.compensation, str):
            return self.compensation
        return ", ".join(dict.fromkeys(way.tool for way in self.ways_back))

    @property
    def ways_back(self) -> tuple[Step, ...]:
        """Compensations of which the arguments are known too."""
        if isinstance(self.compensation, str):
            return ()
        return (self.compensation,) if isinstance(self.compensation, Step) else self.compensation

    @property
    def lanes(self) -> tuple[DraftLane, ...]:
        if self.draft_lane is None:
            return ()
        return (self.draft_lane,) if isinstance(self.draft_lane, DraftLane) else self.draft_lane


class Manifest(Fact, frozen=True):
    """One integration of the catalogue."""

    integration: str
    title: str
    vendor: str
    stateful: bool
    per_person: bool
    tools: tuple[ToolManifest, ...]
    verified: bool = False
    """False: it may only raise tiers above EXECUTE's default handling, never lower them."""
    verified_against: str = ""
    verified_on: str = ""
    digest: str = ""
    whoami: WhoAmI | None = None
    price_micro_usd: int = 0
    """Cost of one call, where a tool does not say otherwise."""
    concurrency: int = 0
    """Calls at once, where a tool does not say otherwise; 0: what the integration's config says."""
    definitions: str = ""
    """As in Variant."""
    partial: bool = False
    """As in Variant."""
    variants: tuple[Variant, ...] = ()
    variant: str = ""
    """The variant that this is, after ``core.variants.of_variant``; empty in files."""


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


class ProgramPart(Fact, frozen=True):
    """One thing that a local server is made of, as far as it can be known without running it."""

    name: str
    """``file`` and a path, or ``package`` and the name of a distribution."""
    text: str
    """Digest of the file; version of the package and digest of its list of files."""


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
    program: tuple[ProgramPart, ...] | None = None
    """What a local server runs; empty: nothing of it can be told. None: over HTTP, or confirmed before it was read."""
    account: str = ""
    """Whose account its target sees, as its server said when it was confirmed; empty: nobody has asked, or it says none."""


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
