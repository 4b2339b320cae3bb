"""What the bodies of events refer to: people, findings, questions and receipts, as they stand in the ledger."""

from callgate.model.base import Fact


class PrincipalRef(Fact, frozen=True):
    """Who, as pseudonyms."""

    initiator: str
    runtime: str
    """Registered runtime id, in clear: it is no person."""
    runtime_kind: str
    actor: str
    chain: tuple[str, ...] = ()
    credential: str = ""


class FindingRef(Fact, frozen=True):
    gate: str
    code: str
    effect: str
    path: str = ""
    discharged: bool = False
    shadow: bool = False


class QuestionRef(Fact, frozen=True):
    id: str
    ask: str
    ask_of: str
    findings: tuple[str, ...]


class ReceiptRef(Fact, frozen=True):
    """Normalised evidence of a side effect: (name, pseudonym) pairs."""

    values: tuple[tuple[str, str], ...]
    source: str
    """``manifest`` or ``none`` (an execute call without evidence)."""


class ObservedRef(Fact, frozen=True):
    """What a call of an integration at stage observe would have met in production."""

    stage: str
    """``observe``."""
    would: str
    """The effect: ``allow``, ``hold`` or ``deny``."""
    findings: tuple[str, ...]
    """``gate/code/path`` of the findings that were recorded and not enforced; they stand as shadow above."""
