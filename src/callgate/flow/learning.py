"""``callgate learn``: everyday rules proposed from the decisions in the ledger, and the same calls judged under them.

Two passes over a fixed stretch of the ledger: what was used, then what the proposal would do with it. Nothing of a call
is kept longer than it is looked at; what people erased stays unknown and is counted.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import msgspec

from callgate.core.contract import ContractRules, compile_contract
from callgate.core.decide import decide
from callgate.core.gates import retrieval
from callgate.core.learning.book import LearnedCall, UseBook
from callgate.core.learning.propose import ProposedRules, propose
from callgate.core.learning.write import contract_text
from callgate.core.ledger.canonical import body_bytes
from callgate.core.ledger.events import decode_event, utc
from callgate.core.toolbox import ToolProfile
from callgate.flow.admin import LearnRequest
from callgate.flow.confining import narrower_of
from callgate.flow.desk import Desk
from callgate.flow.explain import context_of
from callgate.flow.prepare import resolved
from callgate.flow.run import compiled
from callgate.flow.tenancy import Tenancy
from callgate.flow.views.learning import LearnEnd, LearnStep
from callgate.model.call import Call
from callgate.model.contract import Contract
from callgate.model.errors import InputError
from callgate.model.event import Decided, EventData, Finished
from callgate.model.facts import Facts
from callgate.model.inquiry import ASKS
from callgate.model.learned import LearnedSpan, ReplayedRow
from callgate.model.store import Leaf
from callgate.model.terms import TIERS, Effect, Stage
from callgate.model.tool import Target

PAGE = 200
TURN = 10
"""Events looked at before others get a turn of the loop."""
MOST_REMEMBERED = 100_000
_ERASED = "its record was erased"
_NOT_KEPT = "its arguments were not kept"
_ANSWERED = "it answered what the server asked inside of another call"
_ANSWERS = frozenset(ASKS.values())
_Met = tuple[str, str, str]
"""(effect, code, reason) as in ReplayedRow."""


class Learning(Desk):
    async def learn(self, want: LearnRequest) -> AsyncIterator[LearnStep | LearnEnd]:
        team, base = self._team(want.team), None
        active = self._live.everyday(team)
        if active and self._live.contracts[active].contract.team == team:
            base = self._live.contracts[active].contract
        head = await self._tenancy.store.head()
        start = await self._since(want.since_ms, head.size)
        steps = 2 * (head.size - start)
        first = _Reader(self._tenancy, want, team)
        async for done in first.read(start, head.size):
            yield LearnStep(checked=done, of=steps)
        if not first.book.calls:
            raise InputError(
                f"No call of the team {team} ran in this time.",
                code="nothing_seen",
                hint="See what there is: callgate events --kind decided",
            )
        # Many targets take a while to be put in order; calls go on meanwhile.
        rules = await asyncio.to_thread(self._everyday, first.book, base, want, team)
        second = _Replayer(self._tenancy, first, rules.contract)
        async for done in second.read(start, head.size):
            yield LearnStep(checked=head.size - start + done, of=steps)
        yield _end(rules, first, second, base)

    def _team(self, wanted: str) -> str:
        teams = sorted({rules.contract.team for rules in self._live.contracts.values()})
        if wanted in teams:
            return wanted
        if not wanted and len(teams) == 1:
            return teams[0]
        known = f"Known: {', '.join(teams) or 'none'}."
        raise InputError(
            f"Which team? {known}" if not wanted else f"No rules are of this team. {known}", code="which_team"
        )

    async def _since(self, since_ms: int, size: int) -> int:
        """The first event that is not older; events of one writer come in the order of time."""
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            found = await self._tenancy.store.leaves(middle, 1)
            if found and found[0].at_ms < since_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def _everyday(self, book: UseBook, base: Contract | None, want: LearnRequest, team: str) -> ProposedRules:
        answers = {one.name: one.owner for one in self._live.bundle.observing} if self._live.bundle else {}
        observing = next((answers[name] for name in book.integrations() if name in answers), "")
        owner = want.owner or (base.owner if base else "") or observing
        if owner not in self._live.accounts:
            raise InputError("Say who shall own the rules: an account of this gate.", code="owner_needed")
        span = f"{utc(book.first_ms)[:10]} to {utc(book.last_ms)[:10]}"
        # Only words that this gate still knows, or the file would not pass the check.
        book.runtimes &= set(self._live.runtimes)
        if base is not None:
            base = msgspec.structs.replace(
                base,
                domains=tuple(name for name in base.domains if name in self._live.domains.owners),
                runtimes=tuple(name for name in base.runtimes if name == "*" or name in self._live.runtimes),
            )
        rules = propose(
            book,
            {(name, tool): tool_of(self._tenancy, name, tool) for name, tool, _ in book.tools},
            base,
            team=team,
            owner=owner,
            objective=f"Everyday work of the team {team}, as it was from {span}.",
            only=want.integrations,
            domains=self._live.bundle.domains if self._live.bundle else (),
        )
        if rules is None:
            raise InputError(
                "Nothing that was used may stand in everyday rules: each of it waits for people.", code="nothing_fits"
            )
        return rules


def tool_of(tenancy: Tenancy, integration: str, name: str) -> ToolProfile | None:
    connected = tenancy.live.connected.get(integration)
    return connected.toolbox.tools.get(name) if connected is not None else None


def judged(tenancy: Tenancy, call: Call, rules: ContractRules) -> _Met:
    """What a call of then meets now in production, under these rules and with nothing in its way but them."""
    bundle = tenancy.live.bundle
    assert bundle is not None
    tool = tool_of(tenancy, call.integration, call.tool)
    pin = tool.pin.digest if tool is not None else ""
    call = msgspec.structs.replace(resolved(call, tool), contract=rules.contract.id, task="", pin=pin)
    facts = Facts(now_ms=call.at_ms, stage=Stage.PRODUCTION, profile=bundle.profile, bundle=bundle.digest, pinned=pin)
    decision = decide(call, tool, rules, compiled(tenancy), facts)
    if decision.effect is Effect.ALLOW:
        return "allow", "", ""
    first = decision.findings[0]
    narrower = narrower_of(tenancy, call, tool, rules) if first.code == retrieval.CODE else None
    if narrower is not None and not call.derived_from:
        instead = msgspec.structs.replace(call, arguments=narrower, body=body_bytes(narrower), derived_from=call.id)
        met = judged(tenancy, instead, rules)
        return ("narrow", "", "") if met[0] == "allow" else met
    return decision.effect.name.lower(), f"{first.gate}/{first.code}", first.reason


class _Reader:
    """The first pass: what was used."""

    def __init__(self, tenancy: Tenancy, want: LearnRequest, team: str) -> None:
        self._tenancy = tenancy
        self._live = tenancy.live
        self._only = frozenset(want.integrations)
        self._team = team
        self._names: dict[str, Target | None] = {}
        self.book = UseBook()
        self.in_tasks = 0

    async def read(self, start: int, end: int) -> AsyncIterator[int]:
        for at in range(start, end, PAGE):
            for number, leaf in enumerate(await self._tenancy.store.leaves(at, min(PAGE, end - at))):
                if number % TURN == 0:
                    await asyncio.sleep(0)
                if leaf.kind == "decided":
                    await self._decided(leaf)
                elif leaf.kind == "finished":
                    body = decode_event(leaf.data).data.body
                    if isinstance(body, Finished):
                        self.book.ended(leaf.call, body.duration_us)
            yield min(end, at + PAGE) - start

    def mine(self, data: EventData) -> Decided | None:
        """A decision that let a call of the team run outside of any task; None: another event."""
        body = data.body
        if not isinstance(body, Decided) or body.effect != "allow":
            return None
        rules = self._live.contracts.get(body.contract)
        if rules is None or rules.contract.team != self._team:
            return None
        return body if not self._only or body.integration in self._only else None

    async def _decided(self, leaf: Leaf) -> None:
        data = decode_event(leaf.data).data
        body, who = self.mine(data), data.principal
        if body is None or who is None:
            return
        if body.task:
            self.in_tasks += 1
            return
        found = [await self._target(pseudonym) for pseudonym in body.targets]
        self.book.add(
            LearnedCall(
                at_ms=leaf.at_ms,
                call=leaf.call,
                integration=body.integration,
                tool=body.tool,
                tier=TIERS[body.tier],
                targets=tuple(target for target in found if target is not None),
                forgotten=found.count(None),
                runtime=who.runtime,
                person=who.initiator,
            )
        )

    async def _target(self, pseudonym: str) -> Target | None:
        """None: its name was erased."""
        if pseudonym not in self._names:
            if len(self._names) >= MOST_REMEMBERED:
                self._names.clear()
            sealed = await self._tenancy.store.name(pseudonym)
            text = self._tenancy.sealer.open_name(pseudonym, sealed).decode() if sealed is not None else ""
            kind, _, name = text.partition(":")
            known = Target(kind=kind, id=name, domain=self._live.domains.of(kind, name)) if text else None
            self._names[pseudonym] = known
        return self._names[pseudonym]


class _Replayer:
    """The second pass: the same calls under the proposed rules. Equal arguments are judged once."""

    def __init__(self, tenancy: Tenancy, first: _Reader, contract: Contract) -> None:
        self._tenancy = tenancy
        self._first = first
        self._rules = compile_contract(contract)
        self._verdicts: dict[bytes, _Met] = {}
        self._same: dict[_Met, _Met] = {}
        """Each verdict once, since many calls meet the same."""
        self._found: dict[tuple[str, str, _Met], int] = {}

    async def read(self, start: int, end: int) -> AsyncIterator[int]:
        turn = 0
        for at in range(start, end, PAGE):
            for leaf in await self._tenancy.store.leaves(at, min(PAGE, end - at)):
                if leaf.kind != "decided":
                    continue
                data = decode_event(leaf.data).data
                body = self._first.mine(data)
                if body is None or body.task or data.principal is None:
                    continue
                turn += 1
                if turn % TURN == 0:
                    await asyncio.sleep(0)
                key = (body.integration, body.tool, await self._verdict(leaf, data, body))
                self._found[key] = self._found.get(key, 0) + 1
            yield min(end, at + PAGE) - start

    async def _verdict(self, leaf: Leaf, data: EventData, body: Decided) -> _Met:
        # An erased call stays unknown, also where an equal one is known.
        if await self._tenancy.store.key(leaf.call) is None:
            return "unknown", "", _ERASED
        assert data.principal is not None
        who = msgspec.structs.replace(data.principal, credential="")
        alike = _digest((body.integration, body.tool, body.pin, body.arguments_tag, who, data.same_host))
        known = self._verdicts.get(alike)
        if known is None:
            known = await self._judge(leaf)
            # Of what was not kept here an equal call may have been kept.
            if known[0] != "unknown":
                if len(self._verdicts) >= MOST_REMEMBERED:
                    self._verdicts.clear()
                self._verdicts[alike] = known = self._same.setdefault(known, known)
        return known

    async def _judge(self, leaf: Leaf) -> _Met:
        context = await context_of(self._tenancy, leaf.call, leaf.id)
        if context is None:
            return "unknown", "", _ERASED
        if context.call is None:
            return "unknown", "", _NOT_KEPT
        if (
            context.call.tool in _ANSWERS
            and tool_of(self._tenancy, context.call.integration, context.call.tool) is None
        ):
            return "unknown", "", _ANSWERED
        return judged(self._tenancy, context.call, self._rules)

    def rows(self) -> tuple[ReplayedRow, ...]:
        """Most calls first."""
        found = [
            ReplayedRow(integration=integration, tool=tool, effect=effect, code=code, reason=reason, calls=calls)
            for (integration, tool, (effect, code, reason)), calls in self._found.items()
        ]
        return tuple(
            sorted(found, key=lambda row: (-row.calls, row.integration, row.tool, row.effect, row.code, row.reason))
        )


def _digest(what: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(what)).digest()


def _end(rules: ProposedRules, first: _Reader, second: _Replayer, base: Contract | None) -> LearnEnd:
    book, rows = first.book, second.rows()
    skipped = (("belonged to a task", first.in_tasks),) if first.in_tasks else ()
    span = LearnedSpan(
        calls=book.calls, first_ms=book.first_ms, last_ms=book.last_ms, busiest=book.busiest, skipped=skipped
    )
    former = f"{base.name} ({base.id})" if base is not None else ""
    return LearnEnd(
        text=contract_text(rules, span, rows, former),
        contract=rules.contract.id,
        team=rules.contract.team,
        span=span,
        tools=rules.tools,
        targets=rules.targets,
        replayed=rows,
    )
