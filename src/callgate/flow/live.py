"""Live state of one tenant: what decisions read, mirrored in memory from the rows and changed only by committed units."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from callgate.core.contract import ContractRules, compile_contract
from callgate.core.decide import Rules, compile_rules
from callgate.core.domains import DomainMap
from callgate.core.observe import ends_ms
from callgate.core.toolbox import Toolbox
from callgate.flow.rows import decode_body, noun
from callgate.flow.serving import Listing
from callgate.model.bundle import Bundle
from callgate.model.call import Call
from callgate.model.classification import Ruling
from callgate.model.contract import Contract, Task
from callgate.model.drift import NO_DRIFT, DefinitionFinding, Drift
from callgate.model.hold import Hold
from callgate.model.identity import Account, Credential, Runtime
from callgate.model.manifest import WhoAmI
from callgate.model.record import Consent, Denial, Halt, Proposal, Revocation, TaskBinding
from callgate.model.store import Delete, Kind, OpenCall, Put, Row
from callgate.model.terms import Breadth, HaltScope, HoldState, Stage, Tier
from callgate.model.tool import Integration, IntegrationPin

OPEN_HOLDS = (HoldState.OPEN, HoldState.APPROVED, HoldState.EXECUTING)
LIVE_BUNDLE = "live_bundle"
MOST_REMEMBERED = 10_000


@dataclass
class Connected:
    """One integration as served: its pin, compiled tools, and what clients are shown."""

    integration: Integration
    pin: IntegrationPin | None
    toolbox: Toolbox
    listing: Listing
    drift: Drift = NO_DRIFT
    """What the server says now, against the pin."""
    drift_untold: bool = False
    """The ledger does not say so yet."""
    drift_told: tuple[int, ...] = ()
    """When it was told last, in milliseconds."""
    findings: tuple[DefinitionFinding, ...] | None = None
    """In the confirmed definitions; None: nobody wanted to see them yet."""
    stateful: bool = True
    """The server may keep state in a session; False only where a verified manifest says so."""
    whoami: WhoAmI | None = None
    """How to ask whose account the target sees; None: nobody knows."""
    account: str = ""
    """The one that it sees; empty: it is not known."""
    account_problem: str = ""
    """As in Facts."""
    misses: int = 0
    """Looks in a row that brought no account."""
    manifest_problem: str = ""
    """Why the manifest it asks for does not count in full: ``broken``, ``unapproved``, ``unrecognised``."""

    @property
    def actor(self) -> str:
        """Account that the target sees: as its server says, else as it was configured."""
        return self.account or self.integration.actor


@dataclass
class Live:
    """Plain dictionaries by key. ``epoch`` counts every change that may alter a verdict already taken."""

    epoch: int = 0
    versions: dict[tuple[Kind, str], int] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    integrations: dict[str, Integration] = field(default_factory=dict)
    pins: dict[str, IntegrationPin] = field(default_factory=dict)
    connected: dict[str, Connected] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)
    """Integrations whose definitions may read otherwise since they were looked at: nothing is sent before they are."""
    contracts: dict[str, ContractRules] = field(default_factory=dict)
    templates: dict[str, Contract] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    """When each contract was added, in milliseconds."""
    consents: dict[str, dict[str, Consent]] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    bindings: dict[str, TaskBinding] = field(default_factory=dict)
    denials: dict[str, Denial] = field(default_factory=dict)
    halts: dict[str, Halt] = field(default_factory=dict)
    revocations: dict[str, Revocation] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    rulings: dict[str, dict[str, Ruling]] = field(default_factory=dict)
    """By integration and tool."""
    holds: dict[str, Hold] = field(default_factory=dict)
    """All that are not over, and executed ones until they are collected or expired."""
    equal_holds: dict[str, str] = field(default_factory=dict)
    open_calls: dict[str, OpenCall] = field(default_factory=dict)
    equal_calls: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Equal tag -> ids of open calls, oldest first, for tools that are not idempotent."""
    bundle: Bundle | None = None
    _remembered: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _remembered_epoch: int = -1
    _marks: int = 0
    rules: Rules | None = None
    domains: DomainMap = field(default_factory=lambda: DomainMap(()))
    stages: dict[str, Stage] = field(default_factory=dict)
    observing: dict[str, int] = field(default_factory=dict)
    """When the stage observe of an integration ends, in milliseconds."""
    runtimes: dict[str, Runtime] = field(default_factory=dict)
    """Registered runtimes by id."""

    def load(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.versions[row.kind, row.key] = row.version
            if row.kind is Kind.CONTRACT:
                self.added[row.key] = row.at_ms
            self._set(row.kind, row.key, noun(row))

    def apply(self, changes: Iterable[object]) -> None:
        """Mirror the row changes of a committed unit. A change older than what is here is ignored."""
        for change in changes:
            if isinstance(change, Put):
                known = self.versions.get((change.kind, change.key), 0)
                version = known + 1 if change.expect is None else change.expect + 1
                if version <= known:
                    continue
                self.versions[change.kind, change.key] = version
                if change.kind is Kind.CONTRACT:
                    self.added[change.key] = change.at_ms
                self._set(change.kind, change.key, decode_body(change.kind, change.body))
            elif isinstance(change, Delete):
                self.versions.pop((change.kind, change.key), None)
                self._unset(change.kind, change.key)

    def unsettle(self, integration: str) -> None:
        """Its definitions may read otherwise from now on. A look that began before counts no more."""
        self._marks += 1
        self.unseen[integration] = self._marks

    def version(self, kind: Kind, key: str) -> int:
        return self.versions.get((kind, key), 0)

    def use(self, bundle: Bundle) -> None:
        """Make a bundle the live one."""
        self.rules = compile_rules(bundle)
        self.domains = DomainMap(bundle.domains)
        self.stages = {name: Stage(stage) for name, stage in bundle.stages}
        self.observing = {one.name: ends_ms(one.until) for one in bundle.observing}
        self.runtimes = {runtime.id: runtime for runtime in bundle.runtimes}
        self.bundle = bundle
        self.epoch += 1

    def stage(self, integration: str, now_ms: int) -> Stage:
        """A missing stage is read, and so is observe when its time is over."""
        stage = self.stages.get(integration, self.stages.get("*", Stage.READ))
        if stage is Stage.OBSERVE and now_ms >= self.observing.get(integration, 0):
            return Stage.READ
        return stage

    def opened(self, call: OpenCall) -> None:
        self.open_calls[call.call_id] = call
        if not call.idempotent:
            others = self.equal_calls.get(call.equal, ())
            if call.call_id not in others:
                self.equal_calls[call.equal] = (*others, call.call_id)

    def closed(self, call_id: str) -> None:
        call = self.open_calls.pop(call_id, None)
        if call is None or call.idempotent:
            return
        others = tuple(other for other in self.equal_calls.pop(call.equal, ()) if other != call_id)
        if others:
            self.equal_calls[call.equal] = others

    def halts_for(self, call: Call) -> tuple[str, ...]:
        if not self.halts:
            return ()
        who, tool = call.principal, f"{call.integration}/{call.tool}"
        subject, runtime = who.initiator.subject, who.runtime.id
        return tuple(
            halt.id
            for halt in self.halts.values()
            if _matches(halt, call.integration, subject, runtime, tool=tool, task=call.task)
        )

    def halted(self, credential: Credential, integration: str) -> bool:
        """Everything that this login could do there is halted."""
        subject, runtime = credential.initiator.subject, credential.runtime.id
        return any(_matches(halt, integration, subject, runtime) for halt in self.halts.values())

    def revoked(self, credential: str, subject: str, issued_ms: int) -> bool:
        if not self.revocations:
            return False
        if credential in self.revocations:
            return True
        person = self.revocations.get(f"subject:{subject}")
        return person is not None and issued_ms <= person.at_ms

    def everyday(self, team: str) -> str:
        """Id of the team's everyday contract: the newest one with all consents; empty: none. Any team when empty."""
        found = [
            (self.added.get(key, 0), key)
            for key, rules in self.contracts.items()
            if rules.contract.everyday and team in ("", rules.contract.team) and self.active(key)
        ]
        return max(found)[1] if found else ""

    def remembered(self) -> dict[tuple[str, ...], Any]:
        """A place for what follows from this state alone; emptied with every change."""
        if self._remembered_epoch != self.epoch or len(self._remembered) > MOST_REMEMBERED:
            self._remembered_epoch = self.epoch
            self._remembered = {}
        return self._remembered

    def active(self, contract: str) -> bool:
        """All consents are there. An instance of a template is covered by the template's."""
        rules = self.contracts.get(contract)
        found = rules.contract if rules is not None else self.templates.get(contract)
        if found is None:
            return False
        given = self.consents.get(contract, {})
        if all(capacity in given for capacity in capacities(found)):
            return True
        return found.parent in self.templates and self.active(found.parent)

    def _set(self, kind: Kind, key: str, value: Any) -> None:
        self.epoch += kind is not Kind.HOLD
        match kind:
            case Kind.CONTRACT if value.parameters:
                self.templates[key] = value
            case Kind.CONTRACT:
                self.contracts[key] = compile_contract(value)
            case Kind.CONSENT:
                self.consents.setdefault(value.contract, {})[value.capacity] = value
            case Kind.HOLD:
                self._set_hold(value)
            case Kind.SETTING:
                self.settings[value.name] = value.value
            case Kind.RULING:
                self.rulings.setdefault(value.integration, {})[value.tool] = value
            case Kind.BUNDLE:
                pass
            case _:
                self._table(kind)[key] = value

    def _unset(self, kind: Kind, key: str) -> None:
        self.epoch += 1
        if kind is Kind.HOLD:
            hold = self.holds.pop(key, None)
            if hold is not None:
                self.equal_holds.pop(hold.equal, None)
        elif kind is Kind.CONTRACT:
            self.contracts.pop(key, None)
            self.templates.pop(key, None)
        elif kind is Kind.CONSENT:
            contract, _, capacity = key.partition("|")
            self.consents.get(contract, {}).pop(capacity, None)
        elif kind is Kind.RULING:
            integration, _, tool = key.partition("|")
            self.rulings.get(integration, {}).pop(tool, None)
        else:
            self._table(kind).pop(key, None)

    def _set_hold(self, hold: Hold) -> None:
        waiting = hold.state in OPEN_HOLDS or (hold.state is HoldState.EXECUTED and not hold.ended)
        if waiting:
            self.holds[hold.id] = hold
            self.equal_holds[hold.equal] = hold.id
        else:
            self.holds.pop(hold.id, None)
            if self.equal_holds.get(hold.equal) == hold.id:
                del self.equal_holds[hold.equal]

    def _table(self, kind: Kind) -> dict[str, Any]:
        tables: dict[Kind, dict[str, Any]] = {
            Kind.ACCOUNT: self.accounts,
            Kind.INTEGRATION: self.integrations,
            Kind.PIN: self.pins,
            Kind.TASK: self.tasks,
            Kind.BINDING: self.bindings,
            Kind.DENIAL: self.denials,
            Kind.HALT: self.halts,
            Kind.REVOCATION: self.revocations,
            Kind.PROPOSAL: self.proposals,
        }
        return tables[kind]


def capacities(contract: Contract) -> tuple[str, ...]:
    """Whose consent a contract needs: the owner of each domain, and Security for execute (DESIGN section 5) and for
    what no owner can speak for: a team's everyday rules, searches over everything, rules that name no domain.
    """
    from_domains = tuple(f"domain:{name}" for name in contract.domains)
    roams = Breadth.GLOBAL in (contract.breadth, *(scope.breadth for scope in contract.scopes))
    beyond = contract.everyday or roams or not contract.domains
    return (*from_domains, "security") if contract.max_tier is Tier.EXECUTE or beyond else from_domains


def _matches(halt: Halt, integration: str, subject: str, runtime: str, *, tool: str = "", task: str = "") -> bool:
    match halt.scope:
        case HaltScope.TENANT:
            return True
        case HaltScope.INTEGRATION:
            return halt.what == integration
        case HaltScope.TOOL:
            return bool(tool) and halt.what == tool
        case HaltScope.INITIATOR:
            return halt.what == subject
        case HaltScope.RUNTIME:
            return halt.what == runtime
        case HaltScope.TASK:
            return bool(task) and halt.what == task
