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


class RoundState(Fact, frozen=True):
    """What a client carries, sealed, from one round of a call to the next (2026-07-28, ``requestState``)."""

    number: int
    """Of the round that it opens: 2 for the first answer to a server."""
    first: str
    """Call id of the first round."""
    before: str
    """Call id of the round before."""
    state: str | None
    """The server's own ``requestState``; None: it gave none."""
    asked: dict[str, Inquiry]
    """By the server's key."""
    nonce: str
    """Used up by the round that it opens."""
    expires_ms: int
    hold: str = ""
    """The approved hold of the first round."""
    findings: tuple[str, ...] = ()
    """Keys of the findings which that approval discharges."""
    alone: bool = False
