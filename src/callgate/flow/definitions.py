"""What servers say of themselves, before people: what changed, what they confirm of it."""

import asyncio

import msgspec

from callgate.core.drift import merged
from callgate.core.toolbox import Toolbox
from callgate.flow.connect import connect, pin_digest, shown_otherwise
from callgate.flow.desk import need
from callgate.flow.drift import change_views, drift_of, use_drift
from callgate.flow.finding import finding_views, found_in
from callgate.flow.integrations import Connections, other_tiers
from callgate.flow.reaching import lost
from callgate.flow.rows import put
from callgate.flow.views.drift import DriftView
from callgate.flow.views.integrations import DiscoveryView, IntegrationView
from callgate.flow.whoami import account_now, actor_seen, look_for_account, offered_digest, other_account
from callgate.model.drift import NO_DRIFT, DriftKind
from callgate.model.errors import InputError, UpstreamError
from callgate.model.event import PinsConfirmed
from callgate.model.identity import Presence
from callgate.model.store import Conflict, Expect, Kind, NameRow, Unit
from callgate.model.terms import HoldState, Role
from callgate.model.tool import Integration, IntegrationPin

_CHANGED = "tool/definition_changed/"
"""Key of the finding that a confirmation answers."""


def _unread(former: IntegrationPin, pin: IntegrationPin) -> tuple[str, ...]:
    if former.program is not None or not pin.program:
        return ()
    return ("What its server runs is read now; it was not when it was confirmed.",)


class Definitions(Connections):
    async def refresh_integration(self, name: str) -> DiscoveryView:
        integration = self._known(name)
        mark = self._live.unseen.get(name)
        pin = await self._said_now(integration)
        await self._compared(name, pin, mark)
        return self._discovery(integration, pin, await account_now(self._tenancy, integration, pin))

    async def _said_now(self, known: Integration) -> IntegrationPin:
        """What its server offers; a fault says what a person can do about it."""
        try:
            return await self._offered(known)
        except (UpstreamError, InputError) as fault:
            raise lost(known, fault, self._tenancy.upstreams.of(known).stderr_tail) from fault

    async def definition_changes(self, name: str) -> DriftView:
        """Asks the server again."""
        integration = self._known(name)
        mark = self._live.unseen.get(name)
        pin = await self._said_now(integration)
        await self._compared(name, pin, mark)
        former, account = self._live.pins.get(name), await account_now(self._tenancy, integration, pin)
        seen = offered_digest(pin, former, account)
        if former is None:
            return DriftView(integration=name, pinned="", seen=seen, confirmed=False)
        drift = drift_of(self._live.connected[name], former, pin)
        changed = {change.key for change in drift.changes}
        found = await asyncio.to_thread(found_in, self._live, name, pin)
        return DriftView(
            integration=name,
            pinned=former.digest,
            seen=seen,
            confirmed=former.digest == seen,
            changes=change_views(drift),
            findings=finding_views(one for one in found if one.key in changed),
            warnings=(*_unread(former, pin), *other_tiers(former, pin), *other_account(former, account)),
        )

    async def confirm_integration(
        self, by: Presence, name: str, digest: str, tools: tuple[str, ...] = ()
    ) -> IntegrationView:
        """``tools``: drift keys of what is confirmed; the rest stays as it was. Empty: all that the server says."""
        need(by, Role.PLATFORM)
        integration = self._known(name)
        unchanged = Expect(kind=Kind.INTEGRATION, key=name, version=self._live.version(Kind.INTEGRATION, name))
        mark = self._live.unseen.get(name)
        pin = await self._said_now(integration)
        former, account = self._live.pins.get(name), await account_now(self._tenancy, integration, pin)
        if offered_digest(pin, former, account) != digest:
            raise InputError("The server says something else by now.", code="stale_digest", hint="Look again.")
        names: list[NameRow] = []
        person = self._person(by.subject, names)
        kept = former.account if former else ""
        confirmed = msgspec.structs.replace(
            self._chosen(name, former, pin, tools) if tools else pin,
            confirmed_ms=self._tenancy.clock.now_ms(),
            confirmed_by=by.subject,
            account=kept if tools else account or kept,
        )
        body = PinsConfirmed(
            integration=name,
            digest=confirmed.digest,
            tools=len(confirmed.tools),
            by=person,
            former=former.digest if former else "",
            only=len(tools),
        )
        event = self._tenancy.event(body, same_host=by.same_host)
        other = former is not None and former.account != confirmed.account
        seen = (actor_seen(self._tenancy, name, account, "confirmed", names, by=person),) if other else ()
        change = put(name, confirmed, expect=self._live.version(Kind.PIN, name))
        unit = Unit(events=(event, *seen), guards=(unchanged,), changes=(change,), names=tuple(names))
        if isinstance(await self._tenancy.write(unit), Conflict):
            raise InputError(
                "The integration was changed or confirmed just now.", code="stale_digest", hint="Look again."
            )
        before = self._live.connected[name]
        made = self._live.connected[name] = connect(integration, confirmed, self._tenancy)
        made.drift = drift_of(made, confirmed, pin).brief() if tools else NO_DRIFT
        if tools:
            made.account, made.account_problem = before.account, before.account_problem
        self._seen(name, mark)
        shown_otherwise(self._tenancy, name)
        await self._release(before.toolbox, made.toolbox)
        if not confirmed.account:
            await look_for_account(self._tenancy, name)
        return self._shown(name)

    def _chosen(
        self, name: str, former: IntegrationPin | None, pin: IntegrationPin, keys: tuple[str, ...]
    ) -> IntegrationPin:
        if former is None:
            raise InputError("Nothing of it is confirmed yet; confirm all of it.", code="not_pinned")
        drift = drift_of(self._live.connected[name], former, pin)
        if any(not change.key and change.kind is DriftKind.HELD for change in drift.changes):
            raise InputError("The server itself is another one; confirm all of it.", code="server_changed")
        changed = {change.key for change in drift.changes}
        if not changed.issuperset(keys):
            raise InputError(
                "One of these did not change.", code="unknown_tool", hint=f"See: callgate tools diff {name}"
            )
        made = merged(former, pin, frozenset(keys))
        return msgspec.structs.replace(made, digest=pin_digest(made))

    async def _compared(self, name: str, seen: IntegrationPin, mark: int | None) -> None:
        connected = self._live.connected.get(name)
        if connected is not None and connected.pin is not None:
            await use_drift(self._tenancy, connected, drift_of(connected, connected.pin, seen))
        self._seen(name, mark)

    async def _release(self, before: Toolbox, now: Toolbox) -> None:
        """End what waited for this confirmation alone, and what is bound to a definition that counts no more: equal
        calls would go on waiting with it.
        """
        for hold in tuple(self._live.holds.values()):
            if hold.state is not HoldState.OPEN or hold.integration != now.integration.name:
                continue
            alone = {key for question in hold.questions for key in question.findings} == {_CHANGED}
            was, is_now = (box.tools.get(hold.tool) for box in (before, now))
            if alone or was is None or is_now is None or was.pin.digest != is_now.pin.digest:
                await self._rooms.holds.end(hold, HoldState.VOID, "definition_changed")

    def _seen(self, name: str, mark: int | None) -> None:
        if mark is not None and self._live.unseen.get(name) == mark:
            del self._live.unseen[name]
