"""A tool object as a server lists it, read piece by piece, and as the gate lists it."""

from typing import Any

import msgspec

from callgate.core.schemas import PinnedSchema, SchemaError
from callgate.model.terms import Tier
from callgate.model.tool import ToolManifest, ToolPin


def members_of(pin: ToolPin) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(pin.definition, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


def decoded(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def schema_of(schema: Any, *, with_manifest: bool) -> PinnedSchema | None:
    try:
        return PinnedSchema(schema, with_manifest=with_manifest)
    except SchemaError:
        return None


def listed_as(tool: dict[str, msgspec.Raw], tier: Tier, manifest: ToolManifest | None) -> bytes:
    vendor = decoded(tool.get("annotations", msgspec.Raw(b"null")))
    ours: dict[str, Any] = {}
    if isinstance(vendor, dict) and isinstance(vendor.get("title"), str):
        ours["title"] = vendor["title"]
    ours["readOnlyHint"] = tier is Tier.READ
    ours["destructiveHint"] = tier is not Tier.READ and (manifest is None or manifest.irreversible)
    ours["idempotentHint"] = tier is Tier.READ or (manifest is not None and manifest.idempotent)
    return msgspec.json.encode({**tool, "annotations": ours})
