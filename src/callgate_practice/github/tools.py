"""The toolset of the practice server for GitHub, and what its tools share."""

from typing import Any

from callgate_practice.github.populate import populate
from callgate_practice.github.state import API
from callgate_practice.reply import JSON, ToolFailure
from callgate_practice.toolset import Toolset

TOOLS = Toolset(
    "github", "GitHub", populate, catalog=("github",), volatile=frozenset({"updated_at", "pushed_at", "merged_at"})
)
READ, WRITE, DELETE, ONE, GONE = "r+i-", "r-i-", "r-d+i-", "r-d-i-o+", "r-d+i-o+"
"""Annotations: the vendor's for reading, writing, deleting; of its tools for one thing, and the deleting ones of them."""
PER_PAGE = 30


def not_found(what: str, verb: str, path: str) -> ToolFailure:
    return ToolFailure(f"failed to {what}: {verb} {API}{path}: 404 Not Found []")


def invalid(what: str, verb: str, path: str, why: str, status: str = "422 Validation Failed") -> ToolFailure:
    return ToolFailure(f"failed to {what}: {verb} {API}{path}: {status} {why} []")


def paged(items: list[Any], given: JSON, size: str = "perPage") -> list[Any]:
    per_page = min(int(given.get(size, PER_PAGE)), 100)
    start = (max(int(given.get("page", 1)), 1) - 1) * per_page
    return items[start : start + per_page]


def found(items: list[JSON], given: JSON) -> JSON:
    """What the search tools answer."""
    return {"total_count": len(items), "incomplete_results": False, "items": paged(items, given)}


def only(item: JSON, given: JSON) -> JSON:
    """With ``fields``: these members alone."""
    fields = given.get("fields")
    return {name: item[name] for name in fields if name in item} if fields else item
