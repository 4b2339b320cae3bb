"""What people are shown: one struct per screen of the local API, made by flow, drawn by the command and the console.

Times are milliseconds since 1970, 0 for never. Tiers, effects and states are words (``read``, ``hold``, ``open``).
Bodies of answers only grow: a field is never renamed, a new one comes last with a default.
"""

from typing import Any

from callgate.flow.drift_views import DefinitionFindingView
from callgate.model.base import Fact
from callgate.model.learned import LearnedSpan, ReplayedRow, UsedTarget, UsedTool


class TokenView(Fact, frozen=True):
    """A token just issued: the only time it is seen."""

    token: str
    credential: str
    account: str
    runtime: str
    expires_ms: int
    endpoint: str
    """URL of the gate up to the integration's name, e.g. ``http://127.0.0.1:8700/mcp``."""
    task: str = ""
    integrations: tuple[str, ...] = ()


class AccountView(Fact, frozen=True):
    subject: str
    name: str
    roles: tuple[str, ...]
    team: str
    created_ms: int
    disabled: bool = False


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
    """Account that decided its tier; empty: nobody did."""
    ruled_reason: str = ""
    ruling_void: bool = False
    """What was said of it does not count: the tool, its manifest or its own tier is another one since."""
    undone_by: str = ""
    """The tool that takes a call of this one back; empty: none is known."""
    aims: bool = False
    """A manifest says what its calls aim at."""
    observed: bool = False
    """Its integration is at stage observe: calls run and are recorded with what production would have done."""
    findings: tuple[DefinitionFindingView, ...] = ()
    """What of its definition a person should look at."""


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


class AddedView(Fact, frozen=True):
    """An integration that was just connected."""

    integration: IntegrationView
    file: str = ""
    """Where its settings and reasons stand; empty: they could not be written."""
    rules: tuple[str, ...] = ()
    """What everyday rules say of it now, and what is still to do; one sentence each."""


class ContractProblem(Fact, frozen=True):
    key: str
    """Dotted TOML key; empty: the file as a whole."""
    message: str
    file: str = ""


class ConsentView(Fact, frozen=True):
    capacity: str
    """``domain:<name>`` or ``security``."""
    who: tuple[str, ...]
    """Accounts that may give it."""
    by: str = ""
    """Account that gave it; empty: open."""
    at_ms: int = 0
    alone: bool = False


class ContractView(Fact, frozen=True):
    id: str
    name: str
    objective: str
    team: str
    owner: str
    state: str
    """``active``, ``awaiting_consent``, ``template``, or ``superseded`` by newer everyday rules of the team."""
    max_tier: str
    everyday: bool = False
    integrations: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    consents: tuple[ConsentView, ...] = ()
    preview: tuple[str, ...] = ()
    """What it allows and forbids, one sentence each."""
    text: str = ""
    """Its TOML; only in the view of one contract."""


class ContractCheckView(Fact, frozen=True):
    problems: tuple[ContractProblem, ...]
    contract: ContractView | None
    """How it would look; None when there is a problem."""


class TaskView(Fact, frozen=True):
    id: str
    title: str
    contract: str
    contract_name: str
    initiator: str
    runtime: str
    state: str
    opened_ms: int
    deadline_ms: int
    calls: int = 0
    max_calls: int = 0
    parent: str = ""
    closed_ms: int = 0


class QuestionView(Fact, frozen=True):
    id: str
    ask: str
    """``meant``, ``domain`` or ``acceptable``."""
    text: str
    who: tuple[str, ...]
    """Accounts that may answer it."""
    quorum: int
    yes: tuple[str, ...] = ()
    """Accounts that said yes."""
    open: bool = True


class ArgumentView(Fact, frozen=True):
    path: str
    value: str
    """JSON."""
    shown: bool = False
    """The sentence holds it already."""
    sink: bool = False
    """Data can leave through it, or it aims the effect, as the manifest says."""
    sensitive: bool = False
    """What stands in it is sensitive, as the manifest says."""


class HoldView(Fact, frozen=True):
    id: str
    state: str
    sentence: str
    """The call in one sentence, with its values."""
    integration: str
    tool: str
    tier: str
    asked_by: str
    runtime: str
    opened_ms: int
    expires_ms: int
    why: tuple[str, ...]
    waiting_for: tuple[str, ...]
    """Accounts whose answer is missing."""
    task: str = ""
    ended: str = ""


class HoldDetail(Fact, frozen=True):
    """What an approver reads. ``digest`` binds a vote to exactly this."""

    hold: HoldView
    digest: str
    undo: str
    """Can it be undone, one sentence."""
    questions: tuple[QuestionView, ...]
    arguments: tuple[ArgumentView, ...]
    targets: tuple[str, ...]
    actor: str
    contract: str
    """Its name."""
    task_title: str
    risk: int
    call: str
    decision: str
    state_pin: str = ""
    """What of the target's state is bound, one sentence; empty: nothing."""


class VoteView(Fact, frozen=True):
    hold: str
    state: str
    answered: tuple[str, ...]
    """Ids of the questions this act answered."""
    open: tuple[QuestionView, ...]
    alone: bool
    """The same person asked and answered for another (profile ``solo``)."""
    next: str


class EventView(Fact, frozen=True):
    index: int
    id: str
    at_ms: int
    kind: str
    summary: str
    """One sentence; pseudonyms resolved as far as they are not erased."""
    call: str = ""
    who: str = ""
    what: str = ""
    """``integration/tool``, or the thing changed."""
    effect: str = ""
    event: dict[str, Any] = {}
    """The event as the ledger holds it."""


class EventsView(Fact, frozen=True):
    events: tuple[EventView, ...]
    """Ascending by index."""
    next: int
    """Ask with ``after`` set to this for what came later."""


class FindingView(Fact, frozen=True):
    gate: str
    code: str
    effect: str
    reason: str
    path: str = ""
    discharged: bool = False
    shadow: bool = False


class ExplainView(Fact, frozen=True):
    decision: str
    call: str
    at_ms: int
    effect: str
    integration: str
    tool: str
    tier: str
    asked_by: str
    runtime: str
    actor: str
    contract: str
    task: str
    risk: int
    risk_parts: tuple[tuple[str, int], ...]
    findings: tuple[FindingView, ...]
    questions: tuple[QuestionView, ...]
    bundle: str
    outcome: str
    """State of the call now: ``finished``, ``unknown``, ``held``, ``refused`` …"""
    next: str
    events: tuple[EventView, ...] = ()
    """Everything the ledger holds of this call, ascending."""
    hold: str = ""
    stage: str = ""
    """``observe``, or empty for every other one."""
    would: str = ""
    """At stage observe: the effect it would have had in production."""


class HaltView(Fact, frozen=True):
    id: str
    scope: str
    what: str
    reason: str
    by: str
    at_ms: int


class VerifyStep(Fact, frozen=True, tag_field="kind", tag="step"):
    """Progress of a verification."""

    checked: int
    of: int


class VerifyEnd(Fact, frozen=True, tag_field="kind", tag="end"):
    ok: bool
    events: int
    root: str
    """Hex."""
    consistency: str
    """What was compared: ``internal consistency only``, or the size of the checkpoint given."""
    bad_index: int = -1
    bad_event: str = ""
    problem: str = ""


class LearnStep(Fact, frozen=True, tag_field="kind", tag="step"):
    """Progress of learning."""

    checked: int
    of: int


class LearnEnd(Fact, frozen=True, tag_field="kind", tag="end"):
    """Proposed everyday rules, and the same calls under them."""

    text: str
    """TOML, with the figures as comments."""
    contract: str
    """Id that the rules will have."""
    team: str
    span: LearnedSpan
    tools: tuple[UsedTool, ...]
    targets: tuple[UsedTarget, ...]
    replayed: tuple[ReplayedRow, ...]


class CheckpointView(Fact, frozen=True):
    """A signed tree head. ``note`` is the C2SP signed note to keep elsewhere."""

    origin: str
    size: int
    root: str
    at_ms: int
    note: str


class ProofView(Fact, frozen=True):
    """Inclusion of one event, for the offline verifier."""

    event: str
    index: int
    size: int
    proof: str
    """The proof file, as docs/reference/ledger-format.md has it."""


class ExportView(Fact, frozen=True):
    folder: str
    events: int
    files: int
    size: int
    """Tree size of the checkpoint in it."""


class DoubtView(Fact, frozen=True):
    """A call whose effect may have happened."""

    call: str
    integration: str
    tool: str
    at_ms: int
    task: str = ""
    look: str = ""
    """Tool that shows whether it happened; empty: the catalogue knows none."""


class WarningView(Fact, frozen=True):
    code: str
    text: str
    todo: str = ""


class ConfigView(Fact, frozen=True):
    """The configuration that is live, and how the file on disk compares."""

    digest: str = ""
    """SHA-256 of the file that is live, hex."""
    state: str = "live"
    """Of the file on disk: ``live``, ``differs`` or ``unusable``."""
    keys: tuple[str, ...] = ()
    """Settings that differ; empty with ``differs``: comments only."""
    problem: str = ""
    """Why it is unusable, or cannot be reloaded."""


class ReloadView(Fact, frozen=True):
    digest: str
    keys: tuple[str, ...]
    """Settings that changed; empty: none."""
    listening: str
    """``host:port``."""


class StatusView(Fact, frozen=True):
    version: str
    tenant: str
    profile: str
    started_ms: int
    home: str
    endpoint: str
    """URL of the gate up to the integration's name."""
    bundle: str
    pending_files: tuple[str, ...]
    """Policy files that differ from the live bundle."""
    integrations: tuple[IntegrationView, ...]
    open_holds: int
    doubts: tuple[DoubtView, ...]
    halts: tuple[HaltView, ...]
    events: int
    checkpoint_size: int
    checkpoint_ms: int
    warnings: tuple[WarningView, ...]
    same_host: bool
    """Assistants may run as the gate's own operating-system user: acts over the socket are marked."""
    config: ConfigView = ConfigView()
    spent: tuple[tuple[str, int], ...] = ()
    """(integration, millionths of a US dollar) since the start, as manifests price calls."""


class CheckView(Fact, frozen=True):
    code: str
    state: str
    """``ok``, ``warn`` or ``fail``."""
    text: str
    todo: str = ""


class KeptLog(Fact, frozen=True):
    """A tenant's ledger in a backup, and its checkpoint: to be kept elsewhere."""

    tenant: str
    size: int
    root: str
    note: str


class BackupView(Fact, frozen=True):
    file: str
    bytes: int
    with_keys: bool
    logs: tuple[KeptLog, ...]
    left_out: tuple[str, ...] = ()
    """Files of the home that are no plain files."""


class RestoreView(Fact, frozen=True):
    home: str
    taken_ms: int
    logs: tuple[KeptLog, ...]
    voided: int
    """Approved holds that were ended because their call may have run after the backup."""


class ServiceView(Fact, frozen=True):
    user: str
    unit: str
    """``installed`` or ``none``."""
    state: str
    """As systemd says it: ``active``, ``failed``, ``inactive``."""
    socket: str
    done: tuple[str, ...] = ()
    """What was done, one sentence each."""


class InitReport(Fact, frozen=True):
    """What ``init`` made, for the person to read."""

    home: str
    account: str
    profile: str
    endpoint: str
    made: tuple[str, ...]
    """One sentence each; empty: everything was there already."""
    next: tuple[str, ...] = ()
    """What to do now, one line each."""
