"""Votes: who may answer which question, and what an answer does (DESIGN section 9)."""

from collections.abc import Callable, Iterable

import msgspec

from callgate.flow.hold import Holds
from callgate.flow.hold_rows import row
from callgate.flow.rows import put
from callgate.flow.tenancy import Tenancy
from callgate.model.decision import Question
from callgate.model.errors import InputError, StoreError
from callgate.model.event import NewEvent, Voted
from callgate.model.hold import Hold, Vote
from callgate.model.identity import Presence
from callgate.model.record import Denial
from callgate.model.store import Conflict, NameRow, Unit
from callgate.model.terms import Ask, HoldState, Profile

ATTEMPTS = 3


class Voting:
    """Takes votes. ``approved`` is called with the hold's id once every question has its answers."""

    def __init__(self, tenancy: Tenancy, holds: Holds, approved: Callable[[str], None]) -> None:
        self._tenancy = tenancy
        self._holds = holds
        self._approved = approved
        self._shown: dict[tuple[str, str], int] = {}

    def shown(self, hold_id: str, subject: str) -> None:
        """Remember when this person first saw the hold: review time is measured from here."""
        live = self._tenancy.live
        if subject not in live.accounts or hold_id not in live.holds or (hold_id, subject) in self._shown:
            return
        self._shown = {seen: at_ms for seen, at_ms in self._shown.items() if seen[0] in live.holds}
        self._shown[hold_id, subject] = self._tenancy.clock.now_ms()

    def answerable(self, hold: Hold, presence: Presence) -> dict[str, str]:
        """Question id -> why this person may not answer it; empty: they may."""
        return {question.id: self._obstacle(hold, question, presence) for question in hold.questions}

    async def vote(
        self, hold_id: str, questions: tuple[str, ...], *, yes: bool, digest: str, presence: Presence
    ) -> Hold:
        """Record one person's answers. Empty ``questions``: every one they may answer.

        Raises InputError: ``unknown_hold``, ``hold_over``, ``stale_digest``, ``not_yours``, ``unknown_question``,
        ``already_answered``.
        """
        for _ in range(ATTEMPTS):
            hold = await self._holds.find(hold_id)
            if hold is None:
                raise InputError(
                    "There is no such hold.", code="unknown_hold", hint="List them with: callgate holds list"
                )
            chosen = self._chosen(hold, questions, digest, presence)
            if yes:
                done = await self._yes(hold, chosen, presence)
            else:
                done = await self._no(hold, chosen, presence)
            if done is not None:
                return done
        raise StoreError("Others changed this hold three times in a row. Look at it again.", code="contended")

    def _chosen(self, hold: Hold, questions: tuple[str, ...], digest: str, presence: Presence) -> tuple[Question, ...]:
        if hold.state is not HoldState.OPEN or hold.expires_ms <= self._tenancy.clock.now_ms():
            raise InputError(f"This hold is over ({hold.state.value}).", code="hold_over")
        if digest != hold.digest:
            raise InputError(
                "What you were shown is not what waits now.",
                code="stale_digest",
                hint="Show it again before answering.",
            )
        known = {question.id: question for question in hold.questions}
        for unknown in set(questions) - set(known):
            raise InputError(f"The hold has no question {unknown}.", code="unknown_question")
        obstacles = self.answerable(hold, presence)
        if questions:
            for name in questions:
                if obstacles[name]:
                    raise InputError(obstacles[name], code="not_yours")
            return tuple(known[name] for name in dict.fromkeys(questions))
        open_ones = tuple(question for question in hold.questions if not obstacles[question.id])
        if not open_ones:
            reasons = " ".join(dict.fromkeys(obstacles.values()))
            raise InputError(f"None of its questions is yours to answer. {reasons}", code="not_yours")
        return open_ones

    def _obstacle(self, hold: Hold, question: Question, presence: Presence) -> str:
        if any(vote.question == question.id and vote.subject == presence.subject for vote in hold.votes):
            return "You have answered it already."
        return obstacle(self._tenancy, hold, question, presence)

    def _alone(self, hold: Hold, question: Question, presence: Presence) -> bool:
        if question.ask is Ask.MEANT or presence.subject != hold.initiator:
            return False
        owner = self._tenancy.live.domains.owners.get(question.ask_of, "")
        return question.ask is Ask.ACCEPTABLE or owner != presence.subject

    def _votes(
        self, hold: Hold, chosen: tuple[Question, ...], presence: Presence, names: list[NameRow], *, yes: bool
    ) -> tuple[tuple[Vote, ...], tuple[NewEvent, ...]]:
        now = self._tenancy.clock.now_ms()
        review = now - self._shown.get((hold.id, presence.subject), now)
        voter = self._tenancy.name("person", f"{presence.issuer}|{presence.subject}", names)
        votes = tuple(
            Vote(
                question=question.id,
                yes=yes,
                subject=presence.subject,
                issuer=presence.issuer,
                digest=hold.digest,
                at_ms=now,
                method=presence.method,
                same_host=presence.same_host,
                alone=self._alone(hold, question, presence),
                review_ms=review,
            )
            for question in chosen
        )
        events = tuple(
            self._tenancy.event(
                Voted(
                    hold=hold.id,
                    question=vote.question,
                    yes=yes,
                    voter=voter,
                    method=vote.method,
                    alone=vote.alone,
                    digest=vote.digest,
                    review_ms=review,
                ),
                call=hold.call_id,
                same_host=presence.same_host,
            )
            for vote in votes
        )
        return votes, events

    async def _yes(self, hold: Hold, chosen: tuple[Question, ...], presence: Presence) -> Hold | None:
        names: list[NameRow] = []
        votes, events = self._votes(hold, chosen, presence, names, yes=True)
        every = (*hold.votes, *votes)
        complete = all(said_yes(every, question) >= question.quorum for question in hold.questions)
        state = HoldState.APPROVED if complete else HoldState.OPEN
        done = msgspec.structs.replace(hold, votes=every, state=state, version=hold.version + 1)
        unit = Unit(events=events, changes=(row(done, hold.version),), names=tuple(names))
        if isinstance(await self._tenancy.write(unit), Conflict):
            return None
        if complete:
            self._approved(hold.id)
        return done

    async def _no(self, hold: Hold, chosen: tuple[Question, ...], presence: Presence) -> Hold | None:
        names: list[NameRow] = []
        votes, events = self._votes(hold, chosen, presence, names, yes=False)
        bundle = self._tenancy.live.bundle
        sticks = bundle.waiting.denial_sticks_ms if bundle else 0
        until = self._tenancy.clock.now_ms() + sticks
        denial = put(hold.sticky, Denial(sticky=hold.sticky, hold=hold.id, until_ms=until), expect=None, at_ms=until)
        voted = msgspec.structs.replace(hold, votes=(*hold.votes, *votes))
        if await self._holds.end(voted, HoldState.DENIED, "denied", *events, changes=(denial,), names=tuple(names)):
            return msgspec.structs.replace(voted, state=HoldState.DENIED)
        return None


def obstacle(tenancy: Tenancy, hold: Hold, question: Question, presence: Presence) -> str:
    """Why this person may not answer this question under the live bundle; empty: they may."""
    own = (presence.subject, presence.issuer) == (hold.initiator, hold.issuer)
    profile = tenancy.live.bundle.profile if tenancy.live.bundle else Profile.TEAM
    if profile is Profile.SOLO and own:
        return ""
    match question.ask:
        case Ask.MEANT:
            return "" if own else "Only the person who asked for the call can say whether it was meant."
        case Ask.DOMAIN:
            owner = tenancy.live.domains.owners.get(question.ask_of, "")
            if presence.subject != owner:
                return f"Only the owner of the domain {question.ask_of} can answer."
        case Ask.ACCEPTABLE:
            if presence.subject == hold.initiator:
                # Whatever issuer the gate was when the call was held: a subject is one person of the tenant.
                return "Another person must answer: the one who asked for the call cannot."
            if question.ask_of and question.ask_of not in {role.value for role in presence.roles}:
                return f"Only somebody in the role {question.ask_of} can answer."
    if not own and presence.same_host:
        return (
            "This answer comes from the gate's own operating-system user, which never counts as a second person. "
            "Answer from your own user of this machine (docs/how-to/two-people.md)."
        )
    return ""


def still_answered(tenancy: Tenancy, hold: Hold, questions: tuple[Question, ...]) -> bool:
    """Every one of ``questions`` has its number of yes votes of people who may give them under the live bundle."""
    return all(
        said_yes((vote for vote in hold.votes if _stands(tenancy, hold, question, vote)), question) >= question.quorum
        for question in questions
    )


def said_yes(votes: Iterable[Vote], question: Question) -> int:
    """How many people said yes to it; a subject is one person of the tenant, whatever address the gate had."""
    return len({vote.subject for vote in votes if vote.yes and vote.question == question.id})


def _stands(tenancy: Tenancy, hold: Hold, question: Question, vote: Vote) -> bool:
    account = tenancy.live.accounts.get(vote.subject)
    if account is not None and account.disabled:
        return False
    bound = tenancy.live.bundle.roles if tenancy.live.bundle else ()
    voter = Presence(
        subject=vote.subject,
        issuer=vote.issuer,
        method=vote.method,
        at_ms=vote.at_ms,
        same_host=vote.same_host,
        roles=tuple(binding.role for binding in bound if vote.subject in binding.subjects),
    )
    return not obstacle(tenancy, hold, question, voter)
