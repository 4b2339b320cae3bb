"""What is known before a decision, read by flow and handed to ``decide`` (the PIP's answer)."""

from callgate.model.base import Fact
from callgate.model.contract import Task
from callgate.model.hold import Approval
from callgate.model.terms import Profile, Stage


class Facts(Fact, frozen=True):
    """Everything outside the call that a verdict may depend on. The same facts give the same decision."""

    now_ms: int
    stage: Stage
    """The one that counts now: an observe stage whose time is over is ``READ``."""
    profile: Profile
    bundle: str
    """Digest of the live bundle."""
    pinned: str = ""
    """Digest of the tool's confirmed definition; empty: the tool is unknown or was never confirmed."""
    drifted: bool = False
    """The server now sends another definition than the confirmed one."""
    contract_problem: str = ""
    """Code when the contract cannot be used: ``unknown``, ``awaiting_consent``, ``is_template``,
    ``not_yours``, ``not_this_runtime``."""
    task: Task | None = None
    task_problem: str = ""
    """Code when a named task cannot be used: ``unknown_task``, ``foreign_task``, ``closed_task``,
    ``task_over``, ``wider_task``, ``task_conflict``."""
    credential_problem: str = ""
    """``revoked``, ``expired``, ``account_disabled``, ``not_this_integration``."""
    halts: tuple[str, ...] = ()
    """Ids of the halts that match this call."""
    exhausted: tuple[str, ...] = ()
    """Counters the store found at their limit: ``rate:…``, ``calls:…``, ``holds:…``."""
    retry_after_ms: int = 0
    twin: str = ""
    """An equal call of a non-idempotent tool is ``started`` or ``unknown`` elsewhere; empty: none."""
    denied_until_ms: int = 0
    """A person denied the same thing before; it sticks until then."""
    approval: Approval | None = None
    round_problem: str = ""
    """Code when the call is no next round of the one it says: ``round_unknown``, ``round_over``, ``round_limit``."""
    drift: str = ""
    """What became of the definition: ``newer`` (it takes more than was confirmed), ``changed``, ``gone``, ``server`` (it
    is another one), ``unreadable``; empty: nothing that matters."""
    observe_over: bool = False
    """The integration is at ``READ`` because the time of its stage observe is over."""
    account_problem: str = ""
    """``changed``: the target sees another account than the confirmed one; ``unknown``: its server does not say any more."""
