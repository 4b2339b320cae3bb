"""Contracts: reading them strictly, their content id, templates, narrowing, and their compiled form."""

from collections.abc import Mapping

from callgate.core.patterns import Patterns
from callgate.model.contract import Contract
from callgate.model.terms import Tier


class ScopeRules:
    """One scope, compiled."""

    tools: frozenset[str] | None
    """None: every tool."""
    max_tier: Tier
    targets: Patterns
    """Empty: whatever the domains allow."""


class ContractRules:
    """A contract as the gates use it."""

    contract: Contract
    scopes: Mapping[str, ScopeRules]
    domains: frozenset[str]
    prohibited: Patterns


def parse_contract(text: bytes, file: str) -> Contract:
    """Raises ConfigError with file, key and what is allowed."""
    raise NotImplementedError


def content_id(contract: Contract) -> str:
    """``c-`` and 32 hex characters over every field but ``id``."""
    raise NotImplementedError


def instantiate(template: Contract, parameters: Mapping[str, str]) -> Contract:
    """Raises ConfigError: a parameter missing, unknown, or with a character that could widen a pattern."""
    raise NotImplementedError


def narrows(child: Contract, parent: Contract) -> tuple[str, ...]:
    """What of ``child`` is wider than ``parent``, one sentence each; empty: equal or narrower."""
    raise NotImplementedError


def compile_contract(contract: Contract) -> ContractRules:
    """Raises ConfigError when it is a template or contradicts itself."""
    raise NotImplementedError
