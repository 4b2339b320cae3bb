"""Which task and contract a call belongs to (DESIGN section 5, "Binding").

The token's task is final. A header, a URL or the control tool may only name an open task of the same initiator and
runtime that is equal or narrower. A named but bad task is a problem, never the everyday contract.
"""

from collections.abc import Callable

from callgate.core.contract import narrows
from callgate.model.base import Fact
from callgate.model.contract import Contract, Task
from callgate.model.terms import TaskState

ContractOf = Callable[[str], Contract | None]


class Binding(Fact, frozen=True):
    """What a call belongs to. With a ``problem`` nothing may be executed, and ``contract`` and ``task`` are empty."""

    contract: str = ""
    task: str = ""
    """Empty: the everyday contract."""
    problem: str = ""
    """``Facts.task_problem``."""
    contract_problem: str = ""
    """``Facts.contract_problem``; ``contract`` and ``task`` then name what could not be used."""


def bind(
    token_task: str,
    named: tuple[str, ...],
    bound: str,
    lookup: Callable[[str], Task | None],
    everyday: str,
    *,
    issuer: str,
    initiator: str,
    runtime: str,
    now_ms: int,
    contracts: ContractOf,
) -> Binding:
    """``named``: header and URL; ``bound``: narrowed by the control tool; ``everyday``: contract id of the team.

    ``lookup`` and ``contracts`` see one tenant. Each source may only narrow the one before it: token, then header or
    URL, then control tool. The tasks of all of them must be usable, so a task never outlives the one it narrows.
    """
    names = tuple(dict.fromkeys(name for name in named if name))
    if len(names) > 1:
        return Binding(problem="task_conflict")
    sources = tuple(dict.fromkeys(name for name in (token_task, *names, bound) if name))
    if not sources:
        return _with_contract(everyday, "", initiator, runtime, contracts)
    chosen: Task | None = None
    for name in sources:
        task = lookup(name)
        problem = task_problem(task, issuer, initiator, runtime, now_ms)
        if problem or task is None:
            return Binding(problem=problem)
        if chosen is not None and not _narrower(task, chosen, contracts):
            # A task that the token does not cover is wider; two names that disagree are a conflict.
            return Binding(problem="wider_task" if token_task else "task_conflict")
        chosen = task
    assert chosen is not None
    return _with_contract(chosen.contract, chosen.id, initiator, runtime, contracts)


def task_problem(task: Task | None, issuer: str, initiator: str, runtime: str, now_ms: int) -> str:
    """Why this person may not work under this task from this runtime now; empty: they may."""
    if task is None:
        return "unknown_task"
    if (task.issuer, task.initiator) != (issuer, initiator) or task.runtime not in {"*", runtime}:
        return "foreign_task"
    if task.state is not TaskState.OPEN:
        return "closed_task"
    return "task_over" if now_ms >= task.deadline_ms else ""


def contract_problem(contract: Contract | None, initiator: str, runtime: str) -> str:
    """Why this contract cannot be used by them; empty: it can. Consent is not looked at here."""
    if contract is None:
        return "unknown"
    if contract.parameters:
        return "is_template"
    if "*" not in contract.initiators and initiator not in contract.initiators:
        return "not_yours"
    return "" if "*" in contract.runtimes or runtime in contract.runtimes else "not_this_runtime"


def _narrower(task: Task, than: Task, contracts: ContractOf) -> bool:
    if task.contract == than.contract:
        return True
    child, parent = contracts(task.contract), contracts(than.contract)
    return child is not None and parent is not None and not narrows(child, parent)


def _with_contract(contract: str, task: str, initiator: str, runtime: str, contracts: ContractOf) -> Binding:
    found = contracts(contract) if contract else None
    problem = contract_problem(found, initiator, runtime)
    if not problem and not task and found is not None and not found.everyday:
        problem = "unknown"
    return Binding(contract=contract, task=task, contract_problem=problem)
