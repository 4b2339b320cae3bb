"""What a decision was and why, for its own initiator through the assistant (values of calls stay out)."""

import msgspec

from callgate.core.ledger.events import decode_event
from callgate.flow.context import Context
from callgate.flow.scribe import Scribe
from callgate.flow.tenancy import Tenancy
from callgate.model.event import Decided
from callgate.model.identity import Credential

_context = msgspec.json.Decoder(Context)


async def context_of(tenancy: Tenancy, call: str, event: str) -> Context | None:
    """The sealed context of a decision; None: there is none or it was erased."""
    key = await tenancy.store.key(call)
    rows = [row for row in await tenancy.store.sealed(call) if row.field == "context" and row.event == event]
    if key is None or not rows:
        return None
    return _context.decode(Scribe.resume(tenancy, call, key).open(rows[0]))


async def explained(tenancy: Tenancy, credential: Credential, decision: str) -> dict[str, object] | None:
    """Findings and questions of a decision about a call of this same person and runtime that the login's task and
    integrations allow for, as with approvals; None: there is none.
    """
    leaf = await tenancy.store.leaf(decision)
    if leaf is None:
        return None
    body = decode_event(leaf.data).data.body
    if not isinstance(body, Decided):
        return None
    if credential.task not in ("", body.task):
        return None
    if credential.integrations and body.integration not in credential.integrations:
        return None
    context = await context_of(tenancy, leaf.call, leaf.id)
    who = (credential.initiator.issuer, credential.initiator.subject, credential.runtime.id)
    if context is None:
        return None
    asked = context.principal
    if (asked.initiator.issuer, asked.initiator.subject, asked.runtime.id) != who:
        return None
    return {
        "decision_id": decision,
        "call_id": leaf.call,
        "effect": body.effect,
        "tool": f"{body.integration}/{body.tool}",
        "tier": body.tier,
        "risk": body.risk,
        **({} if body.observed is None else {"stage": body.observed.stage, "would": body.observed.would}),
        "contract": body.contract,
        "task": body.task,
        "findings": [
            {
                "gate": finding.gate,
                "code": finding.code,
                "effect": finding.effect.name.lower(),
                "path": finding.path,
                "reason": finding.reason,
                "discharged": finding.discharged,
                "shadow": finding.shadow,
            }
            for finding in context.decision.findings
        ],
        "questions": [
            {"ask": question.ask.value, "of": question.ask_of, "text": question.text}
            for question in context.decision.questions
        ],
    }
