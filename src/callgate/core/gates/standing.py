"""Whether the caller, the contract and the task stand at all. Every problem denies."""

from callgate.model.decision import Finding
from callgate.model.facts import Facts
from callgate.model.terms import Effect

GATE = "standing"

_CREDENTIAL = {
    "revoked": "This sign-in was revoked.",
    "expired": "This sign-in is over; sign in again.",
    "account_disabled": "This account is disabled.",
    "not_this_integration": "This sign-in is not for this integration.",
}
_CONTRACT = {
    "unknown": "There are no rules that this call could belong to.",
    "awaiting_consent": "These rules still wait for the consent of their owners.",
    "is_template": "These rules are a template: open a task from them first.",
    "not_yours": "These rules are not for this person.",
    "not_this_runtime": "These rules are not for this assistant.",
}
_TASK = {
    "unknown_task": "There is no such task.",
    "foreign_task": "This task belongs to someone else.",
    "closed_task": "This task is closed.",
    "task_over": "The time of this task is over.",
    "wider_task": "The named task allows more than the task this sign-in is bound to.",
    "task_conflict": "More than one task was named.",
}


_ROUND = {
    "round_unknown": "The state that came with this call was not given for it; call again without it.",
    "round_over": "The time to answer the server is over; call again without state and answers.",
    "round_limit": "The server has asked too often for one call.",
}
ROUND_CODES = frozenset((*_ROUND, "round_used"))
"""Codes of a call that cannot be a next round."""


def judge(facts: Facts, bundle: str) -> tuple[Finding, ...]:
    """``bundle``: digest of the rules that judge; they must be the live ones."""
    if not (facts.credential_problem or facts.contract_problem or facts.task_problem) and facts.bundle == bundle:
        return () if not facts.round_problem else (_no_round(facts.round_problem),)
    found = [_no_round(facts.round_problem)] if facts.round_problem else []
    if facts.credential_problem:
        said = _CREDENTIAL.get(facts.credential_problem, "This sign-in cannot be used.")
        found.append(_deny(f"credential_{facts.credential_problem}", said))
    if facts.contract_problem:
        said = _CONTRACT.get(facts.contract_problem, "These rules cannot be used.")
        found.append(_deny(f"contract_{facts.contract_problem}", said))
    if facts.task_problem:
        found.append(_deny(facts.task_problem, _TASK.get(facts.task_problem, "This task cannot be used.")))
    if facts.bundle != bundle:
        found.append(_deny("stale_bundle", "The policies changed while this call was judged; send it again."))
    return tuple(found)


def _no_round(problem: str) -> Finding:
    return _deny(problem, _ROUND.get(problem, "This is no next round of a call."))


def _deny(code: str, reason: str) -> Finding:
    return Finding(gate=GATE, code=code, effect=Effect.DENY, reason=reason)
