"""People decide what a tool counts as."""

import msgspec
import pytest

from callgate.flow.admin import ToolRuling
from callgate.model.answer import Served
from callgate.model.errors import AuthError, InputError
from callgate.model.store import Kind
from callgate.model.terms import Profile, Role, Tier
from tests.fakes.house import ALL_ROLES, open_house, run

SECURITY = (Role.SECURITY,)


def want(tool="git_commit", tier="draft", **more):
    return ToolRuling(integration="git", tool=tool, tier=tier, reason=more.pop("reason", "I looked"), **more)


def view(views, tool):
    return next(one for one in views if one.tool == tool)


def test_lowering_is_security_s_and_counts_at_once_and_after_a_restart():
    async def check():
        house = await open_house()
        assert not isinstance(await house.call("git_commit", {"message": "x"}), Served)
        with pytest.raises(AuthError, match="role security"):
            await house.admin.classify_tool(house.presence(roles=(Role.PLATFORM, Role.APP_TEAM)), want())
        shown = await house.admin.classify_tool(house.presence(roles=SECURITY), want())
        assert (shown.tier, shown.own_tier, shown.decided_by) == ("draft", "execute", "person")
        assert (shown.ruled_by, shown.ruled_reason, shown.ruling_void) == ("ana", "I looked", False)
        for message in ("second", "third"):
            await house.call("git_commit", {"message": message})
            assert (await house.events("decided"))[-1].tier == "draft"
            await house.crash()
        (event,) = await house.events("tool_classified")
        assert (event.tier, event.was, event.own, event.change) == ("draft", "execute", "execute", "lowered")
        assert event.by.startswith("p-")
        assert event.reason.startswith("r-")

    run(check())


@pytest.mark.parametrize("role", [Role.SECURITY, Role.PLATFORM, Role.APP_TEAM])
def test_raising_is_any_owner_s(role):
    async def check():
        house = await open_house()
        assert isinstance(await house.status(), Served)
        shown = await house.admin.classify_tool(house.presence(roles=(role,)), want("git_status", "execute"))
        assert shown.tier == "execute"
        assert not isinstance(await house.status(), Served)
        with pytest.raises(AuthError):
            await house.admin.classify_tool(house.presence(roles=(Role.AUDIT,)), want("git_log", "execute"))

    run(check())


def test_setting_back_what_was_raised_is_lowering_and_what_was_lowered_is_raising():
    async def check():
        house = await open_house()
        by, other = house.presence(roles=SECURITY), house.presence(roles=(Role.APP_TEAM,))
        await house.admin.classify_tool(other, want("git_status", "draft"))
        with pytest.raises(AuthError):
            await house.admin.classify_tool(other, want("git_status", "own"))
        await house.admin.classify_tool(by, want("git_status", "own"))
        await house.admin.classify_tool(by, want("git_commit", "draft"))
        shown = await house.admin.classify_tool(other, want("git_commit", "own"))
        assert (shown.tier, shown.decided_by, shown.ruled_by) == ("execute", "manifest", "")
        assert house.live.rulings["git"] == {}
        changes = [event.change for event in await house.events("tool_classified")]
        assert changes == ["raised", "back", "lowered", "back"]

    run(check())


def test_what_a_schema_says_is_not_gone_below_silently():
    async def check():
        house = await open_house()
        for tool in house.upstream.tools:
            if tool["name"] == "git_commit":
                tool["annotations"] = {"destructiveHint": True}
        found = await house.admin.refresh_integration("git")
        by = house.presence(roles=ALL_ROLES)
        await house.admin.confirm_integration(by, "git", found.digest)
        with pytest.raises(InputError, match="Its vendor calls it destructive") as caught:
            await house.admin.classify_tool(by, want(tier="read"))
        assert caught.value.code == "schema_says_more"
        await house.admin.classify_tool(by, want(tier="read", despite=True))
        assert (await house.events("tool_classified"))[-1].despite

    run(check())


def test_another_definition_ends_what_was_lowered_and_keeps_what_was_raised():
    async def check():
        house = await open_house()
        by = house.presence(roles=ALL_ROLES)
        await house.admin.classify_tool(by, want("git_commit", "draft"))
        await house.admin.classify_tool(by, want("git_status", "execute"))
        for tool in house.upstream.tools:
            tool["description"] = "Otherwise."
        found = await house.admin.refresh_integration("git")
        await house.admin.confirm_integration(by, "git", found.digest)
        views = await house.admin.tools("git")
        commit, status = view(views, "git_commit"), view(views, "git_status")
        assert (commit.tier, commit.decided_by, commit.ruling_void) == ("execute", "manifest", True)
        assert (status.tier, status.decided_by) == ("execute", "person")

    run(check())


def test_in_a_team_the_gate_s_own_user_lowers_nothing():
    async def check():
        house = await open_house()
        bundle = msgspec.structs.replace(house.live.bundle, profile=Profile.TEAM)
        house.live.use(bundle)
        with pytest.raises(AuthError) as caught:
            await house.admin.classify_tool(house.presence(roles=SECURITY, same_host=True), want())
        assert caught.value.code == "same_host"
        shown = await house.admin.classify_tool(house.presence(roles=SECURITY, same_host=False), want())
        assert shown.asked_tier == "draft"

    run(check())


def in_team(house):
    house.live.use(msgspec.structs.replace(house.live.bundle, profile=Profile.TEAM))
    return [house.presence(subject, roles=SECURITY, same_host=False) for subject in ("ana", "ben", "cem")]


def test_in_a_team_a_lower_tier_is_the_word_of_two_people():
    async def check():
        house = await open_house()
        ana, ben, _ = in_team(house)
        asked = await house.admin.classify_tool(ana, want())
        assert (asked.tier, asked.decided_by, asked.asked_tier, asked.asked_by) == (
            "execute",
            "manifest",
            "draft",
            "ana",
        )
        again = await house.admin.classify_tool(ana, want())
        assert (again.tier, again.asked_tier) == ("execute", "draft")
        await house.crash()
        assert house.live.connected["git"].toolbox.tools["git_commit"].tier is Tier.EXECUTE
        house.live.use(msgspec.structs.replace(house.live.bundle, profile=Profile.TEAM))
        shown = await house.admin.classify_tool(ben, want(reason="So did I"))
        assert (shown.tier, shown.decided_by, shown.ruled_by, shown.asked_tier) == (
            "draft",
            "person",
            "ana and ben",
            "",
        )
        changes = [(event.change, event.tier) for event in await house.events("tool_classified")]
        assert changes == [("asked", "draft"), ("lowered", "draft")]

    run(check())


def test_the_second_word_is_of_the_same_tier_and_the_same_definition():
    async def check():
        house = await open_house()
        ana, ben, cem = in_team(house)
        await house.admin.classify_tool(ana, want())
        shown = await house.admin.classify_tool(ben, want(tier="read", despite=True))
        assert (shown.tier, shown.asked_tier, shown.asked_by) == ("execute", "read", "ben")
        shown = await house.admin.classify_tool(ana, want())
        assert (shown.tier, shown.asked_tier, shown.asked_by) == ("execute", "draft", "ana")
        for tool in house.upstream.tools:
            tool["description"] = "Otherwise."
        found = await house.admin.refresh_integration("git")
        await house.admin.confirm_integration(house.presence(roles=ALL_ROLES, same_host=False), "git", found.digest)
        shown = await house.admin.classify_tool(cem, want())
        assert (shown.tier, shown.asked_tier, shown.asked_by) == ("execute", "draft", "cem")

    run(check())


def test_what_waits_for_a_second_person_leaves_a_raised_tier_as_it_is():
    async def check():
        house = await open_house()
        ana, ben, _ = in_team(house)
        await house.admin.classify_tool(ana, want("git_status", "execute"))
        asked = await house.admin.classify_tool(ana, want("git_status", "own"))
        assert (asked.tier, asked.ruled_by, asked.asked_tier) == ("execute", "ana", "read")
        shown = await house.admin.classify_tool(ben, want("git_status", "own"))
        assert (shown.tier, shown.decided_by, shown.ruled_by, shown.asked_tier) == ("read", "manifest", "", "")
        assert house.live.rulings["git"] == {}

    run(check())


def test_in_a_team_one_person_takes_back_some_of_what_two_lowered():
    async def check():
        house = await open_house()
        ana, ben, _ = in_team(house)
        for by in (ana, ben):
            await house.admin.classify_tool(by, want(tier="read", despite=True))
        shown = await house.admin.classify_tool(ben, want())
        assert (shown.tier, shown.ruled_by, shown.asked_tier) == ("draft", "ben", "")

    run(check())


def test_what_waits_for_a_second_person_is_taken_back_by_raising_or_setting_back():
    async def check():
        house = await open_house()
        ana, ben, _ = in_team(house)
        await house.admin.classify_tool(ana, want())
        shown = await house.admin.classify_tool(house.presence(roles=(Role.APP_TEAM,)), want(tier="own"))
        assert (shown.tier, shown.asked_tier) == ("execute", "")
        shown = await house.admin.classify_tool(ben, want())
        assert (shown.tier, shown.asked_tier) == ("execute", "draft")

    run(check())


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (want(reason="  "), "reason_missing"),
        (want(tier="harmless"), "bad_tier"),
        (want(tool="git_nothing"), "unknown_tool"),
        (want(tool="resources/read"), "unknown_tool"),
        (msgspec.structs.replace(want(), integration="nowhere"), "unknown_integration"),
        (want(tier="execute"), "no_change"),
        (want(tier="own"), "no_change"),
    ],
)
def test_what_cannot_be_said(asked, code):
    async def check():
        house = await open_house()
        with pytest.raises(InputError) as caught:
            await house.admin.classify_tool(house.presence(roles=ALL_ROLES), asked)
        assert caught.value.code == code
        assert house.live.rulings == {}

    run(check())


def test_what_was_said_of_a_tool_goes_with_its_integration():
    async def check():
        house = await open_house()
        by = house.presence(roles=ALL_ROLES)
        await house.admin.classify_tool(by, want())
        await house.admin.remove_integration(by, "git")
        assert await house.store.list(Kind.RULING) == []
        assert house.live.rulings.get("git", {}) == {}

    run(check())


def test_a_drifted_tool_still_waits_after_it_was_classified():
    async def check():
        house = await open_house()
        for tool in house.upstream.tools:
            tool["annotations"] = {"readOnlyHint": True}
        await house.admin.refresh_integration("git")
        await house.admin.classify_tool(house.presence(roles=SECURITY), want())
        assert "git_status" in house.live.connected["git"].drift.held
        assert house.live.connected["git"].toolbox.tools["git_commit"].tier is Tier.DRAFT

    run(check())
