"""What of a hold is stored and counted, and what an approval of it is bound to."""

from callgate.core.ledger.canonical import canonical, digest
from callgate.flow.rows import put
from callgate.flow.tenancy import Tenancy
from callgate.model.call import Call
from callgate.model.decision import Decision, Question
from callgate.model.hold import Hold
from callgate.model.store import Put, Release
from callgate.model.terms import Effect


def row(hold: Hold, expect: int) -> Put:
    return put(
        hold.id, hold, expect=expect, state=hold.state.value, ref=hold.task or hold.contract, at_ms=hold.expires_ms
    )


def release(hold: Hold) -> Release:
    return Release(counter=counter(hold), amount=1)


def counter(hold: Hold) -> str:
    return place(hold.issuer, hold.initiator, hold.runtime, hold.contract, hold.task)


def place(issuer: str, subject: str, runtime: str, contract: str, task: str) -> str:
    """Counter of what waits: of a task, or of a person and runtime under everyday rules."""
    return f"holds:{task}" if task else f"holds:{contract}:{issuer}:{subject}:{runtime}"


def held(decision: Decision) -> tuple[str, ...]:
    """Keys of the findings for which the call waits."""
    return tuple(finding.key for finding in decision.findings if finding.effect is Effect.HOLD and not finding.shadow)


def hold_digest(tenancy: Tenancy, call: Call, questions: tuple[Question, ...], pin: str) -> str:
    """What an approval is bound to (DESIGN section 9). Any change of any part voids it. Keyed: it stands in events,
    and a plain digest would let whoever has them try out arguments and people.
    """
    who = call.principal
    known = tenancy.live.pins.get(call.integration)
    return tenancy.sealer.equal_tag(
        "hold",
        canonical(
            {
                "tenant": call.tenant,
                "initiator": [who.initiator.issuer, who.initiator.subject],
                "runtime": who.runtime.id,
                "actor": [who.actor.integration, who.actor.name],
                "task": call.task,
                "contract": call.contract,
                "endpoint": known.origin if known else "",
                "tool": call.tool,
                "definition": call.pin,
                "targets": [target.text for target in call.targets],
                "body": digest(call.body),
                "effect": Effect.HOLD.name,
                "questions": [[question.id, question.ask.value, question.ask_of] for question in questions],
                "state_pin": pin,
            }
        ),
    )
