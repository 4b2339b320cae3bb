"""Rounds of one call: a server wants something answered, the client calls again with the answers.

Each round is a call of its own, judged from the start and derived from the one before. The state between them is
sealed to the person, the runtime and the judged arguments, opens once, and carries the approval of the first round:
one yes covers all rounds of one call, and nothing else.
"""

from typing import Any

import msgspec

from callgate.core.asks import kind_of_answer, unasked
from callgate.core.ledger.canonical import body_bytes, digest
from callgate.core.rounds import MOST_INPUTS, MOST_ROUNDS, RoundSealer, input_required
from callgate.flow.asking import AnswerJudge, GivenAnswer
from callgate.flow.live import Connected
from callgate.flow.ports import Clock, Entropy
from callgate.flow.prepared import Prepared
from callgate.flow.tenancy import Tenancy
from callgate.model.answer import Request, Served
from callgate.model.call import Call
from callgate.model.event import NewEvent, RoundLinked
from callgate.model.hold import Hold
from callgate.model.inquiry import ASKS, ELICIT, Continued, Inquiry, RoundState
from callgate.model.store import Reserve
from callgate.model.terms import Outcome

LIVE_MS = 600_000
"""How long a person has to answer."""
_DECLINED = {"action": "decline"}
_encode = msgspec.json.encode
_ARRIVED = {outcome.value: Outcome.OK for outcome in Outcome} | {Outcome.NOT_SENT.value: Outcome.NOT_SENT}


class Rounds:
    """Seals what a client carries from round to round, and opens it."""

    def __init__(self, sealer: RoundSealer, clock: Clock, entropy: Entropy) -> None:
        self._sealer = sealer
        self._clock = clock
        self._entropy = entropy

    def opened(self, request: Request) -> Request:
        """The request with the state that its client brought, or with why that is none."""
        continued = request.continued
        if continued is None or (continued.sealed is None and len(continued.answers) <= MOST_INPUTS):
            return request
        if continued.sealed is None:
            found = msgspec.structs.replace(continued, problem="round_unknown")
            return msgspec.structs.replace(request, continued=found)
        state = self._sealer.open(_about(request), continued.sealed)
        problem = ""
        if state is None:
            problem = "round_unknown"
        elif state.expires_ms <= self._clock.now_ms():
            problem = "round_over"
        elif state.number > MOST_ROUNDS:
            problem = "round_limit"
        found = msgspec.structs.replace(continued, state=state, problem=problem)
        return msgspec.structs.replace(request, continued=found)

    def sealed(self, request: Request, answer: Served, hold: Hold | None, call: Call) -> Served:
        """What the server wants, for the client. ``hold``: whose approval this round ran under."""
        wanted = answer.asked
        assert wanted is not None
        former = request.continued.state if request.continued is not None else None
        state = RoundState(
            number=former.number + 1 if former else 2,
            first=former.first if former else answer.call_id,
            before=answer.call_id,
            wanted=wanted,
            expires_ms=self._clock.now_ms() + LIVE_MS,
            contract=call.contract,
            task=call.task,
            pin=call.pin,
            hold=hold.id if hold else former.hold if former else "",
            findings=_listed(hold) if hold else former.findings if former else (),
            alone=any(vote.alone for vote in hold.votes) if hold else bool(former and former.alone),
            bundle=hold.bundle if hold else former.bundle if former else "",
        )
        sealed = self._sealer.seal(_about(request), state, self._entropy.bytes(12))
        return msgspec.structs.replace(answer, result=input_required(wanted, sealed))


def _about(request: Request) -> tuple[str, ...]:
    who = request.credential.initiator
    runtime = request.credential.runtime.id
    about = (who.tenant, who.issuer, who.subject, runtime, request.integration, request.method, request.tool)
    return (*about, digest(body_bytes(request.arguments)))


def _listed(hold: Hold) -> tuple[str, ...]:
    return tuple(key for question in hold.questions for key in question.findings)


def round_guards(prepared: Prepared) -> tuple[Reserve, ...]:
    """A call has one next round, whatever is sent twice and whatever restarts."""
    state = prepared.continued.state if prepared.continued is not None else None
    if state is None:
        return ()
    return (Reserve(counter=f"round:{state.before}", amount=1, limit=1, expires_ms=state.expires_ms + LIVE_MS),)


def round_events(tenancy: Tenancy, prepared: Prepared) -> tuple[NewEvent, ...]:
    """That this call is a next round, and of what."""
    continued = prepared.continued
    if continued is None or continued.state is None:
        return ()
    state = continued.state
    link = RoundLinked(
        first=state.first,
        before=state.before,
        number=state.number,
        answers=len(continued.answers.keys() & state.wanted.asked.keys()),
        hold=state.hold,
    )
    return (tenancy.event(link, call=prepared.call.id),)


class RoundAnswers:
    """The answers of one round: each judged as a call derived from the round, sent with it, and recorded after it."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._judge = AnswerJudge(tenancy)
        self._given: list[GivenAnswer] = []

    async def admit(self, prepared: Prepared, connected: Connected, words: tuple[str, ...]) -> bytes:
        """Members of the request's params, each with a comma before it. What was not asked for, or may not leave, is
        not among them. StoreError, IntegrityError: an answer could not be recorded.
        """
        continued = prepared.continued
        if continued is None:
            return b""
        sent: dict[str, Any] = {}
        for key, asked in _questions(continued, words, connected.integration.asks).items():
            answer = continued.answers.get(key)
            given = None
            if isinstance(answer, dict):
                given = await self._judge.admit(prepared, connected, asked, answer)
            if given is not None:
                self._given.append(given)
                sent[key] = msgspec.Raw(given.call.body)
            elif asked.method == ELICIT and isinstance(answer, dict):
                sent[key] = _DECLINED
        state = continued.state.wanted.state if continued.state is not None else None
        more = b',"inputResponses":' + _encode(sent) if sent else b""
        return more if state is None else more + b',"requestState":' + _encode(state)

    async def ended(self, outcome: str) -> None:
        """They went as their round went. ``outcome``: its Outcome; any other word: nobody knows."""
        known = _ARRIVED.get(outcome)
        for given in self._given:
            await self._judge.ended(given, known)


def _questions(continued: Continued, words: tuple[str, ...], asks: tuple[str, ...]) -> dict[str, Inquiry]:
    """By key, what the integration may ask by now. Answers that come with no state are taken for their kind, if the
    client declares it and it is configured: a server that keeps nothing between rounds knows them by their keys.
    """
    if continued.state is not None:
        methods = {ASKS[kind] for kind in asks}
        return {key: asked for key, asked in continued.state.wanted.asked.items() if asked.method in methods}
    kinds = {word.partition(".")[0] for word in words}
    allowed = {method for kind, method in ASKS.items() if kind in kinds}
    found = {key: kind_of_answer(answer) for key, answer in continued.answers.items()}
    return {key: unasked(method) for key, method in found.items() if method in allowed}
