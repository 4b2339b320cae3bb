"""Contracts, and tasks under them, as people are shown it."""

from callgate.model.base import Fact


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
    notes: tuple[str, ...] = ()
    """What it names that nothing here has, one sentence each: a typo, or something that comes later."""
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
