"""What a resource URI aims at (RFC 3986; file URIs: RFC 8089), as ids that contracts and domains can compare.

Servers read URIs in their own ways. What two of them could take for different resources is refused (None), and a URI
whose escapes stand for separators gives both readings, so that the stricter rule wins.
"""

import re
import unicodedata
from urllib.parse import unquote

from callgate.core.selectors import posix_path

FILE, RESOURCE, PROMPT = "fs.path", "mcp.resource", "mcp.prompt"
MAX_URI = 4_000
"""Characters."""
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_AUTHORITY = re.compile(r"//[^/?#]*")
_PLACE = re.compile(r"\{[^{}]*\}")
_EMPTY = re.compile(r"/{2,}")
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
_DOTS = frozenset({".", ".."})

Aimed = tuple[str, tuple[str, ...]]
"""(kind, ids)."""


def resource_target(integration: str, uri: str) -> Aimed | None:
    """``fs.path`` for a file URI, else ``mcp.resource`` with the integration before it."""
    uri = _composed(uri)
    match = _SCHEME.fullmatch(uri)
    if match is None or len(uri) > MAX_URI or _BROKEN.search(uri) or not _readable(uri):
        return None
    scheme, rest = match[1].lower(), match[2]
    if scheme == "file":
        path = _file_path(rest)
        return None if path is None else (FILE, (path,))
    ids = _spellings(scheme, rest)
    return None if ids is None else (RESOURCE, tuple(f"{integration}/{one}" for one in ids))


def template_target(integration: str, template: str) -> Aimed | None:
    """Of a URI template (RFC 6570): for files the folder before its first place, else the template as it is."""
    template = _composed(template)
    head, place, _ = template.partition("{")
    if not place:
        return resource_target(integration, template)
    if not _readable(template) or len(template) > MAX_URI or _steps_up(_PLACE.sub("x", template)):
        return None
    if head[:5].lower() != "file:":
        match = _SCHEME.fullmatch(template)
        ids = _spellings(match[1].lower(), match[2]) if match is not None else (template,)
        return None if ids is None else (RESOURCE, tuple(f"{integration}/{one}" for one in ids))
    folder = head[: head.rfind("/") + 1]
    return resource_target(integration, folder) if folder.count("/") >= 3 else (FILE, ("/",))


def _readable(text: str) -> bool:
    return text.isprintable() and not any(character.isspace() for character in text) and "\\" not in text


def _file_path(rest: str) -> str | None:
    """The absolute path of ``file:///path``, ``file://localhost/path`` or ``file:/path``; None for any other host,
    for a query or fragment, and for a path that decodes to something that no path is.
    """
    if "?" in rest or "#" in rest:
        return None
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in ("", "localhost") or not slash:
            return None
        rest = f"/{path}"
    if "%2f" in rest.lower() or not rest.startswith("/"):
        return None
    decoded = _decoded(rest)
    return None if decoded is None else posix_path(decoded)


def _spellings(scheme: str, rest: str) -> tuple[str, ...] | None:
    """The normal form (RFC 3986 section 6.2.2), what its escapes stand for where that is something else, and both as
    servers read them that take a path with empty parts for one without.
    """
    rest = _ESCAPE.sub(_plain, rest)
    authority = _AUTHORITY.match(rest)
    if authority is not None:
        rest = _ESCAPE.sub(_plain, authority[0].lower()) + rest[authority.end() :]
    normal = f"{scheme}:{rest}"
    decoded = _decoded(normal)
    if decoded is None:
        return None
    for text in (normal, decoded):
        body = re.split(r"[?#]", text.partition(":")[2], maxsplit=1)[0]
        if not _DOTS.isdisjoint(body.split("/")):
            return None
    return tuple(dict.fromkeys((normal, decoded, _without_empty(normal), _without_empty(decoded))))


def _without_empty(uri: str) -> str:
    """The URI with a path that has no empty parts; its authority, query and fragment stay."""
    scheme, _, rest = uri.partition(":")
    end = next((place for place, character in enumerate(rest) if character in "?#"), len(rest))
    begin = 2 if rest.startswith("//") else 0
    return f"{scheme}:{rest[:begin]}{_EMPTY.sub('/', rest[begin:end])}{rest[end:]}"


def _steps_up(text: str) -> bool:
    """Whether a part of it is ``.`` or ``..``, or could be read so."""
    decoded = _decoded(text)
    return decoded is None or bool(_BROKEN.search(text)) or not _DOTS.isdisjoint(re.split(r"[/?#]", decoded))


def _plain(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def _decoded(text: str) -> str | None:
    """Every escape resolved once; None when that is no readable text, or could be resolved once more."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
    if _ESCAPE.search(plain) or not plain.isprintable() or "\\" in plain or plain != plain.strip():
        return None
    return _composed(plain)


def _composed(text: str) -> str:
    """A letter and its accent as one character, as ids of targets have them."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
