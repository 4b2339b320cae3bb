"""The policy bundle, as people are shown it."""

from callgate.model.base import Fact


class PolicyFileView(Fact, frozen=True):
    name: str
    state: str
    """``live``, or against the live bundle ``added``, ``changed``, ``removed``, ``broken``."""
    problem: str = ""


class CaseView(Fact, frozen=True):
    name: str
    file: str
    passed: bool
    want: str
    got: str


class CasesView(Fact, frozen=True):
    cases: tuple[CaseView, ...]
    passed: int
    failed: int
    problem: str = ""
    """The files cannot be loaded, so no case ran."""


class ProposalView(Fact, frozen=True):
    digest: str
    base: str
    by: str
    at_ms: int
    changes: tuple[str, ...]
    """A sentence for each part that differs, followed by its lines that go (``-``) and come (``+``)."""
    state: str
    """``open``, ``approved``, ``void``."""
    who: tuple[str, ...] = ()
    """Accounts that may approve it."""
    cases: CasesView | None = None


class PolicyView(Fact, frozen=True):
    digest: str
    profile: str
    files: tuple[PolicyFileView, ...]
    proposals: tuple[ProposalView, ...]
