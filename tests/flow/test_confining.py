"""A narrower call in place of one that reaches too far: judged from the start, held, approved, and counted as one."""

import json
from pathlib import Path

import msgspec

from callgate.catalog.catalogue import Catalogue
from callgate.flow.admin import ContractText
from callgate.model.answer import Failed, Pending, Refused, Served
from callgate.model.bundle import Domain, PolicyFile
from callgate.model.errors import OutcomeUnknown
from callgate.model.event import Decided, Finished
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, open_house, run, said
from tests.fakes.servers import tracker
from tests.fakes.upstream import FakeUpstream, arguments_of, tool_of

OWN = Path(__file__).parents[1] / "golden" / "manifests"
RULES = """
name = "notes"
objective = "Work on notes."
team = "home"
owner = "ana"
everyday = true
max_tier = "execute"
domains = ["notes"]
prohibited = {prohibited}
{more}
[[scopes]]
integration = "tracker"
targets = {targets}
"""
ALL = '["tracker.project:web", "tracker.project:books", "tracker.note:*"]'
ASK = """
@id("ask-search") @reason("Somebody looks at every search.") @effect("hold") @ask("meant") @owner("ana")
forbid (principal, action, resource) when { context.has_targets && context.retrieval };
"""


def answers(request):
    return said(getattr(tracker, tool_of(request))(**arguments_of(request)))


async def notes_house(targets=ALL, more="", answer=answers, prohibited='["tracker.project:payroll"]', **changes):
    house = await open_house()
    tenancy = house.rooms.tenancy
    tenancy.catalogue = Catalogue(OWN)
    names = tuple(f"tracker.project:{name}" for name in ("web", "books", "payroll"))
    await house.use_bundle(
        domains=(Domain(name="notes", title="Notes", owner="ana", targets=(*names, "tracker.note:*")),),
        stages=(("*", "production"),),
        manifests=tuple(tenancy.catalogue.digests().items()),
        **changes,
    )
    tools = [{"name": name, "inputSchema": schema} for name, schema in tracker.TOOLS.items()]
    house.upstream = tenancy.upstreams.made["tracker"] = FakeUpstream(tools, answer)
    found = await house.admin.add_integration(
        house.presence(roles=ALL_ROLES), Integration(name="tracker", actor="robot", command=("tracker",))
    )
    await house.admin.confirm_integration(house.presence(roles=ALL_ROLES), "tracker", found.digest)
    house.clock.ms += 1
    view = await house.admin.add_contract(
        house.presence(roles=ALL_ROLES),
        ContractText(text=RULES.format(targets=targets, more=more, prohibited=prohibited)),
    )
    if view.state == "awaiting_consent":
        await house.admin.consent_contract(house.presence(roles=ALL_ROLES), view.id, "")
    house.upstream.sent.clear()
    return house


async def ask(house, tool, **arguments):
    request = house.request(tool, integration="tracker")
    return await house.gatehouse.call(msgspec.structs.replace(request, arguments=arguments), lambda _: None)


def texts(answer):
    return [block["text"] for block in json.loads(answer.result)["content"]]


def test_the_first_call_is_recorded_as_refused_and_the_second_is_derived_from_it():
    async def check():
        house = await notes_house()
        answer = await ask(house, "search_notes", query="plan")
        assert isinstance(answer, Served), answer
        envelopes = [one for one in await house.envelopes() if isinstance(one.data.body, Decided | Finished)]
        first, second, ended = envelopes[-3:]
        assert (first.data.body.effect, second.data.body.effect) == ("deny", "allow")
        assert second.data.body.derived_from == first.data.call
        assert second.data.call == ended.data.call == answer.call_id
        assert house.sent() == [{"query": "plan project:web project:books"}]
        assert texts(answer)[-1].startswith("The rules allow named targets only, so this searched nothing but")

    run(check())


def test_many_searches_use_up_no_denials():
    async def check():
        house = await notes_house()
        for number in range(70):
            assert isinstance(await ask(house, "search_notes", query=f"plan {number}"), Served)
        derived = [body for body in await house.events() if isinstance(body, Decided) and body.derived_from]
        calls = {one.data.call for one in await house.envelopes()}
        assert len(derived) == 70
        assert all(body.derived_from in calls for body in derived)

    run(check())


def test_a_narrower_call_that_is_held_runs_once_when_it_is_approved():
    async def check():
        house = await notes_house()
        live = house.live.bundle.policies
        await house.use_bundle(policies=(*live, PolicyFile(name="ask.cedar", text=ASK)))
        waiting = await ask(house, "search_notes", query="plan")
        assert isinstance(waiting, Pending), waiting
        again = await ask(house, "search_notes", query="plan")
        assert isinstance(again, Pending)
        assert again.hold == waiting.hold
        assert house.sent() == []
        await house.approve(waiting.hold)
        assert house.sent() == [{"query": "plan project:web project:books"}]
        kept = await ask(house, "search_notes", query="plan")
        assert isinstance(kept, Served | Pending)

    run(check())


def test_a_search_with_another_reason_against_it_is_not_narrowed():
    async def check():
        house = await notes_house(more='initiators = ["ben"]')
        answer = await ask(house, "search_notes", query="plan")
        assert isinstance(answer, Refused)
        assert house.sent() == []
        derived = [body for body in await house.events() if isinstance(body, Decided) and body.derived_from]
        assert derived == []

    run(check())


def test_rules_that_name_no_single_target_narrow_nothing():
    async def check():
        house = await notes_house(targets='["tracker.project:*"]')
        answer = await ask(house, "search_notes", query="plan")
        assert isinstance(answer, Refused)
        assert [finding.code for finding in answer.findings] == ["global_retrieval"]
        assert "breadth" in answer.next
        assert house.sent() == []

    run(check())


def test_under_rules_for_everything_nothing_is_narrowed_and_what_is_prohibited_is_still_taken_out():
    async def check():
        house = await notes_house(targets="[]", more='breadth = "global"')
        waiting = await ask(house, "search_notes", query="plan")
        assert isinstance(waiting, Pending), waiting
        assert [finding.code for finding in waiting.findings] == ["target_unknown"]
        assert house.sent() == []
        listed = await ask(house, "list_notes")
        assert "payroll" not in texts(listed)[0]
        assert "1 item lies outside" in texts(listed)[1]

        named = await ask(house, "search_notes", query="plan project:web")
        assert isinstance(named, Served)

    run(check())


def test_under_rules_for_everything_that_prohibit_nothing_of_the_kind_a_search_goes_through_as_it_is():
    async def check():
        house = await notes_house(targets="[]", more='breadth = "global"', prohibited='["elsewhere.project:payroll"]')
        searched = await ask(house, "search_notes", query="plan")
        assert isinstance(searched, Served)
        assert house.sent() == [{"query": "plan"}]

    run(check())


def test_what_cannot_be_looked_through_is_withheld_and_recorded_so():
    async def check():
        house = await notes_house(answer=lambda request: said("All about payroll, in prose."))
        answer = await ask(house, "list_notes")
        assert isinstance(answer, Served)
        assert "payroll" not in answer.result.decode()
        assert json.loads(answer.result)["isError"] is True
        assert (await house.events())[-1].outcome == "tool_error"

    run(check())


def test_a_short_error_passes_and_a_long_one_does_not():
    async def check():
        for length, passes in ((100, True), (5000, False)):
            house = await notes_house(answer=lambda request, n=length: {**said("e" * n), "isError": True})
            answer = await ask(house, "list_notes")
            assert ("eee" in answer.result.decode()) is passes

    run(check())


def test_a_lost_call_says_how_to_look_whether_it_happened():
    async def check():
        def lost(request):
            raise OutcomeUnknown("gone", code="lost")

        house = await notes_house(more="irreversible = true", answer=lost)
        waiting = await ask(house, "drop_note", note="7")
        assert isinstance(waiting, Pending), waiting
        status = await house.admin.status()
        assert status.doubts == ()
        await house.approve(waiting.hold)
        (doubt,) = (await house.admin.status()).doubts
        assert (doubt.tool, doubt.look) == ("drop_note", "get_note")

        house = await notes_house(answer=lost)
        answer = await ask(house, "write_note", project="web", title="x", draft=True)
        assert isinstance(answer, Failed)
        assert answer.unknown

    run(check())
