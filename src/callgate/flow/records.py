"""Events, explanations, and proofs of the ledger."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

from callgate.core.call_state import replay
from callgate.core.ledger import export
from callgate.core.ledger.events import decode_event
from callgate.core.ledger.export import checkpoint_line, export_head, tile_line
from callgate.core.ledger.note import parse_checkpoint, verifier_key
from callgate.core.ledger.proof import proof_json, prove_inclusion
from callgate.core.ledger.tree import WIDTH, Read, Tiles, inclusion, leaf_hash, tiles_of
from callgate.flow.admin import EventFilter, Peer
from callgate.flow.desk import Desk, missing
from callgate.flow.explain import context_of
from callgate.flow.narrate import sentence_of, subject_of
from callgate.flow.verifying import verified
from callgate.flow.views.holds import QuestionView
from callgate.flow.views.ledger import (
    CheckpointView,
    EventsView,
    EventView,
    ExplainView,
    ExportView,
    FindingView,
    ProofView,
    VerifyEnd,
    VerifyStep,
)
from callgate.model.errors import AuthError, InputError, StoreError
from callgate.model.event import KINDS, Asked, Decided, Finished
from callgate.model.store import CheckpointRow, Leaf
from callgate.model.terms import HoldState

AT_ONCE = 1000
SCAN_AT_MOST = 200_000
SEALED_WITHIN_S = 3.0
_VERIFIER = "verify_ledger.py"


class Records(Desk):
    async def events(self, which: EventFilter) -> EventsView:
        if which.kind and which.kind not in KINDS:
            raise InputError(
                "There is no such kind of event.", code="unknown_kind", hint=f"The kinds: {', '.join(KINDS)}."
            )
        head = await self._tenancy.store.head()
        if which.after >= head.size - 1 and which.wait_ms:
            await self._grown(which.after + 1, which.wait_ms)
            head = await self._tenancy.store.head()
        if which.call:
            found = [leaf for leaf in await self._tenancy.store.leaves_of(which.call) if leaf.index > which.after]
            chosen = [leaf for leaf in found if _fits(leaf, which)][: which.limit]
        elif which.after >= 0:
            chosen = await self._forward(which, head.size)
        else:
            chosen = await self._newest(which, head.size)
        views = tuple([await self._event_view(leaf) for leaf in chosen])
        last = chosen[-1].index if chosen else max(which.after, -1)
        return EventsView(events=views, next=last if chosen or which.after >= 0 else head.size - 1)

    async def _forward(self, which: EventFilter, size: int) -> list[Leaf]:
        chosen: list[Leaf] = []
        start = which.after + 1
        while start < size and len(chosen) < which.limit:
            page = await self._tenancy.store.leaves(start, AT_ONCE)
            chosen += [leaf for leaf in page if _fits(leaf, which)]
            start += AT_ONCE
        return chosen[: which.limit]

    async def _newest(self, which: EventFilter, size: int) -> list[Leaf]:
        """The newest ones that fit, ascending; looks back over a bounded stretch."""
        chosen: list[Leaf] = []
        end = size
        while end > max(0, size - SCAN_AT_MOST) and len(chosen) < which.limit:
            start = max(0, end - AT_ONCE)
            page = [leaf for leaf in await self._tenancy.store.leaves(start, end - start) if _fits(leaf, which)]
            chosen = page + chosen
            end = start
        return chosen[-which.limit :]

    async def _grown(self, size: int, wait_ms: int) -> None:
        for _ in range(max(1, min(wait_ms, 20_000) // 100)):
            if (await self._tenancy.store.head()).size > size:
                return
            await asyncio.sleep(0.1)

    async def _event_view(self, leaf: Leaf) -> EventView:
        event = decode_event(leaf.data)
        principal = event.data.principal
        who = await self._resolve(principal.initiator) if principal else ""
        resolved: dict[str, str] = {}
        body = event.data.body
        for pseudonym in subject_of(body):
            resolved[pseudonym] = await self._resolve(pseudonym)
        what = f"{body.integration}/{body.tool}" if isinstance(body, Decided) else ""
        return EventView(
            index=leaf.index,
            id=leaf.id,
            at_ms=leaf.at_ms,
            kind=leaf.kind,
            summary=sentence_of(body, who, resolved),
            call=leaf.call,
            who=who,
            what=what,
            effect=body.effect if isinstance(body, Decided) else "",
            event=json.loads(leaf.data),
        )

    async def _resolve(self, pseudonym: str) -> str:
        """The name behind a pseudonym, without its issuer; the pseudonym itself when it was erased."""
        sealed = await self._tenancy.store.name(pseudonym)
        if sealed is None:
            return pseudonym
        name = self._tenancy.sealer.open_name(pseudonym, sealed).decode()
        return name.split("|", 1)[1] if "|" in name else name

    async def explain(self, id_: str) -> ExplainView:
        leaf = await self._decision(id_)
        body = decode_event(leaf.data).data.body
        assert isinstance(body, Decided)
        context = await context_of(self._tenancy, leaf.call, leaf.id)
        history = await self._tenancy.store.leaves_of(leaf.call)
        views = tuple([await self._event_view(one) for one in history])
        principal = context.principal if context else None
        rules = self._live.contracts.get(body.contract)
        task = self._live.tasks.get(body.task)
        return ExplainView(
            decision=leaf.id,
            call=leaf.call,
            at_ms=leaf.at_ms,
            effect=body.effect,
            integration=body.integration,
            tool=body.tool,
            tier=body.tier,
            asked_by=principal.initiator.subject if principal else "",
            runtime=principal.runtime.id if principal else "",
            actor=principal.actor.name if principal else "",
            contract=rules.contract.name if rules else body.contract,
            task=task.title if task else body.task,
            risk=body.risk,
            risk_parts=tuple((part.code, part.points) for part in context.decision.risk_parts) if context else (),
            findings=tuple(
                FindingView(
                    gate=finding.gate,
                    code=finding.code,
                    effect=finding.effect.name.lower(),
                    reason=finding.reason,
                    path=finding.path,
                    discharged=finding.discharged,
                    shadow=finding.shadow,
                )
                for finding in (context.decision.findings if context else ())
            ),
            questions=tuple(
                QuestionView(id=question.id, ask=question.ask.value, text=question.text, who=(), quorum=question.quorum)
                for question in (context.decision.questions if context else ())
            ),
            bundle=body.bundle,
            outcome=_outcome(history),
            next=await self._next(history),
            events=views,
            hold=body.hold,
            stage=body.observed.stage if body.observed else "",
            would=body.observed.would if body.observed else "",
        )

    async def _next(self, history: Sequence[Leaf]) -> str:
        """How the call's hold is answered; empty: nothing waits for anybody."""
        bodies = [decode_event(leaf.data).data.body for leaf in history]
        asked = [body.hold for body in bodies if isinstance(body, Asked)]
        hold = await self._rooms.holds.find(asked[-1]) if asked else None
        return f"callgate holds show {hold.id}" if hold is not None and hold.state is HoldState.OPEN else ""

    async def _decision(self, id_: str) -> Leaf:
        """By event id, call id (its newest decision) or hold id."""
        leaf = await self._tenancy.store.leaf(id_)
        if leaf is not None and leaf.kind == "decided":
            return leaf
        call = id_ if id_.startswith("call-") else (leaf.call if leaf else "")
        if id_.startswith("hold-"):
            hold = await self._rooms.holds.find(id_)
            call = hold.call_id if hold else ""
        decisions = [one for one in await self._tenancy.store.leaves_of(call) if one.kind == "decided"] if call else []
        if not decisions:
            raise missing("decision", "events --kind decided")
        return decisions[-1]

    def verify_ledger(self, note: str) -> AsyncIterator[VerifyStep | VerifyEnd]:
        return verified(self._tenancy.store, self._tools.info.origin, self._verifier_key(), note)

    async def checkpoint(self) -> CheckpointView:
        row = await self._sealed()
        origin, size, root = parse_checkpoint(row.note.split("\n\n", 1)[0] + "\n")
        return CheckpointView(origin=origin, size=size, root=root.hex(), at_ms=row.at_ms, note=row.note)

    async def _sealed(self, at_least: int = -1) -> CheckpointRow:
        """A checkpoint that covers every event so far; the store signs one each second."""
        wanted = (await self._tenancy.store.head()).size if at_least < 0 else at_least
        for _ in range(int(SEALED_WITHIN_S / 0.05)):
            row = await self._tenancy.store.checkpoint()
            if row is not None and row.size >= wanted:
                return row
            await asyncio.sleep(0.05)
        raise StoreError("The ledger signed no checkpoint in time.", code="no_checkpoint")

    async def proof(self, event: str) -> ProofView:
        leaf = await self._tenancy.store.leaf(event)
        if leaf is None:
            raise missing("event", "events")
        row = await self._sealed(leaf.index + 1)
        read = await self._reader(leaf.index, row.size)
        proof = prove_inclusion(leaf.data, leaf.index, row.note, read)
        return ProofView(
            event=event,
            index=leaf.index,
            size=row.size,
            proof=proof_json(proof).decode(),
        )

    async def _reader(self, index: int, size: int) -> Read:
        needed = tiles_of(lambda read: inclusion(index, size, read))
        frontier = await self._tenancy.store.frontier()
        tiles: dict[tuple[int, int], bytes] = {}
        for level, number in needed:
            full = await self._tenancy.store.tile(level, number)
            tiles[level, number] = full if full is not None else frontier.levels[level]
        return Tiles(tiles).read

    async def export_ledger(self, folder: str, peer: Peer) -> ExportView:
        if peer.uid not in (0, self._tools.info.uid):
            raise AuthError(
                "The gate writes files for its own operating-system user only.",
                code="not_gate_user",
                hint="Ask whoever runs the gate for an export.",
            )
        row = await self._sealed()
        store, origin = self._tenancy.store, self._tools.info.origin
        events: list[bytes] = []
        tiles: list[bytes] = []
        for start in range(0, row.size, WIDTH):
            data = [leaf.data for leaf in await store.leaves(start, min(WIDTH, row.size - start))]
            events += [line + b"\n" for line in data]
            full = await store.tile(0, start // WIDTH) if start + WIDTH <= row.size else None
            tiles.append(tile_line(0, start // WIDTH, full or b"".join(map(leaf_hash, data))))
        notes = [checkpoint_line(one) for one in await store.checkpoints(limit=10_000_000) if one.size <= row.size]
        files = {
            export.HEAD: export_head(self._tenancy.tenant, origin, row.size),
            export.EVENTS: b"".join(events),
            export.CHECKPOINTS: b"".join(notes),
            export.TILES: b"".join(tiles),
            export.KEY: self._verifier_key().encode() + b"\n",
            _VERIFIER: self._tools.verifier_source(),
        }
        await asyncio.to_thread(self._tools.write_export, folder, files)
        return ExportView(folder=folder, events=row.size, files=len(files), size=row.size)

    def _verifier_key(self) -> str:
        return verifier_key(self._tools.info.origin, self._tools.ledger_public)


def _fits(leaf: Leaf, which: EventFilter) -> bool:
    return (not which.kind or leaf.kind == which.kind) and leaf.at_ms >= which.since_ms


def _outcome(history: Sequence[Leaf]) -> str:
    """State of the call now, and how it ended."""
    bodies = [decode_event(leaf.data).data.body for leaf in history]
    ended = next((body.outcome for body in bodies if isinstance(body, Finished)), "")
    return replay(bodies).value + (f": {ended}" if ended else "")
