"""Who may call, for clients that ask: protected resource metadata (RFC 9728) and challenges (RFC 6750)."""

from callgate.adapters.mcp.config import FrontConfig
from callgate.adapters.mcp.http import HttpReply
from callgate.adapters.mcp.wire import encode

WELL_KNOWN = "/.well-known/oauth-protected-resource"


class ResourceMetadata:
    """Replies about one front; the integration's name is checked for its form only, so none can be guessed."""

    def __init__(self, config: FrontConfig) -> None:
        self._base = config.base
        self._scope = " ".join(config.scopes)
        self._common = {
            "authorization_servers": list(config.authorization_servers),
            "bearer_methods_supported": ["header"],
            "scopes_supported": list(config.scopes),
            "resource_name": "Callgate",
        }

    def document(self, resource_path: str) -> HttpReply:
        """The metadata of ``base + resource_path``."""
        body = encode({"resource": self._base + resource_path, **self._common})
        return HttpReply(200, body, ((b"cache-control", b"max-age=300"),))

    def challenge(self, status: int, resource_path: str, code: str = "", description: str = "") -> HttpReply:
        """401, 403 or 400 with ``WWW-Authenticate``. Without ``code``: no credential was sent (RFC 6750 section 3)."""
        parts = [f'resource_metadata="{self._base}{WELL_KNOWN}{resource_path}"', f'scope="{self._scope}"']
        said = _quotable(description)
        if code:
            parts += [f'error="{code}"', f'error_description="{said}"']
        body = encode(
            {
                "error": code or "unauthorized",
                "error_description": said or "Send a bearer token. A person gets one with: callgate login",
            }
        )
        value = ("Bearer " + ", ".join(parts)).encode("ascii")
        return HttpReply(status, body, ((b"www-authenticate", value), (b"cache-control", b"no-store")))


def _quotable(text: str) -> str:
    """What RFC 6750 allows in error_description: printable ASCII without quote and backslash."""
    return "".join(c for c in text if " " <= c <= "~" and c not in '"\\')
