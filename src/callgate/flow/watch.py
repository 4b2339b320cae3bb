"""What operators see of calls: counts, times of each step, one line or one span per call. Never a value of a call."""

from collections.abc import Callable, Iterable

from callgate.core.tally import Counts, Spread
from callgate.flow.live import Live
from callgate.flow.ports import CallSpan, Clock, SpanFacts, SpanStart, Tracer
from callgate.model.answer import Answer, Failed, Pending, Refused, Request, Served
from callgate.model.call import Call
from callgate.model.decision import Decision, Finding, Observed
from callgate.model.event import HoldEnded, NewEvent
from callgate.model.terms import Effect, Tier

STEPS = ("auth", "judge", "commit_decided", "upstream", "commit_outcome", "whole")
"""Where a call's time goes: its token; the verdict; the verdict's commit; the target; the outcome's commit; all of it
from the front's handing it over to its answer.
"""
_KINDS: dict[type, str] = {Served: "served", Refused: "refused", Pending: "pending", Failed: "failed"}
_EFFECTS = tuple(effect.name.lower() for effect in sorted(Effect))
_TIERS = ("", *(tier.name.lower() for tier in sorted(Tier)))
_HARMLESS = frozenset(("bad_unit", "store_closed"))
"""Codes of StoreError that say nothing about the disk."""


class Watch:
    """One call on its way. Times are microseconds of the monotonic clock; 0: not reached."""

    call: Call | None = None
    decision: Decision | None = None
    """The newest one; whether it was recorded, the answer says."""
    judged_us = 0
    sent_us = 0
    """The executor took over: the permission is durable."""
    answered_us = 0
    recorded_us = 0
    decision_id = ""
    """Event id of the permission."""
    outcome = ""
    """How the execution ended (model.terms.Outcome), ``unknown``, or ``unrecorded``."""
    fault = ""
    """Code of what went wrong with the target."""
    span: CallSpan | None = None

    def __init__(self, began_us: int = 0) -> None:
        self.began_us = began_us

    def where(self, code: str) -> dict[str, object]:
        """Fields of a log line about a fault of this call."""
        call, decision = self.call, self.decision_id
        step = "judge"
        if self.sent_us:
            step = "commit_outcome" if self.answered_us and not self.fault else "upstream"
        elif self.judged_us:
            step = "commit_decided"
        found: dict[str, object] = {"code": code, "step": step}
        if call is not None:
            found |= {"call": call.id, "integration": call.integration}
        return {**found, "decision": decision} if decision else found

    def steps(self, ended_us: int) -> tuple[tuple[str, int, int], ...]:
        """(step, from, to) of what was reached, in order."""
        found: list[tuple[str, int, int]] = []
        if self.judged_us:
            found.append(("judge", self.began_us, self.judged_us))
        if self.sent_us:
            if self.judged_us:
                found.append(("commit_decided", self.judged_us, self.sent_us))
            if self.answered_us:
                found.append(("upstream", self.sent_us, self.answered_us))
                found.append(("commit_outcome", self.answered_us, self.recorded_us or ended_us))
        elif self.judged_us and self.decision is not None and self.decision.effect is Effect.DENY:
            found.append(("commit_decided", self.judged_us, ended_us))
        return tuple(found)


class Observer:
    """Of one tenant, used by one loop. ``tracer`` and ``report`` are set by the composition root, or stay None."""

    def __init__(self, tenant: str, clock: Clock, live: Live) -> None:
        self._tenant = tenant
        self._clock = clock
        self._live = live
        self.tracer: Tracer | None = None
        self.report: Callable[[dict[str, object]], None] | None = None
        """Takes one line per call."""
        self.calls = Counts()
        """By integration, tier, effect, gate, code, answer."""
        self.observed = Counts()
        """By integration, tier, the effect in production, gate, code: calls at stage observe that it would not allow."""
        self.executions = Counts()
        """By integration, tier, outcome."""
        self.store_errors = Counts()
        """By code."""
        self.holds_ended = Counts()
        """By state."""
        self.conflicts = 0
        self.times = {step: Spread() for step in STEPS if step != "upstream"}
        self.upstream: dict[str, Spread] = {}
        """Times of the step ``upstream``, by integration."""
        self.spent: dict[str, int] = {}
        """By integration: millionths of a US dollar since the start, as manifests price calls."""
        self.store_fault = ""
        """Code of the newest fault, while nothing was written since."""
        self._judge, self._whole = self.times["judge"], self.times["whole"]
        self._decided, self._recorded = self.times["commit_decided"], self.times["commit_outcome"]

    def authenticated(self, began_us: int) -> None:
        self.times["auth"].add(self._clock.monotonic_us() - began_us)

    def begin(self, request: Request) -> Watch:
        watch = Watch(self._clock.monotonic_us())
        if self.tracer is not None:
            connected = self._live.connected.get(request.integration)
            known = connected is not None and request.tool in connected.toolbox.tools
            watch.span = self.tracer.begin(
                SpanStart(
                    tenant=self._tenant,
                    method=request.method,
                    tool=request.tool if known else "",
                    runtime=request.credential.runtime.id,
                    claims=request.claims,
                    at_us=watch.began_us,
                )
            )
        return watch

    def redeem(self, call: Call, decision: Decision) -> Watch:
        """An approved call runs; who asked for it may be long gone."""
        watch = Watch(self._clock.monotonic_us())
        watch.call, watch.decision = call, decision
        if self.tracer is not None:
            watch.span = self.tracer.begin(
                SpanStart(
                    tenant=self._tenant,
                    method=call.method,
                    tool=call.tool,
                    runtime=call.principal.runtime.id,
                    claims=call.claims,
                    at_us=watch.began_us,
                )
            )
        return watch

    def redeemed(self, watch: Watch, answer: Served | Failed) -> None:
        """It is no second call: its execution is counted, and told."""
        if watch.call is not None and (watch.span is not None or self.report is not None):
            self._tell(watch, watch.call.integration, _kind(answer), answer, self._clock.monotonic_us())

    def judged(self, watch: Watch, decision: Decision) -> None:
        watch.judged_us = self._clock.monotonic_us()
        watch.decision = decision

    def executed(self, watch: Watch, call: Call) -> None:
        """The outcome is durable, or could not be recorded."""
        watch.recorded_us = now = self._clock.monotonic_us()
        self.executions.add(call.integration, _tier(call), watch.outcome)
        spread = self.upstream.get(call.integration)
        if spread is None:
            spread = self.upstream[call.integration] = Spread()
        spread.add(watch.answered_us - watch.sent_us)
        self._recorded.add(now - watch.answered_us)
        if watch.judged_us:
            self._decided.add(watch.sent_us - watch.judged_us)

    def end(self, watch: Watch, request: Request, answer: Answer | None) -> None:
        """``answer`` None: the client left, or the call met a fault of ours."""
        now = self._clock.monotonic_us()
        kind = _kind(answer)
        decision = watch.decision
        integration = request.integration if request.integration in self._live.connected else ""
        self._whole.add(now - watch.began_us)
        if decision is None:
            self.calls.add(integration, _tier(watch.call), "", "", "", kind)
        else:
            self._judge.add(watch.judged_us - watch.began_us)
            effect = decision.effect
            if effect is Effect.ALLOW:
                self.calls.add(integration, _tier(watch.call), "allow", "", "", kind)
                if decision.observed is not None and decision.observed.findings:
                    self._waived(integration, _tier(watch.call), decision.observed)
            else:
                first = deciding(decision)
                gate, code = ("", "") if first is None else (first.gate, first.code)
                self.calls.add(integration, _tier(watch.call), _EFFECTS[effect], gate, code, kind)
                if effect is Effect.DENY and not watch.sent_us:
                    self._decided.add(now - watch.judged_us)
        if watch.span is not None or self.report is not None:
            self._tell(watch, integration, kind, answer, now)

    def _waived(self, integration: str, tier: str, seen: Observed) -> None:
        gate, code, _ = seen.findings[0].split("/", 2)
        self.observed.add(integration, tier, _EFFECTS[seen.would], gate, code)

    def turned_away(self, request: Request, answer: str) -> None:
        """Not even looked at: ``closing`` or ``busy``."""
        integration = request.integration if request.integration in self._live.connected else ""
        self.calls.add(integration, "", "", "", "", answer)

    def store_failed(self, code: str) -> None:
        self.store_errors.add(code)
        if code not in _HARMLESS:
            self.store_fault = code

    def changed(self, events: Iterable[NewEvent]) -> None:
        """Events of a committed unit that changed rows."""
        for event in events:
            if isinstance(event.body, HoldEnded):
                self.holds_ended.add(event.body.state)

    def _tell(self, watch: Watch, integration: str, kind: str, answer: Answer | None, now: int) -> None:
        decision, call = watch.decision, watch.call
        first = None if decision is None else deciding(decision)
        facts = SpanFacts(
            call_id="" if call is None else call.id,
            decision_id=watch.decision_id or getattr(answer, "decision_id", ""),
            integration=integration,
            tier=_tier(call),
            effect="" if decision is None else _EFFECTS[decision.effect],
            gate="" if first is None else first.gate,
            code=answer.code if isinstance(answer, Failed) else "" if first is None else first.code,
            answer=kind,
            outcome=watch.outcome,
            fault=watch.fault,
            error=answer.error if isinstance(answer, Served) else b"",
            steps=watch.steps(now),
            ended_us=now,
        )
        if watch.span is not None:
            watch.span.end(facts)
        if self.report is not None:
            self.report(_line(facts, now - watch.began_us))


def deciding(decision: Decision) -> Finding | None:
    """The first finding that made a decision what it is; None: nothing stood against the call."""
    if decision.effect is Effect.ALLOW:
        return None
    for finding in decision.findings:
        if finding.effect is decision.effect and not finding.shadow and not finding.discharged:
            return finding
    return None


def _tier(call: Call | None) -> str:
    return "" if call is None else _TIERS[call.tier]


def _kind(answer: Answer | None) -> str:
    if answer is None:
        return "cancelled"
    if isinstance(answer, Failed) and answer.unknown:
        return "unknown"
    return _KINDS.get(type(answer), "other")


def _line(facts: SpanFacts, whole_us: int) -> dict[str, object]:
    line: dict[str, object] = {
        "call": facts.call_id,
        "decision": facts.decision_id,
        "integration": facts.integration,
        "tier": facts.tier,
        "effect": facts.effect,
        "gate": facts.gate,
        "code": facts.code,
        "answer": facts.answer,
        "outcome": facts.outcome,
    }
    line = {name: value for name, value in line.items() if value}
    line |= {f"{step}_us": to - begin for step, begin, to in facts.steps}
    return {**line, "whole_us": whole_us}
