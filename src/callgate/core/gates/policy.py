"""Cedar policies, over a context that the other gates and the facts fill."""

from callgate.core.policy.evaluate import PolicyEngine
from callgate.core.policy.schema import PolicyContext
from callgate.model.call import Call
from callgate.model.decision import Finding

GATE = "policy"
PERMIT = "permit"
"""Code of the finding that a matching permit leaves; without one nothing is allowed."""


def judge(call: Call, context: PolicyContext, policies: PolicyEngine) -> tuple[Finding, ...]:
    subject = call.principal.initiator.subject
    return policies.judge(call.tier, call.integration, call.tool, subject, context).findings
