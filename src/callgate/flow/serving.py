"""What a front needs of the house: one protocol, implemented by flow, faked in the fronts' tests."""

from collections.abc import Callable
from typing import Protocol

from callgate.flow.announcing import Listener
from callgate.flow.ports import Opened, Relay, Wish
from callgate.model.answer import Answer, Request
from callgate.model.base import Fact
from callgate.model.identity import Credential

EVERYTHING = ""
"""In the place of an integration's name: the endpoint for all of the caller's integrations."""


class Listing(Fact, frozen=True):
    """What a client is shown of one integration, made once per load."""

    integration: str
    tools: bytes
    """JSON array: the pinned tools with our annotations, in a stable order, control tools last."""
    server: bytes
    """JSON object: name and version of the pinned server."""
    instructions: str
    eras: tuple[str, ...]
    """Protocol versions offered for this integration, newest first. Over stdio the gate serves all it knows."""
    bridged: bool
    """True: the gate itself is the server in handshake eras (stdio). False: sessions are the upstream's."""
    headers: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """(tool, ((``Mcp-Param-…`` header, dotted argument path), …)) from ``x-mcp-header`` of pinned schemas."""
    asks: tuple[str, ...] = ()
    """What the integration's server may ask clients."""
    offers: tuple[str, ...] = ()
    """Capabilities of the server in handshake eras, as IntegrationPin has them."""
    offers_modern: tuple[str, ...] = ()
    """The same for 2026-07-28."""
    prompts: bytes = b"[]"
    """JSON array of pinned prompts, like ``templates`` of resource templates."""
    templates: bytes = b"[]"


class Serving(Protocol):
    """The governed way in. Every method takes a verified credential; the tenant follows from it."""

    def authenticate(self, token: str) -> Credential:
        """AuthError with a code; revocation and expiry are checked each time."""

    def listing(self, credential: Credential, integration: str) -> Listing | None:
        """None: there is no such integration for this caller. EVERYTHING: all of the caller's, under public names."""

    async def call(self, request: Request, relay: Relay) -> Answer:
        """tools/call and the other governed methods. Never raises for anything the caller or the target did. Cancelling the awaiting task
        is a cancel by the client.
        """

    async def await_approval(self, credential: Credential, hold: str, wait_ms: int, relay: Relay) -> Answer:
        """Wait up to ``wait_ms`` (at most 45 s) and answer Pending, Refused, or the outcome of the one execution."""

    async def explain(self, credential: Credential, decision: str) -> dict[str, object] | None:
        """Findings of a decision of the same initiator; None: there is none."""

    async def bind_task(self, credential: Credential, task: str) -> str:
        """Narrow this credential to an open task; returns a sentence. InputError when it may not."""

    async def open_session(self, credential: Credential, integration: str, params: bytes, protocol: str) -> Opened:
        """Initialize an upstream session for this client (HTTP, handshake eras). UpstreamError."""

    async def end_session(self, credential: Credential, integration: str, session: str) -> None: ...

    async def set_level(
        self, credential: Credential, integration: str, level: str, session: str, protocol: str
    ) -> tuple[bytes, bytes]:
        """logging/setLevel in an upstream session of this client: JSON of (result, error), one of them empty.
        UpstreamError.
        """

    def listen(self, credential: Credential, listener: Listener, wish: Wish | None) -> Callable[[], None]:
        """Announce to this listener until the returned function is called. ``wish``: what its server is asked for;
        None: nothing.
        """

    def may_listen(self, credential: Credential, integration: str) -> bool:
        """Whether a standing stream of this login may go on."""

    async def may_subscribe(self, request: Request) -> bool:
        """Judge a subscription that no request of its own carries to the server. StoreError."""

    def seal_session(
        self, credential: Credential, integration: str, session: str, protocol: str, asks: tuple[str, ...] = ()
    ) -> str:
        """The session id the client gets: bound to its initiator, runtime and integration. ``asks``: what the client
        can be asked in it.
        """

    def open_sealed_session(
        self, credential: Credential, integration: str, sealed: str
    ) -> tuple[str, str, tuple[str, ...]] | None:
        """(upstream session, protocol, asks); None: not ours, or somebody else's."""
