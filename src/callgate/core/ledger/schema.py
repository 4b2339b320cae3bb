"""The published JSON Schema of an event, made from the model; ``tools/generate.py`` writes it to the docs."""

from typing import Any

import msgspec

from callgate.core.ledger.canonical import MAX_INT
from callgate.core.ledger.events import CONTENT_TYPE, SPEC_VERSION
from callgate.model.event import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"


def event_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of ``model.event.Event`` with the limits of the canonical profile."""
    (root,), parts = msgspec.json.schema_components([Event], ref_template="#/$defs/{name}")
    definitions = {name: _limited(part) for name, part in sorted(parts.items())}
    envelope = definitions["Event"]["properties"]
    envelope["specversion"] = {"const": SPEC_VERSION}
    envelope["datacontenttype"] = {"const": CONTENT_TYPE}
    envelope["time"]["pattern"] = TIME_PATTERN
    envelope["type"]["pattern"] = r"^callgate\.[a-z_]+\.v1$"
    definitions["EventData"]["properties"]["writer_seq"]["minimum"] = 1
    return {"$schema": DIALECT, "$id": "urn:callgate:event:1", "title": "Callgate event", **root, "$defs": definitions}


def _limited(part: Any) -> Any:
    """The same schema with integers bounded by 2**53 - 1."""
    if isinstance(part, dict):
        limits = {"minimum": -MAX_INT, "maximum": MAX_INT} if part.get("type") == "integer" else {}
        return {**{key: _limited(item) for key, item in part.items()}, **limits}
    if isinstance(part, list):
        return [_limited(item) for item in part]
    return part
