"""How far searches reach: said with the server that is connected, or later, by the same people as any change of rules."""

import tomllib

import msgspec
import pytest

from callgate.core.contract import ContractRules, parse_contract
from callgate.flow.admin import BreadthChange
from callgate.flow.searching import searches_of
from callgate.model.answer import Refused, Served
from callgate.model.bundle import Domain
from callgate.model.errors import InputError
from callgate.model.terms import Breadth, Profile, Role
from callgate.model.tool import Integration
from tests.fakes.house import ALL_ROLES, run
from tests.fakes.onboarding import connected, house_with, use, want

GITHUB = Integration(name="github", actor="local", url="https://api.githubcopilot.com/mcp/")
NAMES = ("search_users", "search_code", "search_issues", "search_orgs", "get_file_contents", "search_repositories")
TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in NAMES]
LATER = "callgate contract breadth github global"


def everyday(house):
    return house.live.contracts[house.live.everyday("")]


async def said(house, **more):
    found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(GITHUB, **more))
    return found.rules


async def changed(house, breadth, integration="github", **who):
    house.clock.ms += 1
    by = house.presence(roles=ALL_ROLES, **who)
    return await house.admin.change_breadth(by, BreadthChange(integration=integration, breadth=breadth))


def test_what_a_search_of_everything_would_meet_is_shown_before_the_yes():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        rules = await said(house)
        assert {one.tool: one.without_place for one in rules.searches} == {
            "search_users": "refused",
            "search_code": "refused",
            "search_issues": "refused",
            "search_orgs": "whole",
            "search_repositories": "refused",
        }
        assert rules.breadth == "targets"
        shown = "\n".join(rules.says)
        assert "5 of its tools can search all that the account sees: search_users, search_code, search_issues" in shown
        assert "and 2 more" in shown
        assert "refused (4); let go, as the rules name all that it can find (1)" in shown
        assert LATER in shown

    run(check())


def test_without_a_word_a_search_of_everything_is_refused_and_the_refusal_names_the_command():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        await connected(house, GITHUB)
        answer = await use(house, "search_code", integration="github")
        assert isinstance(answer, Refused)
        assert "global_retrieval" in {one.code for one in answer.findings}
        assert answer.next.endswith(LATER)

    run(check())


def test_a_wider_breadth_comes_into_force_with_the_same_yes_and_for_this_integration_alone():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        rules = await said(house, breadth="global")
        assert (rules.breadth, {one.without_place for one in rules.searches}) == ("global", {"everything"})
        assert "The rules let searches go through all of it: breadth global." in rules.says
        assert rules.token != (await said(house)).token
        added = await connected(house, GITHUB, breadth="global")
        assert added.rules == ("The rules everyday name it now.",)
        assert isinstance(await use(house, "search_code", integration="github"), Served)
        now = everyday(house)
        assert (now.contract.breadth, now.breadth("git"), now.breadth("github")) == (
            Breadth.TARGETS,
            Breadth.TARGETS,
            Breadth.GLOBAL,
        )
        text = house.home.texts["contracts/everyday.toml"]
        assert parse_contract(text, "everyday.toml").id == now.contract.id

    run(check())


def test_what_was_agreed_to_is_what_was_shown():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        found = await house.admin.look_at_integration(house.presence(roles=ALL_ROLES), want(GITHUB))
        wider = want(GITHUB, digest=found.digest, rules=found.rules.token, breadth="global")
        added = await house.admin.connect_integration(house.presence(roles=ALL_ROLES), wider)
        assert "Look again" in added.rules[0]
        assert "github" not in everyday(house).scopes

    run(check())


def test_it_is_widened_later_narrowed_and_widened_again():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        await connected(house, GITHUB)
        for breadth, served in (("global", True), ("targets", False), ("global", True), ("targets", False)):
            view = await changed(house, breadth)
            assert (view.breadth, view.waits_for) == (breadth, ())
            assert view.contract == everyday(house).contract.id
            assert isinstance(await use(house, "search_code", integration="github"), Served) is served
            text = house.home.texts["contracts/everyday.toml"]
            assert parse_contract(text, "everyday.toml").id == view.contract
        assert text.startswith(b"# Standing rules of the team")
        assert house.live.active(view.contract)
        with pytest.raises(InputError) as caught:
            await changed(house, "targets")
        assert caught.value.code == "breadth_unchanged"
        shown = house.home.texts["contracts/everyday.toml"].decode()
        assert [one.get("breadth") for one in tomllib.loads(shown)["scopes"]] == [None, None]

    run(check())


def test_what_is_named_already_gets_the_breadth_that_add_is_told():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        await connected(house, GITHUB)
        house.clock.ms += 1
        rules = await said(house)
        assert rules.token == ""
        assert {one.without_place for one in rules.searches} == {"refused", "whole"}
        added = await connected(house, GITHUB, breadth="global")
        assert "let searches in github go through all that the account sees now" in added.rules[0]
        assert everyday(house).breadth("github") is Breadth.GLOBAL
        assert (await said(house, breadth="global")).token == ""

    run(check())


@pytest.mark.parametrize("everyday_tier", ["read", "none"])
def test_a_word_that_cannot_count_is_refused(everyday_tier):
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        breadth = "all" if everyday_tier == "read" else "global"
        with pytest.raises(InputError) as caught:
            await said(house, everyday=everyday_tier, breadth=breadth)
        assert caught.value.code == "bad_breadth"
        with pytest.raises(InputError) as caught:
            await changed(house, "global")
        assert caught.value.code == "not_named"
        with pytest.raises(InputError) as caught:
            await changed(house, "everything")
        assert caught.value.code == "bad_breadth"

    run(check())


def test_under_team_a_wider_breadth_waits_for_whom_any_rules_wait_for():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB, profile=Profile.TEAM)
        await connected(house, GITHUB)
        first = (await said(house)).token or house.live.everyday("")
        ((contract, _),) = [(one.id, one) for one in await house.admin.contracts() if "github" in one.integrations]
        assert first
        await house.admin.consent_contract(house.presence(roles=ALL_ROLES), contract, "")
        assert house.live.everyday("") == contract
        view = await changed(house, "global")
        assert view.waits_for == ("ana as domain:local-work", "ana as security")
        assert f"callgate contract consent {view.contract}" in "\n".join(view.says)
        assert everyday(house).breadth("github") is Breadth.TARGETS
        refused = await use(house, "search_code", integration="github")
        assert isinstance(refused, Refused)
        await house.admin.consent_contract(house.presence(roles=ALL_ROLES), view.contract, "")
        assert everyday(house).breadth("github") is Breadth.GLOBAL

    run(check())


def test_under_team_rules_that_were_superseded_need_their_consents_anew():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB, profile=Profile.TEAM)
        by = house.presence(roles=ALL_ROLES)
        await connected(house, GITHUB)
        (narrow,) = [one.id for one in await house.admin.contracts() if "github" in one.integrations]
        await house.admin.consent_contract(by, narrow, "")
        wide = (await changed(house, "global")).contract
        await house.admin.consent_contract(by, wide, "")
        assert (await changed(house, "targets")).contract == narrow
        assert house.live.everyday("") == wide
        await house.admin.consent_contract(by, narrow, "")
        assert house.live.everyday("") == narrow
        view = await changed(house, "global")
        assert (view.contract, bool(view.waits_for)) == (wide, True)
        assert house.live.everyday("") == narrow

    run(check())


def test_rules_that_name_targets_are_not_widened_by_one_word():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        await connected(house, GITHUB)
        text = house.home.texts["contracts/everyday.toml"] + b'targets = ["github.repository:acme/web"]\n'
        house.clock.ms += 1
        parsed = parse_contract(text, "everyday.toml")
        await house.admin.admit_contract(house.presence(roles=ALL_ROLES), parsed)
        rules = await said(house)
        narrowed = [one for one in rules.searches if one.without_place == "narrowed"]
        assert {one.tool for one in narrowed} >= {"search_code", "search_issues"}
        assert narrowed[0].targets == ("github.repository:acme/web",)
        assert {one.tool for one in rules.searches if one.without_place == "filtered"} == {"search_orgs"}
        assert any("narrowed to github.repository:acme/web" in one for one in rules.says)
        with pytest.raises(InputError) as caught:
            await changed(house, "global")
        assert caught.value.code == "targets_named"

    run(check())


def test_who_is_not_security_gets_it_asked_for():
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB, profile=Profile.TEAM)
        by = house.presence(roles=(Role.PLATFORM,))
        found = await house.admin.look_at_integration(by, want(GITHUB, breadth="global"))
        assert "ana as security" in found.rules.waits_for

    run(check())


@pytest.mark.parametrize(
    ("domains", "prohibited", "way"),
    [
        ({"mine": ("github.owner:*", "github.repository:*")}, (), "whole"),
        ({"mine": ("github.owner:acme", "github.repository:*")}, (), "filtered"),
        ({"mine": ("github.owner:*",), "theirs": ("github.owner:acme",)}, (), "filtered"),
        ({"theirs": ("github.owner:*",)}, (), "filtered"),
        ({"mine": ("github.owner:*",)}, ("github.owner:acme",), "filtered"),
    ],
)
def test_what_is_said_of_a_filtered_answer_is_what_the_filter_does(domains, prohibited, way):
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        await connected(house, GITHUB)
        pin, manifest = house.live.pins["github"], house.admin._manifest_of(GITHUB, house.live.pins["github"])
        made = msgspec.structs.replace(everyday(house).contract, domains=("mine",), prohibited=prohibited)
        known = tuple(Domain(name=name, title=name, owner="ana", targets=texts) for name, texts in domains.items())
        found = searches_of(GITHUB, pin, manifest, ContractRules(made), known)
        assert {one.tool: one.without_place for one in found}["search_orgs"] == way

    run(check())


@pytest.mark.parametrize("breadth", ["targets", "global"])
def test_what_was_shown_is_what_becomes_of_such_a_search(breadth):
    async def check():
        house, _ = await house_with(*TOOLS, integration=GITHUB)
        shown = {one.tool: one.without_place for one in (await said(house, breadth=breadth)).searches}
        await connected(house, GITHUB, breadth=breadth)
        for tool, way in shown.items():
            answer = await use(house, tool, integration="github")
            codes = {one.code for one in answer.findings} if isinstance(answer, Refused) else set()
            assert ("global_retrieval" in codes) is (way == "refused"), tool
            assert isinstance(answer, Served) is (way != "refused"), tool

    run(check())
