"""One message of a client under way, and the table that says who answers which method."""

from collections.abc import Awaitable, Callable

from callgate.adapters.mcp.guard import Admitted
from callgate.adapters.mcp.http import HttpReply
from callgate.adapters.mcp.parse import ClientMessage
from callgate.adapters.mcp.shown import ShownListing
from callgate.adapters.mcp.stream import ClientStream
from callgate.model.inquiry import Continued, Inquire


class Turn:
    """``protocol``: the version that this message is spoken in. ``sealed`` and ``session``: the client's session id and
    the upstream's (empty over stdio and in 2026-07-28).
    """

    __slots__ = (
        "admitted",
        "asks",
        "continued",
        "inquire",
        "log_level",
        "message",
        "modern",
        "protocol",
        "sealed",
        "served",
        "session",
        "shown",
        "stream",
    )

    def __init__(
        self,
        admitted: Admitted,
        shown: ShownListing,
        stream: ClientStream,
        message: ClientMessage,
        protocol: str,
        *,
        sealed: str = "",
        session: str = "",
        modern: bool,
        log_level: str = "",
        asks: tuple[str, ...] = (),
        inquire: Inquire | None = None,
    ) -> None:
        """``asks`` and ``inquire`` as in Request. ``log_level`` too: in 2026-07-28 a client that says none
        gets none, in handshake eras it gets what the server sends.
        """
        self.log_level = log_level
        self.served = False
        """The server gave a result."""
        self.continued: Continued | None = None
        self.asks = asks
        self.inquire = inquire
        self.admitted = admitted
        self.shown = shown
        self.stream = stream
        self.message = message
        self.protocol = protocol
        self.sealed = sealed
        self.session = session
        self.modern = modern


Method = Callable[[Turn], Awaitable[HttpReply | None]]
"""Answers one request: a reply, or None when the stream has sent it."""
Methods = dict[str, Method]
