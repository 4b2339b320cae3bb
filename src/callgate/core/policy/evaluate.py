"""Judges policies: permits and forbids as two sets, sliced per action and tool, remembered exactly.

Without a matching permit a call is denied whatever the forbids say; each matching forbid is a finding; a policy that
cannot be evaluated denies. Shadowed forbids, their faults included, are recorded and never count: the engine is asked
which policies match, so nothing has to be subtracted from a verdict afterwards.
"""

from functools import lru_cache
from typing import Any

import cedarpy
import msgspec

from callgate.core.policy.load import Policy, load_policies
from callgate.core.policy.schema import NAMESPACE, PolicyContext
from callgate.core.policy.slice import GATE, Slice, can_match, named_resource
from callgate.model.base import Fact
from callgate.model.bundle import Bundle
from callgate.model.decision import Finding
from callgate.model.terms import Effect, Tier

REMEMBERED = 16_384
"""Verdicts kept, the least recently used one goes first."""

_NOBODY = {"type": f"{NAMESPACE}::Initiator", "id": ""}
_NOTHING = {"type": f"{NAMESPACE}::Tool", "id": ""}
_NO_PERMIT = (Finding(gate=GATE, code="no_permit", effect=Effect.DENY, reason="No policy permits this kind of call."),)


class Verdict(Fact, frozen=True):
    """What the policies say. ``permitted``: at least one permit matched."""

    permitted: bool
    findings: tuple[Finding, ...]


class PolicyEngine:
    """The policies of one bundle, compiled."""

    __slots__ = ("_evaluate", "_named", "_no_parents", "_policies", "_roles", "_slices")

    def __init__(
        self, policies: tuple[Policy, ...], roles: dict[str, tuple[str, ...]], remembered: int = REMEMBERED
    ) -> None:
        """``roles``: subject to names of the roles the bundle binds."""
        self._policies = policies
        self._roles = roles
        self._named = frozenset(name for name in map(named_resource, policies) if name is not None)
        self._slices = {(tier, ""): self._cut(tier, "") for tier in Tier}
        self._no_parents = cedarpy.Entities.from_json_str("[]")
        # Equal keys mean equal requests: each value's type is fixed by its place in the slice.
        self._evaluate = lru_cache(maxsize=remembered)(self._ask)

    def judge(self, tier: Tier, integration: str, tool: str, subject: str, context: PolicyContext) -> Verdict:
        resource = f"{integration}/{tool}"
        place = (tier, resource if resource in self._named else "")
        part = self._slices.get(place)
        if part is None:
            part = self._slices[place] = self._cut(tier, resource)
        return self._evaluate(
            part,
            subject if part.principal else "",
            resource if part.resource else "",
            integration if part.resource else "",
            part.values(context),
        )

    def _cut(self, tier: Tier, resource: str) -> Slice:
        return Slice(tier, tuple(policy for policy in self._policies if can_match(policy, tier, resource)))

    def _ask(self, part: Slice, subject: str, resource: str, integration: str, values: tuple[Any, ...]) -> Verdict:
        context = {name: value for name, value in zip(part.names, values, strict=True) if value is not None}
        request = {
            "principal": {"type": f"{NAMESPACE}::Initiator", "id": subject} if subject else _NOBODY,
            "action": part.action,
            "resource": {"type": f"{NAMESPACE}::Tool", "id": resource} if resource else _NOTHING,
            "context": msgspec.json.encode(context).decode(),
        }
        entities = self._parents(subject, resource, integration) if part.parents else self._no_parents
        # Without the schema: policies were validated against it when they were loaded, and the context is typed.
        answer = cedarpy.is_authorized(request, part.engine, entities)
        if answer.decision is cedarpy.Decision.NoDecision:
            return Verdict(permitted=False, findings=(_fault(None),))
        return _verdict(part, frozenset(answer.diagnostics.reasons), tuple(answer.diagnostics.errors))

    def _parents(self, subject: str, resource: str, integration: str) -> cedarpy.Entities:
        tool = {"type": f"{NAMESPACE}::Tool", "id": resource}
        person = {"type": f"{NAMESPACE}::Initiator", "id": subject}
        roles = [{"type": f"{NAMESPACE}::Role", "id": role} for role in self._roles.get(subject, ())]
        inside = [{"type": f"{NAMESPACE}::Integration", "id": integration}]
        return cedarpy.Entities.from_json_str(
            msgspec.json.encode(
                [{"uid": tool, "attrs": {}, "parents": inside}, {"uid": person, "attrs": {}, "parents": roles}]
            ).decode()
        )


def compile_engine(bundle: Bundle) -> PolicyEngine:
    """Raises ConfigError, as loading does."""
    roles: dict[str, tuple[str, ...]] = {}
    for binding in bundle.roles:
        for subject in binding.subjects:
            roles[subject] = (*roles.get(subject, ()), binding.role.value)
    return PolicyEngine(load_policies(bundle.policies), roles)


def _verdict(part: Slice, matched: frozenset[str], errors: tuple[str, ...]) -> Verdict:
    """Findings in the bundle's order of policies: forbids, faults, then permits."""
    forbids = [finding for policy, finding in part.forbids if policy in matched]
    permits = [finding for policy, finding in part.permits if policy in matched]
    broken = [_fault(policy) for policy in _broken(part, errors)]
    return Verdict(permitted=bool(permits), findings=(*forbids, *broken, *(permits or _NO_PERMIT)))


def _broken(part: Slice, errors: tuple[str, ...]) -> list[Policy | None]:
    """The policies that could not be evaluated; None for an error that names none of them."""
    if not errors:
        return []
    found: list[Policy | None] = [p for p in part.policies if any(f"policy `{p.id}`" in error for error in errors)]
    if len(found) < len(errors):
        found.append(None)
    return found


def _fault(policy: Policy | None) -> Finding:
    return Finding(
        gate=GATE,
        code="policy_error",
        effect=Effect.DENY,
        path=policy.id if policy else "",
        reason="A policy could not be evaluated, so nothing is allowed.",
        shadow=policy.shadow if policy else False,
    )
