"""Connecting a server: look first, and with one yes its definitions, its tiers and its rules are in force."""

import asyncio

import msgspec

from callgate.core.variants import meant, shown_name
from callgate.flow.admin import NewIntegration, ToolRuling
from callgate.flow.connect import connect, shown_otherwise
from callgate.flow.desk import missing, need
from callgate.flow.everyday import Everyday, RulesPlan
from callgate.flow.integration_file import connected_otherwise, file_text, read_file
from callgate.flow.reaching import explained
from callgate.flow.rows import put
from callgate.flow.rulings import Rulings
from callgate.flow.views.integrations import AddedView, DiscoveryView, IntegrationView, ToolView
from callgate.flow.wanted import apart_from_asks
from callgate.flow.whoami import account_now, look_for_account
from callgate.model.errors import CallgateError, ConfigError, InputError, UpstreamError
from callgate.model.event import AsksSet, PinsConfirmed
from callgate.model.identity import Presence
from callgate.model.store import Conflict, NameRow, Unit
from callgate.model.terms import Role
from callgate.model.tool import Integration, IntegrationPin

_STALE = "The server says something else by now."


class Onboarding(Rulings, Everyday):
    async def look_at_integration(self, by: Presence, want: NewIntegration) -> DiscoveryView:
        """What would be connected. A server that is not connected yet is left again, and nothing of it stays."""
        need(by, Role.PLATFORM)
        wanted, likely = await self._wanted(want.integration)
        try:
            pin = await self._reached(wanted)
            account = await account_now(self._tenancy, wanted, pin)
            found = self._shown_whole(by, wanted, pin, account, want)
            return msgspec.structs.replace(found, warnings=(*found.warnings, *_several(likely)))
        finally:
            await self._leave(wanted.name)

    async def connect_integration(self, by: Presence, want: NewIntegration) -> AddedView:
        """What was looked at, and only that."""
        need(by, Role.PLATFORM)
        wanted, _ = await self._wanted(want.integration)
        known = self._live.integrations.get(wanted.name)
        if known is not None:
            if known.asks != wanted.asks:
                await self._set_asks(known, wanted.asks, by)
            await self.confirm_integration(by, wanted.name, want.digest)
        else:
            try:
                await self._connect(by, wanted, want.digest)
            finally:
                await self._leave(wanted.name)
        rules = await self._adopted(by, wanted, want)
        return AddedView(integration=self._shown(wanted.name), file=await self._write_file(wanted.name), rules=rules)

    async def confirm_integration(
        self, by: Presence, name: str, digest: str, tools: tuple[str, ...] = ()
    ) -> IntegrationView:
        found = await super().confirm_integration(by, name, digest, tools)
        await self._write_file(name)
        return found

    async def classify_tool(self, by: Presence, want: ToolRuling) -> ToolView:
        found = await super().classify_tool(by, want)
        await self._write_file(want.integration)
        return found

    async def remove_integration(self, by: Presence, name: str) -> None:
        await super().remove_integration(by, name)
        if self._tools.files is not None:
            try:
                async with self._tools.writing:
                    await asyncio.to_thread(self._tools.files.remove, self._file_of(name))
            except ConfigError as fault:
                self._tenancy.log("integration_file", {"integration": name, "code": fault.code})

    async def file_changes(self, name: str) -> tuple[ToolRuling, ...]:
        """What the integration's file says otherwise than what counts. ConfigError: the file cannot be used."""
        integration = self._live.integrations.get(name)
        if integration is None:
            raise missing("integration", "tools")
        files = self._tools.files
        texts = await asyncio.to_thread(files.folder, self._tools.integration_files) if files is not None else {}
        data = texts.get(f"{name}.toml")
        if data is None:
            hint = "It is written when the integration is confirmed, or one of its tools is classified."
            raise InputError("There is no file of this integration.", code="no_file", hint=hint)
        entry = read_file(data, self._file_of(name))
        otherwise = connected_otherwise(entry, integration)
        if otherwise:
            raise InputError(
                f"The file connects it otherwise: {', '.join(otherwise)}.",
                code="integration_exists",
                hint="That is another connection: remove the integration, then add it so.",
            )
        now = {tool.tool: tool for tool in await self.tools(name) if not tool.is_method}
        unknown = [tool for tool in entry.tools if tool not in now]
        if unknown:
            raise ConfigError("The server has no such tool.", file=self._file_of(name), key=f"tools.{unknown[0]}")
        return tuple(
            ToolRuling(integration=name, tool=tool, tier=said.tier.name.lower(), reason=said.reason)
            for tool, said in entry.tools.items()
            if said.tier.name.lower() != now[tool].tier
        )

    async def _wanted(self, integration: Integration) -> tuple[Integration, tuple[str, ...]]:
        """(it, with the manifest of the catalogue that is for its address or program; or several that could be)."""
        wanted = self._checked(integration)
        known = self._live.integrations.get(wanted.name)
        if known is not None and not wanted.manifest:
            wanted = msgspec.structs.replace(wanted, manifest=known.manifest)
        if known is not None and apart_from_asks(known) != apart_from_asks(wanted):
            raise InputError(
                f"There is an integration {wanted.name} already, connected otherwise.",
                code="integration_exists",
                hint=f"Choose another name, or remove it first: callgate integrations remove {wanted.name}",
            )
        if known is not None or wanted.manifest or self._tenancy.catalogue.name_of(wanted):
            return wanted, ()
        likely = await asyncio.to_thread(self._tenancy.catalogue.likely, wanted)
        if len(likely) == 1:
            return msgspec.structs.replace(wanted, manifest=likely[0]), ()
        return wanted, likely

    async def _reached(self, wanted: Integration) -> IntegrationPin:
        try:
            pin = await self._offered(wanted)
        except (UpstreamError, InputError) as fault:
            raise explained(wanted, fault, self._tenancy.upstreams.of(wanted).stderr_tail) from fault
        if not (pin.tools or pin.prompts or pin.templates):
            raise InputError(
                "The server offers nothing: no tools, prompts or resource templates.",
                code="empty_listing",
                hint="Some servers offer tools only with credentials or arguments of their own.",
            )
        return pin

    async def _leave(self, name: str) -> None:
        """A server that is not connected is not kept."""
        if name not in self._live.integrations:
            await self._tenancy.upstreams.forget(name)

    def _shown_whole(
        self, by: Presence, wanted: Integration, pin: IntegrationPin, account: str, want: NewIntegration
    ) -> DiscoveryView:
        plan = self.plan_rules(by, wanted, pin, want.everyday, want.breadth)
        return msgspec.structs.replace(
            self._described(wanted, pin, account),
            stage=self._live.stage(wanted.name, self._tenancy.clock.now_ms()).value,
            rules=plan.view if isinstance(plan, RulesPlan) else self.rules_now(by, wanted, pin, plan),
        )

    def _described(self, integration: Integration, pin: IntegrationPin, account: str) -> DiscoveryView:
        """With the manifest that speaks for it, or why none does."""
        found = self._discovery(integration, pin, account)
        named = self._tenancy.catalogue.of(integration, self._live.bundle)
        manifest = meant(named, integration, pin.server_name)
        wanted = self._tenancy.catalogue.name_of(integration)
        if manifest is not None:
            return msgspec.structs.replace(found, manifest=shown_name(manifest), manifest_digest=manifest.digest)
        if not wanted:
            return msgspec.structs.replace(found, warnings=(*found.warnings, *self._near(integration)))
        said = f"The manifest {wanted} is not what the live policy holds, so every tool counts as changing things."
        todo = "Make it live: callgate policy propose, then approve."
        return msgspec.structs.replace(found, warnings=(*found.warnings, f"{said} {todo}"))

    def _near(self, integration: Integration) -> tuple[str, ...]:
        """A manifest whose name an integration cannot have, as names of integrations have no underscore."""
        if integration.manifest:
            return ()
        names = (name for name in self._tenancy.catalogue.names() if name.replace("_", "-") == integration.name)
        return tuple(
            f"The catalogue has the manifest {name}. If this is its server, add --manifest {name}." for name in names
        )

    async def _connect(self, by: Presence, wanted: Integration, digest: str) -> None:
        """The integration, its pin and the word for it: one unit."""
        pin = await self._reached(wanted)
        if pin.digest != digest:
            raise InputError(_STALE, code="stale_digest", hint="Look again.")
        names: list[NameRow] = []
        person = self._person(by.subject, names)
        confirmed = msgspec.structs.replace(pin, confirmed_ms=self._tenancy.clock.now_ms(), confirmed_by=by.subject)
        bodies = [PinsConfirmed(integration=wanted.name, digest=digest, tools=len(pin.tools), by=person)]
        events = [self._changed(wanted, "added", person, by)]
        if wanted.asks:
            asked = AsksSet(integration=wanted.name, asks=wanted.asks, by=person)
            events.append(self._tenancy.event(asked, same_host=by.same_host))
        events += [self._tenancy.event(body, same_host=by.same_host) for body in bodies]
        changes = (put(wanted.name, wanted, expect=0), put(wanted.name, confirmed, expect=0))
        unit = Unit(events=tuple(events), changes=changes, names=tuple(names))
        if isinstance(await self._tenancy.write(unit), Conflict):
            raise InputError(
                f"An integration {wanted.name} was added just now.", code="integration_exists", hint="Look again."
            )
        self._live.connected[wanted.name] = connect(wanted, confirmed, self._tenancy)
        await look_for_account(self._tenancy, wanted.name)
        shown_otherwise(self._tenancy, wanted.name)

    async def _adopted(self, by: Presence, wanted: Integration, want: NewIntegration) -> tuple[str, ...]:
        """The rules that were shown, if they still are what would be proposed."""
        if not want.rules:
            return ()
        try:
            async with self._tools.writing:
                pin = self._live.pins.get(wanted.name)
                if pin is None:
                    return ("It was removed meanwhile.",)
                plan = self.plan_rules(by, wanted, pin, want.everyday, want.breadth)
                if isinstance(plan, str):
                    return (plan,)
                if plan.view.token != want.rules:
                    raise InputError("The rules were changed just now.", code="stale_proposal", hint="Look again.")
                return await self.adopt_rules(by, plan)
        except CallgateError as fault:
            return (f"Everyday rules do not name it: {fault} {fault.hint}".rstrip(),)

    def _file_of(self, name: str) -> str:
        return f"{self._tools.integration_files}/{name}.toml"

    async def _write_file(self, name: str) -> str:
        """The file, below the home; empty: it could not be written, which the log says."""
        files = self._tools.files
        if files is None:
            return ""
        async with self._tools.writing:
            integration, pin = self._live.integrations.get(name), self._live.pins.get(name)
            if integration is None or pin is None:
                return ""
            found = self._described(integration, pin, pin.account)
            try:
                await asyncio.to_thread(files.write, self._file_of(name), file_text(integration, found, found.tools))
            except ConfigError as fault:
                self._tenancy.log("integration_file", {"integration": name, "code": fault.code})
                return ""
        return f"{self._tools.info.home}/{self._file_of(name)}"


def _several(likely: tuple[str, ...]) -> tuple[str, ...]:
    if not likely:
        return ()
    said = f"Its server is one of several products, and each manifest knows one of them: {', '.join(likely)}."
    return (f"{said} With --manifest one of them counts, and what it does not name counts as changing things.",)
