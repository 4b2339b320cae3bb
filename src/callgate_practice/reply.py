"""What a tool answers: the shapes in which vendors hand over what they did. Each is the result of ``tools/call``."""

import json
from typing import Any

JSON = dict[str, Any]
"""An object of JSON: arguments, a stored object, a result."""


class ToolFailure(Exception):
    """The tool refuses or finds nothing; the text is what the client reads, with ``isError``."""


def text(said: str) -> JSON:
    """Prose."""
    return {"content": [{"type": "text", "text": said}]}


def json_text(value: Any) -> JSON:
    """JSON as text, without a schema."""
    return text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def structured(value: JSON) -> JSON:
    """An object, and the same as text."""
    return {**json_text(value), "structuredContent": value}


def wrapped(said: str) -> JSON:
    """Prose that also stands in an object, under ``result``."""
    return {**text(said), "structuredContent": {"result": said}}


def failed(said: str) -> JSON:
    return {**text(said), "isError": True}
