"""A call on its way to judgement, and what a login brings to each of its calls."""

from callgate.core.binding import Binding
from callgate.model.base import Fact
from callgate.model.call import Call
from callgate.model.identity import Credential, Principal
from callgate.model.inquiry import Continued


class Prepared(Fact, frozen=True):
    """One resolved call and what was found wrong on the way; still judged by every gate."""

    call: Call
    binding: Binding
    credential: Credential
    contract_problem: str | None = None
    """``Facts.contract_problem`` as far as known already."""
    continued: Continued | None = None
    """As in Request, opened."""
    narrows: bool = False
    """A narrower call comes in its place when nothing but its reach stops it."""


class Caller(Fact, frozen=True):
    """What a login brings to each of its calls of one integration while nothing changes."""

    principal: Principal
    binding: Binding | None
    """Under everyday rules; None: the login is bound to a task, which is looked up each time."""
    problem: str
    """``Facts.contract_problem`` under everyday rules."""
