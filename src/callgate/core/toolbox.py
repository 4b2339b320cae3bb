"""The tools of one integration, compiled once per load: schema, tier, targets, sentence, receipt.

``compile_toolbox`` does everything that does not depend on a call; a ``ToolProfile`` answers for one call.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from callgate.core.conditions import ArgumentTier
from callgate.core.confine import confinement, kinds_of
from callgate.core.confirming import ConfirmPlan
from callgate.core.demanded import demanded
from callgate.core.domains import DomainMap
from callgate.core.headers import header_text, mirrored_headers
from callgate.core.paths import Selector
from callgate.core.per_call import PerCall
from callgate.core.receipt import ReceiptExtractor
from callgate.core.rulings import highest, in_force, marks, ruled, stands
from callgate.core.schemas import UNUSABLE
from callgate.core.selectors import MAX_TARGETS, TargetSelector
from callgate.core.sentence import Sentence
from callgate.core.sql import load as load_parser
from callgate.core.state_read import StateRead
from callgate.core.tool_object import decoded, listed_as, members_of, schema_of
from callgate.core.variants import meant
from callgate.core.visible import all_visible, fold, scripts, visible
from callgate.model.call import EVER_GOVERNED, TOOLS_CALL
from callgate.model.classification import Ruling
from callgate.model.decision import Finding
from callgate.model.errors import ConfigError
from callgate.model.terms import Effect, Tier
from callgate.model.tool import (
    Integration,
    IntegrationPin,
    Manifest,
    Target,
    ToolManifest,
    ToolPin,
)

MAX_NAME = 128
RESERVED = "callgate_"
_NO_TARGETS: tuple[Target, ...] = ()
_METHODS = frozenset(fold(name) for name in EVER_GOVERNED)

_TARGET_REASONS = {
    "target_missing": "The argument that says what the call aims at is missing.",
    "bad_target": "What the call aims at cannot be told for certain; write it in full and in its plain form.",
    "too_many_targets": f"One call may aim at {MAX_TARGETS} things at most.",
}


class ToolProfile:
    """One pinned tool.

    ``manifest`` None: the catalogue says nothing of it; it has the tier of its ``classification`` then, and is EXECUTE
    without one. Of an unverified manifest everything that would loosen is taken out. ``quarantine``: why the tool is
    neither listed nor callable; empty: it is both.
    ``listed``: the pinned tool object with our annotations in place of the vendor's. ``headers``:
    (``Mcp-Param-…``, dotted argument path). ``verified``: by a verified manifest. ``tier``: the highest it can have,
    without a look at the arguments; ``own_tier``: without the person's ``ruling``, which is None when none stands.
    ``method``: the protocol's method that it is used by. ``narrower`` and ``answer_filter``: how a search of it is kept
    inside; None: not that way. ``scopes``: as contracts name them. ``confirm``: the read that shows whether a lost call
    happened; None: none is known. ``limits``: (its name, or empty for the whole integration, calls at once).
    ``reaches``: kinds of targets that a search without any can bring; those of every tool of its manifest, where
    nothing is taken out of its answers. ``price``: of one call, in millionths of a US dollar.
    """

    __slots__ = (
        "_base",
        "_domains",
        "_extractor",
        "_header_selectors",
        "_last",
        "_per_call",
        "_reads",
        "_schema",
        "_sentence",
        "_targets",
        "_tier_rules",
        "answer_filter",
        "classification",
        "confirm",
        "headers",
        "limits",
        "listed",
        "manifest",
        "method",
        "name",
        "narrower",
        "own_tier",
        "pin",
        "price",
        "quarantine",
        "reaches",
        "ruling",
        "scopes",
        "tier",
        "verified",
    )

    def __init__(
        self,
        pin: ToolPin,
        manifest: ToolManifest | None,
        domains: DomainMap,
        quarantine: str,
        *,
        verified: bool,
        classified: bool = False,
        ruling: Ruling | None = None,
        manifest_digest: str = "",
    ) -> None:
        """Raises ConfigError for a manifest whose rules cannot compile."""
        tool = members_of(pin)
        schema = decoded(tool.get("inputSchema", msgspec.Raw(b"null")))
        self.name = pin.name
        self.method = TOOLS_CALL
        self.pin = pin
        self.manifest = manifest
        self.verified = verified
        self.quarantine = quarantine
        self.headers: tuple[tuple[str, str], ...] = ()
        try:
            self.headers = mirrored_headers(schema)
        except (ValueError, RecursionError):
            self.quarantine = quarantine or "bad_header"
        self._header_selectors = tuple((header, Selector(path)) for header, path in self.headers)
        self._schema = schema_of(schema, with_manifest=manifest is not None)
        self._domains = domains
        self._last: tuple[object, list[tuple[tuple[tuple[str, str], ...], str]]] = (None, [])
        said = pin.classification if classified and manifest is None else None
        unruled = manifest or ToolManifest(name=pin.name, tier=said.tier if said else Tier.EXECUTE, say="")
        self.own_tier = highest(unruled)
        self.ruling = ruling if ruling and stands(ruling, unruled, pin.digest, manifest_digest) else None
        self.classification = marks(said, self.ruling)
        rules = ruled(unruled, self.ruling)
        try:
            self._tier_rules = tuple(ArgumentTier(rule) for rule in rules.tier_by)
            self.narrower, self.answer_filter = confinement(rules.confine)
            own = (
                TargetSelector(rule, demanded(schema, rule) if self._schema else frozenset()) for rule in rules.targets
            )
            self._targets: tuple[Aim, ...] = (*own, *((self.narrower,) if self.narrower else ()))
            self._extractor = ReceiptExtractor(rules.receipt)
            self._reads = tuple(StateRead(read) for read in rules.state_pin)
            self._sentence = Sentence(rules.say) if manifest else None
            self.confirm = ConfirmPlan(rules.confirm) if rules.confirm else None
            self._base = max(unruled.tier, rules.tier)
            self._per_call = PerCall(manifest, self._base) if manifest else None
        except ValueError as fault:
            raise ConfigError(f"The manifest cannot be used: {fault}.", key=f"tools.{visible(pin.name)}") from fault
        self.limits = tuple((pin.name, most) for most in (rules.concurrency,) if most)
        self.tier = highest(rules)
        self.listed = listed_as(tool, self.tier, manifest)
        self.scopes = tuple(f"scope:{scope.value}" for scope in rules.scopes)
        self.reaches: frozenset[str] = frozenset()
        self.price = rules.price_micro_usd or 0
        if any(one.sql or one.sql_shapes for rule in rules.tier_by for one in (rule, *rule.when)):
            load_parser()

    def schema_findings(self, arguments: dict[str, Any]) -> tuple[Finding, ...]:
        """Findings of the pinned schema: paths and reasons, never values."""
        return UNUSABLE if self._schema is None else self._schema.findings(arguments)

    def target_findings(self, arguments: dict[str, Any]) -> tuple[Finding, ...]:
        """Arguments that should say what the call aims at and do not. Deny, under the schema gate."""
        findings: list[Finding] = []
        for number, (selector, (_, problem)) in enumerate(zip(self._targets, self._aimed(arguments), strict=True)):
            if problem:
                reason = _TARGET_REASONS[problem]
                path = selector.path or f"target {number}"
                findings.append(Finding(gate="schema", code=problem, effect=Effect.DENY, path=path, reason=reason))
        return tuple(findings)

    def _aimed(self, arguments: dict[str, Any]) -> list[tuple[tuple[tuple[str, str], ...], str]]:
        """What each target rule finds. One call asks twice, with the very same arguments, one after the other."""
        last, found = self._last
        if last is not arguments:
            found = [selector.aims(arguments) for selector in self._targets]
            self._last = (arguments, found)
        return found

    def tier_of(self, arguments: dict[str, Any]) -> Tier:
        """The tool's tier, or the one its rules give these arguments; several rules: the highest of them."""
        if not self._tier_rules:
            return self.tier
        given = [rule.tier for rule in self._tier_rules if rule.holds(arguments, raising=rule.tier > self._base)]
        raised = [tier for tier in given if tier > self._base]
        return max(raised or given, default=self._base)

    def manifest_at(self, tier: Tier, arguments: dict[str, Any] | None = None) -> ToolManifest | None:
        """What the catalogue says of a call of this tier; see ``PerCall.of``."""
        return None if self._per_call is None else self._per_call.of(tier, arguments)

    def targets_of(self, arguments: dict[str, Any]) -> tuple[Target, ...]:
        """What the call touches, each once, in the order of the rules. A rule with a problem gives nothing."""
        if not self._targets:
            return _NO_TARGETS
        found: dict[tuple[str, str], Target] = {}
        for aims, _ in self._aimed(arguments):
            for aim in aims:
                if aim not in found:
                    found[aim] = Target(kind=aim[0], id=aim[1], domain=self._domains.of(*aim))
        return tuple(found.values())

    def keeps_inside(self, targets: tuple[Target, ...]) -> bool:
        """Whether a search with these targets reaches nothing beyond them."""
        if self.narrower is None or not self.narrower.wide:
            return bool(targets)
        return any(target.kind not in self.narrower.wide for target in targets)

    def drift_key(self, arguments: dict[str, Any]) -> str:  # noqa: ARG002 - of methods it depends on them
        """Which of the definitions that drift is told of this call rests on."""
        return self.name

    def sentence(self, arguments: dict[str, Any]) -> str:
        """What the call would do, for people."""
        if self._sentence is None:
            return f"Use {visible(self.name)}, a tool that nobody has classified: it may change things."
        return self._sentence.say(arguments)

    def receipt_of(self, arguments: dict[str, Any], result: bytes) -> tuple[tuple[str, str], ...]:
        """``result``: JSON of a CallToolResult. Empty when it says nothing or contradicts itself."""
        return self._extractor.read(arguments, result)

    def state_reads(self, arguments: dict[str, Any]) -> tuple[StateRead, ...]:
        """The reads whose answers make the state pin of such a call."""
        return tuple(read for read in self._reads if read.wanted(arguments))

    def header_values(self, arguments: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        """(``Mcp-Param-…``, text) of these arguments; absent ones are left out. Encoding is the transport's."""
        if not self._header_selectors:
            return ()
        texts = ((header, header_text(selector.one(arguments))) for header, selector in self._header_selectors)
        return tuple((header, text) for header, text in texts if text is not None)


class Aim(Protocol):
    """Finds what a call aims at in its arguments; what TargetSelector does."""

    path: str

    def aims(self, arguments: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], str]: ...


class Toolbox:
    """``tools`` holds quarantined ones too, so that a call of one is answered with its reason, and what stands for
    the other governed methods of the protocol, under their names.

    ``listing``: ``listed`` of every tool that is not quarantined, in the pin's order.
    """

    __slots__ = ("integration", "listing", "pin", "tools")

    def __init__(self, integration: Integration, pin: IntegrationPin | None, tools: Mapping[str, ToolProfile]) -> None:
        self.integration = integration
        self.pin = pin
        self.tools = dict(tools)
        shown = (tool for tool in tools.values() if not tool.quarantine and tool.method == TOOLS_CALL)
        self.listing = tuple(tool.listed for tool in shown)

    def find(self, method: str, name: str) -> ToolProfile | None:
        """None: there is no such tool, or it is not used by this method."""
        tool = self.tools.get(name)
        return tool if tool is None or tool.method == method else None


def compile_toolbox(
    integration: Integration,
    pin: IntegrationPin | None,
    manifest: Manifest | None,
    domains: DomainMap,
    *,
    classified: bool = False,
    rulings: Mapping[str, Ruling] = MappingProxyType({}),
) -> Toolbox:
    """No pin: nothing was confirmed, so there are no tools. Raises ConfigError for a manifest that cannot be used.

    ``classified``: no manifest is meant to speak for it, so the confirmed classifications count. ``rulings``: by tool.
    """
    if pin is None:
        return Toolbox(integration, None, {})
    manifest = meant(manifest, integration, pin.server_name)
    known = {tool.name: _as_trusted(tool, manifest) for tool in manifest.tools} if manifest else {}
    reasons = quarantined([tool.name for tool in pin.tools])
    if integration.command:
        # A child process is one session for all callers.
        shared = {name: "shared_session" for name, tool in known.items() if tool.sets_session_target}
        reasons = {**shared, **reasons}
    verified = manifest is not None and manifest.verified
    tools = {
        tool.name: ToolProfile(
            tool,
            known.get(tool.name),
            domains,
            reasons.get(tool.name, ""),
            verified=verified and tool.name in known,
            classified=classified and manifest is None,
            ruling=in_force(rulings.get(tool.name)),
            manifest_digest=manifest.digest if manifest else "",
        )
        for tool in pin.tools
    }
    if manifest is not None:
        kinds = frozenset(kind for tool in manifest.tools for kind in kinds_of(tool))
        for profile in tools.values():
            profile.limits = (*profile.limits, *((("", manifest.concurrency),) if manifest.concurrency else ()))
            if profile.manifest is not None and profile.manifest.price_micro_usd is None:
                profile.price = manifest.price_micro_usd
            if profile.manifest is not None and profile.manifest.retrieval and profile.answer_filter is None:
                profile.reaches = kinds
    return Toolbox(integration, pin, tools)


def _as_trusted(tool: ToolManifest, manifest: Manifest) -> ToolManifest:
    """An unverified manifest may only add caution."""
    if manifest.verified:
        return tool
    return msgspec.structs.replace(
        tool,
        tier=Tier.EXECUTE,
        tier_by=(),
        compensation="",
        idempotent=False,
        confine=None,
        draft_lane=None,
        confirm=None,
        pre_read=None,
    )


def quarantined(names: list[str], *, blanks: bool = False) -> dict[str, str]:
    """Name to why it is kept away: ``reserved``, ``unreadable`` or ``look_alike``. ``blanks``: names may hold some."""
    folds = [fold(name) for name in names]
    counts = Counter(folds)
    reasons = {}
    for name, folded in zip(names, folds, strict=True):
        if folded.startswith(RESERVED) or folded in _METHODS:
            reasons[name] = "reserved"
        elif not name or len(name) > MAX_NAME or not all_visible(name) or (" " in name and not blanks):
            reasons[name] = "unreadable"
        elif counts[folded] > 1 or (not name.isascii() and len(scripts(name)) > 1):
            reasons[name] = "look_alike"
    return reasons
