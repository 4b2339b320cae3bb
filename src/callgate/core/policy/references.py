"""What a policy reads, found by walking its parsed form."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from cedarpy import pst

from callgate.core.policy.schema import ATTRIBUTES

_HIERARCHY = (pst.ScopeIn, pst.ScopeIsIn)


class References:
    """What a policy reads: context attributes, and whether principal, resource or their parents matter."""

    __slots__ = ("attributes", "parents", "principal", "resource")

    def __init__(self, node: pst.Template) -> None:
        self.attributes: set[str] = set()
        self.principal = _selects(node.principal)
        self.resource = _selects(node.resource)
        self.parents = isinstance(node.principal, _HIERARCHY) or isinstance(node.resource, _HIERARCHY)
        for clause in node.clauses:
            self._walk(clause.expr)

    def _walk(self, root: pst.Expr) -> None:
        waiting: list[Any] = [root]
        while waiting:
            node = waiting.pop()
            match node:
                case pst.GetAttr(base=pst.Var(name="context"), attr=attribute):
                    self.attributes.add(attribute)
                case pst.HasAttr(base=pst.Var(name="context"), attrs=attributes):
                    self.attributes.add(attributes[0])
                case pst.Var(name="context"):
                    # The record itself is used as a value: then all of it counts.
                    self.attributes.update(ATTRIBUTES)
                case pst.Var(name="principal"):
                    self.principal = True
                case pst.Var(name="resource"):
                    self.resource = True
                case pst.BinaryOp(op="in") | pst.Is():
                    self.parents = True
                    waiting.extend(_children(node))
                case _:
                    waiting.extend(_children(node))


def _selects(scope: pst.PrincipalOrResourceConstraint) -> bool:
    # There is one principal type and one resource type, so ``is`` alone selects nothing.
    return not isinstance(scope, pst.ScopeAny | pst.ScopeIs)


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from node.values()
    elif isinstance(node, tuple):
        yield from node
    elif dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if isinstance(value, tuple | dict) or dataclasses.is_dataclass(value):
                yield value
