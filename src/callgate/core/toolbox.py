"""The tools of one integration, compiled once per load: schema, tier, targets, sentence, receipt.

``compile_toolbox`` does everything that does not depend on a call; a ``ToolProfile`` answers for one call.
"""

from typing import Any

from callgate.core.domains import DomainMap
from callgate.model.decision import Finding
from callgate.model.terms import Tier
from callgate.model.tool import Integration, IntegrationPin, Manifest, Target, ToolManifest, ToolPin


class ToolProfile:
    """One pinned tool. ``manifest`` is None when the catalogue says nothing of it; then it is EXECUTE."""

    name: str
    tier: Tier
    """Tier without a look at the arguments; also for listings and grants."""
    manifest: ToolManifest | None
    pin: ToolPin
    verified: bool
    """The manifest was verified against the real server; False without a manifest."""
    quarantine: str
    """Why the tool is neither listed nor callable; empty: it is."""
    listed: bytes
    """The pinned tool object with our annotations in place of the vendor's."""
    headers: tuple[tuple[str, str], ...]
    """(``Mcp-Param-…``, dotted argument path) from ``x-mcp-header`` (MCP 2026-07-28)."""

    def schema_findings(self, arguments: dict[str, Any]) -> tuple[Finding, ...]:
        """Deny or hold findings of the pinned schema; paths and reasons, never values."""
        raise NotImplementedError

    def target_findings(self, arguments: dict[str, Any]) -> tuple[Finding, ...]:
        """``target_missing`` and ``bad_target``: arguments that should aim at something and do not."""
        raise NotImplementedError

    def tier_of(self, arguments: dict[str, Any]) -> Tier:
        raise NotImplementedError

    def targets_of(self, arguments: dict[str, Any]) -> tuple[Target, ...]:
        raise NotImplementedError

    def sentence(self, arguments: dict[str, Any]) -> str:
        raise NotImplementedError

    def receipt_of(self, arguments: dict[str, Any], result: bytes) -> tuple[tuple[str, str], ...]:
        """``result`` is the JSON of a CallToolResult; empty when it says nothing or contradicts itself."""
        raise NotImplementedError

    def state_reads(self, arguments: dict[str, Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
        """(tool, arguments) of the reads whose answers make the state pin."""
        raise NotImplementedError


class Toolbox:
    """``tools`` holds quarantined ones too, so that a call of one is answered with its reason."""

    tools: dict[str, ToolProfile]
    listing: tuple[bytes, ...]
    """``listed`` of every tool that is not quarantined, in the pin's order."""


def compile_toolbox(
    integration: Integration, pin: IntegrationPin | None, manifest: Manifest | None, domains: DomainMap
) -> Toolbox:
    raise NotImplementedError
