"""Which arguments a schema demands of every call.

INVARIANT: where the schema says nothing, an argument counts as demanded: a call that does not name its aim is then
denied, and not let through as if it had none.
"""

import re
from typing import Any

from callgate.core.schema_cost import pointed
from callgate.model.tool import TargetRule

_MAX_STEPS = 5000
"""Parts of a schema that are looked at for one path; who needs more demands everything."""
_ALL, _ANY = "allOf", ("anyOf", "oneOf")
_PLACE = re.compile(r"\{([^{}]*)\}")
_PLAIN = frozenset({"string", "number", "integer", "boolean", "null"})


def demanded(schema: Any, rule: TargetRule) -> frozenset[str]:
    """First names of the arguments that the rule takes and no call can leave out."""
    paths = [rule.path] if rule.path else _PLACE.findall(rule.template)
    return frozenset(path.partition(".")[0].replace("[]", "") for path in paths if demands(schema, path))


def demands(schema: Any, path: str) -> bool:
    """``path``: as a selector's. False: its first name is not required, or a call may leave out what is inside of it."""
    root, *names = path.replace("[]", ".[]").split(".")
    required = schema.get("required") if isinstance(schema, dict) else None
    if not isinstance(required, list) or root not in required:
        return False
    declared = schema.get("properties")
    look = _Look(schema)
    try:
        return look.demanded(declared.get(root) if isinstance(declared, dict) else None, names) or look.over
    except RecursionError:
        return True


class _Look:
    """One look through a schema."""

    __slots__ = ("_left", "_whole")

    def __init__(self, whole: dict[str, Any]) -> None:
        self._whole = whole
        self._left = _MAX_STEPS

    @property
    def over(self) -> bool:
        return self._left <= 0

    def demanded(self, part: Any, names: list[str]) -> bool:
        if not names:
            return True
        parts = self._alternatives(part)
        said = [one for one in parts if self._says(one, names[0])]
        return not said or (len(said) == len(parts) and all(self._has(one, names) for one in said))

    def _has(self, part: dict[str, Any], names: list[str]) -> bool:
        """Of a part that says something of the first name."""
        name, rest = names[0], names[1:]
        if name == "[]":
            return all(self.demanded(one["items"], rest) for one in self._together(part) if "items" in one)
        together = self._together(part)
        required = any(name in (one.get("required") or ()) for one in together)
        inner = [one["properties"][name] for one in together if name in (one.get("properties") or {})]
        return required and all(self.demanded(one, rest) for one in inner)

    def _says(self, part: dict[str, Any], name: str) -> bool:
        if name == "[]":
            return any("items" in one for one in self._together(part))
        return any(
            name in (one.get("properties") or {}) or name in (one.get("required") or ()) for one in self._together(part)
        )

    def _together(self, part: dict[str, Any]) -> list[dict[str, Any]]:
        """It, and what else holds of it at once."""
        found = [part]
        for one in part.get(_ALL) or ():
            known = self._resolved(one)
            if known is not None:
                found += self._together(known)
        return found

    def _alternatives(self, part: Any) -> list[dict[str, Any]]:
        """What it may be, one of them at a time, without those that have nothing inside."""
        known = self._resolved(part)
        if known is None:
            return []
        branches = [one for word in _ANY for one in known.get(word) or ()]
        if not branches:
            return [] if known.get("type") in _PLAIN else [known]
        own = {name: value for name, value in known.items() if name not in _ANY}
        found = [one for branch in branches for one in self._alternatives(branch)]
        return [{**own, _ALL: [*(own.get(_ALL) or ()), one]} for one in found]

    def _resolved(self, part: Any) -> dict[str, Any] | None:
        """Without the references it begins with; None: it says nothing that can be looked at."""
        while isinstance(part, dict) and self._left > 0:
            self._left -= 1
            reference = part.get("$ref")
            if not isinstance(reference, str):
                return part
            part = pointed(reference, self._whole)
        return None
