"""Which servers a managed list leaves connected, as the clients judge it."""

import re
from fnmatch import fnmatchcase

from callgate.core.inventory.reading import Allowlist, Entry, Matcher
from callgate.core.inventory.secrecy import origin, split_url

_MAX_PATTERN = 300
_MAX_URL = 2_000
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})  # noqa: S104 - names, nothing listens


def allows(matcher: Matcher, entry: Entry) -> bool:
    """A pattern that cannot be judged here counts as one that fits: the list may leave the server connected."""
    if matcher.name and matcher.name != entry.name:
        return False
    first = matcher.values[0] if matcher.values else ""
    match matcher.kind:
        case "name":
            return entry.name == first
        case "command":
            return (entry.program, *entry.args) == matcher.values
        case "program":
            return bool(entry.program) and entry.program.startswith(first)
    if not entry.url:
        return matcher.kind == "regex" and bool(entry.program)
    match matcher.kind:
        case "url":
            return entry.url == first
        case "prefix":
            return entry.url.startswith(first)
        case "wildcard":
            return fnmatchcase(entry.url[:_MAX_URL], first[:_MAX_PATTERN].replace("[", "[[]"))
    return _fits(first, entry.url)


def _fits(expression: str, url: str) -> bool:
    """Only patterns without repetition of groups are tried, so that none takes long."""
    if len(expression) > _MAX_PATTERN or re.search(r"[)\]}*+?][*+{]|\(\?|\\[1-9]|[*+].*[*+].*[*+]", expression):
        return True
    try:
        return re.fullmatch(expression, url[:_MAX_URL]) is not None
    except re.error:
        return True


def is_blocked(entry: Entry, lists: list[Allowlist]) -> bool:
    return any(_blocks(one, entry) for one in lists if one.client == entry.client and one.home in ("", entry.home))


def _blocks(one: Allowlist, entry: Entry) -> bool:
    if entry.layer == "plugin" and not one.plugins:
        return False
    if one.exclusive_file:
        return entry.file != one.exclusive_file
    if any(allows(matcher, entry) for matcher in one.denied):
        return True
    return one.allowed is not None and not any(allows(matcher, entry) for matcher in one.allowed)


def same_gate(url: str, gates: tuple[str, ...]) -> bool:
    """The URL is an MCP endpoint of one of the gates; names of this host are one."""
    parts = split_url(url)
    if parts is None or not gates:
        return False
    here = _place(url)
    for gate in gates:
        base = split_url(gate)
        if base is not None and here == _place(gate):
            path = base.path.rstrip("/") + "/mcp"
            if ".." not in parts.path and (parts.path == path or parts.path.startswith(f"{path}/")):
                return True
    return False


def _place(url: str) -> tuple[str, str, int]:
    parts = split_url(url)
    if parts is None:
        return ("", "", 0)
    host = (parts.hostname or "").lower()
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        port = 0
    return (parts.scheme, "this host" if host in _LOOPBACK else host, port)


def is_remote_plain(url: str) -> bool:
    """``http`` to another machine."""
    scheme, host, _ = _place(url)
    return scheme in ("http", "ws") and host not in ("", "this host") and not host.startswith("127.")


def gate_integration(url: str) -> str:
    """``git`` of ``http://127.0.0.1:8700/mcp/git``."""
    parts = split_url(url)
    steps = [] if parts is None else parts.path.rstrip("/").split("/mcp/", 1)[1:]
    return steps[0].split("/")[0] if steps else ""


def target_origin(url: str) -> str:
    return origin(url) or "(no URL that can be read)"
