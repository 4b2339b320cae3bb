"""Which task and contract a call belongs to (DESIGN section 5, "Binding")."""

from collections.abc import Callable

from callgate.model.base import Fact
from callgate.model.contract import Contract, Task


class Binding(Fact, frozen=True):
    """``problem`` is a code of model.facts (``task_problem``); with one, nothing may be executed."""

    contract: str = ""
    task: str = ""
    problem: str = ""


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
    contracts: Callable[[str], Contract | None],
) -> Binding:
    raise NotImplementedError
