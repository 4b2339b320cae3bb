"""What a caller and a person are told to do next is what helps."""

import msgspec
import pytest

from callgate.flow.narrate import sentence_of
from callgate.model.answer import Failed, Refused, Served
from callgate.model.errors import UpstreamError
from callgate.model.event import DriftSeen
from tests.fakes.events import sample
from tests.fakes.house import ALL_ROLES, open_house, run


def test_an_unknown_tool_is_answered_with_the_list_whatever_else_stops_it():
    async def check():
        house = await open_house(stages=())
        answer = await house.call("git_nothing")
        assert isinstance(answer, Refused)
        assert {"unknown_tool", "read_stage"} <= {finding.code for finding in answer.findings}
        assert "list of tools" in answer.next
        assert "reading" not in answer.next

    run(check())


def test_a_name_that_is_kept_away_is_answered_with_what_would_bring_it_back():
    async def check():
        house = await open_house(stages=())
        house.upstream.tools.append({"name": "callgate_call", "inputSchema": {"type": "object"}})
        found = await house.admin.definition_changes("git")
        await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "git", found.seen, ())
        answer = await house.call("callgate_call")
        assert isinstance(answer, Refused)
        assert "quarantined" in {finding.code for finding in answer.findings}
        assert "another name" in answer.next

    run(check())


def test_a_decision_that_waits_names_its_hold_until_it_is_over():
    async def check():
        house = await open_house()
        pending = await house.commit()
        assert (await house.admin.explain(pending.hold)).next == f"callgate holds show {pending.hold}"
        await house.approve(pending.hold)
        assert (await house.admin.explain(pending.call_id)).next == ""

    run(check())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tools": ("a", "b")}, "notes changed: 2 held"),
        ({"noted": ("a",)}, "notes changed: 1 noted"),
        ({"newer": ("a",), "new": ("b", "c")}, "notes changed: 1 kept in force, 2 new"),
        ({}, "notes changed"),
    ],
)
def test_a_change_is_told_by_what_it_can_do(fields, said):
    empty = {"tools": (), "noted": (), "newer": (), "new": ()}
    body = msgspec.structs.replace(sample(DriftSeen), integration="notes", **(empty | fields))
    assert sentence_of(body, "", {}) == said


def test_a_store_that_took_nothing_is_the_first_warning_and_a_failed_check():
    async def check():
        house = await open_house()
        assert "store" not in {one.code for one in (await house.admin.status()).warnings}
        house.store.fail.add(len(house.store.units))
        assert isinstance(await house.status(), Failed)
        assert (await house.admin.status()).warnings[0].code == "store"
        assert ("store", "fail") in {(one.code, one.state) for one in await house.admin.doctor()}
        assert isinstance(await house.status(), Served)
        assert "store" not in {one.code for one in (await house.admin.status()).warnings}

    run(check())


def test_of_a_server_that_is_gone_the_doctor_names_the_command_that_says_why(monkeypatch):
    async def gone():
        raise UpstreamError("It could not be reached.", code="not_sent") from ConnectionRefusedError()

    async def check():
        house = await open_house()
        monkeypatch.setattr(house.upstream, "discover", gone)
        house.upstream.state = "backoff"
        (found,) = [one for one in await house.admin.doctor() if one.code == "integration"]
        assert (found.state, found.todo) == ("warn", "See why: callgate integrations refresh git")
        assert "does not answer" in found.text
        for asked in (house.admin.refresh_integration, house.admin.definition_changes):
            with pytest.raises(UpstreamError, match="could not be reached") as fault:
                await asked("git")
            assert "Run the command by hand" in fault.value.hint

    run(check())
