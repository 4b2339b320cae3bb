"""Configured headers and environment values, with references resolved. Values live only where they are used."""

import re
from collections.abc import Callable, Mapping

from callgate.model.errors import ConfigError

_REFERENCE = re.compile(r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9-]*) )?(?P<reference>(?:env|file):.+)", re.DOTALL)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = {
    *("host", "connection", "keep-alive", "transfer-encoding", "content-length", "content-type", "content-encoding"),
    *("accept", "accept-encoding", "te", "trailer", "upgrade", "expect", "user-agent", "origin", "referer"),
    *("last-event-id", "proxy-authorization", "proxy-connection"),
}


def is_reference(value: str) -> bool:
    return value.startswith(("env:", "file:"))


def credential_headers(configured: Mapping[str, str], resolve: Callable[[str], str]) -> dict[str, str]:
    """Header to value. A configured value is a reference, or a scheme and a reference: ``Bearer env:TOKEN``.

    ConfigError names the header and the reference, never a value.
    """
    found: dict[str, str] = {}
    for header, configured_value in configured.items():
        if not _HEADER.fullmatch(header) or header.lower() in _OURS or header.lower().startswith("mcp-"):
            raise ConfigError("This header cannot be configured.", key=f"headers.{header}")
        match = _REFERENCE.fullmatch(configured_value)
        if match is None:
            raise ConfigError(
                "A header's value must be a reference, env:NAME or file:PATH, with a scheme before it or not.",
                key=f"headers.{header}",
            )
        value = resolve(match["reference"])
        if not _VALUE.fullmatch(value):
            raise ConfigError(f"The secret {match['reference']} cannot stand in a header.", key=f"headers.{header}")
        found[header] = f"{match['scheme']} {value}" if match["scheme"] else value
    return found


def resolved_environment(configured: Mapping[str, str], resolve: Callable[[str], str]) -> dict[str, str]:
    """Name to value; values that begin with ``env:`` or ``file:`` are references."""
    found: dict[str, str] = {}
    for name, value in configured.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise ConfigError("This is not a name or value of an environment variable.", key=f"environment.{name}")
        found[name] = resolve(value) if is_reference(value) else value
    return found
