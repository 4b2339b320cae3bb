"""What changed between two states: objects made, gone and changed, member by member."""

import sqlite3
from typing import Any

from callgate_practice.reply import JSON
from callgate_practice.world import World

State = dict[str, dict[str, JSON]]
"""Kind -> id -> object."""


def snapshot(world: World, volatile: frozenset[str] = frozenset()) -> State:
    """Everything that the world holds, without the members in ``volatile`` at any depth; databases as rows."""
    found: State = {
        kind: {key: _without(body, volatile) for key, body in objects.items()}
        for kind, objects in world.kinds().items()
    }
    for name, data in world.blobs().items():
        found.setdefault("database content", {})[name] = {"sql": _dump(data)}
    return found


def _without(value: Any, volatile: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(member, volatile) for name, member in value.items() if name not in volatile}
    if isinstance(value, list):
        return [_without(one, volatile) for one in value]
    return value


def _dump(data: bytes) -> list[str]:
    link = sqlite3.connect(":memory:")
    try:
        if data:
            link.deserialize(data)
        return list(link.iterdump())
    finally:
        link.close()


def compare(before: State, after: State) -> list[JSON]:
    """One row per object: ``change`` (made, gone, changed), ``kind``, ``id``, and for a change ``members``."""
    rows: list[JSON] = []
    for kind in sorted(before.keys() | after.keys()):
        former, later = before.get(kind, {}), after.get(kind, {})
        for key in sorted(former.keys() | later.keys()):
            if key not in former:
                rows.append({"change": "made", "kind": kind, "id": key})
            elif key not in later:
                rows.append({"change": "gone", "kind": kind, "id": key})
            elif former[key] != later[key]:
                rows.append(
                    {"change": "changed", "kind": kind, "id": key, "members": _members(former[key], later[key])}
                )
    return rows


def _members(former: JSON, later: JSON) -> JSON:
    return {
        name: {"before": former.get(name), "after": later.get(name)}
        for name in sorted(former.keys() | later.keys())
        if former.get(name) != later.get(name)
    }
