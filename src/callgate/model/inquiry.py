"""What a server asks back inside a call (MCP client features: elicitation, sampling, roots)."""

from collections.abc import Awaitable, Callable
from typing import Any

from callgate.model.base import Fact

ELICIT, SAMPLE, ROOTS = "elicitation/create", "sampling/createMessage", "roots/list"
ASKS = {"elicitation": ELICIT, "sampling": SAMPLE, "roots": ROOTS}
"""What an integration may be allowed to ask, and the method it asks with."""


class Inquiry(Fact, frozen=True):
    """One request of a server, checked: in the server's words, and nothing of it decides anything."""

    method: str
    params: dict[str, Any]
    """What the client is shown: the known members only."""
    schema: dict[str, Any]
    """JSON Schema of the answer that may leave."""


Inquire = Callable[[Inquiry], Awaitable[dict[str, Any] | None]]
"""Asks the client behind a call: its result; None when it declined with an error or cannot be asked."""


class InputAsked(Fact, frozen=True):
    """What a server wants answered before it gives a result (2026-07-28, InputRequiredResult), checked."""

    asked: dict[str, Inquiry]
    """By the server's key."""
    state: str | None
    """The server's own ``requestState``; None: it gave none."""


class RoundState(Fact, frozen=True):
    """What a client carries, sealed, from one round of a call to the next (2026-07-28, ``requestState``)."""

    number: int
    """Of the round that it opens: 2 for the first answer to a server."""
    first: str
    """Call of the first round."""
    before: str
    """Call of the round before. It has one next round, however often its state was handed out."""
    wanted: InputAsked
    expires_ms: int
    contract: str = ""
    task: str = ""
    pin: str = ""
    """Rules, task and definition that the round before was judged under; the next one has the same."""
    hold: str = ""
    """The approved hold of the first round; empty: it needed none."""
    findings: tuple[str, ...] = ()
    """Keys of the findings that this approval discharges."""
    alone: bool = False
    bundle: str = ""
    """Policy bundle under which the approval counts."""


class Continued(Fact, frozen=True):
    """A call that brings answers for its server."""

    answers: dict[str, Any]
    """``inputResponses`` as they came, by the server's key."""
    sealed: str | None
    """``requestState`` as it came."""
    state: RoundState | None = None
    """What was in it; None: it did not come, or did not open."""
    problem: str = ""
    """Code of why this is no next round: ``round_unknown``, ``round_over``, ``round_limit``."""
