"""Adding, listing and removing integrations."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from callgate.core.drift import definitions
from callgate.core.gates.tool import KEPT_AWAY
from callgate.core.ledger.canonical import canonical, digest
from callgate.core.methods import is_method, prompt_forms
from callgate.core.name_table import NameTable
from callgate.core.names import integration_name_problem
from callgate.core.tool_object import decoded
from callgate.core.toolbox import Toolbox, ToolProfile
from callgate.core.variants import recognised
from callgate.flow.connect import by_rules, connect, pinned, recompile, reconnect
from callgate.flow.desk import Desk, missing, need
from callgate.flow.finding import finding_views, found_in, found_in_confirmed
from callgate.flow.rows import put
from callgate.flow.tool_views import decided
from callgate.flow.views.integrations import DiscoveryView, IntegrationView, ToolView
from callgate.flow.wanted import advice, apart_from_asks, check_asks, origin
from callgate.flow.whoami import account_now, offered_digest, other_account
from callgate.model.bundle import Observing
from callgate.model.classification import Classification, Ruling
from callgate.model.drift import DefinitionFinding
from callgate.model.errors import InputError, UpstreamError
from callgate.model.event import AsksSet, IntegrationChanged, NewEvent
from callgate.model.identity import Presence
from callgate.model.store import Conflict, Delete, Kind, NameRow, Unit
from callgate.model.terms import Role, Stage, Tier
from callgate.model.tool import NO_MANIFEST, Integration, IntegrationPin


class Connections(Desk):
    async def integrations(self) -> tuple[IntegrationView, ...]:
        return tuple(self._shown(name) for name in sorted(self._live.integrations))

    async def add_integration(self, by: Presence, integration: Integration) -> DiscoveryView:
        need(by, Role.PLATFORM)
        wanted = self._checked(integration)
        known = self._live.integrations.get(wanted.name)
        if known is not None and apart_from_asks(known) != apart_from_asks(wanted):
            raise InputError(
                f"There is an integration {wanted.name} already, connected otherwise.",
                code="integration_exists",
                hint="Remove it first, or choose another name.",
            )
        try:
            pin = await self._offered(wanted)
            if known is None:
                await self._write(wanted, "added", by)
            elif known.asks != wanted.asks:
                await self._set_asks(known, wanted.asks, by)
        except (UpstreamError, InputError) as fault:
            fault.hint = fault.hint or advice(wanted, fault.code, self._tenancy.upstreams.of(wanted).stderr_tail)
            if wanted.name not in self._live.integrations:
                await self._tenancy.upstreams.drop(wanted.name)
            raise
        if known is None:
            self._live.connected[wanted.name] = connect(wanted, None, self._tenancy)
        return self._discovery(wanted, pin, await account_now(self._tenancy, wanted, pin))

    async def remove_integration(self, by: Presence, name: str) -> None:
        need(by, Role.PLATFORM)
        integration = self._known(name)
        names: list[NameRow] = []
        event = self._changed(integration, "removed", self._person(by.subject, names), by)
        said = tuple(Delete(kind=Kind.RULING, key=f"{name}|{tool}") for tool in self._live.rulings.get(name, {}))
        gone = (Delete(kind=Kind.INTEGRATION, key=name), Delete(kind=Kind.PIN, key=name), *said)
        await self._tenancy.write(Unit(events=(event,), changes=gone, names=tuple(names)))
        reconnect(self._tenancy)
        await self._tenancy.upstreams.drop(name)

    async def tools(self, integration: str) -> tuple[ToolView, ...]:
        if integration and integration not in self._live.integrations:
            raise missing("integration", "tools")
        chosen = [integration] if integration else sorted(self._live.connected)
        names = self._rooms.aggregate.table()
        findings = {name: await found_in_confirmed(self._live, self._live.connected[name]) for name in chosen}
        return tuple(
            view
            for name in chosen
            for connected in (self._live.connected[name],)
            for manifest in (self._tenancy.catalogue.name_of(connected.integration),)
            for view in _tools(
                name,
                connected.toolbox,
                connected.drift.held,
                manifest=manifest,
                names=names,
                rulings=self._live.rulings.get(name, {}),
                observed=self._observes(name),
                findings=findings[name],
            )
        )

    async def _offered(self, integration: Integration) -> IntegrationPin:
        """What a person would confirm now. Raises UpstreamError and InputError."""
        found = await self._tenancy.upstreams.of(integration).discover()
        return await pinned(integration, found, classified=by_rules(integration, self._tenancy))

    def _checked(self, integration: Integration) -> Integration:
        problem = integration_name_problem(integration.name)
        if problem:
            raise InputError(problem, code="bad_name")
        if bool(integration.url) == bool(integration.command):
            raise InputError("An integration has either a URL or a command.", code="bad_integration")
        check_asks(integration)
        manifest = integration.manifest
        if manifest not in {"", NO_MANIFEST} and not self._tenancy.catalogue.knows(manifest):
            known = ", ".join(self._tenancy.catalogue.offers(manifest))
            raise InputError(f"The catalogue has no manifest {manifest}. It has: {known}.", code="unknown_manifest")
        return msgspec.structs.replace(
            integration,
            actor=integration.actor or "local",
            created_ms=self._tenancy.clock.now_ms(),
        )

    async def _write(self, integration: Integration, change: str, by: Presence) -> None:
        names: list[NameRow] = []
        person = self._person(by.subject, names)
        events = [self._changed(integration, change, person, by)]
        if integration.asks:
            asks = AsksSet(integration=integration.name, asks=integration.asks, by=person)
            events.append(self._tenancy.event(asks, same_host=by.same_host))
        row = put(integration.name, integration, expect=0)
        outcome = await self._tenancy.write(Unit(events=tuple(events), changes=(row,), names=tuple(names)))
        if isinstance(outcome, Conflict):
            raise InputError(
                f"An integration {integration.name} was added just now.", code="integration_exists", hint="Look again."
            )

    async def _set_asks(self, known: Integration, asks: tuple[str, ...], by: Presence) -> None:
        names: list[NameRow] = []
        person = self._person(by.subject, names)
        changed = msgspec.structs.replace(known, asks=asks)
        row = put(known.name, changed, expect=self._live.version(Kind.INTEGRATION, known.name))
        events = (
            self._changed(changed, "updated", person, by),
            self._tenancy.event(AsksSet(integration=known.name, asks=asks, by=person), same_host=by.same_host),
        )
        unit = Unit(events=events, changes=(row,), names=tuple(names))
        if isinstance(await self._tenancy.write(unit), Conflict):
            raise InputError("The integration was changed just now.", code="integration_exists", hint="Look again.")
        recompile(self._tenancy, known.name)

    def _changed(self, integration: Integration, change: str, person: str, by: Presence) -> NewEvent:
        body = IntegrationChanged(
            integration=integration.name,
            change=change,
            digest=digest(canonical(msgspec.to_builtins(integration))),
            by=person,
            confined=integration.confined,
        )
        return self._tenancy.event(body, same_host=by.same_host)

    def _known(self, name: str) -> Integration:
        integration = self._live.integrations.get(name)
        if integration is None:
            raise missing("integration", "tools")
        return integration

    def _discovery(self, integration: Integration, pin: IntegrationPin, account: str) -> DiscoveryView:
        former = self._live.pins.get(integration.name)
        toolbox = connect(integration, pin, self._tenancy).toolbox
        manifest = self._tenancy.catalogue.name_of(integration)
        findings = found_in(self._live, integration.name, pin)
        return DiscoveryView(
            integration=integration.name,
            digest=offered_digest(pin, former, account),
            server_name=pin.server_name,
            server_version=pin.server_version,
            instructions=pin.instructions,
            eras=pin.eras,
            tools=tuple(
                _tools(
                    integration.name,
                    toolbox,
                    frozenset(),
                    manifest=manifest,
                    rulings=self._live.rulings.get(integration.name, {}),
                    findings=findings,
                )
            ),
            confined=integration.confined,
            changes=(*_changes(former, pin), *other_account(former, account)) if former else (),
            warnings=(*_warnings(integration, toolbox, manifest), *self._unrecognised(integration, pin)),
            confirmed=former is not None and former.digest == offered_digest(pin, former, account),
            offers=tuple(dict.fromkeys((*(pin.offers or ()), *pin.offers_modern))),
            prompts=tuple(prompt.name for prompt in pin.prompts),
            templates=tuple(template.name for template in pin.templates),
            findings=finding_views(findings),
        )

    def _unrecognised(self, integration: Integration, pin: IntegrationPin) -> tuple[str, ...]:
        """Why a manifest that there is does not count in full."""
        fault = self._tenancy.catalogue.fault_of(integration)
        if fault is not None:
            return (f"The manifest cannot be used, so every tool counts as execute: {fault}",)
        manifest = self._tenancy.catalogue.of(integration, self._live.bundle)
        if manifest is None or recognised(manifest, integration, pin.server_name) is not None:
            return ()
        known = ", ".join(variant.title for variant in manifest.variants)
        names = " or ".join(f"{manifest.integration}/{variant.name}" for variant in manifest.variants)
        said = f"The manifest knows {known}, and this server is none of them for certain: every tool counts as execute."
        return (f"{said} If you know which it is, add it with --manifest {names}.",)

    def _shown(self, name: str) -> IntegrationView:
        integration, pin = self._live.integrations[name], self._live.pins.get(name)
        connected = self._live.connected.get(name)
        observing = next((one for one in self._observing() if one.name == name), None)
        return IntegrationView(
            name=name,
            kind="stdio" if integration.command else "http",
            where=integration.command[0].rsplit("/", 1)[-1] if integration.command else origin(integration.url),
            actor=connected.actor if connected else integration.actor,
            state=self._tenancy.upstreams.of(integration).state,
            tools=len(pin.tools) if pin else 0,
            confirmed_ms=pin.confirmed_ms if pin else 0,
            stage=self._live.stage(name, self._tenancy.clock.now_ms()).value,
            manifest=self._tenancy.catalogue.name_of(integration),
            confined=integration.confined,
            drifted=bool(connected and connected.drift.held),
            asks=integration.asks,
            prompts=len(pin.prompts) if pin else 0,
            templates=len(pin.templates) if pin else 0,
            due=pin is not None and pin.offers is None,
            observe_until=observing.until if observing else "",
            observe_owner=observing.owner if observing else "",
            account_problem=connected.account_problem if connected else "",
            manifest_problem=connected.manifest_problem if connected else "",
        )

    def _observes(self, name: str) -> bool:
        return self._live.stage(name, self._tenancy.clock.now_ms()) is Stage.OBSERVE

    def _observing(self) -> tuple[Observing, ...]:
        return self._live.bundle.observing if self._live.bundle is not None else ()


def _tools(
    name: str,
    toolbox: Toolbox,
    drifted: frozenset[str],
    *,
    manifest: str,
    names: NameTable | None = None,
    rulings: Mapping[str, Ruling] = MappingProxyType({}),
    observed: bool = False,
    findings: tuple[DefinitionFinding, ...] = (),
) -> list[ToolView]:
    """``names``: of the endpoint for everything; None: nobody has confirmed these yet."""
    shown = names.names if names is not None else {}
    kept_away = (
        {one.tool: one.reason for one in names.kept_away if one.integration == name} if names is not None else {}
    )
    return [
        ToolView(
            integration=name,
            tool=profile.name,
            tier=profile.tier.name.lower(),
            say=profile.manifest.say if profile.manifest else "",
            manifest="the protocol" if is_method(profile) else manifest if profile.manifest else "",
            pinned=names is not None,
            drifted=any(key == profile.name or key.startswith(f"{profile.name} ") for key in drifted),
            method=profile.method,
            irreversible=_flag(profile, "irreversible"),
            admin=_flag(profile, "admin"),
            money=_flag(profile, "money"),
            confidence=profile.classification.confidence.value if profile.classification else "",
            reasons=profile.classification.reasons if profile.classification else (),
            shown=shown.get((name, profile.name), ""),
            kept_away=kept_away.get(profile.name, ""),
            **decided(profile, rulings.get(profile.name)),
            observed=observed,
            findings=finding_views(one for one in findings if (one.key + " ").startswith(profile.name + " ")),
            needs=_needs(profile),
        )
        for profile in toolbox.tools.values()
    ]


def _needs(profile: ToolProfile) -> tuple[str, ...]:
    tool = decoded(msgspec.Raw(profile.listed))
    schema = tool.get("inputSchema") if isinstance(tool, dict) else None
    required = schema.get("required") if isinstance(schema, dict) else None
    return tuple(name for name in required if isinstance(name, str)) if isinstance(required, list) else ()


def _flag(profile: ToolProfile, flag: str) -> bool:
    known = profile.manifest or profile.classification
    return bool(known and getattr(known, flag))


def _changes(former: IntegrationPin, pin: IntegrationPin) -> tuple[str, ...]:
    before, now = definitions(former), definitions(pin)
    said = [f"{name} is new." for name in now if name not in before]
    said += [f"{name} is gone." for name in before if name not in now]
    said += [f"{name} is defined otherwise." for name in now if name in before and now[name] != before[name]]
    said += other_tiers(former, pin)
    if former.instructions != pin.instructions:
        said.append("The server's instructions changed.")
    if former.offers is None:
        said.append("Prompts and resources are read now; they were not when it was confirmed.")
    elif (former.offers, former.offers_modern) != (pin.offers, pin.offers_modern):
        said.append("What the server says it can do changed.")
    if former.server_version != pin.server_version:
        said.append("The server's version changed.")
    if former.origin != pin.origin:
        said.append("The command or URL changed.")
    return tuple(said)


def other_tiers(former: IntegrationPin, pin: IntegrationPin) -> list[str]:
    """Tools that the rules classify otherwise than what was confirmed."""
    said = []
    before = {tool.name: tool.classification for tool in former.tools}
    for tool in pin.tools:
        was, now = before.get(tool.name), tool.classification
        if tool.name not in before or was == now or now is None:
            continue
        if was is None or was.tier is not now.tier:
            said.append(f"{tool.name} would count as {_tier_of(now)}; it counts as {_tier_of(was)}.")
        else:
            said.append(f"What the rules say of {tool.name} changed.")
    return said


def _tier_of(said: Classification | None) -> str:
    return (said.tier if said else Tier.EXECUTE).name.lower()


def _warnings(integration: Integration, toolbox: Toolbox, manifest: str) -> tuple[str, ...]:
    kept = [(profile.name, profile.quarantine) for profile in toolbox.tools.values()]
    if toolbox.pin is not None:
        kept += [(f"Prompt {form.name}", form.quarantine) for form in prompt_forms(toolbox.pin)]
    said = [f"{name} cannot be used. {KEPT_AWAY.get(code, code)}" for name, code in kept if code]
    if not integration.confined:
        said.append("The server runs unconfined: it can read what the gate's user can read.")
    if not manifest:
        said.append(
            "The catalogue has no manifest for it: its tiers are proposed by rules, and count once you confirm."
        )
    return tuple(said)
