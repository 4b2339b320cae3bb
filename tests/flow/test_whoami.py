"""Whose account a target sees: asked as the manifest says, recorded, and held to."""

import json

import pytest

from callgate.flow.admin import ToolRuling
from callgate.flow.connect import reconnect
from callgate.flow.rows import noun
from callgate.flow.whoami import look_for_account
from callgate.model.answer import Pending, Refused, Served
from callgate.model.errors import InputError, UpstreamError
from callgate.model.event import ActorSeen, Decided
from callgate.model.store import Kind
from callgate.model.terms import Role
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, run, said
from tests.fakes.upstream import FakeUpstream, tool_of
from tests.flow.test_confining import answers, ask, notes_house


class Whose:
    """Answers of a server whose account can be another one by now. None: it is away."""

    def __init__(self, account):
        self.account = account

    def __call__(self, request):
        if tool_of(request) != "me":
            return answers(request)
        if self.account is None:
            raise UpstreamError("away", code="not_sent")
        return self.account if isinstance(self.account, dict) else said(json.dumps({"account": {"name": self.account}}))


async def house_of(account):
    """A house with the server, and whose account it says."""
    whose = Whose(account)
    return await notes_house(answer=whose), whose


async def house_of_another():
    """Confirmed as octo-ana's, and by now octo-ben's."""
    house, whose = await house_of("octo-ana")
    whose.account = "octo-ben"
    return house


async def look(house):
    await look_for_account(house.rooms.tenancy, "tracker")


async def seen(house):
    return [body for body in await house.events() if isinstance(body, ActorSeen)]


async def confirm(house, digest=""):
    if not digest:
        digest = (await house.admin.refresh_integration("tracker")).digest
    return await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "tracker", digest)


def test_it_is_asked_when_an_integration_is_confirmed_and_stands_in_each_decision():
    async def check():
        house, _ = await house_of("octo-ana")
        (first,) = await seen(house)
        assert (first.change, first.integration) == ("first", "tracker")
        assert house.live.pins["tracker"].account == "octo-ana"
        (view,) = [one for one in await house.admin.integrations() if one.name == "tracker"]
        assert (view.actor, view.account_problem) == ("octo-ana", "")
        assert isinstance(await ask(house, "get_note", note="1"), Served)
        decided = [one for one in await house.envelopes() if isinstance(one.data.body, Decided)][-1]
        assert decided.data.principal.actor == first.actor
        explained = await house.admin.explain(decided.id)
        assert explained.actor == "octo-ana"
        assert [tool_of(one) for one in house.upstream.sent] == ["get_note"]

    run(check())


def test_nothing_is_called_before_somebody_confirmed_its_tools():
    async def check():
        house, _ = await house_of("robot")
        asked = []

        def answer(request):
            asked.append(tool_of(request))
            return said('{"account": {"name": "octo-ana"}}')

        second = Integration(name="second", actor="robot", command=("tracker",), manifest="tracker")
        house.rooms.tenancy.upstreams.made["second"] = FakeUpstream(house.upstream.tools, answer, integration=second)
        found = await house.admin.add_integration(house.presence(roles=ALL_ROLES), second)
        await house.admin.refresh_integration("second")
        assert asked == []
        view = await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "second", found.digest)
        assert (asked, view.actor) == (["me"], "octo-ana")

    run(check())


def test_another_account_holds_every_call_until_somebody_confirms_it():
    async def check():
        house = await house_of_another()
        await look(house)
        for tool, arguments in (("get_note", {"note": "1"}), ("search_notes", {"query": "plan project:web"})):
            waiting = await ask(house, tool, **arguments)
            assert isinstance(waiting, Pending), waiting
            assert "account_changed" in [finding.code for finding in waiting.findings]
        changed = (await seen(house))[-1]
        assert changed.change == "changed"
        decided = [one for one in await house.envelopes() if isinstance(one.data.body, Decided)][-1]
        assert decided.data.principal.actor == changed.actor

        offered = await house.admin.refresh_integration("tracker")
        assert offered.confirmed is False
        assert offered.changes == ("It acts as octo-ben at its target; confirmed was octo-ana.",)
        with pytest.raises(InputError, match="something else"):
            await confirm(house, house.live.pins["tracker"].digest)
        view = await confirm(house, offered.digest)
        assert (view.actor, view.account_problem) == ("octo-ben", "")
        assert isinstance(await ask(house, "get_note", note="1"), Served)
        last = (await seen(house))[-1]
        assert (last.change, last.actor) == ("confirmed", changed.actor)
        assert last.by
        assert (await house.admin.refresh_integration("tracker")).confirmed

    run(check())


def test_a_word_on_a_tool_confirms_no_other_account():
    async def check():
        house = await house_of_another()
        await look(house)
        assert isinstance(await ask(house, "get_note", note="1"), Pending)
        word = ToolRuling(integration="tracker", tool="search_notes", tier="execute", reason="I looked")
        await house.admin.classify_tool(house.presence(roles=(Role.APP_TEAM,)), word)
        waiting = await ask(house, "get_note", note="2")
        assert isinstance(waiting, Pending), waiting
        assert "account_changed" in [finding.code for finding in waiting.findings]
        (view,) = [one for one in await house.admin.integrations() if one.name == "tracker"]
        assert (view.actor, view.account_problem) == ("octo-ben", "changed")

    run(check())


def test_confirming_one_tool_confirms_no_other_account():
    async def check():
        house = await house_of_another()
        changed = {"name": "get_note", "description": "Other", "inputSchema": {"type": "object"}}
        house.upstream.tools = [changed if one["name"] == "get_note" else one for one in house.upstream.tools]
        offered = await house.admin.refresh_integration("tracker")
        view = await house.admin.confirm_integration(
            house.presence(roles=ALL_ROLES), "tracker", offered.digest, ("get_note",)
        )
        assert view.account_problem == "changed"
        assert isinstance(await ask(house, "search_notes", query="plan project:web"), Pending)
        assert house.live.pins["tracker"].account == "octo-ana"

    run(check())


def test_a_server_that_is_connected_to_anew_is_asked_before_anything_is_sent():
    async def check():
        house = await house_of_another()
        house.live.unseen["tracker"] = 1
        waiting = await ask(house, "get_note", note="1")
        assert [tool_of(one) for one in house.upstream.sent] == ["me"]
        assert isinstance(waiting, Refused | Pending), waiting

    run(check())


def test_a_held_call_that_is_approved_runs_once_and_the_others_still_wait():
    async def check():
        house = await house_of_another()
        await look(house)
        waiting = await ask(house, "get_note", note="1")
        await house.approve(waiting.hold)
        assert [tool_of(one) for one in house.upstream.sent].count("get_note") == 1
        assert isinstance(await ask(house, "get_note", note="2"), Pending)

    run(check())


def test_the_confirmed_account_again_ends_it():
    async def check():
        house, whose = await house_of("octo-ana")
        for account in ("octo-ben", "octo-ana"):
            whose.account = account
            await look(house)
        assert isinstance(await ask(house, "get_note", note="1"), Served)
        assert [one.change for one in await seen(house)] == ["first", "changed", "back"]
        await look(house)
        assert len(await seen(house)) == 3

    run(check())


@pytest.mark.parametrize(
    "answer",
    [
        {**said("rate limit"), "isError": True},
        said("{}"),
        said('{"account": {"name": ["a", "b"]}}'),
        said('{"account": {"name": true}}'),
        said('{"account": {"name": ""}}'),
        said('{"account": {"name": "a\\u202eb"}}'),
        said("no JSON"),
        {"content": 7},
    ],
)
def test_an_answer_that_says_no_account_twice_in_a_row_stops_calls(answer):
    async def check():
        house, whose = await house_of("octo-ana")
        whose.account = answer
        await look(house)
        assert isinstance(await ask(house, "get_note", note="1"), Served)
        await look(house)
        refused = await ask(house, "get_note", note="1")
        assert isinstance(refused, Refused)
        assert [finding.code for finding in refused.findings] == ["account_unknown"]
        await look(house)
        assert [one.change for one in await seen(house)] == ["first", "unknown"]
        whose.account = "octo-ana"
        await look(house)
        assert isinstance(await ask(house, "get_note", note="1"), Served)

    run(check())


def test_a_server_that_is_away_or_never_said_an_account_changes_nothing():
    async def check():
        house, whose = await house_of("octo-ana")
        whose.account = None
        for _ in range(3):
            await look(house)
        assert isinstance(await ask(house, "get_note", note="1"), Served)

        house, _ = await house_of({**said("no"), "isError": True})
        for _ in range(3):
            await look(house)
        assert isinstance(await ask(house, "get_note", note="1"), Served)
        assert house.live.connected["tracker"].actor == "robot"
        assert await seen(house) == []

    run(check())


def test_what_was_seen_outlives_a_restart():
    async def check():
        house, _ = await house_of("octo-ana")
        (pin,) = [noun(row) for row in await house.store.list(Kind.PIN) if row.key == "tracker"]
        assert pin.account == "octo-ana"
        reconnect(house.rooms.tenancy)
        assert house.live.connected["tracker"].actor == "octo-ana"

    run(check())
