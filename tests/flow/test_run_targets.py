"""What targets do: lost replies, errors, garbage, requests of their own, retries and time."""

import msgspec
import pytest

from callgate.model.answer import Failed, Served
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.terms import HaltScope
from tests.fakes.house import TASK_RULES, git_answers, open_house, run, said

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
