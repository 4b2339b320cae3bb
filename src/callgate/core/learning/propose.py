"""Everyday rules that hold what was used and hardly more: exact tools, exact targets, a common prefix where many were
read below one owner, nothing prohibited, nothing that is irreversible, administers or moves money.
"""

from collections.abc import Iterable, Mapping

import msgspec

from callgate.core.contract import content_id
from callgate.core.learning.book import ToolFigures, UseBook
from callgate.core.patterns import Patterns, pattern_problem
from callgate.core.toolbox import ToolProfile
from callgate.model.base import Fact
from callgate.model.bundle import Domain
from callgate.model.contract import Contract, Scope
from callgate.model.inquiry import ASKS
from callgate.model.learned import UsedTarget, UsedTool
from callgate.model.terms import Breadth, Effect, Tier
from callgate.model.tool import Target

MANY = 5
"""Distinct targets below one prefix from which on the prefix is proposed, where nothing is changed."""
MOST_NAMED = 300
"""Targets that one scope names; the most used ones."""
FEW = 50
"""Ended calls below which nothing is said of how long one may take."""
DEEP = 3
"""Folders that a path has at least before what is below it may be proposed."""
HEADROOM = 3
SHORTEST_MS, USUAL_MS = 10_000, 60_000

Tools = Mapping[tuple[str, str], ToolProfile | None]
"""(integration, tool) to what it is now; None: it is not offered any more."""
Claims = tuple[tuple[str, str], ...]
"""(target pattern, domain that it belongs to)."""


class ProposedRules(Fact, frozen=True):
    contract: Contract
    tools: tuple[UsedTool, ...]
    targets: tuple[UsedTarget, ...]
    kept: tuple[str, ...] = ()
    """Integrations whose scope is that of the rules in force."""
    unused: tuple[str, ...] = ()
    """Integrations that the rules in force name and nobody used."""
    beyond: int = 0
    """Calls with targets that could not be told apart or were erased."""


class _Draft:
    """One scope in the making."""

    def __init__(self, integration: str) -> None:
        self.integration = integration
        self.tools: list[UsedTool] = []
        self.targets: list[UsedTarget] = []
        self.tier = Tier.READ
        self.domains: set[str] = set()

    def scope(self) -> Scope | None:
        names = tuple(dict.fromkeys(one.tool for one in self.tools if not one.left_out))
        if not names:
            return None
        patterns = dict.fromkeys(one.pattern or one.target for one in self.targets if not one.left_out)
        return Scope(integration=self.integration, tools=names, max_tier=self.tier, targets=tuple(sorted(patterns)))


def propose(
    book: UseBook,
    tools: Tools,
    base: Contract | None,
    *,
    team: str,
    owner: str,
    objective: str,
    only: tuple[str, ...] = (),
    domains: tuple[Domain, ...] = (),
) -> ProposedRules | None:
    """None: nothing that was used may stand in rules. ``base``: the everyday rules in force. ``only``: integrations
    that were asked for; what ``base`` says of others is kept then. ``domains``: all of the gate's.
    """
    prohibited = Patterns(base.prohibited if base else ())
    claims = tuple((pattern, domain.name) for domain in domains for pattern in domain.targets)
    drafts = [_draft(book, tools, integration, prohibited, claims) for integration in book.integrations()]
    made = {draft.integration: scope for draft in drafts if (scope := draft.scope()) is not None}
    if not made:
        return None
    former = {scope.integration: scope for scope in base.scopes} if base else {}
    kept = tuple(sorted(name for name in former if only and name not in only))
    scopes = {**made, **{name: _kept(former[name], base) for name in kept if base}}
    named = {name for draft in drafts if draft.integration in made for name in draft.domains}
    runtimes = set(book.runtimes)
    if kept and base:
        named |= set(base.domains)
        runtimes |= set(base.runtimes)
    contract = Contract(
        id="",
        name=base.name if base else "everyday",
        objective=objective,
        team=team,
        owner=owner,
        scopes=tuple(scopes[name] for name in sorted(scopes)),
        max_tier=max(scope.max_tier or Tier.READ for scope in scopes.values()),
        domains=tuple(sorted(named)),
        initiators=base.initiators if base else ("*",),
        runtimes=("*",) if "*" in runtimes else tuple(sorted(runtimes)),
        prohibited=base.prohibited if base else (),
        outside=base.outside if base else Effect.HOLD,
        breadth=Breadth.TARGETS,
        everyday=True,
        call_timeout_ms=_timeout(book, base),
    )
    if base is not None:
        contract = msgspec.structs.replace(contract, retry=base.retry)
    return ProposedRules(
        contract=msgspec.structs.replace(contract, id=content_id(contract)),
        tools=tuple(one for draft in drafts for one in draft.tools),
        targets=tuple(one for draft in drafts for one in draft.targets),
        kept=kept,
        unused=tuple(sorted(name for name in former if name not in scopes)),
        beyond=sum(one.beyond for one in book.tools.values()),
    )


def _kept(scope: Scope, base: Contract) -> Scope:
    """As it is in force, also under a contract whose highest tier and breadth are others."""
    breadth = base.breadth if scope.breadth is None else scope.breadth
    return msgspec.structs.replace(
        scope,
        max_tier=min(scope.max_tier or base.max_tier, base.max_tier),
        breadth=breadth if breadth is Breadth.GLOBAL else None,
    )


def _timeout(book: UseBook, base: Contract | None) -> int:
    """Three times the longest call, in whole seconds; never more than now, and as now while few have been seen."""
    now = base.call_timeout_ms if base else USUAL_MS
    if book.ended_calls < FEW:
        return now
    wanted = -(-book.slowest_us * HEADROOM // 1_000_000) * 1000
    return min(now, max(SHORTEST_MS, wanted))


def _draft(book: UseBook, tools: Tools, integration: str, prohibited: Patterns, claims: Claims) -> _Draft:
    draft = _Draft(integration)
    used = list(book.of(integration))
    aims = any(
        figures.targets for tool, tier, figures in used if not _why_not(tools, integration, tool, tier, prohibited)
    )
    counts: dict[Target, int] = {}
    for tool, tier, figures in used:
        why = _why_not(tools, integration, tool, tier, prohibited)
        if not why and not aims and _may_aim(tools.get((integration, tool))):
            why = "nobody can tell what it touches without a target"
        draft.tools.append(_row(integration, tool, tier, figures, why))
        if not why:
            draft.tier = max(draft.tier, tier)
            for target, calls in figures.targets.items():
                counts[target] = counts.get(target, 0) + calls
    _aim(draft, counts, prohibited, claims)
    return draft


def _row(integration: str, tool: str, tier: Tier, figures: ToolFigures, why: str) -> UsedTool:
    return UsedTool(
        integration=integration,
        tool=tool,
        tier=tier.name.lower(),
        calls=figures.calls,
        targets=len(figures.targets),
        first_ms=figures.first_ms,
        last_ms=figures.last_ms,
        left_out=why,
    )


def _why_not(tools: Tools, integration: str, tool: str, tier: Tier, prohibited: Patterns) -> str:
    """Why the rules do not name a tool; empty: they do."""
    if tool in ASKS.values():
        return ""
    profile = tools.get((integration, tool))
    if profile is None or profile.quarantine:
        return "it is not offered any more"
    if any(prohibited.match(scope) for scope in profile.scopes):
        return "the rules prohibit what it is about"
    # With a manifest a tool is asked about whenever it changes something it marks, whatever the rules name; without
    # one its marks count for every call of it.
    known = profile.manifest or profile.classification
    if tier is not Tier.EXECUTE and (known is None or profile.manifest is not None):
        return ""
    if known is None:
        return "nobody knows what it does"
    marks = (
        (known.irreversible, "cannot be undone"),
        (known.admin, "changes rights or settings"),
        (known.money, "moves money"),
    )
    return " and ".join(said for mark, said in marks if mark)


def _may_aim(profile: ToolProfile | None) -> bool:
    """Its calls can name targets, and an answer to one that does not is not looked through."""
    known = profile.manifest if profile is not None else None
    return profile is not None and known is not None and bool(known.targets) and profile.answer_filter is None


def _aim(draft: _Draft, counts: dict[Target, int], prohibited: Patterns, claims: Claims) -> None:
    """Patterns for what was touched, and why something is not named."""
    ordered = sorted(counts, key=lambda target: (-counts[target], target.text, target.domain))
    good = [target for target in ordered if not _unfit(target, prohibited)]
    wide = _prefixes(good, claims) if draft.tier is not Tier.EXECUTE else {}
    named: set[str] = set()
    for target in ordered:
        pattern = wide.get(target, "")
        why = _unfit(target, prohibited)
        text = pattern or target.text
        if not why and text not in named and len(named) >= MOST_NAMED:
            why = f"{MOST_NAMED} others were used more"
        if not why:
            named.add(text)
            draft.domains.add(target.domain)
        draft.targets.append(
            UsedTarget(
                integration=draft.integration, target=target.text, calls=counts[target], left_out=why, pattern=pattern
            )
        )


def _unfit(target: Target, prohibited: Patterns) -> str:
    if prohibited.match(target.text):
        return "the rules prohibit it"
    if "*" in target.id or target.kind == "scope" or pattern_problem(target.text):
        return "no pattern can name it exactly"
    return "" if target.domain else "it belongs to no domain"


def _prefixes(targets: Iterable[Target], claims: Claims) -> dict[Target, str]:
    """Targets that share an owner or a folder with enough others of their domain, with the pattern for all of them.
    None where another domain has a part of what the pattern would name.
    """
    groups: dict[tuple[str, str, str], list[Target]] = {}
    for target in targets:
        folder, slash, _ = target.id.rpartition("/")
        if slash and _deep_enough(folder):
            groups.setdefault((target.kind, f"{folder}/", target.domain), []).append(target)
    return {
        target: f"{kind}:{prefix}*"
        for (kind, prefix, domain), found in groups.items()
        if len(found) >= MANY
        and not pattern_problem(f"{kind}:{prefix}*")
        and not any(name != domain and pattern.startswith(f"{kind}:{prefix}") for pattern, name in claims)
        for target in found
    }


def _deep_enough(folder: str) -> bool:
    """An owner's name, or a path that is not near the root; never a URL's host."""
    if "://" in folder or not folder:
        return False
    return folder.count("/") >= DEEP if folder.startswith("/") else True
