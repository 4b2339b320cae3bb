"""Arguments of a tool in one line: ``"owner* repo* state=open|closed labels:strings page:number"``.

``*`` is required, ``:kind`` the type (a string without one), ``=a|b`` an enumeration, ``?`` at the end of a kind allows
null. From it come the JSON Schema that clients see and the check before a call.
"""

from typing import Any, NamedTuple

from callgate_practice.reply import JSON, ToolFailure

SCHEMAS: dict[str, JSON] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "strings": {"type": "array", "items": {"type": "string"}},
    "numbers": {"type": "array", "items": {"type": "number"}},
    "objects": {"type": "array", "items": {"type": "object"}},
    "list": {"type": "array", "items": {}},
    "any": {},
}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "strings": (list,),
    "numbers": (list,),
    "objects": (list,),
    "list": (list,),
}
ITEMS: dict[str, type | tuple[type, ...]] = {"strings": str, "numbers": (int, float), "objects": dict}


class Parameter(NamedTuple):
    """``choices``: of an enumeration."""

    name: str
    required: bool
    kind: str
    choices: tuple[str, ...]
    nullable: bool

    def schema(self) -> JSON:
        found = {"type": "string", "enum": list(self.choices)} if self.choices else SCHEMAS[self.kind]
        return {"anyOf": [found, {"type": "null"}]} if self.nullable else dict(found)

    def wrong(self, value: Any) -> str:
        """Why the value does not fit; empty when it does."""
        if value is None and self.nullable:
            return ""
        if self.choices:
            return "" if value in self.choices else f"must be one of {', '.join(self.choices)}"
        types = TYPES.get(self.kind)
        if types is not None and not isinstance(value, types):
            return f"must be of type {self.kind}"
        if isinstance(value, bool) and self.kind in ("number", "integer"):
            return f"must be of type {self.kind}"
        inner = ITEMS.get(self.kind)
        if inner is not None and not all(isinstance(one, inner) for one in value):
            return f"must be a list of {self.kind}"
        return ""


def parse(line: str) -> tuple[Parameter, ...]:
    return tuple(_argument(word) for word in line.split())


def _argument(word: str) -> Parameter:
    head, equals, choices = word.partition("=")
    head, _, kind = head.partition(":")
    nullable = kind.endswith("?") or choices.endswith("?")
    kind = kind.removesuffix("?") or "string"
    values = tuple(choices.removesuffix("?").split("|")) if equals else ()
    return Parameter(head.removesuffix("*"), head.endswith("*"), kind, values, nullable)


def schema(arguments: tuple[Parameter, ...]) -> JSON:
    found: JSON = {"type": "object", "properties": {one.name: one.schema() for one in arguments}}
    required = [one.name for one in arguments if one.required]
    return {**found, "required": required} if required else found


def check(arguments: tuple[Parameter, ...], given: JSON) -> None:
    """Raises ToolFailure. Arguments that are not declared are ignored, as most of these servers do."""
    for one in arguments:
        if one.name not in given:
            if one.required:
                raise ToolFailure(f"missing required parameter: {one.name}")
            continue
        wrong = one.wrong(given[one.name])
        if wrong:
            raise ToolFailure(f"invalid parameter {one.name}: {wrong}")
