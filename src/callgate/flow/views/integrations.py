"""What is connected, and what it offers, as people are shown it."""

from collections.abc import Iterator, Sequence

from callgate.flow.views.drift import DefinitionFindingView
from callgate.model.base import Fact
from callgate.model.call import TOOLS_CALL


class ToolView(Fact, frozen=True):
    integration: str
    tool: str
    tier: str
    say: str
    """The manifest's sentence with its ``{argument}`` places; empty without one."""
    manifest: str
    """Name of the manifest that classifies it; empty: none, then rules do, or it counts as execute."""
    pinned: bool
    drifted: bool = False
    irreversible: bool = False
    shown: str = ""
    """Its name on the endpoint for everything; empty: it is not there."""
    kept_away: str = ""
    """Why it has no name there, as core.name_table has it; empty: nothing keeps it away."""
    method: str = "tools/call"
    """Of the protocol; anything else is a method that is governed like a tool, and ``tool`` is its name."""
    admin: bool = False
    money: bool = False
    confidence: str = ""
    """How sure the rules are that gave it its tier: ``high``, ``medium``, ``low``; empty: they did not."""
    reasons: tuple[str, ...] = ()
    """Theirs, the one that decided first."""
    decided_by: str = ""
    """Who gave it its tier: ``manifest``, ``rules``, ``person``, ``protocol``, or, where it is execute for want of
    anything better, ``unverified`` (a manifest that nobody held against this server) or ``nobody``.
    """
    own_tier: str = ""
    """Its tier without a person's word."""
    ruled_by: str = ""
    """Account that decided its tier, or two of them; empty: nobody did."""
    ruled_reason: str = ""
    ruling_void: bool = False
    """What was said of it does not count: the tool, its manifest or its own tier is another one since."""
    asked_tier: str = ""
    """A lower tier that counts once a second person says the same; empty: none waits."""
    asked_by: str = ""
    """Account that asked for it."""
    undone_by: str = ""
    """The tool that takes a call of this one back; empty: none is known."""
    aims: bool = False
    """A manifest says what its calls aim at."""
    observed: bool = False
    """Its integration is at stage observe: calls run and are recorded with what production would have done."""
    findings: tuple[DefinitionFindingView, ...] = ()
    """What of its definition a person should look at."""
    needs: tuple[str, ...] = ()
    """Arguments that its schema requires."""

    @property
    def is_method(self) -> bool:
        return self.method != TOOLS_CALL

    @property
    def way_back(self) -> str:
        """How a call is taken back: ``by_tool``, ``by_hand``, ``perhaps_none``, ``none``, ``unknown``."""
        if self.undone_by:
            return "by_tool"
        if self.irreversible:
            return "perhaps_none" if self.confidence else "none"
        return "by_hand" if self.decided_by in {"manifest", "unverified"} else "unknown"


def by_tier(tools: Sequence[ToolView]) -> Iterator[tuple[str, list[ToolView]]]:
    """A heading, and what stands below it; the worst first, without methods and what is empty."""
    for tier, title in (("execute", "Changes things"), ("draft", "Drafts"), ("read", "Only looks")):
        group = [tool for tool in tools if tool.tier == tier and not tool.is_method]
        if group:
            yield f"{title} ({len(group)})", group


class SearchView(Fact, frozen=True):
    """A tool that can search all that the account sees."""

    tool: str
    without_place: str
    """What rules do with a search of it that names no place: ``refused``, ``narrowed``, ``filtered`` (what lies outside
    is taken out of the answer), ``whole`` (as filtered, and the rules name all that it can find), ``everything`` (it
    is let go).
    """
    targets: tuple[str, ...] = ()
    """What it is narrowed to."""


class RulesView(Fact, frozen=True):
    """What everyday rules would say of a new integration, for the person who connects it."""

    says: tuple[str, ...]
    """One sentence each."""
    token: str = ""
    """Names exactly this change; empty: nothing changes, ``says`` tells why."""
    max_tier: str = ""
    domain: str = ""
    """A new data domain for what its tools aim at; empty: none is needed."""
    targets: tuple[str, ...] = ()
    """Target patterns of that domain."""
    waits_for: tuple[str, ...] = ()
    """Accounts that must consent beside the one who connects it."""
    breadth: str = ""
    """How far searches in it may reach: ``targets`` or ``global``; empty: the rules do not name it."""
    searches: tuple[SearchView, ...] = ()
    """Tools that can search all that the account sees, as far as the rules let them run."""


class DiscoveryView(Fact, frozen=True):
    """What a server offers, before a person confirms it. ``digest`` is what ``confirm`` must name."""

    integration: str
    digest: str
    server_name: str
    server_version: str
    instructions: str
    """Untrusted text that a model would read."""
    eras: tuple[str, ...]
    tools: tuple[ToolView, ...]
    confined: bool
    changes: tuple[str, ...] = ()
    """Against the confirmed definitions, one sentence each; empty on a first look or when nothing changed."""
    warnings: tuple[str, ...] = ()
    confirmed: bool = False
    """This very digest is already confirmed."""
    offers: tuple[str, ...] = ()
    """What the protocol calls its capabilities."""
    prompts: tuple[str, ...] = ()
    """Names; untrusted text, like ``templates``."""
    templates: tuple[str, ...] = ()
    """URI templates of resources."""
    manifest: str = ""
    """Name of the manifest that speaks for it, with its variant; empty: none does."""
    manifest_digest: str = ""
    stage: str = ""
    """As in IntegrationView."""
    rules: RulesView | None = None
    """None: it is not being connected."""
    findings: tuple[DefinitionFindingView, ...] = ()
    """What of all that it says a person should look at."""


class IntegrationView(Fact, frozen=True):
    name: str
    kind: str
    """``http`` or ``stdio``."""
    where: str
    """Origin of the URL, or the program's name."""
    actor: str
    """Account that the target sees: as its server says, else as it was configured."""
    state: str
    """Of the connection: ``ready``, ``starting``, ``backoff``, ``down``."""
    tools: int
    confirmed_ms: int
    stage: str
    manifest: str = ""
    confined: bool = True
    drifted: bool = False
    asks: tuple[str, ...] = ()
    """What its server may ask assistants inside a call."""
    prompts: int = 0
    templates: int = 0
    due: bool = False
    """It was confirmed before prompts and resources were read, so none are offered: confirm it again."""
    observe_until: str = ""
    """Last day of its stage observe, also when that is over; empty: it is not observed."""
    observe_owner: str = ""
    """Account that answers for that."""
    account_problem: str = ""
    """``changed``: its target sees another account than the confirmed one; ``unknown``: its server does not say."""
    manifest_problem: str = ""
    """``broken``: the file cannot be used; ``unapproved``: it is not what policy has; ``unrecognised``: the server is none
    of those it knows. Every tool counts as execute then."""


class BreadthView(Fact, frozen=True):
    """How far searches of an integration may reach, as somebody just said."""

    integration: str
    breadth: str
    contract: str
    """Id of the rules that say so."""
    waits_for: tuple[str, ...] = ()
    """Accounts whose consent they wait for; empty: they are in force."""
    says: tuple[str, ...] = ()
    """One sentence each."""


class AddedView(Fact, frozen=True):
    """An integration that was just connected."""

    integration: IntegrationView
    file: str = ""
    """Where its settings and reasons stand; empty: they could not be written."""
    rules: tuple[str, ...] = ()
    """What everyday rules say of it now, and what is still to do; one sentence each."""
