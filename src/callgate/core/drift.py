"""What a changed definition can do, against the confirmed one.

Models read the confirmed text and calls are checked against the confirmed schema, whatever the server says by now. So a
change counts by what it can do in spite of that. The strictest row counts, and what stands in no row is held.

| of | what changed | becomes |
|---|---|---|
| tool, prompt, template | title, description, icons, ``_meta``; a template's name, MIME type, annotations | noted |
| tool | title, description, examples, comments anywhere in its input schema; the title among its annotations | noted |
| tool | output schema, where the manifest reads nothing | noted |
| server | instructions, protocol versions, what it can do; its version over HTTP | noted |
| tool | an argument that is new and optional, or no longer required | in force |
| tool | a value more in an ``enum``; undeclared arguments allowed or forbidden | in force |
| prompt | an argument that is new and optional, or no longer required | in force |
| tool, prompt, template | it was not there | new |
| tool, prompt, template | it is gone | held |
| tool, prompt | an argument removed, renamed, newly required | held |
| tool | type, default, bounds, pattern, reference or anything else of an argument's schema | held |
| tool | a value less in an ``enum`` | held |
| tool | annotations, ``execution``, a field that nobody here knows | held |
| tool | output schema, where the manifest reads a receipt or another field | held |
| server | name; command; program or package; its version, when it is a local one | held, all of it |

A default is held because calls that leave the argument out mean something else by it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from callgate.core.ledger.canonical import digest
from callgate.core.methods import TEMPLATES_LIST
from callgate.model.call import EVER_GOVERNED, PROMPTS_GET
from callgate.model.drift import LISTS, DefinitionChange, Drift, DriftKind
from callgate.model.tool import IntegrationPin, PromptPin, ToolManifest, ToolPin

MOST_CHANGES = 500
"""Of one definition; what comes beyond is told as one."""
MOST_PATH = 500
"""Characters of the place of a change: names on the way are the server's, and stand in every change below them."""
_MAX_DEPTH = 64
_encode = msgspec.json.Encoder(order="sorted").encode
NOTED, IN_FORCE, NEW, HELD = DriftKind
_SHOWN = frozenset(("title", "description", "icons", "_meta"))
"""What models and people read of a definition and nothing acts on."""
_SCHEMA_TEXT = frozenset(("title", "description", "examples", "$comment"))
_TEMPLATE_TEXT = _SHOWN | {"name", "mimeType", "annotations"}
_MEMBERS = frozenset(("properties", "$defs", "definitions"))
_LISTS = frozenset(("anyOf", "oneOf", "allOf", "prefixItems"))


Pin = TypeVar("Pin", ToolPin, PromptPin)


class _Absent:
    """Where there is no value; JSON's null is one."""


_ABSENT = _Absent()


class _Difference(NamedTuple):
    path: str
    kind: DriftKind
    old: Any
    new: Any


def definitions(pin: IntegrationPin) -> dict[str, str]:
    """Digest by drift key: the name of a tool; of all else a method, a blank (which no usable tool's name has) and
    the name.
    """
    return {
        **{tool.name: tool.digest for tool in pin.tools},
        **{f"{PROMPTS_GET} {prompt.name}": prompt.digest for prompt in pin.prompts},
        **{f"{TEMPLATES_LIST} {template.name}": template.digest for template in pin.templates},
    }


def judge_drift(pinned: IntegrationPin, seen: IntegrationPin, reads: Mapping[str, tuple[str, ...]]) -> Drift:
    """``reads``: by tool the paths in its structured answers that the manifest reads (``read_fields``)."""
    changes = list(_of_server(pinned, seen))
    whole = any(change.kind is HELD for change in changes)
    before, now = definitions(pinned), definitions(seen)
    texts, others = _texts(pinned), _texts(seen)
    held = set(before) | set(EVER_GOVERNED) if whole else set()
    newer = set()
    for key, confirmed in before.items():
        if now.get(key) == confirmed:
            continue
        found = _told(key, texts[key], others.get(key), reads.get(key, ()))
        changes += found
        if any(change.kind is HELD for change in found):
            held.add(key)
        elif any(change.kind is IN_FORCE for change in found):
            newer.add(key)
    changes += [_change(key, "", NEW, _ABSENT, others[key]) for key in now if key not in before]
    return Drift(
        changes=tuple(changes),
        held=frozenset(held),
        newer=frozenset(newer),
        seen=seen.digest if changes else "",
    )


def unreadable(pinned: IntegrationPin, code: str) -> Drift:
    """The server lists what cannot be read, so nothing of it is what was confirmed."""
    said = DefinitionChange(key="", field=LISTS, kind=HELD, old="", new=code)
    return Drift(changes=(said,), held=frozenset(definitions(pinned)))


def read_fields(manifest: ToolManifest) -> tuple[str, ...]:
    """Paths in structured answers that the gate acts on."""
    found = [rule.structured for rule in manifest.receipt if rule.structured]
    found += [*manifest.trusted, *manifest.untrusted]
    if manifest.confine is not None and manifest.confine.filter is not None:
        found.append(manifest.confine.filter.items)
    return tuple(dict.fromkeys(found))


def merged(pinned: IntegrationPin, seen: IntegrationPin, keys: frozenset[str]) -> IntegrationPin:
    """The confirmed pin with these definitions as they are seen now; its digest is still to be made."""
    return msgspec.structs.replace(
        pinned,
        tools=_mixed(pinned.tools, seen.tools, keys, ""),
        prompts=_mixed(pinned.prompts, seen.prompts, keys, f"{PROMPTS_GET} "),
        templates=_mixed(pinned.templates, seen.templates, keys, f"{TEMPLATES_LIST} "),
    )


def _mixed(before: tuple[Pin, ...], now: tuple[Pin, ...], keys: frozenset[str], kind: str) -> tuple[Pin, ...]:
    known = {one.name: one for one in before}
    fresh = {one.name: one for one in now if kind + one.name in keys}
    kept = {name: one for name, one in known.items() if kind + name not in keys or name in fresh}
    return tuple((kept | fresh).values())


def _texts(pin: IntegrationPin) -> dict[str, bytes]:
    return {
        **{tool.name: tool.definition for tool in pin.tools},
        **{f"{PROMPTS_GET} {prompt.name}": prompt.definition for prompt in pin.prompts},
        **{f"{TEMPLATES_LIST} {template.name}": template.definition for template in pin.templates},
    }


def _of_server(pinned: IntegrationPin, seen: IntegrationPin) -> Iterator[DefinitionChange]:
    local = pinned.program is not None or seen.program is not None
    pairs: list[tuple[str, DriftKind, Any, Any]] = [
        ("server", HELD, pinned.server_name, seen.server_name),
        ("version", HELD if local else NOTED, pinned.server_version, seen.server_version),
        # A URL may hold a secret.
        ("command", HELD, digest(pinned.origin.encode())[:16], digest(seen.origin.encode())[:16]),
        ("instructions", NOTED, pinned.instructions, seen.instructions),
        ("protocol", NOTED, list(pinned.eras), list(seen.eras)),
    ]
    if pinned.offers is not None:
        before, now = (sorted({*(pin.offers or ()), *pin.offers_modern}) for pin in (pinned, seen))
        pairs.append(("offers", NOTED, before, now))
    if pinned.program is not None:
        old, new = ({part.name: part.text for part in pin.program or ()} for pin in (pinned, seen))
        names = dict.fromkeys((*old, *new))
        pairs += [(f"program {name}", HELD, old.get(name, _ABSENT), new.get(name, _ABSENT)) for name in names]
    for field, kind, was, is_now in pairs:
        if was != is_now:
            yield _change("", field, kind, was, is_now)


def _told(key: str, old: bytes, new: bytes | None, reads: tuple[str, ...]) -> list[DefinitionChange]:
    if new is None:
        return [_change(key, "", HELD, old, _ABSENT)]
    method, _, name = key.partition(" ")
    compare = _COMPARED.get(method, _tool) if name else _tool
    found: list[DefinitionChange] = []
    for one in compare(msgspec.json.decode(old), msgspec.json.decode(new), reads):
        if len(found) >= MOST_CHANGES:
            found.append(DefinitionChange(key=key, field="…", kind=HELD, old="", new=""))
            break
        found.append(_change(key, one.path, one.kind, one.old, one.new))
    # Two encodings of one value are one digest, so a difference that no row tells is one of this module.
    return found or [_change(key, "…", HELD, old, new)]


def _change(key: str, field: str, kind: DriftKind, old: Any, new: Any) -> DefinitionChange:
    where = field if len(field) <= MOST_PATH else f"{field[: MOST_PATH - 1]}…"
    return DefinitionChange(key=key, field=where, kind=kind, old=_shown(old), new=_shown(new))


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else _encode(value).decode()


def _same(old: Any, new: Any) -> bool:
    """As JSON: true is not 1."""
    if old is _ABSENT or new is _ABSENT:
        return old is new
    return bool(_encode(old) == _encode(new))


def _pairs(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Members that differ."""
    for name in dict.fromkeys((*old, *new)):
        was, is_now = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if not _same(was, is_now):
            yield name, was, is_now


def _tool(old: dict[str, Any], new: dict[str, Any], reads: tuple[str, ...]) -> Iterator[_Difference]:
    for field, was, is_now in _pairs(old, new):
        if field in _SHOWN:
            yield _Difference(field, NOTED, was, is_now)
        elif field == "inputSchema":
            yield from _schema(field, was, is_now)
        elif field == "outputSchema":
            yield from _output(field, was, is_now, reads)
        elif field == "annotations" and isinstance(was, dict) and isinstance(is_now, dict):
            for name, one, other in _pairs(was, is_now):
                yield _Difference(f"{field}.{name}", NOTED if name == "title" else HELD, one, other)
        else:
            yield _Difference(field, HELD, was, is_now)


def _schema(path: str, old: Any, new: Any, depth: int = 0) -> Iterator[_Difference]:
    if not (isinstance(old, dict) and isinstance(new, dict)) or depth > _MAX_DEPTH:
        yield _Difference(path, HELD, old, new)
        return
    for word, was, is_now in _pairs(old, new):
        where = f"{path}.{word}"
        if word in _SCHEMA_TEXT:
            yield _Difference(where, NOTED, was, is_now)
        elif word in _MEMBERS and isinstance(was, dict | _Absent) and isinstance(is_now, dict | _Absent):
            yield from _members(where, was, is_now, depth)
        elif word == "required":
            yield from _required(where, was, is_now)
        elif word in _LISTS and isinstance(was, list) and isinstance(is_now, list) and len(was) == len(is_now):
            for number, (one, other) in enumerate(zip(was, is_now, strict=True)):
                if not _same(one, other):
                    yield from _schema(f"{where}[{number}]", one, other, depth + 1)
        elif word in ("items", "additionalProperties") and isinstance(was, dict) and isinstance(is_now, dict):
            yield from _schema(where, was, is_now, depth + 1)
        else:
            yield _Difference(where, IN_FORCE if _wider(word, was, is_now) else HELD, was, is_now)


def _members(path: str, old: Any, new: Any, depth: int) -> Iterator[_Difference]:
    """Whether a new one may be left out is told by ``required``."""
    for name, was, is_now in _pairs(_object(old), _object(new)):
        where = f"{path}.{name}"
        if was is _ABSENT:
            yield _Difference(where, IN_FORCE, was, is_now)
        elif is_now is _ABSENT:
            yield _Difference(where, HELD, was, is_now)
        else:
            yield from _schema(where, was, is_now, depth + 1)


def _required(path: str, old: Any, new: Any) -> Iterator[_Difference]:
    was, is_now = (() if one is _ABSENT else one for one in (old, new))
    if not (isinstance(was, list | tuple) and isinstance(is_now, list | tuple)):
        yield _Difference(path, HELD, old, new)
        return
    before, after = (frozenset(map(_encode, one)) for one in (was, is_now))
    yield _Difference(path, HELD if after - before else IN_FORCE, old, new)


def _wider(word: str, old: Any, new: Any) -> bool:
    """The confirmed schema allows less, or the same, so what it allows means what it meant."""
    if word == "enum" and isinstance(old, list) and isinstance(new, list):
        return set(map(_encode, old)) <= set(map(_encode, new))
    return word == "additionalProperties" and all(isinstance(one, bool | _Absent) for one in (old, new))


def _output(path: str, old: Any, new: Any, reads: tuple[str, ...]) -> Iterator[_Difference]:
    missed = [field for field in reads if _declared(old, field) not in (None, _declared(new, field))]
    for field in missed:
        yield _Difference(f"{path} ({field})", HELD, old, new)
    if not missed:
        yield _Difference(path, NOTED, old, new)


def _declared(schema: Any, path: str) -> bytes | None:
    """What the schema says of a path, without texts; None: nothing. References make it the whole schema."""
    here = schema
    for step in path.split("."):
        name = step.rstrip("[]")
        walks = step.count("[]")
        if name:
            here = _object(_object(here).get("properties")).get(name)
        for _ in range(walks):
            here = _object(here).get("items")
        if here is None:
            break
    whole = isinstance(schema, dict) and b'"$ref"' in _encode(schema)
    if here is None and not whole:
        return None
    return _encode(_bare(schema if whole else here))


def _bare(value: Any, depth: int = 0, *, names: bool = False) -> Any:
    """Without texts, down to a depth. ``names``: the members are names of values, no words of the schema."""
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, dict):
        return {
            key: _bare(item, depth + 1, names=key in _MEMBERS and not names)
            for key, item in value.items()
            if names or key not in _SCHEMA_TEXT
        }
    return [_bare(item, depth + 1) for item in value] if isinstance(value, list) else value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _prompt(old: dict[str, Any], new: dict[str, Any], _: tuple[str, ...]) -> Iterator[_Difference]:
    for field, was, is_now in _pairs(old, new):
        if field in _SHOWN:
            yield _Difference(field, NOTED, was, is_now)
        elif field == "arguments":
            yield from _prompt_arguments(was, is_now)
        else:
            yield _Difference(field, HELD, was, is_now)


def _prompt_arguments(old: Any, new: Any) -> Iterator[_Difference]:
    before, after = _by_name(old), _by_name(new)
    if before is None or after is None:
        yield _Difference("arguments", HELD, old, new)
        return
    for name, was, is_now in _pairs(before, after):
        needed = _object(is_now).get("required") is True
        if was is _ABSENT or is_now is _ABSENT:
            yield _Difference(f"arguments.{name}", HELD if needed or is_now is _ABSENT else IN_FORCE, was, is_now)
            continue
        for field, one, other in _pairs(was, is_now):
            kind = NOTED if field in ("title", "description") else HELD
            if field == "required" and not needed:
                kind = IN_FORCE
            yield _Difference(f"arguments.{name}.{field}", kind, one, other)


def _by_name(arguments: Any) -> dict[str, Any] | None:
    """None: they are no list of named objects, or one is there twice."""
    if arguments is _ABSENT or arguments is None:
        return {}
    if not isinstance(arguments, list) or not all(isinstance(one, dict) for one in arguments):
        return None
    found = {one["name"]: one for one in arguments if isinstance(one.get("name"), str)}
    return found if len(found) == len(arguments) else None


def _template(old: dict[str, Any], new: dict[str, Any], _: tuple[str, ...]) -> Iterator[_Difference]:
    for field, was, is_now in _pairs(old, new):
        yield _Difference(field, NOTED if field in _TEMPLATE_TEXT else HELD, was, is_now)


_COMPARED: dict[str, Callable[[dict[str, Any], dict[str, Any], tuple[str, ...]], Iterator[_Difference]]] = {
    PROMPTS_GET: _prompt,
    TEMPLATES_LIST: _template,
}
