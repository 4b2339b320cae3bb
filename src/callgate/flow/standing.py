"""Status and doctor."""

from callgate.core.observe import DAY_MS
from callgate.core.visible import visible
from callgate.flow.halts import Halts
from callgate.flow.integrations import Connections
from callgate.flow.operations import Operating
from callgate.flow.policies import Policies
from callgate.flow.views.gate import CheckView, DoubtView, StatusView, WarningView
from callgate.flow.views.integrations import IntegrationView
from callgate.model.terms import HoldState

CHECKPOINT_LATE_MS = 10_000

SOON_MS = 7 * DAY_MS
"""From how long before its end a stage observe is said to end."""
SOME = 10
"""Names in one warning."""

_UNREACHED = {"backoff": "its server does not answer and is tried again", "down": "its server is down"}
_SEVERE = {"store": "fail"}
"""State of the check, by the code of a warning; otherwise warn."""

_AFTER = "Propose rules from what was seen: callgate learn. Then set its stage in rules.toml: callgate policy propose"


class Standing(Operating, Connections, Policies, Halts):
    def _confirm_of(self, integration: str, name: str) -> str:
        """Tool that shows whether a call of this one happened; empty: the catalogue knows none."""
        connected = self._live.connected.get(integration)
        tool = connected.toolbox.tools.get(name) if connected is not None else None
        return tool.confirm.step.tool if tool is not None and tool.confirm is not None else ""

    async def status(self) -> StatusView:
        info = self._tools.info
        head = await self._tenancy.store.head()
        checkpoint = await self._tenancy.store.checkpoint()
        doubts = tuple(
            DoubtView(
                call=call.call_id,
                integration=call.integration,
                tool=call.tool,
                at_ms=call.at_ms,
                task=call.task,
                look=self._confirm_of(call.integration, call.tool),
            )
            for call in self._live.open_calls.values()
            if call.unknown
        )
        return StatusView(
            version=info.version,
            tenant=self._tenancy.tenant,
            profile=self._profile().value,
            started_ms=info.started_ms,
            home=info.home,
            endpoint=info.endpoint,
            bundle=self._bundle().digest,
            pending_files=self.pending(),
            integrations=await self.integrations(),
            open_holds=sum(hold.state is HoldState.OPEN for hold in self._live.holds.values()),
            doubts=doubts,
            halts=await self.halts(),
            events=head.size,
            checkpoint_size=checkpoint.size if checkpoint else 0,
            checkpoint_ms=checkpoint.at_ms if checkpoint else 0,
            warnings=tuple(self._warnings(len(doubts))),
            same_host=info.same_host,
            spent=tuple(sorted(self._tenancy.observer.spent.items())),
            config=self._config(),
        )

    async def doctor(self) -> tuple[CheckView, ...]:
        checks = [
            CheckView(code=code, state=state, text=text, todo=todo) for code, state, text, todo in self._tools.hygiene()
        ]
        status = await self.status()
        for integration in status.integrations:
            checks.append(_reached(integration))
            if not integration.confined:
                checks.append(
                    CheckView(
                        code="unconfined",
                        state="warn",
                        text=f"{integration.name} runs unconfined: it can read what the gate's user can read.",
                        todo="Remove it and add it again without --unconfined.",
                    )
                )
        checks.append(
            CheckView(
                code="policy",
                state="warn",
                text=f"What is on disk is not live: {', '.join(status.pending_files)}.",
                todo="callgate policy status",
            )
            if status.pending_files
            else CheckView(code="policy", state="ok", text="The policy files on disk are what is live.")
        )
        late = status.events - status.checkpoint_size
        checks.append(
            CheckView(code="ledger", state="ok", text=f"{status.events} events, {late} not yet under a checkpoint.")
        )
        checks += [
            CheckView(code=one.code, state=_SEVERE.get(one.code, "warn"), text=one.text, todo=one.todo)
            for one in status.warnings
        ]
        return tuple(checks)

    def _warnings(self, doubts: int) -> list[WarningView]:
        said = [
            *self._of_store(),
            WarningView(
                code="no_checkpoint_copy",
                text="No checkpoint leaves this machine, so a restored old copy of the ledger would not be noticed.",
                todo="Keep one elsewhere: callgate ledger checkpoint",
            ),
        ]
        if self._tools.info.same_host:
            said.append(
                WarningView(
                    code="same_host",
                    text="The gate runs as a user that assistants may run as too; acts from it are marked same-host.",
                    todo="Run the gate as a user of its own: callgate service install",
                )
            )
        kept_away = self._rooms.aggregate.kept_away()
        if kept_away:
            several = ", ".join(f"{visible(one.integration)}/{visible(one.tool)}" for one in kept_away[:SOME])
            more = f" and {len(kept_away) - SOME} more" if len(kept_away) > SOME else ""
            said.append(
                WarningView(
                    code="names_kept_away",
                    text=f"Tools and prompts whose names can be taken for one another are not on /mcp: {several}{more}.",
                    todo="Use them at /mcp/<integration>, or connect one of the integrations under another name.",
                )
            )
        said += [*self._of_drift(), *self._of_observing()]
        if doubts:
            said.append(
                WarningView(
                    code="calls_in_doubt",
                    text=f"{doubts} calls were sent and no outcome was seen.",
                    todo="Look in the target what happened: callgate status --json",
                )
            )
        return said

    def _of_store(self) -> list[WarningView]:
        if not self._tenancy.observer.store_fault:
            return []
        return [
            WarningView(
                code="store",
                text="The last write to the store failed. While none succeeds, no call is executed and no act counts.",
                todo="Look at space and permissions of the home's folder data; the gate goes on by itself.",
            )
        ]

    def _of_drift(self) -> list[WarningView]:
        return [
            WarningView(
                code="definitions_changed",
                text=f"{name} is not as it was confirmed, in a way that matters: what rests on it waits.",
                todo=f"callgate tools diff {name}",
            )
            for name, connected in sorted(self._live.connected.items())
            if connected.drift.held
        ]

    def _of_observing(self) -> list[WarningView]:
        """While an integration is observed, when that ends soon, and when it has ended."""
        now = self._tenancy.clock.now_ms()
        said: list[WarningView] = []
        for one in self._observing():
            left = self._live.observing[one.name] - now
            if left <= 0:
                said.append(
                    WarningView(
                        code="observe_over",
                        text=f"Observing {one.name} ended with {one.until}: it is at stage read, and what could change something is stopped.",
                        todo=_AFTER,
                    )
                )
                continue
            days = left // DAY_MS
            soon = (
                f" It ends in {f'{days} days' if days > 1 else 'a day'}; then it is at stage read."
                if left <= SOON_MS
                else ""
            )
            said.append(
                WarningView(
                    code="observe_ends" if soon else "observing",
                    text=f"{one.name} is only observed until {one.until}: its calls run and are recorded, hardly anything is stopped. {one.owner} answers for it.{soon}",
                    todo=_AFTER,
                )
            )
        return said


def _reached(row: IntegrationView) -> CheckView:
    away = _UNREACHED.get(row.state, "")
    todo = f"See why: callgate integrations refresh {row.name}" if away else ""
    return CheckView(
        code="integration",
        state="warn" if away or not row.confirmed_ms else "ok",
        text=f"{row.name}: {away or row.state}, {row.tools} tools confirmed.",
        todo=todo if row.confirmed_ms else f"callgate add {row.name}",
    )
