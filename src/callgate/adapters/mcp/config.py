"""What the front is told once at start."""

from callgate.model.base import Fact

MODERN = ("2026-07-28",)
"""Versions with per-request metadata and no session."""
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Versions that begin with ``initialize``, newest first."""
ERAS = MODERN + HANDSHAKE


class FrontConfig(Fact, frozen=True):
    base: str
    """Origin of the endpoint as clients write it, without a trailing slash: ``http://127.0.0.1:8700``."""
    hosts: tuple[str, ...]
    """Allowed ``Host`` values, with the port where clients send one."""
    origins: tuple[str, ...] = ()
    """Allowed ``Origin`` values; a request without one is no browser's."""
    authorization_servers: tuple[str, ...] = ()
    """Issuers named in the metadata of RFC 9728."""
    scopes: tuple[str, ...] = ("mcp",)
    body_bytes: int = 4 << 20
    header_bytes: int = 32 << 10
    header_count: int = 100
    body_ms: int = 30_000
    """Time a client has to send one body."""
    send_ms: int = 30_000
    """Time a client has to take what is sent."""
    per_credential: int = 128
    """Requests of one credential at one time."""
    standing_per_credential: int = 256
    """Standing streams of one credential."""
    standing: int = 4_096
    """Standing streams of all."""
    keep_alive_ms: int = 15_000
    """Silence on a stream before a comment is sent."""
    look_ms: int = 100
    """How often requests under way are looked at: deadlines, disconnects, keep-alive."""
    list_ttl_ms: int = 60_000
    """How long a client of 2026-07-28 may keep a list."""
    same_host: bool = False
    """Callers are of the gate's own operating-system user (marks every call)."""
