"""What approvers are shown, and their answers."""

import json

import msgspec

from callgate.core.paths import Selector
from callgate.core.steps import PRE_READ, RECEIPT, StepPlan
from callgate.flow.admin import Ballot
from callgate.flow.context import Context
from callgate.flow.desk import Desk, missing
from callgate.flow.explain import context_of
from callgate.flow.rows import noun
from callgate.flow.scribe import Scribe
from callgate.flow.views.holds import ArgumentView, HoldDetail, HoldView, QuestionView, VoteView
from callgate.flow.vote import said_yes
from callgate.model.call import Call
from callgate.model.decision import Question
from callgate.model.hold import FrozenCall, Hold
from callgate.model.identity import Presence
from callgate.model.manifest import Step
from callgate.model.store import Kind
from callgate.model.terms import Ask, Effect, HoldState, Profile
from callgate.model.tool import ToolManifest

_frozen = msgspec.json.Decoder(FrozenCall)
LONGEST_VALUE = 4_000
_SOURCES = {RECEIPT: "what its answer says it made", PRE_READ: "the state before it"}


class HoldDesk(Desk):
    async def holds(self, state: str) -> tuple[HoldView, ...]:
        rows = await self._tenancy.store.list(Kind.HOLD, state=state)
        found: list[Hold] = [noun(row) for row in rows]
        return tuple([await self._summary(hold) for hold in sorted(found, key=lambda hold: hold.opened_ms)])

    async def hold(self, hold: str, viewer: str) -> HoldDetail:
        found = await self._rooms.holds.find(hold)
        if found is None:
            raise missing("hold", "holds list")
        if viewer:
            self._rooms.voting.shown(hold, viewer)
        call = await self._frozen(found)
        context = await context_of(self._tenancy, found.call_id, found.decision_id)
        manifest = self._manifest(found, call)
        sentence = self._sentence(found, call)
        task = self._live.tasks.get(found.task)
        rules = self._live.contracts.get(found.contract)
        return HoldDetail(
            hold=await self._summary(found, call, context),
            digest=found.digest,
            undo=_undo(manifest),
            questions=tuple(self._question(found, question) for question in found.questions),
            arguments=_arguments(call, sentence, manifest) if call else (),
            targets=tuple(target.text for target in call.targets) if call else (),
            actor=call.principal.actor.name if call else "",
            contract=rules.contract.name if rules else found.contract,
            task_title=task.title if task else "",
            risk=context.decision.risk if context else 0,
            call=found.call_id,
            decision=found.decision_id,
            state_pin="The state of the target as it was when it was asked; any change voids the approval."
            if found.state_pin
            else "",
        )

    async def approve_hold(self, by: Presence, hold: str, ballot: Ballot) -> VoteView:
        before = await self._votes_of(hold)
        done = await self._rooms.voting.vote(hold, ballot.questions, yes=True, digest=ballot.digest, presence=by)
        return self._voted(done, before, by)

    async def deny_hold(self, by: Presence, hold: str, ballot: Ballot) -> VoteView:
        before = await self._votes_of(hold)
        done = await self._rooms.voting.vote(hold, ballot.questions, yes=False, digest=ballot.digest, presence=by)
        return self._voted(done, before, by)

    async def _votes_of(self, hold: str) -> int:
        found = await self._rooms.holds.find(hold)
        return len(found.votes) if found else 0

    def _voted(self, hold: Hold, before: int, by: Presence) -> VoteView:
        mine = hold.votes[before:]
        questions = tuple(self._question(hold, question) for question in hold.questions)
        if hold.state is HoldState.DENIED:
            following = self._refused_now(hold)
        elif hold.state is HoldState.OPEN:
            following = "Others still have to answer."
        else:
            following = "The frozen call runs now, once, if what it is bound to is still the same."
        return VoteView(
            hold=hold.id,
            state=hold.state.value,
            answered=tuple(vote.question for vote in mine if vote.subject == by.subject),
            open=tuple(question for question in questions if question.open) if hold.state is HoldState.OPEN else (),
            alone=any(vote.alone for vote in mine),
            next=following,
        )

    def _refused_now(self, hold: Hold) -> str:
        """What a no stands for, and how long (prepare.sticky)."""
        bundle = self._live.bundle
        minutes = bundle.waiting.denial_sticks_ms // 60_000 if bundle else 0
        how_long = f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"
        under = "this task" if hold.task else "everyday rules"
        return f"It was stopped. This tool is refused on the same targets under {under} for {how_long}, however it is called."

    async def _summary(self, hold: Hold, call: Call | None = None, context: Context | None = None) -> HoldView:
        call = call or await self._frozen(hold)
        context = context or await context_of(self._tenancy, hold.call_id, hold.decision_id)
        account = self._live.accounts.get(hold.initiator)
        runtime = self._live.runtimes.get(hold.runtime)
        why = tuple(
            finding.reason
            for finding in (context.decision.findings if context else ())
            if finding.effect is Effect.HOLD and not finding.shadow
        )
        open_ones = [question for question in hold.questions if not self._answered(hold, question)]
        waiting = dict.fromkeys(name for question in open_ones for name in self._who(hold, question))
        return HoldView(
            id=hold.id,
            state=hold.state.value,
            sentence=self._sentence(hold, call),
            integration=hold.integration,
            tool=hold.tool,
            tier=call.tier.name.lower() if call else "",
            asked_by=account.name if account else hold.initiator,
            runtime=(runtime.title or runtime.id) if runtime else hold.runtime,
            opened_ms=hold.opened_ms,
            expires_ms=hold.expires_ms,
            why=tuple(dict.fromkeys(why)),
            waiting_for=tuple(waiting) if hold.state is HoldState.OPEN else (),
            task=hold.task,
            ended=hold.ended,
        )

    async def _frozen(self, hold: Hold) -> Call | None:
        """The held call; None when what sealed it was erased."""
        key = await self._tenancy.store.key(hold.call_id)
        rows = [row for row in await self._tenancy.store.sealed(hold.call_id) if row.field == "frozen"]
        if key is None or not rows:
            return None
        return _frozen.decode(Scribe.resume(self._tenancy, hold.call_id, key).open(rows[0])).call

    def _sentence(self, hold: Hold, call: Call | None) -> str:
        connected = self._live.connected.get(hold.integration)
        tool = connected.toolbox.tools.get(hold.tool) if connected else None
        if tool is None or call is None:
            return f"Use {hold.tool} of {hold.integration}"
        return tool.sentence(call.arguments)

    def _manifest(self, hold: Hold, call: Call | None) -> ToolManifest | None:
        connected = self._live.connected.get(hold.integration)
        tool = connected.toolbox.tools.get(hold.tool) if connected else None
        if tool is None:
            return None
        return tool.manifest_at(call.tier, call.arguments) if call else tool.manifest_at(tool.tier)

    def _question(self, hold: Hold, question: Question) -> QuestionView:
        return QuestionView(
            id=question.id,
            ask=question.ask.value,
            text=question.text,
            who=self._who(hold, question),
            quorum=question.quorum,
            yes=tuple(vote.subject for vote in hold.votes if vote.question == question.id and vote.yes),
            open=not self._answered(hold, question),
        )

    def _answered(self, hold: Hold, question: Question) -> bool:
        return said_yes(hold.votes, question) >= question.quorum

    def _who(self, hold: Hold, question: Question) -> tuple[str, ...]:
        """Accounts that may answer a question."""
        if self._profile() is Profile.SOLO or question.ask is Ask.MEANT:
            return (hold.initiator,)
        if question.ask is Ask.DOMAIN:
            owner = self._live.domains.owners.get(question.ask_of, "")
            return (owner,) if owner else ()
        return tuple(
            subject
            for subject, account in sorted(self._live.accounts.items())
            if subject != hold.initiator
            and not account.disabled
            and (not question.ask_of or question.ask_of in self._roles(subject))
        )


def _undo(manifest: ToolManifest | None) -> str:
    if manifest is None:
        return "Unknown: the catalogue does not know this tool."
    said = _way_back(manifest)
    lane = next(iter(manifest.lanes), None)
    return f"{said} It could be prepared only, with {lane.tool}." if lane else said


def _way_back(manifest: ToolManifest) -> str:
    if manifest.irreversible:
        return "No. It cannot be undone."
    if isinstance(manifest.compensation, Step):
        sources = {slot.source for slot in StepPlan(manifest.compensation).places}
        made = [text for source, text in _SOURCES.items() if source in sources]
        return f"Yes, with {manifest.undone_by}{', from ' if made else ''}{' and '.join(made)}."
    if manifest.compensation:
        return f"Yes, with {manifest.compensation}."
    return "Not through this integration; by hand in the target."


def _arguments(call: Call, sentence: str, manifest: ToolManifest | None) -> tuple[ArgumentView, ...]:
    """Every argument, in full up to a limit that is said; ``shown`` when the sentence holds the whole value."""
    views: list[ArgumentView] = []
    sinks, sensitive = (_roots(paths) for paths in ((manifest.sinks, manifest.sensitive) if manifest else ((), ())))
    for path, value in call.arguments.items():
        text = json.dumps(value, ensure_ascii=True)
        cut = f"{text[:LONGEST_VALUE]} … ({len(text)} characters in all)" if len(text) > LONGEST_VALUE else text
        views.append(
            ArgumentView(
                path=path,
                value=cut,
                shown=isinstance(value, str) and value != "" and value in sentence,
                sink=path in sinks,
                sensitive=path in sensitive,
            )
        )
    return tuple(views)


def _roots(paths: tuple[str, ...]) -> frozenset[str]:
    """Names of the arguments that dotted paths begin in."""
    return frozenset(Selector(path).root for path in paths)
