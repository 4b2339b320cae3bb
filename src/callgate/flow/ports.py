"""The ports: what flow needs of the world. Adapters implement them; tests have fakes that pass the same suites.

Every store handle belongs to one tenant, so no method takes a tenant and no key crosses one.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

from callgate.core.ledger.tree import Frontier
from callgate.core.message import Message
from callgate.core.tally import Spread
from callgate.model.base import Fact
from callgate.model.call import Claims
from callgate.model.identity import Account, Credential
from callgate.model.store import (
    CheckpointRow,
    Committed,
    Conflict,
    Head,
    Kind,
    Leaf,
    OpenCall,
    Row,
    SealedRow,
    Unit,
)
from callgate.model.tool import Integration, ProgramPart


class StoreFigures(Fact, frozen=True):
    """How a store is doing, as operators watch it."""

    events: int
    """Size of the ledger."""
    unsigned: int
    """Events that no checkpoint covers yet."""
    checkpoint_ms: int
    """When the newest checkpoint was signed; 0: there is none."""
    waiting: int
    """Units that wait for the disk."""
    busy_us: int
    """For how long the batch that is being written has been; 0: none is."""
    bytes: int
    """On disk, logs included."""
    broken: str
    """Why nothing is written any more; empty: all is well."""
    batches: Spread
    """Units per batch."""
    commits: Spread
    """Microseconds per batch."""


class Store(Protocol):
    """Rows, counters and the ledger of one tenant. All faults are StoreError or IntegrityError."""

    tenant: str

    async def commit(self, unit: Unit) -> Committed | Conflict:
        """Write all of the unit or nothing; durable when it returns Committed. Never cancelled half-way."""

    async def get(self, kind: Kind, key: str) -> Row | None: ...

    async def list(
        self, kind: Kind, *, state: str = "", ref: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Row]:
        """Rows by key, ascending, after ``after``; filtered by ``state`` and ``ref`` when given."""

    async def open_calls(self) -> Sequence[OpenCall]: ...

    async def counter(self, name: str) -> int:
        """Used amount; 0 when there is none."""

    async def sealed(self, owner: str) -> Sequence[SealedRow]: ...

    async def key(self, owner: str) -> bytes | None:
        """The wrapped key; None: erased or never there."""

    async def name(self, pseudonym: str) -> bytes | None:
        """The sealed value behind a pseudonym."""

    async def leaves(self, start: int, limit: int) -> Sequence[Leaf]: ...

    async def leaves_of(self, call: str) -> Sequence[Leaf]: ...

    async def leaf(self, event: str) -> Leaf | None: ...

    async def head(self) -> Head: ...

    async def frontier(self) -> Frontier:
        """The growing edge of the tree: partial tiles of every level, at the head's size."""

    async def tile(self, level: int, index: int) -> bytes | None:
        """A full tile: 256 hashes of 32 bytes; level 0 holds leaf hashes (C2SP tlog-tiles)."""

    async def checkpoint(self) -> CheckpointRow | None:
        """The newest signed checkpoint."""

    async def checkpoints(self, *, limit: int = 100_000) -> Sequence[CheckpointRow]:
        """All of them, ascending by size."""

    def figures(self) -> StoreFigures: ...

    async def close(self) -> None: ...


class Outbound(Fact, frozen=True):
    """One JSON-RPC request to an upstream, encoded by us from what was judged."""

    method: str
    params: bytes
    """JSON object."""
    protocol: str = ""
    """Protocol version to speak; empty: the newest handshake version the upstream takes."""
    session: str = ""
    """Upstream session id (HTTP, handshake eras)."""
    name: str = ""
    """``Mcp-Name`` for 2026-07-28."""
    parameters: tuple[tuple[str, str], ...] = ()
    """``Mcp-Param-*`` header names and values, from the pinned schema's ``x-mcp-header`` and the judged arguments."""
    deadline_ms: int = 60_000
    """Time left for the whole exchange."""
    capabilities: bytes = b""
    """JSON of the client's capabilities that are passed on (2026-07-28); empty: none."""
    traceparent: str = ""
    """Header of W3C Trace Context; it stands in ``params`` too (SEP-414)."""
    log_level: str = ""
    """Least severe log message that somebody waits for; a server shared by several clients (stdio) is told."""


Permitted = Callable[[], bool]
"""Asked right before the first byte of a request can leave; False: nothing is sent (UpstreamError ``stopped``)."""


def always() -> bool:
    """Permitted, for requests of the gate itself."""
    return True


class Exchange(Protocol):
    """One request under way. Iterating yields the upstream's messages; the response with the request's id is
    the last one. UpstreamError while iterating: nothing was sent; OutcomeUnknown: sent and no answer seen.
    STREAM_ENDED (core/jsonrpc.py) among them says that the server will answer on another stream.
    """

    def __aiter__(self) -> AsyncIterator[Message]: ...

    async def answer(self, message: bytes) -> None:
        """Send a JSON-RPC response to a request the server made inside this exchange."""

    async def cancel(self) -> None:
        """Tell the server; the iterator goes on for at most 2 s and then raises OutcomeUnknown."""


class Wish(Fact, frozen=True):
    """What a standing stream of a server should bring."""

    session: str = ""
    """Upstream session (HTTP, handshake eras), whose own stream it is; empty over stdio and in 2026-07-28."""
    protocol: str = ""
    """Of that session. Over HTTP, empty: the stream of the gate's own session, whatever it speaks."""
    lists: tuple[str, ...] = ()
    """``tools``, ``prompts``, ``resources``: changes of which lists (2026-07-28)."""
    uris: tuple[str, ...] = ()
    """Changes of which resources (2026-07-28); each was judged."""


class StandingStream(Protocol):
    """A standing stream of a server. Iterating yields notifications and requests, never a response, and ends with it;
    ``UpstreamError`` is not raised: what was missed is looked up anew.
    """

    def __aiter__(self) -> AsyncIterator[Message]: ...

    async def refuse(self, message: Message) -> None:
        """Tell the server that its request is not passed on; pings are answered. Quiet when it cannot be told."""

    async def close(self) -> None: ...


class Upstream(Protocol):
    """One connected integration of one tenant and actor."""

    integration: Integration

    async def open(self, request: Outbound, permitted: Permitted = always) -> Exchange: ...

    async def initialize(self, params: bytes, protocol: str) -> "Opened":
        """Start a session for one client (HTTP, handshake eras). Over stdio: the one session there is."""

    async def end(self, session: str) -> None:
        """End a session (HTTP DELETE); quiet when there is none."""

    async def listen(self, wish: Wish) -> StandingStream:
        """UpstreamError ``not_found``: the server has no such stream."""

    async def discover(self) -> "Discovered":
        """Connect as ourselves and read everything that gets pinned."""

    @property
    def state(self) -> str:
        """``ready``, ``starting``, ``backoff``, ``down``; for status pages."""

    @property
    def stderr_tail(self) -> bytes:
        """The last that a local server wrote to stderr, for the operator's eyes; empty over HTTP. Untrusted."""

    async def close(self) -> None: ...


class Opened(Fact, frozen=True):
    session: str
    protocol: str
    result: bytes
    """JSON of the server's InitializeResult."""


class Discovered(Fact, frozen=True):
    """What a server says of itself and its tools; untrusted text."""

    name: str
    version: str
    instructions: str
    eras: tuple[str, ...]
    tools: tuple[bytes, ...]
    """Raw JSON of each tool object, in the server's order."""
    offers: tuple[str, ...] = ("tools",)
    """As in IntegrationPin, like ``offers_modern`` and ``program``."""
    offers_modern: tuple[str, ...] = ("tools",)
    prompts: tuple[bytes, ...] = ()
    templates: tuple[bytes, ...] = ()
    program: tuple[ProgramPart, ...] | None = None


class Upstreams(Protocol):
    def of(self, integration: Integration) -> Upstream:
        """The one handle of this integration; made on first use, kept, replaced when the integration changed."""

    async def drop(self, name: str) -> None: ...

    async def forget(self, name: str) -> None:
        """As ``drop``, for one that was only looked at: nothing of it stays."""

    async def close(self) -> None: ...


class HomeFiles(Protocol):
    """Files of the home that people edit, by their path in it. ConfigError when one cannot be read or written."""

    def folder(self, name: str) -> Mapping[str, bytes]:
        """TOML files of one folder, by name; empty when there is none."""

    def write(self, path: str, data: bytes) -> None:
        """Whole or not at all, for the gate's user alone."""

    def remove(self, path: str) -> None:
        """Quiet when it is not there."""


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall clock, milliseconds since 1970."""

    def monotonic_us(self) -> int: ...


class Entropy(Protocol):
    def bytes(self, size: int) -> bytes: ...


class Passphrases(Protocol):
    def make(self, passphrase: str) -> str: ...

    def check(self, verifier: str, passphrase: str) -> bool:
        """Constant-time in the verifier; as slow for an unknown account (verifier empty)."""


class Issuer(Protocol):
    """Our own token issuer."""

    issuer: str

    def issue(
        self, account: Account, runtime: str, *, task: str, integrations: tuple[str, ...], now_ms: int, expires_ms: int
    ) -> tuple[str, str]:
        """(token, credential id)."""


class Tokens(Protocol):
    """Verifies bearer tokens of every known issuer."""

    def verify(self, token: str, now_ms: int) -> Credential:
        """AuthError with a code: ``expired``, ``not_yet``, ``bad_signature``, ``bad_issuer``, ``bad_audience``,
        ``bad_algorithm``, ``unknown_runtime``, ``runtime_not_yours``, ``malformed``.
        """


class SpanStart(Fact, frozen=True):
    """A call that begins, or an approved one that runs."""

    tenant: str
    method: str
    """JSON-RPC method."""
    tool: str
    """Empty: its name is not pinned."""
    runtime: str
    claims: Claims
    """What the client says of its trace gives the span its parent, and nothing else."""
    at_us: int


class SpanFacts(Fact, frozen=True):
    """A call that ended, as a span tells it: ids, codes and times, never a value. Words as in the ledger; empty: none."""

    call_id: str
    decision_id: str
    integration: str
    tier: str
    effect: str
    gate: str
    code: str
    answer: str
    """``served``, ``refused``, ``pending``, ``failed``, ``unknown``, ``cancelled``."""
    outcome: str
    fault: str
    """Code of what went wrong with the target."""
    error: bytes
    """JSON of the error member the target answered with; a span takes its code alone."""
    steps: tuple[tuple[str, int, int], ...]
    """(step, from, to) in microseconds of the monotonic clock."""
    ended_us: int


class CallSpan(Protocol):
    """The trace of one call."""

    def sending(self, integration: str, at_us: int) -> str:
        """A request of the call leaves now. The ``traceparent`` that goes with it (W3C Trace Context); empty: none."""

    def end(self, facts: SpanFacts) -> None: ...


class Tracer(Protocol):
    def begin(self, start: SpanStart) -> CallSpan | None: ...


Relay = Callable[[bytes], None]
"""Takes one notification of this call for the client: params of progress, or a whole ``notifications/message``. Empty:
the server has let its own client go until the answer is there.
"""
