"""From request to answer: allowed, refused, stopped on the way (DESIGN section 3)."""

import asyncio

import msgspec
import pytest

from callgate.flow.admin import Peer
from callgate.model.answer import Pending, Refused, Served
from callgate.model.bundle import Rates
from callgate.model.event import Decided
from callgate.model.store import Conflict, Reserve, Unit
from callgate.model.terms import HaltScope, RuntimeKind
from tests.fakes.house import REPOSITORY, TASK_RULES, codes, disk_store, git_answers, open_house, run
from tests.fakes.stores import StillClock
from tests.fakes.upstream import tool_of


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


def peer():
    return Peer(uid=1, pid=1)


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
        assert {answer.retry_after_ms for answer in refused} == {0}
        assert all("a new task" in answer.next for answer in refused)
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
