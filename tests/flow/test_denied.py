"""What is denied before anything is sent, and how denials are recorded."""

import pytest

from callgate.model.answer import Failed, Refused, Served
from callgate.model.identity import Runtime
from callgate.model.terms import HaltScope, RuntimeKind
from tests.fakes.house import REPOSITORY, TASK_RULES, codes, open_house, run
from tests.flow.test_run import peer


async def _other_runtime(house):
    return {"credential": house.credential(runtime="stranger")}


async def _expired(house):
    return {"credential": house.credential(expires_ms=house.clock.ms)}


async def _not_this_integration(house):
    return {"credential": house.credential(integrations=("mail",))}


async def _revoked(house):
    await house.admin.revoke_token("cred-ana-codex", peer())
    return {}


async def _halted(house):
    await house.halt(HaltScope.TOOL, "git/git_status")
    return {}


async def _unknown_task(house):
    return {"named_tasks": ("task-none",)}


async def _two_tasks(house):
    return {"named_tasks": ("task-a", "task-b")}


async def _closed_task(house):
    task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
    await house.admin.close_task(house.presence(), task)
    return {"named_tasks": (task,)}


async def _foreign_task(house):
    task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
    return {"named_tasks": (task,), "credential": house.credential("ben")}


async def _late_task(house):
    task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")), minutes=1)
    house.clock.forward(60_000)
    return {"named_tasks": (task,)}


async def _wider_task(house):
    narrow = await house.open_task(await house.add_contract(TASK_RULES.format(more="").replace("execute", "read")))
    wide = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))
    return {"named_tasks": (wide,), "credential": house.credential(task=narrow)}


async def _bad_schema(house):
    return {"arguments": {"repo_path": 7}}


async def _undeclared(house):
    return {"arguments": {"repo_path": REPOSITORY, "force": True}}


@pytest.mark.parametrize(
    ("arrange", "code"),
    [
        (_expired, "credential_expired"),
        (_revoked, "credential_revoked"),
        (_not_this_integration, "credential_not_this_integration"),
        (_halted, "halted"),
        (_unknown_task, "unknown_task"),
        (_two_tasks, "task_conflict"),
        (_closed_task, "closed_task"),
        (_foreign_task, "foreign_task"),
        (_late_task, "task_over"),
        (_wider_task, "wider_task"),
        (_bad_schema, "schema"),
        (_undeclared, "undeclared"),
    ],
)
def test_a_denied_call_is_recorded_and_not_executed(arrange, code):
    async def check():
        house = await open_house(people=("ana", "ben"))
        changed = await arrange(house)
        answer = await house.gatehouse.call(house.request("git_status", **changed), lambda _: None)
        assert isinstance(answer, Refused), answer
        assert any(code in found for found in codes(answer)), codes(answer)
        assert answer.next
        assert house.sent() == []
        assert await house.kinds(answer.call_id) == ["Decided"]
        decided = (await house.events(call=answer.call_id))[0]
        assert decided.effect == "deny"
        assert any(finding.effect == "deny" for finding in decided.findings)
        assert not house.live.open_calls

    run(check())


def test_an_unknown_tool_is_refused_and_recorded():
    async def check():
        house = await open_house()
        answer = await house.call("git_nothing")
        assert isinstance(answer, Refused)
        assert await house.kinds(answer.call_id) == ["Decided"]
        assert house.sent() == []

    run(check())


def test_an_unknown_integration_is_a_failure_that_sends_nothing():
    async def check():
        house = await open_house()
        answer = await house.call("git_status", integration="mail")
        assert isinstance(answer, Failed)
        assert (answer.code, answer.unknown) == ("unknown_integration", False)

    run(check())


def test_the_read_stage_records_writes_and_runs_reads():
    async def check():
        house = await open_house(stages=(("git", "read"),))
        assert isinstance(await house.status(), Served)
        answer = await house.branch()
        assert isinstance(answer, Refused)
        assert codes(answer) == {"read_stage"}
        assert "recorded and not executed" in answer.findings[0].reason
        assert await house.kinds(answer.call_id) == ["Decided"]
        assert house.sent("git_create_branch") == []

    run(check())


def test_an_integration_without_a_stage_is_at_read():
    async def check():
        house = await open_house(stages=())
        answer = await house.branch()
        assert isinstance(answer, Refused)
        assert codes(answer) == {"read_stage"}

    run(check())


def test_unattended_runtimes_do_not_execute():
    async def check():
        robot = Runtime(id="robot", kind=RuntimeKind.UNATTENDED)
        house = await open_house()
        await house.use_bundle(runtimes=(*house.live.bundle.runtimes, robot))
        answer = await house.commit(credential=house.credential(runtime="robot"))
        assert isinstance(answer, Refused), answer
        assert house.sent() == []

    run(check())


def test_a_tool_that_was_never_confirmed_is_not_executed():
    async def check():
        house = await open_house()
        connected = house.live.connected["git"]
        connected.pin = None
        answer = await house.status()
        assert isinstance(answer, Refused), answer
        assert house.sent() == []

    run(check())


def test_repeated_denials_are_counted_and_not_recorded():
    async def check():
        house = await open_house()
        answers = [await house.call("git_nothing") for _ in range(75)]
        assert all(isinstance(answer, Refused) for answer in answers)
        assert len([body for body in await house.events("decided") if body.effect == "deny"]) == 60
        assert isinstance(await house.status(), Served)
        await house.rooms.runner.flush()
        counted = await house.events("denials_counted")
        assert [body.count for body in counted] == [15]
        house.clock.forward(60_000)
        again = await house.call("git_nothing")
        assert await house.kinds(again.call_id) == ["Decided"]

    run(check())


def test_denials_that_could_not_be_written_are_counted_later():
    async def check():
        house = await open_house()
        for _ in range(62):
            await house.call("git_nothing")
        house.store.fail_from_now(0)
        with pytest.raises(Exception, match="full"):
            await house.rooms.runner.flush()
        await house.rooms.runner.flush()
        assert [body.count for body in await house.events("denials_counted")] == [2]

    run(check())
