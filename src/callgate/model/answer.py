"""What a front hands in and gets back. No protocol, era or transport here."""

from typing import Any

import msgspec

from callgate.model.base import Fact
from callgate.model.call import TOOLS_CALL, Claims
from callgate.model.decision import Finding, Question
from callgate.model.identity import Credential
from callgate.model.inquiry import Continued, InputAsked, Inquire


class Request(Fact, frozen=True):
    """A tool call, or a call of another governed method, as parsed by a front."""

    credential: Credential
    integration: str
    tool: str
    arguments: dict[str, Any]
    claims: Claims
    named_tasks: tuple[str, ...] = ()
    """Tasks named by header and URL; more than one different name is a conflict."""
    session: str = ""
    """Upstream session that belongs to this client, for HTTP upstreams in handshake eras."""
    protocol: str = ""
    """Protocol version to speak to the server. Empty: the gate speaks to it by itself, in a session of its own for
    this caller, and ``session`` tells the sessions of one caller apart.
    """
    progress: bool = False
    """The client gave a progress token."""
    same_host: bool = False
    asks: tuple[str, ...] = ()
    """What this client can be asked here, as core.asks.declared gives it."""
    inquire: Inquire | None = None
    """Asks this client while the call runs; None: its protocol has no way to."""
    continued: Continued | None = None
    """Answers that come with the call (2026-07-28)."""
    method: str = TOOLS_CALL
    """As in Call."""
    log_level: str = ""
    """The least severe log message this client wants (RFC 5424 names); empty: it did not say."""


class Served(Fact, frozen=True):
    """The target answered; the outcome is durable."""

    call_id: str
    result: bytes
    """JSON of the ``result`` member; empty when ``error`` is set."""
    error: bytes
    """JSON of the ``error`` member of a JSON-RPC error answer."""
    events: tuple[str, ...]
    receipt: tuple[tuple[str, str], ...] = ()
    method: str = TOOLS_CALL
    asked: InputAsked | None = None
    """What the server wants answered before there is a result."""
    hold: str = ""
    """The approved hold that it ran under."""


class Refused(Fact, frozen=True):
    """Not executed, and will not be."""

    call_id: str
    decision_id: str
    findings: tuple[Finding, ...]
    """The ones that count, strictest first."""
    next: str
    """What to do next, one sentence."""
    retry_after_ms: int = 0
    correctable: bool = False
    """Only the arguments' form is wrong: corrected ones may be called."""


class Pending(Fact, frozen=True):
    """Frozen, waiting for people."""

    call_id: str
    decision_id: str
    hold: str
    questions: tuple[Question, ...]
    findings: tuple[Finding, ...]
    expires_ms: int
    next: str


class Failed(Fact, frozen=True):
    """Allowed, then the target or our store failed. ``unknown``: the effect may have happened."""

    call_id: str
    code: str
    reason: str
    unknown: bool
    next: str


Answer = Served | Refused | Pending | Failed


class ToolResult(msgspec.Struct, frozen=True):
    """The members of an MCP CallToolResult that the gate looks at; the rest passes untouched."""

    isError: bool = False  # noqa: N815 - the wire's name
    resultType: str = ""  # noqa: N815
    content: msgspec.Raw = msgspec.Raw(b"[]")
    structuredContent: msgspec.Raw = msgspec.Raw(b"")  # noqa: N815
    meta: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="_meta")
