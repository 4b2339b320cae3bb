"""An Admin with a small, fixed world: one gate, two people, a held commit. It remembers the acts it was asked for."""

from collections.abc import AsyncIterator

import msgspec

from callgate.flow.admin import (
    Ballot,
    BreadthChange,
    ContractText,
    EventFilter,
    HaltRequest,
    LearnRequest,
    NewAccount,
    NewIntegration,
    NewPassphrase,
    Peer,
    TaskRequest,
    TokenRequest,
    ToolRuling,
)
from callgate.flow.views.contracts import ContractCheckView, ContractProblem, ContractView, TaskView
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
from callgate.flow.views.policy import CasesView, PolicyFileView, PolicyView, ProposalView
from callgate.model.errors import AuthError, ConfigError, InputError, StoreError, UpstreamError
from callgate.model.identity import Presence
from tests.fakes.shown import (
    CASES,
    CHECKPOINT,
    CONTRACT,
    DETAIL,
    DIGEST,
    DISCOVERY,
    DRIFT,
    EVENTS,
    EXPLAIN,
    HALT,
    HOLD,
    INTEGRATION,
    LEARNED,
    NOW,
    OTHER,
    PROPOSAL,
    STATUS,
    TASK,
    TOOLS,
)

PASSPHRASE = "correct horse"


class FakeAdmin:
    """``acts`` holds (name, arguments) of everything that changes something."""

    def __init__(self) -> None:
        self.acts: list[tuple[object, ...]] = []
        self.drift: DriftView | None = None
        """What the next look at definitions shows."""
        self.tries: list[tuple[str, Peer]] = []
        self.account_list: tuple[AccountView, ...] = (
            AccountView(subject="ana", name="Ana", roles=("security",), team="web", created_ms=NOW),
        )
        self.hold_list: tuple[HoldView, ...] = (HOLD,)
        self.integration_list: tuple[IntegrationView, ...] = (INTEGRATION,)
        self.tool_list: tuple[ToolView, ...] = TOOLS
        self.discovery = DISCOVERY
        self.reach_fault: UpstreamError | None = None
        self.file_list: tuple[ToolRuling, ...] = ()
        self.vote = VoteView(
            hold="hold-1", state="open", answered=("q-1",), open=(OTHER,), alone=False, next="Wait for Ben."
        )
        self.endpoint = STATUS.endpoint
        self.verify_fault: Exception | None = None
        self.verify_ok = True

    async def present(self, account: str, passphrase: str, peer: Peer) -> Presence:
        self.tries.append((account, peer))
        if passphrase != PASSPHRASE:
            raise AuthError("The account or the passphrase is wrong.", code="bad_passphrase")
        return Presence(subject=account, issuer="local", method="passphrase", at_ms=NOW, same_host=True)

    async def status(self) -> StatusView:
        return STATUS

    async def reload_config(self, peer: Peer) -> ReloadView:
        self.acts.append(("reload", peer.uid))
        return ReloadView(digest="c" * 64, keys=("limits.calls",), listening="127.0.0.1:8700")

    async def metrics(self) -> bytes:
        return b"callgate_calls_in_flight 0.0\n"

    async def doctor(self) -> tuple[CheckView, ...]:
        return (
            CheckView(code="clock", state="ok", text="The clock runs forward."),
            CheckView(code="keys", state="fail", text="A key is readable by others.", todo="chmod 600 keys/*"),
        )

    async def issue_token(self, by: Presence, want: TokenRequest) -> TokenView:
        self.acts.append(("issue_token", by.subject, want))
        return TokenView(
            token="head.body.sign",
            credential="c" * 32,
            account=by.subject,
            runtime=want.runtime,
            expires_ms=4_000_000_000_000,
            endpoint=self.endpoint,
            task=want.task,
            integrations=want.integrations,
        )

    async def revoke_token(self, credential: str, peer: Peer) -> None:
        self.acts.append(("revoke_token", credential))

    async def accounts(self) -> tuple[AccountView, ...]:
        return self.account_list

    async def add_account(self, by: Presence, account: NewAccount) -> AccountView:
        self.acts.append(("add_account", by.subject, account))
        roles = tuple(str(role) for role in account.roles)
        return AccountView(subject=account.subject, name=account.name, roles=roles, team=account.team, created_ms=NOW)

    async def disable_account(self, by: Presence, subject: str) -> AccountView:
        self.acts.append(("disable_account", by.subject, subject))
        return AccountView(subject=subject, name="Ana", roles=(), team="", created_ms=NOW, disabled=True)

    async def change_passphrase(self, by: Presence, subject: str, new: NewPassphrase) -> AccountView:
        self.acts.append(("change_passphrase", by.subject, subject, new))
        return self.account_list[0]

    async def integrations(self) -> tuple[IntegrationView, ...]:
        return self.integration_list

    async def look_at_integration(self, by: Presence, want: NewIntegration) -> DiscoveryView:
        self.acts.append(("look_at_integration", by.subject, want))
        if self.reach_fault is not None:
            raise self.reach_fault
        return self.discovery

    async def connect_integration(self, by: Presence, want: NewIntegration) -> AddedView:
        self.acts.append(("connect_integration", by.subject, want))
        return AddedView(
            integration=INTEGRATION, file="/srv/home/integrations/git.toml", rules=("The rules everyday name it now.",)
        )

    async def file_changes(self, name: str) -> tuple[ToolRuling, ...]:
        return self.file_list

    async def refresh_integration(self, name: str) -> DiscoveryView:
        self.acts.append(("refresh_integration", name))
        return DISCOVERY

    async def definition_changes(self, name: str) -> DriftView:
        self.acts.append(("definition_changes", name))
        return self.drift or msgspec.structs.replace(DRIFT, integration=name)

    async def confirm_integration(
        self, by: Presence, name: str, digest: str, tools: tuple[str, ...] = ()
    ) -> IntegrationView:
        self.acts.append(("confirm_integration", by.subject, name, digest, *tools))
        return INTEGRATION

    async def remove_integration(self, by: Presence, name: str) -> None:
        self.acts.append(("remove_integration", by.subject, name))

    async def tools(self, integration: str) -> tuple[ToolView, ...]:
        return tuple(tool for tool in self.tool_list if integration in {"", tool.integration})

    async def classify_tool(self, by: Presence, want: ToolRuling) -> ToolView:
        self.acts.append(("classify_tool", by.subject, want))
        return msgspec.structs.replace(TOOLS[0], tier=want.tier, own_tier="execute", decided_by="person")

    async def check_contract(self, contract: ContractText) -> ContractCheckView:
        if "problem" in contract.text:
            wrong = ContractProblem(key="max_teir", message="unknown key; did you mean max_tier?", file=contract.file)
            return ContractCheckView(problems=(wrong,), contract=None)
        notes = ("No integration gti is connected. Did you mean git?",) if "gti" in contract.text else ()
        return ContractCheckView(problems=(), contract=msgspec.structs.replace(CONTRACT, notes=notes))

    async def add_contract(self, by: Presence, contract: ContractText) -> ContractView:
        self.acts.append(("add_contract", by.subject, contract))
        return CONTRACT

    async def consent_contract(self, by: Presence, contract: str, capacity: str) -> ContractView:
        self.acts.append(("consent_contract", by.subject, contract, capacity))
        return CONTRACT

    async def change_breadth(self, by: Presence, want: BreadthChange) -> BreadthView:
        self.acts.append(("change_breadth", by.subject, want))
        return BreadthView(
            integration=want.integration,
            breadth=want.breadth,
            contract=CONTRACT.id,
            says=("The rules everyday let searches go on.", "They wait for ben."),
            waits_for=("ben as security",),
        )

    async def contracts(self) -> tuple[ContractView, ...]:
        return (CONTRACT,)

    async def contract(self, name: str) -> ContractView:
        if name not in {CONTRACT.id, CONTRACT.name}:
            raise InputError("There is no such contract.", code="not_found", hint="List them: callgate contract list")
        return CONTRACT

    async def open_task(self, by: Presence, task: TaskRequest) -> TaskView:
        self.acts.append(("open_task", by.subject, task))
        return TASK

    async def close_task(self, by: Presence, task: str) -> TaskView:
        self.acts.append(("close_task", by.subject, task))
        return TASK

    async def tasks(self, state: str) -> tuple[TaskView, ...]:
        return tuple(task for task in (TASK,) if state in {"", task.state})

    async def task(self, task: str) -> TaskView:
        return TASK

    async def holds(self, state: str) -> tuple[HoldView, ...]:
        return tuple(hold for hold in self.hold_list if state in {"", hold.state})

    async def hold(self, hold: str, viewer: str) -> HoldDetail:
        self.acts.append(("hold", hold, viewer))
        if hold != HOLD.id:
            raise InputError("There is no such hold.", code="not_found", hint="List them: callgate holds list")
        return DETAIL

    async def approve_hold(self, by: Presence, hold: str, ballot: Ballot) -> VoteView:
        self.acts.append(("approve_hold", by.subject, hold, ballot))
        if ballot.digest != DIGEST:
            raise InputError("The hold changed since it was shown.", code="stale_digest", hint="Show it again.")
        return self.vote

    async def deny_hold(self, by: Presence, hold: str, ballot: Ballot) -> VoteView:
        self.acts.append(("deny_hold", by.subject, hold, ballot))
        return VoteView(hold=hold, state="denied", answered=("q-1",), open=(), alone=False, next="Nothing will run.")

    async def events(self, which: EventFilter) -> EventsView:
        found = tuple(event for event in EVENTS if event.index > which.after and which.kind in {"", event.kind})
        return EventsView(events=found[: which.limit], next=max((event.index for event in found), default=which.after))

    async def explain(self, id_: str) -> ExplainView:
        if id_ == "leak":
            raise ValueError("secret value 12345")
        if id_ == "store":
            raise StoreError("The store does not answer.")
        return EXPLAIN

    async def halt(self, want: HaltRequest, peer: Peer) -> HaltView:
        self.acts.append(("halt", want))
        return HALT

    async def resume(self, by: Presence, halt: str) -> HaltView:
        self.acts.append(("resume", by.subject, halt))
        return HALT

    async def halts(self) -> tuple[HaltView, ...]:
        return (HALT,)

    async def policy(self) -> PolicyView:
        return PolicyView(
            digest="b" * 64,
            profile="solo",
            files=(
                PolicyFileView(name="base.cedar", state="live"),
                PolicyFileView(name="git.cedar", state="changed"),
            ),
            proposals=(PROPOSAL,),
        )

    async def test_policy(self) -> CasesView:
        return CASES

    async def propose_policy(self, by: Presence) -> ProposalView:
        self.acts.append(("propose_policy", by.subject))
        return PROPOSAL

    async def approve_policy(self, by: Presence, digest: str) -> ProposalView:
        self.acts.append(("approve_policy", by.subject, digest))
        if digest != PROPOSAL.digest:
            raise ConfigError("The files changed since.", file="git.cedar", key="@id", hint="Propose again.")
        return PROPOSAL

    async def learn(self, want: LearnRequest) -> AsyncIterator[LearnStep | LearnEnd]:
        if want.team not in ("", "web"):
            raise InputError("No rules are of this team. Known: web.", code="which_team")
        self.acts.append(("learn", want.integrations, want.owner))
        yield LearnStep(checked=1, of=2)
        yield LEARNED

    async def verify_ledger(self, note: str) -> AsyncIterator[VerifyStep | VerifyEnd]:
        yield VerifyStep(checked=1, of=2)
        if self.verify_fault is not None:
            raise self.verify_fault
        consistency = "a checkpoint of size 2" if note else "internal consistency only"
        if self.verify_ok:
            yield VerifyEnd(ok=True, events=2, root="a" * 64, consistency=consistency)
        else:
            yield VerifyEnd(
                ok=False,
                events=2,
                root="a" * 64,
                consistency=consistency,
                bad_index=1,
                bad_event="ev-1",
                problem="The event was changed.",
            )

    async def checkpoint(self) -> CheckpointView:
        return CHECKPOINT

    async def proof(self, event: str) -> ProofView:
        return ProofView(event=event, index=1, size=2, proof='{"kind":"inclusion","event":"ev-1"}')

    async def export_ledger(self, folder: str, peer: Peer) -> ExportView:
        self.acts.append(("export_ledger", folder))
        return ExportView(folder=folder, events=2, files=3, size=2)
