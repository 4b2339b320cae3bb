"""The Cedar model: what a policy can see. ``docs/reference/policy-context.md`` is made from here.

Principal ``Callgate::Initiator::"<account subject>"`` in the roles the bundle binds, action ``Callgate::Action::"read"``,
``"draft"`` or ``"execute"``, resource ``Callgate::Tool::"<integration>/<tool>"`` in its integration. Entities carry no
attributes: what changes with a call is context, and holds booleans, small words and counts, never raw arguments.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import cedarpy
import msgspec

from callgate.model.base import Fact
from callgate.model.terms import Tier

NAMESPACE = "Callgate"
ACTIONS = {tier: tier.name.lower() for tier in Tier}
_CEDAR_TYPES = {bool: "Bool", int: "Long", str: "String"}


def _says(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class PolicyContext(Fact, frozen=True):
    """Every attribute a policy may read as ``context.<name>``. None: absent, so the policy must ask ``has`` first."""

    tier: Annotated[int, _says("What this call can do at worst: 1 read, 2 draft, 3 execute")]
    stage: Annotated[
        str, _says("How far the integration is: `read` or `production`; what is only observed counts as `production`")
    ]
    profile: Annotated[str, _says("`solo` or `team`")]
    integration: Annotated[str, _says("Name of the integration")]
    issuer: Annotated[str, _says("Who vouches for the initiator (token issuer)")]
    runtime: Annotated[str, _says("Registered id of the assistant runtime")]
    runtime_kind: Annotated[str, _says("`attended`, `unattended`, `subagent` or `service`")]
    attended: Annotated[bool, _says("A person sits beside the assistant (`runtime_kind` is `attended`)")]
    delegated: Annotated[bool, _says("The token shows a chain of delegation behind the runtime")]
    same_host: Annotated[bool, _says("The call came from the gate's own machine and user")]
    contract_everyday: Annotated[bool, _says("The contract is a team's everyday rules")]
    in_task: Annotated[bool, _says("The call belongs to an open task")]
    inside_contract: Annotated[bool, _says("The contract gate found nothing at all")]
    targets_inside: Annotated[bool, _says("No target and no domain lies outside the contract; true without targets")]
    has_targets: Annotated[bool, _says("The manifest found at least one target in the arguments")]
    targets: Annotated[int, _says("Number of targets")]
    domains_known: Annotated[bool, _says("Every target belongs to a known domain; true without targets")]
    domain: Annotated[str | None, _says("The domain, when all targets share one")]
    has_manifest: Annotated[bool, _says("The catalogue knows the tool")]
    manifest_verified: Annotated[bool, _says("The tool's manifest was verified against the real server")]
    drifted: Annotated[bool, _says("The server sends another definition of the tool than the confirmed one")]
    irreversible: Annotated[bool, _says("The effect of this call cannot be undone")]
    reversible: Annotated[bool, _says("The catalogue names a tool that undoes this call")]
    admin: Annotated[bool, _says("The tool changes rights, accounts or configuration")]
    money: Annotated[bool, _says("The tool moves money or orders something")]
    idempotent: Annotated[bool, _says("Doing it twice has the effect of doing it once")]
    retrieval: Annotated[bool, _says("The tool searches")]
    risk: Annotated[int, _says("Points of the risk table, 0 to 100")]


class Attribute(Fact, frozen=True):
    """One context attribute as Cedar sees it."""

    name: str
    cedar: str
    optional: bool
    meaning: str


def _attribute(name: str, hint: Any) -> Attribute:
    plain, meta = get_args(hint)
    optional = get_origin(plain) is not None
    base = get_args(plain)[0] if optional else plain
    return Attribute(name=name, cedar=_CEDAR_TYPES[base], optional=optional, meaning=meta.description)


ATTRIBUTES: dict[str, Attribute] = {
    name: _attribute(name, hint) for name, hint in get_type_hints(PolicyContext, include_extras=True).items()
}


def schema_text(names: Iterable[str]) -> str:
    """The Cedar schema whose context has exactly the named attributes."""
    chosen = sorted(names)
    fields = ", ".join(f"{n}{'?' if ATTRIBUTES[n].optional else ''}: {ATTRIBUTES[n].cedar}" for n in chosen)
    actions = ", ".join(f'"{action}"' for action in ACTIONS.values())
    return (
        f"namespace {NAMESPACE} {{\n"
        "  entity Role;\n  entity Initiator in [Role];\n  entity Integration;\n  entity Tool in [Integration];\n"
        f"  type Context = {{ {fields} }};\n"
        f"  action {actions} appliesTo {{ principal: Initiator, resource: Tool, context: Context }};\n}}\n"
    )


@lru_cache(maxsize=512)
def schema_of(names: frozenset[str]) -> cedarpy.Schema:
    """Parsed schema handle for a context of these attributes; policies are validated against all of them."""
    return cedarpy.Schema.from_str(schema_text(names))


def context_page() -> str:
    """``docs/reference/policy-context.md``."""
    rows = "\n".join(
        f"| `{a.name}` | {a.cedar}{', optional' if a.optional else ''} | {a.meaning} |" for a in ATTRIBUTES.values()
    )
    return f"""# What a policy can see

Made from `src/callgate/core/policy/schema.py`; a test compares them.

| in a policy | is |
|---|---|
| `principal` | `Callgate::Initiator::"<account subject>"`, in `Callgate::Role::"<role>"` for each role the bundle binds |
| `action` | `Callgate::Action::"read"`, `"draft"` or `"execute"`: the call's tier |
| `resource` | `Callgate::Tool::"<integration>/<tool>"`, in `Callgate::Integration::"<integration>"` |

Entities have no attributes. A subject is unique within its issuer: where a tenant has more than one issuer, a policy
about one person also names `context.issuer`.

## Context

An optional attribute may be absent: ask `context has <name>` first, or the policy is refused on load.

| attribute | type | meaning |
|---|---|---|
{rows}

## Annotations

| annotation | on | meaning |
|---|---|---|
| `@id("…")` | every policy | unique name: lower case letters, digits and dashes |
| `@reason("…")` | forbid (required), permit | one sentence for people |
| `@effect("deny")`, `"hold"`, `"draft"` | forbid | what a match does; without it: deny |
| `@ask("meant")`, `"domain"`, `"acceptable"` | forbid with `@effect("hold")`, required there | which question discharges it |
| `@owner("…")` | forbid | who answers for the rule |
| `@mode("shadow")` | forbid | recorded, never enforced |
| `@suspendable` | forbid | an exception may suspend it |

Any other annotation is refused. Permits and forbids are judged as two sets: without a matching permit a call is denied
(`no_permit`), and every matching forbid is a finding of its own. A policy that cannot be evaluated denies (`policy_error`).
`draft` asks for no more than a draft: it leaves reads and drafts alone, and makes a call that changes something wait for
the one who asked (`meant`).
"""
