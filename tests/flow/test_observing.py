"""An integration at stage observe: its calls run and say what production would have done, until its time is over."""

import msgspec
import pytest

from callgate.app.banner import banner
from callgate.core.contract import compile_contract
from callgate.flow.explain import context_of
from callgate.model.answer import Pending, Refused, Served
from callgate.model.bundle import Observing
from callgate.model.config import Config
from callgate.model.errors import InputError
from callgate.model.event import Asked
from callgate.model.terms import HaltScope
from tests.fakes.house import open_house, run, said
from tests.flow.test_confining import ask, notes_house, texts

DAY_MS = 86_400_000
UNTIL = "2027-02-10"
OBSERVED = {
    "stages": (("git", "observe"),),
    "observing": (Observing(name="git", until=UNTIL, owner="ana"),),
}


async def house_of(**more):
    return await open_house(**OBSERVED, **more)


async def decided(house, call):
    (body,) = await house.events("decided", call)
    return body


def test_a_call_that_would_wait_runs_and_the_ledger_says_so():
    async def check():
        house = await house_of()
        answer = await house.commit()
        assert isinstance(answer, Served)
        assert len(house.sent("git_commit")) == 1
        body = await decided(house, answer.call_id)
        assert (body.effect, body.observed.stage, body.observed.would) == ("allow", "observe", "hold")
        assert "duty/no_way_back/" in body.observed.findings
        assert {f"{one.gate}/{one.code}/{one.path}" for one in body.findings if one.shadow} == set(
            body.observed.findings
        )
        assert body.questions == ()
        assert await house.events("asked") == []
        assert house.live.holds == {}

    run(check())


def test_nothing_is_asked_and_equal_calls_may_both_run():
    async def check():
        house = await house_of()
        for _ in range(2):
            assert isinstance(await house.commit(), Served)
        assert len(house.sent("git_commit")) == 2
        assert not [body for body in await house.events() if isinstance(body, Asked)]

    run(check())


def test_arguments_of_a_read_are_kept_sealed_so_that_it_can_be_replayed():
    async def check():
        house = await house_of()
        answer = await house.status()
        (event,) = await house.envelopes("decided", answer.call_id)
        kept = await context_of(house.rooms.tenancy, answer.call_id, event.id)
        assert kept.call is not None
        assert kept.decision.observed is not None
        await house.use_bundle(stages=(("git", "production"),), observing=())
        answer = await house.status()
        (event,) = await house.envelopes("decided", answer.call_id)
        assert (await context_of(house.rooms.tenancy, answer.call_id, event.id)).call is None
        assert event.data.body.observed is None

    run(check())


def test_a_halt_stops_it():
    async def check():
        house = await house_of()
        await house.halt(HaltScope.INTEGRATION, "git")
        answer = await house.status()
        assert isinstance(answer, Refused)
        assert answer.findings[0].code == "halted"

    run(check())


def test_when_its_time_is_over_it_is_at_read():
    async def check():
        house = await house_of()
        assert isinstance(await house.branch("one"), Served)
        house.clock.ms = house.live.observing["git"] - 1
        assert isinstance(await house.branch("two"), Served)
        house.clock.ms += 1
        answer = await house.branch("three")
        assert isinstance(answer, Refused)
        assert answer.findings[0].code == "observe_over"
        assert isinstance(await house.status(), Served)
        (body,) = await house.events("decided", answer.call_id)
        assert body.observed is None

    run(check())


def test_an_observe_stage_without_an_end_is_read():
    async def check():
        house = await open_house(stages=(("git", "observe"),))
        answer = await house.branch()
        assert isinstance(answer, Refused)
        assert answer.findings[0].code == "read_stage"

    run(check())


def test_an_open_hold_is_kept_and_a_yes_to_it_is_not_carried_over():
    async def check():
        house = await open_house()
        waiting = await house.commit()
        assert isinstance(waiting, Pending)
        await house.use_bundle(**OBSERVED)
        assert isinstance(await house.commit(), Pending)
        await house.approve(waiting.hold)
        assert (await house.hold(waiting.hold)).ended == "rules_changed"
        assert house.sent("git_commit") == []
        assert isinstance(await house.commit(), Served)

    run(check())


def test_it_is_shown_wherever_the_gate_is_shown(tmp_path):
    async def check():
        house = await house_of()
        (view,) = await house.admin.integrations()
        assert (view.stage, view.observe_until, view.observe_owner) == ("observe", UNTIL, "ana")
        assert all(tool.observed for tool in await house.admin.tools("git"))
        text = banner(tmp_path, Config(), house.rooms.tenancy, command="callgate", helpers="h", elsewhere=False)
        assert f"git (until {UNTIL})" in text
        codes = []
        for left in (20 * DAY_MS, 3 * DAY_MS, 0):
            house.clock.ms = house.live.observing["git"] - left
            (said,) = [one for one in (await house.admin.status()).warnings if "git" in one.text]
            codes.append(said.code)
            assert said.code in {check.code for check in await house.admin.doctor() if check.state == "warn"}
        assert codes == ["observing", "observe_ends", "observe_over"]
        (view,) = await house.admin.integrations()
        assert (view.stage, view.observe_until) == ("read", UNTIL)
        assert not any(tool.observed for tool in await house.admin.tools("git"))
        text = banner(tmp_path, Config(), house.rooms.tenancy, command="callgate", helpers="h", elsewhere=False)
        assert "observed" not in text

    run(check())


def test_it_is_explained_and_counted():
    async def check():
        house = await house_of()
        answer = await house.commit()
        found = await house.admin.explain(answer.call_id)
        assert (found.effect, found.stage, found.would) == ("allow", "observe", "hold")
        assert all(row.shadow for row in found.findings if row.effect == "hold")
        assert "only observed; in production it waits for people: no_way_back" in found.events[0].summary
        counted = house.rooms.tenancy.observer.observed.by
        assert counted == {("git", "execute", "hold", "duty", "no_way_back"): 1}

    run(check())


def propose(house, line):
    house.files["rules.toml"] = house.files["rules.toml"].replace(b'git = "production"', line.encode(), 1)
    return house.admin.propose_policy(house.presence())


def test_the_switch_goes_the_way_of_every_policy():
    async def check():
        house = await open_house()
        line = f'git = {{ stage = "observe", observe_until = "{UNTIL}", owner = "ana" }}'
        proposal = await propose(house, line)
        assert any("observing.git.until" in said for said in proposal.changes)
        assert isinstance(await house.commit("before"), Pending)
        await house.admin.approve_policy(house.presence(), proposal.digest)
        assert isinstance(await house.commit("after"), Served)
        await house.crash()
        assert isinstance(await house.commit("later"), Served)

    run(check())


@pytest.mark.parametrize(
    ("until", "owner", "code"),
    [("2027-12-31", "ana", "observe_too_long"), (UNTIL, "ben", "no_observe_owner")],
)
def test_it_ends_in_sight_and_its_owner_exists(until, owner, code):
    async def check():
        house = await open_house()
        line = f'git = {{ stage = "observe", observe_until = "{until}", owner = "{owner}" }}'
        with pytest.raises(InputError) as refused:
            await propose(house, line)
        assert refused.value.code == code

    run(check())


async def observed_notes(*, prohibits=True, **more):
    house = await notes_house(targets='["tracker.project:web"]', **more)
    observing = (Observing(name="tracker", until=UNTIL, owner="ana"),)
    await house.use_bundle(stages=(("tracker", "observe"),), observing=observing)
    if not prohibits:
        (name,) = [key for key, one in house.live.contracts.items() if one.contract.name == "notes"]
        plain = msgspec.structs.replace(house.live.contracts[name].contract, prohibited=())
        house.live.contracts[name] = compile_contract(plain)
    return house


def test_what_lies_outside_is_shown_and_what_is_prohibited_is_not():
    async def check():
        house = await observed_notes()
        listed = texts(await ask(house, "list_notes"))
        assert "books" in listed[0]
        assert "payroll" not in listed[0]
        answer = await ask(house, "write_note", project="payroll", title="x")
        assert isinstance(answer, Refused), answer
        assert answer.findings[0].code == "prohibited"
        assert isinstance(await ask(house, "write_note", project="books", title="x"), Served)

    run(check())


def test_a_search_runs_as_it_was_sent_unless_it_would_find_what_is_prohibited():
    async def check():
        for prohibits, sent in ((False, "plan"), (True, "plan project:web")):
            house = await observed_notes(prohibits=prohibits)
            answer = await ask(house, "search_notes", query="plan")
            assert isinstance(answer, Served)
            assert house.sent() == [{"query": sent}]
        house = await observed_notes(prohibits=False)
        answer = await ask(house, "search_notes", query="plan")
        (body,) = await house.events("decided", answer.call_id)
        assert (body.effect, body.observed.would) == ("allow", "deny")
        assert body.observed.findings == ("retrieval/global_retrieval/",)

    run(check())


def test_without_prohibitions_answers_are_as_the_server_gave_them():
    async def check():
        for prohibits in (True, False):
            house = await observed_notes(prohibits=prohibits, answer=lambda request: said("All about books, in prose."))
            found = texts(await ask(house, "list_notes"))
            assert (found == ["All about books, in prose."]) is not prohibits

    run(check())
