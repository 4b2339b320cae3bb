"""Everyday rules proposed from what was observed: they pass the check, let the same calls run, and hold the others."""

import msgspec
import pytest

from callgate.core.contract import compile_contract, parse_contract
from callgate.flow.admin import ContractText, LearnRequest
from callgate.flow.views.learning import LearnEnd, LearnStep
from callgate.model.answer import Pending, Refused, Served
from callgate.model.bundle import Observing
from callgate.model.errors import InputError
from callgate.model.terms import Effect, Tier
from tests.fakes.house import REPOSITORY, files_of_contracts, open_house, run
from tests.flow.test_confining import ask, notes_house

UNTIL = "2027-02-10"


def observing(*names):
    return {
        "stages": tuple((name, "observe") for name in names),
        "observing": tuple(Observing(name=name, until=UNTIL, owner="ana") for name in names),
    }


async def production(house, name="git"):
    await house.use_bundle(stages=((name, "production"),), observing=())


async def learned(house, **want):
    found = [step async for step in house.admin.learn(LearnRequest(**want))]
    assert all(isinstance(step, LearnStep) and step.checked <= step.of for step in found[:-1])
    assert isinstance(found[-1], LearnEnd)
    return found[-1]


async def refused(house, **want):
    with pytest.raises(InputError) as found:
        await learned(house, **want)
    return found.value.code


async def ask_as(house, tool, credential, **arguments):
    request = house.request(tool, integration="tracker", credential=credential)
    return await house.gatehouse.call(msgspec.structs.replace(request, arguments=arguments), lambda _: None)


def counted(found):
    total = {}
    for row in found.replayed:
        total[row.effect] = total.get(row.effect, 0) + row.calls
    return total


async def a_day(house):
    """Reads, and changes that wait in production."""
    for _ in range(3):
        assert isinstance(await house.status(), Served)
    assert isinstance(await house.call("git_log"), Served)
    for name in ("one", "two"):
        assert isinstance(await house.branch(name), Served)
    assert isinstance(await house.commit(), Served)


def test_what_was_observed_becomes_rules_that_say_what_they_would_hold():
    async def check():
        house = await open_house(**observing("git"))
        await a_day(house)
        found = await learned(house)
        made = parse_contract(found.text.encode(), "learned.toml")
        assert made.id == found.contract
        assert (made.team, made.owner, made.everyday, made.max_tier) == ("home", "ana", True, Tier.EXECUTE)
        assert made.domains == ("local-work",)
        assert made.runtimes == ("codex",)
        (scope,) = made.scopes
        assert scope.targets == (f"git.repository:{REPOSITORY}",)
        assert {"git_status", "git_log", "git_create_branch", "git_commit"} >= set(scope.tools)
        assert "*" not in scope.tools
        view = await house.admin.check_contract(ContractText(text=found.text))
        assert view.problems == ()
        total = counted(found)
        assert sum(total.values()) == found.span.calls == 7
        (row,) = [row for row in found.replayed if row.effect == "hold"]
        assert (row.tool, row.calls, row.code) == ("git_commit", 1, "duty/no_way_back")
        assert f"wait         1  git/git_commit: {row.reason} (duty/no_way_back)" in found.text
        assert "read: 3 calls, 1 target" in found.text
        assert "Then they take the place of everyday (c-" in found.text

    run(check())


def test_the_same_ledger_gives_the_same_text():
    async def check():
        house = await open_house(**observing("git"))
        await a_day(house)
        once = await learned(house)
        house.clock.ms += 3_600_000
        assert await learned(house) == once
        await house.crash()
        assert await learned(house) == once

    run(check())


def test_under_the_added_rules_the_same_calls_run_and_others_wait():
    async def check():
        house = await open_house(**observing("git"))
        await a_day(house)
        found = await learned(house)
        house.clock.ms += 1
        view = await house.admin.add_contract(house.presence(), ContractText(text=found.text))
        assert view.state == "active"
        await production(house)
        assert isinstance(await house.status(), Served)
        assert isinstance(await house.branch("three"), Served)
        assert isinstance(await house.call("git_show", {"revision": "HEAD"}), Pending)
        elsewhere = await house.call("git_status", {"repo_path": "/srv/other"})
        assert isinstance(elsewhere, Pending), elsewhere
        assert isinstance(await house.status(credential=house.credential(runtime="cursor")), Refused)

    run(check())


def test_calls_of_production_count_too_and_those_that_did_not_run_do_not():
    async def check():
        house = await open_house()
        assert isinstance(await house.branch("one"), Served)
        assert isinstance(await house.commit(), Pending)
        found = await learned(house)
        assert [one.tool for one in found.tools] == ["git_create_branch"]
        assert counted(found) == {"allow": 1}
        assert isinstance(await house.status(), Served)
        found = await learned(house)
        (row,) = [row for row in found.replayed if row.effect == "unknown"]
        assert (row.tool, row.reason) == ("git_status", "its arguments were not kept")
        assert "git_status" in found.text

    run(check())


def test_what_was_erased_is_counted_and_never_guessed():
    async def check():
        house = await open_house(**observing("git"))
        await house.status()
        first = await house.branch("one")
        whole = await learned(house)
        key, name = house.store.key, house.store.name
        house.store.key = lambda owner: _none() if owner == first.call_id else key(owner)
        found = await learned(house)
        (row,) = [row for row in found.replayed if row.effect == "unknown"]
        assert (row.tool, row.calls, row.reason) == ("git_create_branch", 1, "its record was erased")
        assert found.contract == whole.contract
        house.store.name = lambda pseudonym: _none() if pseudonym.startswith("t-") else name(pseudonym)
        assert await refused(house) == "nothing_fits"

    run(check())


async def _none():
    return None


def test_whose_rules_from_when_on_and_of_what():
    async def check():
        house = await open_house(**observing("git"))
        assert await refused(house) == "nothing_seen"
        await house.status()
        assert await refused(house, team="others") == "which_team"
        assert await refused(house, owner="nobody") == "owner_needed"
        assert await refused(house, since_ms=house.clock.ms + 1) == "nothing_seen"
        assert await refused(house, integrations=("mail",)) == "nothing_seen"
        other = files_of_contracts()["everyday.toml"].replace('team = "home"', 'team = "other"')
        await house.add_contract(other)
        assert await refused(house) == "which_team"
        assert (await learned(house, team="home")).span.calls == 1
        house.clock.ms += 1000
        await house.call("git_log")
        found = await learned(house, team="home", since_ms=house.clock.ms)
        assert [one.tool for one in found.tools] == ["git_log"]

    run(check())


def test_work_in_tasks_is_left_to_the_tasks():
    async def check():
        house = await open_house(**observing("git"))
        template = await house.add_contract(files_of_contracts()["branch-work.toml"])
        task = await house.open_task(template, parameters={"repository": "srv/app", "ticket": "ENG-1"})
        await house.status()
        assert isinstance(await house.status(named_tasks=(task,)), Served)
        found = await learned(house)
        assert found.span.calls == 1
        assert found.span.skipped == (("belonged to a task", 1),)
        assert "Not looked at: 1 call belonged to a task." in found.text

    run(check())


def test_only_one_integration_leaves_the_rules_of_the_others_as_they_are():
    async def check():
        house = await notes_house(targets='["tracker.project:web"]')
        (more,) = [one.contract for one in house.live.contracts.values() if one.contract.name == "notes"]
        await house.use_bundle(**observing("tracker"))
        assert isinstance(await ask(house, "list_notes"), Served)
        assert isinstance(await ask(house, "write_note", project="books", title="x"), Served)
        found = await learned(house, integrations=("tracker",))
        made = parse_contract(found.text.encode(), "learned.toml")
        assert made.prohibited == more.prohibited
        (scope,) = made.scopes
        assert scope.targets == ("tracker.project:books",)
        assert set(scope.tools) == {"list_notes", "write_note"}
        none = await learned(house)
        assert none.text == found.text

    run(check())


def test_a_search_that_would_be_narrowed_is_counted_as_one():
    async def check():
        house = await notes_house(targets='["tracker.project:web"]')
        ((name, old),) = [(key, one) for key, one in house.live.contracts.items() if one.contract.name == "notes"]
        house.live.contracts[name] = compile_contract(msgspec.structs.replace(old.contract, prohibited=()))
        await house.use_bundle(**observing("tracker"))
        assert isinstance(await ask(house, "write_note", project="web", title="x"), Served)
        assert isinstance(await ask(house, "search_notes", query="plan"), Served)
        assert house.sent()[-1] == {"query": "plan"}
        found = await learned(house)
        effects = {row.tool: row.effect for row in found.replayed}
        assert effects == {"search_notes": "narrow", "write_note": "allow"}
        assert "2 would run (1 of them narrowed)" in found.text

    run(check())


def test_rules_that_stop_what_is_outside_say_so_in_the_proposal():
    async def check():
        house = await notes_house(targets='["tracker.project:web"]', more='outside = "deny"')
        await house.use_bundle(**observing("tracker"))
        assert isinstance(await ask(house, "write_note", project="books", title="x"), Served)
        made = parse_contract((await learned(house)).text.encode(), "x")
        assert made.outside is Effect.DENY
        assert msgspec.structs.asdict(made)["irreversible"] is False

    run(check())


def test_words_that_the_gate_no_longer_knows_are_not_proposed():
    async def check():
        house = await notes_house(targets='["tracker.project:web"]', more='runtimes = ["codex", "cursor"]')
        await house.use_bundle(**observing("tracker"))
        for runtime in ("codex", "cursor"):
            credential = house.credential(runtime=runtime)
            assert isinstance(await ask_as(house, "write_note", credential, project="web", title="x"), Served)
        known = tuple(one for one in house.live.bundle.runtimes if one.id != "cursor")
        await house.use_bundle(runtimes=known)
        for only in ((), ("tracker",)):
            found = await learned(house, integrations=only)
            assert parse_contract(found.text.encode(), "x").runtimes == ("codex",)
            assert (await house.admin.check_contract(ContractText(text=found.text))).problems == ()

    run(check())


def test_what_was_not_kept_once_does_not_hide_an_equal_call_that_was():
    async def check():
        house = await open_house()
        await house.status()
        await house.use_bundle(**observing("git"))
        await house.status()
        await house.status()
        assert counted(await learned(house)) == {"unknown": 1, "allow": 2}

    run(check())
