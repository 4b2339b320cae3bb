"""Reads Cedar policies strictly: everything that must refuse a bundle refuses it here, at load."""

import re

import cedarpy
from cedarpy import pst

from callgate.core.policy.references import References
from callgate.core.policy.schema import ATTRIBUTES, schema_of
from callgate.model.base import Fact
from callgate.model.bundle import PolicyFile
from callgate.model.errors import ConfigError
from callgate.model.terms import Ask, Effect

MAX_NESTING = 50
"""Brackets inside brackets in one policy. Cedar's parser ends the process (stack overflow) somewhere above 300."""
MAX_LINKS = 500
"""Operators and member accesses in one policy. Long chains end the process somewhere above 1,000."""

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"?|//[^\n\r]*|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>;)'
    r"|(?P<link>&&|\|\||[=!<>]=|[-+*.!<>]|\b(?:if|else|has|like|in|is)\b)",
    re.DOTALL,
)
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_ENGINE_ID = re.compile(r"(?:for policy )?`?policy\d+`?,? ?")
_ON_PERMIT = ("id", "reason")
_ON_FORBID = ("id", "reason", "owner", "effect", "mode", "suspendable", "ask")
_EFFECTS = {"deny": Effect.DENY, "hold": Effect.HOLD, "draft": Effect.DRAFT}


class Policy(Fact, frozen=True):
    """One loaded policy. ``effect`` is ALLOW for a permit, else what a match of the forbid does."""

    id: str
    file: str
    effect: Effect
    reason: str
    node: pst.Template
    """As parsed: effect, scope and clauses."""
    owner: str = ""
    ask: Ask | None = None
    shadow: bool = False
    suspendable: bool = False

    @property
    def permit(self) -> bool:
        return self.effect is Effect.ALLOW


def load_policies(files: tuple[PolicyFile, ...]) -> tuple[Policy, ...]:
    """Every policy in order of file and place. ConfigError names file and policy."""
    loaded: dict[str, Policy] = {}
    for file in files:
        for policy in _load_file(file):
            if policy.id in loaded:
                other = loaded[policy.id].file
                raise ConfigError(
                    f"This @id is already used in {other}; each policy has its own.", file=file.name, key=policy.id
                )
            loaded[policy.id] = policy
    return tuple(loaded.values())


def _load_file(file: PolicyFile) -> list[Policy]:
    _bounded(file)
    try:
        nodes = cedarpy.policies_to_pst(file.text)
    except ValueError as fault:
        raise ConfigError(f"This is not Cedar: {_plain(str(fault))}.", file=file.name) from None
    if nodes.templates:
        raise ConfigError(
            "Policy templates (?principal, ?resource) are not used here; write the policy out.", file=file.name
        )
    names = {place: _name(node, number, file.name) for number, (place, node) in enumerate(_in_order(nodes), 1)}
    for place, node in _in_order(nodes):
        _known(node, names[place], file.name)
    checked = cedarpy.validate_policies(file.text, schema_of(frozenset(ATTRIBUTES)))
    if not checked.validation_passed:
        # An error in a scope is followed by a vaguer one about actions.
        first = min(checked.errors, key=lambda e: (e.policy_id, "applicable action" in e.error, e.error))
        raise ConfigError(f"{_sentence(first.error)}.", file=file.name, key=names.get(first.policy_id, ""))
    return [_policy(node, names[place], file.name) for place, node in _in_order(nodes)]


def _in_order(nodes: pst.PolicySet) -> list[tuple[str, pst.Template]]:
    """Engine ids are positional (``policy0``, ``policy1``, …); the mapping itself has no order to rely on."""
    return sorted(nodes.static_policies.items(), key=lambda item: int(item[0].removeprefix("policy")))


def _bounded(file: PolicyFile) -> None:
    depth = links = 0
    for token in _TOKEN.finditer(file.text):
        kind = token.lastgroup
        if kind == "open":
            depth += 1
            links += 1
        elif kind == "close":
            depth -= 1
        elif kind == "link":
            links += 1
        elif kind == "end":
            depth = links = 0
        if depth > MAX_NESTING or links > MAX_LINKS:
            line = file.text.count("\n", 0, token.start()) + 1
            raise ConfigError(
                f"The policy around line {line} is too large: at most {MAX_NESTING} brackets deep and {MAX_LINKS} operators.",
                file=file.name,
            )


def _name(node: pst.Template, number: int, file: str) -> str:
    name = node.annotations.get("id", "")
    if not _ID.fullmatch(name):
        raise ConfigError(
            'Each policy needs @id("…"): lower case letters, digits and dashes, at most 64.',
            file=file,
            key=f"policy {number}",
        )
    return name


def _known(node: pst.Template, name: str, file: str) -> None:
    # Cedar takes ``context has typo`` for something that is never true.
    for attribute in sorted(References(node).attributes.difference(ATTRIBUTES)):
        raise ConfigError(
            f"There is no context.{attribute}; docs/reference/policy-context.md lists what there is.",
            file=file,
            key=name,
        )


def _policy(node: pst.Template, name: str, file: str) -> Policy:
    said = node.annotations
    permit = node.effect == "permit"
    allowed = _ON_PERMIT if permit else _ON_FORBID
    for annotation in sorted(said):
        if annotation not in allowed:
            listed = ", ".join(f"@{a}" for a in allowed)
            raise ConfigError(f"@{annotation} cannot stand on a {node.effect}; allowed: {listed}.", file=file, key=name)
    if permit:
        return Policy(id=name, file=file, effect=Effect.ALLOW, reason=said.get("reason", ""), node=node)
    if not said.get("reason"):
        raise ConfigError('A forbid needs @reason("…"): one sentence for people.', file=file, key=name)
    effect = _EFFECTS[_word(node, "effect", tuple(_EFFECTS), name, file) or "deny"]
    ask = _word(node, "ask", tuple(Ask), name, file)
    if (ask is not None) is not (effect is Effect.HOLD):
        raise ConfigError(
            '@effect("hold") and @ask belong together: @ask says which question is asked.', file=file, key=name
        )
    return Policy(
        id=name,
        file=file,
        effect=effect,
        reason=said["reason"],
        node=node,
        owner=said.get("owner", ""),
        ask=Ask(ask) if ask else None,
        shadow=_word(node, "mode", ("shadow",), name, file) is not None,
        suspendable=_word(node, "suspendable", ("", "true"), name, file) is not None,
    )


def _word(node: pst.Template, annotation: str, allowed: tuple[str, ...], name: str, file: str) -> str | None:
    word = node.annotations.get(annotation)
    if word is not None and word not in allowed:
        listed = ", ".join(f'@{annotation}("{a}")' if a else f"@{annotation}" for a in allowed)
        raise ConfigError(f"@{annotation} has a word that is not known; allowed: {listed}.", file=file, key=name)
    return word


def _plain(text: str) -> str:
    return " ".join(text.split())[:300].rstrip(".")


def _sentence(error: str) -> str:
    text = _plain(_ENGINE_ID.sub("", error))
    return text[:1].upper() + text[1:]
