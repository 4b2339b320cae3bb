"""``x-mcp-header``: arguments that travel as ``Mcp-Param-*`` headers too (MCP 2026-07-28, Streamable HTTP)."""

import re
from collections.abc import Iterator
from typing import Any

_KEY = "x-mcp-header"
_PREFIX = "Mcp-Param-"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")  # RFC 9110 section 5.6.2
_NAME = re.compile(r"[^.\[\]{}]+")
"""Of an argument that a selector (core.selectors) can name."""
_TYPES = ("string", "integer", "boolean")
_DATA = frozenset({"default", "examples", "const", "enum"})
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})

Headers = tuple[tuple[str, str], ...]


def mirrored_headers(schema: Any) -> Headers:
    """((header name, dotted argument path), …).

    Raises ValueError when an annotation stands where the specification does not allow one; a client must then
    leave the tool out.
    """
    headers: list[tuple[str, str]] = []
    seen: set[str] = set()
    for path, part in _parts(schema, ()):
        token = part[_KEY]
        if not path:
            raise ValueError("A header annotation stands where no argument can be found.")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or token.lower() in seen:
            raise ValueError("A header annotation is not a header name, or is given twice.")
        if part.get("type") not in _TYPES or not all(map(_NAME.fullmatch, path)):
            raise ValueError("A header annotation stands at an argument that cannot be a header.")
        seen.add(token.lower())
        headers.append((_PREFIX + token, ".".join(path)))
    return tuple(headers)


def header_text(value: Any) -> str | None:
    """How a value is written in a header, before any encoding; None: it is left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 2**63 else None
    return value if isinstance(value, str) else None


def _parts(schema: Any, path: tuple[str, ...] | None) -> Iterator[tuple[tuple[str, ...] | None, dict[str, Any]]]:
    """Annotated schema positions; the path is None where it leads through anything but ``properties``."""
    if isinstance(schema, list):
        for item in schema:
            yield from _parts(item, None)
    if isinstance(schema, dict):
        if _KEY in schema:
            yield path, schema
        for key, inner in schema.items():
            for name, part in _inner(key, inner):
                yield from _parts(part, (*path, name) if name and path is not None else None)


def _inner(key: str, value: Any) -> list[tuple[str, Any]]:
    """(name of the argument, schema) below one keyword; the name is empty for anything but ``properties``."""
    if key in _DATA:
        return []
    if key not in _BY_NAME or not isinstance(value, dict):
        return [("", value)]
    return [(name if key == "properties" else "", part) for name, part in value.items()]
