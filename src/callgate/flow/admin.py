"""What a person can see and do at the gate of one tenant: implemented by flow, served by the local API.

Acts take a Presence, which only ``present`` makes. Reads take none: who may open the socket may read. All methods
raise InputError (the request), AuthError (who or role), ConfigError (a file), StoreError or IntegrityError.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from callgate.flow.views.contracts import ContractCheckView, ContractView, TaskView
from callgate.flow.views.drift import DriftView
from callgate.flow.views.gate import CheckView, HaltView, ReloadView, StatusView
from callgate.flow.views.holds import HoldDetail, HoldView, VoteView
from callgate.flow.views.integrations import AddedView, BreadthView, DiscoveryView, IntegrationView, ToolView
from callgate.flow.views.learning import LearnEnd, LearnStep
from callgate.flow.views.ledger import (
    CheckpointView,
    EventsView,
    ExplainView,
    ExportView,
    ProofView,
    VerifyEnd,
    VerifyStep,
)
from callgate.flow.views.people import AccountView, TokenView
from callgate.flow.views.policy import CasesView, PolicyView, ProposalView
from callgate.model.base import Fact
from callgate.model.identity import Presence
from callgate.model.terms import HaltScope, Role
from callgate.model.tool import Integration


class Peer(Fact, frozen=True):
    """The process at the other end of the local socket, as the kernel says (SO_PEERCRED)."""

    uid: int
    pid: int


class TokenRequest(Fact, frozen=True):
    runtime: str
    task: str = ""
    integrations: tuple[str, ...] = ()
    """Empty: all."""
    hours: int = 8


class NewAccount(Fact, frozen=True):
    subject: str
    passphrase: str
    name: str = ""
    roles: tuple[Role, ...] = ()
    team: str = ""

    def __repr__(self) -> str:
        return f"NewAccount({self.subject!r})"


class NewPassphrase(Fact, frozen=True):
    passphrase: str

    def __repr__(self) -> str:
        return "NewPassphrase()"


class NewIntegration(Fact, frozen=True):
    """A system to connect, and what everyday rules shall say of it."""

    integration: Integration
    everyday: str = "read"
    """Highest tier for work without a task: ``read``, ``draft``, ``execute``; ``none``: rules stay as they are."""
    digest: str = ""
    """Of what was shown; empty for a look."""
    rules: str = ""
    """Token of the rules that were shown and agreed to; empty: none were."""
    breadth: str = ""
    """How far its searches may reach: ``targets`` or ``global``; empty: as the everyday rules say of all."""


class BreadthChange(Fact, frozen=True):
    """How far searches in an integration shall reach under everyday rules."""

    integration: str
    breadth: str
    """``targets`` or ``global``."""


class ToolRuling(Fact, frozen=True):
    """What a person wants a tool to count as."""

    integration: str
    tool: str
    tier: str
    """``read``, ``draft``, ``execute``, or ``own``: what manifest or rules say."""
    reason: str
    despite: bool = False
    """Below what its schema says, which the person knows."""


class ContractText(Fact, frozen=True):
    text: str
    """TOML."""
    file: str = "contract.toml"
    """For messages only; never opened."""


class LearnRequest(Fact, frozen=True):
    team: str = ""
    """Empty: the only one there is."""
    since_ms: int = 0
    integrations: tuple[str, ...] = ()
    """Empty: all; else what the rules in force say of others is kept."""
    owner: str = ""
    """Account that shall own the rules; empty: the owner of the rules in force, or who answers for observing."""


class TaskRequest(Fact, frozen=True):
    contract: str
    """Id or name of a contract or template."""
    parameters: dict[str, str] = {}
    runtime: str = "*"
    title: str = ""
    minutes: int = 0
    """0: the contract's longest."""
    parent: str = ""
    """Task to narrow."""


class Ballot(Fact, frozen=True):
    """An answer to a hold. ``digest`` is the one that was shown."""

    digest: str
    questions: tuple[str, ...] = ()
    """Question ids; empty: every open one this person may answer."""
    reason: str = ""
    """Code of a no, lower snake case."""


class HaltRequest(Fact, frozen=True):
    scope: HaltScope
    what: str = ""
    """``integration``, ``integration/tool``, account, runtime or task id; empty for the whole tenant."""
    reason: str = ""


class EventFilter(Fact, frozen=True):
    kind: str = ""
    call: str = ""
    since_ms: int = 0
    after: int = -1
    """Only events with a higher index; -1: the newest ``limit`` ones."""
    limit: int = 100
    """1 to 1000."""
    wait_ms: int = 0
    """How long to wait for the first one, at most 20,000."""


class Admin(Protocol):
    async def present(self, account: str, passphrase: str, peer: Peer) -> Presence:
        """AuthError: ``bad_passphrase`` (unknown and disabled accounts too), ``too_many_tries``."""

    async def status(self) -> StatusView: ...

    async def reload_config(self, peer: Peer) -> ReloadView:
        """By the gate's own user or root. ConfigError: nothing was changed."""

    async def doctor(self) -> tuple[CheckView, ...]: ...

    async def metrics(self) -> bytes:
        """Prometheus text, of all tenants."""

    async def issue_token(self, by: Presence, want: TokenRequest) -> TokenView: ...

    async def revoke_token(self, credential: str, peer: Peer) -> None:
        """Needs no presence, as ``halt``. Quiet when it is revoked or unknown."""

    async def accounts(self) -> tuple[AccountView, ...]: ...

    async def add_account(self, by: Presence, account: NewAccount) -> AccountView: ...

    async def disable_account(self, by: Presence, subject: str) -> AccountView: ...

    async def change_passphrase(self, by: Presence, subject: str, new: NewPassphrase) -> AccountView: ...

    async def integrations(self) -> tuple[IntegrationView, ...]: ...

    async def look_at_integration(self, by: Presence, want: NewIntegration) -> DiscoveryView:
        """Connect and read; nothing is kept, offered or in force. UpstreamError with what a local server said."""

    async def connect_integration(self, by: Presence, want: NewIntegration) -> AddedView:
        """In force with the answer. InputError ``stale_digest`` when the server says something else by now.

        ``manifest`` empty: the catalogue's manifest of that name if there is one; ``none``: no manifest.
        ``created_ms`` and ``stage`` are the gate's to set.
        """

    async def refresh_integration(self, name: str) -> DiscoveryView: ...

    async def definition_changes(self, name: str) -> DriftView:
        """Asks the server again, and shows what it says now against what was confirmed."""

    async def confirm_integration(
        self, by: Presence, name: str, digest: str, tools: tuple[str, ...] = ()
    ) -> IntegrationView:
        """InputError ``stale_digest`` when the server says something else by now. ``tools``: only these, named as in
        ChangeView; the rest stays as it was confirmed.
        """

    async def remove_integration(self, by: Presence, name: str) -> None: ...

    async def tools(self, integration: str) -> tuple[ToolView, ...]:
        """All integrations when ``integration`` is empty."""

    async def classify_tool(self, by: Presence, want: ToolRuling) -> ToolView:
        """AuthError: lowering is Security's. InputError ``schema_says_more``, ``reason_missing``, ``bad_tier``."""

    async def file_changes(self, name: str) -> tuple[ToolRuling, ...]:
        """What the integration's file in the home says otherwise than what counts."""

    async def check_contract(self, contract: ContractText) -> ContractCheckView: ...

    async def add_contract(self, by: Presence, contract: ContractText) -> ContractView: ...

    async def consent_contract(self, by: Presence, contract: str, capacity: str) -> ContractView:
        """``capacity`` empty: every one this person has."""

    async def change_breadth(self, by: Presence, want: BreadthChange) -> BreadthView:
        """The everyday rules of this person's team with another breadth; they need the consents that any rules need.
        InputError ``bad_breadth``, ``not_named``, ``targets_named``, ``breadth_unchanged``.
        """

    def learn(self, want: LearnRequest) -> AsyncIterator[LearnStep | LearnEnd]:
        """Steps, then one end: everyday rules proposed from calls that ran; changes nothing. InputError:
        ``which_team``, ``nothing_seen``, ``nothing_fits``, ``owner_needed``.
        """

    async def contracts(self) -> tuple[ContractView, ...]: ...

    async def contract(self, name: str) -> ContractView:
        """By id or name."""

    async def open_task(self, by: Presence, task: TaskRequest) -> TaskView: ...

    async def close_task(self, by: Presence, task: str) -> TaskView: ...

    async def tasks(self, state: str) -> tuple[TaskView, ...]:
        """``open``, ``closed``, or empty for all."""

    async def task(self, task: str) -> TaskView: ...

    async def holds(self, state: str) -> tuple[HoldView, ...]:
        """Oldest first; ``state`` empty: all."""

    async def hold(self, hold: str, viewer: str) -> HoldDetail:
        """``viewer``: the account that reads it, so that review time is known; may be empty."""

    async def approve_hold(self, by: Presence, hold: str, ballot: Ballot) -> VoteView:
        """InputError: ``stale_digest``, ``not_open``, ``unknown_question``. AuthError: ``not_yours``."""

    async def deny_hold(self, by: Presence, hold: str, ballot: Ballot) -> VoteView: ...

    async def events(self, which: EventFilter) -> EventsView: ...

    async def explain(self, id_: str) -> ExplainView:
        """By decision (event) id, call id or hold id."""

    async def halt(self, want: HaltRequest, peer: Peer) -> HaltView:
        """Needs no presence: stopping is the safe direction."""

    async def resume(self, by: Presence, halt: str) -> HaltView: ...

    async def halts(self) -> tuple[HaltView, ...]: ...

    async def policy(self) -> PolicyView: ...

    async def test_policy(self) -> CasesView:
        """The cases over the files as they are on disk."""

    async def propose_policy(self, by: Presence) -> ProposalView: ...

    async def approve_policy(self, by: Presence, digest: str) -> ProposalView: ...

    def verify_ledger(self, note: str) -> AsyncIterator[VerifyStep | VerifyEnd]:
        """Steps, then one end. ``note``: a checkpoint its holder kept elsewhere; may be empty."""

    async def checkpoint(self) -> CheckpointView:
        """The newest; signs one now when events came after it."""

    async def proof(self, event: str) -> ProofView: ...

    async def export_ledger(self, folder: str, peer: Peer) -> ExportView:
        """``folder``: absolute, empty or not there yet."""
