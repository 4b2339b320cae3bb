"""From request to answer: allowed, refused, stopped on the way (DESIGN section 3)."""

import asyncio

import msgspec
import pytest

from callgate.flow.admin import Peer
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import Rates
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.event import Decided, Finished
from callgate.model.identity import Runtime
from callgate.model.store import Conflict, Reserve, Unit
from callgate.model.terms import HaltScope, RuntimeKind
from tests.fakes.house import REPOSITORY, disk_store, git_answers, open_house, run, said
from tests.fakes.stores import StillClock
from tests.fakes.upstream import tool_of

TASK_RULES = """
name = "ticket"
objective = "Work on a ticket."
team = "home"
owner = "ana"
max_tier = "execute"
domains = ["local-work"]
{more}
[[scopes]]
integration = "git"
tools = ["*"]
"""


def codes(answer) -> set[str]:
    return {finding.code for finding in answer.findings}


def test_an_allowed_read_is_decided_then_sent_then_finished_then_answered():
    async def check():
        house = await open_house()
        seen = []

        async def answer(request):
            seen.append([type(body).__name__ for body in await house.events()][-1])
            return git_answers(request)

        house.upstream.answer = answer
        answer = await house.status()
        assert isinstance(answer, Served), answer
        assert seen == ["Decided"]
        envelopes = [one for one in await house.envelopes() if one.data.call == answer.call_id]
        decided, finished = (one.data.body for one in envelopes)
        assert (decided.effect, finished.outcome) == ("allow", "ok")
        assert answer.events == tuple(one.id for one in envelopes)
        assert house.sent() == [{"repo_path": REPOSITORY}]
        assert not house.live.open_calls
        assert not await house.store.open_calls()

    run(check())


def test_what_is_sent_is_encoded_from_the_judged_arguments():
    async def check():
        house = await open_house()
        answer = await house.call("git_log", {"max_count": 12345678901234567890})
        assert isinstance(answer, Served), answer
        assert b'"max_count":12345678901234567890' in house.upstream.sent[-1].params
        assert house.upstream.sent[-1].name == "git_log"

    run(check())


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


def peer():
    return Peer(uid=1, pid=1)


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


# Between commit and send.


@pytest.mark.parametrize("what", ["halt", "revoke", "disable", "close", "bundle", "stage"])
def test_what_changes_between_commit_and_send_stops_the_call(what):
    async def check():
        house = await open_house(people=("ana", "ben"))
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="")))

        async def meanwhile(unit):
            if not any(isinstance(one.body, Decided) for one in unit.events):
                return
            house.store.after = None
            match what:
                case "halt":
                    await house.halt(HaltScope.INTEGRATION, "git")
                case "revoke":
                    await house.admin.revoke_token("cred-ana-codex", peer())
                case "disable":
                    await house.use_bundle(
                        roles=tuple(
                            msgspec.structs.replace(one, subjects=("ana", "ben")) for one in house.live.bundle.roles
                        )
                    )
                    await house.admin.disable_account(house.presence("ben"), "ana")
                case "close":
                    await house.admin.close_task(house.presence(), task)
                case "bundle":
                    await house.use_bundle(policies=())
                case "stage":
                    await house.use_bundle(stages=())

        house.store.after = meanwhile
        answer = await house.branch(named_tasks=(task,))
        assert isinstance(answer, Refused), answer
        assert house.sent() == []
        kinds = await house.events(call=answer.call_id)
        assert [type(body).__name__ for body in kinds] == ["Decided", "Decided", "Finished"]
        assert [body.effect for body in kinds[:2]] == ["allow", "deny"]
        assert kinds[2].outcome == "not_sent"
        assert not house.live.open_calls
        assert not await house.store.open_calls()

    run(check())


def test_a_change_that_does_not_concern_the_call_lets_it_through():
    async def check():
        house = await open_house()

        async def meanwhile(unit):
            house.store.after = None
            await house.halt(HaltScope.TOOL, "git/git_commit")

        house.store.after = meanwhile
        assert isinstance(await house.status(), Served)

    run(check())


# Retry.

RETRYING = "retry = { attempts = 3, backoff_ms = 1 }"


async def _retrying(house, fault, *, times):
    left = [times]

    def answer(request):
        if left[0]:
            left[0] -= 1
            return fault
        return git_answers(request)

    house.upstream.answer = answer
    return await house.open_task(await house.add_contract(TASK_RULES.format(more=RETRYING)))


def test_only_what_was_not_sent_is_retried():
    async def check():
        house = await open_house()
        task = await _retrying(house, UpstreamError("no", code="not_sent"), times=2)
        answer = await house.status(named_tasks=(task,))
        assert isinstance(answer, Served), answer
        assert len(house.sent()) == 3
        assert await house.kinds(answer.call_id) == ["Decided", "Finished"]

    run(check())


def test_retries_end():
    async def check():
        house = await open_house()
        task = await _retrying(house, UpstreamError("no", code="not_sent"), times=5)
        answer = await house.status(named_tasks=(task,))
        assert isinstance(answer, Failed), answer
        assert (answer.code, answer.unknown) == ("not_sent", False)
        assert len(house.sent()) == 3
        assert (await house.events("finished"))[-1].outcome == "not_sent"

    run(check())


@pytest.mark.parametrize(
    ("tool", "fault"),
    [
        ("git_status", OutcomeUnknown("lost")),
        ("git_status", UpstreamError("refused", code="rejected")),
        ("git_create_branch", UpstreamError("no", code="not_sent")),
        ("git_create_branch", OutcomeUnknown("lost")),
    ],
)
def test_nothing_else_is_retried(tool, fault):
    async def check():
        house = await open_house()
        task = await _retrying(house, fault, times=1)
        arguments = {"branch_name": "topic"} if tool == "git_create_branch" else {}
        answer = await house.call(tool, arguments, named_tasks=(task,))
        assert isinstance(answer, Failed), answer
        assert answer.unknown is isinstance(fault, OutcomeUnknown)
        assert len(house.sent()) == 1

    run(check())


def test_a_halt_bites_between_two_attempts():
    async def check():
        house = await open_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more=RETRYING)))

        async def answer(request):
            await house.halt(HaltScope.INTEGRATION, "git")
            return UpstreamError("no", code="not_sent")

        house.upstream.answer = answer
        await house.status(named_tasks=(task,))
        assert len(house.sent()) == 1

    run(check())


# What targets do.


@pytest.mark.parametrize(
    ("reply", "code", "outcome"),
    [
        (OutcomeUnknown("The connection was lost.", code="lost"), "outcome_unknown", "unknown"),
        (UpstreamError("none", code="not_sent"), "not_sent", "not_sent"),
        (UpstreamError("big", code="too_large"), "too_large", "too_large"),
        ([], "outcome_unknown", "unknown"),
        (b'"text"', "not_governed", "protocol_error"),
        (b"[]", "not_governed", "protocol_error"),
        (b"null", "not_governed", "protocol_error"),
        (b'{"content":[],"isError":"yes"}', "not_governed", "protocol_error"),
        ({"resultType": "input_required", "inputRequests": {}}, "not_governed", "protocol_error"),
        ({"resultType": "task", "task": {}}, "not_governed", "protocol_error"),
    ],
)
@pytest.mark.parametrize("tool", ["git_status", "git_create_branch"])
def test_every_bad_end_is_recorded_and_told(reply, code, outcome, tool):
    async def check():
        house = await open_house(answer=lambda request: reply)
        answer = await house.call(tool, {"branch_name": "x"} if tool == "git_create_branch" else {})
        assert isinstance(answer, Failed), answer
        assert answer.code == code
        kinds = await house.events(call=answer.call_id)
        if outcome == "unknown":
            assert [type(body).__name__ for body in kinds] == ["Decided", "CallUnknown"]
            assert house.doubts() == {answer.call_id}
            assert [call.unknown for call in await house.store.open_calls()] == [True]
        else:
            assert [type(body).__name__ for body in kinds] == ["Decided", "Finished"]
            assert kinds[1].outcome == outcome
            assert not house.live.open_calls
        assert answer.unknown is (outcome == "unknown")

    run(check())


@pytest.mark.parametrize("code", ["unauthorized", "forbidden", "rejected", "redirect", "rate_limited", "session_gone"])
def test_a_refusal_by_the_target_is_not_called_unsent(code):
    async def check():
        house = await open_house(answer=lambda request: UpstreamError("It said no.", code=code))
        answer = await house.branch()
        assert isinstance(answer, Failed)
        assert (await house.events("finished"))[-1].outcome == "protocol_error"
        assert "Nothing was sent" not in answer.next

    run(check())


def test_garbage_in_the_content_does_not_break_the_call():
    async def check():
        bad = b'{"content":[{"type":"text","text":"\\ud800"},{"type":7}],"structuredContent":[1e999]}'
        house = await open_house(answer=lambda request: bad)
        for tool, arguments in (("git_status", {}), ("git_create_branch", {"branch_name": "x"})):
            answer = await house.call(tool, arguments)
            assert await house.kinds(answer.call_id) in (["Decided", "Finished"], ["Decided", "CallUnknown"])
        assert not [call for call in house.live.open_calls.values() if not call.unknown]

    run(check())


def test_a_tool_error_is_served_as_it_is():
    async def check():
        house = await open_house(answer=lambda request: said("It broke", isError=True))
        answer = await house.branch()
        assert isinstance(answer, Served)
        assert (await house.events("finished"))[-1].outcome == "tool_error"
        house.upstream.answer = lambda request: [{"error": {"code": -32000, "message": "no"}}]
        answer = await house.branch("other")
        assert isinstance(answer, Served)
        assert answer.error
        assert (await house.events("finished"))[-1].outcome == "protocol_error"

    run(check())


def test_requests_of_the_server_are_refused_and_its_answer_still_counts():
    async def check():
        sampling = {"id": "s-1", "method": "sampling/createMessage", "params": {}}
        house = await open_house(answer=lambda request: [sampling, {"result": said()}])
        answer = await house.branch()
        assert isinstance(answer, Served), answer
        (told,) = house.upstream.exchanges[-1].answers
        assert msgspec.json.decode(told) == {
            "jsonrpc": "2.0",
            "id": "s-1",
            "error": {"code": -32601, "message": "This gate does not pass server requests to the assistant."},
        }

    run(check())


def test_a_server_that_cannot_be_answered_does_not_make_the_call_unsent():
    async def check():
        sampling = {"id": "s-1", "method": "sampling/createMessage", "params": {}}
        house = await open_house(answer=lambda request: [sampling, {"result": said()}])

        async def closed(message):
            raise UpstreamError("The integration is closed; nothing was sent.", code="closed")

        opening = house.upstream.open

        async def opened(request, *permitted):
            exchange = await opening(request, *permitted)
            exchange.answer = closed
            return exchange

        house.upstream.open = opened
        answer = await house.branch()
        assert isinstance(answer, Served), answer
        assert (await house.events("finished"))[-1].outcome == "ok"

    run(check())


def test_progress_is_relayed_and_the_deadline_is_the_contracts():
    async def check():
        step = {"method": "notifications/progress", "params": {"progress": 1}}
        house = await open_house(answer=lambda request: [step, step, {"result": said()}])
        relayed = []
        answer = await house.gatehouse.call(house.request("git_status", progress=True), relayed.append)
        assert isinstance(answer, Served)
        assert len(relayed) == 2
        assert 0 < house.upstream.sent[-1].deadline_ms <= 60_000
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="call_timeout_ms = 5000")))
        await house.status(named_tasks=(task,))
        assert house.upstream.sent[-1].deadline_ms == 5_000

    run(check())


def test_a_call_that_takes_too_long_is_in_doubt():
    async def check():
        house = await open_house(answer=lambda request: None)
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="call_timeout_ms = 200")))
        answer = await house.branch(named_tasks=(task,))
        assert isinstance(answer, Failed)
        assert answer.unknown
        assert house.doubts() == {answer.call_id}

    run(check())


# Cancel.


async def _cancelled(house, when, **more):
    """Start a branch, wait for ``when`` (an Event), cancel it as a client that leaves does."""
    task = asyncio.create_task(house.branch(**more))
    async with asyncio.timeout(10):
        await when.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await house.rooms.runner.drain()


def test_cancel_before_the_send_executes_nothing():
    async def check():
        house = await open_house()
        deciding, go = asyncio.Event(), asyncio.Event()

        async def slow(unit):
            house.store.before = None
            deciding.set()
            await go.wait()

        house.store.before = slow
        task = asyncio.create_task(house.branch())
        await deciding.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await house.rooms.runner.drain()
        assert house.sent() == []
        bodies = await house.events()
        assert isinstance(bodies[-1], Finished)
        assert bodies[-1].outcome == "not_sent"
        assert not house.live.open_calls

    run(check())


def test_cancel_while_the_exchange_opens_reaches_the_server():
    async def check():
        house = await open_house(answer=lambda request: None)
        opening, go = asyncio.Event(), asyncio.Event()
        really = house.upstream.open

        async def slow(request, *permitted):
            opening.set()
            await go.wait()
            return await really(request, *permitted)

        house.upstream.open = slow
        task = asyncio.create_task(house.branch())
        await opening.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        async with asyncio.timeout(10):
            await house.rooms.runner.drain()
        assert house.sent() == [] or house.upstream.cancelled

    run(check())


def test_cancel_after_the_send_tells_the_server_and_is_in_doubt():
    async def check():
        sent = asyncio.Event()

        async def never(request):
            sent.set()
            await asyncio.Event().wait()

        house = await open_house(answer=never)
        await _cancelled(house, sent)
        assert len(house.upstream.cancelled) == 1
        unknown = (await house.events("unknown"))[-1]
        assert unknown.reason == "cancelled"
        assert len(house.doubts()) == 1

    run(check())


def test_an_answer_in_the_two_seconds_after_a_cancel_is_the_outcome():
    async def check():
        sent = asyncio.Event()
        house = await open_house()

        async def late(request):
            sent.set()
            while not house.upstream.cancelled:
                await asyncio.sleep(0)
            return git_answers(request)

        house.upstream.answer = late
        await _cancelled(house, sent)
        assert (await house.events())[-1].outcome == "ok"
        assert not house.doubts()

    run(check())


def test_a_call_of_a_client_that_left_still_ends_in_the_ledger():
    async def check():
        house = await open_house()
        for _ in range(20):
            task = asyncio.create_task(house.branch())
            for _ in range(3):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await house.rooms.runner.drain()
        calls = [one.data.call for one in await house.envelopes("decided")]
        for call in calls:
            assert (await house.kinds(call))[-1] in ("Finished", "CallUnknown"), call
        assert not [call for call in house.live.open_calls.values() if not call.unknown]

    run(check())


def test_a_closing_gate_lets_nothing_in():
    async def check():
        house = await open_house()
        house.gatehouse.closing = True
        answer = await house.status()
        assert isinstance(answer, Failed)
        assert answer.code == "closing"
        assert house.sent() == []

    run(check())


# Rates.


def test_never_more_than_the_limit_of_a_minute_is_executed():
    async def check():
        house = await open_house(rates=Rates(initiator=10))
        answers = await asyncio.gather(*(house.status() for _ in range(40)))
        served = [answer for answer in answers if isinstance(answer, Served)]
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert (len(served), len(refused), len(house.sent())) == (10, 30, 10)
        assert all(codes(answer) == {"rate_limited"} and answer.retry_after_ms > 0 for answer in refused)
        minute = house.clock.ms // 60_000
        names = {guard.counter for unit in house.store.units for guard in unit.guards if hasattr(guard, "counter")}
        (counter,) = (name for name in names if name.startswith("rate:initiator:") and name.endswith(f":{minute}"))
        assert await house.store.counter(counter) == 10
        house.clock.forward(60_000)
        assert isinstance(await house.status(), Served)

    run(check())


def test_kinds_of_runtimes_have_limits_of_their_own():
    async def check():
        house = await open_house(rates=Rates(initiator=0, kinds=((RuntimeKind.ATTENDED, 3),)))
        answers = await asyncio.gather(*(house.status() for _ in range(5)))
        assert sum(isinstance(answer, Served) for answer in answers) == 3

    run(check())


def test_a_denied_call_uses_nothing_up():
    async def check():
        house = await open_house(rates=Rates(initiator=2))
        for _ in range(5):
            assert isinstance(await house.call("git_nothing"), Refused)
        assert isinstance(await house.status(), Served)
        assert isinstance(await house.status(), Served)
        assert isinstance(await house.status(), Refused)

    run(check())


def test_a_task_has_its_number_of_calls():
    async def check():
        house = await open_house()
        task = await house.open_task(await house.add_contract(TASK_RULES.format(more="max_calls = 3")))
        answers = await asyncio.gather(*(house.branch(f"b{n}", named_tasks=(task,)) for n in range(6)))
        assert sum(isinstance(answer, Served) for answer in answers) == 3
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        assert all("calls_used_up" in codes(answer) for answer in refused)
        assert (await house.admin.task(task)).calls == 3
        assert len(house.sent()) == 3

    run(check())


def test_a_name_whose_unit_was_refused_is_stored_with_the_next():
    async def check():
        house = await open_house(rates=Rates(initiator=1), people=("ana", "ben"))
        minute = house.clock.ms // 60_000
        person = house.rooms.tenancy.sealer.pseudonym("person", "http://127.0.0.1:8700|ben")
        await house.rooms.tenancy.write(
            Unit(guards=(Reserve(f"rate:initiator:{person}:{minute}", 1, 1, (minute + 2) * 60_000),))
        )
        answer = await house.status(credential=house.credential("ben"))
        assert isinstance(answer, Refused)
        assert await house.store.name(person) is not None

    run(check())


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_both_stores_carry_the_flow(kind, tmp_path):
    async def check():
        clock = StillClock()
        house = await open_house(disk_store(tmp_path / "s", clock) if kind == "disk" else None, clock=clock)
        assert isinstance(await house.status(), Served)
        pending = await house.commit()
        assert isinstance(pending, Pending), pending
        await house.approve(pending.hold)
        done = await house.rooms.holds.answer(pending.hold)
        assert isinstance(done, Served)
        assert len(house.sent("git_commit")) == 1
        assert await house.kinds(pending.call_id) == ["Decided", "Asked", "Voted", "Decided", "Finished"]
        await house.store.close()

    run(check())


def test_the_tool_of_a_pin_read_is_never_the_call_itself():
    async def check():
        house = await open_house()
        await house.commit()
        assert {tool_of(one) for one in house.upstream.sent} == {"git_log", "git_status", "git_diff_staged"}

    run(check())


def test_what_a_client_calls_its_protocol_does_not_reach_a_bridged_server():
    async def check():
        house = await open_house()
        assert isinstance(await house.status(protocol="2026-07-28", progress=True), Served)
        sent = msgspec.json.decode(house.upstream.sent[-1].params)
        assert list(sent["_meta"]) == ["progressToken"]

    run(check())


def test_counters_that_others_change_three_times_deny():
    async def check():
        house = await open_house()
        really = house.store.commit

        async def contended(unit):
            if unit.guards:
                return Conflict(which="row:other", found=1)
            return await really(unit)

        house.store.commit = contended
        answer = await house.status()
        assert isinstance(answer, Refused), answer
        assert "contended" in codes(answer)
        assert house.sent() == []
        assert [body.effect for body in await house.events(call=answer.call_id)] == ["deny"]
        assert not house.live.open_calls

    run(check())
