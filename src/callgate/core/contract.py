"""Contracts: reading them strictly, their content id, templates, narrowing, and their compiled form.

Which values are allowed stands in docs/reference/contract.md.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from callgate.core.ledger.canonical import digest
from callgate.core.patterns import Patterns, pattern_problem
from callgate.core.strict import StrictReader, nearest, read_toml
from callgate.model.contract import Contract, Scope
from callgate.model.errors import ConfigError
from callgate.model.manifest import SensitiveScope
from callgate.model.terms import Breadth, Effect

_NOT_IN_FILES = frozenset({"Contract.id", "Contract.parent"})
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOOL = re.compile(r"[^\s*\x00-\x1f\x7f]{1,128}")
_PARAMETER = re.compile(r"([a-z][a-z0-9_]{0,31})(:path)?")
_PLACE = re.compile(r"\{([^{}]*)\}")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9@+_-][A-Za-z0-9@+._ -]{0,127}")
_PATH_VALUE = re.compile(r"/?[A-Za-z0-9@+._-]+(?:/[A-Za-z0-9@+._-]+)*")
_NUMBERS = {
    "max_seconds": (0, 30 * 86_400),
    "max_calls": (0, 1_000_000),
    "call_timeout_ms": (100, 600_000),
    "retry.attempts": (1, 5),
    "retry.backoff_ms": (0, 60_000),
}


class ScopeRules:
    """One scope, compiled. ``tools`` None: every tool. ``targets`` empty: whatever the domains allow."""

    __slots__ = ("breadth", "max_tier", "targets", "tools")

    def __init__(self, scope: Scope, contract: Contract) -> None:
        self.tools = None if "*" in scope.tools else frozenset(scope.tools)
        self.max_tier = contract.max_tier if scope.max_tier is None else min(contract.max_tier, scope.max_tier)
        self.breadth = contract.breadth if scope.breadth is None else scope.breadth
        self.targets = Patterns(scope.targets)


class ContractRules:
    """A contract as the gates use it."""

    __slots__ = ("contract", "domains", "initiators", "prohibited", "runtimes", "scopes")

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.scopes: Mapping[str, ScopeRules] = compile_scopes(contract)
        self.domains = frozenset(contract.domains)
        self.prohibited = Patterns(contract.prohibited)
        self.initiators = None if "*" in contract.initiators else frozenset(contract.initiators)
        self.runtimes = None if "*" in contract.runtimes else frozenset(contract.runtimes)

    def breadth(self, integration: str) -> Breadth:
        """How far searches in it reach; of one that the contract does not name, as the contract says."""
        scope = self.scopes.get(integration)
        return self.contract.breadth if scope is None else scope.breadth


def compile_scopes(contract: Contract) -> dict[str, ScopeRules]:
    """By integration; also of a template."""
    return {scope.integration: ScopeRules(scope, contract) for scope in contract.scopes}


def parse_contract(text: bytes, file: str) -> Contract:
    """Raises ConfigError with file, key and what is allowed. The result may be a template."""
    contract = StrictReader(file, _NOT_IN_FILES).read(Contract, read_toml(text, file))
    _check(contract, file)
    return msgspec.structs.replace(contract, id=content_id(contract))


def content_id(contract: Contract) -> str:
    """``c-`` and 32 hex characters over every field but ``id``, and the breadth of scopes that say none."""
    body = msgspec.to_builtins(contract)
    del body["id"]
    for scope in body["scopes"]:
        # Contracts keep the ids they had before scopes could say it.
        if scope["breadth"] is None:
            del scope["breadth"]
    return f"c-{digest(body)[:32]}"


def compile_contract(contract: Contract) -> ContractRules:
    """Raises ConfigError when it is a template or breaks a rule of the reference page."""
    if contract.parameters:
        raise ConfigError(
            "A template cannot be used itself; open a task from it.", file=contract.name, key="parameters"
        )
    _check(contract, contract.name)
    return ContractRules(contract)


def instantiate(template: Contract, parameters: Mapping[str, str]) -> Contract:
    """Fill a template's places. Raises ConfigError for a parameter that is missing, unknown, or could widen a pattern."""
    kinds = dict(_parameter(name) for name in template.parameters)
    for name in parameters:
        if name not in kinds:
            known = ", ".join(kinds) or "none"
            _fail(template.name, name, f"There is no such parameter.{nearest(name, kinds)} Allowed: {known}.")
    for name, is_path in kinds.items():
        if name not in parameters:
            _fail(template.name, name, "This parameter is missing.")
        _check_value(template.name, name, parameters[name], is_path=is_path)

    def fill(text: str) -> str:
        return _PLACE.sub(lambda place: parameters.get(place[1], place[0]), text)

    made = msgspec.structs.replace(
        template,
        id="",
        parent=template.id,
        parameters=(),
        objective=fill(template.objective),
        prohibited=tuple(fill(text) for text in template.prohibited),
        scopes=tuple(
            msgspec.structs.replace(scope, targets=tuple(fill(text) for text in scope.targets))
            for scope in template.scopes
        ),
    )
    _check(made, template.name)
    return msgspec.structs.replace(made, id=content_id(made))


def narrows(child: Contract, parent: Contract) -> tuple[str, ...]:
    """What of ``child`` is wider than ``parent``, one sentence each; empty: equal or narrower.

    Names, objective, owner, parent and the backoff of retries give no power and are not compared.
    """
    return tuple(_wider(child, parent))


def _wider(child: Contract, parent: Contract) -> Iterator[str]:
    if child.team != parent.team:
        yield "It belongs to another team."
    if child.max_tier > parent.max_tier:
        yield f"Its highest tier is {child.max_tier.name.lower()}."
    yield from _wider_scopes(child, parent)
    yield from _more("Domain", child.domains, parent.domains)
    yield from _more("Initiator", child.initiators, parent.initiators)
    yield from _more("Runtime", child.runtimes, parent.runtimes)
    prohibited = Patterns(child.prohibited)
    for pattern in parent.prohibited:
        if not prohibited.covers(pattern):
            yield f"It does not prohibit {pattern}."
    if child.outside < parent.outside:
        yield "What lies outside of it is held, not denied."
    if child.breadth is Breadth.GLOBAL and parent.breadth is not Breadth.GLOBAL:
        yield "It allows searches without a target."
    for flag, what in (
        ("irreversible", "irreversible calls"),
        ("everyday", "work without a task"),
        ("assistant_may_open", "assistants to open it"),
    ):
        if getattr(child, flag) and not getattr(parent, flag):
            yield f"It allows {what}."
    yield from _wider_limits(child, parent)


def _wider_scopes(child: Contract, parent: Contract) -> Iterator[str]:
    for scope in child.scopes:
        wide = next((s for s in parent.scopes if s.integration == scope.integration), None)
        where = f"In {scope.integration}"
        if wide is None:
            yield f"It reaches the integration {scope.integration}."
            continue
        mine, theirs = ScopeRules(scope, child), ScopeRules(wide, parent)
        if mine.max_tier > theirs.max_tier:
            yield f"{where} its highest tier is higher."
        if mine.breadth is Breadth.GLOBAL and theirs.breadth is not Breadth.GLOBAL:
            yield f"{where} it allows searches without a target."
        yield from _more(f"{where} the tool", scope.tools, wide.tools)
        if wide.targets:
            if not scope.targets:
                yield f"{where} it names no targets."
            allowed = Patterns(wide.targets)
            for pattern in scope.targets:
                if not allowed.covers(pattern):
                    yield f"{where} it reaches {pattern}."


def _wider_limits(child: Contract, parent: Contract) -> Iterator[str]:
    # An everyday contract has no end, so any task lasts no longer.
    if not parent.everyday and not child.everyday and _seconds(child) > _seconds(parent):
        yield "Its tasks last longer."
    if parent.max_calls and not 0 < child.max_calls <= parent.max_calls:
        yield "It allows more calls."
    if child.call_timeout_ms > parent.call_timeout_ms:
        yield "Its calls may take longer."
    if child.retry.attempts > parent.retry.attempts:
        yield "It retries more often."


def _seconds(contract: Contract) -> int:
    return contract.max_seconds or 8 * 3600


def _more(what: str, child: tuple[str, ...], parent: tuple[str, ...]) -> Iterator[str]:
    if "*" not in parent:
        for name in child:
            if name not in parent:
                yield f"{what} {name} is not in it."


def _fail(file: str, key: str, message: str) -> None:
    raise ConfigError(message, file=file, key=key)


def _check(contract: Contract, file: str) -> None:
    for key in ("name", "team"):
        _word(file, key, getattr(contract, key))
    for key in ("objective", "owner"):
        if not 0 < len(getattr(contract, key).strip()) <= 500:
            _fail(file, key, "1 to 500 characters are wanted here.")
    for number, domain in enumerate(contract.domains):
        _word(file, f"domains[{number}]", domain)
    _check_people(contract, file)
    if contract.outside not in {Effect.HOLD, Effect.DENY}:
        _fail(file, "outside", "Allowed: hold, deny.")
    _check_numbers(contract, file)
    for number, pattern in enumerate(contract.prohibited):
        _pattern(file, f"prohibited[{number}]", pattern)
    _check_scopes(contract, file)
    _check_places(contract, file)


def _check_people(contract: Contract, file: str) -> None:
    for key in ("initiators", "runtimes"):
        for number, name in enumerate(getattr(contract, key)):
            if not name.strip() or ("*" in name and name != "*"):
                _fail(
                    file, f"{key}[{number}]", "A name is wanted here, or * for everyone; other stars are not allowed."
                )


def _check_numbers(contract: Contract, file: str) -> None:
    for key, (low, high) in _NUMBERS.items():
        head, _, tail = key.partition(".")
        value = getattr(getattr(contract, head), tail) if tail else getattr(contract, head)
        if not low <= value <= high:
            _fail(file, key, f"{low} to {high} are allowed.")


def _check_scopes(contract: Contract, file: str) -> None:
    if not contract.scopes:
        _fail(file, "scopes", "At least one scope is wanted: a [[scopes]] table with an integration.")
    seen: set[str] = set()
    for number, scope in enumerate(contract.scopes):
        key = f"scopes[{number}]"
        _word(file, f"{key}.integration", scope.integration)
        if scope.integration in seen:
            _fail(file, f"{key}.integration", "This integration has a scope already; one scope each is allowed.")
        seen.add(scope.integration)
        if not scope.tools:
            _fail(file, f"{key}.tools", "At least one tool name is wanted, or * for every tool.")
        for position, tool in enumerate(scope.tools):
            if tool != "*" and not _TOOL.fullmatch(tool):
                _fail(file, f"{key}.tools[{position}]", "A whole tool name is wanted, or * alone for every tool.")
        if scope.max_tier is not None and scope.max_tier > contract.max_tier:
            _fail(file, f"{key}.max_tier", "A scope may only narrow the contract's max_tier.")
        for position, pattern in enumerate(scope.targets):
            _pattern(file, f"{key}.targets[{position}]", pattern)


def _check_places(contract: Contract, file: str) -> None:
    names = _parameter_names(contract, file)
    used: set[str] = set()
    texts = {"objective": contract.objective}
    texts |= {f"prohibited[{n}]": text for n, text in enumerate(contract.prohibited)}
    for number, scope in enumerate(contract.scopes):
        texts |= {f"scopes[{number}].targets[{n}]": text for n, text in enumerate(scope.targets)}
    for key, text in texts.items():
        for place in _PLACE.findall(text) if names else ():
            if place not in names:
                _fail(file, key, f"{{{place}}} is not one of the parameters.{nearest(place, names)}")
            used.add(place)
    for number, name in enumerate(names):
        if name not in used:
            _fail(file, f"parameters[{number}]", f"No target, prohibition or objective has the place {{{name}}}.")


def _parameter_names(contract: Contract, file: str) -> list[str]:
    names: list[str] = []
    for number, text in enumerate(contract.parameters):
        key = f"parameters[{number}]"
        if not _PARAMETER.fullmatch(text):
            _fail(file, key, "A name of lower-case letters, digits and _ is wanted, with :path if it may hold /.")
        name, _ = _parameter(text)
        if name in names:
            _fail(file, key, "This parameter is named twice.")
        names.append(name)
    if names and contract.everyday:
        _fail(file, "everyday", "A template cannot be an everyday contract.")
    return names


def _parameter(text: str) -> tuple[str, bool]:
    name, _, kind = text.partition(":")
    return name, kind == "path"


def _check_value(file: str, name: str, value: str, *, is_path: bool) -> None:
    if is_path:
        if not _PATH_VALUE.fullmatch(value) or len(value) > 1024 or not {".", ".."}.isdisjoint(value.split("/")):
            _fail(
                file,
                name,
                "A path of letters, digits and @+._- is wanted, without . and .. and without a slash at its end.",
            )
    elif not _PLAIN_VALUE.fullmatch(value) or value.endswith(" "):
        _fail(file, name, "1 to 128 letters, digits, blanks and @+._- are wanted, and not a dot at its start.")


def _word(file: str, key: str, value: str) -> None:
    if not _WORD.fullmatch(value):
        _fail(file, key, "1 to 64 letters, digits, dots, dashes and underscores are wanted here.")


def _pattern(file: str, key: str, pattern: str) -> None:
    reason = pattern_problem(pattern) or _scope_problem(pattern)
    if reason:
        _fail(file, key, reason)


def _scope_problem(pattern: str) -> str:
    """A prohibition of a scope that there is not would never match."""
    kind, _, scope = pattern.partition(":")
    if kind != "scope" or "*" in scope or "{" in scope or scope in list(SensitiveScope):
        return ""
    return f"There is no such sensitive scope.{nearest(scope, SensitiveScope)} Allowed: {', '.join(SensitiveScope)}."
