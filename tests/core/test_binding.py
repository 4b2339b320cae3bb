"""The precedence of DESIGN section 5, "Binding", case by case."""

import pytest

from callgate.core.binding import Binding, bind, contract_problem, task_problem
from callgate.model.contract import Scope
from callgate.model.terms import TaskState, Tier
from tests.fakes.catalog import contract, task

EVERYDAY = contract(name="everyday")
WIDE = contract(name="wide", everyday=False)
NARROW = contract(name="narrow", everyday=False, max_tier=Tier.READ)
OTHER = contract(name="other", everyday=False, scopes=(Scope(integration="mail"),))
TEMPLATE = contract(name="template", everyday=False, parameters=("x",), objective="{x}")
BENS = contract(name="bens", everyday=False, initiators=("ben",))
CURSORS = contract(name="cursors", everyday=False, runtimes=("cursor",))
CONTRACTS = {c.id: c for c in (EVERYDAY, WIDE, NARROW, OTHER, TEMPLATE, BENS, CURSORS)}
TASKS = {
    t.id: t
    for t in (
        task(WIDE, id="wide"),
        task(WIDE, id="wide2"),
        task(NARROW, id="narrow"),
        task(OTHER, id="other"),
        task(NARROW, id="closed", state=TaskState.CLOSED),
        task(NARROW, id="over", deadline_ms=1000),
        task(NARROW, id="bens", initiator="ben"),
        task(NARROW, id="elsewhere", issuer="https://other.example"),
        task(NARROW, id="cursors", runtime="cursor"),
        task(NARROW, id="any", runtime="*"),
        task("c-gone", id="gone"),
        task(TEMPLATE, id="template"),
        task(BENS, id="rules-of-ben"),
        task(CURSORS, id="rules-for-cursor"),
    )
}


def bound(token="", named=(), control="", everyday=EVERYDAY.id, now_ms=1000):
    return bind(
        token, named, control, TASKS.get, everyday,
        issuer="https://gate.example", initiator="ana", runtime="codex", now_ms=now_ms, contracts=CONTRACTS.get,
    )  # fmt: skip


def test_no_task_at_all_is_the_everyday_contract():
    assert bound() == Binding(contract=EVERYDAY.id)
    assert bound(named=("",)) == Binding(contract=EVERYDAY.id)


def test_without_everyday_rules_there_is_no_contract():
    assert bound(everyday="") == Binding(contract_problem="unknown")
    assert bound(everyday="c-gone").contract_problem == "unknown"
    assert bound(everyday=WIDE.id).contract_problem == "unknown"


@pytest.mark.parametrize(
    ("token", "named", "control", "task_id"),
    [
        ("wide", (), "", "wide"),
        ("wide", ("wide",), "wide", "wide"),
        ("wide", ("narrow",), "", "narrow"),
        ("wide", (), "narrow", "narrow"),
        ("wide", ("wide2",), "narrow", "narrow"),
        ("", ("wide",), "", "wide"),
        ("", ("wide", "wide"), "", "wide"),
        ("", (), "narrow", "narrow"),
        ("", ("wide",), "narrow", "narrow"),
        ("", ("any",), "", "any"),
    ],
)
def test_the_narrowest_that_was_named(token, named, control, task_id):
    assert bound(token, named, control) == Binding(contract=TASKS[task_id].contract, task=task_id)


@pytest.mark.parametrize(
    ("token", "named", "control", "problem"),
    [
        ("narrow", ("wide",), "", "wider_task"),
        ("narrow", (), "wide", "wider_task"),
        ("narrow", ("other",), "", "wider_task"),
        ("wide", ("narrow",), "wide2", "wider_task"),
        ("wide", ("gone",), "", "wider_task"),
        ("", ("narrow",), "wide", "task_conflict"),
        ("", ("narrow",), "other", "task_conflict"),
        ("", ("wide", "narrow"), "", "task_conflict"),
        ("wide", ("wide", "narrow"), "", "task_conflict"),
        ("", ("garbage",), "", "unknown_task"),
        ("wide", ("garbage",), "", "unknown_task"),
        ("wide", (), "garbage", "unknown_task"),
        ("garbage", ("wide",), "", "unknown_task"),
        ("", ("closed",), "", "closed_task"),
        ("closed", (), "", "closed_task"),
        ("closed", ("narrow",), "", "closed_task"),
        ("over", ("narrow",), "", "task_over"),
        ("", (), "over", "task_over"),
        ("", ("bens",), "", "foreign_task"),
        ("", ("elsewhere",), "", "foreign_task"),
        ("", ("cursors",), "", "foreign_task"),
    ],
)
def test_what_is_named_and_bad_never_falls_back(token, named, control, problem):
    assert bound(token, named, control) == Binding(problem=problem)


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("gone", "unknown"),
        ("template", "is_template"),
        ("rules-of-ben", "not_yours"),
        ("rules-for-cursor", "not_this_runtime"),
    ],
)
def test_a_task_whose_contract_cannot_be_used(named, problem):
    assert bound(named=(named,)).contract_problem == problem


def test_a_narrowing_task_ends_with_the_one_it_narrows():
    """The token's task is looked at too, so a narrower task with a later deadline does not outlive it."""
    TASKS_LATER = {**TASKS, "later": task(NARROW, id="later", deadline_ms=99_000)}
    found = bind(
        "wide", ("later",), "", TASKS_LATER.get, EVERYDAY.id,
        issuer="https://gate.example", initiator="ana", runtime="codex", now_ms=10_000, contracts=CONTRACTS.get,
    )  # fmt: skip
    assert found == Binding(problem="task_over")


def test_problems_alone():
    assert task_problem(None, "", "", "", 0) == "unknown_task"
    assert contract_problem(None, "ana", "codex") == "unknown"
    assert contract_problem(WIDE, "ana", "codex") == ""
