"""One envelope for the whole product: CloudEvents 1.0 names and one tagged body.

Bodies only grow: fields are never removed, renamed or reordered, new ones come last with a default, anything
else is a new tag. People, targets and receipt values stand here as pseudonyms (``p-…``, ``t-…``, ``r-…``) and
arguments as commitments; see core/ledger/seal.py. No floats; integers within 2**53 - 1; ASCII keys.
"""

from typing import get_args

from callgate.model.base import Fact
from callgate.model.event_refs import FindingRef, ObservedRef, QuestionRef, ReceiptRef


class PrincipalRef(Fact, frozen=True):
    """Who, as pseudonyms."""

    initiator: str
    runtime: str
    """Registered runtime id, in clear: it is no person."""
    runtime_kind: str
    actor: str
    chain: tuple[str, ...] = ()
    credential: str = ""


class Body(Fact, frozen=True, tag_field="kind"):
    """Base of all bodies."""


class GateStarted(Body, frozen=True, tag="gate_started"):
    version: str
    profile: str
    bundle: str
    same_host: bool
    first: bool = False
    """The very first start of this log."""
    recovered_unknown: int = 0
    config: str = ""
    """SHA-256 of the configuration file, hex."""


class GateStopped(Body, frozen=True, tag="gate_stopped"):
    reason: str


class ConfigReloaded(Body, frozen=True, tag="config_reloaded"):
    """Settings of ``config.toml`` changed while the gate ran. Names of keys only."""

    before: str
    """SHA-256 of the file that was live, hex."""
    after: str
    keys: tuple[str, ...]
    """Dotted names of what changed."""
    by: str
    """``signal`` or ``command``."""


class Restored(Body, frozen=True, tag="restored"):
    """The log goes on from a backup: what was recorded after it is not here."""

    size: int
    """Of the backup's checkpoint: the events that were brought back."""
    root: str
    """Of the backup's checkpoint, hex."""
    taken_ms: int
    """When the backup was made."""
    voided: int
    """Approved holds that were ended because their call may have run since."""


class Decided(Body, frozen=True, tag="decided"):
    effect: str
    tier: str
    integration: str
    tool: str
    pin: str
    contract: str
    task: str
    findings: tuple[FindingRef, ...]
    questions: tuple[QuestionRef, ...]
    obligations: tuple[str, ...]
    risk: int
    bundle: str
    targets: tuple[str, ...]
    domains: tuple[str, ...]
    arguments: str
    """Salted commitment to the canonical argument bytes, hex."""
    arguments_tag: str
    """Keyed monthly correlation tag, hex."""
    log_depth: str
    derived_from: str = ""
    hold: str = ""
    """Set when this decision redeems an approved hold."""
    attempt: int = 1
    observed: ObservedRef | None = None
    """None: the integration was not at stage observe."""


class Asked(Body, frozen=True, tag="asked"):
    hold: str
    questions: tuple[QuestionRef, ...]
    digest: str
    state_pin: str
    expires_ms: int


class Voted(Body, frozen=True, tag="voted"):
    hold: str
    question: str
    yes: bool
    voter: str
    method: str
    alone: bool
    digest: str
    review_ms: int


class HoldEnded(Body, frozen=True, tag="hold_ended"):
    hold: str
    state: str
    reason: str


class Finished(Body, frozen=True, tag="finished"):
    outcome: str
    duration_us: int
    result: str
    """Salted commitment to the result bytes as delivered, hex; empty: there was none."""
    result_bytes: int
    receipt: ReceiptRef | None = None


class CallUnknown(Body, frozen=True, tag="unknown"):
    reason: str
    """``crash``, ``lost``, ``timeout``, ``cancelled``, ``not_recorded``, ``closing``."""


class CallPriced(Body, frozen=True, tag="call_priced"):
    """What a call cost that was sent, whatever came of it: as its manifest prices it, not as a vendor billed it."""

    micro_usd: int


class Attached(Body, frozen=True, tag="attached"):
    """An equal call was not executed again: it joined an earlier one."""

    to_call: str


class AsksRefused(Body, frozen=True, tag="asks_refused"):
    """A server asked the client for something inside a call, and it was not passed on."""

    count: int
    methods: tuple[str, ...]
    """Of the first 64, each once; ``other``: none that the gate knows."""
    codes: tuple[str, ...]
    """Why: ``off``, ``not_declared``, ``unknown_method``, ``too_many``, ``id_used``, ``bad_inquiry``, ``bad_url``,
    ``inquiry_too_large``.
    """


class AsksSet(Body, frozen=True, tag="asks_set"):
    """What an integration may ask clients was set."""

    integration: str
    asks: tuple[str, ...]
    by: str


class RoundLinked(Body, frozen=True, tag="round_linked"):
    """This call answers what its server asked for instead of a result (2026-07-28)."""

    first: str
    """Call of the first round."""
    before: str
    """Call of the round before."""
    number: int
    """Of this round, from 2."""
    answers: int
    """Answers that were sent with it."""
    hold: str = ""
    """The approval of the first round that covers this one."""


class DenialsCounted(Body, frozen=True, tag="denials_counted"):
    """Repeated denials of one credential beyond the limit, counted instead of recorded one by one."""

    credential: str
    count: int
    from_ms: int
    to_ms: int


class AccountChanged(Body, frozen=True, tag="account_changed"):
    account: str
    change: str
    """``added``, ``passphrase``, ``disabled``."""
    by: str


class TokenIssued(Body, frozen=True, tag="token_issued"):
    credential: str
    account: str
    runtime: str
    task: str
    expires_ms: int
    method: str


class TokenRevoked(Body, frozen=True, tag="token_revoked"):
    credential: str
    by: str


class IntegrationChanged(Body, frozen=True, tag="integration_changed"):
    integration: str
    change: str
    """``added``, ``updated``, ``removed``."""
    digest: str
    by: str
    confined: bool


class PinsConfirmed(Body, frozen=True, tag="pins_confirmed"):
    integration: str
    digest: str
    tools: int
    by: str
    former: str = ""
    """Digest of what was confirmed before; empty: nothing was."""
    only: int = 0
    """So many definitions of it are new or other; 0: all of it was confirmed anew."""


class DriftSeen(Body, frozen=True, tag="drift_seen"):
    integration: str
    pinned: str
    seen: str
    tools: tuple[str, ...]
    """Held; of prompts and templates their method."""
    noted: tuple[str, ...] = ()
    newer: tuple[str, ...] = ()
    """Their confirmed definition stays in force."""
    new: tuple[str, ...] = ()


class ActorSeen(Body, frozen=True, tag="actor_seen"):
    """Whose account the target sees, as its server says."""

    integration: str
    actor: str
    """Pseudonym, as in PrincipalRef; empty: the server does not say it any more."""
    change: str
    """``first``, ``changed``, ``unknown``, ``back`` (the confirmed one again), ``confirmed``."""
    by: str = ""
    """Who confirmed it."""


class ContractAdded(Body, frozen=True, tag="contract_added"):
    contract: str
    by: str


class ContractConsented(Body, frozen=True, tag="contract_consented"):
    contract: str
    capacity: str
    """``domain:<name>`` or ``security``."""
    by: str
    alone: bool


class ToolClassified(Body, frozen=True, tag="tool_classified"):
    """A person decided the tier of a tool, or took that back."""

    integration: str
    tool: str
    tier: str
    """From now on; when it was only ``asked`` for, once it counts."""
    was: str
    """Until now."""
    own: str
    """Without a person's word: by its manifest or the rules."""
    change: str
    """``raised``, ``lowered``, ``back`` (to its own), ``asked`` (waits for a second person)."""
    definition: str
    """Digest of the pinned tool object."""
    by: str
    reason: str
    """Pseudonym of what the person said."""
    despite: bool
    """Its schema says more, and the person was told."""
    alone: bool


class TaskOpened(Body, frozen=True, tag="task_opened"):
    task: str
    contract: str
    parent: str
    runtime: str
    deadline_ms: int
    by: str


class TaskClosed(Body, frozen=True, tag="task_closed"):
    task: str
    reason: str
    by: str


class TaskBound(Body, frozen=True, tag="task_bound"):
    """A control tool narrowed a credential to a task."""

    credential: str
    task: str


class PolicyProposed(Body, frozen=True, tag="policy_proposed"):
    bundle: str
    base: str
    by: str


class PolicyApproved(Body, frozen=True, tag="policy_approved"):
    bundle: str
    base: str
    by: str
    alone: bool
    first: bool = False


class Halted(Body, frozen=True, tag="halted"):
    halt: str
    scope: str
    what: str
    """Integration or tool name in clear; people and tasks as pseudonyms or ids."""
    by: str


class Resumed(Body, frozen=True, tag="resumed"):
    halt: str
    by: str


EventBody = (
    GateStarted | GateStopped | Decided | Asked | Voted | HoldEnded | Finished | CallUnknown | Attached | DenialsCounted
    | AsksRefused | AsksSet | RoundLinked
    | AccountChanged | TokenIssued | TokenRevoked | IntegrationChanged | PinsConfirmed | DriftSeen | ToolClassified
    | ContractAdded | ContractConsented | TaskOpened | TaskClosed | TaskBound | PolicyProposed | PolicyApproved
    | Halted | Resumed | ConfigReloaded | Restored | ActorSeen | CallPriced
)  # fmt: skip
KINDS = tuple(sorted(str(body.__struct_config__.tag) for body in get_args(EventBody)))
"""Of all events."""


class NewEvent(Fact, frozen=True):
    """An event before the store gave it its writer and writer sequence."""

    id: str
    """``ev-`` and 26 characters, time-ordered."""
    at_ms: int
    body: EventBody
    call: str = ""
    principal: PrincipalRef | None = None
    same_host: bool = False


class EventData(Fact, frozen=True):
    writer: str
    """Random id of the writing process, new at each start."""
    writer_seq: int
    """1, 2, 3 … per writer; a gap proves a loss."""
    tenant: str
    call: str
    principal: PrincipalRef | None
    same_host: bool
    body: EventBody


class Event(Fact, frozen=True):
    """The stored form. Its canonical bytes are the leaf; its leaf index is not part of it."""

    specversion: str
    id: str
    source: str
    """``callgate/<tenant>``."""
    type: str
    """``callgate.<kind>.v1``."""
    time: str
    """RFC 3339, UTC, milliseconds."""
    datacontenttype: str
    data: EventData
