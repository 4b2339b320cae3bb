"""What the ledger holds, and what proves it, as people are shown it."""

from typing import Any

from callgate.flow.views.holds import QuestionView
from callgate.model.base import Fact


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
