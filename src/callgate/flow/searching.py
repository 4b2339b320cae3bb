"""Tools that search all that an account sees, and what rules do with a search that names no place."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from callgate.core.confine import kinds_of
from callgate.core.contract import ContractRules, ScopeRules
from callgate.core.domains import DomainMap
from callgate.core.toolbox import ToolProfile, compile_toolbox
from callgate.flow.confining import single_targets
from callgate.flow.views.integrations import SearchView
from callgate.model.bundle import Domain
from callgate.model.terms import Breadth
from callgate.model.tool import Integration, IntegrationPin, Manifest

REFUSED, NARROWED, FILTERED, WHOLE, EVERYTHING = "refused", "narrowed", "filtered", "whole", "everything"
MOST_NAMED = 3


def searches_of(
    integration: Integration,
    pin: IntegrationPin,
    manifest: Manifest | None,
    rules: ContractRules,
    domains: tuple[Domain, ...],
) -> tuple[SearchView, ...]:
    """Those that the rules let run at all, in the server's order. ``manifest`` None: nobody knows of any.

    Raises ConfigError for a manifest that cannot be used.
    """
    scope = rules.scopes.get(integration.name)
    if manifest is None or scope is None:
        return ()
    known = DomainMap(domains)
    tools = compile_toolbox(integration, pin, manifest, known).tools.values()
    return tuple(
        _seen(integration.name, tool, rules, known, domains)
        for tool in tools
        if _reaches_all(tool)
        and not tool.quarantine
        and tool.tier <= scope.max_tier
        and (scope.tools is None or tool.name in scope.tools)
    )


def sentences(found: tuple[SearchView, ...], integration: str) -> Iterator[str]:
    """For the person who reads what rules would say."""
    if not found:
        return
    names = ", ".join(one.tool for one in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    who = "One of its tools" if len(found) == 1 else f"{len(found)} of its tools"
    yield f"{who} can search all that the account sees: {names}{more}."
    counted = Counter(one.without_place for one in found)
    if counted[EVERYTHING] == len(found):
        yield f"The rules let searches go through all of it: breadth {Breadth.GLOBAL.value}."
        return
    targets = ", ".join(dict.fromkeys(target for one in found for target in one.targets))
    ways = (
        (REFUSED, "refused"),
        (NARROWED, f"narrowed to {targets}"),
        (FILTERED, "answered without what lies outside the rules"),
        (WHOLE, "let go, as the rules name all that it can find"),
        (EVERYTHING, "let go"),
    )
    said = "; ".join(f"{words} ({counted[way]})" for way, words in ways if counted[way])
    yield f"A search that names no place is {said}."
    if counted[REFUSED] or counted[NARROWED]:
        later = f"later: callgate contract breadth {integration} {Breadth.GLOBAL.value}"
        yield f"To let them search all of it: --breadth {Breadth.GLOBAL.value}; {later}"


def _reaches_all(tool: ToolProfile) -> bool:
    """Some call of it names no place."""
    if tool.manifest is None or not tool.manifest.retrieval or tool.target_findings({}):
        return False
    return not tool.keeps_inside(tool.targets_of({})) or any(rule.when for rule in tool.manifest.targets)


def _seen(
    name: str, tool: ToolProfile, rules: ContractRules, known: DomainMap, domains: tuple[Domain, ...]
) -> SearchView:
    scope = rules.scopes[name]
    asked = bool(scope.targets) and tool.manifest is not None and bool(tool.manifest.targets)
    if scope.breadth is Breadth.GLOBAL and not asked:
        return SearchView(tool=tool.name, without_place=EVERYTHING)
    if tool.answer_filter is not None:
        return SearchView(tool=tool.name, without_place=WHOLE if _all_named(tool, scope, rules, domains) else FILTERED)
    if tool.narrower is not None and scope.breadth is not Breadth.GLOBAL:
        targets = single_targets(name, rules, tool.narrower.kinds, known, domains)
        if tool.narrower.narrowed({}, targets) is not None:
            written = tuple(f"{kind}:{one}" for kind, one in targets)
            return SearchView(tool=tool.name, without_place=NARROWED, targets=written)
    return SearchView(tool=tool.name, without_place=REFUSED)


def _all_named(tool: ToolProfile, scope: ScopeRules, rules: ContractRules, domains: tuple[Domain, ...]) -> bool:
    """Nothing that the filter of its answers looks at lies outside the rules."""
    if tool.manifest is None or scope.targets or rules.prohibited:
        return False
    inside = [text for domain in domains if domain.name in rules.domains for text in domain.targets]
    outside = [text for domain in domains if domain.name not in rules.domains for text in domain.targets]
    kinds = filter(None, kinds_of(msgspec.structs.replace(tool.manifest, targets=())))
    return all(
        f"{kind}:*" in inside and not any(text.startswith(f"{kind}:") for text in outside)
        for kind in dict.fromkeys(kinds)
    )
