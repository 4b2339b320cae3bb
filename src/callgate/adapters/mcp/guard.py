"""The door: what a request must be before its body is read. Nothing here reaches Serving but the token check."""

import re
from urllib.parse import parse_qsl

from callgate.adapters.mcp.config import FrontConfig
from callgate.adapters.mcp.http import HeaderFields, HttpReply, Scope, header_bytes
from callgate.adapters.mcp.metadata import WELL_KNOWN, ResourceMetadata
from callgate.adapters.mcp.wire import INVALID, refuse
from callgate.flow.serving import EVERYTHING, Serving
from callgate.model.errors import AuthError
from callgate.model.identity import Credential

_path = re.compile(r"/mcp(?:/([A-Za-z0-9][A-Za-z0-9._-]{0,63}))?(?:/t/([A-Za-z0-9][A-Za-z0-9._-]{0,127}))?\Z")
_task = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_bearer = re.compile(rb"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)\Z")
_once = frozenset((b"host", b"origin", b"authorization", b"content-type", b"content-length", b"mcp-session-id"))
_METHODS = frozenset(("POST", "GET", "DELETE"))
_MAX_TOKEN = 8_192
_DRAINABLE = 64 << 10
"""An unread body of at most this size is left to the server to skip; after a larger one the connection ends."""
_CACHED = 256


class Admitted:
    """A request of a known caller for one integration, or for EVERYTHING."""

    __slots__ = ("credential", "fields", "integration", "tasks")

    def __init__(self, credential: Credential, integration: str, tasks: tuple[str, ...], fields: HeaderFields) -> None:
        self.credential = credential
        self.integration = integration
        self.tasks = tasks
        self.fields = fields


class Guard:
    def __init__(self, serving: Serving, config: FrontConfig, metadata: ResourceMetadata) -> None:
        self._authenticate = serving.authenticate
        self._metadata = metadata
        self._hosts = frozenset(host.lower().encode() for host in config.hosts)
        self._origins = frozenset(origin.lower().encode() for origin in config.origins)
        self._header_bytes = config.header_bytes
        self._header_count = config.header_count
        self._body_bytes = config.body_bytes
        self._fitting: set[tuple[bytes | None, bytes | None, bytes | None]] = set()
        """(Content-Type, Content-Encoding, Accept) that were found to fit."""
        self._places: dict[str, tuple[str, str | None]] = {}
        """(integration, task) by path."""

    def admit(self, scope: Scope) -> Admitted | HttpReply:
        """The caller and what is asked, or the reply that ends it."""
        raw = scope["headers"]
        if len(raw) > self._header_count or header_bytes(raw) > self._header_bytes:
            return refuse(431, INVALID, "The request has more headers than are taken.").closing()
        fields = HeaderFields(raw)
        found = self._named(scope, fields)
        if isinstance(found, HttpReply) and _unread(fields):
            return found.closing()
        return found

    def _named(self, scope: Scope, fields: HeaderFields) -> Admitted | HttpReply:
        stranger = self._stranger(fields)
        if stranger is not None:
            return stranger
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        place = self._places.get(path) or _placed(path)
        if place is None:
            if path.startswith(WELL_KNOWN):
                return self._document(scope["method"], path.removeprefix(WELL_KNOWN))
            return HttpReply(404, b'{"error":"not_found"}')
        integration, task = place
        credential = self._caller(scope, fields, path, integration)
        if isinstance(credential, HttpReply):
            return credential
        if len(self._places) < _CACHED:
            self._places[path] = place
        if scope["method"] not in _METHODS:
            return HttpReply(405, headers=((b"allow", b"POST, GET, DELETE"),))
        tasks = _named_tasks(task, fields)
        if isinstance(tasks, HttpReply):
            return tasks
        return Admitted(credential, integration, tasks, fields)

    def _stranger(self, fields: HeaderFields) -> HttpReply | None:
        """Host, Origin (DNS rebinding: MCP streamable HTTP, Security) and headers that may come only once."""
        if fields.twice(_once):
            return refuse(400, INVALID, "A header that may come only once came twice.")
        host = fields.get(b"host")
        if host is None:
            return refuse(400, INVALID, "The request has no Host header.")
        if host not in self._hosts and host.lower() not in self._hosts:
            return refuse(421, INVALID, "This host name is not one of the gate's.")
        origin = fields.get(b"origin")
        if origin is not None and origin.lower() not in self._origins:
            return refuse(403, INVALID, "This origin may not call the gate.")
        return None

    def _document(self, method: str, path: str) -> HttpReply:
        if path and _path.match(path) is None:
            return HttpReply(404, b'{"error":"not_found"}')
        if method not in ("GET", "HEAD"):
            return HttpReply(405, headers=((b"allow", b"GET, HEAD"),))
        return self._metadata.document(path)

    def _caller(self, scope: Scope, fields: HeaderFields, path: str, integration: str) -> Credential | HttpReply:
        query = scope["query_string"]
        if query and any(key.lower() == "access_token" for key, _ in parse_qsl(query.decode("latin-1"))):
            return self._metadata.challenge(400, path, "invalid_request", "A token must never stand in a URL.")
        header = fields.get(b"authorization")
        if header is None:
            return self._metadata.challenge(401, path)
        bearer = _bearer.match(header) if len(header) <= _MAX_TOKEN else None
        if bearer is None:
            return self._metadata.challenge(401, path, "invalid_token", "The Authorization header is no bearer token.")
        try:
            credential = self._authenticate(bearer[1].decode("ascii"))
        except AuthError as fault:
            return self._metadata.challenge(401, path, "invalid_token", f"{fault.message} ({fault.code})")
        narrowed = credential.integrations and integration != EVERYTHING
        if narrowed and integration not in credential.integrations:
            said = "This token is for other integrations."
            return self._metadata.challenge(403, path, "insufficient_scope", said)
        return credential

    def stream_refused(self, fields: HeaderFields) -> HttpReply | None:
        """What is wrong with the headers of a GET for a standing stream."""
        if _takes(fields.get(b"accept") or b"", b"text/event-stream"):
            return None
        return refuse(406, INVALID, "Accept must list text/event-stream.")

    def body_refused(self, fields: HeaderFields) -> HttpReply | None:
        """What is wrong with the headers of a POST, before its body is read."""
        length = fields.get(b"content-length")
        if length is not None and _size(length) > self._body_bytes:
            return refuse(413, INVALID, f"The body is larger than {self._body_bytes} bytes.").closing()
        kinds = (fields.get(b"content-type"), fields.get(b"content-encoding"), fields.get(b"accept"))
        if kinds in self._fitting:
            return None
        refused = _unfitting(kinds[0] or b"", kinds[1] or b"identity", kinds[2] or b"")
        if refused is None and len(self._fitting) < _CACHED:
            self._fitting.add(kinds)
        return refused


def _placed(path: str) -> tuple[str, str | None] | None:
    found = _path.match(path)
    return (found[1] or EVERYTHING, found[2]) if found else None


def _unfitting(kind: bytes, encoding: bytes, accept: bytes) -> HttpReply | None:
    if not _is_json(kind):
        return refuse(415, INVALID, "Send Content-Type: application/json.")
    if encoding != b"identity":
        return refuse(415, INVALID, "Send the body without Content-Encoding.")
    if not (_takes(accept, b"application/json") and _takes(accept, b"text/event-stream")):
        return refuse(406, INVALID, "Accept must list application/json and text/event-stream.")
    return None


def _is_json(kind: bytes) -> bool:
    name, _, parameters = kind.partition(b";")
    charset = parameters.strip().lower()
    return name.strip().lower() == b"application/json" and charset in (b"", b"charset=utf-8", b'charset="utf-8"')


def _takes(accept: bytes, kind: bytes) -> bool:
    """Whether a media range of ``accept`` with a weight above 0 covers ``kind`` (RFC 9110 section 12.5.1)."""
    ranges = (b"*/*", kind.split(b"/")[0] + b"/*", kind)
    for part in accept.lower().split(b","):
        name, _, parameters = part.partition(b";")
        if name.strip() in ranges and re.search(rb"q\s*=\s*0(?:\.0*)?\s*(?:;|\Z)", parameters) is None:
            return True
    return False


def _size(length: bytes) -> int:
    """Announced size of a body; huge when it is no plain number."""
    return int(length) if length.isdigit() and len(length) <= 15 else 1 << 62


def _unread(fields: HeaderFields) -> bool:
    length = fields.get(b"content-length")
    return fields.get(b"transfer-encoding") is not None or (length is not None and _size(length) > _DRAINABLE)


def _named_tasks(in_path: str | None, fields: HeaderFields) -> tuple[str, ...] | HttpReply:
    """Tasks named by URL and by the header ``Callgate-Task``; different names are a conflict that flow refuses."""
    header = fields.get(b"callgate-task")
    if header is None:
        return (in_path,) if in_path else ()
    name = header.decode("latin-1").strip()
    if _task.match(name) is None or fields.twice(frozenset((b"callgate-task",))):
        return refuse(400, INVALID, "Callgate-Task must hold the id of one task.")
    return (in_path, name) if in_path and in_path != name else (name,)
