"""Cuts a policy set down to what can matter for one action and tool, and to the attributes that part reads.

A policy is dropped only when its scope names another action or tool with ``==``; every other scope is kept. All kept
policies go to the engine as permits: it then lists exactly the policies whose scope and conditions match, permits and
forbids alike, in one pass. Which of them are forbids, and what follows, is ours to say (evaluate.py).
"""

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import cedarpy
from cedarpy import pst

from callgate.core.policy.load import Policy
from callgate.core.policy.references import References
from callgate.core.policy.schema import ACTIONS, NAMESPACE, PolicyContext
from callgate.model.decision import Finding
from callgate.model.terms import Ask, Effect, Tier

GATE = "policy"
_FORBIDDEN = {Effect.DENY: "policy_deny", Effect.HOLD: "policy_hold", Effect.DRAFT: "policy_draft"}


def can_match(policy: Policy, tier: Tier, resource: str) -> bool:
    """False only when the scope names another action or tool. ``resource`` empty: one that no scope names."""
    scope = policy.node
    if isinstance(scope.action, pst.ActionEq) and scope.action.entity.id != ACTIONS[tier]:
        return False
    named = named_resource(policy)
    return named is None or named == resource


def named_resource(policy: Policy) -> str | None:
    """The tool that the scope names with ``==``."""
    scope = policy.node.resource
    if isinstance(scope, pst.ScopeEq) and isinstance(scope.entity, pst.EntityUid):
        return scope.entity.id
    return None


class Slice:
    """The policies that can matter for one action and one tool (or every tool that no scope names), ready to run."""

    __slots__ = (
        "action",
        "engine",
        "forbids",
        "names",
        "parents",
        "permits",
        "policies",
        "principal",
        "resource",
        "tier",
        "values",
    )

    def __init__(self, tier: Tier, policies: tuple[Policy, ...]) -> None:
        seen = [References(policy.node) for policy in policies]
        self.tier = tier
        self.action = {"type": f"{NAMESPACE}::Action", "id": ACTIONS[tier]}
        self.policies = policies
        self.names = tuple(sorted(set().union(*(r.attributes for r in seen))))
        self.principal = any(r.principal for r in seen)
        self.resource = any(r.resource for r in seen)
        self.parents = any(r.parents for r in seen)
        self.forbids = tuple((policy.id, _forbidden(policy, tier)) for policy in policies if not policy.permit)
        self.permits = tuple((policy.id, _permitted(policy)) for policy in policies if policy.permit)
        self.engine = _engine(policies)
        self.values = _reader(self.names)


def _engine(policies: tuple[Policy, ...]) -> cedarpy.PolicySet:
    nodes = {
        policy.id: dataclasses.replace(policy.node, id=policy.id, effect="permit", annotations={})
        for policy in policies
    }
    return cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=nodes, template_links=()))


def _reader(names: tuple[str, ...]) -> Callable[[PolicyContext], tuple[Any, ...]]:
    if not names:
        return lambda _: ()
    read = attrgetter(*names)
    return read if len(names) > 1 else lambda context: (read(context),)


def _permitted(policy: Policy) -> Finding:
    return Finding(gate=GATE, code="permit", effect=Effect.ALLOW, path=policy.id, reason=policy.reason)


def _forbidden(policy: Policy, tier: Tier) -> Finding:
    """``draft`` asks for no more than a draft: a call that changes nothing is one already, and where no draft lane
    exists the frozen call is the draft, run when the initiator says so (DESIGN sections 9 and 10).
    """
    effect, ask = policy.effect, policy.ask
    if effect is Effect.DRAFT:
        effect, ask = (Effect.HOLD, Ask.MEANT) if tier is Tier.EXECUTE else (Effect.ALLOW, None)
    return Finding(
        gate=GATE,
        code=_FORBIDDEN[policy.effect],
        effect=effect,
        path=policy.id,
        reason=policy.reason,
        ask=ask,
        shadow=policy.shadow,
    )
