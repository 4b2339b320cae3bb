"""One attempt to use one tool, or one of the methods that are governed like a tool."""

from typing import Any

from callgate.model.base import Fact
from callgate.model.identity import Principal
from callgate.model.terms import Tier
from callgate.model.tool import Target

TOOLS_CALL = "tools/call"
RESOURCES_LIST, RESOURCES_READ = "resources/list", "resources/read"
PROMPTS_GET, COMPLETE = "prompts/get", "completion/complete"
SUBSCRIBE, UNSUBSCRIBE = "resources/subscribe", "resources/unsubscribe"
GOVERNED = (RESOURCES_LIST, RESOURCES_READ, PROMPTS_GET, COMPLETE)
"""Methods beside tools/call that are judged, each under the name of a tool that stands for it."""
EVER_GOVERNED = (*GOVERNED, SUBSCRIBE, UNSUBSCRIBE)
"""With those of handshake eras alone."""


class Claims(Fact, frozen=True):
    """What the client says of itself: recorded, never decided on."""

    client: str = ""
    client_version: str = ""
    tool_use: str = ""
    """``_meta.callId`` (Codex) or ``claudecode/toolUseId``."""
    protocol: str = ""
    traceparent: str = ""
    """W3C Trace Context, version and ids valid by their form; empty: none, or none that is."""
    tracestate: str = ""
    """Of the same place, at most 512 characters."""


class Call(Fact, frozen=True):
    """A parsed, resolved call. ``body`` is what is judged, digested and executed."""

    id: str
    """Time-ordered, unique: ``call-`` and 26 characters (ULID alphabet)."""
    tenant: str
    principal: Principal
    credential: str
    """Credential.id."""
    contract: str
    task: str
    """Empty: everyday contract."""
    integration: str
    tool: str
    tier: Tier
    arguments: dict[str, Any]
    body: bytes
    """Canonical JSON of ``arguments`` (core.ledger.canonical)."""
    targets: tuple[Target, ...]
    pin: str
    """ToolPin.digest; empty when the tool is not pinned."""
    at_ms: int
    deadline_ms: int
    """When the execution must have ended."""
    claims: Claims = Claims()
    derived_from: str = ""
    same_host: bool = False
    method: str = TOOLS_CALL
    """One of TOOLS_CALL and EVER_GOVERNED. Of a governed one ``tool`` is the method's name and ``arguments`` its params."""
    asks: tuple[str, ...] = ()
    """What this client can be asked in rounds, as core.asks.declared gives it."""
    answers: str = ""
    """Digest of the answers that come with this call and of the round they are for; equal calls have the same."""
