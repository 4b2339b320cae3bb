"""Kill switches."""

from callgate.flow.admin import HaltRequest, Peer
from callgate.flow.desk import Desk, missing, need
from callgate.flow.rows import put
from callgate.flow.views.gate import HaltView
from callgate.model.errors import InputError
from callgate.model.event import Halted, Resumed
from callgate.model.hold import Hold
from callgate.model.identity import Presence
from callgate.model.record import Halt
from callgate.model.store import Delete, Kind, NameRow, Unit
from callgate.model.terms import HaltScope, Role


class Halts(Desk):
    async def halt(self, want: HaltRequest, peer: Peer) -> HaltView:
        self._check(want)
        halt = Halt(
            id=self._tenancy.new_id("halt"),
            scope=want.scope,
            what=want.what,
            reason=want.reason[:500],
            by=f"uid:{peer.uid}",
            at_ms=self._tenancy.clock.now_ms(),
        )
        names: list[NameRow] = []
        what = self._person(want.what, names) if want.scope is HaltScope.INITIATOR else want.what
        event = self._tenancy.event(
            Halted(halt=halt.id, scope=halt.scope.value, what=what, by=halt.by),
            same_host=peer.uid == self._tools.info.uid,
        )
        change = put(halt.id, halt, expect=0, at_ms=halt.at_ms)
        await self._tenancy.write(Unit(events=(event,), changes=(change,), names=tuple(names)))
        await self._rooms.holds.halt(tuple(hold.id for hold in self._live.holds.values() if _concerns(halt, hold)))
        return _view(halt)

    async def resume(self, by: Presence, halt: str) -> HaltView:
        need(by, Role.SECURITY, Role.PLATFORM)
        found = self._live.halts.get(halt)
        if found is None:
            raise missing("halt", "halts")
        names: list[NameRow] = []
        event = self._tenancy.event(Resumed(halt=halt, by=self._person(by.subject, names)), same_host=by.same_host)
        gone = Delete(kind=Kind.HALT, key=halt)
        await self._tenancy.write(Unit(events=(event,), changes=(gone,), names=tuple(names)))
        return _view(found)

    async def halts(self) -> tuple[HaltView, ...]:
        return tuple(_view(halt) for halt in sorted(self._live.halts.values(), key=lambda halt: halt.at_ms))

    def _check(self, want: HaltRequest) -> None:
        if (want.scope is HaltScope.TENANT) != (not want.what):
            raise InputError("Say what to halt; only the scope tenant takes nothing more.", code="bad_halt")
        integration = want.what.split("/", 1)[0]
        known = {
            HaltScope.INTEGRATION: want.what in self._live.integrations,
            HaltScope.TOOL: "/" in want.what and integration in self._live.integrations,
            HaltScope.RUNTIME: want.what in self._live.runtimes,
            HaltScope.TASK: want.what in self._live.tasks,
        }
        if not known.get(want.scope, True):
            raise InputError(f"There is no such {want.scope.value} here.", code="unknown_halt_target")


def _concerns(halt: Halt, hold: Hold) -> bool:
    match halt.scope:
        case HaltScope.TENANT:
            return True
        case HaltScope.INTEGRATION:
            return halt.what == hold.integration
        case HaltScope.TOOL:
            return halt.what == f"{hold.integration}/{hold.tool}"
        case HaltScope.INITIATOR:
            return halt.what == hold.initiator
        case HaltScope.RUNTIME:
            return halt.what == hold.runtime
        case HaltScope.TASK:
            return bool(hold.task) and halt.what == hold.task


def _view(halt: Halt) -> HaltView:
    return HaltView(
        id=halt.id, scope=halt.scope.value, what=halt.what, reason=halt.reason, by=halt.by, at_ms=halt.at_ms
    )
