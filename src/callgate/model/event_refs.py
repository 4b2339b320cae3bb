"""What bodies of events say of findings, questions, receipts: parts of model/event.py, under its rules."""

from callgate.model.base import Fact


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
