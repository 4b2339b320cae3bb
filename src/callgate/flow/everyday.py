"""What everyday rules may say of a new integration: proposed with its tools, in force with the same yes."""

import asyncio
from typing import NamedTuple

import msgspec

from callgate.core.confine import kinds_of
from callgate.core.contract import ContractRules, compile_contract, content_id
from callgate.core.policy.bundle import DOMAINS, parse_bundle
from callgate.core.toml_text import quoted
from callgate.core.uris import PROMPT, RESOURCE
from callgate.core.variants import meant
from callgate.flow.admin import BreadthChange
from callgate.flow.connect import reconnect
from callgate.flow.contracts import Contracts
from callgate.flow.desk import need
from callgate.flow.live import LIVE_BUNDLE, capacities
from callgate.flow.policies import Policies
from callgate.flow.rows import put
from callgate.flow.rules_text import rewritten
from callgate.flow.searching import searches_of, sentences
from callgate.flow.views.integrations import BreadthView, RulesView
from callgate.model.bundle import Bundle
from callgate.model.contract import Contract, Scope
from callgate.model.errors import AuthError, ConfigError, InputError
from callgate.model.event import PolicyApproved, PolicyProposed
from callgate.model.identity import Presence
from callgate.model.record import Setting
from callgate.model.store import Conflict, Kind, NameRow, Unit
from callgate.model.terms import TIERS, Breadth, Profile, Role, Stage, Tier
from callgate.model.tool import Integration, IntegrationPin, Manifest

NONE = "none"
MANIFESTS = "manifests"
"""The part of a bundle that comes with the catalogue, not from files of the home."""
_DOES = {
    Breadth.TARGETS: "keep searches in {} to what they name",
    Breadth.GLOBAL: "let searches in {} go through all that the account sees",
}
_OFFERED = {"resources": RESOURCE, "prompts": PROMPT}
"""Kinds of targets that come with a capability."""
_MAY = {Tier.READ: "look", Tier.DRAFT: "look and draft", Tier.EXECUTE: "look, draft and change things"}


class RulesPlan(NamedTuple):
    """``bundle`` None: the live one has every domain that is needed; ``block``: lines for domains.toml. ``does``: what
    the rules do from then on.
    """

    before: Contract
    after: Contract
    bundle: Bundle | None
    block: str
    view: RulesView
    does: str = "name it"


class Everyday(Contracts, Policies):
    def plan_rules(
        self, by: Presence, integration: Integration, pin: IntegrationPin, wanted: str, reach: str = ""
    ) -> RulesPlan | str:
        """A sentence: why nothing is proposed. ``reach``: breadth of its searches; empty: as the rules say of all."""
        breadth = _breadth(reach) if reach else None
        if wanted == NONE:
            if breadth is not None:
                raise InputError("Rules that do not name it cannot say how far its searches reach.", code="bad_breadth")
            return "Everyday rules stay as they are: they do not name it."
        if wanted not in TIERS:
            raise InputError(f"Everyday rules allow one of: {', '.join(TIERS)}; or {NONE}.", code="bad_tier")
        before = self._everyday_of(by.team)
        if before is None:
            return "There are no everyday rules to name it; write a contract: docs/how-to/write-a-contract.md"
        if any(scope.integration == integration.name for scope in before.scopes):
            if breadth in {None, ContractRules(before).breadth(integration.name)}:
                return f"The rules {before.name} name it already."
            return self._breadth_plan(by, before, integration.name, breadth or Breadth.TARGETS, integration, pin)
        tier = min(TIERS[wanted], before.max_tier)
        known, unnamed = self._domains_for(integration, pin)
        bundle, block, unsaid = self._with_domain(by, integration.name, unnamed)
        if bundle is not None:
            known = (*known, integration.name)
        own = None if breadth is before.breadth else breadth
        scope = Scope(integration=integration.name, max_tier=tier, breadth=own)
        after = msgspec.structs.replace(
            before,
            id="",
            scopes=(*before.scopes, scope),
            domains=tuple(dict.fromkeys((*before.domains, *known))),
        )
        after = msgspec.structs.replace(after, id=content_id(after))
        view = self._rules_view(
            by, integration.name, after, tier, unnamed if bundle is not None else (), bundle, unsaid
        )
        view = self._with_searches(view, integration, pin, after, bundle or self._bundle())
        return RulesPlan(before, after, bundle, block, view)

    def rules_now(self, by: Presence, integration: Integration, pin: IntegrationPin, why: str) -> RulesView:
        """Why nothing is proposed, and what the rules in force do with its searches."""
        view, now = RulesView(says=(why,)), self._everyday_of(by.team)
        if now is None or all(scope.integration != integration.name for scope in now.scopes):
            return view
        return self._with_searches(view, integration, pin, now, self._bundle())

    async def change_breadth(self, by: Presence, want: BreadthChange) -> BreadthView:
        breadth, name = _breadth(want.breadth), want.integration
        async with self._tools.writing:
            before = self._everyday_of(by.team)
            if before is None or all(scope.integration != name for scope in before.scopes):
                raise InputError(
                    "The everyday rules do not name this integration.",
                    code="not_named",
                    hint="See: callgate contract list; what was just added may wait for consents.",
                )
            if ContractRules(before).breadth(name) is breadth:
                raise InputError(f"The rules {before.name} say so already.", code="breadth_unchanged")
            plan = self._breadth_plan(
                by, before, name, breadth, self._live.integrations.get(name), self._live.pins.get(name)
            )
            return BreadthView(
                integration=name,
                breadth=breadth.value,
                contract=plan.after.id,
                says=(*plan.view.says, *await self.adopt_rules(by, plan)),
                waits_for=tuple(
                    f"{' or '.join(one.who) or 'nobody yet'} as {one.capacity}"
                    for one in (await self.contract(plan.after.id)).consents
                    if not one.by
                ),
            )

    async def adopt_rules(self, by: Presence, plan: RulesPlan) -> tuple[str, ...]:
        """Make it live; sentences for the person. Raises what writing and consenting raise."""
        if plan.bundle is not None:
            await self._use_domain(by, plan.bundle, plan.block)
        try:
            view = await self.admit_contract(by, plan.after)
        except AuthError as fault:
            if fault.code != "not_yours":
                raise
            view = await self.contract(plan.after.id)
        said = [f"The rules {view.name} {plan.does} now."]
        waiting = [one for one in view.consents if not one.by]
        if waiting:
            who = ", ".join(f"{' or '.join(one.who) or 'nobody yet'} as {one.capacity}" for one in waiting)
            said = [
                f"The rules {view.name} would {plan.does}, and wait for {who}: callgate contract consent {plan.after.id}"
            ]
        problem = await asyncio.to_thread(self._write_contract, plan)
        return (*said, problem) if problem else tuple(said)

    def _breadth_plan(
        self,
        by: Presence,
        before: Contract,
        name: str,
        breadth: Breadth,
        integration: Integration | None,
        pin: IntegrationPin | None,
    ) -> RulesPlan:
        """Of rules that name it. ``integration`` or ``pin`` None: it is not connected."""
        former = next(scope for scope in before.scopes if scope.integration == name)
        if breadth is Breadth.GLOBAL and former.targets:
            raise InputError(
                f"The rules {before.name} name targets in {name}, and its searches keep to them.",
                code="targets_named",
                hint="Take them out of its scope in the file of these rules first, and add it: callgate contract add FILE",
            )
        scope = msgspec.structs.replace(former, breadth=None if breadth is before.breadth else breadth)
        scopes = tuple(scope if one is former else one for one in before.scopes)
        after = msgspec.structs.replace(before, id="", scopes=scopes)
        after = msgspec.structs.replace(after, id=content_id(after))
        does = _DOES[breadth].format(name)
        waits = tuple(self._consenting(one, by, "") for one in capacities(after))
        view = RulesView(
            says=(f"The rules {after.name} of the team {after.team} {does}.",),
            token=f"{after.id} -",
            waits_for=tuple(dict.fromkeys(one for one in waits if one)),
        )
        if integration is not None and pin is not None:
            view = self._with_searches(view, integration, pin, after, self._bundle())
        return RulesPlan(before, after, None, "", view, does)

    def _with_searches(
        self, view: RulesView, integration: Integration, pin: IntegrationPin, rules: Contract, bundle: Bundle
    ) -> RulesView:
        compiled = compile_contract(rules)
        manifest = self._manifest_of(integration, pin)
        try:
            found = searches_of(integration, pin, manifest, compiled, bundle.domains)
        except ConfigError:
            # Its tools count as changing things then, and are shown so.
            found = ()
        return msgspec.structs.replace(
            view,
            says=(*view.says, *sentences(found, integration.name)),
            breadth=compiled.breadth(integration.name).value,
            searches=found,
        )

    def _manifest_of(self, integration: Integration, pin: IntegrationPin) -> Manifest | None:
        return meant(self._tenancy.catalogue.of(integration, self._live.bundle), integration, pin.server_name)

    def _everyday_of(self, team: str) -> Contract | None:
        found = self._live.everyday(team) or self._live.everyday("")
        return self._live.contracts[found].contract if found else None

    def _domains_for(self, integration: Integration, pin: IntegrationPin) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(domains that hold what its tools, resources and prompts are, patterns of what no domain names)."""
        known: dict[str, None] = {}
        unnamed = []
        for pattern in self._aims(integration, pin):
            holding = [one.name for one in self._bundle().domains if _names(one.targets, pattern)]
            known.update(dict.fromkeys(holding))
            if not holding:
                unnamed.append(pattern)
        return tuple(known), tuple(unnamed)

    def _aims(self, integration: Integration, pin: IntegrationPin) -> list[str]:
        """Patterns of what calls of it can aim at, as far as the manifest and the protocol tell."""
        manifest = self._manifest_of(integration, pin)
        kinds = {kind for tool in manifest.tools for kind in kinds_of(tool)} if manifest else set()
        offered = {*(pin.offers or ()), *pin.offers_modern}
        own = [f"{kind}:{integration.name}/*" for what, kind in _OFFERED.items() if what in offered]
        return [*(f"{kind}:*" for kind in sorted(kinds)), *own]

    def _with_domain(self, by: Presence, name: str, patterns: tuple[str, ...]) -> tuple[Bundle | None, str, str]:
        """(the live bundle with a domain of that name for these patterns, its lines, why it cannot be had)."""
        if not patterns:
            return None, "", ""
        targets = ", ".join(map(quoted, patterns))
        block = f"\n[{name}]\ntitle = {quoted(name)}\nowner = {quoted(by.subject)}\ntargets = [{targets}]\n"
        unsaid = f"No domain names what it touches, so calls ask; put {_said(patterns)} into {DOMAINS}."
        if self._profile() is not Profile.SOLO or Role.SECURITY not in by.roles or self._tools.files is None:
            return None, "", unsaid
        live = self._bundle()
        if set(self.pending()) - {MANIFESTS} or any(one.name == name for one in live.domains):
            return None, "", unsaid
        files = dict(self._tools.bundle_files())
        files[DOMAINS] = files.get(DOMAINS, b"") + block.encode()
        try:
            bundle = parse_bundle(files, dict(live.manifests))
        except ConfigError:
            return None, "", unsaid
        cases = self._tested(bundle)
        return (None, "", unsaid) if cases.failed or cases.problem else (bundle, block, "")

    def _rules_view(
        self,
        by: Presence,
        name: str,
        after: Contract,
        tier: Tier,
        patterns: tuple[str, ...],
        bundle: Bundle | None,
        unsaid: str,
    ) -> RulesView:
        whose = f"The rules {after.name} of the team {after.team}"
        says = [f"{whose} get it: assistants may {_MAY[tier]} in it, without a task."]
        if patterns:
            says.append(f"A new domain {name}, owned by {by.subject}, holds what calls aim at: {_said(patterns)}.")
        if unsaid:
            says.append(unsaid)
        if self._live.stage(name, self._tenancy.clock.now_ms()) is Stage.READ:
            says.append("Its stage is read: what changes things is recorded and refused until a policy says otherwise.")
        waits = [self._consenting(one, by, name) for one in capacities(after)]
        return RulesView(
            says=tuple(says),
            token=f"{after.id} {bundle.digest if bundle else '-'}",
            max_tier=tier.name.lower(),
            domain=name if patterns else "",
            targets=patterns,
            waits_for=tuple(dict.fromkeys(one for one in waits if one)),
        )

    def _consenting(self, capacity: str, by: Presence, new_domain: str) -> str:
        who = self._consenters(capacity)
        if by.subject in who or capacity == f"domain:{new_domain}":
            return "" if self._profile() is Profile.SOLO else f"{by.subject} as {capacity}"
        return f"{' or '.join(who) or 'nobody yet'} as {capacity}"

    async def _use_domain(self, by: Presence, bundle: Bundle, block: str) -> None:
        """Under solo one person proposes and approves; both are recorded, as alone."""
        need(by, Role.SECURITY)
        assert self._tools.files is not None
        live = self._bundle()
        names: list[NameRow] = []
        person = self._person(by.subject, names)
        events = (
            self._tenancy.event(
                PolicyProposed(bundle=bundle.digest, base=live.digest, by=person), same_host=by.same_host
            ),
            self._tenancy.event(
                PolicyApproved(bundle=bundle.digest, base=live.digest, by=person, alone=self._alone(by, by.subject)),
                same_host=by.same_host,
            ),
        )
        setting = Setting(name=LIVE_BUNDLE, value=bundle.digest)
        changes = (
            put(bundle.digest, bundle, expect=None),
            put(LIVE_BUNDLE, setting, expect=self._live.version(Kind.SETTING, LIVE_BUNDLE)),
        )
        text = dict(self._tools.bundle_files()).get(DOMAINS, b"") + block.encode()
        await asyncio.to_thread(self._tools.files.write, f"policies/{DOMAINS}", text)
        if isinstance(await self._tenancy.write(Unit(events=events, changes=changes, names=tuple(names))), Conflict):
            raise InputError("Another bundle went live just now; look again.", code="stale_proposal")
        self._live.use(bundle)
        reconnect(self._tenancy)

    def _write_contract(self, plan: RulesPlan) -> str:
        """The file that these rules came from says the same as they do now; otherwise a sentence for the person."""
        files = self._tools.files
        if files is None:
            return ""
        try:
            for name, data in files.folder("contracts").items():
                text = rewritten(data, name, plan.before, plan.after)
                if text is not None:
                    files.write(f"contracts/{name}", text)
                    return ""
        except ConfigError as fault:
            return f"The file of these rules could not be changed: {fault}"
        return f"No file in contracts says what the rules {plan.before.name} say, so none was changed."


def _names(targets: tuple[str, ...], pattern: str) -> bool:
    """Whether some of what the pattern stands for is among them."""
    start, everything = pattern.removesuffix("*"), f"{pattern.partition(':')[0]}:*"
    return any(target.startswith(start) or target == everything for target in targets)


def _said(patterns: tuple[str, ...]) -> str:
    """Whole kinds by their names alone."""
    return ", ".join(pattern.removesuffix(":*") for pattern in patterns)


def _breadth(said: str) -> Breadth:
    try:
        return Breadth(said)
    except ValueError:
        raise InputError(f"Searches reach one of: {', '.join(Breadth)}.", code="bad_breadth") from None
