"""Turns calls and decisions into events and sealed rows. No value of a call leaves here in clear."""

import msgspec

from callgate.core.ledger.seal import CallKey
from callgate.flow.context import Context
from callgate.flow.tenancy import KNOWN_NAMES, Tenancy
from callgate.model.call import Call
from callgate.model.decision import Decision, Finding, Observed, Question
from callgate.model.event import Decided, Finished, NewEvent, PrincipalRef
from callgate.model.event_refs import FindingRef, ObservedRef, QuestionRef, ReceiptRef
from callgate.model.facts import Facts
from callgate.model.identity import Principal
from callgate.model.store import KeyRow, NameRow, SealedRow
from callgate.model.terms import Effect, LogDepth, Outcome, Stage, Tier

REFUSED_BYTES = 64 << 10
"""Arguments of a refused call that are kept at most: who is refused everything could fill the disk with them."""
_encode = msgspec.json.Encoder().encode
_TIERS = {tier: tier.name.lower() for tier in Tier}
_EFFECTS = {effect: effect.name.lower() for effect in Effect}


class Scribe:
    """Writes for one call; holds its random key."""

    def __init__(self, tenancy: Tenancy, call_id: str, key: CallKey, wrapped: bytes | None) -> None:
        self._tenancy = tenancy
        self._sealer = tenancy.sealer
        self.call_id = call_id
        self.key = key
        self.keys = () if wrapped is None else (KeyRow(owner=call_id, wrapped=wrapped),)
        self.names: list[NameRow] = []

    @classmethod
    def begin(cls, tenancy: Tenancy, call_id: str) -> "Scribe":
        material = tenancy.entropy.bytes(44)
        key = tenancy.sealer.new_key(material[:32])
        return cls(tenancy, call_id, key, key.wrapped(call_id, material[32:]))

    @classmethod
    def resume(cls, tenancy: Tenancy, call_id: str, wrapped: bytes) -> "Scribe":
        """For a call whose key is already stored."""
        return cls(tenancy, call_id, tenancy.sealer.unwrap(call_id, wrapped), None)

    def who(self, principal: Principal, credential: str) -> PrincipalRef:
        callers = self._tenancy.known_callers
        known = callers.get((credential, principal.actor.integration))
        # The same login may stand for another runtime kind or account after a change, so all of it is compared.
        if known is not None and (known[0] is principal or known[0] == principal):
            return known[1]
        person, runtime = principal.initiator, principal.runtime
        made = PrincipalRef(
            initiator=self._tenancy.name("person", f"{person.issuer}|{person.subject}", self.names),
            runtime=runtime.id,
            runtime_kind=runtime.kind.value,
            actor=self._tenancy.name("actor", f"{principal.actor.integration}|{principal.actor.name}", self.names),
            chain=tuple(self._tenancy.name("delegate", link.subject, self.names) for link in principal.chain),
            credential=credential,
        )
        if len(callers) >= KNOWN_NAMES:
            callers.clear()
        callers[credential, principal.actor.integration] = principal, made
        return made

    def decided(self, call: Call, decision: Decision, *, attempt: int, hold: str = "") -> NewEvent:
        targets = call.targets
        body = Decided(
            effect=_EFFECTS[decision.effect],
            tier=_TIERS[call.tier],
            integration=call.integration,
            tool=call.tool,
            pin=call.pin,
            contract=call.contract,
            task=call.task,
            findings=tuple(map(finding_ref, decision.findings)),
            questions=tuple(map(question_ref, decision.questions)),
            obligations=tuple(f"{duty.kind}:{duty.value}" for duty in decision.obligations),
            risk=decision.risk,
            bundle=decision.bundle,
            targets=tuple(self._tenancy.name("target", target.text, self.names) for target in targets),
            domains=tuple(dict.fromkeys(target.domain for target in targets if target.domain)),
            arguments=self._sealer.commitment(self.key, "arguments", call.body),
            arguments_tag=self._sealer.tag(call.body, call.at_ms),
            log_depth=decision.log_depth._value_,
            derived_from=call.derived_from,
            hold=hold,
            attempt=attempt,
            observed=None if decision.observed is None else observed_ref(decision.observed),
        )
        who = self.who(call.principal, call.credential)
        return self._tenancy.event(body, call=call.id, who=who, same_host=call.same_host)

    def finished(
        self,
        call: Call,
        outcome: Outcome,
        result: bytes,
        duration_us: int,
        receipt: tuple[tuple[str, str], ...] | None = None,
    ) -> NewEvent:
        """``receipt`` None: the call owed none; empty: it owed one and gave none."""
        reference = None
        if receipt is not None:
            values = tuple((name, self._tenancy.name("receipt", value, self.names)) for name, value in receipt)
            reference = ReceiptRef(values=values, source="manifest" if values else "none")
        body = Finished(
            outcome=outcome._value_,
            duration_us=duration_us,
            result=self._sealer.commitment(self.key, "result", result) if result else "",
            result_bytes=len(result),
            receipt=reference,
        )
        return self._tenancy.event(body, call=call.id)

    def seal(self, event: str, field: str, plaintext: bytes) -> SealedRow:
        nonce = self._tenancy.entropy.bytes(12)
        data = self._sealer.seal(self.key, self._tenancy.tenant, event, field, plaintext, nonce)
        return SealedRow(owner=self.call_id, event=event, field=field, data=data)

    def open(self, row: SealedRow) -> bytes:
        """IntegrityError when the row was changed or belongs elsewhere."""
        return self._sealer.open(self.key, self._tenancy.tenant, row.event, row.field, row.data)

    def context(self, event: str, call: Call, facts: Facts, decision: Decision) -> SealedRow:
        refused = decision.effect is Effect.DENY and len(call.body) > REFUSED_BYTES
        kept = None if refused or decision.log_depth is LogDepth.METADATA else call
        return self.seal(
            event,
            "context",
            _encode(Context(facts=facts, call=kept, principal=call.principal, tool=call.tool, decision=decision)),
        )


def finding_ref(finding: Finding) -> FindingRef:
    return FindingRef(
        gate=finding.gate,
        code=finding.code,
        effect=_EFFECTS[finding.effect],
        path=finding.path,
        discharged=finding.discharged,
        shadow=finding.shadow,
    )


def observed_ref(observed: Observed) -> ObservedRef:
    return ObservedRef(stage=Stage.OBSERVE.value, would=_EFFECTS[observed.would], findings=observed.findings)


def question_ref(question: Question) -> QuestionRef:
    return QuestionRef(id=question.id, ask=question.ask.value, ask_of=question.ask_of, findings=question.findings)
