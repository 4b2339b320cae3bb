"""People decide what a tool counts as: raising is any owner's, lowering is Security's, under ``team`` two people's."""

import msgspec

from callgate.core.classify import from_schema
from callgate.core.rulings import in_force, same
from callgate.core.toolbox import ToolProfile
from callgate.core.visible import visible
from callgate.flow.admin import ToolRuling
from callgate.flow.connect import recompile
from callgate.flow.definitions import Definitions
from callgate.flow.desk import missing, need
from callgate.flow.live import Connected
from callgate.flow.rows import put
from callgate.flow.views.integrations import ToolView
from callgate.model.call import TOOLS_CALL
from callgate.model.classification import Ruling
from callgate.model.errors import AuthError, InputError
from callgate.model.event import ToolClassified
from callgate.model.identity import Presence
from callgate.model.store import Conflict, Delete, Expect, Kind, NameRow, Unit
from callgate.model.terms import TIERS, Profile, Role, Tier

OWN = "own"
"""In place of a tier: as manifest or rules say."""
MAX_REASON = 500


class Rulings(Definitions):
    async def classify_tool(self, by: Presence, want: ToolRuling) -> ToolView:
        """In force with the answer; under ``team`` a lower tier once a second person says the same."""
        connected, profile = self._ruled(want)
        reason = " ".join(want.reason.split())
        if not 3 <= len(reason) <= MAX_REASON:
            raise InputError(f"Say why, in 3 to {MAX_REASON} characters.", code="reason_missing")
        wanted = profile.own_tier if want.tier == OWN else TIERS[want.tier]
        known = self._live.rulings.get(want.integration, {}).get(want.tool)
        if (known is None or want.tier != OWN) and wanted is profile.tier:
            raise InputError(f"It counts as {profile.tier.name.lower()} already.", code="no_change")
        self._allowed(by, wanted, profile)
        schema, reasons = from_schema(msgspec.json.decode(profile.pin.definition), integration=want.integration)
        despite = want.tier != OWN and wanted < schema and wanted < profile.own_tier
        if despite and not want.despite:
            raise InputError(
                f"Its schema says more than {want.tier}: {' '.join(reasons)}",
                code="schema_says_more",
                hint="If you know better, say so with --despite-schema.",
            )
        said = self._said(by, connected, profile, want.tier == OWN, wanted, reason, despite=despite)
        ruling = self._by_two(said) if wanted < profile.tier else said
        if ruling is not known:
            await self._rule(by, connected, profile, ruling, reason)
        return next(view for view in await self.tools(want.integration) if view.tool == want.tool)

    def _ruled(self, want: ToolRuling) -> tuple[Connected, ToolProfile]:
        if want.tier != OWN and want.tier not in TIERS:
            raise InputError(f"A tier is one of: {', '.join(TIERS)}; or {OWN}, to set it back.", code="bad_tier")
        connected = self._live.connected.get(want.integration)
        if connected is None:
            raise missing("integration", "tools")
        profile = connected.toolbox.find(TOOLS_CALL, want.tool)
        if profile is None:
            raise missing("tool", f"tools {want.integration}")
        return connected, profile

    def _allowed(self, by: Presence, wanted: Tier, profile: ToolProfile) -> None:
        """Less caution than counts now, or than manifest and rules want, is Security's word."""
        if wanted >= profile.tier and wanted >= profile.own_tier:
            need(by, Role.SECURITY, Role.PLATFORM, Role.APP_TEAM)
            return
        need(by, Role.SECURITY)
        if by.same_host and self._profile() is not Profile.SOLO:
            raise AuthError(
                "Lowering a tier is not for the gate's own operating-system user, which assistants may run as.",
                code="same_host",
                hint="Act from your own user of this machine: docs/how-to/two-people.md",
            )

    def _by_two(self, said: Ruling) -> Ruling:
        """Less caution than counts now waits for a second person: what counts, or waits, once this was said too."""
        if self._profile() is Profile.SOLO:
            return said
        known = self._live.rulings.get(said.integration, {}).get(said.tool)
        if known is None or not known.waits or not same(known, said):
            return msgspec.structs.replace(said, waits=True, former=in_force(known))
        if known.by == said.by:
            return known
        return msgspec.structs.replace(known, waits=False, former=None, second=said.by)

    def _said(
        self,
        by: Presence,
        connected: Connected,
        profile: ToolProfile,
        back: bool,
        wanted: Tier,
        reason: str,
        *,
        despite: bool,
    ) -> Ruling:
        manifest = self._tenancy.catalogue.of(connected.integration, self._live.bundle)
        return Ruling(
            integration=connected.integration.name,
            tool=profile.name,
            tier=wanted,
            was=profile.own_tier,
            definition=profile.pin.digest,
            manifest=manifest.digest if manifest else "",
            reason=reason,
            by=by.subject,
            at_ms=self._tenancy.clock.now_ms(),
            despite=despite,
            back=back,
        )

    async def _rule(
        self, by: Presence, connected: Connected, profile: ToolProfile, ruling: Ruling, reason: str
    ) -> None:
        name, key = connected.integration.name, f"{connected.integration.name}|{profile.name}"
        version = self._live.version(Kind.RULING, key)
        names: list[NameRow] = []
        body = ToolClassified(
            integration=name,
            tool=visible(profile.name),
            tier=ruling.tier.name.lower(),
            was=profile.tier.name.lower(),
            own=profile.own_tier.name.lower(),
            change=_change(ruling, profile),
            definition=profile.pin.digest,
            by=self._person(by.subject, names),
            reason=self._tenancy.name("reason", reason, names),
            despite=ruling.despite,
            alone=self._profile() is Profile.SOLO,
        )
        gone = ruling.back and not ruling.waits
        change = Delete(kind=Kind.RULING, key=key, expect=version) if gone else put(key, ruling, expect=version)
        unit = Unit(
            events=(self._tenancy.event(body, same_host=by.same_host),),
            guards=(Expect(kind=Kind.PIN, key=name, version=self._live.version(Kind.PIN, name)),),
            changes=(change,),
            names=tuple(names),
        )
        if isinstance(await self._tenancy.write(unit), Conflict):
            raise InputError("The integration was changed just now.", code="stale_digest", hint="Look again.")
        recompile(self._tenancy, name)


def _change(ruling: Ruling, profile: ToolProfile) -> str:
    if ruling.waits:
        return "asked"
    if ruling.back:
        return "back"
    return "lowered" if ruling.tier < profile.tier else "raised"
