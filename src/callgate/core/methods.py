"""The protocol's other methods that read from a server, each judged as if it were a tool of its integration.

What a method does follows from the protocol, so it is known and reads; what it aims at is a file, a resource or a
prompt (core/uris.py). Prompts are used as they were confirmed.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from callgate.core.domains import DomainMap
from callgate.core.ledger.canonical import canonical, digest
from callgate.core.schemas import MAX_NAMED
from callgate.core.toolbox import MAX_NAME, Toolbox, ToolProfile, quarantined
from callgate.core.uris import FILE, MAX_URI, PROMPT, RESOURCE, Aimed, resource_target, template_target
from callgate.model.call import (
    COMPLETE,
    PROMPTS_GET,
    RESOURCES_LIST,
    RESOURCES_READ,
    SUBSCRIBE,
    TOOLS_CALL,
    UNSUBSCRIBE,
)
from callgate.model.decision import Finding
from callgate.model.terms import Effect, Tier
from callgate.model.tool import IntegrationPin, PromptPin, TargetRule, ToolManifest, ToolPin

TEMPLATES_LIST = "resources/templates/list"
_GATE = "schema"
MAX_VALUE = 64 * 1024
"""Characters of one argument of a prompt."""
_MAX_CURSOR = 8 * 1024
_needs = {
    RESOURCES_LIST: "resources",
    RESOURCES_READ: "resources",
    PROMPTS_GET: "prompts",
    COMPLETE: "completions",
    SUBSCRIBE: "resources.subscribe",
    UNSUBSCRIBE: "resources.subscribe",
}
"""The capability that each method comes with."""


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


def _shape(required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_VALUES = {"type": "object", "additionalProperties": _text(MAX_VALUE), "maxProperties": 256}
_NAME, _URI = {"minLength": 1, **_text(MAX_NAME)}, {"minLength": 1, **_text(MAX_URI)}
_PROMPT_REF = _shape(("type", "name"), type={"const": "ref/prompt"}, name=_NAME, title=_text(MAX_NAME))
_RESOURCE_REF = _shape(("type", "uri"), type={"const": "ref/resource"}, uri=_URI)
_SCHEMAS = {
    RESOURCES_LIST: _shape(cursor=_text(_MAX_CURSOR)),
    RESOURCES_READ: _shape(("uri",), uri=_URI),
    SUBSCRIBE: _shape(("uri",), uri=_URI),
    UNSUBSCRIBE: _shape(("uri",), uri=_URI),
    PROMPTS_GET: _shape(("name",), name=_NAME, arguments=_VALUES),
    COMPLETE: _shape(
        ("ref", "argument"),
        ref={"oneOf": [_PROMPT_REF, _RESOURCE_REF]},
        argument=_shape(("name", "value"), name=_text(MAX_NAME), value=_text(MAX_VALUE)),
        context=_shape(arguments=_VALUES),
    ),
}
_MANIFESTS = {
    RESOURCES_LIST: ToolManifest(name=RESOURCES_LIST, tier=Tier.READ, say="List the resources of the server"),
    RESOURCES_READ: ToolManifest(
        name=RESOURCES_READ,
        tier=Tier.READ,
        say="Read the resource {uri}",
        targets=(TargetRule(kind=RESOURCE, path="uri"),),
    ),
    SUBSCRIBE: ToolManifest(
        name=SUBSCRIBE,
        tier=Tier.READ,
        say="Be told when the resource {uri} changes",
        targets=(TargetRule(kind=RESOURCE, path="uri"),),
    ),
    UNSUBSCRIBE: ToolManifest(
        name=UNSUBSCRIBE,
        tier=Tier.READ,
        say="Be told no more of changes of the resource {uri}",
        targets=(TargetRule(kind=RESOURCE, path="uri"),),
    ),
    PROMPTS_GET: ToolManifest(
        name=PROMPTS_GET,
        tier=Tier.READ,
        say="Get the prompt {name}",
        targets=(TargetRule(kind=PROMPT, path="name"),),
    ),
    COMPLETE: ToolManifest(
        name=COMPLETE,
        tier=Tier.READ,
        say="Look up what could complete the argument {argument.name}",
        targets=(TargetRule(kind=PROMPT, path="ref.name"), TargetRule(kind=RESOURCE, path="ref.uri")),
    ),
}


class MethodAim:
    """Finds ids of one kind in a method's params. Of several with one ``find`` the first one names its problem."""

    __slots__ = ("_find", "_first", "kind", "path")

    def __init__(self, kind: str, path: str, find: Callable[[dict[str, Any]], Aimed | None], *, first: bool) -> None:
        """``find``: what the params aim at; None: that cannot be told."""
        self.kind = kind
        self.path = path
        self._find = find
        self._first = first

    def aims(self, arguments: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], str]:
        found, problem = self.ids(arguments)
        return tuple((self.kind, name) for name in found), problem

    def ids(self, arguments: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        found = self._find(arguments)
        if found is None:
            return (), "bad_target" if self._first else ""
        kind, ids = found
        return (ids if kind == self.kind else ()), ""


class PromptForm:
    """One confirmed prompt: which arguments it takes. ``quarantine`` as of a tool."""

    __slots__ = ("definition", "known", "name", "quarantine", "required")

    def __init__(self, pin: PromptPin, quarantine: str) -> None:
        try:
            said = msgspec.json.decode(pin.definition, type=_Prompt).arguments or []
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            said, quarantine = [], quarantine or "unreadable"
        self.name = pin.name
        self.definition = pin.definition
        self.quarantine = quarantine
        self.known = frozenset(argument.name for argument in said)
        self.required = frozenset(argument.name for argument in said if argument.required)

    def findings(self, given: Any) -> tuple[Finding, ...]:
        """Of ``arguments``, whose values the method's schema has seen to be texts."""
        names = given.keys() if isinstance(given, dict) else frozenset()
        found = [
            _deny("schema_required", f"The prompt's argument {name} is missing.", "arguments")
            for name in sorted(self.required - names)
        ]
        if not names <= self.known:
            known = ", ".join(sorted(self.known)[:MAX_NAMED])
            said = "There is an argument that the confirmed prompt does not declare."
            found.append(_deny("undeclared", f"{said} It declares: {known}." if known else said, "arguments"))
        return tuple(found)


class _PromptArgument(msgspec.Struct):
    name: str
    required: bool | None = None


class _Prompt(msgspec.Struct):
    arguments: list[_PromptArgument] | None = None


class MethodProfile(ToolProfile):
    """A governed method of one integration. It reads, whatever the server says of itself."""

    __slots__ = ("_prompts",)

    def __init__(self, method: str, pin: IntegrationPin, prompts: dict[str, PromptForm], domains: DomainMap) -> None:
        super().__init__(_pin_of(method, pin), _MANIFESTS[method], domains, "", verified=True)
        self.method = method
        self._prompts = prompts
        self._targets = _aims(method, pin.integration)

    def schema_findings(self, arguments: dict[str, Any]) -> tuple[Finding, ...]:
        found = super().schema_findings(arguments)
        named = self._prompt(arguments)
        if found or named is None:
            return found
        prompt = self._prompts.get(named)
        if prompt is None:
            return (_deny("unknown_prompt", "This integration has no prompt of this name that was confirmed.", ""),)
        if prompt.quarantine:
            return (_deny("prompt_kept_away", "The name of this prompt can be taken for another, or not be read.", ""),)
        return prompt.findings(arguments.get("arguments")) if self.method == PROMPTS_GET else ()

    def drift_key(self, arguments: dict[str, Any]) -> str:
        named = self._prompt(arguments)
        if named is not None:
            return f"{PROMPTS_GET} {named}"
        if self.method == COMPLETE:
            return f"{TEMPLATES_LIST} {_reference(arguments).get('uri')}"
        return self.name

    def _prompt(self, arguments: dict[str, Any]) -> str | None:
        """The prompt that this call names; None: it names none."""
        if self.method == PROMPTS_GET:
            named = arguments.get("name")
        elif self.method == COMPLETE:
            named = _reference(arguments).get("name")
        else:
            return None
        return named if isinstance(named, str) else None


def with_methods(toolbox: Toolbox, domains: DomainMap) -> Toolbox:
    """The toolbox with the methods that the confirmed server offers; they stand before tools of the same name."""
    pin = toolbox.pin
    if pin is None or pin.offers is None:
        return toolbox
    offers = {*pin.offers, *pin.offers_modern}
    forms = {form.name: form for form in prompt_forms(pin)}
    methods = {
        method: MethodProfile(method, pin, forms, domains) for method, needed in _needs.items() if needed in offers
    }
    return Toolbox(toolbox.integration, pin, {**toolbox.tools, **methods}) if methods else toolbox


def prompt_forms(pin: IntegrationPin) -> tuple[PromptForm, ...]:
    reasons = quarantined([prompt.name for prompt in pin.prompts], blanks=True)
    return tuple(PromptForm(prompt, reasons.get(prompt.name, "")) for prompt in pin.prompts)


def is_method(tool: ToolProfile) -> bool:
    return tool.method != TOOLS_CALL


def _pin_of(method: str, pin: IntegrationPin) -> ToolPin:
    """Its definition: the params it takes. The digest covers the definitions that a call of it rests on, so that an
    approval ends with them.
    """
    rests_on = (
        [*pin.prompts, *(pin.templates if method == COMPLETE else ())] if method in (PROMPTS_GET, COMPLETE) else []
    )
    definition = msgspec.json.encode({"name": method, "inputSchema": _SCHEMAS[method]}, order="sorted")
    covered = canonical([digest(definition), [[digest(one.name.encode()), one.digest] for one in rests_on]])
    return ToolPin(integration=pin.integration, name=method, digest=digest(covered), definition=definition)


def _aims(method: str, integration: str) -> tuple[MethodAim, ...]:
    def read(arguments: dict[str, Any]) -> Aimed | None:
        uri = arguments.get("uri")
        return resource_target(integration, uri) if isinstance(uri, str) else None

    def prompt(arguments: dict[str, Any]) -> Aimed | None:
        name = arguments.get("name")
        if not isinstance(name, str) or not name.isprintable() or name != name.strip():
            return None
        return PROMPT, (f"{integration}/{name}",)

    def complete(arguments: dict[str, Any]) -> Aimed | None:
        reference = _reference(arguments)
        uri = reference.get("uri")
        return template_target(integration, uri) if isinstance(uri, str) else prompt(reference)

    if method in (RESOURCES_READ, SUBSCRIBE, UNSUBSCRIBE):
        return tuple(MethodAim(kind, "uri", read, first=kind is FILE) for kind in (FILE, RESOURCE))
    if method == PROMPTS_GET:
        return (MethodAim(PROMPT, "name", prompt, first=True),)
    if method == COMPLETE:
        return tuple(MethodAim(kind, "ref", complete, first=kind is FILE) for kind in (FILE, RESOURCE, PROMPT))
    return ()


def _reference(arguments: dict[str, Any]) -> dict[str, Any]:
    reference = arguments.get("ref")
    return reference if isinstance(reference, dict) else {}


def _deny(code: str, reason: str, path: str) -> Finding:
    return Finding(gate=_GATE, code=code, effect=Effect.DENY, path=path, reason=reason)
