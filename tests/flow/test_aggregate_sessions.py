"""Sessions with servers of calls that came by the endpoint for everything: whose they are, when they open and end."""

import asyncio
from typing import Any

import pytest

from callgate.flow.admin import Peer
from callgate.flow.serving import EVERYTHING
from callgate.flow.sessions import IDLE_MS, MOST
from callgate.model.answer import Failed, Pending, Served
from callgate.model.errors import OutcomeUnknown, UpstreamError
from callgate.model.event import Finished
from callgate.model.terms import Outcome
from tests.fakes.house import OTHER_UID, House, git_answers, open_house, run
from tests.flow.test_aggregate import connected, consented, everywhere, rules, wide_house


def keep_state(house: House, name: str = "web") -> None:
    """As if no verified manifest said that the server keeps none."""
    house.live.connected[name].stateful = True


def test_one_session_for_all_of_a_server_that_keeps_no_state() -> None:
    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        for subject in ("ana", "ben"):
            await everywhere(house, "web__git_status", credential=house.credential(subject), session=f"s-{subject}")
        assert [sent.session for sent in web.sent] == ["session-1", "session-1"]

    run(test())


def test_a_server_that_may_keep_state_never_sees_two_callers_in_one_session() -> None:
    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        keep_state(house)
        task = await house.open_task(await consented(house, rules("web", everyday=False, name="work")))
        other = await house.open_task(await consented(house, rules("web", everyday=False, name="more")))
        callers: list[dict[str, Any]] = [
            {"session": "one"},
            {"session": "two"},
            {"credential": house.credential("ben"), "session": "one"},
            {"credential": house.credential(runtime="claude-code"), "session": "one"},
            {"named_tasks": (task,), "session": "one"},
            {"named_tasks": (other,), "session": "one"},
        ]
        for caller in (*callers, *callers):
            assert isinstance(await everywhere(house, "web__git_status", **caller), Served)
        used = [sent.session for sent in web.sent]
        assert len(set(used[: len(callers)])) == len(callers)
        assert used[len(callers) :] == used[: len(callers)]
        assert len(web.opened) == len(callers)

    run(test())


def test_who_opens_many_sessions_takes_none_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callgate.flow.sessions.MOST", 6)
    monkeypatch.setattr("callgate.flow.sessions.MOST_OF_ONE", 3)

    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        keep_state(house)
        ben = {"credential": house.credential("ben"), "session": "mine"}
        await everywhere(house, "web__git_status", **ben)
        for number in range(12):
            house.clock.ms += 1
            assert isinstance(await everywhere(house, "web__git_status", session=f"s-{number}"), Served)
            assert len(house.rooms.sessions) <= 4
        await everywhere(house, "web__git_status", **ben)
        assert web.sent[0].session == web.sent[-1].session

    run(test())


def test_the_task_and_not_the_clients_session_tells_sessions_apart() -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        task = await house.open_task(await consented(house, rules("web", everyday=False, name="work")))
        for session in ("one", "two"):
            await everywhere(house, "web__git_status", named_tasks=(task,), session=session)
        assert len(web.opened) == 1
        await house.admin.close_task(house.presence(), task)
        house.rooms.sessions.sweep()
        await house.rooms.sessions.close()
        assert web.ended == ["session-1"]

    run(test())


def test_calls_at_once_open_one_session() -> None:
    async def test() -> None:
        house, web = await wide_house()
        await asyncio.gather(*(everywhere(house, "web__git_status") for _ in range(8)))
        assert len(web.opened) == 1
        assert len(web.sent) == 8

    run(test())


def test_an_approved_call_runs_in_the_gates_own_session() -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        answer = await everywhere(house, "web__git_commit", arguments={"repo_path": "/srv/app", "message": "m"})
        assert isinstance(answer, Pending)
        await house.approve(answer.hold)
        commit = [sent for sent in web.sent if sent.name == "git_commit"]
        assert [sent.protocol for sent in commit] == ["2025-11-25"]
        assert all(sent.session for sent in web.sent)

    run(test())


def test_a_stateless_server_gets_no_session() -> None:
    async def test() -> None:
        house = await open_house()
        new = await connected(house, "new", eras=("2026-07-28",))
        await consented(house, rules("git", "new"))
        assert isinstance(await everywhere(house, "new__git_status"), Served)
        assert [(sent.protocol, sent.session) for sent in new.sent] == [("2026-07-28", "")]
        assert not new.opened

    run(test())


def test_a_session_that_is_gone_is_opened_again_for_the_next_call_and_nothing_is_sent_twice() -> None:
    async def test() -> None:
        house, web = await wide_house()
        web.answer = lambda _: UpstreamError("The server does not know this session any more.", code="session_gone")
        answer = await everywhere(house, "web__git_status")
        assert isinstance(answer, Failed)
        assert answer.code == "session_gone"
        assert "Call again" in answer.next
        assert len(web.sent) == 1
        web.answer = git_answers
        assert isinstance(await everywhere(house, "web__git_status"), Served)
        assert [sent.session for sent in web.sent] == ["session-1", "session-2"]

    run(test())


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OutcomeUnknown("The request was sent and no usable answer was seen."), "not_sent"),
        (UpstreamError("The server refused the gate's credential.", code="unauthorized"), "no_session"),
        (UpstreamError("The server could not be reached; nothing was sent.", code="not_sent"), "not_sent"),
    ],
)
def test_a_session_that_cannot_be_opened_means_that_nothing_was_sent(fault: UpstreamError, code: str) -> None:
    async def test() -> None:
        house, web = await wide_house()

        async def refused(params: bytes, protocol: str) -> Any:
            raise fault

        web.initialize = refused  # type: ignore[method-assign]
        answer = await everywhere(house, "web__git_status")
        assert isinstance(answer, Failed)
        assert (answer.code, answer.unknown) == (code, False)
        assert not web.sent
        (finished,) = [one for one in await house.events() if isinstance(one, Finished)]
        assert finished.outcome == Outcome.NOT_SENT
        assert not house.doubts()

    run(test())


def test_a_session_that_does_not_open_in_time_takes_no_more_than_the_calls_own() -> None:
    async def test() -> None:
        house, web = await wide_house()

        async def never(params: bytes, protocol: str) -> Any:
            await asyncio.Event().wait()

        web.initialize = never  # type: ignore[method-assign]
        await consented(house, rules("git", "web", name="hasty", more="call_timeout_ms = 1000"))
        answer = await everywhere(house, "web__git_status")
        assert isinstance(answer, Failed)
        assert (answer.code, answer.unknown) == ("not_sent", False)
        assert not web.sent

    run(test())


def test_sessions_end_when_nobody_uses_them() -> None:
    async def test() -> None:
        house, web = await wide_house(people=("ana", "ben"))
        keep_state(house)
        sessions = house.rooms.sessions
        await everywhere(house, "web__git_status", session="one")
        await everywhere(house, "web__git_status", credential=house.credential("ben"), session="two")
        await house.gatehouse.end_session(house.credential(), EVERYTHING, "two")
        assert len(sessions) == 2
        await house.gatehouse.end_session(house.credential(), EVERYTHING, "one")
        assert len(sessions) == 1
        sessions.sweep()
        assert len(sessions) == 1
        house.clock.ms += IDLE_MS
        sessions.sweep()
        await sessions.close()
        assert sorted(web.ended) == ["session-1", "session-2"]

    run(test())


def test_a_revoked_login_keeps_no_session() -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        await everywhere(house, "web__git_status")
        house.rooms.sessions.sweep()
        assert len(house.rooms.sessions) == 1
        await house.admin.revoke_token("cred-ana-codex", Peer(uid=OTHER_UID, pid=1))
        house.rooms.sessions.sweep()
        await house.rooms.sessions.close()
        assert web.ended == ["session-1"]

    run(test())


def test_the_number_of_sessions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        house, web = await wide_house()
        keep_state(house)
        for number in range(4):
            house.clock.ms += 1
            assert isinstance(await everywhere(house, "web__git_status", session=f"s{number}"), Served)
        assert len(house.rooms.sessions) == 2
        await house.rooms.sessions.close()
        assert web.ended[:2] == ["session-1", "session-2"]

    assert MOST > 2
    monkeypatch.setattr("callgate.flow.sessions.MOST", 2)
    run(test())
