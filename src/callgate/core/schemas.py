"""Pinned JSON Schemas, compiled once: draft 2020-12 unless ``$schema`` says otherwise; nothing is ever fetched.

Findings name where and why, never what: a property name is shown only when the schema itself declares it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs
import msgspec

from callgate.core.pattern_cost import PatternCost
from callgate.core.schema_cost import SchemaCost, pointed
from callgate.core.visible import shorten
from callgate.model.decision import Finding
from callgate.model.terms import Ask, Effect

MAX_BYTES = 128 * 1024
MAX_DEPTH = 40
MAX_PATTERNS = 64
MAX_FINDINGS = 8
MOST_PLACES = 1_000
"""Values in arguments of which it is told where they do not fit. A validator lists every error before the first can be
seen, each with what the schema allows there."""
_PLACE_CHARACTERS = 1_024
"""Of a text, that count as one more value."""
MOST_TOLD = 4 << 20
"""The same, times bytes of the schema."""
MAX_NAMED = 40
"""Declared arguments that a finding names."""
_MAX_SHAPES = 5000
_GATE = "schema"
_REGEX = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000, size_limit=1 << 20, dfa_size_limit=1 << 20)
_LINEAR = jsonschema_rs.RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20)
_BRANCHES = ("allOf", "anyOf", "oneOf")
_PARTS = ("if", "then", "else")

UNUSABLE = (
    Finding(
        gate=_GATE,
        code="schema_unusable",
        effect=Effect.DENY,
        reason="The confirmed definition of this tool has a schema that cannot be used, so no call of it can be judged.",
    ),
)


class SchemaError(ValueError):
    """The schema cannot be compiled, refers to something outside, or is over a limit."""


class PinnedSchema:
    """A compiled inputSchema."""

    __slots__ = ("_cost", "_most", "_names", "_patterns", "_shape", "_validator", "_with_manifest")

    def __init__(self, schema: Any, *, with_manifest: bool) -> None:
        """``with_manifest``: undeclared arguments are denied, else held. Raises SchemaError."""
        if not isinstance(schema, dict):
            raise SchemaError("The schema is not an object.")
        self._most = min(MOST_PLACES, MOST_TOLD // _limits(schema))
        try:
            self._validator = _compile(schema)
            self._cost = SchemaCost(schema)
            self._patterns = PatternCost(schema, _slow)
            self._shape = _Shaper(schema).shape([schema]) or _Shape()
        except (ValueError, TypeError, RecursionError) as fault:
            raise SchemaError("The schema does not compile.") from fault
        self._shape.closed = True
        self._names = frozenset(_property_names(schema))
        self._with_manifest = with_manifest

    def findings(self, arguments: dict[str, Any]) -> tuple[Finding, ...]:
        if (not self._cost.trivial and self._cost.too_much(arguments)) or (
            not self._patterns.trivial and self._patterns.too_much(arguments)
        ):
            return (
                _finding("", "unjudgeable", "Judging these arguments by the confirmed definition would take too long."),
            )
        try:
            fits = self._validator.is_valid(arguments)
        except (ValueError, TypeError, RecursionError):
            return (_finding("", "unjudgeable", "The arguments hold something that JSON cannot say."),)
        if not fits:
            return self._errors(arguments)
        if next(self._shape.unknown(arguments, ()), None) is None:
            return ()
        return tuple(self._undeclared(arguments))

    def _errors(self, arguments: dict[str, Any]) -> tuple[Finding, ...]:
        if _more_than(self._most, arguments):
            return (
                _finding("", "schema_other", "The arguments do not fit the schema; they are too many to say where."),
            )
        found = dict.fromkeys(
            _finding(self._path(error.instance_path), _CODES.get(error.kind.name, "schema_other"), _why(error.kind))
            for error in islice(self._validator.iter_errors(arguments), MAX_FINDINGS)
        )
        return tuple(found) or (_finding("", "unjudgeable", "The arguments do not fit the schema."),)

    def _undeclared(self, arguments: dict[str, Any]) -> Iterator[Finding]:
        """The undeclared names themselves may be values, so the declared ones are told instead."""
        declared = ", ".join(sorted(self._shape.names)[:MAX_NAMED])
        known = f" It declares: {declared}." if declared else ""
        paths = dict.fromkeys(self._path(path) for path in islice(self._shape.unknown(arguments, ()), MOST_PLACES))
        for path in islice(paths, MAX_FINDINGS):
            inside = f" in {path}" if path else ""
            yield Finding(
                gate=_GATE,
                code="undeclared",
                effect=Effect.DENY if self._with_manifest else Effect.HOLD,
                path=path,
                reason=f"There is an argument{inside} that the confirmed definition does not declare.{'' if path else known}",
                ask=None if self._with_manifest else Ask.MEANT,
            )

    def _path(self, steps: Iterable[str | int]) -> str:
        """Dotted path; a name that the schema does not hold becomes ``*``, for it may be a value."""
        text = ""
        for step in steps:
            if isinstance(step, int):
                text += f"[{step}]"
            else:
                name = step if step in self._names else "*"
                text += f".{name}" if text else name
        return text


class _Shape:
    """Which names an object may hold, by everything that the schema says of it in any of its branches."""

    __slots__ = ("closed", "items", "names", "others", "patterns")

    def __init__(self) -> None:
        self.names: dict[str, _Shape | None] = {}
        self.items: _Shape | None = None
        self.others: _Shape | None = None
        """Shape of the values of unlisted names, when the schema describes them."""
        self.closed = False
        """False: the schema says nothing of names here, so any are declared."""
        self.patterns: tuple[jsonschema_rs.Validator, ...] = ()

    def unknown(self, value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
        """Paths of objects that hold an undeclared name."""
        if isinstance(value, dict):
            for name, item in value.items():
                inner = self.names.get(name, self.others)
                if inner is None and name not in self.names and not self._declares(name):
                    yield path
                elif inner is not None and isinstance(item, dict | list):
                    yield from inner.unknown(item, (*path, name))
        elif isinstance(value, list) and self.items is not None:
            for number, item in enumerate(value):
                if isinstance(item, dict | list):
                    yield from self.items.unknown(item, (*path, number))

    def _declares(self, name: str) -> bool:
        return not self.closed or any(pattern.is_valid({name: None}) for pattern in self.patterns)


class _Shaper:
    """Builds the shape of a schema. Branches that describe one value are read into one shape."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._known: dict[frozenset[int], _Shape] = {}

    def shape(self, schemas: Iterable[Any]) -> _Shape | None:
        """None: nothing here can hold an undeclared name."""
        parts = self._all_of(schemas)
        key = frozenset(id(part) for part in parts)
        if key in self._known:
            return self._known[key]
        if len(self._known) >= _MAX_SHAPES:
            raise SchemaError("The schema has too many branches.")
        shape = self._known[key] = _Shape()
        self._fill(shape, parts)
        return shape if shape.closed or shape.items or shape.others else None

    def _fill(self, shape: _Shape, parts: list[dict[str, Any]]) -> None:
        named: dict[str, list[Any]] = {}
        items: list[Any] = []
        others: list[Any] = []
        patterns: dict[str, Any] = {}
        for part in parts:
            for name, inner in (part.get("properties") or {}).items():
                named.setdefault(name, []).append(inner)
            patterns |= part.get("patternProperties") or {}
            if isinstance(part.get("additionalProperties"), dict) and part["additionalProperties"]:
                others.append(part["additionalProperties"])
            for key in ("items", "prefixItems", "additionalItems"):
                inner = part.get(key)
                items += inner if isinstance(inner, list) else [inner]
        shape.closed = bool(named or patterns)
        shape.names = {name: self.shape(inner) for name, inner in named.items()}
        shape.items = self.shape(items)
        if others:
            shape.others = self.shape(others) or _Shape()
        if patterns:
            only = {"patternProperties": dict.fromkeys(patterns, True), "additionalProperties": False}
            shape.patterns = (_compile(only),)

    def _all_of(self, schemas: Iterable[Any]) -> list[dict[str, Any]]:
        """The schemas with everything that they are composed of."""
        found: dict[int, dict[str, Any]] = {}
        waiting = [schema for schema in schemas if isinstance(schema, dict)]
        while waiting:
            part = waiting.pop()
            if id(part) not in found:
                found[id(part)] = part
                waiting += _alternatives(part, self._root)
        return list(found.values())


def _alternatives(schema: dict[str, Any], root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in _BRANCHES:
        branches = schema.get(key)
        if isinstance(branches, list):
            yield from (part for part in branches if isinstance(part, dict))
    for key in _PARTS:
        if isinstance(schema.get(key), dict):
            yield schema[key]
    dependent = schema.get("dependentSchemas")
    if isinstance(dependent, dict):
        yield from (part for part in dependent.values() if isinstance(part, dict))
    reference = schema.get("$ref")
    target = pointed(reference, root) if isinstance(reference, str) else None
    if target is not None:
        yield target


def _refuse(_uri: str) -> NoReturn:
    raise SchemaError("A reference leads outside of the schema.")


def _compile(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        schema, retriever=_refuse, mask="…", pattern_options=_REGEX, ignore_unknown_formats=True
    )


def _slow(pattern: str) -> bool:
    """Whether it is none for the engine that takes linear time."""
    try:
        jsonschema_rs.validator_for({"pattern": pattern}, pattern_options=_LINEAR)
    except (ValueError, TypeError):
        return True
    return False


def _more_than(most: int, value: Any) -> bool:
    """Whether there are more values in it; a long text counts as several."""
    waiting, count = [value], 0
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            count += len(node) // _PLACE_CHARACTERS
        elif isinstance(node, dict | list):
            count += len(node)
            waiting += node.values() if isinstance(node, dict) and count <= most else node if count <= most else ()
        if count > most:
            return True
    return False


def _limits(schema: dict[str, Any]) -> int:
    """Bytes of the schema. Raises SchemaError."""
    try:
        size = len(msgspec.json.encode(schema))
    except (TypeError, ValueError, RecursionError) as fault:
        raise SchemaError("The schema is not JSON.") from fault
    if size > MAX_BYTES:
        raise SchemaError(f"The schema is larger than {MAX_BYTES} bytes.")
    patterns = 0
    level: list[Any] = [schema]
    for _ in range(MAX_DEPTH):
        following: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                patterns += isinstance(part.get("pattern"), str)
                others = part.get("patternProperties")
                patterns += len(others) if isinstance(others, dict) else 0
                following += part.values()
            elif isinstance(part, list):
                following += part
        level = following
        if not level:
            break
    if level:
        raise SchemaError(f"The schema is nested deeper than {MAX_DEPTH}.")
    if patterns > MAX_PATTERNS:
        raise SchemaError(f"The schema has more than {MAX_PATTERNS} patterns.")
    return size


def _property_names(schema: Any) -> Iterator[str]:
    stack = [schema]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            properties = part.get("properties")
            if isinstance(properties, dict):
                yield from properties
            stack += part.values()
        elif isinstance(part, list):
            stack += part


def _finding(path: str, code: str, reason: str) -> Finding:
    return Finding(gate=_GATE, code=code, effect=Effect.DENY, path=path, reason=reason)


_CODES = {
    "type": "schema_type",
    "required": "schema_required",
    "enum": "schema_enum",
    "const": "schema_enum",
    "additionalProperties": "schema_additional",
    "unevaluatedProperties": "schema_additional",
    "pattern": "schema_pattern",
    "format": "schema_format",
}
_SENTENCES = {
    "type": "It has to be of type {types}.",
    "required": "The argument {property} is missing.",
    "enum": "Allowed is one of: {options}.",
    "const": "Only one value is allowed: {expected_value}.",
    "additionalProperties": "There is an argument that the tool does not take.",
    "unevaluatedProperties": "There is an argument that the tool does not take.",
    "pattern": "It does not match the pattern {pattern}.",
    "format": "It is not a {format}.",
    "minimum": "It is less than {limit}.",
    "maximum": "It is more than {limit}.",
    "exclusiveMinimum": "It has to be more than {limit}.",
    "exclusiveMaximum": "It has to be less than {limit}.",
    "minLength": "It is shorter than {limit} characters.",
    "maxLength": "It is longer than {limit} characters.",
    "minItems": "It has fewer than {limit} items.",
    "maxItems": "It has more than {limit} items.",
    "minProperties": "It has fewer than {limit} members.",
    "maxProperties": "It has more than {limit} members.",
    "multipleOf": "It is not a multiple of {multiple_of}.",
    "uniqueItems": "Its items are not all different.",
    "anyOf": "It fits none of the forms that are allowed.",
    "oneOf": "It does not fit exactly one of the forms that are allowed.",
}


def _why(kind: jsonschema_rs.ValidationErrorKind) -> str:
    """What the schema wants, in the schema's own terms."""
    sentence = _SENTENCES.get(kind.name)
    if sentence is None:
        return "It does not fit the schema."
    values = {name: shorten(_spoken(value), 120) for name, value in kind.as_dict().items() if f"{{{name}}}" in sentence}
    try:
        return sentence.format_map(values)
    except KeyError:  # a pattern that was given up has the keyword's name and other members
        return "It does not fit the schema."


def _spoken(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_spoken(item) for item in value[:12]) + (", …" if len(value) > 12 else "")
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
